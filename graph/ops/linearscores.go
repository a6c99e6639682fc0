package ops

import (
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// linearScores is a linear layer with a loss of its rows in one: of the logits
// x Wᵀ, (rows, C), there is one copy, which the loss turns into the gradient by them
// while it is in the cache. x is (..., D), the weight W (C, D), the bias b (C).
type linearScores struct {
	rows, d, c int
	chunk      int       // rows of the sum of the bias's gradient
	kept       bool      // a gradient will be asked for
	g          []float32 // (rows, C)

	in      []Arg
	part    []float32
	finish  func(blas.Block)
	columns func(lo, hi int)
}

// Save implements Saver.
func (k *linearScores) Save() { k.kept = true }

// shape reports whether the shapes fit. finish is what turns blocks of whole rows of
// x Wᵀ, without the bias, into the gradient by them.
func (k *linearScores) shape(x, w, b tensor.Shape, finish func(blas.Block)) bool {
	if w.Dims() != 2 || x.Dims() < 2 || x[x.Dims()-1] != w[1] || !slices.Equal(b, tensor.Shape{w[0]}) {
		return false
	}
	k.c, k.d = w[0], w[1]
	k.rows = x.TotalSize() / k.d
	k.chunk = rowChunk(k.rows, k.c)
	k.finish, k.columns = finish, k.sumColumns
	return true
}

// score computes the logits and has them finished.
func (k *linearScores) score(in []Arg) {
	k.in = in
	switch {
	case !k.kept:
		k.g = borrow(k.rows * k.c)
	case k.g == nil:
		k.g = mem.Floats(k.rows * k.c)
	}
	blas.GemmRows(false, true, k.rows, k.c, k.d, in[0].F, k.d, in[1].F, k.d, k.g, k.c, false, k.finish)
	if !k.kept {
		giveBack(k.g)
		k.g = nil
	}
	k.in = nil
}

// gradients are dx = G W, dW = Gᵀ x and db, the column sums of G, with G the
// gradient by the logits times scale.
func (k *linearScores) gradients(in []Arg, din [][]float32, scale float32) {
	if dx := din[0]; dx != nil {
		blas.Gemm(false, false, k.rows, k.d, k.c, k.g, k.c, in[1].F, k.d, dx, k.d, false)
		vec.Scale(dx, dx, scale)
	}
	if dw := din[1]; dw != nil {
		scaled := borrow(k.rows * k.d)
		vec.Scale(scaled, in[0].F, scale)
		blas.Gemm(true, false, k.c, k.d, k.rows, k.g, k.c, scaled, k.d, dw, k.d, false)
		giveBack(scaled)
	}
	if db := din[2]; db != nil {
		n := parts(k.rows, k.chunk)
		k.part = borrow(n * k.c)
		par.For(k.rows, k.chunk, k.columns)
		addParts(db, k.part, n, k.c)
		vec.Scale(db, db, scale)
		giveBack(k.part)
		k.part = nil
	}
}

func (k *linearScores) sumColumns(lo, hi int) {
	p := k.part[lo/k.chunk*k.c:][:k.c]
	clear(p)
	vec.ColSum(p, k.g[lo*k.c:hi*k.c], hi-lo, k.c)
}
