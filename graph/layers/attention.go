package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// AttentionOptions are the settings of Attention; Heads must be given.
type AttentionOptions struct {
	Heads int
	// Causal lets token t look at tokens 0 to t only.
	Causal bool
	// Mask is (B, S), S being the tokens looked at: 0 leaves one out, padding for
	// example. Nil stands for all ones.
	Mask *G.Node
	// Memory, (B, S, E), is what the tokens look at in place of each other: cross
	// attention.
	Memory *G.Node
	// Place, integers (B, 1), says which token of sequences of Length x is, (B, 1, D):
	// causal attention one token at a time, for making new ones. See ops.AttentionStep.
	Place  *G.Node
	Length int
	// Weight draws the initial weights; nil stands for Xavier.
	Weight graph.Init
}

// Attention is multi-head attention of x, (B, T, D), with its projections (Vaswani
// et al. 2017, arXiv:1706.03762, section 3.2.2). The result is (B, T, D).
//
// The parameters are name/qkv/weight, (3D, D): the rows of the queries, then of the
// keys, then of the values, each with its heads one after the other; name/qkv/bias;
// name/proj/weight, (D, D), and name/proj/bias. With Memory, q and kv stand in the
// place of qkv. Biases start at zero. Outside of training the projection of self
// attention is tapped as name/qkv, (B, T, 3D).
func Attention(s *graph.Scope, name string, x *G.Node, o AttentionOptions) *G.Node {
	s = s.In(name)
	if x.Dims() != 3 {
		s.Fail("the input has shape %v, want (B, T, D)", x.Shape())
	}
	d := last(s, x)
	init := []Option{Weight(Xavier()), Bias(graph.Constant(0))}
	if o.Weight != nil {
		init[0] = Weight(o.Weight)
	}
	if o.Place != nil {
		y := s.Apply(&ops.AttentionStep{Heads: o.Heads, Length: o.Length}, Linear(s, "qkv", x, 3*d, init...), o.Place) // (B, 1, D)
		return Linear(s, "proj", y, d, init...)                                                                        // (B, 1, D)
	}
	k := &ops.Attention{Heads: o.Heads, Causal: o.Causal, Cross: o.Memory != nil, Masked: o.Mask != nil}
	var in []*G.Node
	if k.Cross {
		in = append(in, Linear(s, "q", x, d, init...), Linear(s, "kv", o.Memory, 2*d, init...)) // (B, T, D), (B, S, 2D)
	} else {
		qkv := Linear(s, "qkv", x, 3*d, init...) // (B, T, 3D)
		if !s.Training() {
			s.Tap("qkv", qkv) // what looks at what follows from it: ops.AttentionOf
		}
		in = append(in, qkv)
	}
	if k.Masked {
		in = append(in, o.Mask)
	}
	y := s.Apply(k, in...)                  // (B, T, D)
	return Linear(s, "proj", y, d, init...) // (B, T, D)
}
