package inspect

import (
	"bytes"
	"errors"
	"image/gif"
	"math"
	"slices"
	"testing"

	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/trainers/eval"
)

// The strongest place of a map is found, its patch, and the class that a unit tells.
func TestUnits(t *testing.T) {
	field := &graph.Field{Start: [2]int{-1, -1}, Stride: [2]int{2, 2}, Size: [2]int{4, 4}}
	w := NewUnitWalk(nil, 2, field, nil)
	const b, h, c = 4, 3, 2
	v := graph.View{Name: "conv0", Shape: []int{b, h, h, c}, Data: make([]float32, b*h*h*c)}
	set := func(i, y, x, unit int, value float32) { v.Data[((i*h+y)*h+x)*c+unit] = value }
	set(0, 0, 1, 0, 5)
	set(1, 2, 2, 0, 9)
	set(2, 1, 1, 1, 1)
	if err := w.Add(v, []int{10, 11, 12, 13}, []int{0, 0, 1, 1}); err != nil {
		t.Fatal(err)
	}
	r := w.Result([]string{"a", "b"}, true, 9)
	if len(r.Units) != 2 || r.Of != 2 || r.Field != 4 {
		t.Fatalf("%+v", r)
	}
	want := []Stimulus{{Index: 11, Value: 9, Patch: [4]int{3, 3, 4, 4}}, {Index: 10, Value: 5, Patch: [4]int{1, -1, 4, 4}}}
	if got := r.Units[0]; !slices.Equal(got.Stimuli, want) || got.Class != 0 || got.AUC != 1 || got.Active != 0.5 {
		t.Errorf("unit 0: %+v, want %+v of class 0", got, want)
	}
	if got := r.Units[1]; got.Stimuli[0].Index != 12 || math.Abs(got.AUC-0.5) != 0.25 {
		t.Errorf("unit 1: %+v", got)
	}
	// Those that vary most come first where none is chosen.
	if got := w.Result(nil, false, 1); len(got.Units) != 1 || got.Units[0].Unit != 0 || got.Units[0].Class != -1 {
		t.Errorf("%+v", got)
	}
	if err := NewUnitWalk([]int{2}, 1, nil, nil).Add(v, []int{0, 1, 2, 3}, []int{0, 0, 0, 0}); err == nil {
		t.Error("unit 2 of 2 is taken")
	}
	src, err := readers.Open(readers.Options{Name: "shapes", Count: 20, Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	if img, err := r.Draw(src, 32); err != nil || img.Bounds().Dx() < 64 {
		t.Errorf("%v, %v", img, err)
	}
}

// Tokens that belong to no patch are left out, and patches stand in the grid.
func TestUnitsOfTokens(t *testing.T) {
	w := NewUnitWalk([]int{0}, 1, nil, &Grid{Lead: 1, Rows: 2, Cols: 2, Side: 4})
	v := graph.View{Shape: []int{1, 5, 1}, Data: []float32{9, 1, 2, 7, 3}}
	if err := w.Add(v, []int{3}, []int{-1}); err != nil {
		t.Fatal(err)
	}
	if got := w.Result(nil, true, 1).Units[0].Stimuli[0]; got != (Stimulus{Index: 3, Label: -1, Value: 7, Patch: [4]int{0, 4, 4, 4}}) {
		t.Errorf("%+v", got)
	}
}

// By codes the nearest is of the same cloud; the query itself is left out.
func TestNeighbors(t *testing.T) {
	codes := clouds(3, 5, 8)
	pixels := eval.Features{X: slices.Repeat([]float32{1, 2, 3}, 15), D: 3, Labels: codes.Labels}
	for i := range pixels.X {
		pixels.X[i] += float32(i%7) / 10
	}
	index := make([]int, 15)
	for i := range index {
		index[i] = 100 + i
	}
	n, err := FindNeighbors(codes, pixels, index, []int{0, 7}, 3, eval.Euclidean)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range n.Queries {
		for _, near := range q.Code {
			if near.Label != q.Label || near.Index == q.Index || near.Index < 100 {
				t.Errorf("query %d: %+v", i, q)
			}
		}
	}
	if n.Queries[1].Index != 107 || n.Agreement == nil || n.Agreement.Code != 1 || n.Agreement.Pixels >= 1 {
		t.Errorf("%+v, %+v", n.Queries[1], n.Agreement)
	}
	if _, err := FindNeighbors(codes, pixels, index, []int{0}, 15, eval.Cosine); err == nil {
		t.Error("15 neighbours among 15 examples are found")
	}
}

// The shares of attention add up to 1.
func TestAttentionOf(t *testing.T) {
	const tokens, d, heads = 5, 4, 2
	x := make([]float32, tokens*3*d)
	for i := range x {
		x[i] = float32(i%7)/7 - 0.3
	}
	m := AttentionOf([][]float32{x, x}, tokens, heads, 1, Grid{Lead: 1, Rows: 2, Cols: 2, Side: 1})
	for _, share := range append(m.Heads, m.Rollout) {
		var sum float32
		for _, v := range share {
			sum += v
		}
		if len(share) != 4 || math.Abs(float64(sum)-1) > 1e-5 {
			t.Errorf("shares %v", share)
		}
	}
	if len(m.Heads) != heads {
		t.Errorf("%d heads", len(m.Heads))
	}
	// A token that all keys are alike to looks everywhere as much.
	even := AttentionOf([][]float32{make([]float32, len(x))}, tokens, heads, 0, Grid{Rows: 1, Cols: 5})
	for _, v := range even.Heads[0] {
		if math.Abs(float64(v)-0.2) > 1e-6 {
			t.Errorf("shares %v, want 0.2 each", even.Heads[0])
		}
	}
}

// A layer of two values stays as it is, a wider one is turned; the film has all steps.
func TestLayers(t *testing.T) {
	two := eval.Features{X: []float32{0, 0, 1, 0, 0, 2}, D: 2, Labels: []int{0, 1, -1}}
	wide := eval.Features{X: []float32{0, 0, 0, 3, 0, 0, 0, 5, 0}, D: 3}
	one := eval.Features{X: []float32{1, 2, 3}, D: 1}
	l, err := NewLayers([]string{"input", "fc0", "code"}, []int{0, 5}, []string{"a", "b"}, func(_ int, visit func(eval.Features) error) error {
		return errors.Join(visit(two), visit(wide), visit(one))
	})
	if err != nil {
		t.Fatal(err)
	}
	at := l.Steps[1].Places
	if at[0][2] != [2]float64{0, 2} || at[2][1] != [2]float64{2, 0} {
		t.Errorf("places %v", at)
	}
	apart := math.Hypot(at[1][0][0]-at[1][1][0], at[1][0][1]-at[1][1][1])
	if math.Abs(apart-3) > 1e-3 {
		t.Errorf("points that are 3 apart are %v apart in their plane", apart)
	}
	if img, err := l.Draw(); err != nil || img.Bounds().Dy() < 2*layerSide {
		t.Errorf("%v, %v", img, err)
	}
	film, err := l.Animate()
	if err != nil {
		t.Fatal(err)
	}
	if g, err := gif.DecodeAll(bytes.NewReader(film)); err != nil || len(g.Image) != 2 {
		t.Errorf("%v: %v", g, err)
	}
}

func TestBetween(t *testing.T) {
	a, b := []float32{2, 0}, []float32{0, 2}
	if got := Between(a, b, 3, false); !slices.Equal(got, []float32{2, 0, 1, 1, 0, 2}) {
		t.Errorf("straight: %v", got)
	}
	got := Between(a, b, 3, true)
	if r := math.Hypot(float64(got[2]), float64(got[3])); math.Abs(r-2) > 1e-6 {
		t.Errorf("along the sphere: %v, the middle has length %v, want 2", got, r)
	}
}

func TestCodebook(t *testing.T) {
	c, err := NewCodebook(eval.Features{X: []float32{0, 0, 3, 4, 0, 1}, D: 2}, []int{1, 0, 3})
	if err != nil {
		t.Fatal(err)
	}
	if c.Used != 2 || c.Codes[0].Code != 2 || c.Codes[0].Nearest != 0 || c.Codes[0].Distance != 1 || c.Codes[2].Uses != 0 {
		t.Errorf("%+v", c)
	}
	if want := math.Exp(-0.25*math.Log(0.25) - 0.75*math.Log(0.75)); math.Abs(float64(c.Perplexity)-want) > 1e-9 {
		t.Errorf("perplexity %v, want %v", c.Perplexity, want)
	}
}
