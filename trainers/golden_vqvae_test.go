package trainers_test

import (
	"encoding/json"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/objectives"
)

// vqvaeNames are the paths of a VQ-VAE of two halvings and two blocks by the names of
// the reference values.
var vqvaeNames = strings.NewReplacer(
	"encoder/conv0/", "w.enc.0.", "encoder/conv1/", "w.enc.2.", "encoder/conv2/", "w.enc.4.",
	"encoder/block0/conv0/", "w.enc.5.a.", "encoder/block0/conv1/", "w.enc.5.b.",
	"encoder/block1/conv0/", "w.enc.6.a.", "encoder/block1/conv1/", "w.enc.6.b.", "encoder/out/", "w.enc.8.",
	"decoder/conv/", "w.dec.0.", "decoder/block0/conv0/", "w.dec.1.a.", "decoder/block0/conv1/", "w.dec.1.b.",
	"decoder/block1/conv0/", "w.dec.2.a.", "decoder/block1/conv1/", "w.dec.2.b.", "decoder/up0/", "w.dec.4.", "decoder/up1/", "w.dec.6.")

// bookNames are those of what is kept about the codebook.
var bookNames = map[string]string{"codebook/weight": "s.vq.codebook", "codebook/uses": "s.vq.n", "codebook/sums": "s.vq.m"}

// The VQ-VAE's map, codes, reconstruction, loss, gradients, its codebook's moving
// averages, and all of these after three steps of each optimizer are PyTorch's.
func TestGoldenVQVAE(t *testing.T) {
	golden.Each(t, "vqvae", goldenVQVAE)
}

func goldenVQVAE(t *testing.T, c *golden.Case) {
	var h struct {
		Codes, Dim     int
		Beta, Variance float64
		EMA            bool
		Decay, Eps     float64
		Layers         json.RawMessage
	}
	c.Settings(&h)
	o := &objectives.VQVAE{Codes: h.Codes, Beta: h.Beta, Codebook: "loss", Epsilon: 1e-5, Spread: 1}
	names := map[string]string{"codebook/weight": "w.vq.codebook"}
	if h.EMA {
		o.Codebook, o.Decay, o.Epsilon = "ema", h.Decay, h.Eps
		names = bookNames
	}
	shape := c.Shape("in.x")
	task := objectives.Task{
		Encoder: &nets.Residual{Hidden: c.Shape("w.enc.4.weight")[0], Halvings: 2, Blocks: 2,
			BlockHidden: c.Shape("w.enc.5.a.weight")[0], Dim: h.Dim, Activation: "relu"},
		Spec:  data.Spec{Shape: shape[1:]},
		Batch: shape[0],
	}
	if err := o.Check(task); err != nil {
		t.Fatal(err)
	}
	name := func(p *graph.Param) string {
		if n, ok := names[p.Path]; ok {
			return n
		}
		return vqvaeNames.Replace(p.Path)
	}
	own := map[string]bool{"data/variance": true, "codebook/batches": true} // which PyTorch's has not
	for _, by := range []string{"", "sgd", "adam", "adamw"} {
		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ps.Get("data/variance").Data[0] = float32(h.Variance)
		for _, w := range ps.All() {
			if !own[w.Path] {
				copy(w.Data, c.Floats(name(w)))
			}
		}
		feed := p.NewFeed()
		copy(feed.F["x"], c.Floats("in.x"))
		run := func(step int) {
			t.Helper()
			if err := p.Run(feed, step); err != nil {
				t.Fatal(err)
			}
		}
		after := func() {
			t.Helper()
			if err := o.AfterStep(task, p, ps); err != nil {
				t.Fatal(err)
			}
		}
		kept := func(when string) {
			t.Helper()
			for _, w := range ps.All() {
				if w.Buffer && !own[w.Path] {
					c.Check(when+"."+name(w), w.Data)
				}
			}
		}
		run(0)
		if by == "" {
			checkVQVAE(t, c, p)
			c.Check("out.loss", []float32{p.Loss()})
			for _, g := range p.Gradients() {
				c.Check("grad."+name(g.Param), g.Data)
			}
			if got, want := len(p.Gradients()), len(c.Names("grad.")); got != want {
				t.Errorf("%d gradients, want %d", got, want)
			}
			after()
			kept("after")
			continue
		}
		opt, params, lr := goldenOptimizer(t, c, by, ps)
		for step := 1; step <= 3; step++ {
			for i, g := range p.Gradients() {
				params[i].G = g.Data
			}
			opt.Step(params, lr, 1)
			after()
			run(step)
		}
		c.Check(by+"3.loss", []float32{p.Loss()})
		for _, w := range ps.Trained() {
			c.Check(by+"3."+name(w), w.Data)
		}
		kept(by + "3")
	}
}

// checkVQVAE compares what lies within the model; maps are (B, h, w, D) here and
// (B, D, h, w) in the case.
func checkVQVAE(t *testing.T, c *golden.Case, p *graph.Program) {
	t.Helper()
	tap := func(name string) graph.View {
		v, ok := p.Tap(name)
		if !ok {
			t.Fatalf("no tap %q among %v", name, p.Taps())
		}
		return v
	}
	z := tap("encoder/map")
	b, places, d := z.Shape[0], z.Shape[1]*z.Shape[2], z.Shape[3]
	var first []float32
	for i := range b {
		for j := range d {
			for at := range places {
				first = append(first, z.Data[(i*places+at)*d+j])
			}
		}
	}
	c.Check("out.z", first)
	for i, want := range c.Ints("out.idx") {
		if got := int(tap("codes").Data[i]); got != want {
			t.Errorf("code %d is %d, want %d", i, got, want)
		}
	}
	c.Check("out.y", tap("reconstruction").Data)
	c.Check("out.perplexity", tap("metric/batch perplexity").Data)
}
