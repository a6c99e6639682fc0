package readers

import (
	"encoding/binary"

	"x2vec/data"
	"x2vec/data/draw"
)

// synthetic is random bytes of the shape that is asked for: nothing can be
// learned from them, but they take as long to train on as any others.
type synthetic struct {
	spec data.Spec
	seed uint64
	n    int
}

func openSynthetic(o Options) (data.Source, error) {
	size := o.Size
	if size == 0 {
		size = 32
	}
	return &synthetic{
		spec: data.Spec{Name: "synthetic", Split: o.Split, Shape: []int{o.Channels, size, size}, Classes: digits},
		seed: o.Seed, n: count(o),
	}, nil
}

func (s *synthetic) Spec() data.Spec { return s.spec }
func (s *synthetic) Len() int        { return s.n }

func (s *synthetic) Read(index int, into *data.Example) error {
	if err := data.InRange(index, s.n); err != nil {
		return err
	}
	key := draw.Key(s.seed, "synthetic/"+s.spec.Split, 0, index)
	into.Label = int(key % uint64(len(digits)))
	p, i := into.Pixels, uint64(0)
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, draw.At(key, i))
		i++
	}
	for k, v := 0, draw.At(key, i); k < len(p); k++ {
		p[k] = byte(v >> (8 * k))
	}
	return nil
}

// Checksum is over what determines the examples.
func (s *synthetic) Checksum() (string, error) {
	return recipe("synthetic 1", s.seed, s.spec, s.n), nil
}
