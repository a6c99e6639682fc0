package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
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
	rows, d, c int
	chunk      int       // rows of the sum of the bias's gradient
	kept       bool      // a gradient will be asked for
	g          []float32 // (rows, C)
	losses     []float64 // by row
	right      []bool    // by row: the target has the largest logit
	count      int       // rows that count
	scale      float32   // of the gradient

	call
	scaled, part []float32
	finish       func(blas.Block)
	columns      func(lo, hi int)
}

// Name implements Kernel.
func (k *LinearCrossEntropy) Name() string { return "cross-entropy of a linear layer" }

// Save implements Saver.
func (k *LinearCrossEntropy) Save() { k.kept = true }

// Shape implements Kernel.
func (k *LinearCrossEntropy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, w, b, t := in[0], in[1], in[2], in[3]
	if w.Dims() != 2 || x.Dims() < 2 || x[x.Dims()-1] != w[1] || !slices.Equal(b, tensor.Shape{w[0]}) || !slices.Equal(t, x[:x.Dims()-1]) {
		return nil, fmt.Errorf("x is %v, the weight %v, the bias %v and the targets %v; want (..., D), (C, D), (C) and (...)", x, w, b, t)
	}
	k.c, k.d = w[0], w[1]
	k.rows = x.TotalSize() / k.d
	k.losses, k.right = make([]float64, k.rows), make([]bool, k.rows)
	k.chunk = rowChunk(k.rows, k.c)
	k.finish, k.columns = k.finishRows, k.sumColumns
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
	k.call = call{in: in, out: out}
	switch {
	case !k.kept:
		k.g = borrow(k.rows * k.c)
	case k.g == nil:
		k.g = make([]float32, k.rows*k.c)
	}
	blas.GemmRows(false, true, k.rows, k.c, k.d, in[0].F, k.d, in[1].F, k.d, k.g, k.c, false, k.finish)
	if !k.kept {
		giveBack(k.g)
		k.g = nil
	}
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
	k.call = call{}
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

// Backward implements Kernel: with G = (p − q)·dy/count, dx = G W, dW = Gᵀ x and db
// the column sums of G.
func (k *LinearCrossEntropy) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	k.scale = 0
	if k.count > 0 {
		k.scale = dout[0] / float32(k.count)
	}
	if dx := din[0]; dx != nil {
		blas.Gemm(false, false, k.rows, k.d, k.c, k.g, k.c, in[1].F, k.d, dx, k.d, false)
		vec.Scale(dx, dx, k.scale)
	}
	if dw := din[1]; dw != nil {
		k.scaled = borrow(k.rows * k.d)
		vec.Scale(k.scaled, in[0].F, k.scale)
		blas.Gemm(true, false, k.c, k.d, k.rows, k.g, k.c, k.scaled, k.d, dw, k.d, false)
		giveBack(k.scaled)
	}
	if db := din[2]; db != nil {
		n := parts(k.rows, k.chunk)
		k.part = borrow(n * k.c)
		par.For(k.rows, k.chunk, k.columns)
		addParts(db, k.part, n, k.c)
		vec.Scale(db, db, k.scale)
		giveBack(k.part)
	}
	k.call, k.scaled, k.part = call{}, nil, nil
}

func (k *LinearCrossEntropy) sumColumns(lo, hi int) {
	p := k.part[lo/k.chunk*k.c:][:k.c]
	clear(p)
	vec.ColSum(p, k.g[lo*k.c:hi*k.c], hi-lo, k.c)
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
