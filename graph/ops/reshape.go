package ops

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Reshape is its input in another shape of as many values. Both share their
// memory, and so do their gradients: it costs nothing, but a stock Gorgonia
// operation that overwrites its input must not follow it.
type Reshape struct {
	To tensor.Shape
}

// Name implements Kernel.
func (k *Reshape) Name() string { return "reshape" }

// View implements Viewer.
func (k *Reshape) View() {}

// Shape implements Kernel.
func (k *Reshape) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() < 1 || k.To.Dims() < 1 || in[0].TotalSize() != k.To.TotalSize() {
		return nil, fmt.Errorf("%v cannot become %v", in[0], k.To)
	}
	return k.To.Clone(), nil
}

// Grads implements Kernel.
func (k *Reshape) Grads() []bool { return []bool{true} }

// Forward implements Kernel, for use outside of a graph.
func (k *Reshape) Forward(in []Arg, out []float32) { copy(out, in[0].F) }

// Backward implements Kernel, for use outside of a graph.
func (k *Reshape) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		copy(din[0], dout)
	}
}
