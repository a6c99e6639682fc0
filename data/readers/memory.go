package readers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"x2vec/data"
)

// memory is a source that is held whole: the readers of small formats fill one.
type memory struct {
	spec   data.Spec
	pixels []byte // (N, C, H, W)
	labels []byte // (N)
	sum    func() (string, error)
}

func newMemory(spec data.Spec, pixels, labels []byte) *memory {
	m := &memory{spec: spec, pixels: pixels, labels: labels}
	m.sum = sync.OnceValues(func() (string, error) {
		h := sha256.New()
		fmt.Fprintln(h, spec.Shape, len(labels))
		h.Write(labels)
		h.Write(pixels)
		return hex.EncodeToString(h.Sum(nil)), nil
	})
	return m
}

func (m *memory) Spec() data.Spec { return m.spec }
func (m *memory) Len() int        { return len(m.labels) }

// Label implements data.Labeller.
func (m *memory) Label(index int) int { return int(m.labels[index]) }

func (m *memory) Read(index int, into *data.Example) error {
	if err := data.InRange(index, len(m.labels)); err != nil {
		return err
	}
	size := len(into.Pixels)
	copy(into.Pixels, m.pixels[index*size:(index+1)*size])
	into.Label = int(m.labels[index])
	return nil
}

// Checksum is over the shape, the labels and the pixels: the same for packed and
// unpacked files.
func (m *memory) Checksum() (string, error) { return m.sum() }

// checkLabels names the first example whose label is not one of the classes.
func checkLabels(file string, labels []byte, classes int) error {
	for i, l := range labels {
		if int(l) >= classes {
			return fmt.Errorf("%s: label of example %d is %d, want 0 to %d", file, i, l, classes-1)
		}
	}
	return nil
}
