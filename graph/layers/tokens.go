package layers

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// Patchify cuts pictures, (B, C, H, W), into patches of size x size pixels: (B, T,
// size·size·C), in the order of ops.PatchGrid.
func Patchify(s *graph.Scope, x *G.Node, size int) *G.Node {
	return s.Apply(&ops.Patchify{Size: size}, x)
}

// Unpatchify joins patches, (B, T, Size·Size·C), to pictures, (B, C, H, W).
func Unpatchify(s *graph.Scope, x *G.Node, g ops.PatchGrid) *G.Node {
	return s.Apply(&ops.Unpatchify{Grid: g}, x)
}

// Positions adds to tokens, (B, N, D), the rows of their positions, (T, D).
//
// class, (D), is put before the tokens of each example and takes the first row of
// the positions, (1+T, D); the result is then (B, 1+N, D). ids, integers (B, N)
// below T, say which positions the tokens have. Both may be nil: no class token;
// tokens 0 to T−1 in order.
func Positions(s *graph.Scope, x, positions, class, ids *G.Node) *G.Node {
	in := []*G.Node{x, positions}
	if class != nil {
		in = append(in, class)
	}
	if ids != nil {
		in = append(in, ids)
	}
	return s.Apply(&ops.Position{Class: class != nil, Picked: ids != nil}, in...)
}

// RestoreTokens puts tokens back to the places, of which there are t, that ids name,
// integers (B, K), and the token common, (D), in all other places. x is (B, lead+K,
// D), the first lead tokens of which stay in front; the result is (B, lead+t, D).
func RestoreTokens(s *graph.Scope, x, common, ids *G.Node, t, lead int) *G.Node {
	return s.Apply(&ops.Restore{Tokens: t, Lead: lead}, x, common, ids)
}

// GatherTokens takes the tokens that ids name, integers (B, N) below T, from x,
// (B, lead+T, D): (B, N, D). The first lead tokens are not counted.
func GatherTokens(s *graph.Scope, x, ids *G.Node, lead int) *G.Node {
	return s.Apply(&ops.Gather{Lead: lead}, x, ids)
}

// Tokens are tokens from to to−1 of x, (B, T, D): (B, to−from, D).
func Tokens(s *graph.Scope, x *G.Node, from, to int) *G.Node {
	if x.Dims() == 3 && from == 0 && to == x.Shape()[1] {
		return x
	}
	return s.Apply(&ops.TokenRange{From: from, To: to}, x)
}

// Token is token i of x, (B, T, D), by itself: (B, D).
func Token(s *graph.Scope, x *G.Node, i int) *G.Node {
	return s.Apply(&ops.TokenRange{From: i, To: i + 1, Mean: true}, x)
}

// MeanTokens is the mean of tokens from to to−1 of x, (B, T, D): (B, D).
func MeanTokens(s *graph.Scope, x *G.Node, from, to int) *G.Node {
	return s.Apply(&ops.TokenRange{From: from, To: to, Mean: true}, x)
}

// ConcatTokens puts the tokens of its inputs, (B, Tᵢ, D), after each other: (B, ΣTᵢ, D).
func ConcatTokens(s *graph.Scope, x ...*G.Node) *G.Node {
	return s.Apply(&ops.ConcatTokens{Inputs: len(x)}, x...)
}

// EmbeddingOptions change Embedding from its default.
type EmbeddingOptions struct {
	// HasPadding keeps the row Padding of the table from being trained.
	HasPadding bool
	Padding    int
	// Shared must be set where anything else in the graph uses the table too, such
	// as an output layer with tied weights: its gradient then has all rows.
	Shared bool
	// Weight draws the table; nil stands for N(0, 1), PyTorch's.
	Weight graph.Init
}

// Embedding looks up ids, integers (...) below rows, in the table name/weight,
// (rows, d): (..., d).
func Embedding(s *graph.Scope, name string, ids *G.Node, rows, d int, o EmbeddingOptions) *G.Node {
	s = s.In(name)
	if o.Weight == nil {
		o.Weight = Normal(1)
	}
	k := &ops.Embedding{HasPadding: o.HasPadding, Padding: o.Padding, Dense: o.Shared}
	return s.Apply(k, s.Param("weight", o.Weight, rows, d), ids)
}
