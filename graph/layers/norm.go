package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// LayerNormEps is added to the variance, as in PyTorch.
const LayerNormEps = 1e-5

// LayerNorm normalises x, (..., D), over its last axis (Ba et al. 2016,
// arXiv:1607.06450). The parameters are name/weight, (D), from one, and
// name/bias, (D), from zero.
func LayerNorm(s *graph.Scope, name string, x *G.Node) *G.Node {
	return LayerNormWith(s, name, x, LayerNormEps)
}

// LayerNormWith is LayerNorm with another eps, such as the 1e-6 of vision
// transformers.
func LayerNormWith(s *graph.Scope, name string, x *G.Node, eps float32) *G.Node {
	s = s.In(name)
	d := last(s, x)
	return s.Apply(&ops.LayerNorm{Eps: eps}, x,
		s.Param("weight", graph.Constant(1), d), s.Param("bias", graph.Constant(0), d)) // (..., D)
}

// Dropout drops each value of x with chance p in training and scales the others
// by 1/(1−p) (Srivastava et al. 2014). In evaluation it is x itself.
func Dropout(s *graph.Scope, x *G.Node, p float32) *G.Node {
	if p == 0 || !s.Training() {
		return x
	}
	return s.Apply(&ops.Dropout{P: p}, x)
}
