package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// MSE is the mean of (y−t)² over all values: y and t have one shape, the result
// is a scalar.
func MSE(s *graph.Scope, y, t *G.Node) *G.Node {
	return s.Apply(&ops.PointLoss{Of: ops.Squared}, y, t) // ()
}

// MAE is the mean of |y−t| over all values, PyTorch's L1Loss.
func MAE(s *graph.Scope, y, t *G.Node) *G.Node {
	return s.Apply(&ops.PointLoss{Of: ops.Absolute}, y, t) // ()
}

// BCE is the mean binary cross-entropy of targets t, each in 0..1, under the
// logits y, PyTorch's BCEWithLogitsLoss.
func BCE(s *graph.Scope, y, t *G.Node) *G.Node {
	return s.Apply(&ops.PointLoss{Of: ops.BinaryCrossEntropy}, y, t) // ()
}

// Masked is the error e of the rows of y that a mask of weights picks: y and t
// are (..., D), the mask is (...) and the result Σ mask·mean(row) / Σ mask, 0
// where the mask is empty.
func Masked(s *graph.Scope, e ops.Error, y, t, mask *G.Node) *G.Node {
	return s.Apply(&ops.PointLoss{Of: e, Masked: true}, y, t, mask) // ()
}
