package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// SparseLinearCrossEntropy is the SparseCrossEntropy of the logits x Wᵀ + b: x is
// (..., D), the weight W (C, D), the bias b (C), classes and shares are (..., K), and
// if Weighted there is a sixth input, class weights (C).
//
// It is Linear and SparseCrossEntropy in one, as LinearCrossEntropy is for targets of
// one class: the logits are turned into their gradient while they are in the cache.
type SparseLinearCrossEntropy struct {
	Weighted bool

	k      int
	losses []float64 // by row

	linearScores
}

// Name implements Kernel.
func (k *SparseLinearCrossEntropy) Name() string { return "sparse cross-entropy of a linear layer" }

// Shape implements Kernel.
func (k *SparseLinearCrossEntropy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, w, b, classes, shares := in[0], in[1], in[2], in[3], in[4]
	last := x.Dims() - 1
	if !k.shape(x, w, b, k.finishRows) || classes.Dims() != last+1 || !slices.Equal(classes[:last], x[:last]) || !slices.Equal(classes, shares) {
		return nil, fmt.Errorf("x is %v, the weight %v, the bias %v, classes %v and shares %v; want (..., D), (C, D), (C), (..., K) and (..., K)", x, w, b, classes, shares)
	}
	if k.Weighted && !slices.Equal(in[5], b) {
		return nil, fmt.Errorf("class weights are %v, want (%d)", in[5], k.c)
	}
	k.k, k.losses = classes[last], make([]float64, k.rows)
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *SparseLinearCrossEntropy) Grads() []bool {
	return []bool{true, true, true, false, false, false}[:k.inputs()]
}

// Ints implements Indexer.
func (k *SparseLinearCrossEntropy) Ints() []bool {
	return []bool{false, false, false, true, false, false}[:k.inputs()]
}

func (k *SparseLinearCrossEntropy) inputs() int {
	if k.Weighted {
		return 6
	}
	return 5
}

// Check implements Checker.
func (k *SparseLinearCrossEntropy) Check(in []Arg) error { return checkClasses(in[3].I, k.k, k.c) }

// Forward implements Kernel.
func (k *SparseLinearCrossEntropy) Forward(in []Arg, out []float32) {
	k.score(in)
	out[0] = float32(total(k.losses) / float64(k.rows))
}

// finishRows turns x Wᵀ into w·(p·Σshare − share), and finds the losses.
func (k *SparseLinearCrossEntropy) finishRows(b blas.Block) {
	for r := b.I0; r < b.I1; r++ {
		g := k.g[r*k.c:][:k.c]
		classes, shares := k.in[3].I[r*k.k:][:k.k], k.in[4].F[r*k.k:][:k.k]
		weight := float32(1)
		if k.Weighted {
			weight = k.in[5].F[classes[0]]
		}
		vec.Add(g, g, k.in[2].F)
		var sum, dot float64
		for i, c := range classes {
			sum += float64(shares[i])
			dot += float64(shares[i]) * float64(g[c])
		}
		norm := vec.SoftmaxRow(g, g, 1) // log Σeˣ
		k.losses[r] = float64(weight) * (sum*float64(norm) - dot)
		vec.Scale(g, g, weight*float32(sum))
		for i, c := range classes {
			g[c] -= weight * shares[i]
		}
	}
}

// Backward implements Kernel.
func (k *SparseLinearCrossEntropy) Backward(in []Arg, _, dout []float32, din [][]float32) {
	k.gradients(in, din, dout[0]/float32(k.rows))
}
