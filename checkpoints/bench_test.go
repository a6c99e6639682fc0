package checkpoints

import (
	"fmt"
	"path/filepath"
	"testing"
)

// adamSnapshot is what training a model of n parameters with Adam keeps.
func adamSnapshot(n int) *Snapshot {
	array := func(name string) Array {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i) * 1e-3
		}
		return Array{Name: name, Shape: []int{n / 1000, 1000}, F32: x}
	}
	return &Snapshot{
		State:     State{Step: 1},
		Weights:   []Array{array("weight")},
		Optimizer: []Array{array("m/weight"), array("v/weight")},
	}
}

var sizes = []int{100_000, 1_000_000, 10_000_000}

// BenchmarkSave writes weights and two moments, synced to the disk; the same step
// each time, so that the disk does not fill.
func BenchmarkSave(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := Open(filepath.Join(b.TempDir(), "checkpoints"))
			if err != nil {
				b.Fatal(err)
			}
			snap := adamSnapshot(n)
			b.SetBytes(12 * int64(n))
			for b.Loop() {
				if err := s.Save(snap); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad reads and verifies what BenchmarkSave writes.
func BenchmarkLoad(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "checkpoints"))
			if err := s.Save(adamSnapshot(n)); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(12 * int64(n))
			for b.Loop() {
				if _, _, err := s.Latest(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
