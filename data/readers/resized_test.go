package readers

import (
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
)

func TestResized(t *testing.T) {
	open := func(size int) data.Source {
		t.Helper()
		src, err := Open(Options{Name: "builtin", Split: "test", Size: size, Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	small := open(14)
	datatest.Run(t, func() (data.Source, error) { return open(14), nil })
	if s := small.Spec().Shape; s[0] != 1 || s[1] != 14 || s[2] != 14 {
		t.Fatalf("shape is %v", s)
	}
	// Half the size is close to the mean over squares of 2 x 2.
	whole, half := data.Example{Pixels: make([]byte, 784)}, data.Example{Pixels: make([]byte, 196)}
	if err := open(0).Read(3, &whole); err != nil {
		t.Fatal(err)
	}
	if err := small.Read(3, &half); err != nil {
		t.Fatal(err)
	}
	if whole.Label != half.Label {
		t.Errorf("the label is %d, was %d", half.Label, whole.Label)
	}
	off := 0
	for i, v := range half.Pixels {
		at := i/14*56 + i%14*2
		mean := (int(whole.Pixels[at]) + int(whole.Pixels[at+1]) + int(whole.Pixels[at+28]) + int(whole.Pixels[at+29])) / 4
		if d := int(v) - mean; d > 40 || d < -40 {
			off++
		}
	}
	if off > 10 {
		t.Errorf("%d of 196 pixels are far from the mean of what they stand for", off)
	}
	a, err := small.(data.Checksummer).Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := open(0).(data.Checksummer).Checksum(); err != nil || a == b {
		t.Errorf("checksums %s and %s, %v", a, b, err)
	}
	if _, err := resize(small, 14, "crop"); err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{Name: "builtin-text", Size: 14}); err == nil || !strings.Contains(err.Error(), "only grey or colour pictures") {
		t.Errorf("a text in another size: %v", err)
	}
}
