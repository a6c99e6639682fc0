package layers

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/ops/opstest"
)

// rows starts a parameter at some rows of a case's tensor.
func rows(c *golden.Case, tensor string, from, to int) graph.Init {
	width := len(c.Floats(tensor)) / c.Shape(tensor)[0]
	return func(_ *draw.Rand, _ []int, w []float32) { copy(w, c.Floats(tensor)[from*width:to*width]) }
}

// keep is PyTorch's padding mask, true where a key is left out, as ours.
func keep(c *golden.Case) []float32 {
	var m []float32
	for _, pad := range c.Array("in.pad").Bool {
		if pad {
			m = append(m, 0)
		} else {
			m = append(m, 1)
		}
	}
	return m
}

func TestGoldenAttention(t *testing.T) {
	golden.Each(t, "attention", func(t *testing.T, c *golden.Case) {
		var h struct {
			Dim, Heads int
			Mask       string
		}
		c.Settings(&h)
		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
			o := AttentionOptions{Heads: h.Heads, Causal: h.Mask == "causal"}
			if h.Mask == "padding" {
				o.Mask = s.Input("mask", c.Shape("in.pad")...)
			}
			at := s.In("l")
			at.In("proj").Param("weight", given(c, "w.out_proj.weight"), h.Dim, h.Dim)
			at.In("proj").Param("bias", given(c, "w.out_proj.bias"), h.Dim)
			parts := map[string][2]int{"qkv": {0, 3}}
			if c.Has("in.memory") {
				o.Memory = s.Param("memory", given(c, "in.memory"), c.Shape("in.memory")...)
				parts = map[string][2]int{"q": {0, 1}, "kv": {1, 3}}
			}
			for name, r := range parts {
				from, to := r[0]*h.Dim, r[1]*h.Dim
				at.In(name).Param("weight", rows(c, "w.in_proj_weight", from, to), to-from, h.Dim)
				at.In(name).Param("bias", rows(c, "w.in_proj_bias", from, to), to-from)
			}
			x := s.Param("x", given(c, "in.x"), c.Shape("in.x")...)
			y := s.Tap("y", Attention(s, "l", x, o))
			return s.Apply(opstest.Dot{}, y, s.Input("gy", c.Shape("in.gy")...))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		feed := p.NewFeed()
		copy(feed.F["gy"], c.Floats("in.gy"))
		if h.Mask == "padding" {
			copy(feed.F["mask"], keep(c))
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		y, _ := p.Tap("y")
		c.Check("out.y", y.Data)
		c.Check("out.loss", []float32{p.Loss()})
		grads := map[string][]float32{}
		for _, g := range p.Gradients() {
			grads[g.Param.Path] = g.Data
		}
		c.Check("grad.in.x", grads["x"])
		c.Check("grad.w.out_proj.weight", grads["l/proj/weight"])
		c.Check("grad.w.out_proj.bias", grads["l/proj/bias"])
		if c.Has("in.memory") {
			c.Check("grad.in.memory", grads["memory"])
			c.Check("grad.w.in_proj_weight", slices.Concat(grads["l/q/weight"], grads["l/kv/weight"]))
			c.Check("grad.w.in_proj_bias", slices.Concat(grads["l/q/bias"], grads["l/kv/bias"]))
		} else {
			c.Check("grad.w.in_proj_weight", grads["l/qkv/weight"])
			c.Check("grad.w.in_proj_bias", grads["l/qkv/bias"])
		}
	})
}

func TestGoldenPatchify(t *testing.T) {
	golden.Each(t, "patchify", func(t *testing.T, c *golden.Case) {
		var h struct{ Patch int }
		c.Settings(&h)
		p, err := graph.Compile(graph.NewParams(0), graph.Eval, func(s *graph.Scope) *G.Node {
			s.Tap("patches", Patchify(s, s.Input("x", c.Shape("in.x")...), h.Patch))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		feed := p.NewFeed()
		copy(feed.F["x"], c.Floats("in.x"))
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		y, _ := p.Tap("patches")
		c.Check("out.patches", y.Data)
		if !slices.Equal(y.Shape, c.Shape("out.patches")) {
			t.Errorf("patches are %v, want %v", y.Shape, c.Shape("out.patches"))
		}
	})
}

func TestGoldenEmbedding(t *testing.T) {
	golden.Each(t, "embedding", func(t *testing.T, c *golden.Case) {
		var h struct {
			Rows, Dim  int
			PaddingIdx *int `json:"padding_idx"`
		}
		c.Settings(&h)
		for _, shared := range []bool{false, true} {
			o := EmbeddingOptions{Shared: shared, Weight: given(c, "w.weight")}
			if h.PaddingIdx != nil {
				o.HasPadding, o.Padding = true, *h.PaddingIdx
			}
			p, err := graph.Compile(graph.NewParams(0), graph.Train, func(s *graph.Scope) *G.Node {
				y := s.Tap("y", Embedding(s, "l", s.Ints("ids", c.Shape("in.ids")...), h.Rows, h.Dim, o))
				return s.Apply(opstest.Dot{}, y, s.Input("gy", c.Shape("in.gy")...))
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			feed := p.NewFeed()
			copy(feed.F["gy"], c.Floats("in.gy"))
			copy(feed.I["ids"], c.Ints("in.ids"))
			if err := p.Run(feed, 0); err != nil {
				t.Fatal(err)
			}
			y, _ := p.Tap("y")
			c.Check("out.y", y.Data)
			c.Check("out.loss", []float32{p.Loss()})
			g := p.Gradients()[0]
			if shared {
				c.Check("grad.w.weight", g.Data)
				continue
			}
			if len(g.Rows) != len(c.Ints("in.ids")) {
				t.Fatalf("the gradient has %d rows for %d indices", len(g.Rows), len(c.Ints("in.ids")))
			}
			sum := make([]float32, h.Rows*h.Dim)
			for i, row := range g.Rows {
				for j, v := range g.Data[i*h.Dim : (i+1)*h.Dim] {
					sum[row*h.Dim+j] += v
				}
			}
			c.Check("grad.w.weight", sum)
		}
	})
}
