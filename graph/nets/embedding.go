package nets

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/ops"
)

func init() {
	Register("embedding", func() Encoder { return &Embedding{Dim: 100} })
}

// A Worded encoder maps runs of words, where others map values.
type Worded interface {
	Encoder
	// EncodeWords is Encode for words: (B, T) numbers below vocabulary, negative
	// ones standing for none; the code is (B, CodeSize).
	EncodeWords(s *graph.Scope, words *G.Node, vocabulary int) *G.Node
}

// A Lexical encoder is a table of word vectors, (vocabulary, CodeSize), which an
// objective may train by pairs of words.
type Lexical interface {
	Worded
	Vectors(s *graph.Scope, vocabulary int) *G.Node
}

// Embedding is a vector for each word; the code of a run of words is their mean.
// It is the encoder of the skip-gram.
type Embedding struct {
	Dim int `toml:"dim"` // size of the vectors
}

// Check implements Encoder.
func (e *Embedding) Check(shape []int) error {
	if e.Dim < 1 || e.Dim > maxWidth {
		return fmt.Errorf("dim: is %d, want 1 to %d", e.Dim, maxWidth)
	}
	if len(shape) != 1 {
		return fmt.Errorf("an example has shape %v; an embedding takes runs of words: data from a text", shape)
	}
	return nil
}

// CodeSize implements Encoder.
func (e *Embedding) CodeSize([]int) int { return e.Dim }

// Vectors implements Lexical. The parameter is weight, (V, Dim), drawn uniformly
// from ±1/(2·Dim) as word2vec does.
func (e *Embedding) Vectors(s *graph.Scope, vocabulary int) *G.Node {
	return s.Param("weight", func(r *draw.Rand, shape []int, w []float32) {
		for i := range w {
			w[i] = (r.Float32() - 0.5) / float32(shape[1])
		}
	}, vocabulary, e.Dim) // (V, Dim)
}

// EncodeWords implements Worded.
func (e *Embedding) EncodeWords(s *graph.Scope, words *G.Node, vocabulary int) *G.Node {
	return s.Tap("code", s.Apply(&ops.MeanRows{}, e.Vectors(s, vocabulary), words)) // (B, Dim)
}

// Encode implements Encoder. It ends the building: there are no words in values.
func (e *Embedding) Encode(s *graph.Scope, x *G.Node) *G.Node {
	s.Fail("an embedding takes words, and the input is of type %v", x.Dtype())
	return nil
}

var _ Lexical = (*Embedding)(nil)
