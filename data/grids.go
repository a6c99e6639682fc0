package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Grids is a Source whose examples are grids of codes that a model made of those of
// another, from: tokens are (N, h, w), row by row, each 0 to codes−1. by says which model
// it was, for the checksum: the same model makes the same codes of the same examples,
// but for ties that processors decide otherwise. The labels are those of from.
func Grids(from Source, tokens []int32, h, w, codes int, by string) (Source, error) {
	if len(tokens) != from.Len()*h*w {
		return nil, fmt.Errorf("%d codes are no %d grids of %dx%d", len(tokens), from.Len(), h, w)
	}
	labels, err := LabelsOf(from)
	if err != nil {
		return nil, err
	}
	spec := from.Spec()
	return &grids{from: from, tokens: tokens, labels: labels, by: by,
		spec: Spec{Name: spec.Name, Split: spec.Split, Shape: []int{h, w}, Codes: codes, Classes: spec.Classes}}, nil
}

type grids struct {
	from   Source
	spec   Spec
	tokens []int32
	labels []int
	by     string
}

func (g *grids) Spec() Spec { return g.spec }
func (g *grids) Len() int   { return len(g.labels) }

// Label implements Labeller.
func (g *grids) Label(index int) int { return g.labels[index] }

func (g *grids) Read(index int, into *Example) error {
	if err := InRange(index, len(g.labels)); err != nil {
		return err
	}
	size := g.spec.Size()
	copy(into.Tokens, g.tokens[index*size:(index+1)*size])
	into.Label = g.labels[index]
	return nil
}

// Checksum is over that of the examples and the model.
func (g *grids) Checksum() (string, error) {
	c, ok := g.from.(Checksummer)
	if !ok {
		return "", fmt.Errorf("%s has no checksum", g.spec.Name)
	}
	sum, err := c.Checksum()
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(fmt.Appendln(nil, sum, g.spec.Shape, g.spec.Codes, g.by))
	return hex.EncodeToString(h[:]), nil
}
