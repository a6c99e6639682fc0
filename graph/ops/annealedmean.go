package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// AnnealedMean is the mean of points, (C, D), under the softmax of logits x over
// the temperature, x (..., C): y is (..., D). With a temperature of 1 it is the
// mean of the distribution, towards 0 the point of the largest logit (Zhang, Isola
// and Efros 2016, arXiv:1603.08511, eq. 5). It has no gradient: it is for answers.
type AnnealedMean struct {
	Temperature float32 // above 0

	rows, classes, dim, chunk int

	call
	scratch []float32 // the points as columns, then a row for each chunk
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *AnnealedMean) Name() string { return "annealed mean" }

// Shape implements Kernel.
func (k *AnnealedMean) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, points := in[0], in[1]
	last := x.Dims() - 1
	if last < 0 || points.Dims() != 2 || x[last] != points[0] {
		return nil, fmt.Errorf("logits are %v and points %v; want (..., C) and (C, D)", x, points)
	}
	if !(k.Temperature > 0) {
		return nil, fmt.Errorf("the temperature is %v, want more than 0", k.Temperature)
	}
	k.classes, k.dim = points[0], points[1]
	k.rows = x.TotalSize() / k.classes
	k.chunk = rowChunk(k.rows, k.classes)
	k.forward = k.forwardRows
	shape := x.Clone()
	shape[last] = k.dim
	return shape, nil
}

// Grads implements Kernel.
func (k *AnnealedMean) Grads() []bool { return []bool{false, false} }

// Forward implements Kernel.
func (k *AnnealedMean) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.scratch = borrow((k.dim + parts(k.rows, k.chunk)) * k.classes)
	for i, v := range in[1].F {
		k.scratch[i%k.dim*k.classes+i/k.dim] = v
	}
	par.For(k.rows, k.chunk, k.forward)
	giveBack(k.scratch)
	k.call, k.scratch = call{}, nil
}

func (k *AnnealedMean) forwardRows(lo, hi int) {
	p := k.scratch[(k.dim+lo/k.chunk)*k.classes:][:k.classes]
	for r := lo; r < hi; r++ {
		vec.SoftmaxRow(p, k.in[0].F[r*k.classes:][:k.classes], 1/k.Temperature)
		for d := range k.dim {
			k.out[r*k.dim+d] = float32(vec.Dot(p, k.scratch[d*k.classes:][:k.classes]))
		}
	}
}

// Backward implements Kernel.
func (k *AnnealedMean) Backward([]Arg, []float32, []float32, [][]float32) {}
