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
	Register("vit", func() Encoder {
		return &ViT{Patch: 4, Dim: 192, Depth: 6, Heads: 3, MLPRatio: 4, ClassToken: true, Pooling: "mean", Positions: "sincos"}
	})
}

// A Patched encoder works on the patches of a picture, and can be given some of
// them only. Shapes: T patches of P values in a picture, D values of a token.
type Patched interface {
	Encoder
	// Grid says how pictures of shape (C, H, W) are cut.
	Grid(shape []int) (ops.PatchGrid, error)
	// EncodePatches encodes patches (B, N, P) by themselves; ids, integers (B, N)
	// below T, say where in the picture they are, and nil that all are there in order.
	// The result is (B, lead+N, D): lead tokens that belong to no patch, such as a
	// class token, then those of the patches.
	EncodePatches(s *graph.Scope, grid ops.PatchGrid, patches, ids *G.Node) (tokens *G.Node, lead int)
	// Pool makes tokens the code, (B, D), and taps it.
	Pool(s *graph.Scope, tokens *G.Node, lead int) *G.Node
}

// An Attentive encoder is a stack of transformer blocks over patches. It taps the
// projections of self attention as blocks/0/attn/qkv and so on.
type Attentive interface {
	Patched
	// Attends says how many blocks there are, and heads in each.
	Attends() (blocks, heads int)
}

// ViT is a vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), with
// the norm before each half of a block: the patches of a picture are embedded
// linearly, take their positions, and pass through transformer blocks and a norm.
// The code is the class token, or the mean of the tokens of the patches.
type ViT struct {
	Patch      int     `toml:"patch"`       // pixels along the side of a patch; divides height and width
	Dim        int     `toml:"dim"`         // values of a token, and of the code
	Depth      int     `toml:"depth"`       // transformer blocks
	Heads      int     `toml:"heads"`       // of the attention; divides dim
	MLPRatio   float64 `toml:"mlp_ratio"`   // width of the hidden layer of a block, in units of dim
	ClassToken bool    `toml:"class_token"` // a learned token beside the patches
	Pooling    string  `toml:"pool"`        // mean: of the patches' tokens; class: the class token
	Positions  string  `toml:"positions"`   // sincos: fixed, two-dimensional; learned
	Dropout    float32 `toml:"dropout"`     // of what each half of a block adds, in training; 0 to below 1
}

// vitEps is that of the layer norms of vision transformers.
const vitEps = 1e-6

// Check implements Encoder.
func (e *ViT) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := ops.NewPatchGrid(shape, e.Patch); err != nil {
		bad("patch: %w", err)
	}
	if e.Dim < 1 || e.Dim > maxWidth {
		bad("dim: is %d, want 1 to %d", e.Dim, maxWidth)
	} else if err := e.blocks().Check(e.Dim); err != nil {
		errs = append(errs, err)
	}
	switch e.Pooling {
	case "mean":
	case "class":
		if !e.ClassToken {
			bad(`pool: is "class", which needs class_token = true`)
		}
	default:
		bad("pool: is %q, want mean or class", e.Pooling)
	}
	switch e.Positions {
	case "learned":
	case "sincos":
		if e.Dim%4 != 0 {
			bad("dim: is %d, want a multiple of 4 for sincos positions", e.Dim)
		}
	default:
		bad("positions: is %q, want sincos or learned", e.Positions)
	}
	if !(e.Dropout >= 0 && e.Dropout < 1) {
		bad("dropout: is %v, want 0 to below 1", e.Dropout)
	}
	return errors.Join(errs...)
}

func (e *ViT) blocks() Blocks {
	return Blocks{Depth: e.Depth, Heads: e.Heads, Hidden: hiddenWidth(e.MLPRatio, e.Dim),
		Act: ops.Activation{Func: ops.GELU}, Eps: vitEps, Dropout: e.Dropout}
}

// CodeSize implements Encoder.
func (e *ViT) CodeSize([]int) int { return e.Dim }

// Grid implements Patched.
func (e *ViT) Grid(shape []int) (ops.PatchGrid, error) { return ops.NewPatchGrid(shape, e.Patch) }

