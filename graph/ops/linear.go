package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Linear is y = act(x Wᵀ + b): x is (..., in), W is (out, in) as in PyTorch, b is
// (out) and y (..., out). Bias and activation are applied to each block of y
// while it is in the cache of the core that computed it.
type Linear struct {
	NoBias bool // the inputs are x and W only
	Act    Activation

	rows, n, m int // x is (rows, n), y is (rows, m)
	chunk      int
	kept       bool
	z          []float32 // x Wᵀ + b, where the gradient of the activation needs it

	call
	dst, dz, part []float32
	finish        func(blas.Block)
	activity      func(lo, hi int)
}

// Name implements Kernel.
func (k *Linear) Name() string { return "linear" }

// Save implements Saver.
func (k *Linear) Save() { k.kept = true }

// Shape implements Kernel.
func (k *Linear) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, w := in[0], in[1]
	if w.Dims() != 2 || x.Dims() < 1 || x[x.Dims()-1] != w[1] {
		return nil, fmt.Errorf("x is %v and the weight %v; want (..., in) and (out, in)", x, w)
	}
	if !k.NoBias && !slices.Equal(in[2], tensor.Shape{w[0]}) {
		return nil, fmt.Errorf("bias is %v and the weight %v; want (out) and (out, in)", in[2], w)
	}
	k.n, k.m = w[1], w[0]
	k.rows = x.TotalSize() / k.n
	k.chunk = rowChunk(k.rows, k.m)
	k.finish, k.activity = k.finishBlock, k.backwardRows
	y := x.Clone()
	y[y.Dims()-1] = k.m
	return y, k.Act.check()
}

// Grads implements Kernel.
func (k *Linear) Grads() []bool {
	if k.NoBias {
		return []bool{true, true}
	}
	return []bool{true, true, true}
}

// Forward implements Kernel.
func (k *Linear) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.dst = out
	if k.kept && !k.Act.fromOutput() {
		if k.z == nil {
			k.z = mem.Floats(len(out))
		}
		k.dst = k.z
	}
	after := k.finish
	if k.NoBias && k.Act.Func == Identity {
		after = nil
	}
	blas.GemmThen(false, true, k.rows, k.m, k.n, in[0].F, k.n, in[1].F, k.n, k.dst, k.m, false, after)
	k.call, k.dst = call{}, nil
}

func (k *Linear) finishBlock(b blas.Block) {
	if b.J0 == 0 && b.J1 == k.m { // whole rows are one piece
		k.finishPiece(b.I0*k.m, b.I1-b.I0, 0, k.m)
		return
	}
	for i := b.I0; i < b.I1; i++ {
		k.finishPiece(i*k.m+b.J0, 1, b.J0, b.J1)
	}
}

// finishPiece does it for rows of columns j0 to j1-1 that follow one another from element at on.
func (k *Linear) finishPiece(at, rows, j0, j1 int) {
	cols := j1 - j0
	z := k.dst[at : at+rows*cols]
	switch {
	case k.NoBias:
	case k.Act.Func == ReLU:
		vec.AddBiasReLU(z, k.in[2].F[j0:j1], rows, cols)
		return
	default:
		vec.AddBias(z, k.in[2].F[j0:j1], rows, cols)
	}
	if k.Act.Func != Identity {
		k.Act.apply(k.out[at:at+rows*cols], z)
	}
}

// Backward implements Kernel: with dz = dy·act′(z), dx = dz W, dW = dzᵀ x and db
// the column sums of dz.
func (k *Linear) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	bias := !k.NoBias && din[2] != nil
	k.dz = dout
	if k.Act.Func != Identity {
		k.dz = borrow(len(dout))
	}
	if bias {
		k.part = borrow(parts(k.rows, k.chunk) * k.m)
	}
	if bias || k.Act.Func != Identity {
		par.For(k.rows, k.chunk, k.activity)
	}
	if bias {
		addParts(din[2], k.part, parts(k.rows, k.chunk), k.m)
		giveBack(k.part)
	}
	if din[0] != nil {
		blas.Gemm(false, false, k.rows, k.n, k.m, k.dz, k.m, in[1].F, k.n, din[0], k.n, false)
	}
	if din[1] != nil {
		blas.Gemm(true, false, k.m, k.n, k.rows, k.dz, k.m, in[0].F, k.n, din[1], k.n, false)
	}
	if k.Act.Func != Identity {
		giveBack(k.dz)
	}
	k.call, k.dz, k.part = call{}, nil, nil
}

// backwardRows passes the gradient through the activation and sums its columns.
func (k *Linear) backwardRows(lo, hi int) {
	a, b := lo*k.m, hi*k.m
	if k.Act.Func != Identity {
		z := k.z
		if z == nil {
			z = k.out // not looked at
		}
		k.Act.grad(k.dz[a:b], k.dout[a:b], z[a:b], k.out[a:b])
	}
	if k.part != nil {
		p := k.part[lo/k.chunk*k.m:][:k.m]
		clear(p)
		vec.ColSum(p, k.dz[a:b], hi-lo, k.m)
	}
}
