package nets

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/layers"
)

// goldenLayer is one layer of a case's network: type, sizes, names of tensors.
type goldenLayer map[string]any

// goldenMLP reads hidden widths, code and activation off a case's encoder. It
// returns the case's names of the parameters by path, "encoder/fc0/weight" to
// "w.enc.0.weight", and why the network is no MLP autoencoder, if it is none.
func goldenMLP(encoder, decoder []goldenLayer) (e *MLP, names map[string]string, no string) {
	e = &MLP{Activation: "none"}
	names = map[string]string{}
	for scope, list := range map[string][]goldenLayer{"encoder": encoder, "decoder": decoder} {
		n := 0
		for _, l := range list {
			kind := l["type"].(string)
			switch {
			case kind == "linear":
				for _, p := range []string{"weight", "bias"} {
					names[fmt.Sprintf("%s/fc%d/%s", scope, n, p)] = l[p].(string)
				}
				if n++; scope == "encoder" {
					e.Hidden = append(e.Hidden, int(l["out"].(float64)))
				}
			default:
				if _, err := layers.Activation(kind); err != nil {
					return nil, nil, fmt.Sprintf("a layer of type %q", kind)
				}
				e.Activation = kind
			}
		}
	}
	if len(e.Hidden) == 0 {
		return nil, nil, "no linear layer"
	}
	e.Code = e.Hidden[len(e.Hidden)-1]
	e.Hidden = e.Hidden[:len(e.Hidden)-1]
	return e, names, ""
}

// goldenConv is goldenMLP for convolutional autoencoders.
func goldenConv(encoder, decoder []goldenLayer) (e *Conv, names map[string]string, no string) {
	e = &Conv{Activation: "none", Norm: "none"}
	names = map[string]string{}
	number := func(l goldenLayer, key string) int { return int(l[key].(float64)) }
	for scope, list := range map[string][]goldenLayer{"encoder": encoder, "decoder": decoder} {
		n := 0
		for _, l := range list {
			kind, name := l["type"].(string), "fc"
			switch kind {
			case "conv2d", "conv_transpose2d":
				name = fmt.Sprintf("conv%d", n)
				n++
				e.Kernel, e.Stride, e.Pad = number(l, "kernel"), number(l, "stride"), number(l, "padding")
				if scope == "encoder" {
					e.Channels = append(e.Channels, number(l, "out"))
				}
			case "linear":
				if scope == "encoder" {
					e.Code = number(l, "out")
				}
			case "flatten", "unflatten":
				continue
			default:
				if _, err := layers.Activation(kind); err != nil {
					return nil, nil, fmt.Sprintf("a layer of type %q", kind)
				}
				e.Activation = kind
				continue
			}
			for _, p := range []string{"weight", "bias"} {
				names[fmt.Sprintf("%s/%s/%s", scope, name, p)] = l[p].(string)
			}
		}
	}
	return e, names, ""
}

// An autoencoder's code, output, loss and gradients are PyTorch's. Inputs
// with a gradient in the case are parameters here.
func TestGoldenAutoencoder(t *testing.T) {
	golden.Each(t, "autoencoder", func(t *testing.T, c *golden.Case) {
		var h struct {
			Loss, Input string
			Layers      struct{ Encoder, Decoder []goldenLayer }
		}
		c.Settings(&h)
		var e Mirrored
		mlp, names, no := goldenMLP(h.Layers.Encoder, h.Layers.Decoder)
		if e = mlp; no != "" {
			e, names, no = goldenConv(h.Layers.Encoder, h.Layers.Decoder)
		}
		if no != "" || h.Loss != "mse" {
			t.Skipf("not built yet: %s, loss %s", no, h.Loss)
		}
		shape := c.Shape("in.x")
		if err := e.Check(shape[1:]); err != nil {
			t.Fatal(err)
		}
		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
			leaf := func(name string) *G.Node {
				if !c.Has("grad.in." + name) {
					return s.Input(name, shape...)
				}
				names[name] = "in." + name
				return s.Param(name, func(_ *draw.Rand, _ []int, w []float32) { copy(w, c.Floats("in."+name)) }, shape...)
			}
			code := e.Encode(s.In("encoder"), leaf(h.Input))
			y := s.Tap("y", e.Decode(s.In("decoder"), code, shape[1:]))
			return layers.MSE(s, y, leaf("x"))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, w := range ps.All() {
			copy(w.Data, c.Floats(names[w.Path]))
		}
		feed := p.NewFeed()
		for name, v := range feed.F {
			copy(v, c.Floats("in."+name))
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		code, _ := p.Tap("encoder/code")
		y, _ := p.Tap("y")
		c.Check("out.code", code.Data)
		c.Check("out.y", y.Data)
		c.Check("out.loss", []float32{p.Loss()})
		if len(p.Gradients()) != len(names) {
			t.Errorf("%d gradients for %d parameters", len(p.Gradients()), len(names))
		}
		for _, g := range p.Gradients() {
			c.Check("grad."+names[g.Param.Path], g.Data)
		}
	})
}
