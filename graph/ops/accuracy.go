package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
)

// Accuracy is the share of rows of logits, (..., C), whose largest value, the first
// of equal ones, is that of the target: integers below C, (...). Rows with a
// negative target do not count; where none counts it is 0. It has no gradient.
type Accuracy struct {
	rows, classes, chunk int
	right, known         []float64 // by chunk

	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *Accuracy) Name() string { return "accuracy" }

// Shape implements Kernel.
func (k *Accuracy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, t := in[0], in[1]
	last := x.Dims() - 1
	if last < 0 || !slices.Equal(t, x[:last]) {
		return nil, fmt.Errorf("logits are %v and targets %v, want (..., C) and (...)", x, t)
	}
	k.classes = x[last]
	k.rows = x.TotalSize() / k.classes
	k.chunk = rowChunk(k.rows, k.classes)
	k.right = make([]float64, parts(k.rows, k.chunk))
	k.known = make([]float64, len(k.right))
	k.forward = k.forwardRows
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Accuracy) Grads() []bool { return []bool{false, false} }

// Ints implements Indexer.
func (k *Accuracy) Ints() []bool { return []bool{false, true} }

// Forward implements Kernel.
func (k *Accuracy) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.rows, k.chunk, k.forward)
	out[0] = 0
	if n := total(k.known); n > 0 {
		out[0] = float32(total(k.right) / n)
	}
	k.call = call{}
}

func (k *Accuracy) forwardRows(lo, hi int) {
	right, known := 0, 0
	for r := lo; r < hi; r++ {
		t := k.in[1].I[r]
		if t < 0 {
			continue
		}
		known++
		if largest(k.in[0].F[r*k.classes:][:k.classes]) == t {
			right++
		}
	}
	k.right[lo/k.chunk], k.known[lo/k.chunk] = float64(right), float64(known)
}

// Backward implements Kernel; there is nothing to do.
func (k *Accuracy) Backward([]Arg, []float32, []float32, [][]float32) {}
