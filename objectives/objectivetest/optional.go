package objectivetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/objectives"
)

// fit: a pass sets the parameters so that the loss over the source is what was
// reported and below that of random weights; it ends when the context does.
func (c *Case) fit(t *testing.T) {
	o := c.Objective.(objectives.Fitter)
	ps := graph.NewParams(7)
	p := c.compile(t, ps, graph.Eval)
	f := c.fed(t, p, c.batch(t, c.first()))
	before := run(t, p, f, 0)
	steps := 0
	err := o.Fit(context.Background(), c.Task, c.Source, ps, func(step int, loss float64) error {
		if steps++; step != steps || math.IsNaN(loss) || math.IsInf(loss, 0) {
			t.Errorf("report %d is of step %d with loss %g", steps, step, loss)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := run(t, p, f, 0); steps == 0 || after >= before {
		t.Errorf("after %d reports the loss is %g, before it was %g", steps, after, before)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := o.Fit(ctx, c.Task, c.Source, ps, func(int, float64) error { return nil }); err == nil {
		t.Error("a fit goes on after its context ended")
	}
}

// bytes are copies of all parameters and buffers.
func bytes(t *testing.T, ps *graph.Params) [][]float32 {
	t.Helper()
	var all [][]float32
	for _, w := range ps.All() {
		for i, v := range w.Data {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Fatalf("%s: value %d is %v", w.Path, i, v)
			}
		}
		all = append(all, slices.Clone(w.Data))
	}
	return all
}

func same(a, b [][]float32) bool { return slices.EqualFunc(a, b, equal) }

// start: the same examples give the same beginning; it ends when the context does.
func (c *Case) start(t *testing.T) {
	o := c.Objective.(objectives.Starter)
	var before, after [2][][]float32
	for i := range after {
		ps := graph.NewParams(8)
		c.compile(t, ps, graph.Train)
		before[i] = bytes(t, ps)
		if err := o.Start(context.Background(), c.Task, c.Source, ps); err != nil {
			t.Fatal(err)
		}
		if after[i] = bytes(t, ps); len(after[i]) != len(before[i]) {
			t.Fatalf("%d arrays after the start, %d before it", len(after[i]), len(before[i]))
		}
	}
	if same(before[0], after[0]) {
		t.Error("the start changes nothing")
	}
	if !same(after[0], after[1]) {
		t.Error("two starts differ")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ps := graph.NewParams(8)
	c.compile(t, ps, graph.Train)
	if err := o.Start(ctx, c.Task, c.Source, ps); !errors.Is(err, context.Canceled) {
		t.Errorf("a start whose context ended gives %v", err)
	}
}

// afterStep: two models that see the same batches stay the same, to the bit.
func (c *Case) afterStep(t *testing.T) {
	o := c.Objective.(objectives.AfterStep)
	var models [2][][]float32
	for i := range models {
		ps := graph.NewParams(10)
		p := c.compile(t, ps, graph.Train)
		f := c.fed(t, p, c.batch(t, c.first()))
		before := bytes(t, ps)
		for step := range 3 {
			run(t, p, f, step)
			if err := o.AfterStep(c.Task, p, ps); err != nil {
				t.Fatal(err)
			}
		}
		if models[i] = bytes(t, ps); same(before, models[i]) != c.Bounds {
			t.Errorf("something is changed after a step: %v", c.Bounds)
		}
	}
	if !same(models[0], models[1]) {
		t.Error("two models that saw the same batches differ")
	}
}

// decoding: what is decoded of the codes of examples is their reconstruction.
func (c *Case) decoding(t *testing.T) {
	o := c.Objective.(objectives.Decoding)
	ps := graph.NewParams(12)
	whole := c.compile(t, ps, graph.Eval)
	b := c.batch(t, c.first())
	run(t, whole, c.fed(t, whole, b), 0)
	part := func(build func(t objectives.Task, s *graph.Scope)) *graph.Program {
		p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { build(c.Task, s); return nil })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	encoder, decoder := part(o.EncodeLatent), part(o.DecodeLatent)
	f := encoder.NewFeed()
	if err := objectives.PrepareClean(c.Task, b, f); err != nil {
		t.Fatal(err)
	}
	forward(t, encoder, f)
	z, ok := encoder.Tap(objectives.LatentTap)
	if !ok || !slices.Equal(z.Shape[1:], o.LatentShape(c.Task)) {
		t.Fatalf("the latent has the shape %v, want (B, %v)", z.Shape, o.LatentShape(c.Task))
	}
	g := decoder.NewFeed()
	copy(g.F[objectives.LatentTap], z.Data)
	forward(t, decoder, g)
	got, ok1 := decoder.Tap("reconstruction")
	want, ok2 := whole.Tap("reconstruction")
	_, damaged := whole.NewFeed().F["noisy"]
	if !ok1 || !ok2 {
		t.Fatal("there is no reconstruction")
	}
	if !damaged && !slices.Equal(got.Data, want.Data) {
		t.Error("the decoded codes are not the reconstructions")
	}
}

// forward runs a program that has no loss.
func forward(t *testing.T, p *graph.Program, f *graph.Feed) {
	t.Helper()
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
}

// survey: figures of the same batches are the same, and finite.
func (c *Case) survey(t *testing.T) {
	ps := graph.NewParams(11)
	p := c.compile(t, ps, graph.Eval)
	b := c.batch(t, c.first())
	f := c.fed(t, p, b)
	run(t, p, f, 0)
	var figures [2][]objectives.Figure
	for i := range figures {
		survey := c.Objective.(objectives.Surveyed).NewSurvey(c.Task)
		for range 2 {
			if err := survey.Add(p, b, f); err != nil {
				t.Fatal(err)
			}
		}
		figures[i] = survey.Figures()
		if s, ok := survey.(objectives.SurveyPictures); ok {
			pictures, err := s.Pictures(ps)
			if err != nil {
				t.Fatal(err)
			}
			drawn(t, pictures)
		}
	}
	if len(figures[0]) == 0 || !slices.Equal(figures[0], figures[1]) {
		t.Errorf("two evaluations give %v and %v", figures[0], figures[1])
	}
	for _, f := range figures[0] {
		if f.Name == "" || math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			t.Errorf("figure %+v", f)
		}
	}
}
