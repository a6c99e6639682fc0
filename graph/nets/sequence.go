package nets

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("transformer", func() Encoder {
		return &Transformer{Dim: 256, Depth: 4, Heads: 4, MLPRatio: 4, Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"}
	})
}

// A Sequenced encoder gives a vector for each token of a sequence. Shapes: T tokens
// in a sequence, D values of each.
type Sequenced interface {
	Worded
	// Table is the vectors of the tokens before the encoder looks at their
	// neighbours, (vocabulary+1, D): the last row stands for a hidden token. An output
	// layer may be tied to it.
	Table(s *graph.Scope, vocabulary int) *G.Node
	// EncodeTokens encodes tokens (B, T), numbers up to vocabulary, which is a hidden
	// token; negative ones are padding, that nothing looks at. The result is
	// (B, lead+T, D): lead tokens of the encoder's own, such as a class token, and then
	// those of the sequence.
	EncodeTokens(s *graph.Scope, words *G.Node, vocabulary int) (tokens *G.Node, lead int)
	// Pool makes tokens the code, (B, D), and taps it.
	Pool(s *graph.Scope, tokens, words *G.Node, lead int) *G.Node
}

// TokenTable is where the table of a Sequenced encoder stands, below the encoder.
const TokenTable = "token_embed/weight"

// Transformer is a transformer over sequences of tokens (Vaswani et al. 2017,
// arXiv:1706.03762): that of BERT (Devlin et al. 2019, arXiv:1810.04805), or with
// Causal that of GPT. Tokens and their positions have a vector each; the sum passes
// through transformer blocks. The code is the mean of the tokens, the class token,
// or the last token.
type Transformer struct {
	Dim        int     `toml:"dim"`         // values of a token, and of the code
	Depth      int     `toml:"depth"`       // transformer blocks
	Heads      int     `toml:"heads"`       // of the attention; divides dim
	MLPRatio   float64 `toml:"mlp_ratio"`   // width of the hidden layer of a block, in units of dim
	Norm       string  `toml:"norm"`        // pre: before each half of a block, and at the end; post: after each, and of the input
	Activation string  `toml:"activation"`  // of the hidden layer of a block
	Positions  string  `toml:"positions"`   // learned; sincos: fixed
	MaxLength  int     `toml:"max_length"`  // tokens of the longest sequence; 0 = that of the data
	ClassToken bool    `toml:"class_token"` // a learned token before the others
	Pooling    string  `toml:"pool"`        // mean: of the tokens; class: the class token; last: the last token
	Causal     bool    `toml:"causal"`      // a token looks at itself and those before it only
	Dropout    float32 `toml:"dropout"`     // of the input and of what each half of a block adds, in training; 0 to below 1
}

// sequenceStd is the deviation of the initial weights (Devlin et al.'s program).
const sequenceStd = 0.02

// Check implements Encoder.
func (e *Transformer) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.Dim < 1 || e.Dim > maxWidth {
		bad("dim: is %d, want 1 to %d", e.Dim, maxWidth)
	} else if err := e.blocks(nil).Check(e.Dim); err != nil {
		errs = append(errs, err)
	}
	if e.Norm != "pre" && e.Norm != "post" {
		bad("norm: is %q, want pre or post", e.Norm)
	}
	if _, err := layers.Activation(e.Activation); err != nil {
		bad("activation: %w", err)
	}
	switch e.Positions {
	case "learned":
	case "sincos":
		if e.Dim%2 != 0 {
			bad("dim: is %d, want an even number for sincos positions", e.Dim)
		}
	default:
		bad("positions: is %q, want learned or sincos", e.Positions)
	}
	switch e.Pooling {
	case "mean", "last":
	case "class":
		if !e.ClassToken {
			bad(`pool: is "class", which needs class_token = true`)
		}
	default:
		bad("pool: is %q, want mean, class or last", e.Pooling)
	}
	if e.Causal && e.ClassToken {
		bad("class_token: is true, but with causal = true the first token looks at nothing; want false")
	}
	if !(e.Dropout >= 0 && e.Dropout < 1) {
		bad("dropout: is %v, want 0 to below 1", e.Dropout)
	}
	switch {
	case len(shape) != 1:
		bad("an example has shape %v; a transformer takes sequences of tokens: data from a text", shape)
	case e.MaxLength < 0 || e.MaxLength > maxWidth:
		bad("max_length: is %d, want 0 (that of the data) to %d", e.MaxLength, maxWidth)
	case e.MaxLength > 0 && e.MaxLength < shape[0]:
		bad("max_length: is %d, but the examples have %d tokens", e.MaxLength, shape[0])
	case e.Dim > 0 && e.Dim <= maxWidth && e.MaxLength*e.Dim > maxWeights:
		bad("max_length, dim: %d positions of %d values are %d weights, want at most %d", e.MaxLength, e.Dim, e.MaxLength*e.Dim, maxWeights)
	}
	return errors.Join(errs...)
}

