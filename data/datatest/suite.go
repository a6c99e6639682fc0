// Package datatest is what every data.Source must do, written once. A reader's
// own test adds what is particular to its format.
package datatest

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"x2vec/data"
)

// Run checks src against the contract of data.Source and data.Spec. open gives
// the same source anew; what it gives must hold the same examples and checksum.
func Run(t *testing.T, open func() (data.Source, error)) {
	t.Helper()
	src, err := open()
	if err != nil {
		t.Fatal(err)
	}
	spec := src.Spec()
	t.Run("spec", func(t *testing.T) { checkSpec(t, src) })
	if src.Len() == 0 || t.Failed() {
		return
	}
	t.Run("examples", func(t *testing.T) { checkExamples(t, src) })
	t.Run("bounds", func(t *testing.T) {
		for _, i := range []int{-1, src.Len(), src.Len() + 1, -1 << 62, 1 << 62} {
			if err := src.Read(i, room(spec)); err == nil {
				t.Errorf("example %d of %d is read without an error", i, src.Len())
			}
		}
	})
	t.Run("concurrent", func(t *testing.T) { checkConcurrent(t, src) })
	t.Run("opened again", func(t *testing.T) { checkAgain(t, src, open) })
}

func room(spec data.Spec) *data.Example {
	e := &data.Example{Factors: make([]float32, len(spec.Factors))}
	if spec.Tokens() {
		e.Tokens = make([]int32, spec.Size())
	} else {
		e.Pixels = make([]byte, spec.Size())
	}
	if c := spec.Captions; c != nil {
		e.Caption = make([]int32, c.Length)
	}
	return e
}

// some are positions all over the source, its ends among them.
func some(src data.Source) []int {
	n := src.Len()
	at := []int{0, n - 1}
	for i := range 50 {
		at = append(at, i*n/50)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

func checkSpec(t *testing.T, src data.Source) {
	s := src.Spec()
	if s.Name == "" {
		t.Error("spec has no name")
	}
	if s.Split != "train" && s.Split != "test" {
		t.Errorf("split is %q, want train or test", s.Split)
	}
	if src.Len() < 1 {
		t.Errorf("%d examples", src.Len())
	}
	if len(s.Shape) == 0 {
		t.Error("spec has no shape")
	}
	for _, d := range s.Shape {
		if d < 1 {
			t.Errorf("shape is %v", s.Shape)
		}
	}
	if len(s.Mean) != len(s.Std) || len(s.Mean) != 0 && len(s.Mean) != s.Shape[0] {
		t.Errorf("%d means and %d deviations for shape %v", len(s.Mean), len(s.Std), s.Shape)
	}
	seen := map[string]bool{}
	for _, c := range s.Classes {
		if c == "" || seen[c] {
			t.Errorf("class %q is empty or there twice", c)
		}
		seen[c] = true
	}
	for _, f := range s.Factors {
		if f.Name == "" || f.Values < 0 || len(f.Names) != 0 && len(f.Names) != f.Values {
			t.Errorf("factor %+v", f)
		}
	}
	if again := src.Spec(); again.Name != s.Name || !slices.Equal(again.Shape, s.Shape) || !slices.Equal(again.Classes, s.Classes) {
		t.Error("two calls of Spec differ")
	}
}

func checkExamples(t *testing.T, src data.Source) {
	spec := src.Spec()
	for _, i := range some(src) {
		a, b := room(spec), room(spec)
		for p := range b.Pixels { // what was there before must not shine through
			b.Pixels[p] = 0xa5
		}
		for p := range b.Tokens {
			b.Tokens[p] = -7
		}
		for f := range b.Factors {
			b.Factors[f] = -1e9
		}
		for c := range b.Caption {
			b.Caption[c] = 1 << 20
		}
		b.Label = 1 << 20
		if err := src.Read(i, a); err != nil {
			t.Fatalf("example %d: %v", i, err)
		}
		if err := src.Read(i, b); err != nil {
			t.Fatalf("example %d, again: %v", i, err)
		}
		if !same(a, b) {
			t.Errorf("example %d: two reads differ", i)
		}
		for p, c := range a.Tokens {
			if spec.Codes > 0 && (c < 0 || int(c) >= spec.Codes) {
				t.Errorf("example %d: code %d is %d of %d", i, p, c, spec.Codes)
			}
		}
		if a.Label < -1 || a.Label >= len(spec.Classes) {
			t.Errorf("example %d: label %d with %d classes", i, a.Label, len(spec.Classes))
		}
		for c, v := range a.Caption {
			if words := spec.Captions.Words.Len(); v >= int32(words) || v < -1 || v >= 0 && c > 0 && a.Caption[c-1] < 0 || v < 0 && c == 0 {
				t.Errorf("example %d: its caption is %v, want some of %d words and then -1", i, a.Caption, words)
				break
			}
		}
		for f, v := range a.Factors {
			if n := spec.Factors[f].Values; n > 0 && (v < 0 || v >= float32(n) || v != float32(int(v))) {
				t.Errorf("example %d: factor %s is %g, want one of 0..%d", i, spec.Factors[f].Name, v, n-1)
			}
		}
	}
}

func same(a, b *data.Example) bool {
	return a.Label == b.Label && bytes.Equal(a.Pixels, b.Pixels) && slices.Equal(a.Tokens, b.Tokens) &&
		slices.Equal(a.Factors, b.Factors) && slices.Equal(a.Caption, b.Caption)
}

func checkConcurrent(t *testing.T, src data.Source) {
	at := some(src)
	want := make([]*data.Example, len(at))
	for k, i := range at {
		want[k] = room(src.Spec())
		if err := src.Read(i, want[k]); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			e := room(src.Spec())
			for k := range at {
				k = (k + w*len(at)/4) % len(at)
				if err := src.Read(at[k], e); err != nil {
					t.Errorf("example %d: %v", at[k], err)
				} else if !same(e, want[k]) {
					t.Errorf("example %d differs when read by several goroutines", at[k])
				}
			}
		})
	}
	wg.Wait()
}

func checkAgain(t *testing.T, src data.Source, open func() (data.Source, error)) {
	again, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if again.Len() != src.Len() {
		t.Fatalf("%d examples, and %d when opened again", src.Len(), again.Len())
	}
	a, b := room(src.Spec()), room(src.Spec())
	for _, i := range some(src) {
		if err := src.Read(i, a); err != nil {
			t.Fatal(err)
		}
		if err := again.Read(i, b); err != nil {
			t.Fatal(err)
		}
		if !same(a, b) {
			t.Errorf("example %d differs when opened again", i)
		}
	}
	c, ok := src.(data.Checksummer)
	if !ok {
		return
	}
	sum, err := c.Checksum()
	if err != nil || len(sum) != 64 {
		t.Fatalf("checksum %q, %v", sum, err)
	}
	other, err := again.(data.Checksummer).Checksum()
	if err != nil || other != sum {
		t.Errorf("checksum %s, and %s when opened again (%v)", sum, other, err)
	}
}
