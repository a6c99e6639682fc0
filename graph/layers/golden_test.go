package layers

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// given starts a parameter at the values of a case's tensor.
func given(c *golden.Case, tensor string) graph.Init {
	return func(_ *draw.Rand, _ []int, w []float32) { copy(w, c.Floats(tensor)) }
}

// check builds y from in.x, a parameter so that it gets a gradient, and compares
// it, the loss Σ gy·y and all gradients. weights names the parameters of layer
// "l" by the case's names.
func check(t *testing.T, c *golden.Case, build func(s *graph.Scope, x *G.Node) *G.Node, weights map[string]string) {
	t.Helper()
	checkOn(t, graph.NewParams(0), c, build, weights)
}

// checkOn is check with parameters that may be there already.
func checkOn(t *testing.T, ps *graph.Params, c *golden.Case, build func(s *graph.Scope, x *G.Node) *G.Node, weights map[string]string) {
	t.Helper()
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
		x := s.Param("x", given(c, "in.x"), c.Shape("in.x")...)
		y := s.Tap("y", build(s, x))
		return s.Apply(opstest.Dot{}, y, s.Input("gy", c.Shape("in.gy")...))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for path, name := range weights {
		copy(ps.Get(path).Data, c.Floats(name))
	}
	feed := p.NewFeed()
	copy(feed.F["gy"], c.Floats("in.gy"))
	if err := p.Run(feed, 0); err != nil {
		t.Fatal(err)
	}
	y, _ := p.Tap("y")
	c.Check("out.y", y.Data)
	c.Check("out.loss", []float32{p.Loss()})
	for _, g := range p.Gradients() {
		if name := weights[g.Param.Path]; name != "" {
			c.Check("grad."+name, g.Data)
		} else {
			c.Check("grad.in.x", g.Data)
		}
	}
}

func TestGoldenLinear(t *testing.T) {
	golden.Each(t, "linear", func(t *testing.T, c *golden.Case) {
		var h struct {
			In, Out int
			Bias    bool
		}
		c.Settings(&h)
		weights := map[string]string{"l/weight": "w.weight", "l/bias": "w.bias"}
		var opts []Option
		if !h.Bias {
			delete(weights, "l/bias")
			opts = append(opts, NoBias())
		}
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node { return Linear(s, "l", x, h.Out, opts...) }, weights)
	})
}

func TestGoldenActivation(t *testing.T) {
	golden.Each(t, "activation", func(t *testing.T, c *golden.Case) {
		var h struct{ Function string }
		c.Settings(&h)
		a, err := Activation(h.Function)
		if err != nil {
			t.Fatal(err)
		}
		if a.Func == ops.LeakyReLU {
			a.Slope = 0.2 // the case's notes say so
		}
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node { return Activate(s, x, a) }, nil)
	})
}

func TestGoldenLayerNorm(t *testing.T) {
	golden.Each(t, "layernorm", func(t *testing.T, c *golden.Case) {
		var h struct {
			Features int
			Eps      float32
		}
		c.Settings(&h)
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node { return LayerNormWith(s, "l", x, h.Eps) },
			map[string]string{"l/weight": "w.weight", "l/bias": "w.bias"})
	})
}

func TestGoldenRows(t *testing.T) {
	rows := func(f func(s *graph.Scope, x *G.Node) *G.Node) func(t *testing.T, c *golden.Case) {
		return func(t *testing.T, c *golden.Case) {
			var h struct{ Axis int }
			c.Settings(&h)
			if h.Axis != -1 {
				t.Skipf("axis %d is not built", h.Axis)
			}
			check(t, c, f, nil)
		}
	}
	golden.Each(t, "softmax", rows(Softmax))
	golden.Each(t, "log_softmax", rows(LogSoftmax))
	golden.Each(t, "l2_normalize", rows(L2Normalize))
}

func TestGoldenLoss(t *testing.T) {
	golden.Each(t, "loss", func(t *testing.T, c *golden.Case) {
		var h struct {
			Loss, Variant, Reduction string
			IgnoreIndex              int `json:"ignore_index"`
			Smoothing                float32
			Temperature              float32
		}
		c.Settings(&h)
		if h.Reduction != "" && h.Reduction != "mean" {
			t.Skipf("reduction %q is not built", h.Reduction)
		}
		var opts []LossOption
		switch h.Variant {
		case "soft":
			opts = append(opts, SoftTargets())
		case "map":
			opts = append(opts, ClassMap())
		case "ignore":
			opts = append(opts, IgnoreTarget(h.IgnoreIndex))
		case "smoothing":
			opts = append(opts, Smoothing(h.Smoothing))
		}
		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
			if c.Has("in.z1") {
				return contrastive(t, c, s, h.Loss, h.Variant == "symmetric", h.Temperature)
			}
			x := s.Param("x", given(c, "in.x"), c.Shape("in.x")...)
			if h.Loss == "cross_entropy" && h.Variant != "soft" {
				if h.Variant == "weighted" {
					opts = append(opts, ClassWeights(s.Input("weight", c.Shape("in.weight")...)))
				}
				return CrossEntropy(s, x, s.Ints("target", c.Shape("in.target")...), opts...)
			}
			target := s.Input("target", c.Shape("in.target")...)
			switch h.Loss {
			case "mse":
				return MSE(s, x, target)
			case "mae", "l1":
				return MAE(s, x, target)
			case "bce_logits":
				return BCE(s, x, target)
			case "cross_entropy":
				return CrossEntropy(s, x, target, opts...)
			}
			t.Skipf("loss %q is not built yet", h.Loss)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		feed := p.NewFeed()
		for name, v := range feed.F {
			copy(v, c.Floats("in."+name))
		}
		for name, v := range feed.I {
			copy(v, c.Ints("in."+name))
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		c.Check("out.loss", []float32{p.Loss()})
		for _, g := range p.Gradients() {
			if g.Param.Path == "z" {
				n := len(g.Data) / 2
				c.Check("grad.in.z1", g.Data[:n])
				c.Check("grad.in.z2", g.Data[n:])
				continue
			}
			c.Check("grad.in."+g.Param.Path, g.Data)
		}
	})
}

// contrastive builds a loss of views z1 and z2: of both in one array z, or by
// themselves.
func contrastive(t *testing.T, c *golden.Case, s *graph.Scope, loss string, symmetric bool, temperature float32) *G.Node {
	shape := c.Shape("in.z1")
	switch loss {
	case "nt_xent":
		return NTXent(s, s.Param("z", func(_ *draw.Rand, _ []int, w []float32) {
			copy(w[copy(w, c.Floats("in.z1")):], c.Floats("in.z2"))
		}, 2*shape[0], shape[1]), temperature)
	case "info_nce":
		return s.Apply(&ops.InfoNCE{Temperature: temperature, Symmetric: symmetric}, s.Param("z1", given(c, "in.z1"), shape...), s.Param("z2", given(c, "in.z2"), shape...))
	}
	t.Skipf("loss %q is not built", loss)
	return nil
}
