package ops

import (
	"errors"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// rowwise is what operations on the rows of the last axis have in common.
type rowwise struct {
	rows, cols, chunk int

	call
	forward, backward func(lo, hi int)
}

func (k *rowwise) shape(x tensor.Shape) (tensor.Shape, error) {
	if x.Dims() < 1 {
		return nil, errors.New("got a scalar, want (..., D)")
	}
	k.cols = x[x.Dims()-1]
	k.rows = x.TotalSize() / k.cols
	k.chunk = rowChunk(k.rows, k.cols)
	return x.Clone(), nil
}

func (k *rowwise) runForward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.rows, k.chunk, k.forward)
	k.call = call{}
}

func (k *rowwise) runBackward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.rows, k.chunk, k.backward)
	k.call = call{}
}

// Softmax is eˣ/Σeˣ over the last axis of x, (..., D). With Log it is the
// logarithm of that, x − log Σeˣ.
type Softmax struct {
	Log bool

	rowwise
}

// Name implements Kernel.
func (k *Softmax) Name() string {
	if k.Log {
		return "log-softmax"
	}
	return "softmax"
}

// Shape implements Kernel.
func (k *Softmax) Shape(in []tensor.Shape) (tensor.Shape, error) {
	k.rowwise.forward, k.rowwise.backward = k.forwardRows, k.backwardRows
	return k.shape(in[0])
}

// Grads implements Kernel.
func (k *Softmax) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Softmax) Forward(in []Arg, out []float32) { k.runForward(in, out) }

func (k *Softmax) forwardRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		x, y := k.in[0].F[i:j], k.out[i:j]
		norm := vec.SoftmaxRow(y, x, 1)
		if k.Log {
			vec.Fill(y, -norm)
			vec.Axpy(y, 1, x)
		}
	}
}

// Backward implements Kernel.
func (k *Softmax) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.runBackward(in, out, dout, din)
}

func (k *Softmax) backwardRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		dx, dy, y := k.din[0][i:j], k.dout[i:j], k.out[i:j]
		if !k.Log {
			vec.SoftmaxGradRow(dx, dy, y, 1)
			continue
		}
		// dx = dy − p·Σdy, p = eʸ
		vec.Exp(dx, y)
		vec.Scale(dx, dx, float32(-vec.Sum(dy)))
		vec.Add(dx, dx, dy)
	}
}
