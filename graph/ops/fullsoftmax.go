package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// FullSoftmax is the loss −Σ log p(o | c) over all pairs of Windows, where p is the
// softmax over the vocabulary (Mikolov et al. 2013, arXiv:1310.4546, eq. 2):
//
//	p(o | c) = exp(in[c]·out[o]) / Σ_w exp(in[c]·out[w])
//
// With CBOW the mean of the words of a window stands for c, and the center for o. The
// scores of a center are the same for all words of its window, and are found once.
// Beside the inputs of Windows, with out (V, D), it has none. The output is a scalar,
// and the gradient by out has all of its rows.
type FullSoftmax struct {
	Windows

	centers []center  // of the step, in the order of the blocks
	scores  []float32 // (centers, V); then the gradients by them
	losses  []float64 // by center

	finish                func(blas.Block)
	gatherBlocks, restore func(lo, hi int)
	rescaleRows           func(lo, hi int)
}

// A center is one of those of a block.
type center struct{ block, at int }

// Name implements Kernel.
func (k *FullSoftmax) Name() string { return "full softmax" }

// Shape implements Kernel.
func (k *FullSoftmax) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := k.shape(in, nil, func(int) int { return 0 }); err != nil {
		return nil, err
	}
	if in[1][0] != k.v {
		return nil, fmt.Errorf("tables are %v and %v, of %d and %d words; want as many", in[0], in[1], k.v, in[1][0])
	}
	k.centers, k.losses = make([]center, 0, k.b*k.t), make([]float64, k.b*k.t)
	k.finish, k.gatherBlocks, k.restore, k.rescaleRows = k.finishRows, k.gatherInputs, k.restoreBlocks, k.rescaleOut
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *FullSoftmax) Grads() []bool { return []bool{true, true, false, false} }

// Ints implements Indexer.
func (k *FullSoftmax) Ints() []bool { return []bool{false, false, true, true} }

// Check implements Checker.
func (k *FullSoftmax) Check(in []Arg) error { return k.check(in) }

// GradShape implements GradShaper.
func (k *FullSoftmax) GradShape(i int) tensor.Shape {
	if i > 0 {
		return nil
	}
	return k.Windows.GradShape(i)
}

// RowsOf says which rows of in those of its gradient belong to; nil for out, which has
// a gradient for each.
func (k *FullSoftmax) RowsOf(i int) []int {
	if i > 0 {
		return nil
	}
	return k.Windows.RowsOf(i)
}

// Forward implements Kernel. It also finds the gradient by the scores.
func (k *FullSoftmax) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.lay(in[2].I, in[3].I)
	k.centers = k.centers[:0]
	for i := range k.blocks {
		for c := range k.blocks[i].size {
			k.centers = append(k.centers, center{i, c})
		}
	}
	if k.scores == nil {
		k.scores = mem.Floats(k.b * k.t * k.v)
	}
	par.For(len(k.blocks), 1, k.gatherBlocks)
	n := len(k.centers)
	if n > 0 {
		blas.GemmRows(false, true, n, k.v, k.d, k.paired(), k.d, in[1].F, k.d, k.scores, k.v, false, k.finish) // (centers, V)
	}
	k.call = call{}
	k.setScale()
	out[0] = float32(total(k.losses[:n]) * float64(k.scale))
}

// paired are the vectors that are held against the words, (centers, D).
func (k *FullSoftmax) paired() []float32 {
	if k.CBOW {
		return k.h
	}
	return k.x
}

func (k *FullSoftmax) gatherInputs(lo, hi int) {
	for i := lo; i < hi; i++ {
		k.input(&k.blocks[i])
	}
}

// finishRows turns the scores of centers into the gradients by them, and finds the
// losses.
func (k *FullSoftmax) finishRows(rows blas.Block) {
	for r := rows.I0; r < rows.I1; r++ {
		at := k.centers[r]
		b, g := &k.blocks[at.block], k.scores[r*k.v:][:k.v]
		lo, own, hi := b.window(at.at)
		if k.losses[r] = 0; hi == lo {
			clear(g)
			continue
		}
		asked := func(f func(word int)) {
			if k.CBOW {
				f(b.words[b.left+own])
				return
			}
			for j := lo; j <= hi; j++ {
				if j != own {
					f(b.words[b.left+j])
				}
			}
		}
		var right float64
		asked(func(w int) { right += float64(g[w]) })
		n := k.pairsOf(hi - lo)
		k.losses[r] = float64(n)*float64(vec.SoftmaxRow(g, g, 1)) - right
		if n > 1 {
			vec.Scale(g, g, float32(n))
		}
		asked(func(w int) { g[w]-- })
	}
}

// Backward implements Kernel.
func (k *FullSoftmax) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	defer func() { k.call = call{} }()
	n := len(k.centers)
	if din[0] != nil && n > 0 {
		_, d := k.inputGradients(&k.blocks[0])                                                   // those of all blocks follow each other
		blas.Gemm(false, false, n, k.d, k.v, k.scores, k.v, in[1].F, k.d, d[:n*k.d], k.d, false) // (centers, D)
		par.For(len(k.blocks), 1, k.restore)
	}
	if dz := din[1]; dz != nil {
		if n == 0 {
			clear(dz)
			return
		}
		blas.Gemm(true, false, k.v, k.d, n, k.scores, k.v, k.paired(), k.d, dz, k.d, false) // (V, D)
		par.For(k.v, rowChunk(k.v, k.d), k.rescaleRows)
	}
}

func (k *FullSoftmax) restoreBlocks(lo, hi int) {
	for i := lo; i < hi; i++ {
		k.finishInput(&k.blocks[i])
	}
}

func (k *FullSoftmax) rescaleOut(lo, hi int) { k.rescale(k.din[1][lo*k.d : hi*k.d]) }
