package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// LayerNorm normalises over the last axis (Ba et al. 2016, arXiv:1607.06450,
// eq. 4): x is (..., D), the gains g and biases b are (D), and
// y = g·(x − mean)/√(variance + Eps) + b, the variance being taken over D.
type LayerNorm struct {
	Eps float32 // > 0

	rows, cols, chunk int
	mean, rstd        []float32

	call
	part              []float32 // per chunk: sums for g, sums for b, a row for dx where that is not asked for
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *LayerNorm) Name() string { return "layer norm" }

// Shape implements Kernel.
func (k *LayerNorm) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, g, b := in[0], in[1], in[2]
	if x.Dims() < 1 || !slices.Equal(g, tensor.Shape{x[x.Dims()-1]}) || !slices.Equal(g, b) {
		return nil, fmt.Errorf("x is %v, gain %v and bias %v; want (..., D), (D) and (D)", x, g, b)
	}
	if !(k.Eps > 0) {
		return nil, fmt.Errorf("eps is %v, want more than 0", k.Eps)
	}
	k.cols = g[0]
	k.rows = x.TotalSize() / k.cols
	k.chunk = rowChunk(k.rows, k.cols)
	k.mean, k.rstd = make([]float32, k.rows), make([]float32, k.rows)
	k.forward, k.backward = k.forwardRows, k.backwardRows
	return x.Clone(), nil
}

// Grads implements Kernel.
func (k *LayerNorm) Grads() []bool { return []bool{true, true, true} }

// Forward implements Kernel.
func (k *LayerNorm) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.rows, k.chunk, k.forward)
	k.call = call{}
}

func (k *LayerNorm) forwardRows(lo, hi int) {
	x, g, b := k.in[0].F, k.in[1].F, k.in[2].F
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		k.mean[r], k.rstd[r] = vec.LayerNormRow(k.out[i:j], x[i:j], g, b, k.Eps)
	}
}

// Backward implements Kernel.
func (k *LayerNorm) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	n, stride := parts(k.rows, k.chunk), 3*k.cols
	k.part = borrow(n * stride)
	par.For(k.rows, k.chunk, k.backward)
	if din[1] != nil {
		addParts(din[1], k.part, n, stride)
	}
	if din[2] != nil {
		addParts(din[2], k.part[k.cols:], n, stride)
	}
	giveBack(k.part)
	k.call, k.part = call{}, nil
}

func (k *LayerNorm) backwardRows(lo, hi int) {
	x, g := k.in[0].F, k.in[1].F
	part := k.part[lo/k.chunk*3*k.cols:][:3*k.cols]
	dg, db, dx := part[:k.cols], part[k.cols:2*k.cols], part[2*k.cols:]
	clear(part[:2*k.cols])
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		if k.din[0] != nil {
			dx = k.din[0][i:j]
		}
		vec.LayerNormGradRow(dx, k.dout[i:j], x[i:j], g, dg, db, k.mean[r], k.rstd[r])
	}
}
