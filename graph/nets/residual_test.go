package nets

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
)

// The net and its mirror learn four pictures by heart, in odd sizes too.
func TestResidualLearns(t *testing.T) {
	for _, c := range []struct {
		e     Residual
		shape []int
	}{
		{Residual{Hidden: 12, Halvings: 2, Blocks: 2, BlockHidden: 6, Dim: 8, Activation: "relu"}, []int{3, 8, 8}},
		{Residual{Hidden: 8, Halvings: 1, Blocks: 0, BlockHidden: 1, Dim: 4, Activation: "gelu"}, []int{1, 7, 6}},
		{Residual{Hidden: 16, Halvings: 3, Blocks: 1, BlockHidden: 8, Dim: 16, Activation: "relu"}, []int{1, 13, 9}},
	} {
		if err := c.e.Check(c.shape); err != nil {
			t.Fatal(err)
		}
		first, last := descend(t, func(s *graph.Scope) *G.Node {
			x := s.Input("x", append([]int{4}, c.shape...)...)
			y := c.e.DecodeMap(s.In("decoder"), c.e.EncodeMap(s.In("encoder"), x), c.shape)
			return layers.MSE(s, y, x)
		}, 200, 0.003)
		if !(last < first/2) {
			t.Errorf("%+v on %v: loss went from %v to %v, want below half", c.e, c.shape, first, last)
		}
	}
}

func TestResidualCheck(t *testing.T) {
	good := Residual{Hidden: 8, Halvings: 2, Blocks: 1, BlockHidden: 4, Dim: 4, Activation: "relu"}
	for _, shape := range [][]int{{3, 4, 4}, {1, 28, 28}, {3, 7, 33}} {
		if err := good.Check(shape); err != nil {
			t.Errorf("%v: %v", shape, err)
		}
	}
	for want, c := range map[string]struct {
		change func(e *Residual)
		shape  []int
	}{
		"halvings: is 2, and pictures of 3x9 cannot be halved so often":  {func(*Residual) {}, []int{3, 3, 9}},
		"[784]; convolutions take pictures of (channels, height, width)": {func(*Residual) {}, []int{784}},
		"hidden: is 7, want an even number from 2":                       {func(e *Residual) { e.Hidden = 7 }, []int{3, 8, 8}},
		"halvings: is 0, want 1 to 8":                                    {func(e *Residual) { e.Halvings = 0 }, []int{3, 8, 8}},
		"blocks: is -1":                                                  {func(e *Residual) { e.Blocks = -1 }, []int{3, 8, 8}},
		"block_hidden: is 0":                                             {func(e *Residual) { e.BlockHidden = 0 }, []int{3, 8, 8}},
		"dim: is 0":                                                      {func(e *Residual) { e.Dim = 0 }, []int{3, 8, 8}},
		`did you mean "relu"?`:                                           {func(e *Residual) { e.Activation = "rleu" }, []int{3, 8, 8}},
		"brings the encoder to some":                                     {func(e *Residual) { e.Hidden = 1 << 14 }, []int{3, 8, 8}},
	} {
		e := good
		c.change(&e)
		if err := e.Check(c.shape); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v on %v: %v, want %q", e, c.shape, err, want)
		}
	}
}
