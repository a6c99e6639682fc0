package objectives

import (
	"fmt"
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/trainers/optim"
)

// colorNames are the paths by the names of the reference values.
var colorNames = strings.NewReplacer("encoder/conv0/", "net.0.", "encoder/conv1/", "net.2.", "encoder/conv2/", "net.4.",
	"encoder/conv3/", "net.6.", "encoder/conv4/", "net.8.", "decoder/up0/", "net.10.", "decoder/bins/", "net.12.")

// Colorization's targets, logits, loss, gradients, and weights after three steps of
// each optimizer are PyTorch's.
func TestGoldenColor(t *testing.T) {
	golden.Each(t, "colorization", func(t *testing.T, c *golden.Case) {
		var h struct {
			Bins, Neighbours int
			Sigma, Lambda    float64
			Layers           struct{ Net []map[string]any }
		}
		c.Settings(&h)
		enc := &nets.Conv{Kernel: 3, Stride: 1, Pad: 1, Activation: "relu", Norm: "none"}
		o := &Color{Loss: softColor, Lambda: h.Lambda, Neighbours: h.Neighbours, Sigma: h.Sigma, Temperature: 0.38, Activation: "relu"}
		for _, l := range h.Layers.Net {
			number := func(key string) int { return int(l[key].(float64)) }
			switch {
			case l["type"] == "conv2d" && number("kernel") == 3:
				enc.Channels, enc.Strides = append(enc.Channels, number("out")), append(enc.Strides, number("stride"))
			case l["type"] == "conv_transpose2d":
				o.Decoder = append(o.Decoder, number("out"))
			}
		}
		var bins []transforms.AB
		for i, v := 0, c.Floats("in.bins"); i < len(v); i += 2 {
			bins = append(bins, transforms.AB(v[i:i+2]))
		}
		var err error
		o.once.Do(func() { o.encoder, err = transforms.NewSoftEncoder(bins, h.Neighbours, h.Sigma) })
		if err != nil {
			t.Fatal(err)
		}
		shape := c.Shape("in.rgb") // (N, 3, H, W)
		task := Task{Encoder: enc, Spec: data.Spec{Shape: shape[1:]}, Batch: shape[0]}
		f, err := o.frame(task)
		if err != nil {
			t.Fatal(err)
		}

		// From colours to targets.
		n, places := shape[2]*shape[3], f.h*f.w
		rgb, k := c.Floats("in.rgb"), h.Neighbours
		var light, ab []float32
		var near []int
		var shares []float32
		weights := make([]float64, h.Bins)
		for i, p := range c.Floats("in.prior") {
			weights[i] = float64(p)
		}
		balance := transforms.Rebalance(weights, h.Lambda)
		var pixelWeights []float32
		soft := make([]float32, shape[0]*h.Bins*places)
		for i := range shape[0] {
			lab := make([]float32, 3*n)
			for j := range n {
				at := func(ch int) float64 { return float64(rgb[(3*i+ch)*n+j]) }
				for ch, v := range transforms.LabOfRGB([3]float64{at(0), at(1), at(2)}) {
					lab[ch*n+j] = float32(v)
				}
			}
			colors := make([]transforms.AB, places)
			f.colors(colors, lab)
			scaleLightness(lab[:n])
			light = append(light, lab[:n]...)
			for ch := range 2 {
				for _, color := range colors {
					ab = append(ab, color[ch])
				}
			}
			for j, color := range colors {
				b, s := make([]int, k), make([]float32, k)
				o.soft().Encode(color, b, s)
				near, shares = append(near, b...), append(shares, s...)
				pixelWeights = append(pixelWeights, balance[b[0]])
				for q := range b {
					soft[(i*h.Bins+b[q])*places+j] = s[q]
				}
			}
		}
		c.Check("in.L", light)
		c.Check("in.ab", ab)
		c.Check("in.soft", soft)
		c.Check("in.pixel_weight", pixelWeights)

		for _, name := range []string{"", "sgd", "adam", "adamw"} {
			ps := graph.NewParams(0)
			p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			copy(ps.Get(colorWeights).Data, balance)
			for _, w := range ps.Trained() {
				copy(w.Data, c.Floats("w."+colorNames.Replace(w.Path)))
			}
			feed := p.NewFeed()
			copy(feed.F["lightness"], light)
			copy(feed.F["shares"], shares)
			copy(feed.I["bins"], near)
			if err := p.Run(feed, 0); err != nil {
				t.Fatal(err)
			}
			if name == "" {
				c.Check("out.logits", goldenLogits(t, o, task, ps, feed, p.Loss()))
				c.Check("out.loss", []float32{p.Loss()})
				if got, want := len(p.Gradients()), len(c.Names("w.")); got != want {
					t.Errorf("%d gradients, want %d", got, want)
				}
				for _, g := range p.Gradients() {
					c.Check("grad.w."+colorNames.Replace(g.Param.Path), g.Data)
				}
				continue
			}
			goldenSteps(t, c, name, ps, p, feed)
		}
	})
}

// goldenLogits are those of the evaluation program, as (N, Q, h, w). Its loss is that
// of the training program.
func goldenLogits(t *testing.T, o *Color, task Task, ps *graph.Params, feed *graph.Feed, want float32) []float32 {
	t.Helper()
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(feed, 0); err != nil {
		t.Fatal(err)
	}
	if got := p.Loss(); math.Abs(float64(got-want)) > 1e-5 {
		t.Errorf("loss is %v in evaluation and %v in training", got, want)
	}
	logits, _ := p.Tap("logits") // (N, h, w, Q)
	q, places := logits.Shape[3], logits.Shape[1]*logits.Shape[2]
	first := make([]float32, len(logits.Data))
	for i, v := range logits.Data {
		first[(i/q/places*q+i%q)*places+i/q%places] = v
	}
	return first
}

// goldenSteps takes three steps of an optimizer and compares loss and weights.
func goldenSteps(t *testing.T, c *golden.Case, name string, ps *graph.Params, p *graph.Program, feed *graph.Feed) {
	t.Helper()
	s := c.Optimizer(name)
	opts, err := optim.Default(s.Type)
	if err != nil {
		t.Fatal(err)
	}
	opts.WeightDecay = s.WeightDecay
	if s.Type == "sgd" {
		opts.Momentum, opts.Dampening, opts.Nesterov = s.Momentum, s.Dampening, s.Nesterov
	} else {
		opts.Betas, opts.Eps = [2]float64{s.Beta1, s.Beta2}, s.Eps
	}
	var params []optim.Param
	for _, w := range ps.Trained() {
		params = append(params, optim.Param{Path: w.Path, Shape: w.Shape, W: w.Data, Decay: true})
	}
	opt, err := optim.New(opts, params)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 3; step++ {
		for i, g := range p.Gradients() {
			params[i].G = g.Data
		}
		opt.Step(params, float32(s.LR), 1)
		if err := p.Run(feed, step); err != nil {
			t.Fatal(err)
		}
	}
	c.Check(name+"3.loss", []float32{p.Loss()})
	for _, w := range ps.Trained() {
		c.Check(fmt.Sprintf("%s3.w.%s", name, colorNames.Replace(w.Path)), w.Data)
	}
}
