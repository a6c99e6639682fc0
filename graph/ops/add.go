package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Add is a + b, of one shape: a residual connection. The gradient of the sum is
// that of each, and is handed on without a copy.
type Add struct {
	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *Add) Name() string { return "add" }

// PassThrough marks the gradient as that of each input.
func (k *Add) PassThrough() {}

// Shape implements Kernel.
func (k *Add) Shape(in []tensor.Shape) (tensor.Shape, error) {
	k.forward = k.forwardPart
	if !slices.Equal(in[0], in[1]) {
		return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
	}
	return in[0].Clone(), nil
}

// Grads implements Kernel.
func (k *Add) Grads() []bool { return []bool{true, true} }

// Forward implements Kernel.
func (k *Add) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(len(out), elements, k.forward)
	k.call = call{}
}

func (k *Add) forwardPart(lo, hi int) {
	vec.Add(k.out[lo:hi], k.in[0].F[lo:hi], k.in[1].F[lo:hi])
}

// Backward implements Kernel, for use outside of a graph.
func (k *Add) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	for _, d := range din {
		copy(d, dout)
	}
}

// WeightedSum is Σ wᵢ·xᵢ over scalars: the parts of a loss.
type WeightedSum struct {
	Weights []float32 // one for each input
}

// Name implements Kernel.
func (k *WeightedSum) Name() string { return "weighted sum" }

// Shape implements Kernel.
func (k *WeightedSum) Shape(in []tensor.Shape) (tensor.Shape, error) {
	for i, s := range in {
		if len(s) != 0 {
			return nil, fmt.Errorf("input %d has shape %v, want scalars", i, s)
		}
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *WeightedSum) Grads() []bool {
	g := make([]bool, len(k.Weights))
	for i := range g {
		g[i] = true
	}
	return g
}

// Forward implements Kernel.
func (k *WeightedSum) Forward(in []Arg, out []float32) {
	var s float64
	for i, w := range k.Weights {
		s += float64(w) * float64(in[i].F[0])
	}
	out[0] = float32(s)
}

// Backward implements Kernel.
func (k *WeightedSum) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	for i, w := range k.Weights {
		if din[i] != nil {
			din[i][0] = w * dout[0]
		}
	}
}

// Over is x/c of a scalar x and a number c ≠ 0, (1): an error in units of the
// variance of the data. c has no gradient.
type Over struct{}

// Name implements Kernel.
func (k *Over) Name() string { return "quotient" }

// Shape implements Kernel.
func (k *Over) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if len(in[0]) != 0 || !slices.Equal(in[1], tensor.Shape{1}) {
		return nil, fmt.Errorf("x is %v and c %v; want a scalar and (1)", in[0], in[1])
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Over) Grads() []bool { return []bool{true, false} }

// Forward implements Kernel.
func (k *Over) Forward(in []Arg, out []float32) { out[0] = in[0].F[0] / in[1].F[0] }

// Backward implements Kernel.
func (k *Over) Backward(in []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		din[0][0] = dout[0] / in[1].F[0]
	}
}
