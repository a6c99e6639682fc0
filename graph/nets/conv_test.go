package nets

import (
	"fmt"
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
)

// descend takes steps down the gradient, each of the length lr in the mean of a
// parameter's values, on one batch of random inputs, and returns the first and
// the last loss.
func descend(t *testing.T, build func(s *graph.Scope) *G.Node, steps int, lr float64) (first, last float32) {
	t.Helper()
	p, err := graph.Compile(graph.NewParams(1), graph.Train, build)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed := p.NewFeed()
	r := draw.New(7)
	for _, in := range p.Inputs() {
		for i := range feed.F[in.Name] {
			feed.F[in.Name][i] = float32(r.Norm())
		}
	}
	for step := range steps {
		if err := p.Run(feed, step); err != nil {
			t.Fatal(err)
		}
		if last = p.Loss(); step == 0 {
			first = last
		}
		for _, g := range p.Gradients() {
			var squares float64
			for _, d := range g.Data {
				squares += float64(d) * float64(d)
			}
			scale := float32(lr / math.Sqrt(squares/float64(len(g.Data))+1e-12))
			for i, d := range g.Data {
				g.Param.Data[i] -= scale * d
			}
		}
	}
	return first, last
}

// The autoencoder learns four pictures by heart with every norm, in sizes that
// are no multiple of the stride too.
func TestConvLearns(t *testing.T) {
	for _, c := range []struct {
		e     Conv
		shape []int
	}{
		{Conv{Channels: []int{8, 12}, Kernel: 4, Stride: 2, Pad: 1, Code: 16, Activation: "relu", Norm: "none"}, []int{3, 8, 8}},
		{Conv{Channels: []int{8, 12}, Kernel: 4, Stride: 2, Pad: 1, Code: 16, Activation: "silu", Norm: "batch"}, []int{1, 7, 10}},
		{Conv{Channels: []int{8}, Kernel: 3, Stride: 1, Pad: 0, Code: 16, Activation: "relu", Norm: "group"}, []int{2, 5, 6}},
		{Conv{Channels: []int{8, 8}, Kernel: 3, Stride: 3, Pad: 2, Code: 16, Activation: "tanh", Norm: "none"}, []int{2, 9, 11}},
		{Conv{Channels: []int{8, 8, 16}, Kernel: 3, Stride: 2, Strides: []int{1, 2, 1}, Pad: 1, Code: 0, Activation: "relu", Norm: "none"}, []int{2, 5, 6}},
	} {
		if err := c.e.Check(c.shape); err != nil {
			t.Fatal(err)
		}
		first, last := descend(t, autoencoder(&c.e, 4, c.shape...), 200, 0.003)
		if !(last < first/3) {
			t.Errorf("%+v on %v: loss went from %v to %v, want below a third", c.e, c.shape, first, last)
		}
	}
}

func TestConvNames(t *testing.T) {
	e := Conv{Channels: []int{4, 6}, Kernel: 4, Stride: 2, Pad: 1, Code: 5, Activation: "relu", Norm: "batch"}
	ps := graph.NewParams(0)
	p, err := graph.Compile(ps, graph.Train, autoencoder(&e, 2, 3, 9, 8))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var names []string
	for _, w := range ps.All() {
		names = append(names, fmt.Sprint(w.Path, w.Shape))
	}
	want := `encoder/conv0/weight[4 3 4 4] encoder/norm0/weight[4] encoder/norm0/bias[4] encoder/norm0/running_mean[4] encoder/norm0/running_var[4]
encoder/conv1/weight[6 4 4 4] encoder/norm1/weight[6] encoder/norm1/bias[6] encoder/norm1/running_mean[6] encoder/norm1/running_var[6]
encoder/fc/weight[5 24] encoder/fc/bias[5] decoder/fc/weight[24 5] decoder/fc/bias[24]
decoder/conv0/weight[6 4 4 4] decoder/norm0/weight[4] decoder/norm0/bias[4] decoder/norm0/running_mean[4] decoder/norm0/running_var[4]
decoder/conv1/weight[4 3 4 4] decoder/conv1/bias[3]`
	if got := strings.Join(names, " "); got != strings.ReplaceAll(want, "\n", " ") {
		t.Errorf("parameters are\n%s\nwant\n%s", got, want)
	}
	if got, want := strings.Join(p.Taps(), " "), "encoder/conv0 encoder/conv1 encoder/code decoder/conv0"; got != want {
		t.Errorf("taps are %s, want %s", got, want)
	}
}

