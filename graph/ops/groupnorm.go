package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// GroupNorm normalises each picture over its pixels and the channels of a group
// (Wu and He 2018, arXiv:1803.08494, eq. 1 and 7): x is (B, H, W, C), the gains g
// and biases b are (C), and y = g·(x − mean)/√(variance + Eps) + b.
type GroupNorm struct {
	Groups int     // ≥ 1, a divisor of C
	Eps    float32 // > 0

	batch, chunk int
	src          picture
	mean, rstd   []float32 // (B, Groups)

	call
	part              []float32 // per chunk: sums for g and for b
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *GroupNorm) Name() string { return "group norm" }

// Shape implements Kernel.
func (k *GroupNorm) Shape(in []tensor.Shape) (s tensor.Shape, err error) {
	if k.batch, k.src, err = pictures(in[0]); err != nil {
		return nil, err
	}
	if k.Groups < 1 || k.src.c%k.Groups != 0 {
		return nil, fmt.Errorf("x is %v and groups %d; want a divisor of %d", in[0], k.Groups, k.src.c)
	}
	if c := (tensor.Shape{k.src.c}); !in[1].Eq(c) || !in[2].Eq(c) {
		return nil, fmt.Errorf("x is %v, gain %v and bias %v; want (B, H, W, C), (C) and (C)", in[0], in[1], in[2])
	}
	if !(k.Eps > 0) {
		return nil, fmt.Errorf("eps is %v, want more than 0", k.Eps)
	}
	k.chunk = rowChunk(k.batch, k.src.size())
	k.mean, k.rstd = make([]float32, k.batch*k.Groups), make([]float32, k.batch*k.Groups)
	k.forward, k.backward = k.forwardPictures, k.backwardPictures
	return in[0].Clone(), nil
}

// Grads implements Kernel.
func (k *GroupNorm) Grads() []bool { return []bool{true, true, true} }

// Forward implements Kernel.
func (k *GroupNorm) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.batch, k.chunk, k.forward)
	k.call = call{}
}

func (k *GroupNorm) forwardPictures(lo, hi int) {
	c, pixels, per := k.src.c, k.src.h*k.src.w, k.src.c/k.Groups
	row := borrow(4 * c)
	mean, squares, offset, scale := row[:c], row[c:2*c], row[2*c:3*c], row[3*c:]
	for i := lo; i < hi; i++ {
		x := k.in[0].F[i*k.src.size():][:k.src.size()]
		columnStats(mean, squares, x, pixels, c)
		for q := range k.Groups {
			var m, s float64
			for _, v := range mean[q*per : (q+1)*per] {
				m += float64(v) / float64(per)
			}
			for j := q * per; j < (q+1)*per; j++ {
				d := float64(mean[j]) - m
				s += float64(squares[j]) + float64(pixels)*d*d
			}
			r := 1 / math.Sqrt(s/float64(per*pixels)+float64(k.Eps))
			k.mean[i*k.Groups+q], k.rstd[i*k.Groups+q] = float32(m), float32(r)
		}
		k.spread(i, offset, scale)
		normalise(k.out[i*k.src.size():], x, offset, scale, k.in[2].F, 0, pixels, c)
	}
	giveBack(row)
}

// spread writes −mean and gain·rstd of picture i for every channel.
func (k *GroupNorm) spread(i int, offset, scale []float32) {
	per := k.src.c / k.Groups
	for j := range offset {
		q := i*k.Groups + j/per
		offset[j], scale[j] = -k.mean[q], k.in[1].F[j]*k.rstd[q]
	}
}

// Backward implements Kernel. With h = (x − mean)·rstd and the means over a
// group of a picture, dx = rstd·(g·dy − mean(g·dy) − h·mean(g·dy·h)).
func (k *GroupNorm) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	n, c := parts(k.batch, k.chunk), k.src.c
	k.part = borrow(n * 2 * c)
	par.For(k.batch, k.chunk, k.backward)
	if din[1] != nil {
		addParts(din[1], k.part, n, 2*c)
	}
	if din[2] != nil {
		addParts(din[2], k.part[c:], n, 2*c)
	}
	giveBack(k.part)
	k.call, k.part = call{}, nil
}

func (k *GroupNorm) backwardPictures(lo, hi int) {
	c, pixels, per := k.src.c, k.src.h*k.src.w, k.src.c/k.Groups
	p := k.part[lo/k.chunk*2*c:][:2*c]
	dg, db := p[:c], p[c:]
	clear(p)
	row := borrow(6 * c)
	sum, product := row[:c], row[c:2*c]
	offset, scale := row[2*c:3*c], row[3*c:4*c]
	byX, constant := row[4*c:5*c], row[5*c:]
	for i := lo; i < hi; i++ {
		a, b := i*k.src.size(), (i+1)*k.src.size()
		x, dy := k.in[0].F[a:b], k.dout[a:b]
		k.spread(i, offset, scale)
		columnProducts(sum, product, dy, x, offset, pixels, c)
		for q := range k.Groups {
			r := k.rstd[i*k.Groups+q]
			var first, second float64
			for j := q * per; j < (q+1)*per; j++ {
				dg[j] += product[j] * r
				db[j] += sum[j]
				first += float64(k.in[1].F[j]) * float64(sum[j])
				second += float64(k.in[1].F[j]) * float64(product[j]) * float64(r)
			}
			n := float64(per * pixels)
			for j := q * per; j < (q+1)*per; j++ {
				byX[j] = float32(-second / n * float64(r) * float64(r))
				constant[j] = float32(-first / n * float64(r))
			}
		}
		if k.din[0] == nil {
			continue
		}
		dx, t := k.din[0][a:b], sum // sum is done with
		for s := 0; s < len(x); s += c {
			d := dx[s : s+c]
			vec.Add(d, x[s:s+c], offset)
			vec.Mul(d, d, byX)
			vec.Add(d, d, constant)
			vec.Mul(t, dy[s:s+c], scale)
			vec.Add(d, d, t)
		}
	}
	giveBack(row)
}
