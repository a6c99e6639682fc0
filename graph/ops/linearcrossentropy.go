package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// LinearCrossEntropy is the softmax cross-entropy of a linear layer over many
// classes: x is (..., D), the weight W (C, D), the bias b (C), the targets are
// integers below C, (...), and the result is the mean over the rows of
// −log softmax(x Wᵀ + b)[target]. Rows with a negative target do not count; where
// none counts it is 0.
//
// It is Linear and CrossEntropy in one: of the logits, (rows, C), there is one copy,
// which Forward turns into the gradient by them, p − q, while it is in the cache.
type LinearCrossEntropy struct {
	losses []float64 // by row
	right  []bool    // by row: the target has the largest logit
	count  int       // rows that count

	linearScores
}

// Name implements Kernel.
func (k *LinearCrossEntropy) Name() string { return "cross-entropy of a linear layer" }

// Shape implements Kernel.
func (k *LinearCrossEntropy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, w, b, t := in[0], in[1], in[2], in[3]
	if !k.shape(x, w, b, k.finishRows) || !slices.Equal(t, x[:x.Dims()-1]) {
		return nil, fmt.Errorf("x is %v, the weight %v, the bias %v and the targets %v; want (..., D), (C, D), (C) and (...)", x, w, b, t)
	}
	k.losses, k.right = make([]float64, k.rows), make([]bool, k.rows)
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *LinearCrossEntropy) Grads() []bool { return []bool{true, true, true, false} }

// Ints implements Indexer.
func (k *LinearCrossEntropy) Ints() []bool { return []bool{false, false, false, true} }

// Check implements Checker.
func (k *LinearCrossEntropy) Check(in []Arg) error {
	for i, t := range in[3].I {
		if t >= k.c {
			return fmt.Errorf("target %d is class %d; there are %d classes", i, t, k.c)
		}
	}
	return nil
}

// Forward implements Kernel.
func (k *LinearCrossEntropy) Forward(in []Arg, out []float32) {
	k.score(in)
	k.count = 0
	for _, t := range in[3].I {
		if t >= 0 {
			k.count++
		}
	}
	out[0] = 0
	if k.count > 0 {
		out[0] = float32(total(k.losses) / float64(k.count))
	}
}

// finishRows turns x Wᵀ into p − q, and finds the losses.
func (k *LinearCrossEntropy) finishRows(b blas.Block) {
	for r := b.I0; r < b.I1; r++ {
		g, t := k.g[r*k.c:][:k.c], k.in[3].I[r]
		k.losses[r], k.right[r] = 0, false
		if t < 0 {
			clear(g)
			continue
		}
		vec.Add(g, g, k.in[2].F)
		x := g[t]
		k.right[r] = x >= vec.Max(g)
		k.losses[r] = float64(vec.SoftmaxRow(g, g, 1)) - float64(x)
		g[t]--
	}
}

// Backward implements Kernel.
func (k *LinearCrossEntropy) Backward(in []Arg, _, dout []float32, din [][]float32) {
	scale := float32(0)
	if k.count > 0 {
		scale = dout[0] / float32(k.count)
	}
	k.gradients(in, din, scale)
}

// Hits is the share of the rows of a LinearCrossEntropy that count whose target
// has the largest logit: 0 where none counts. Its input is the result of Of, and it
// has no gradient.
type Hits struct {
	Of *LinearCrossEntropy
}

// Name implements Kernel.
func (k *Hits) Name() string { return "accuracy" }

// Shape implements Kernel.
func (k *Hits) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].TotalSize() != 1 {
		return nil, fmt.Errorf("the input is %v, want the loss of the same rows", in[0])
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Hits) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *Hits) Forward(_ []Arg, out []float32) {
	n := 0
	for _, right := range k.Of.right {
		if right {
			n++
		}
	}
	out[0] = 0
	if k.Of.count > 0 {
		out[0] = float32(n) / float32(k.Of.count)
	}
}

// Backward implements Kernel: there is no gradient.
func (k *Hits) Backward([]Arg, []float32, []float32, [][]float32) {}
