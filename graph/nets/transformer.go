package nets

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

// Blocks is a stack of transformer blocks, each of attention and of two linear
// layers with an activation between them (Vaswani et al. 2017, arXiv:1706.03762,
// section 3.1).
//
// Names are those of the usual implementations: blocks/0/norm1/weight,
// blocks/0/attn/qkv/weight, blocks/0/attn/proj/weight, blocks/0/norm2/weight,
// blocks/0/mlp/fc1/weight, blocks/0/mlp/fc2/weight, and so on.
type Blocks struct {
	Depth  int // how many blocks
	Heads  int // of the attention
	Hidden int // width between the two linear layers
	// Post normalises after each addition, as in the paper: x = norm(x + f(x)).
	// Without it, x = x + f(norm(x)) (Xiong et al. 2020, arXiv:2002.04745), and the
	// result of the last block wants a norm of its own.
	Post    bool
	Act     ops.Activation
	Eps     float32    // of the layer norms
	Dropout float32    // of what each half of a block adds, in training
	Causal  bool       // a token looks at itself and those before it only
	Mask    *G.Node    // (B, T), 0 leaves a token out of all attention; nil: none
	Place   *G.Node    // (B, 1), which token x is, (B, 1, D), where they come one at a time; nil: x is all of them
	Length  int        // with Place: tokens of the longest sequence
	Weight  graph.Init // of the linear layers; nil stands for Xavier
}

// Check says what is wrong with the settings for tokens of that many values.
func (b Blocks) Check(dim int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if b.Depth < 1 || b.Depth > 1000 {
		bad("depth: is %d, want 1 to 1000", b.Depth)
	}
	if b.Heads < 1 || dim%b.Heads != 0 {
		bad("heads: is %d, want a divisor of the %d values of a token", b.Heads, dim)
	}
	if b.Hidden < 1 || b.Hidden > maxWidth {
		bad("mlp_ratio: makes a hidden layer of %d values, want 1 to %d", b.Hidden, maxWidth)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if n := b.Depth * (4*dim*dim + 2*dim*b.Hidden); n > maxWeights {
		return fmt.Errorf("depth, dim, mlp_ratio: %d blocks of %d values with hidden layers of %d have %d weights, want at most %d", b.Depth, dim, b.Hidden, n, maxWeights)
	}
	return nil
}

// hiddenWidth is the width of a hidden layer in units of dim; 0, which Check refuses,
// where that is no width.
func hiddenWidth(ratio float64, dim int) int {
	hidden := math.Round(ratio * float64(dim))
	if !(hidden >= 0 && hidden <= 2*maxWidth) { // NaN too
		return 0
	}
	return int(hidden)
}

// Apply builds the stack on x, (B, T, D), and taps the result of each block as
// blocks/0 and so on, (B, T, D).
func (b Blocks) Apply(s *graph.Scope, x *G.Node) *G.Node {
	return b.All(s, x)[b.Depth-1]
}

// All is Apply that gives the result of each block.
func (b Blocks) All(s *graph.Scope, x *G.Node) []*G.Node {
	var all []*G.Node
	for i := range b.Depth {
		name := fmt.Sprintf("blocks/%d", i)
		x = s.Tap(name, b.block(s.In(name), x)) // (B, T, D)
		all = append(all, x)
	}
	return all
}

func (b Blocks) block(s *graph.Scope, x *G.Node) *G.Node {
	norm := func(name string, x *G.Node) *G.Node { return layers.LayerNormWith(s, name, x, b.Eps) }
	if b.Post {
		x = norm("norm1", layers.Add(s, x, b.attention(s, x)))
		return norm("norm2", layers.Add(s, x, b.mlp(s.In("mlp"), x)))
	}
	x = layers.Add(s, x, b.attention(s, norm("norm1", x)))
	return layers.Add(s, x, b.mlp(s.In("mlp"), norm("norm2", x)))
}

func (b Blocks) attention(s *graph.Scope, x *G.Node) *G.Node {
	y := layers.Attention(s, "attn", x, layers.AttentionOptions{Heads: b.Heads, Causal: b.Causal, Mask: b.Mask, Place: b.Place, Length: b.Length, Weight: b.Weight})
	return layers.Dropout(s.In("attn"), y, b.Dropout)
}

func (b Blocks) mlp(s *graph.Scope, x *G.Node) *G.Node {
	init := []layers.Option{layers.Weight(layers.Xavier()), layers.Bias(graph.Constant(0))}
	if b.Weight != nil {
		init[0] = layers.Weight(b.Weight)
	}
	d := x.Shape()[x.Dims()-1]
	h := layers.Linear(s, "fc1", x, b.Hidden, append(init, layers.Act(b.Act))...) // (B, T, Hidden)
	return layers.Dropout(s, layers.Linear(s, "fc2", h, d, init...), b.Dropout)   // (B, T, D)
}
