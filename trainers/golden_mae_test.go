package trainers_test

import (
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers/optim"
)

// maeNames are the paths of a masked autoencoder by the names of the reference
// values.
var maeNames = strings.NewReplacer(
	"encoder/class_token", "cls", "decoder/mask_token", "mask",
	"encoder/patch_embed/", "embed.", "decoder/embed/", "dembed.",
	"encoder/norm/", "norm.", "decoder/norm/", "dnorm.", "decoder/pred/", "pred.",
	"encoder/blocks/", "blocks.", "decoder/blocks/", "dblocks.",
	"/norm1/", ".n1.", "/norm2/", ".n2.", "/mlp/fc1/", ".fc1.", "/mlp/fc2/", ".fc2.",
	"/attn/qkv/", ".attn.in_proj_", "/attn/proj/", ".attn.out_proj.")

// The masked autoencoder's tokens, prediction, loss, gradients, and weights after
// three steps of each optimizer are PyTorch's.
func TestGoldenMAE(t *testing.T) {
	golden.Each(t, "mae", func(t *testing.T, c *golden.Case) {
		var h struct {
			Image, Channels, Patch, Tokens, Dim, Depth, Heads, Keep int
			DecoderDim                                              int     `json:"decoder_dim"`
			DecoderDepth                                            int     `json:"decoder_depth"`
			DecoderHeads                                            int     `json:"decoder_heads"`
			MLPRatio                                                float64 `json:"mlp_ratio"`
			NormalisePixels                                         bool    `json:"normalise_pixels"`
			Eps                                                     float32 `json:"ln_eps"`
			Activation                                              string
		}
		c.Settings(&h)
		if h.Activation != "gelu" || h.Eps != 1e-6 {
			t.Skipf("activation %s with eps %g is not built", h.Activation, h.Eps)
		}
		batch := c.Shape("in.image")[0]
		o := &objectives.MAE{Mask: 1 - float64(h.Keep)/float64(h.Tokens), Masking: "random", NormalizePixels: h.NormalisePixels,
			DecoderDim: h.DecoderDim, DecoderDepth: h.DecoderDepth, DecoderHeads: h.DecoderHeads}
		task := objectives.Task{
			Encoder: &nets.ViT{Patch: h.Patch, Dim: h.Dim, Depth: h.Depth, Heads: h.Heads, MLPRatio: h.MLPRatio,
				ClassToken: true, Pooling: "mean", Positions: "sincos"},
			Spec:  data.Spec{Shape: []int{h.Channels, h.Image, h.Image}},
			Batch: batch,
		}
		if err := o.Check(task); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "sgd", "adam", "adamw"} {
			ps := graph.NewParams(0)
			p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for _, w := range ps.Trained() {
				copy(w.Data, c.Floats("w."+maeNames.Replace(w.Path)))
			}
			feed := p.NewFeed()
			feedMAE(c, feed, h.Keep, h.NormalisePixels)
			if err := p.Run(feed, 0); err != nil {
				t.Fatal(err)
			}
			if name == "" {
				for tap, want := range map[string]string{"encoder/tokens": "out.latent", "prediction": "out.pred"} {
					v, _ := p.Tap(tap)
					c.Check(want, v.Data)
				}
				c.Check("out.mask", feed.F["hidden"])
				c.Check("out.loss", []float32{p.Loss()})
				if got, want := len(p.Gradients()), len(c.Names("w.")); got != want {
					t.Errorf("%d gradients, want %d", got, want)
				}
				for _, g := range p.Gradients() {
					c.Check("grad.w."+maeNames.Replace(g.Param.Path), g.Data)
				}
				continue
			}
			trainedGolden(t, c, name, ps, p, feed, maeNames.Replace)
		}
	})
}

// trainedGolden takes three steps of a case's optimizer and holds loss and weights
// against the case's, which rename finds by path.
func trainedGolden(t *testing.T, c *golden.Case, name string, ps *graph.Params, p *graph.Program, feed *graph.Feed, rename func(string) string) {
	t.Helper()
	opt, params, lr := goldenOptimizer(t, c, name, ps)
	for step := 1; step <= 3; step++ {
		for i, g := range p.Gradients() {
			params[i].G = g.Data
		}
		opt.Step(params, lr, 1)
		if err := p.Run(feed, step); err != nil {
			t.Fatal(err)
		}
	}
	c.Check(name+"3.loss", []float32{p.Loss()})
	for _, w := range ps.Trained() {
		c.Check(name+"3.w."+rename(w.Path), w.Data)
	}
}

// goldenOptimizer is that of a case's trained weights, on the parameters that have a
// gradient, with its rate.
func goldenOptimizer(t *testing.T, c *golden.Case, name string, ps *graph.Params) (optim.Optimizer, []optim.Param, float32) {
	t.Helper()
	s := c.Optimizer(name)
	var params []optim.Param
	for _, w := range ps.Trained() {
		params = append(params, optim.Param{Path: w.Path, Shape: w.Shape, W: w.Data, Decay: true})
	}
	opt, err := optim.New(options(t, s), params)
	if err != nil {
		t.Fatal(err)
	}
	return opt, params, float32(s.LR)
}

// feedMAE makes the inputs from a case's patches and its order of them.
func feedMAE(c *golden.Case, feed *graph.Feed, keep int, normalise bool) {
	patches, order := c.Floats("in.patches"), c.Ints("in.order")
	batch, n, p := c.Shape("in.patches")[0], c.Shape("in.patches")[1], c.Shape("in.patches")[2]
	for i := range batch {
		for j, at := range order[i*n : (i+1)*n] {
			if j >= keep {
				feed.F["hidden"][i*n+at] = 1
				continue
			}
			feed.I["visible"][i*keep+j] = at
			copy(feed.F["patches"][(i*keep+j)*p:(i*keep+j+1)*p], patches[(i*n+at)*p:])
		}
	}
	for at := 0; at < len(patches); at += p {
		patch := patches[at : at+p]
		var mean, variance float64
		for _, v := range patch {
			mean += float64(v) / float64(p)
		}
		for _, v := range patch {
			variance += (float64(v) - mean) * (float64(v) - mean) / float64(p-1)
		}
		for i, v := range patch {
			if normalise {
				v = float32((float64(v) - mean) / math.Sqrt(variance+1e-6))
			}
			feed.F["target"][at+i] = v
		}
	}
}
