package nets

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/ops"
)

func init() {
	Register("embedding", func() Encoder { return &Embedding{Dim: 100, Buckets: 200_000} })
}

// A Worded encoder maps runs of words, where others map values.
type Worded interface {
	Encoder
	// EncodeWords is Encode for words: (B, T) numbers of those of a vocabulary, negative
	// ones standing for none; the code is (B, CodeSize).
	EncodeWords(s *graph.Scope, words *G.Node, v *data.Vocabulary) *G.Node
}

// A Lexical encoder is a table of word vectors, which an objective may train by pairs
// of words.
type Lexical interface {
	Worded
	// Vectors is the table, (rows, CodeSize), and of which of its rows the vector of
	// each word is made; nil where word i has row i and there are no others.
	Vectors(s *graph.Scope, v *data.Vocabulary) (table *G.Node, bags *ops.Bags)
	// Parts are the rows that a word which is not in the vocabulary shares with others;
	// none where it has to be known.
	Parts(word string, v *data.Vocabulary) []int32
}

// Embedding is a vector for each word; the code of a run of words is their mean.
// It is the encoder of the skip-gram.
//
// With MaxN a word's vector is made of its own and of those of its parts, sequences of
// MinN to MaxN letters, so that words that are written alike begin with something in
// common, and a word that was never seen has a vector too (fastText; Bojanowski et al.
// 2017, arXiv:1607.04606). Parts stand in Buckets rows after those of the words.
type Embedding struct {
	Dim     int `toml:"dim"`     // size of the vectors
	MinN    int `toml:"min_n"`   // letters of the shortest part of a word
	MaxN    int `toml:"max_n"`   // of the longest; 0 = words have no parts
	Buckets int `toml:"buckets"` // rows that the parts share
}

// Bounds of the parts of a word.
const (
	maxPart    = 32
	maxBuckets = 1 << 24
)

// Check implements Encoder.
func (e *Embedding) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.Dim < 1 || e.Dim > maxWidth {
		bad("dim: is %d, want 1 to %d", e.Dim, maxWidth)
	}
	switch {
	case e.MaxN < 0 || e.MaxN > maxPart:
		bad("max_n: is %d, want 0 (words have no parts) to %d letters", e.MaxN, maxPart)
	case e.MinN < 0 || e.MinN > e.MaxN || e.MinN == 0 && e.MaxN > 0:
		bad("min_n: is %d, want 1 to max_n, which is %d letters", e.MinN, e.MaxN)
	}
	if e.MaxN > 0 && !(e.Buckets >= 1 && e.Buckets <= maxBuckets) {
		bad("buckets: is %d, want 1 to %d", e.Buckets, maxBuckets)
	} else if n := e.Buckets * e.Dim; e.MaxN > 0 && n > maxWeights {
		bad("buckets, dim: %d rows of %d values for the parts of words are %d weights, want at most %d", e.Buckets, e.Dim, n, maxWeights)
	}
	if len(shape) != 1 {
		bad("an example has shape %v; an embedding takes runs of words: data from a text", shape)
	}
	return errors.Join(errs...)
}

// CodeSize implements Encoder.
func (e *Embedding) CodeSize([]int) int { return e.Dim }

// Vectors implements Lexical. The parameter is weight, (V, Dim) or (V+Buckets, Dim),
// drawn uniformly from ±1/(2·Dim) as word2vec does.
func (e *Embedding) Vectors(s *graph.Scope, v *data.Vocabulary) (*G.Node, *ops.Bags) {
	rows, bags := v.Len(), (*ops.Bags)(nil)
	if e.MaxN > 0 {
		rows, bags = v.Len()+e.Buckets, &ops.Bags{Start: []int{0}}
		for i, word := range v.Words {
			bags.Rows = append(append(bags.Rows, int32(i)), e.Parts(word, v)...)
			bags.Start = append(bags.Start, len(bags.Rows))
		}
	}
	table := s.Param("weight", func(r *draw.Rand, shape []int, w []float32) {
		for i := range w {
			w[i] = (r.Float32() - 0.5) / float32(shape[1])
		}
	}, rows, e.Dim)
	return table, bags
}

// Parts implements Lexical.
func (e *Embedding) Parts(word string, v *data.Vocabulary) []int32 {
	if e.MaxN == 0 {
		return nil
	}
	parts := data.Ngrams(word, e.MinN, e.MaxN, e.Buckets)
	for i := range parts {
		parts[i] += int32(v.Len())
	}
	return parts
}

// EncodeWords implements Worded.
func (e *Embedding) EncodeWords(s *graph.Scope, words *G.Node, v *data.Vocabulary) *G.Node {
	table, bags := e.Vectors(s, v)
	return s.Tap("code", s.Apply(&ops.MeanRows{Bags: bags}, table, words)) // (B, Dim)
}

// Encode implements Encoder. It ends the building: there are no words in values.
func (e *Embedding) Encode(s *graph.Scope, x *G.Node) *G.Node {
	s.Fail("an embedding takes words, and the input is of type %v", x.Dtype())
	return nil
}

var _ Lexical = (*Embedding)(nil)
