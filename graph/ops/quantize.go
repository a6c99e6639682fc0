package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Quantize replaces each row of z, (..., D), by its code: row codes[i] of the
// codebook, (K, D), for codes, (...), as Nearest gives them. The result is (..., D).
// The gradient of z is that of the result, as if nothing had been replaced (the
// straight-through estimator of van den Oord et al. 2017, arXiv:1711.00937, section
// 3.2); the codebook gets none here, see CodeLoss.
type Quantize struct {
	d, rows, chunk int

	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *Quantize) Name() string { return "vector quantisation" }

// quantizeShape checks z, the codebook and the codes, and gives rows and D.
func quantizeShape(in []tensor.Shape) (rows, d int, err error) {
	z, book, codes := in[0], in[1], in[2]
	if book.Dims() != 2 || z.Dims() < 2 || z[z.Dims()-1] != book[1] || !slices.Equal(codes, z[:z.Dims()-1]) {
		return 0, 0, fmt.Errorf("z is %v, the codebook %v and the codes %v; want (..., D), (K, D) and (...)", z, book, codes)
	}
	return codes.TotalSize(), book[1], nil
}

// Shape implements Kernel.
func (k *Quantize) Shape(in []tensor.Shape) (tensor.Shape, error) {
	var err error
	if k.rows, k.d, err = quantizeShape(in); err != nil {
		return nil, err
	}
	k.chunk = rowChunk(k.rows, k.d)
	k.forward = k.forwardRows
	return in[0].Clone(), nil
}

// Grads implements Kernel.
func (k *Quantize) Grads() []bool { return []bool{true, false, false} }

// PassThrough marks the gradient as that of z.
func (k *Quantize) PassThrough() {}

// Forward implements Kernel.
func (k *Quantize) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.rows, k.chunk, k.forward)
	k.call = call{}
}

func (k *Quantize) forwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		copy(k.out[i*k.d:(i+1)*k.d], k.in[1].F[int(k.in[2].F[i])*k.d:])
	}
}

// Backward implements Kernel, for use outside of a graph.
func (k *Quantize) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		copy(din[0], dout)
	}
}

// CodeLoss is what draws a map z and its codes e together (van den Oord et al.
// 2017, arXiv:1711.00937, eq. 3), with means over all values and sg for values that
// get no gradient:
//
//	mean (sg[z] − e)² + Beta·mean (z − sg[e])²
//
// The inputs are those of Quantize, the result is a scalar. Without Trained the
// first term, which moves the codebook, is left out.
type CodeLoss struct {
	Beta    float32 // of the commitment; ≥ 0
	Trained bool    // the codebook follows the gradient

	d, rows, chunk int
	sums           []float64

	call
	scratch           []float32
	c                 float32
	forward, backward func(lo, hi int)
	columns           func(lo, hi int)
}

// Name implements Kernel.
func (k *CodeLoss) Name() string { return "code loss" }

// Shape implements Kernel.
func (k *CodeLoss) Shape(in []tensor.Shape) (tensor.Shape, error) {
	var err error
	if k.rows, k.d, err = quantizeShape(in); err != nil {
		return nil, err
	}
	if !(k.Beta >= 0) {
		return nil, fmt.Errorf("beta is %v, want at least 0", k.Beta)
	}
	k.chunk = rowChunk(k.rows, k.d)
	k.sums = make([]float64, parts(k.rows, k.chunk))
	k.forward, k.backward, k.columns = k.forwardRows, k.backwardRows, k.addColumns
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *CodeLoss) Grads() []bool { return []bool{true, k.Trained, false} }

// pair is row i of z and its code.
func (k *CodeLoss) pair(i int) (z, e []float32) {
	return k.in[0].F[i*k.d : (i+1)*k.d], k.in[1].F[int(k.in[2].F[i])*k.d:][:k.d]
}

// Forward implements Kernel.
func (k *CodeLoss) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.scratch = borrow(len(in[0].F))
	par.For(k.rows, k.chunk, k.forward)
	giveBack(k.scratch)
	weight := float64(k.Beta)
	if k.Trained {
		weight++
	}
	out[0] = float32(weight * total(k.sums) / float64(len(in[0].F)))
	k.call, k.scratch = call{}, nil
}

func (k *CodeLoss) forwardRows(lo, hi int) {
	var sum float64
	for i := lo; i < hi; i++ {
		z, e := k.pair(i)
		sum += vec.SquaredError(k.scratch[i*k.d:(i+1)*k.d], z, e)
	}
	k.sums[lo/k.chunk] = sum
}

// Backward implements Kernel.
func (k *CodeLoss) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	k.c = 2 * dout[0] / float32(len(in[0].F))
	if din[0] != nil {
		par.For(k.rows, k.chunk, k.backward)
	}
	if din[1] != nil {
		par.For(k.d, tokenColumns, k.columns)
	}
	k.call = call{}
}

func (k *CodeLoss) backwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		z, e := k.pair(i)
		dz := k.din[0][i*k.d : (i+1)*k.d]
		vec.Sub(dz, z, e)
		vec.Scale(dz, dz, k.Beta*k.c)
	}
}

// addColumns writes columns lo to hi-1 of the codebook's gradient, the sum over the
// rows of each code in their order.
func (k *CodeLoss) addColumns(lo, hi int) {
	de := k.din[1]
	for at := 0; at < len(de); at += k.d {
		clear(de[at+lo : at+hi])
	}
	for i, code := range k.in[2].F {
		z, e := k.pair(i)
		d := de[int(code)*k.d:][lo:hi]
		vec.Axpy(d, k.c, e[lo:hi])
		vec.Axpy(d, -k.c, z[lo:hi])
	}
}

// Perplexity is that of codes which occur as often as its input says, (K), as
// CountCodes gives it: exp(−Σ p·log p) of their shares p, a scalar from 1, where all
// are the same code, to K, where each occurs as often; 0 where there are none. It
// has no gradient.
type Perplexity struct{}

// Name implements Kernel.
func (k *Perplexity) Name() string { return "perplexity" }

// Shape implements Kernel.
func (k *Perplexity) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() != 1 {
		return nil, fmt.Errorf("the counts are %v, want (K)", in[0])
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Perplexity) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *Perplexity) Forward(in []Arg, out []float32) {
	var n, sum float64
	for _, c := range in[0].F {
		if c > 0 {
			n += float64(c)
			sum += float64(c) * math.Log(float64(c))
		}
	}
	out[0] = 0
	if n > 0 {
		out[0] = float32(math.Exp(math.Log(n) - sum/n))
	}
}

// Backward implements Kernel; there is none.
func (k *Perplexity) Backward([]Arg, []float32, []float32, [][]float32) {}
