package layers

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// Reshape returns x in another shape of as many values. It shares the memory of
// x and costs nothing.
func Reshape(s *graph.Scope, x *G.Node, shape ...int) *G.Node {
	if slices.Equal(x.Shape(), tensor.Shape(shape)) {
		return x
	}
	return s.Apply(&ops.Reshape{To: shape}, x)
}

// Flatten keeps the first axis of x and makes one of the others: (B, D).
func Flatten(s *graph.Scope, x *G.Node) *G.Node {
	if x.Dims() < 1 {
		s.Fail("a scalar cannot be flattened")
	}
	b := x.Shape()[0]
	return Reshape(s, x, b, x.Shape().TotalSize()/b)
}
