// Package nets holds the encoders, and the decoders that mirror them.
//
// An encoder maps a batch to a code; which task it is trained on is not its
// business. Each is a struct whose exported fields are its settings.
package nets

import (
	G "gorgonia.org/gorgonia"

	"x2vec/data/naming"
	"x2vec/graph"
	"x2vec/graph/layers"
)

// An Encoder maps a batch to its code and taps what lies between.
//
// Check is called with the shape of one example before anything is built.
// Encode may be called several times in one graph, on several views: the
// parameters are the same ones. x is (B, shape...), the code (B, D).
type Encoder interface {
	// Check says why examples of this shape cannot be encoded, or nil.
	Check(shape []int) error
	// Encode builds the encoder. It taps every layer and the code, as "code".
	Encode(s *graph.Scope, x *G.Node) *G.Node
	// CodeSize is the number D of values of a code.
	CodeSize(shape []int) int
}

// A Mirrored encoder has a decoder of its own shape, turned round.
type Mirrored interface {
	Encoder
	// Decode maps codes (B, D) back to examples (B, shape...).
	Decode(s *graph.Scope, code *G.Node, shape []int) *G.Node
}

// A SizeFree encoder may have the same parameters for pictures of any height and
// width, where it ends in a mean over all places.
type SizeFree interface {
	Encoder
	SizeFree() bool
}

// A Mapped encoder pools its code from a map of features that are each at a place of
// the picture, for objectives that ask for something at every place.
type Mapped interface {
	Encoder
	// MapSize is the size of the map for examples of that shape. ok is false where
	// there are weights between the map and the code, as the settings are: such an
	// objective would not train them.
	MapSize(shape []int) (h, w, c int, ok bool)
	// EncodeMap builds the encoder up to the map, (B, h, w, c). It taps what Encode
	// does, but the code only for evaluation: nothing in training asks for it.
	EncodeMap(s *graph.Scope, x *G.Node) layers.Map
}

// A MirroredMap encoder has a decoder that begins with its map.
type MirroredMap interface {
	Mapped
	// DecodeMap maps a map of the size that MapSize says, (B, h, w, c), back to
	// examples (B, shape...).
	DecodeMap(s *graph.Scope, m layers.Map, shape []int) *G.Node
}

// pooled is the map of an encoder whose code is its mean.
func pooled(s *graph.Scope, m layers.Map) layers.Map {
	if !s.Training() {
		s.Tap("code", layers.GlobalAvgPool(s, m)) // (B, C)
	}
	return m
}

var registry = naming.NewRegistry[Encoder]("encoder")

// Register makes an encoder known by the name used in run files. The factory
// gives the default settings.
func Register(name string, make func() Encoder) { registry.Register(name, make) }

// New returns the encoder of that name with its default settings.
func New(name string) (Encoder, error) { return registry.New(name) }

// NameOf is the name of an encoder's kind.
func NameOf(e Encoder) string { return registry.NameOf(e) }

// Names lists the registered encoders.
func Names() []string { return registry.Names() }
