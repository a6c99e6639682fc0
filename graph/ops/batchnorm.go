package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// BatchNorm normalises every channel over the batch and, for pictures, over
// their pixels (Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1): x is
// (B, C) or (B, H, W, C), the gains g and biases b are (C), and
// y = g·(x − mean)/√(variance + Eps) + b.
//
// In training, with the inputs x, g and b, mean and (biased) variance are the
// batch's own, and a share Momentum of them moves into the running ones; the
// variance kept is the unbiased one, as in PyTorch. With Fixed the inputs are x,
// g, b and the running mean and variance, which have no gradient.
type BatchNorm struct {
	Eps      float32 // > 0
	Momentum float32 // 0 to 1
	Fixed    bool
	// Mean and Var are the running statistics, (C), that training updates.
	Mean, Var []float32

	rows, cols, chunk         int
	mean, rstd, scale, offset []float32

	call
	part                               []float32
	stats, forward, sums, backwardPart func(lo, hi int)
}

// Name implements Kernel.
func (k *BatchNorm) Name() string { return "batch norm" }

// Shape implements Kernel.
func (k *BatchNorm) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x := in[0]
	if x.Dims() < 2 {
		return nil, fmt.Errorf("x is %v; want (B, C) or (B, H, W, C)", x)
	}
	k.cols = x[x.Dims()-1]
	for i, s := range in[1:] {
		if !s.Eq(tensor.Shape{k.cols}) {
			return nil, fmt.Errorf("x is %v and input %d is %v; want (%d)", x, i+1, s, k.cols)
		}
	}
	k.rows = x.TotalSize() / k.cols
	if !k.Fixed {
		if k.rows < 2 {
			return nil, fmt.Errorf("x is %v: the variance of one value a channel is not defined; want a larger batch", x)
		}
		if len(k.Mean) != k.cols || len(k.Var) != k.cols {
			return nil, fmt.Errorf("running mean has %d and variance %d values; want %d", len(k.Mean), len(k.Var), k.cols)
		}
	}
	if !(k.Eps > 0) || !(k.Momentum >= 0 && k.Momentum <= 1) {
		return nil, fmt.Errorf("eps is %v and momentum %v; want more than 0, and 0 to 1", k.Eps, k.Momentum)
	}
	k.chunk = rowChunk(k.rows, k.cols)
	buf := make([]float32, 4*k.cols)
	k.mean, k.rstd, k.scale, k.offset = buf[:k.cols], buf[k.cols:2*k.cols], buf[2*k.cols:3*k.cols], buf[3*k.cols:]
	k.stats, k.forward, k.sums, k.backwardPart = k.statsRows, k.forwardRows, k.sumRows, k.backwardRows
	return x.Clone(), nil
}

// Grads implements Kernel.
func (k *BatchNorm) Grads() []bool {
	if k.Fixed {
		return []bool{true, true, true, false, false}
	}
	return []bool{true, true, true}
}

// Forward implements Kernel.
func (k *BatchNorm) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	if k.Fixed {
		copy(k.mean, in[3].F)
		for i, v := range in[4].F {
			k.rstd[i] = float32(1 / math.Sqrt(float64(v)+float64(k.Eps)))
		}
	} else {
		k.part = borrow(parts(k.rows, k.chunk) * 2 * k.cols)
		par.For(k.rows, k.chunk, k.stats)
		k.combine()
		giveBack(k.part)
	}
	for i, g := range in[1].F {
		k.scale[i] = g * k.rstd[i]
		k.offset[i] = -k.mean[i]
	}
	par.For(k.rows, k.chunk, k.forward)
	k.call, k.part = call{}, nil
}

// statsRows writes mean and Σ(x − mean)² of the rows of a chunk.
func (k *BatchNorm) statsRows(lo, hi int) {
	p := k.part[lo/k.chunk*2*k.cols:][:2*k.cols]
	columnStats(p[:k.cols], p[k.cols:], k.in[0].F[lo*k.cols:hi*k.cols], hi-lo, k.cols)
}

// columnStats writes mean and Σ(x − mean)² of the columns of x, (rows, cols).
func columnStats(mean, squares, x []float32, rows, cols int) {
	minus := borrow(cols)
	clear(mean)
	vec.ColSum(mean, x, rows, cols)
	vec.Scale(mean, mean, 1/float32(rows))
	vec.Scale(minus, mean, -1)
	clear(squares)
	step := max(1, elements/cols)
	t := borrow(min(rows, step) * cols)
	for r := 0; r < rows; r += step {
		n := min(step, rows-r)
		c := t[:n*cols]
		copy(c, x[r*cols:])
		vec.AddBias(c, minus, n, cols)
		vec.Mul(c, c, c)
		vec.ColSum(squares, c, n, cols)
	}
	giveBack(t)
	giveBack(minus)
}

