package nets

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("igpt", func() Encoder { return &IGPT{Dim: 128, Depth: 4, Heads: 4, MLPRatio: 4} })
}

// An Autoregressive encoder knows of each symbol of a picture, of K symbols, those
// before it alone, and so can be asked for the next. Shapes: T symbols in a picture,
// in raster order, D values of a state.
type Autoregressive interface {
	Encoder
	// States are what is known at each place, (B, T, D). before, integers (B, T), are
	// the symbols before each place; k stands for the beginning. In evaluation it taps
	// the code, (B, CodeSize), as "code".
	States(s *graph.Scope, before *G.Node, k int) *G.Node
	// State is that of one place, (B, 1, D), of pictures of length symbols; before and
	// place are (B, 1). Places are asked for one after the other, from 0.
	State(s *graph.Scope, before, place *G.Node, k, length int) *G.Node
}

// IGPT is the transformer decoder of image GPT (Chen et al. 2020, "Generative
// pretraining from pixels", ICML): symbols and their places have a learned vector
// each; causal blocks with the norm before each half follow, and a norm. The code
// is the mean over all places of what a block in the middle gives, where linear
// probes find most (section 4.1).
type IGPT struct {
	Dim      int     `toml:"dim"`       // values of a state, and of the code
	Depth    int     `toml:"depth"`     // transformer blocks
	Heads    int     `toml:"heads"`     // of the attention; divides dim
	MLPRatio float64 `toml:"mlp_ratio"` // width of the hidden layer of a block, in units of dim
	Layer    int     `toml:"layer"`     // the block whose mean is the code, from 1; 0 = the one in the middle
	Dropout  float32 `toml:"dropout"`   // of the input and of what each half of a block adds, in training; 0 to below 1
}

// igptStd is the deviation of the initial weights, as in GPT.
const igptStd = 0.02

// maxSymbols bounds the symbols of a picture: attention grows with their square.
const maxSymbols = 1 << 14

// Check implements Encoder. Examples are pictures (C, H, W), of which a pixel is a
// symbol, or grids of symbols (H, W).
func (e *IGPT) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.Dim < 1 || e.Dim > maxWidth {
		bad("dim: is %d, want 1 to %d", e.Dim, maxWidth)
	} else if err := e.blocks().Check(e.Dim); err != nil {
		errs = append(errs, err)
	}
	if e.Layer < 0 || e.Layer > max(e.Depth, 0) {
		bad("layer: is %d, want 0 (the one in the middle) to the %d blocks", e.Layer, e.Depth)
	}
	if !(e.Dropout >= 0 && e.Dropout < 1) { // NaN too
		bad("dropout: is %v, want 0 to below 1", e.Dropout)
	}
	switch n := len(shape); {
	case n != 2 && n != 3:
		bad("an example has shape %v; igpt takes pictures of (channels, height, width) or grids of (height, width)", shape)
	case size(shape[n-2:]) > maxSymbols:
		bad("an example of %dx%d has %d symbols, igpt takes up to %d; a smaller data.size helps", shape[n-2], shape[n-1], size(shape[n-2:]), maxSymbols)
	}
	return errors.Join(errs...)
}

func (e *IGPT) blocks() Blocks {
	return Blocks{Depth: e.Depth, Heads: e.Heads, Hidden: hiddenWidth(e.MLPRatio, e.Dim), Act: ops.Activation{Func: ops.GELU},
		Eps: layers.LayerNormEps, Dropout: e.Dropout, Causal: true, Weight: layers.Normal(igptStd)}
}

// CodeSize implements Encoder.
func (e *IGPT) CodeSize([]int) int { return e.Dim }

// States implements Autoregressive. The parameters are symbol_embed/weight, (K+1, D),
// pos_embed, (T, D), those of the blocks, norm/weight and norm/bias. It taps blocks/0
// and so on, and states.
func (e *IGPT) States(s *graph.Scope, before *G.Node, k int) *G.Node {
	length := before.Shape()[1]
	x := e.blocks().All(s, e.embed(s, before, nil, k, length)) // (B, T, D) each
	if !s.Training() {
		layer := e.Layer
		if layer == 0 {
			layer = (e.Depth + 1) / 2
		}
		s.Tap("code", layers.MeanTokens(s, x[layer-1], 0, length)) // (B, D)
	}
	return s.Tap("states", layers.LayerNorm(s, "norm", x[len(x)-1])) // (B, T, D)
}

// State implements Autoregressive.
func (e *IGPT) State(s *graph.Scope, before, place *G.Node, k, length int) *G.Node {
	b := e.blocks()
	b.Place, b.Length = place, length
	return layers.LayerNorm(s, "norm", b.Apply(s, e.embed(s, before, place, k, length))) // (B, 1, D)
}

// embed gives symbols, (B, N), their vectors and those of their places.
func (e *IGPT) embed(s *graph.Scope, before, place *G.Node, k, length int) *G.Node {
	x := layers.Embedding(s, "symbol_embed", before, k+1, e.Dim, layers.EmbeddingOptions{Shared: true, Weight: layers.Normal(igptStd)}) // (B, N, D)
	x = layers.Positions(s, x, s.Param("pos_embed", layers.Normal(igptStd), length, e.Dim), nil, place)                                 // (B, N, D)
	return layers.Dropout(s, x, e.Dropout)
}

// Encode implements Encoder. It ends the building: there are no symbols in values.
func (e *IGPT) Encode(s *graph.Scope, x *G.Node) *G.Node {
	s.Fail("igpt takes symbols, as next-pixel makes them of pixels, and the input is of type %v", x.Dtype())
	return nil
}

var _ Autoregressive = (*IGPT)(nil)
