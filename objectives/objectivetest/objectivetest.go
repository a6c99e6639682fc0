// Package objectivetest is the suite that every objective passes.
package objectivetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/objectives"
)

// A Case is one objective on a task small enough to differentiate by hand.
type Case struct {
	Objective objectives.Objective
	// Task has a tiny encoder; a smooth activation, since finite differences step
	// over the kinks of others. Spec may be left empty: that of the Source.
	Task   objectives.Task
	Source data.Source // at least Task.Batch examples

	// Plain gradient descent of Steps steps at Rate must bring the loss on one
	// batch to below Fall times what it was.
	Steps int
	Rate  float32
	Fall  float64

	// Estimated begins the paths of parameters whose gradient is an estimate and not
	// the derivative of the loss (straight-through); it need only be there. Empty: of
	// none.
	Estimated []string

	// Bounds says that AfterStep keeps parameters within bounds and changes nothing else.
	Bounds bool

	// Refused are settings that Check must refuse, with a part of the sentence
	// that says why.
	Refused map[string]objectives.Objective
}

// Run holds an objective to its interface.
func Run(t *testing.T, c Case) {
	t.Helper()
	if c.Task.Spec.Shape == nil {
		c.Task.Spec = c.Source.Spec()
	}
	if c.Source.Len() < c.Task.Batch {
		t.Fatalf("the source has %d examples, the batch %d", c.Source.Len(), c.Task.Batch)
	}
	t.Run("check", c.check)
	t.Run("prepare", c.prepare)
	t.Run("loss", c.loss)
	t.Run("gradients", c.gradients)
	t.Run("descent", c.descent)
	t.Run("sharing", c.sharing)
	t.Run("evaluation", c.evaluation)
	if _, ok := c.Objective.(objectives.Pictured); ok && (c.Task.Spec.Image() || c.Task.Spec.Clip()) {
		t.Run("pictures", c.pictures)
	}
	if _, ok := c.Objective.(objectives.Fitter); ok {
		t.Run("fit", c.fit)
	}
	if _, ok := c.Objective.(objectives.Starter); ok {
		t.Run("start", c.start)
	}
	if _, ok := c.Objective.(objectives.AfterStep); ok {
		t.Run("after step", c.afterStep)
	}
	if _, ok := c.Objective.(objectives.Surveyed); ok {
		t.Run("survey", c.survey)
	}
	if _, ok := c.Objective.(objectives.Decoding); ok {
		t.Run("decoding", c.decoding)
	}
}

func (c *Case) check(t *testing.T) {
	if err := c.Objective.Check(c.Task); err != nil {
		t.Fatalf("the case itself is refused: %v", err)
	}
	for want, o := range c.Refused {
		err := o.Check(c.Task)
		if err == nil {
			t.Errorf("%+v is accepted, want a sentence with %q", o, want)
			continue
		}
		if s := err.Error(); !strings.Contains(s, want) || strings.HasSuffix(s, ".") {
			t.Errorf("%+v: %q, want a sentence with %q and no full stop", o, s, want)
		}
	}
}

