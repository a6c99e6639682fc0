package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// What is added to variances, and how fast running statistics follow the
// batch's, as in PyTorch.
const (
	BatchNormEps      = 1e-5
	BatchNormMomentum = 0.1
	GroupNormEps      = 1e-5
)

// BatchNorm normalises each channel of x, (B, C) or (B, H, W, C), by the batch's
// mean and variance in training, and by the running ones in evaluation (Ioffe and
// Szegedy 2015, arXiv:1502.03167). Where its parameters are frozen it goes by the
// running ones in training too, and leaves them as they are. The parameters are name/weight from one and
// name/bias from zero; name/running_mean from zero and name/running_var from one
// are kept with them, all (C).
func BatchNorm(s *graph.Scope, name string, x *G.Node) *G.Node {
	s = s.In(name)
	c := last(s, x)
	args := []*G.Node{x, s.Param("weight", graph.Constant(1), c), s.Param("bias", graph.Constant(0), c)}
	mean := s.Buffer("running_mean", graph.Constant(0), c)
	variance := s.Buffer("running_var", graph.Constant(1), c)
	fixed := !s.Training() || s.Frozen("running_mean")
	k := &ops.BatchNorm{Eps: BatchNormEps, Momentum: BatchNormMomentum, Fixed: fixed}
	if fixed {
		args = append(args, mean, variance)
	} else {
		k.Mean, k.Var = s.BufferData("running_mean"), s.BufferData("running_var")
	}
	return s.Apply(k, args...) // as x
}
