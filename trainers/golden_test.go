package trainers_test

import (
	"context"
	"fmt"
	"testing"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// given is an autoencoder whose batch is that of a case, whatever the source holds.
type given struct {
	objectives.Autoencoder
	c *golden.Case
}

func (o *given) Prepare(_ objectives.Task, _ *data.Batch, into *graph.Feed) error {
	for name, v := range into.F {
		copy(v, o.c.Floats("in."+name))
	}
	return nil
}

// After three steps of the one loop the weights of an autoencoder are PyTorch's,
// with each of the optimizers.
func TestGoldenTrainedAutoencoder(t *testing.T) {
	golden.Each(t, "autoencoder", func(t *testing.T, c *golden.Case) {
		var h struct {
			Loss, Input string
			Layers      map[string][]map[string]any
		}
		c.Settings(&h)
		enc, names, ok := network(h.Layers)
		if !ok || h.Loss != "mse" {
			t.Skip("a network that is not built yet")
		}
		shape := c.Shape("in.x")
		for _, name := range []string{"sgd", "adam", "adamw"} {
			objective := &given{objectives.Autoencoder{Loss: "l2"}, c}
			if h.Input == "noisy" {
				objective.Noise = 1
			}
			src := &pixels{spec: data.Spec{Name: "case", Split: "train", Shape: shape[1:]}, n: shape[0]}
			tr, err := trainers.New(trainers.Config{
				Task:      objectives.Task{Encoder: enc, Spec: src.spec, Batch: shape[0]},
				Objective: objective, Train: src, Optimizer: options(t, c.Optimizer(name)),
				Schedule: optim.Schedule{Type: "constant"}, Steps: 3, LogEvery: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range tr.Params.All() {
				copy(p.Data, c.Floats(names[p.Path]))
			}
			if err := tr.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, p := range tr.Params.All() {
				c.Check(name+"3."+names[p.Path], p.Data)
			}
			loss, err := tr.Loss(context.Background(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Check(name+"3.loss", []float32{float32(loss)})
		}
	})
}

// network reads the encoder off a case, and the case's names of its parameters by
// path: "encoder/fc0/weight" is "w.enc.0.weight".
func network(parts map[string][]map[string]any) (nets.Mirrored, map[string]string, bool) {
	names := map[string]string{}
	mlp := &nets.MLP{Activation: "none"}
	conv := &nets.Conv{Activation: "none", Norm: "none"}
	var widths []int
	for part, layers := range parts {
		linear, convs := 0, 0
		isConv := false
		for _, l := range layers {
			kind, _ := l["type"].(string)
			isConv = isConv || kind == "conv2d" || kind == "unflatten"
		}
		for _, l := range layers {
			number := func(key string) int { v, _ := l[key].(float64); return int(v) }
			path := ""
			switch kind := l["type"].(string); kind {
			case "linear":
				if path = fmt.Sprintf("fc%d", linear); isConv {
					path = "fc"
				}
				linear++
				if part == "encoder" {
					widths = append(widths, number("out"))
				}
			case "conv2d", "conv_transpose2d":
				path = fmt.Sprintf("conv%d", convs)
				convs++
				conv.Kernel, conv.Stride, conv.Pad = number("kernel"), number("stride"), number("padding")
				if part == "encoder" {
					conv.Channels = append(conv.Channels, number("out"))
				}
			case "relu", "tanh", "gelu":
				mlp.Activation, conv.Activation = kind, kind
			case "flatten", "unflatten":
			default:
				return nil, nil, false
			}
			for _, p := range []string{"weight", "bias"} {
				if path != "" {
					names[part+"/"+path+"/"+p] = l[p].(string)
				}
			}
		}
	}
	last := len(widths) - 1
	if len(conv.Channels) > 0 {
		conv.Code = widths[last]
		return conv, names, true
	}
	mlp.Hidden, mlp.Code = widths[:last], widths[last]
	return mlp, names, true
}

// pixels is a source of made examples with two classes.
type pixels struct {
	spec data.Spec
	n    int
	bad  int // this example cannot be read, if it is not 0
}

func (s *pixels) Spec() data.Spec { return s.spec }
func (s *pixels) Len() int        { return s.n }

func (s *pixels) Read(i int, into *data.Example) error {
	if s.bad != 0 && i == s.bad {
		return fmt.Errorf("cannot be read")
	}
	for j := range into.Pixels {
		into.Pixels[j] = byte((i*31 + j*(7+i%2*13)) % 251)
	}
	into.Label = i % 2
	return nil
}
