package nets

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
)

// Symbol by symbol gives what all at once gives, and a state knows nothing of its
// own symbol and those after it.
func TestIGPTStates(t *testing.T) {
	const b, length, k = 2, 12, 5
	e := &IGPT{Dim: 8, Depth: 3, Heads: 2, MLPRatio: 2, Layer: 1}
	ps := graph.NewParams(3)
	all, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		e.States(s, s.Ints("before", b, length), k)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	var state *G.Node
	one, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		state = e.State(s, s.Ints("before", b, 1), s.Ints("place", b, 1), k, length)
		s.Tap("state", state)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	for _, p := range ps.All() { // small initial weights would hide faults
		r := draw.New(draw.Key(1, p.Path, 0, 0))
		for i := range p.Data {
			p.Data[i] += float32(0.3 * r.Norm())
		}
	}

	r := draw.New(9)
	feed, step := all.NewFeed(), one.NewFeed()
	for i := range feed.I["before"] {
		feed.I["before"][i] = r.IntN(k + 1)
	}
	if err := all.Run(feed, 0); err != nil {
		t.Fatal(err)
	}
	v, _ := all.Tap("states")
	states := slices.Clone(v.Data)
	for at := range length {
		for i := range b {
			step.I["before"][i], step.I["place"][i] = feed.I["before"][i*length+at], at
		}
		if err := one.Run(step, 0); err != nil {
			t.Fatal(err)
		}
		v, _ := one.Tap("state")
		for i := range b {
			for j := range 8 {
				if got, want := v.Data[i*8+j], states[(i*length+at)*8+j]; math.Abs(float64(got-want)) > 1e-4 {
					t.Fatalf("state %d of place %d is %g one at a time, %g all at once", j, at, got, want)
				}
			}
		}
	}
	const changed = 7
	feed.I["before"][changed] = (feed.I["before"][changed] + 1) % k
	if err := all.Run(feed, 0); err != nil {
		t.Fatal(err)
	}
	v, _ = all.Tap("states")
	for at := range length {
		if same := slices.Equal(v.Data[at*8:(at+1)*8], states[at*8:(at+1)*8]); same != (at < changed) {
			t.Errorf("a change of what stands before place %d leaves the state of place %d alone: %v", changed, at, same)
		}
	}
	if code, ok := all.Tap("code"); !ok || !slices.Equal(code.Shape, []int{b, 8}) {
		t.Errorf("the code is %v", code.Shape)
	}
}

func TestIGPTCheck(t *testing.T) {
	good := IGPT{Dim: 8, Depth: 2, Heads: 2, MLPRatio: 4}
	if err := good.Check([]int{3, 8, 8}); err != nil {
		t.Error(err)
	}
	if err := good.Check([]int{8, 8}); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]struct {
		change func(e *IGPT)
		shape  []int
	}{
		"dim: is 0":                       {func(e *IGPT) { e.Dim = 0 }, []int{1, 8, 8}},
		"heads: is 3":                     {func(e *IGPT) { e.Heads = 3 }, []int{1, 8, 8}},
		"layer: is 3, want 0":             {func(e *IGPT) { e.Layer = 3 }, []int{1, 8, 8}},
		"dropout: is 1":                   {func(e *IGPT) { e.Dropout = 1 }, []int{1, 8, 8}},
		"mlp_ratio: makes a hidden layer": {func(e *IGPT) { e.MLPRatio = math.NaN() }, []int{1, 8, 8}},
		"an example has shape [64]":       {func(*IGPT) {}, []int{64}},
		"of 256x256 has 65536 symbols":    {func(*IGPT) {}, []int{3, 256, 256}},
	} {
		e := good
		c.change(&e)
		if err := e.Check(c.shape); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
