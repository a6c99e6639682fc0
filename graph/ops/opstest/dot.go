package opstest

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops"
)

// Dot is Σ a·b over two inputs of one shape, a scalar: it turns any output of a
// graph into a loss, with b as the gradient of a.
type Dot struct{}

// Name implements ops.Kernel.
func (Dot) Name() string { return "dot" }

// Shape implements ops.Kernel.
func (Dot) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if !slices.Equal(in[0], in[1]) {
		return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
	}
	return tensor.Shape{}, nil
}

// Grads implements ops.Kernel.
func (Dot) Grads() []bool { return []bool{true, true} }

// Forward implements ops.Kernel.
func (Dot) Forward(in []ops.Arg, out []float32) {
	var s float64
	for i, a := range in[0].F {
		s += float64(a) * float64(in[1].F[i])
	}
	out[0] = float32(s)
}

// Backward implements ops.Kernel.
func (Dot) Backward(in []ops.Arg, _, dout []float32, din [][]float32) {
	for i, d := range din {
		for j := range d {
			d[j] = dout[0] * in[1-i].F[j]
		}
	}
}
