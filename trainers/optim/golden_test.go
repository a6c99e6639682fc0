package optim

import (
	"slices"
	"strconv"
	"testing"

	"x2vec/graph/golden"
)

func TestGoldenOptimizer(t *testing.T) {
	golden.Each(t, "optimizer", func(t *testing.T, c *golden.Case) {
		var h struct {
			Steps     int
			Optimizer struct {
				golden.Optimizer
				Formula string
			}
		}
		c.Settings(&h)
		s := h.Optimizer
		o, err := Default(s.Type)
		if err != nil {
			t.Fatal(err)
		}
		o.Momentum, o.Dampening, o.Nesterov, o.WeightDecay = s.Momentum, s.Dampening, s.Nesterov, s.WeightDecay
		if s.Type != "sgd" {
			o.Betas, o.Eps = [2]float64{s.Beta1, s.Beta2}, s.Eps
		}
		w := slices.Clone(c.Floats("w.p"))
		p := []Param{{Path: "p", Shape: c.Shape("w.p"), W: w, Decay: true}}
		opt, err := New(o, p)
		if err != nil {
			t.Fatal(err)
		}
		grads := c.Floats("in.grads") // (steps, shape of p)
		for i := range h.Steps {
			p[0].G = grads[i*len(w) : (i+1)*len(w)]
			opt.Step(p, float32(s.LR), 1)
			c.Check("out.step"+strconv.Itoa(i+1), w)
		}
	})
}

func TestGoldenClipNorm(t *testing.T) {
	golden.Each(t, "clip_norm", func(t *testing.T, c *golden.Case) {
		var h struct {
			MaxNorm float64 `json:"max_norm"`
		}
		c.Settings(&h)
		var params []Param
		for _, name := range c.Names("in.") {
			g := c.Floats("in." + name)
			params = append(params, Param{Path: name, Shape: c.Shape("in." + name), W: make([]float32, len(g)), G: g})
		}
		gradients, err := NewGradients(params, 1)
		if err != nil {
			t.Fatal(err)
		}
		sum, _ := gradients.Add(params)
		norm := gradients.Norm()
		c.Check("out.norm", []float32{float32(norm)})
		// Plain steps at rate 1 take the weights from zero to −scale·g.
		o, err := Default("sgd")
		if err != nil {
			t.Fatal(err)
		}
		opt, err := New(o, params)
		if err != nil {
			t.Fatal(err)
		}
		opt.Step(sum, 1, gradients.Scale(norm, h.MaxNorm))
		for _, p := range params {
			for i := range p.W {
				p.W[i] = -p.W[i]
			}
			c.Check("out."+p.Path, p.W)
		}
	})
}

func TestGoldenSchedule(t *testing.T) {
	golden.Each(t, "schedule", func(t *testing.T, c *golden.Case) {
		var h struct {
			Base, Min     float64
			Warmup, Total int
		}
		c.Settings(&h)
		s, err := DefaultSchedule("cosine")
		if err != nil {
			t.Fatal(err)
		}
		s.Base, s.MinLR, s.Warmup, s.Total = h.Base, h.Min, h.Warmup, h.Total
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		var rates []float64
		for i := range h.Total {
			rates = append(rates, s.LR(i))
		}
		c.Check64("out.lr", rates)
	})
}
