package ops

import (
	"math"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/vec"
)

// normEps is the least length that a row is divided by, PyTorch's.
const normEps = 1e-12

// L2Normalize divides each row of x, (..., D), by its Euclidean length, or by
// 1e-12 if that is larger.
type L2Normalize struct {
	rowwise
	inverse []float32 // 1/length, (rows)
}

// Name implements Kernel.
func (k *L2Normalize) Name() string { return "l2-normalise" }

// Shape implements Kernel.
func (k *L2Normalize) Shape(in []tensor.Shape) (tensor.Shape, error) {
	k.rowwise.forward, k.rowwise.backward = k.forwardRows, k.backwardRows
	s, err := k.shape(in[0])
	k.inverse = make([]float32, k.rows)
	return s, err
}

// Grads implements Kernel.
func (k *L2Normalize) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *L2Normalize) Forward(in []Arg, out []float32) { k.runForward(in, out) }

func (k *L2Normalize) forwardRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		x := k.in[0].F[i:j]
		k.inverse[r] = unitRow(k.out[i:j], x)
	}
}

// unitRow writes x at unit length and returns 1/length.
func unitRow(dst, x []float32) float32 {
	inverse := float32(1 / max(math.Sqrt(vec.SumSquares(x)), normEps))
	vec.Scale(dst, x, inverse)
	return inverse
}

// Backward implements Kernel: dx = (dy − y·(y·dy))/length, and dy/1e-12 where the
// length is below 1e-12.
func (k *L2Normalize) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.runBackward(in, out, dout, din)
}

func (k *L2Normalize) backwardRows(lo, hi int) {
	for r := lo; r < hi; r++ {
		i, j := r*k.cols, (r+1)*k.cols
		unitGradRow(k.din[0][i:j], k.dout[i:j], k.out[i:j], k.inverse[r])
	}
}

// unitGradRow writes the gradient of a row from that of y, the row at unit length.
func unitGradRow(dx, dy, y []float32, inverse float32) {
	const largest = float32(1 / normEps)
	vec.Scale(dx, dy, inverse)
	if inverse < largest {
		vec.Axpy(dx, -float32(vec.Dot(y, dy))*inverse, y)
	}
}
