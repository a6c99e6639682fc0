package graph_test

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

// A fault while the graph is built ends it; the error says where in the model.
func TestBuildingErrors(t *testing.T) {
	x := func(s *graph.Scope) *G.Node { return s.Input("x", 2, 3) }
	loss := func(s *graph.Scope, y *G.Node) *G.Node { return layers.MSE(s, y, y) }
	for _, c := range []struct {
		build func(s *graph.Scope) *G.Node
		want  string
	}{
		{func(s *graph.Scope) *G.Node {
			e := s.In("encoder")
			layers.Linear(e, "fc0", x(s), 4)
			return loss(s, layers.Linear(e, "fc0", x(s), 5))
		}, "encoder/fc0/weight: is used with shape [4 3] and with [5 3]"},
		{func(s *graph.Scope) *G.Node { s.In("a").Input("x", 2, 3); return s.In("b/c").Input("x", 3, 2) },
			`b/c: input "x" is asked for as float32(2, 3) and as float32[3 2]`},
		{func(s *graph.Scope) *G.Node { s.Input("x", 2); return s.Ints("x", 2) }, `model: input "x" is asked for as float32(2) and as int[2]`},
		{func(s *graph.Scope) *G.Node { return s.Input("x", 2, 0) }, `model: input "x" has shape [2 0]; every size must be at least 1`},
		{func(s *graph.Scope) *G.Node { return s.Input("x") }, `model: input "x" has shape []; every size must be at least 1`},
		{func(s *graph.Scope) *G.Node { s.Param("w", graph.Constant(0), 3, 0); return nil }, "w: has shape [3 0]; every size must be at least 1"},
		{func(s *graph.Scope) *G.Node { s.In(""); return nil }, `model: "" is not a name for a part of a model`},
		{func(s *graph.Scope) *G.Node { s.In("a").In("/b"); return nil }, `a: "/b" is not a name`},
		{func(s *graph.Scope) *G.Node { return layers.MSE(s.In("head"), x(s), nil) }, "head: mean squared error: input 1 is missing"},
		{func(s *graph.Scope) *G.Node { return layers.MSE(s.In("head"), x(s), s.Input("t", 2, 4)) },
			"head: mean squared error: prediction is (2, 3) and target (2, 4); want one shape"},
		{func(s *graph.Scope) *G.Node { return layers.CrossEntropy(s, x(s), s.Input("t", 2)) },
			"model: cross-entropy: input 1 is of type float32, want int"},
		{func(s *graph.Scope) *G.Node { return layers.Reshape(s, s.Ints("t", 2), 2, 1) },
			"model: reshape: input 0 is of type int, want float32"},
		{func(s *graph.Scope) *G.Node { return s.Apply(&ops.Add{}, x(s)) }, "model: add: got 1 inputs, want 2"},
		{func(s *graph.Scope) *G.Node { return layers.Linear(s, "fc", x(s), 0) }, "fc: has 0 outputs, want at least 1"},
		{func(s *graph.Scope) *G.Node { return layers.Linear(s, "fc", nil, 1) }, "fc: needs an input of at least one axis"},
		{func(s *graph.Scope) *G.Node { s.Tap("x", x(s)); return nil }, "x: only the output of a fused operation can be tapped"},
		{func(s *graph.Scope) *G.Node { s.In("a").BufferData("mean"); return nil }, `a: no buffer "mean" here`},
		{func(s *graph.Scope) *G.Node { return nil }, "the model gives no loss to train on"},
		{func(s *graph.Scope) *G.Node { return layers.Linear(s, "fc", x(s), 4) }, "the loss has shape (2, 4); it must be a scalar"},
		{func(s *graph.Scope) *G.Node { return layers.MSE(s, x(s), s.Input("t", 2, 3)) }, "the model has no parameter to train"},
		{func(s *graph.Scope) *G.Node {
			layers.Linear(s, "idle", x(s), 4)
			return layers.MSE(s, layers.Linear(s, "fc", x(s), 3), x(s))
		}, "the loss does not depend on idle/weight, idle/bias"},
	} {
		p, err := graph.Compile(graph.NewParams(0), graph.Train, c.build)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || p != nil {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// A program whose shapes differ from those of the parameters is refused.
func TestParamOfAnotherShape(t *testing.T) {
	ps := graph.NewParams(0)
	must(t, ps, graph.Eval, func(s *graph.Scope) *G.Node { return layers.Linear(s, "fc", s.Input("x", 2, 3), 4) })
	_, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return layers.Linear(s, "fc", s.Input("x", 2, 5), 4) })
	if want := "fc/weight: has shape [4 3] elsewhere and [4 5] here"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// An accident in a model's own code is no fault of the user and not hidden.
func TestPanicWhileBuilding(t *testing.T) {
	defer func() {
		if r := recover(); r != "a mistake" {
			t.Errorf("recovered %v", r)
		}
	}()
	graph.Compile(graph.NewParams(0), graph.Eval, func(*graph.Scope) *G.Node { panic("a mistake") })
}

// Initial weights depend on the seed and the path alone.
func TestInitialWeights(t *testing.T) {
	weights := func(seed uint64, names ...string) map[string][]float32 {
		ps := graph.NewParams(seed)
		must(t, ps, graph.Eval, func(s *graph.Scope) *G.Node {
			h := s.Input("x", 2, 6)
			for _, n := range names {
				h = layers.Linear(s, n, h, 6)
			}
			return nil
		})
		w := map[string][]float32{}
		for _, p := range ps.All() {
			w[p.Path] = p.Data
		}
		return w
	}
	a, b, c := weights(1, "a", "b"), weights(1, "b", "more", "a"), weights(2, "a", "b")
	for path, w := range a {
		if !slices.Equal(w, b[path]) {
			t.Errorf("%s changed with the rest of the model", path)
		}
		if slices.Equal(w, c[path]) {
			t.Errorf("%s is the same for another seed", path)
		}
	}
	if slices.Equal(a["a/weight"], a["b/weight"]) {
		t.Error("two layers begin with the same weights")
	}
}

// Buffers and frozen weights get no gradient, and the rest does.
func TestFrozenAndBuffers(t *testing.T) {
	ps := graph.NewParams(1)
	build := func(s *graph.Scope) *G.Node {
		x := s.Input("x", 2, 3)
		h := layers.Linear(s, "fc0", x, 4)
		h = layers.Add(s, h, s.Buffer("shift", graph.Constant(2), 2, 4))
		s.BufferData("shift")[0] = 5
		return layers.MSE(s, layers.Linear(s, "fc1", h, 3), x)
	}
	must(t, ps, graph.Train, build)
	ps.Get("fc0/weight").Frozen = true
	ps.Get("fc0/bias").Frozen = true
	p := must(t, ps, graph.Train, build)
	run(t, p, fed(p, 1), 0)
	var paths []string
	for _, g := range p.Gradients() {
		paths = append(paths, g.Param.Path)
		if len(g.Data) != len(g.Param.Data) || !slices.ContainsFunc(g.Data, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s: gradient %v", g.Param.Path, g.Data)
		}
	}
	if want := []string{"fc1/weight", "fc1/bias"}; !slices.Equal(paths, want) {
		t.Errorf("gradients of %v, want %v", paths, want)
	}
	if ps.Count() != 3*4+3 || ps.Get("shift").Data[0] != 5 || ps.Get("no such") != nil {
		t.Errorf("%d trained values, shift %v", ps.Count(), ps.Get("shift").Data)
	}
	for path, gain := range map[string]bool{"fc1/weight": false, "fc1/bias": true} {
		if ps.Get(path).Gain() != gain {
			t.Errorf("Gain of %s is not %t", path, gain)
		}
	}
}

// Two nodes whose hashes are equal would be merged into one by Gorgonia's
// compiler. A model with stock nodes like that is refused.
func TestHashCollision(t *testing.T) {
	leaf := func(g *G.ExprGraph, name string) *G.Node {
		return G.NewVector(g, G.Float32, G.WithShape(3), G.WithName(name))
	}
	const a, b = "stock 195299", "stock 2254150" // found by trying numbers in turn
	if g := G.NewGraph(); leaf(g, a).Hashcode() != leaf(g, b).Hashcode() {
		t.Fatalf("%q and %q have two hashes; this version of Gorgonia needs another pair", a, b)
	}
	_, err := graph.Compile(graph.NewParams(0), graph.Eval, func(s *graph.Scope) *G.Node {
		g := s.Input("x", 1).Graph()
		return layers.MSE(s, leaf(g, a), leaf(g, b))
	})
	if err == nil || !strings.Contains(err.Error(), "have one hash") {
		t.Errorf("got %v", err)
	}
}
