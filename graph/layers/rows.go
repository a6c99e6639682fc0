package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// Softmax is eˣ/Σeˣ over the last axis of x, (..., D).
func Softmax(s *graph.Scope, x *G.Node) *G.Node { return s.Apply(&ops.Softmax{}, x) }

// LogSoftmax is x − log Σeˣ over the last axis of x, (..., D).
func LogSoftmax(s *graph.Scope, x *G.Node) *G.Node { return s.Apply(&ops.Softmax{Log: true}, x) }

// L2Normalize divides each row of x, (..., D), by its Euclidean length.
func L2Normalize(s *graph.Scope, x *G.Node) *G.Node { return s.Apply(&ops.L2Normalize{}, x) }

// Add is a + b, of one shape: a residual connection.
func Add(s *graph.Scope, a, b *G.Node) *G.Node { return s.Apply(&ops.Add{}, a, b) }
