// Package layers holds the parts that encoders and heads are made of: functions
// that put fused operations and their parameters into a graph.
//
// Shapes in comments: B batch, D values of a row, C classes; (..., D) is any
// number of leading axes.
package layers

import (
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// An Option changes a layer from its default.
type Option func(*options)

type options struct {
	act    ops.Activation
	noBias bool
	weight graph.Init
	bias   graph.Init
	groups int    // of a convolution
	outPad [2]int // of a transposed one
}

// Act applies an activation to the output, in the same pass over it.
func Act(a ops.Activation) Option { return func(o *options) { o.act = a } }

// NoBias leaves the bias out.
func NoBias() Option { return func(o *options) { o.noBias = true } }

// Weight draws the initial weight otherwise.
func Weight(init graph.Init) Option { return func(o *options) { o.weight = init } }

// Bias draws the initial bias otherwise.
func Bias(init graph.Init) Option { return func(o *options) { o.bias = init } }

// Linear returns act(x Wᵀ + b): x is (..., in) and the result (..., out). The
// parameters are name/weight, (out, in), and name/bias, (out).
//
// Both are drawn from U(−1/√in, 1/√in), as in PyTorch (see LeCun).
func Linear(s *graph.Scope, name string, x *G.Node, out int, opts ...Option) *G.Node {
	s = s.In(name)
	in := last(s, x)
	if out < 1 {
		s.Fail("has %d outputs, want at least 1", out)
	}
	o := options{weight: LeCun(), bias: Uniform(1 / math.Sqrt(float64(in)))}
	for _, f := range opts {
		f(&o)
	}
	args := []*G.Node{x, s.Param("weight", o.weight, out, in)}
	if !o.noBias {
		args = append(args, s.Param("bias", o.bias, out))
	}
	return s.Apply(&ops.Linear{NoBias: o.noBias, Act: o.act}, args...) // (..., out)
}

// last is the size of the last axis of x.
func last(s *graph.Scope, x *G.Node) int {
	if x == nil || x.Dims() < 1 {
		s.Fail("needs an input of at least one axis")
	}
	return x.Shape()[x.Dims()-1]
}
