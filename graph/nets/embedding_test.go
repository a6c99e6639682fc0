package nets_test

import (
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/nets"
)

func TestEmbedding(t *testing.T) {
	e := &nets.Embedding{Dim: 4}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		e.EncodeWords(s.In("encoder"), s.Ints("x", 2, 3), 5)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	copy(f.I["x"], []int{1, 3, -1, -1, -1, -1})
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	w := ps.Get("encoder/weight").Data
	for _, v := range w {
		if !(v >= -0.125 && v < 0.125) {
			t.Errorf("a vector begins with %v, want -1/8 to 1/8", v)
		}
	}
	code, ok := p.Tap("encoder/code")
	if !ok || len(code.Data) != 8 {
		t.Fatalf("code %v of shape %v", ok, code.Shape)
	}
	for j := range 4 {
		if want := (w[4+j] + w[12+j]) / 2; math.Abs(float64(code.Data[j]-want)) > 1e-7 || code.Data[4+j] != 0 {
			t.Errorf("value %d is %v and %v, want the mean %v and 0 of no words", j, code.Data[j], code.Data[4+j], want)
		}
	}
}

func TestEmbeddingRefuses(t *testing.T) {
	for want, err := range map[string]error{
		"dim: is 0, want 1 to": (&nets.Embedding{}).Check([]int{10}),
		"takes runs of words":  (&nets.Embedding{Dim: 3}).Check([]int{1, 28, 28}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	_, err := graph.Compile(graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node {
		return (&nets.Embedding{Dim: 3}).Encode(s, s.Input("x", 2, 3))
	})
	if err == nil || !strings.Contains(err.Error(), "takes words, and the input is of type float32") {
		t.Errorf("values: %v", err)
	}
}
