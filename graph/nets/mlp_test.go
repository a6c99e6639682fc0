package nets

import (
	"slices"
	"strings"
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

// The autoencoder learns eight examples that lie near a plane, with every
// setting of the network.
func TestMLPLearns(t *testing.T) {
	for name, e := range map[string]*MLP{
		"linear":     {Code: 2, Activation: "relu"},
		"relu":       {Hidden: []int{24, 16}, Code: 4, Activation: "relu"},
		"layer norm": {Hidden: []int{24}, Code: 4, Activation: "silu", LayerNorm: true},
		"dropout":    {Hidden: []int{64}, Code: 4, Activation: "gelu", Dropout: 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := graph.Compile(graph.NewParams(1), graph.Train, autoencoder(e, 8, 3, 4))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			feed := p.NewFeed()
			r := draw.New(7)
			var plane [2][12]float32
			for i := range plane {
				for j := range plane[i] {
					plane[i][j] = float32(r.Norm())
				}
			}
			for i := range 8 {
				a, b := float32(r.Norm()), float32(r.Norm())
				for j := range 12 {
					feed.F["x"][12*i+j] = a*plane[0][j] + b*plane[1][j] + 0.01*float32(r.Norm())
				}
			}
			var first, last float32
			for step := range 400 {
				if err := p.Run(feed, step); err != nil {
					t.Fatal(err)
				}
				if last = p.Loss(); step == 0 {
					first = last
				}
				for _, g := range p.Gradients() {
					for i, d := range g.Data {
						g.Param.Data[i] -= 0.05 * d
					}
				}
			}
			if !(last < first/4) {
				t.Errorf("loss went from %v to %v in 400 steps, want below a quarter", first, last)
			}
		})
	}
}

func TestMLPNames(t *testing.T) {
	for _, c := range []struct {
		e           MLP
		paths, taps string
	}{
		{MLP{Code: 2, Activation: "relu"},
			"encoder/fc0/weight encoder/fc0/bias decoder/fc0/weight decoder/fc0/bias",
			"encoder/code"},
		{MLP{Hidden: []int{5, 4}, Code: 3, Activation: "relu"},
			"encoder/fc0/weight encoder/fc0/bias encoder/fc1/weight encoder/fc1/bias encoder/fc2/weight encoder/fc2/bias " +
				"decoder/fc0/weight decoder/fc0/bias decoder/fc1/weight decoder/fc1/bias decoder/fc2/weight decoder/fc2/bias",
			"encoder/fc0 encoder/fc1 encoder/code decoder/fc0 decoder/fc1"},
		{MLP{Hidden: []int{5}, Code: 3, Activation: "relu", LayerNorm: true, Dropout: 0.5},
			"encoder/fc0/weight encoder/fc0/bias encoder/norm0/weight encoder/norm0/bias encoder/fc1/weight encoder/fc1/bias " +
				"decoder/fc0/weight decoder/fc0/bias decoder/norm0/weight decoder/norm0/bias decoder/fc1/weight decoder/fc1/bias",
			"encoder/fc0 encoder/code decoder/fc0"},
	} {
		for _, mode := range []graph.Mode{graph.Train, graph.Eval} {
			ps := graph.NewParams(0)
			p, err := graph.Compile(ps, mode, autoencoder(&c.e, 2, 1, 2, 3))
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, w := range ps.All() {
				paths = append(paths, w.Path)
			}
			if got := strings.Join(paths, " "); got != c.paths {
				t.Errorf("%+v has\n%s, want\n%s", c.e, got, c.paths)
			}
			if got := strings.Join(p.Taps(), " "); got != c.taps {
				t.Errorf("%+v taps\n%s, want\n%s", c.e, got, c.taps)
			}
			if w := ps.Get("decoder/fc0/weight").Shape; !slices.Equal(w[1:], []int{c.e.CodeSize(nil)}) {
				t.Errorf("the decoder's first weight is %v, the code has %d values", w, c.e.Code)
			}
			p.Close()
		}
	}
}

// All faults of the settings are told at once.
func TestMLPCheck(t *testing.T) {
	e, err := New("mlp")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check([]int{1, 28, 28}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := MLP{Hidden: []int{12, 0, 1 << 30}, Code: -1, Activation: "rleu", Dropout: 1}
	got := bad.Check([]int{1, 0})
	want := []string{
		"hidden[1]: is 0, want 1 to 1048576",
		"hidden[2]: is 1073741824, want 1 to 1048576",
		"code: is -1, want 1 to 1048576",
		`activation: is "rleu", want one of none, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus, tanh, sigmoid; did you mean "relu"?`,
		"dropout: is 1, want 0 to below 1",
		"an example of shape [1 0] has 0 values, an mlp takes 1 to 268435456",
	}
	if got == nil || got.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", got, strings.Join(want, "\n"))
	}
	huge := MLP{Hidden: []int{100, 1 << 20, 1 << 20}, Code: 1, Activation: "relu"}
	if err := huge.Check([]int{784}); err == nil || !strings.Contains(err.Error(), "layer fc2 of 1048576 to 1048576 values brings the encoder to") {
		t.Errorf("a huge network: %v", err)
	}
	if _, err := New("mpl"); err == nil || !strings.Contains(err.Error(), "mlp") {
		t.Errorf("a name that does not exist: %v", err)
	}
}
