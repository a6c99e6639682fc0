package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/readers"
)

// listed is a source of pictures of (1, 1, 2) that are given; nil cannot be read.
type listed struct {
	split  string
	pixels [][]byte
	labels []int
	shape  []int
}

func (s listed) Spec() data.Spec {
	return data.Spec{Name: "listed", Split: s.split, Shape: s.shape, Classes: []string{"a", "b"}}
}
func (s listed) Len() int { return len(s.pixels) }
func (s listed) Read(i int, e *data.Example) error {
	if s.pixels[i] == nil {
		return errors.New("x.png: is damaged")
	}
	copy(e.Pixels, s.pixels[i])
	e.Label = s.labels[i]
	return nil
}

func TestRun(t *testing.T) {
	shape := []int{1, 1, 2}
	train := listed{"train", [][]byte{{0, 255}, {7, 7}, nil, {0, 255}, {0, 255}, {1, 2}}, []int{0, 1, 0, 0, 1, -1}, shape}
	test := listed{"test", [][]byte{{9, 8}, {1, 2}, nil}, []int{0, 0, 0}, shape}
	calls := 0
	r, err := Run(t.Context(), train, test, func(done, total int) {
		calls++
		if total != 9 || done < 1 || done > 9 {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	if err != nil || calls == 0 {
		t.Fatal(err, calls)
	}
	a := r.Splits[0]
	mean := (3*255 + 14 + 3) / 10.0 / 255
	for what, c := range map[string][2]any{
		"classes":    {a.Classes, []Class{{"a", 2}, {"b", 2}}},
		"unlabelled": {a.Unlabelled, 1},
		"damaged":    {a.Damaged, Faults{1, []Fault{{2, "x.png: is damaged"}}}},
		"constant":   {a.Constant, Indices{1, []int{1}}},
		"duplicates": {a.Duplicates, Pairs{2, []Pair{{3, 0}, {4, 0}}}},
		"conflicts":  {a.Conflicts, 1},
		"leaks":      {r.Leaks, Pairs{1, []Pair{{1, 5}}}},
		"sound":      {r.Sound(), false},
		"mean":       {math.Abs(a.Mean[0]-mean) < 1e-12, true},
		"test":       {r.Splits[1].Damaged.Count, 1},
	} {
		if fmt.Sprint(c[0]) != fmt.Sprint(c[1]) {
			t.Errorf("%s: %v, want %v", what, c[0], c[1])
		}
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"leaks":{"count":1,"first":[{"index":1,"equals":5}]}`) {
		t.Errorf("%s, %v", b, err)
	}
	alone, err := Run(t.Context(), listed{"train", [][]byte{{1, 2}}, []int{0}, shape}, nil, nil)
	if err != nil || !alone.Sound() || len(alone.Splits) != 1 {
		t.Errorf("%+v, %v", alone, err)
	}
	if _, err := Run(t.Context(), train, listed{shape: []int{2}}, nil); err == nil {
		t.Error("two splits of different shape")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, train, test, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Of many findings the first are named and all are counted.
func TestMany(t *testing.T) {
	s := listed{split: "train", shape: []int{1, 1, 2}}
	for range 600 {
		s.pixels, s.labels = append(s.pixels, []byte{3, 3}), append(s.labels, 0)
	}
	r, err := Run(t.Context(), s, nil, nil)
	if err != nil || r.Splits[0].Duplicates.Count != 599 || len(r.Splits[0].Duplicates.First) != named || len(r.Splits[0].Constant.First) != named {
		t.Errorf("%+v, %v", r, err)
	}
}

// trapped is a source whose reader panics.
type trapped struct{ listed }

func (trapped) Read(int, *data.Example) error { panic("a fault of the reader") }

// A fault of a reader is one of the example, and does not end the program.
func TestReaderPanics(t *testing.T) {
	s := trapped{listed{"train", [][]byte{{0, 1}, {2, 3}}, []int{0, 1}, []int{1, 1, 2}}}
	r, err := Run(t.Context(), s, nil, nil)
	if err != nil || r.Splits[0].Damaged.Count != 2 || !strings.HasPrefix(r.Splits[0].Damaged.First[1].Error, "internal fault while reading it: a fault of the reader") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestBuiltin(t *testing.T) {
	train, err := readers.Open(readers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	test, err := readers.Open(readers.Options{Split: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), train, test, nil)
	if err != nil || !r.Sound() {
		t.Errorf("%+v, %v", r, err)
	}
	// Of the first 9,000 images; those of all 60,000 are 0.2860 and 0.3530.
	if m, s := r.Splits[0].Mean[0], r.Splits[0].Std[0]; math.Abs(m-0.2860) > 0.003 || math.Abs(s-0.3530) > 0.003 {
		t.Errorf("mean %.4f, deviation %.4f", m, s)
	}
}