// combine merges the statistics of the chunks, in order (Chan, Golub and LeVeque
// 1983, "Algorithms for computing the sample variance", eq. 2.1), and moves the
// running ones.
func (k *BatchNorm) combine() {
	for c := range k.cols {
		var n, mean, squares float64
		for i := range parts(k.rows, k.chunk) {
			m := float64(min(k.chunk, k.rows-i*k.chunk))
			p := k.part[i*2*k.cols:]
			d := float64(p[c]) - mean
			mean += d * m / (n + m)
			squares += float64(p[k.cols+c]) + d*d*n*m/(n+m)
			n += m
		}
		k.mean[c] = float32(mean)
		k.rstd[c] = float32(1 / math.Sqrt(squares/n+float64(k.Eps)))
		k.Mean[c] += k.Momentum * (float32(mean) - k.Mean[c])
		k.Var[c] += k.Momentum * (float32(squares/(n-1)) - k.Var[c])
	}
}

func (k *BatchNorm) forwardRows(lo, hi int) {
	normalise(k.out, k.in[0].F, k.offset, k.scale, k.in[2].F, lo, hi, k.cols)
}

// normalise writes rows lo to hi-1 of y = (x + offset)·scale + bias.
func normalise(y, x, offset, scale, bias []float32, lo, hi, cols int) {
	for r := lo; r < hi; r++ {
		d := y[r*cols : (r+1)*cols]
		vec.Add(d, x[r*cols:(r+1)*cols], offset)
		vec.Mul(d, d, scale)
		vec.Add(d, d, bias)
	}
}

// Backward implements Kernel. With h = (x − mean)·rstd and the means over the
// rows, dx = g·rstd·(dy − mean(dy) − h·mean(dy·h)), and g·rstd·dy where the
// statistics are fixed.
func (k *BatchNorm) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	n := parts(k.rows, k.chunk)
	k.part = borrow((n + 1) * 2 * k.cols)
	par.For(k.rows, k.chunk, k.sums)
	sums := k.part[n*2*k.cols:]
	addParts(sums[:2*k.cols], k.part, n, 2*k.cols)
	db, dg := sums[:k.cols], sums[k.cols:2*k.cols]
	vec.Mul(dg, dg, k.rstd)
	if din[1] != nil {
		copy(din[1], dg)
	}
	if din[2] != nil {
		copy(din[2], db)
	}
	if din[0] != nil {
		vec.Scale(db, db, -1/float32(k.rows))
		vec.Scale(dg, dg, -1/float32(k.rows))
		vec.Mul(dg, dg, k.rstd)
		par.For(k.rows, k.chunk, k.backwardPart)
	}
	giveBack(k.part)
	k.call, k.part = call{}, nil
}

// sumRows writes Σ dy and Σ dy·(x − mean) of the rows of a chunk.
func (k *BatchNorm) sumRows(lo, hi int) {
	p := k.part[lo/k.chunk*2*k.cols:][:2*k.cols]
	columnProducts(p[:k.cols], p[k.cols:], k.dout[lo*k.cols:hi*k.cols], k.in[0].F[lo*k.cols:hi*k.cols], k.offset, hi-lo, k.cols)
}

// columnProducts writes the sums of the columns of dy and of dy·(x + offset).
func columnProducts(sum, product, dy, x, offset []float32, rows, cols int) {
	clear(sum)
	clear(product)
	vec.ColSum(sum, dy, rows, cols)
	step := max(1, elements/cols)
	t := borrow(min(rows, step) * cols)
	for r := 0; r < rows; r += step {
		n := min(step, rows-r)
		c := t[:n*cols]
		copy(c, x[r*cols:])
		vec.AddBias(c, offset, n, cols)
		vec.Mul(c, c, dy[r*cols:][:n*cols])
		vec.ColSum(product, c, n, cols)
	}
	giveBack(t)
}

func (k *BatchNorm) backwardRows(lo, hi int) {
	s := k.part[parts(k.rows, k.chunk)*2*k.cols:]
	db, dg := s[:k.cols], s[k.cols:2*k.cols]
	for r := lo; r < hi; r++ {
		a, b := r*k.cols, (r+1)*k.cols
		d, dy := k.din[0][a:b], k.dout[a:b]
		if k.Fixed {
			vec.Mul(d, dy, k.scale)
			continue
		}
		vec.Add(d, k.in[0].F[a:b], k.offset)
		vec.Mul(d, d, dg)
		vec.Add(d, d, dy)
		vec.Add(d, d, db)
		vec.Mul(d, d, k.scale)
	}
}
