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

// A LossOption changes CrossEntropy.
type LossOption func(*crossEntropy)

type crossEntropy struct {
	ops.CrossEntropy
	weights *G.Node
}

// Smoothing mixes a target with the uniform distribution: (1−e)·target + e/C
// (Szegedy et al. 2016, arXiv:1512.00567, section 7). 0 ≤ e < 1.
func Smoothing(e float32) LossOption { return func(o *crossEntropy) { o.Smoothing = e } }

// IgnoreTarget leaves out rows with this target. PyTorch's is −100.
func IgnoreTarget(t int) LossOption {
	return func(o *crossEntropy) { o.Ignores, o.Ignore = true, t }
}

// ClassWeights weights the classes; w is (C).
func ClassWeights(w *G.Node) LossOption { return func(o *crossEntropy) { o.weights = w } }

// SoftTargets takes the targets for distributions over the classes: float32 of
// the shape of the logits.
func SoftTargets() LossOption { return func(o *crossEntropy) { o.Soft = true } }

// ClassMap takes the second axis of the logits for the classes: (N, C, ...), with
// targets (N, ...).
func ClassMap() LossOption { return func(o *crossEntropy) { o.Map = true } }

// CrossEntropy is the softmax cross-entropy, averaged over the rows: the logits
// are (..., C), the targets integers below C, (...), and the result a scalar.
func CrossEntropy(s *graph.Scope, logits, targets *G.Node, opts ...LossOption) *G.Node {
	var o crossEntropy
	for _, f := range opts {
		f(&o)
	}
	in := []*G.Node{logits, targets}
	if o.weights != nil {
		o.Weighted = true
		in = append(in, o.weights)
	}
	return s.Apply(&o.CrossEntropy, in...) // ()
}

// Accuracy is the share of rows whose largest logit is that of the target; those
// with a negative target do not count. The logits are (..., C), the targets (...),
// and the result is a scalar without gradient.
func Accuracy(s *graph.Scope, logits, targets *G.Node) *G.Node {
	return s.Apply(&ops.Accuracy{}, logits, targets) // ()
}

// NTXent is the contrastive loss of views, (2N, D), of which rows i and i+N show one
// example (ops.NTXent).
func NTXent(s *graph.Scope, z *G.Node, temperature float32) *G.Node {
	return s.Apply(&ops.NTXent{Temperature: temperature}, z) // ()
}

// LearnedInfoNCE is the contrastive loss of pairs, rows i of a and b, both (N, D), of a
// among b and of b among a (ops.InfoNCE), with a temperature that is learned: scale, (1),
// is the log of its inverse (Radford et al. 2021, arXiv:2103.00020, section 2.4).
func LearnedInfoNCE(s *graph.Scope, a, b, scale *G.Node) *G.Node {
	return s.Apply(&ops.InfoNCE{Symmetric: true, Learned: true}, a, b, scale) // ()
}

// WeightedSum is Σ wᵢ·xᵢ over scalars, such as the parts of a loss: as many
// weights as nodes.
func WeightedSum(s *graph.Scope, weights []float32, x ...*G.Node) *G.Node {
	return s.Apply(&ops.WeightedSum{Weights: weights}, x...) // ()
}

// LinearCrossEntropy is the softmax cross-entropy of x Wᵀ + b, averaged over the rows
// that have a target: x is (..., D), weight (C, D), bias (C), the targets integers
// below C, (...), negative ones for none. right is the share of those rows whose
// target has the largest logit. Both are scalars. It needs less memory and time than
// Linear and CrossEntropy where the classes are many.
func LinearCrossEntropy(s *graph.Scope, x, weight, bias, targets *G.Node) (loss, right *G.Node) {
	k := &ops.LinearCrossEntropy{}
	loss = s.Apply(k, x, weight, bias, targets)  // ()
	return loss, s.Apply(&ops.Hits{Of: k}, loss) // ()
}
