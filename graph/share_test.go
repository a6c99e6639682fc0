package graph_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

// wander builds a graph by chance: layers of one width whose inputs are any earlier
// ones, views among them, some of them tapped, or all.
func wander(s *graph.Scope, seed uint64, depth int, all bool) *G.Node {
	const batch, width = 6, 8
	r := draw.New(draw.Key(seed, "wander", 0, 0))
	made := []*G.Node{s.Input("x", batch, width)}
	for i := range depth {
		from := made[max(0, len(made)-4):][r.IntN(min(4, len(made)))]
		var n *G.Node
		switch name := fmt.Sprintf("layer%d", i); r.IntN(5) {
		case 0:
			n = s.Apply(&ops.Add{}, from, made[r.IntN(len(made))])
		case 1: // a view of a view
			n = layers.Reshape(s, layers.Reshape(s, from, width, batch), batch, width)
		default:
			n = layers.Linear(s, name, from, width, layers.Act(ops.Activation{Func: ops.Tanh}))
		}
		if r.IntN(5) == 0 || all {
			s.Tap(fmt.Sprintf("tap%d", i), n)
		}
		made = append(made, n)
	}
	sum := made[0]
	for i, n := range made[1:] {
		if r.IntN(2) > 0 {
			continue
		}
		if sum = s.Apply(&ops.Add{}, sum, n); all {
			s.Tap(fmt.Sprintf("sum%d", i), sum)
		}
	}
	return layers.MSE(s, layers.Linear(s, "last", sum, width), s.Input("y", batch, width))
}

// A program whose operations share their memory gives to the bit what one does in which
// all is kept, also when it is run again.
func TestSharedMemory(t *testing.T) {
	for seed := range uint64(40) {
		ps := graph.NewParams(seed)
		own := must(t, ps, graph.Eval, func(s *graph.Scope) *G.Node { return wander(s, seed, 30, true) })
		shared := must(t, ps, graph.Eval, func(s *graph.Scope) *G.Node { return wander(s, seed, 30, false) })
		r := draw.New(draw.Key(seed, "values", 0, 0))
		for range 3 {
			a, b := own.NewFeed(), shared.NewFeed()
			for name, values := range a.F {
				for i := range values {
					values[i] = float32(r.Norm())
				}
				copy(b.F[name], values)
			}
			run(t, own, a, 0)
			run(t, shared, b, 0)
			if own.Loss() != shared.Loss() {
				t.Fatalf("seed %d: the loss is %v, want %v", seed, shared.Loss(), own.Loss())
			}
			for _, name := range shared.Taps() {
				want, _ := own.Tap(name)
				got, _ := shared.Tap(name)
				if !slices.Equal(got.Data, want.Data) {
					t.Fatalf("seed %d: %s is %v, want %v", seed, name, got.Data, want.Data)
				}
			}
		}
		if a, b := own.Bytes(), shared.Bytes(); b >= a {
			t.Errorf("seed %d: %d bytes shared, %d without", seed, b, a)
		}
	}
}

// A stack of layers takes the memory of two of them, however deep it is.
func TestSharedMemoryOfAStack(t *testing.T) {
	const batch, width = 32, 64
	for _, depth := range []int{4, 40} {
		p := must(t, graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node {
			x := s.Input("x", batch, width)
			for i := range depth {
				x = layers.Linear(s, fmt.Sprintf("layer%d", i), x, width)
			}
			s.Tap("out", x)
			return nil
		})
		run(t, p, p.NewFeed(), 0)
		if got, want := p.Bytes(), int64(2*batch*width*4); got != want {
			t.Errorf("%d layers take %d bytes, want %d", depth, got, want)
		}
	}
}