// All faults of the settings are told at once, and pictures that are too small.
func TestConvCheck(t *testing.T) {
	ok := Conv{Channels: []int{32, 64, 128}, Kernel: 4, Stride: 2, Pad: 1, Code: 128, Activation: "relu", Norm: "none"}
	for _, shape := range [][]int{{3, 32, 32}, {1, 28, 28}, {3, 9, 8}} {
		if err := ok.Check(shape); err != nil {
			t.Errorf("pictures of %v: %v", shape, err)
		}
	}
	wrong := Conv{Channels: []int{0}, Kernel: 3, Stride: 4, Strides: []int{1, 5}, Pad: 9, Code: -1, Activation: "rleu", Norm: "bath"}
	err := wrong.Check([]int{784})
	for _, part := range []string{"channels[0]: is 0", "stride: is 4", "pad: is 9", "strides: has 2 values", "strides[1]: is 5", "code: is -1", `"relu"`, "none, batch, group", "[784]"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not speak of %q: %v", part, err)
		}
	}
	for _, c := range []struct {
		e     Conv
		shape []int
		part  string
	}{
		{Conv{Channels: []int{8}, Kernel: 65, Stride: 2, Pad: 1, Code: 8, Activation: "relu", Norm: "none"}, []int{3, 8, 8}, "kernel: is 65"},
		{ok, []int{3, 4, 4}, "convolution 2 gets a map of 1x1"},
		{Conv{Channels: []int{1 << 14, 1 << 14}, Kernel: 4, Stride: 2, Pad: 1, Code: 8, Activation: "relu", Norm: "none"}, []int{3, 8, 8}, "weights, want at most"},
		{Conv{Channels: []int{1 << 10}, Kernel: 1, Stride: 1, Pad: 0, Code: 1 << 12, Activation: "relu", Norm: "none"}, []int{3, 64, 64}, "weights, want at most"},
	} {
		if err := c.e.Check(c.shape); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%+v on %v: error is %v, want %q in it", c.e, c.shape, err, c.part)
		}
	}
}

// A residual network learns to send four pictures to four places.
func TestResNetLearns(t *testing.T) {
	for _, e := range []ResNet{
		{Blocks: []int{1, 1}, Width: 8, Stem: "small", Block: "basic", Code: 4},
		{Blocks: []int{1, 2}, Width: 4, Stem: "large", Block: "basic"},
		{Blocks: []int{1, 1}, Width: 4, Stem: "small", Block: "bottleneck"},
	} {
		shape := []int{3, 16, 16}
		if err := e.Check(shape); err != nil {
			t.Fatal(err)
		}
		first, last := descend(t, func(s *graph.Scope) *G.Node {
			code := e.Encode(s.In("encoder"), s.Input("x", 4, 3, 16, 16)) // (4, D)
			if got := code.Shape()[1]; got != e.CodeSize(shape) {
				t.Errorf("code has %d values, CodeSize says %d", got, e.CodeSize(shape))
			}
			return layers.MSE(s, layers.Linear(s, "head", code, 2), s.Input("places", 4, 2))
		}, 100, 0.003)
		if !(last < first/3) {
			t.Errorf("%+v: loss went from %v to %v, want below a third", e, first, last)
		}
	}
}

// The default is ResNet-18: torchvision counts 11,176,512 weights without the
// classifier, with a first convolution of 7x7; here it has 3x3.
func TestResNetSize(t *testing.T) {
	e, err := New("resnet")
	if err != nil {
		t.Fatal(err)
	}
	ps := graph.NewParams(0)
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		e.Encode(s.In("encoder"), s.Input("x", 1, 3, 32, 32))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if want := 11_176_512 - 64*3*(7*7-3*3); ps.Count() != want {
		t.Errorf("%d weights, want %d", ps.Count(), want)
	}
	gains := 0
	for _, p := range ps.Trained() {
		if p.Gain() {
			gains += len(p.Data)
		}
	}
	if n := e.(*ResNet).weights(3); n != ps.Count()-gains {
		t.Errorf("%d weights are foreseen, want %d", n, ps.Count()-gains)
	}
	for _, path := range []string{"conv1/weight", "bn1/running_var", "layer2/0/downsample/0/weight", "layer4/1/bn2/bias"} {
		if ps.Get("encoder/"+path) == nil {
			t.Errorf("there is no parameter %s", path)
		}
	}
}

func TestResNetCheck(t *testing.T) {
	wrong := ResNet{Blocks: []int{1, 0}, Stem: "tiny", Code: -1}
	err := wrong.Check([]int{10})
	for _, part := range []string{"blocks[1]: is 0", "width: is 0", `"tiny"`, `block: is ""`, "code: is -1", "[10]"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not speak of %q: %v", part, err)
		}
	}
}