// compile builds the objective's program.
func (c *Case) compile(t *testing.T, ps *graph.Params, m graph.Mode) *graph.Program {
	t.Helper()
	p, err := graph.Compile(ps, m, func(s *graph.Scope) *G.Node { return c.Objective.Build(c.Task, s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// batch reads the examples at those positions.
func (c *Case) batch(t *testing.T, index []int) *data.Batch {
	t.Helper()
	spec := c.Source.Spec()
	b := &data.Batch{Spec: spec, Epoch: 3, Step: 7, Index: index}
	for _, i := range index {
		e := data.Example{Factors: make([]float32, len(spec.Factors))}
		if spec.Tokens() {
			e.Tokens = make([]int32, spec.Size())
		} else {
			e.Pixels = make([]byte, spec.Size())
		}
		if spec.Captions != nil {
			e.Caption = make([]int32, spec.Captions.Length)
		}
		if err := c.Source.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		b.Caption = append(b.Caption, e.Caption...)
		b.Pixels = append(b.Pixels, e.Pixels...)
		b.Tokens = append(b.Tokens, e.Tokens...)
		b.Labels = append(b.Labels, e.Label)
		b.Factors = append(b.Factors, e.Factors...)
	}
	return b
}

// first are the positions 0 to Batch-1.
func (c *Case) first() []int {
	index := make([]int, c.Task.Batch)
	for i := range index {
		index[i] = i
	}
	return index
}

func (c *Case) fed(t *testing.T, p *graph.Program, b *data.Batch) *graph.Feed {
	t.Helper()
	f := p.NewFeed()
	if err := c.Objective.Prepare(c.Task, b, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// prepare: the same batch gives the same bytes, on any goroutine, and what an
// example becomes does not depend on which others stand beside it.
func (c *Case) prepare(t *testing.T) {
	p := c.compile(t, graph.NewParams(1), graph.Train)
	b := c.batch(t, c.first())
	want := c.fed(t, p, b)

	var wg sync.WaitGroup
	feeds, errs := make([]*graph.Feed, 4), make([]error, 4)
	for w := range feeds {
		feeds[w] = p.NewFeed()
		for _, f := range feeds[w].F { // what a batch before left behind
			for i := range f {
				f[i] = float32(math.NaN())
			}
		}
		wg.Go(func() { errs[w] = c.Objective.Prepare(c.Task, b, feeds[w]) })
	}
	wg.Wait()
	for w, f := range feeds {
		if errs[w] != nil {
			t.Fatal(errs[w])
		}
		for _, in := range p.Inputs() {
			if !equal(f.F[in.Name], want.F[in.Name]) || !slices.Equal(f.I[in.Name], want.I[in.Name]) {
				t.Errorf("input %q differs between two preparations of one batch", in.Name)
			}
		}
	}

	// The same examples in reverse.
	n := c.Task.Batch
	index := c.first()
	slices.Reverse(index)
	back := c.fed(t, p, c.batch(t, index))
	for _, in := range p.Inputs() {
		if in.Shape[0]%n != 0 {
			continue // not a row an example
		}
		size := in.Size() / in.Shape[0]
		for g := 0; g < in.Shape[0]; g += n { // views: example i at rows i, i+N, …
			for i := range n {
				a, z := (g+i)*size, (g+n-1-i)*size
				if in.Ints && !slices.Equal(want.I[in.Name][a:a+size], back.I[in.Name][z:z+size]) ||
					!in.Ints && !equal(want.F[in.Name][a:a+size], back.F[in.Name][z:z+size]) {
					t.Fatalf("input %q: row %d depends on the order of the batch", in.Name, g+i)
				}
			}
		}
	}
}

func equal(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// loss: both programs give a finite number.
func (c *Case) loss(t *testing.T) {
	for _, m := range []graph.Mode{graph.Train, graph.Eval} {
		p := c.compile(t, graph.NewParams(1), m)
		run(t, p, c.fed(t, p, c.batch(t, c.first())), 0)
	}
}

// run gives the loss.
func run(t *testing.T, p *graph.Program, f *graph.Feed, step int) float64 {
	t.Helper()
	if err := p.Run(f, step); err != nil {
		t.Fatal(err)
	}
	l := float64(p.Loss())
	if math.IsNaN(l) || math.IsInf(l, 0) {
		t.Fatalf("loss is %v at step %d", l, step)
	}
	return l
}

// gradients: every trained parameter has one, and it agrees with central
// differences along itself and along a random direction.
func (c *Case) gradients(t *testing.T) {
	ps := graph.NewParams(2)
	p := c.compile(t, ps, graph.Train)
	f := c.fed(t, p, c.batch(t, c.first()))
	loss := run(t, p, f, 0)
	if len(p.Gradients()) == 0 {
		t.Fatal("no parameter is trained")
	}
	// They belong to the program, whose next run writes them again.
	grads := make([][]float32, len(p.Gradients()))
	for i, g := range p.Gradients() {
		grads[i] = slices.Clone(g.Data)
	}
	for i, g := range p.Gradients() {
		if g.Rows != nil {
			continue // a table's rows have no direction of their own
		}
		norm := length(grads[i])
		if norm == 0 {
			t.Errorf("%s: the gradient is zero", g.Param.Path)
			continue
		}
		if slices.ContainsFunc(c.Estimated, func(begin string) bool { return strings.HasPrefix(g.Param.Path, begin) }) {
			continue
		}
		along := make([]float32, len(grads[i]))
		random := make([]float32, len(grads[i]))
		r := draw.New(draw.Key(9, g.Param.Path, 0, 0))
		for j, v := range grads[i] {
			along[j] = float32(float64(v) / norm)
			random[j] = float32(r.Norm())
		}
		l := length(random)
		for j := range random {
			random[j] = float32(float64(random[j]) / l)
		}
		for name, d := range map[string][]float32{"itself": along, "a random direction": random} {
			var want float64
			for j, v := range grads[i] {
				want += float64(v) * float64(d[j])
			}
			const h = 5e-3
			keep := slices.Clone(g.Param.Data)
			at := func(h float32) float64 {
				for j := range keep {
					g.Param.Data[j] = keep[j] + h*d[j]
				}
				return run(t, p, f, 0)
			}
			got := (at(h) - at(-h)) / (2 * h)
			copy(g.Param.Data, keep)
			// The loss has seven digits; the third derivative adds a little.
			if math.Abs(got-want) > 0.02*norm+1e-6*math.Abs(loss)/h {
				t.Errorf("%s: along %s the loss changes by %g, the gradient says %g", g.Param.Path, name, got, want)
			}
		}
	}
}

func length(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

// descent: plain gradient steps bring the loss down.
func (c *Case) descent(t *testing.T) {
	p := c.compile(t, graph.NewParams(3), graph.Train)
	f := c.fed(t, p, c.batch(t, c.first()))
	first := run(t, p, f, 0)
	last := first
	for step := range c.Steps {
		for _, g := range p.Gradients() {
			if g.Rows != nil {
				width := len(g.Data) / max(1, len(g.Rows))
				for r, row := range g.Rows {
					for j := range width {
						g.Param.Data[row*width+j] -= c.Rate * g.Data[r*width+j]
					}
				}
				continue
			}
			for j, d := range g.Data {
				g.Param.Data[j] -= c.Rate * d
			}
		}
		last = run(t, p, f, step+1)
	}
	if !(last < c.Fall*first) {
		t.Errorf("%d steps at rate %g bring the loss from %g to %g, want below %g", c.Steps, c.Rate, first, last, c.Fall*first)
	}
}

// sharing: a second program finds the parameters of the first.
func (c *Case) sharing(t *testing.T) {
	ps := graph.NewParams(4)
	c.compile(t, ps, graph.Train)
	before := len(ps.All())
	p := c.compile(t, ps, graph.Eval)
	if n := len(ps.All()); n != before {
		t.Errorf("an evaluation program adds %d parameters", n-before)
	}
	f := c.fed(t, p, c.batch(t, c.first()))
	a := run(t, p, f, 0)
	for _, w := range ps.Trained() {
		for i := range w.Data {
			w.Data[i] = 1.5*w.Data[i] + 0.1*float32(i%5) // also where all were 0
		}
	}
	if b := run(t, p, f, 0); a == b {
		t.Errorf("the loss stays %g with other weights", a)
	}
}

// evaluation: it changes no parameter, and gives the same loss again.
func (c *Case) evaluation(t *testing.T) {
	ps := graph.NewParams(5)
	p := c.compile(t, ps, graph.Eval)
	f := c.fed(t, p, c.batch(t, c.first()))
	var before [][]float32
	for _, w := range ps.All() {
		before = append(before, slices.Clone(w.Data))
	}
	a, b := run(t, p, f, 0), run(t, p, f, 0)
	if a != b {
		t.Errorf("two evaluations give %g and %g", a, b)
	}
	for i, w := range ps.All() {
		if !equal(before[i], w.Data) {
			t.Errorf("evaluation changes %s", w.Path)
		}
	}
	if code, ok := p.Tap("encoder/code"); !ok {
		t.Errorf("no tap encoder/code among %v", p.Taps())
	} else if len(code.Shape) != 2 || code.Shape[1] != c.Task.Encoder.CodeSize(c.Task.Seen()) {
		t.Errorf("encoder/code is %v, want (…, %d)", code.Shape, c.Task.Encoder.CodeSize(c.Task.Seen()))
	}
}

func (c *Case) pictures(t *testing.T) {
	p := c.compile(t, graph.NewParams(6), graph.Eval)
	b := c.batch(t, c.first())
	f := c.fed(t, p, b)
	run(t, p, f, 0)
	pictures, err := c.Objective.(objectives.Pictured).Pictures(t.Context(), c.Task, p, b, f)
	if err != nil {
		t.Fatal(err)
	}
	drawn(t, pictures)
}

// drawn: there are pictures, with names and captions, and something is on them.
func drawn(t *testing.T, pictures []objectives.Picture) {
	t.Helper()
	if len(pictures) == 0 {
		t.Error("there are no pictures")
	}
	seen := map[string]bool{}
	for _, pic := range pictures {
		if seen[pic.Name] || pic.Name == "" || strings.ContainsAny(pic.Name, "/\\ ") || !strings.HasSuffix(pic.Caption, ".") {
			t.Errorf("picture %q with the caption %q: want a file name of its own and a sentence", pic.Name, pic.Caption)
		}
		seen[pic.Name] = true
		colours := map[string]bool{}
		r := pic.Image.Bounds()
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				colours[fmt.Sprint(pic.Image.At(x, y).RGBA())] = true
			}
		}
		if len(colours) < 3 { // the sheet, and something on it
			t.Errorf("picture %q of %v has %d colours", pic.Name, r, len(colours))
		}
	}
}