// Encode implements Encoder. It taps blocks/0 and so on, tokens, and code.
func (e *ViT) Encode(s *graph.Scope, x *G.Node) *G.Node {
	grid, err := e.Grid(x.Shape()[1:])
	if err != nil {
		s.Fail("%w", err)
	}
	patches := layers.Patchify(s, x, e.Patch)              // (B, T, P)
	tokens, lead := e.EncodePatches(s, grid, patches, nil) // (B, lead+T, D)
	return e.Pool(s, tokens, lead)                         // (B, D)
}

// Pool implements Patched.
func (e *ViT) Pool(s *graph.Scope, tokens *G.Node, lead int) *G.Node {
	if e.Pooling == "class" {
		return s.Tap("code", layers.Token(s, tokens, 0)) // (B, D)
	}
	return s.Tap("code", layers.MeanTokens(s, tokens, lead, tokens.Shape()[1])) // (B, D)
}

// EncodePatches implements Patched. The parameters are patch_embed/weight, (D, P),
// patch_embed/bias, pos_embed, (lead+T, D), which is a buffer where the positions
// are fixed, class_token, (D), those of the blocks, norm/weight and norm/bias.
func (e *ViT) EncodePatches(s *graph.Scope, grid ops.PatchGrid, patches, ids *G.Node) (*G.Node, int) {
	lead := 0
	var class *G.Node
	if e.ClassToken {
		lead, class = 1, s.Param("class_token", layers.Normal(0.02), e.Dim) // (D)
	}
	var positions *G.Node // (lead+T, D)
	if e.Positions == "learned" {
		positions = s.Param("pos_embed", layers.Normal(0.02), lead+grid.Patches(), e.Dim)
	} else {
		positions = FixedPositions(s, "pos_embed", e.Dim, grid, lead)
	}
	x := layers.Linear(s, "patch_embed", patches, e.Dim,
		layers.Weight(layers.Xavier()), layers.Bias(graph.Constant(0))) // (B, N, D)
	x = layers.Positions(s, x, positions, class, ids) // (B, lead+N, D)
	x = layers.Dropout(s, x, e.Dropout)
	x = e.blocks().Apply(s, x)
	return s.Tap("tokens", layers.LayerNormWith(s, "norm", x, vitEps)), lead
}

// MapSize implements Mapped.
func (e *ViT) MapSize(shape []int) (h, w, c int, ok bool) {
	return shape[1] / e.Patch, shape[2] / e.Patch, e.Dim, true
}

// EncodeMap implements Mapped: the tokens of the patches where they stand.
func (e *ViT) EncodeMap(s *graph.Scope, x *G.Node) layers.Map {
	grid, err := e.Grid(x.Shape()[1:])
	if err != nil {
		s.Fail("%w", err)
	}
	tokens, lead := e.EncodePatches(s, grid, layers.Patchify(s, x, e.Patch), nil) // (B, lead+T, D)
	if !s.Training() {
		e.Pool(s, tokens, lead) // (B, D)
	}
	if lead > 0 {
		tokens = layers.Tokens(s, tokens, lead, lead+grid.Patches()) // (B, T, D)
	}
	return layers.Map{N: layers.Reshape(s, tokens, x.Shape()[0], grid.Rows(), grid.Cols(), e.Dim)} // (B, h, w, D)
}

// FixedPositions is a buffer with the sine-cosine positions of a grid, (lead+T, dim).
func FixedPositions(s *graph.Scope, name string, dim int, grid ops.PatchGrid, lead int) *G.Node {
	table := func() ([]float32, error) { return SinCos2D(dim, grid.Rows(), grid.Cols(), lead) }
	return s.Buffer(name, tabled(s.In(name), table), lead+grid.Patches(), dim)
}

// Attends implements Attentive.
func (e *ViT) Attends() (blocks, heads int) { return e.Depth, e.Heads }

var (
	_ Attentive = (*ViT)(nil)
	_ Patched   = (*ViT)(nil)
	_ Mapped    = (*ViT)(nil)
)