// blocks is the stack; mask is (B, lead+T).
func (e *Transformer) blocks(mask *G.Node) Blocks {
	act, _ := layers.Activation(e.Activation) // Check says what is wrong
	return Blocks{Depth: e.Depth, Heads: e.Heads, Hidden: hiddenWidth(e.MLPRatio, e.Dim), Post: e.Norm == "post", Act: act,
		Eps: layers.LayerNormEps, Dropout: e.Dropout, Causal: e.Causal, Mask: mask, Weight: layers.Normal(sequenceStd)}
}

// CodeSize implements Encoder.
func (e *Transformer) CodeSize([]int) int { return e.Dim }

// Table implements Sequenced. The parameter is token_embed/weight.
func (e *Transformer) Table(s *graph.Scope, vocabulary int) *G.Node {
	return s.Param(TokenTable, layers.Normal(sequenceStd), vocabulary+1, e.Dim) // (V+1, D)
}

// EncodeTokens implements Sequenced. The parameters are token_embed/weight,
// (V+1, D), pos_embed, (lead+MaxLength, D), which is a buffer where the positions
// are fixed, class_token, (D), those of the blocks, norm/weight and norm/bias. It
// taps blocks/0 and so on, and tokens.
func (e *Transformer) EncodeTokens(s *graph.Scope, words *G.Node, vocabulary int) (*G.Node, int) {
	lead, length := 0, words.Shape()[1]
	var class *G.Node
	if e.ClassToken {
		lead, class = 1, s.Param("class_token", layers.Normal(sequenceStd), e.Dim) // (D)
	}
	x := s.Apply(&ops.Embedding{Dense: true, Absent: true}, e.Table(s, vocabulary), words) // (B, T, D)
	x = layers.Positions(s, x, e.positions(s, lead, max(e.MaxLength, length)), class, nil) // (B, lead+T, D)
	if e.Norm == "post" {
		x = layers.LayerNorm(s, "norm", x)
	}
	x = layers.Dropout(s, x, e.Dropout)
	x = e.blocks(s.Apply(&ops.Present{Lead: lead}, words)).Apply(s, x)
	if e.Norm == "pre" {
		x = layers.LayerNorm(s, "norm", x)
	}
	return s.Tap("tokens", x), lead // (B, lead+T, D)
}

// positions are those of as many tokens, (lead+length, D).
func (e *Transformer) positions(s *graph.Scope, lead, length int) *G.Node {
	if e.Positions == "learned" {
		return s.Param("pos_embed", layers.Normal(sequenceStd), lead+length, e.Dim)
	}
	table := func() ([]float32, error) { return SinCos(e.Dim, length, lead) }
	return s.Buffer("pos_embed", tabled(s.In("pos_embed"), table), lead+length, e.Dim)
}

// Pool implements Sequenced.
func (e *Transformer) Pool(s *graph.Scope, tokens, words *G.Node, lead int) *G.Node {
	if e.Pooling == "class" {
		return s.Tap("code", layers.Token(s, tokens, 0)) // (B, D)
	}
	return s.Tap("code", s.Apply(&ops.PoolTokens{Lead: lead, Last: e.Pooling == "last"}, tokens, words)) // (B, D)
}

// EncodeWords implements Worded.
func (e *Transformer) EncodeWords(s *graph.Scope, words *G.Node, v *data.Vocabulary) *G.Node {
	tokens, lead := e.EncodeTokens(s, words, v.Len()) // (B, lead+T, D)
	return e.Pool(s, tokens, words, lead)             // (B, D)
}

// Encode implements Encoder. It ends the building: there are no tokens in values.
func (e *Transformer) Encode(s *graph.Scope, x *G.Node) *G.Node {
	s.Fail("a transformer takes tokens, and the input is of type %v", x.Dtype())
	return nil
}

var _ Sequenced = (*Transformer)(nil)
