package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// SparseCrossEntropy is the softmax cross-entropy of logits x, (..., C), against
// distributions that have a share of K classes only: their classes, integers
// (..., K), and shares, (..., K). A class may come twice; shares need not add up to
// one. If Weighted there is a fourth input, class weights (C): a row counts as much
// as its first class weighs.
//
// The loss is the mean over rows of −w(first) · Σ share·log p(class), p being the
// softmax of the row: the sum is not divided by the weights (Zhang, Isola and Efros
// 2016, arXiv:1603.08511, eq. 2 and 3).
type SparseCrossEntropy struct {
	Weighted bool

	rows, classes, k, chunk int
	sums                    []float64

	call
	scratch           []float32 // a row for each chunk
	c                 float64
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *SparseCrossEntropy) Name() string { return "sparse cross-entropy" }

// Shape implements Kernel.
func (k *SparseCrossEntropy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, classes, shares := in[0], in[1], in[2]
	last := x.Dims() - 1
	if last < 0 || classes.Dims() != last+1 || !slices.Equal(x[:last], classes[:last]) || !slices.Equal(classes, shares) {
		return nil, fmt.Errorf("logits are %v, classes %v and shares %v; want (..., C), (..., K) and (..., K)", x, classes, shares)
	}
	k.classes, k.k = x[last], classes[last]
	k.rows = x.TotalSize() / k.classes
	if k.Weighted && !slices.Equal(in[3], tensor.Shape{k.classes}) {
		return nil, fmt.Errorf("class weights are %v, want (%d)", in[3], k.classes)
	}
	k.chunk = rowChunk(k.rows, k.classes)
	k.sums = make([]float64, parts(k.rows, k.chunk))
	k.forward, k.backward = k.forwardRows, k.backwardRows
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *SparseCrossEntropy) Grads() []bool { return []bool{true, false, false, false}[:k.inputs()] }

// Ints implements Indexer.
func (k *SparseCrossEntropy) Ints() []bool { return []bool{false, true, false, false}[:k.inputs()] }

func (k *SparseCrossEntropy) inputs() int {
	if k.Weighted {
		return 4
	}
	return 3
}

// Check implements Checker.
func (k *SparseCrossEntropy) Check(in []Arg) error { return checkClasses(in[1].I, k.k, k.classes) }

// checkClasses says which of the classes of rows, k each, is none of n.
func checkClasses(classes []int, k, n int) error {
	for i, t := range classes {
		if t < 0 || t >= n {
			return fmt.Errorf("target %d of row %d is class %d; there are %d classes", i%k, i/k, t, n)
		}
	}
	return nil
}

// Forward implements Kernel.
func (k *SparseCrossEntropy) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.scratch = borrow(len(k.sums) * k.classes)
	par.For(k.rows, k.chunk, k.forward)
	giveBack(k.scratch)
	out[0] = float32(total(k.sums) / float64(k.rows))
	k.call, k.scratch = call{}, nil
}

// row is what row r is held against, and its weight.
func (k *SparseCrossEntropy) row(r int) (classes []int, shares []float32, weight float64) {
	classes, shares, weight = k.in[1].I[r*k.k:][:k.k], k.in[2].F[r*k.k:][:k.k], 1
	if k.Weighted {
		weight = float64(k.in[3].F[classes[0]])
	}
	return classes, shares, weight
}

func (k *SparseCrossEntropy) forwardRows(lo, hi int) {
	p := k.scratch[lo/k.chunk*k.classes:][:k.classes]
	var sum float64
	for r := lo; r < hi; r++ {
		x := k.in[0].F[r*k.classes:][:k.classes]
		classes, shares, weight := k.row(r)
		norm := vec.SoftmaxRow(p, x, 1) // log Σeˣ
		var loss float64
		for i, c := range classes {
			loss += float64(shares[i]) * float64(norm-x[c])
		}
		sum += weight * loss
	}
	k.sums[lo/k.chunk] = sum
}

// Backward implements Kernel: dx = w·(p·Σshare − share)·dy/rows.
func (k *SparseCrossEntropy) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	k.c = float64(dout[0]) / float64(k.rows)
	par.For(k.rows, k.chunk, k.backward)
	k.call = call{}
}

func (k *SparseCrossEntropy) backwardRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		dx := k.din[0][r*k.classes:][:k.classes]
		classes, shares, weight := k.row(r)
		var sum float64
		for _, s := range shares {
			sum += float64(s)
		}
		c := k.c * weight
		vec.SoftmaxRow(dx, k.in[0].F[r*k.classes:][:k.classes], 1)
		vec.Scale(dx, dx, float32(c*sum))
		for i, t := range classes {
			dx[t] -= float32(c) * shares[i]
		}
	}
}
