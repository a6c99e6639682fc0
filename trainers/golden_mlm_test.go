package trainers_test

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/objectives"
)

// mlmNames are the paths of a masked language model by the names of the reference
// values.
var mlmNames = strings.NewReplacer(
	"encoder/token_embed/", "tok.", "encoder/pos_embed", "pos", "encoder/norm/", "norm.", "head/bias", "bias",
	"encoder/blocks/", "blocks.", "/norm1/", ".n1.", "/norm2/", ".n2.", "/mlp/fc1/", ".fc1.", "/mlp/fc2/", ".fc2.",
	"/attn/qkv/", ".attn.in_proj_", "/attn/proj/", ".attn.out_proj.")

// The masked language model's tokens, loss, gradients, and weights after three steps
// of each optimizer are PyTorch's.
func TestGoldenMLM(t *testing.T) {
	golden.Each(t, "mlm", func(t *testing.T, c *golden.Case) {
		var h struct {
			Vocab, Length, Dim, Depth, Heads, Pad, Mask int
			MLPRatio                                    float64 `json:"mlp_ratio"`
			Tied                                        bool    `json:"tied_output"`
			Eps                                         float32 `json:"ln_eps"`
		}
		c.Settings(&h)
		if !h.Tied || h.Eps != 1e-5 {
			t.Skipf("tied output %v with eps %g is not built", h.Tied, h.Eps)
		}
		batch := c.Shape("in.ids")[0]
		// The positions asked for, by example: the most of them is what each has room for.
		asked := make([][]int, batch)
		most := 0
		for i, at := range c.Ints("in.sel") {
			e := at / h.Length
			asked[e] = append(asked[e], i)
			most = max(most, len(asked[e]))
		}
		o := &objectives.MLM{Mask: float64(most) / float64(h.Length)}
		task := objectives.Task{
			Encoder: &nets.Transformer{Dim: h.Dim, Depth: h.Depth, Heads: h.Heads, MLPRatio: h.MLPRatio,
				Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"},
			// The last of the case's tokens has the row of a hidden one.
			Spec:  data.Spec{Shape: []int{h.Length}, Words: data.NewVocabulary(make([]string, h.Vocab-1), make([]int64, h.Vocab-1))},
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
				copy(w.Data, c.Floats("w."+mlmNames.Replace(w.Path)))
			}
			feed := p.NewFeed()
			pad := c.Array("in.pad").Bool
			copy(feed.I["tokens"], c.Ints("in.ids"))
			for i, p := range pad {
				if p {
					feed.I["tokens"][i] = -1
				}
			}
			for e := range batch {
				for j := range most {
					feed.I["targets"][e*most+j] = -1
				}
				for j, i := range asked[e] {
					feed.I["places"][e*most+j] = c.Ints("in.sel")[i] % h.Length
					feed.I["targets"][e*most+j] = c.Ints("in.target")[i]
				}
			}
			if err := p.Run(feed, 0); err != nil {
				t.Fatal(err)
			}
			if name != "" {
				trainedGolden(t, c, name, ps, p, feed, mlmNames.Replace)
				continue
			}
			v, _ := p.Tap("encoder/tokens")
			hidden := append([]float32{}, v.Data...)
			for i, p := range pad {
				if p {
					clear(hidden[i*h.Dim : (i+1)*h.Dim])
				}
			}
			c.Check("out.hidden", hidden)
			c.Check("out.loss", []float32{p.Loss()})
			if got, want := len(p.Gradients()), len(c.Names("w.")); got != want {
				t.Errorf("%d gradients, want %d", got, want)
			}
			for _, g := range p.Gradients() {
				c.Check("grad.w."+mlmNames.Replace(g.Param.Path), g.Data)
			}
		}
	})
}
