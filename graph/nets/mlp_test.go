package nets

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
)

// autoencoder builds encoder, decoder and mean squared error.
func autoencoder(e Mirrored, batch int, shape ...int) func(s *graph.Scope) *G.Node {
	return func(s *graph.Scope) *G.Node {
		x := s.Input("x", append([]int{batch}, shape...)...)
		code := e.Encode(s.In("encoder"), x)
		y := e.Decode(s.In("decoder"), code, shape)
		return layers.MSE(s, y, x)
	}
}

func TestMLPLearns(t *testing.T) {
	e := &MLP{Hidden: []int{24, 16}, Code: 4, Activation: "relu"}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Train, autoencoder(e, 8, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed := p.NewFeed()
	r := draw.New(7)
	for i := range feed.F["x"] {
		feed.F["x"][i] = r.Float32()
	}
	var first, last float64
	for step := range 1200 {
		if err := p.Run(feed, step); err != nil {
			t.Fatal(err)
		}
		last = float64(p.Loss())
		if step == 0 {
			first = last
		}
		for _, g := range p.Gradients() {
			for i, d := range g.Data {
				g.Param.Data[i] -= 0.3 * d
			}
		}
	}
	if !(last < first/10) || math.IsNaN(last) {
		t.Errorf("loss went from %v to %v in 1200 steps, want below a tenth", first, last)
	}
}
