package trainers_test

import (
	"context"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// viewed is a SimCLR whose views are those of a case, whatever the source holds.
type viewed struct {
	*objectives.SimCLR
	c *golden.Case
}

func (o *viewed) Prepare(_ objectives.Task, _ *data.Batch, into *graph.Feed) error {
	views := into.F["views"]
	copy(views[copy(views, o.c.Floats("in.view1")):], o.c.Floats("in.view2"))
	return nil
}

// Loss and gradients of SimCLR, and its weights after three steps of the one loop
// with each optimizer, are PyTorch's.
func TestGoldenSimCLR(t *testing.T) {
	golden.Each(t, "simclr", func(t *testing.T, c *golden.Case) {
		var h struct {
			Temperature float32
			Layers      map[string][]map[string]any
		}
		c.Settings(&h)
		enc, names, ok := network(map[string][]map[string]any{"encoder": h.Layers["encoder"]})
		head := h.Layers["projection"]
		if !ok || len(head) != 3 || head[1]["type"] != "relu" {
			t.Skip("a network that is not built")
		}
		for i, layer := range []int{0, 2} {
			for _, p := range []string{"weight", "bias"} {
				names["head/fc"+string(rune('0'+i))+"/"+p] = head[layer][p].(string)
			}
		}
		simclr, err := objectives.New("simclr")
		if err != nil {
			t.Fatal(err)
		}
		o := &viewed{simclr.(*objectives.SimCLR), c}
		o.Temperature = h.Temperature
		o.ProjectionHidden, o.Projection = int(head[0]["out"].(float64)), int(head[2]["out"].(float64))
		shape := c.Shape("in.view1")
		src := &pixels{spec: data.Spec{Name: "case", Split: "train", Shape: shape[1:]}, n: shape[0]}
		task := objectives.Task{Encoder: enc, Spec: src.spec, Batch: shape[0]}
		if err := o.Check(task); err != nil {
			t.Fatal(err)
		}

		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, w := range ps.All() {
			copy(w.Data, c.Floats(names[w.Path]))
		}
		feed := p.NewFeed()
		if err := o.Prepare(task, nil, feed); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		c.Check("out.loss", []float32{p.Loss()})
		if got, want := len(p.Gradients()), len(c.Names("grad.w.")); got != want {
			t.Errorf("%d gradients, want %d", got, want)
		}
		for _, g := range p.Gradients() {
			c.Check("grad."+names[g.Param.Path], g.Data)
		}

		for _, name := range []string{"sgd", "adam", "adamw"} {
			tr, err := trainers.New(trainers.Config{
				Task: task, Objective: o, Train: src, Optimizer: options(t, c.Optimizer(name)),
				Schedule: optim.Schedule{Type: "constant"}, Steps: 3, LogEvery: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tr.Params.All() {
				copy(w.Data, c.Floats(names[w.Path]))
			}
			if err := tr.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, w := range tr.Params.All() {
				c.Check(name+"3."+names[w.Path], w.Data)
			}
			loss, err := tr.Loss(context.Background(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Check(name+"3.loss", []float32{float32(loss)})
		}
	})
}

// options are those of a case's optimizer, all parameters in one group.
func options(t *testing.T, s golden.Optimizer) optim.Options {
	t.Helper()
	o, err := optim.Default(s.Type)
	if err != nil {
		t.Fatal(err)
	}
	o.LR, o.WeightDecay, o.DecayGains = s.LR, s.WeightDecay, true
	if s.Type == "sgd" {
		o.Momentum, o.Dampening, o.Nesterov = s.Momentum, s.Dampening, s.Nesterov
	} else {
		o.Betas, o.Eps = [2]float64{s.Beta1, s.Beta2}, s.Eps
	}
	return o
}

// An encoder with weights of zero sends every example to one point.
func TestCollapseIsTold(t *testing.T) {
	tr := tiny(t, func(c *trainers.Config) {
		o, err := objectives.New("simclr")
		if err != nil {
			t.Fatal(err)
		}
		c.Objective, c.Task.Encoder = o, &nets.MLP{Code: 8, Activation: "relu"}
	})
	e, err := tr.Evaluate(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Alarms) != 0 {
		t.Errorf("a fresh encoder raises %q", e.Alarms)
	}
	for _, w := range tr.Params.All() {
		if strings.HasSuffix(w.Path, "weight") {
			clear(w.Data)
		}
	}
	if e, err = tr.Evaluate(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(e.Alarms, "\n"); len(e.Alarms) != 2 || !strings.Contains(got, "on the test examples the projections are collapsing") ||
		!strings.Contains(got, "the codes have collapsed: their effective rank is 0 of 8") {
		t.Errorf("a constant encoder raises %q", e.Alarms)
	}
}
