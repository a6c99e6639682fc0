package graph_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
	"x2vec/graph/ops/racetest"
)

// must compiles or ends the test.
func must(t testing.TB, ps *graph.Params, mode graph.Mode, build func(s *graph.Scope) *G.Node) *graph.Program {
	t.Helper()
	p, err := graph.Compile(ps, mode, build)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func run(t testing.TB, p *graph.Program, feed *graph.Feed, step int) {
	t.Helper()
	if err := p.Run(feed, step); err != nil {
		t.Fatal(err)
	}
}

// fed makes a feed of normal values.
func fed(p *graph.Program, key uint64) *graph.Feed {
	f := p.NewFeed()
	for _, in := range p.Inputs() {
		r := draw.New(draw.Key(key, in.Name, 0, 0))
		for i := range f.F[in.Name] {
			f.F[in.Name][i] = float32(r.Norm())
		}
	}
	return f
}

func autoencoder(batch, in int, e *nets.MLP) func(s *graph.Scope) *G.Node {
	return func(s *graph.Scope) *G.Node {
		x := s.Input("x", batch, in)
		code := e.Encode(s.In("encoder"), x)
		return layers.MSE(s, e.Decode(s.In("decoder"), code, []int{in}), x)
	}
}

var small = &nets.MLP{Hidden: []int{24, 16}, Code: 4, Activation: "gelu"}

// A training and an evaluation program of other batch sizes share their
// parameters: what one is given the other computes with.
func TestProgramsShareParams(t *testing.T) {
	ps := graph.NewParams(3)
	train := must(t, ps, graph.Train, autoencoder(8, 12, small))
	made := ps.All()
	eval := must(t, ps, graph.Eval, autoencoder(4, 12, small))
	if !slices.Equal(ps.All(), made) {
		t.Fatal("the second program made parameters of its own")
	}
	f4 := fed(eval, 1)
	f8 := train.NewFeed()
	copy(f8.F["x"], f4.F["x"])
	copy(f8.F["x"][4*12:], f4.F["x"]) // the same four twice: the same mean
	for range 3 {
		run(t, train, f8, 0)
		run(t, eval, f4, 0)
		if d := math.Abs(float64(train.Loss() - eval.Loss())); d > 1e-6 {
			t.Fatalf("loss is %v in training and %v in evaluation", train.Loss(), eval.Loss())
		}
		before := train.Loss()
		for _, g := range train.Gradients() {
			for i, d := range g.Data {
				g.Param.Data[i] -= 0.1 * d
			}
		}
		run(t, train, f8, 0)
		if !(train.Loss() < before) {
			t.Fatalf("a step along the gradient took the loss from %v to %v", before, train.Loss())
		}
	}
	if n := len(eval.Gradients()); n != 0 {
		t.Errorf("the evaluation program has %d gradients", n)
	}
	if train.Bytes() <= 2*eval.Bytes() {
		t.Errorf("training on 8 takes %d bytes, evaluation on 4 takes %d", train.Bytes(), eval.Bytes())
	}
}

func TestTaps(t *testing.T) {
	e := &nets.MLP{Hidden: []int{5}, Code: 3, Activation: "relu"}
	p := must(t, graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node {
		x := s.Input("x", 2, 3, 4)
		s.Tap("flat", layers.Flatten(s, x))
		e.Encode(s.In("encoder"), x)
		return nil // taps only
	})
	want := []string{"flat", "encoder/fc0", "encoder/code"}
	if got := p.Taps(); !slices.Equal(got, want) {
		t.Fatalf("taps are %v, want %v", got, want)
	}
	f := fed(p, 1)
	run(t, p, f, 0)
	for i, shape := range [][]int{{2, 12}, {2, 5}, {2, 3}} {
		v, ok := p.Tap(want[i])
		if !ok || !slices.Equal(v.Shape, shape) || len(v.Data) != shape[0]*shape[1] {
			t.Errorf("tap %s: %v with %d values, want %v", want[i], v.Shape, len(v.Data), shape)
		}
	}
	if v, _ := p.Tap("flat"); !slices.Equal(v.Data, f.F["x"]) {
		t.Error("a view does not show its input")
	}
	if _, ok := p.Tap("no such"); ok {
		t.Error("a tap that does not exist was found")
	}
}

// Several feeds take turns; the reshaped view of the input follows them.
func TestFeedsTakeTurns(t *testing.T) {
	build := func(s *graph.Scope) *G.Node {
		x := s.Input("x", 4, 2, 6)
		y := small.Decode(s.In("decoder"), small.Encode(s.In("encoder"), x), []int{2, 6})
		return layers.MSE(s, y, x)
	}
	p := must(t, graph.NewParams(3), graph.Train, build)
	var feeds []*graph.Feed
	var want []float32
	for key := range uint64(3) {
		alone := must(t, graph.NewParams(3), graph.Train, build)
		f := fed(alone, key)
		run(t, alone, f, 0)
		want = append(want, alone.Loss())
		feeds = append(feeds, f)
	}
	for _, i := range []int{0, 1, 0, 2, 2, 1, 0} {
		run(t, p, feeds[i], 0)
		if p.Loss() != want[i] {
			t.Errorf("feed %d: loss is %v, and %v in a program of its own", i, p.Loss(), want[i])
		}
	}
	feeds[0].F["x"][0] += 3
	if run(t, p, feeds[0], 0); p.Loss() == want[0] {
		t.Error("what was written into a feed did not count")
	}
	if err := p.Run(graph.NewFeed(nil), 0); err == nil || err.Error() != `the batch has no "x"` {
		t.Errorf("an empty feed: %v", err)
	}
}

// Where the gradients of several uses of a value meet they are added, and the
// sum never goes into memory that a view still shows.
func TestGradientsMeet(t *testing.T) {
	r := draw.New(5)
	w := make([]float32, 6)
	for i := range w {
		w[i] = float32(r.Norm())
	}
	ps := graph.NewParams(0)
	names := []string{"a", "b", "c", "d"}
	p := must(t, ps, graph.Train, func(s *graph.Scope) *G.Node {
		x := s.Param("x", func(_ *draw.Rand, _ []int, v []float32) { copy(v, w) }, 2, 3)
		in := map[string]*G.Node{}
		for _, n := range names {
			in[n] = s.Input(n, 3, 2)
		}
		v := layers.Reshape(s, x, 3, 2)                              // x once more, as a view
		sum := layers.Add(s, v, layers.Reshape(s, x, 3, 2))          // 2x; both get the gradient of the sum
		u := layers.Activate(s, sum, ops.Activation{Func: ops.Tanh}) // tanh 2x
		da := s.Apply(opstest.Dot{}, u, in["a"])
		db := s.Apply(opstest.Dot{}, sum, in["b"])
		dc := s.Apply(opstest.Dot{}, v, in["c"])
		dd := s.Apply(opstest.Dot{}, layers.Add(s, u, v), in["d"]) // tanh 2x + x
		return layers.WeightedSum(s, []float32{1, 2, 3, 4}, da, db, dc, dd)
	})
	f := fed(p, 9)
	for step := range 3 {
		run(t, p, f, step)
		got := p.Gradients()[0].Data
		var loss float64
		for i, x := range w {
			x := float64(x)
			in := func(n string) float64 { return float64(f.F[n][i]) }
			th := math.Tanh(2 * x)
			loss += th*in("a") + 2*2*x*in("b") + 3*x*in("c") + 4*(th+x)*in("d")
			slope := 2 * (1 - th*th)
			want := slope*in("a") + 2*2*in("b") + 3*in("c") + 4*(slope+1)*in("d")
			if math.Abs(float64(got[i])-want) > 1e-4 {
				t.Errorf("run %d: derivative by value %d is %v, want %v", step, i, got[i], want)
			}
		}
		if math.Abs(float64(p.Loss())-loss) > 1e-4 {
			t.Errorf("run %d: loss is %v, want %v", step, p.Loss(), loss)
		}
	}
}

// A scalar that two parts of the loss use gets both their gradients.
func TestScalarGradientsMeet(t *testing.T) {
	ps := graph.NewParams(0)
	p := must(t, ps, graph.Train, func(s *graph.Scope) *G.Node {
		x := s.Param("x", graph.Constant(2), 3)
		l := s.Apply(opstest.Dot{}, x, s.Input("a", 3))
		twice := layers.WeightedSum(s, []float32{2}, l)
		return layers.WeightedSum(s, []float32{5, 1}, l, twice)
	})
	f := p.NewFeed()
	copy(f.F["a"], []float32{1, -2, 3})
	for range 2 {
		run(t, p, f, 0)
		if got := p.Gradients()[0].Data; !slices.Equal(got, []float32{7, -14, 21}) || p.Loss() != 28 {
			t.Errorf("loss %v and gradient %v, want 28 and [7 -14 21]", p.Loss(), got)
		}
	}
}

// An encoder that is applied to two views has one set of weights, whose gradient
// is the sum over both.
func TestOneEncoderTwoViews(t *testing.T) {
	loss := func(views int) ([]graph.Gradient, float32) {
		p := must(t, graph.NewParams(3), graph.Train, func(s *graph.Scope) *G.Node {
			var parts []*G.Node
			for range views {
				code := small.Encode(s.In("encoder"), s.Input("x", 4, 12))
				parts = append(parts, layers.MSE(s, code, s.Input("t", 4, 4)))
			}
			return layers.WeightedSum(s, []float32{1, 1}[:views], parts...)
		})
		run(t, p, fed(p, 2), 0)
		return p.Gradients(), p.Loss()
	}
	one, l1 := loss(1)
	two, l2 := loss(2)
	if len(one) != len(two) || l2 != 2*l1 {
		t.Fatalf("%d gradients and loss %v for one view, %d and %v for two", len(one), l1, len(two), l2)
	}
	for i, g := range one {
		for j, d := range g.Data {
			if two[i].Data[j] != 2*d {
				t.Fatalf("%s: derivative %d is %v for one view and %v for two", g.Param.Path, j, d, two[i].Data[j])
			}
		}
	}
}

// Random draws depend on the seed, the place and the step, and on nothing else.
func TestRandomDraws(t *testing.T) {
	build := func(s *graph.Scope) *G.Node {
		x := s.Param("x", graph.Constant(1), 4, 50)
		for _, name := range []string{"a", "b", "a"} { // the second a is another view
			y := layers.Dropout(s.In(name), x, 0.5)
			s.Tap(name, y)
		}
		a := s.In("c")
		first := layers.Dropout(a, x, 0.5)
		s.Tap("first", first)
		second := layers.Dropout(a, x, 0.5)
		s.Tap("second", second)
		return s.Apply(opstest.Dot{}, layers.Add(s, first, second), s.Input("w", 4, 50))
	}
	tap := func(p *graph.Program, name string) []float32 {
		v, ok := p.Tap(name)
		if !ok {
			t.Fatalf("no tap %s", name)
		}
		return slices.Clone(v.Data)
	}
	p := must(t, graph.NewParams(7), graph.Train, build)
	f := fed(p, 1)
	run(t, p, f, 5)
	first, second := tap(p, "first"), tap(p, "second")
	if slices.Equal(first, second) || slices.Equal(tap(p, "a"), tap(p, "b")) || slices.Equal(first, tap(p, "a")) {
		t.Error("two dropouts drop the same values")
	}
	run(t, p, f, 6)
	if slices.Equal(first, tap(p, "first")) {
		t.Error("two steps drop the same values")
	}
	run(t, p, f, 5)
	if !slices.Equal(first, tap(p, "first")) || !slices.Equal(second, tap(p, "second")) {
		t.Error("step 5 drops other values the second time")
	}
	again := must(t, graph.NewParams(7), graph.Train, build)
	run(t, again, f, 5)
	if !slices.Equal(first, tap(again, "first")) {
		t.Error("another program of the same seed drops other values")
	}
	other := must(t, graph.NewParams(8), graph.Train, build)
	run(t, other, f, 5)
	if slices.Equal(first, tap(other, "first")) {
		t.Error("another seed drops the same values")
	}
	eval := must(t, graph.NewParams(7), graph.Eval, func(s *graph.Scope) *G.Node {
		x := s.Input("x", 4, 50)
		if layers.Dropout(s, x, 0.5) != x {
			s.Fail("drops in evaluation")
		}
		s.Tap("y", layers.Softmax(s, x))
		return nil
	})
	run(t, eval, fed(eval, 1), 0)
}

// faulty panics, or finds fault with its input, when told to.
type faulty struct {
	opstest.Dot
	panics, refuses, backward bool
}

func (k *faulty) Check([]ops.Arg) error {
	if k.refuses {
		return errRefused
	}
	return nil
}

var errRefused = errors.New("the input is refused")

func (k *faulty) Forward(in []ops.Arg, out []float32) {
	if k.panics {
		panic("index out of range, say")
	}
	k.Dot.Forward(in, out)
}

func (k *faulty) Backward(in []ops.Arg, out, dout []float32, din [][]float32) {
	if k.backward {
		var none []float32
		none[3] = 1
	}
	k.Dot.Backward(in, out, dout, din)
}

// A panic of a kernel and an input that it refuses are errors of the run, which
// say where; the program goes on afterwards.
func TestFaultsOfKernels(t *testing.T) {
	k := &faulty{}
	p := must(t, graph.NewParams(0), graph.Train, func(s *graph.Scope) *G.Node {
		return s.In("head").Apply(k, s.Param("x", graph.Constant(1), 3), s.Input("w", 3))
	})
	f := fed(p, 1)
	run(t, p, f, 0)
	loss := p.Loss()
	for _, c := range []struct {
		fault *bool // set for one run
		want  string
	}{
		{&k.panics, "head: dot: index out of range, say"},
		{&k.refuses, "head: dot: the input is refused"},
		{&k.backward, "head: dot: runtime error: index out of range [3]"},
	} {
		*c.fault = true
		err := p.Run(f, 0)
		*c.fault = false
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if c.fault == &k.refuses && (err.Error() != c.want || !errors.Is(err, errRefused)) {
			t.Errorf("more than a sentence, or another error: %v", err)
		}
		if run(t, p, f, 0); p.Loss() != loss {
			t.Errorf("after %q the loss is %v, was %v", c.want, p.Loss(), loss)
		}
	}
}

// Many equal layers keep apart, though Gorgonia merges nodes whose hashes are equal.
func TestManyEqualLayers(t *testing.T) {
	const n = 120
	ps := graph.NewParams(1)
	p := must(t, ps, graph.Train, func(s *graph.Scope) *G.Node {
		x := s.Input("x", 2, 4)
		h := x
		for range n {
			h = layers.Activate(s, layers.Linear(s, "fc", h, 4), ops.Activation{Func: ops.Tanh}) // one weight, used n times
		}
		return layers.MSE(s, h, x)
	})
	f := fed(p, 1)
	run(t, p, f, 0)
	w, b := ps.Get("fc/weight").Data, ps.Get("fc/bias").Data
	h := slices.Clone(f.F["x"])
	for range n {
		next := make([]float32, len(h))
		for r := range 2 {
			for o := range 4 {
				z := b[o]
				for i := range 4 {
					z += h[4*r+i] * w[4*o+i]
				}
				next[4*r+o] = float32(math.Tanh(float64(z)))
			}
		}
		h = next
	}
	var want float64
	for i, y := range h {
		d := float64(y - f.F["x"][i])
		want += d * d / float64(len(h))
	}
	if math.Abs(float64(p.Loss())-want) > 1e-5 {
		t.Errorf("loss is %v, want %v", p.Loss(), want)
	}
}

// Programs may run side by side, also over the same parameters.
func TestProgramsSideBySide(t *testing.T) {
	ps := graph.NewParams(3)
	var want, got [4]float32
	var programs [4]*graph.Program
	for i := range programs {
		programs[i] = must(t, ps, graph.Train, autoencoder(64, 40, small))
		f := fed(programs[i], uint64(i))
		run(t, programs[i], f, 0)
		want[i] = programs[i].Loss()
	}
	var wg sync.WaitGroup
	for i, p := range programs {
		wg.Go(func() {
			f := fed(p, uint64(i))
			for step := range 20 {
				if err := p.Run(f, step); err != nil {
					t.Error(err)
				}
			}
			got[i] = p.Loss()
		})
	}
	wg.Wait()
	if got != want {
		t.Errorf("losses are %v side by side and %v one by one", got, want)
	}
}

// A training step leaves next to nothing for the garbage collector.
func TestStepsDoNotAllocate(t *testing.T) {
	if racetest.On {
		t.Skip("the race detector allocates")
	}
	p := must(t, graph.NewParams(1), graph.Train, autoencoder(16, 40, &nets.MLP{Hidden: []int{24, 16}, Code: 4, Activation: "relu"}))
	f := fed(p, 1)
	for step := range 3 {
		run(t, p, f, step)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const steps = 1000
	for step := range steps {
		run(t, p, f, step)
	}
	runtime.ReadMemStats(&after)
	bytes := (after.TotalAlloc - before.TotalAlloc) / steps
	t.Logf("%d bytes in %d allocations a step, %d collections in %d steps", bytes,
		(after.Mallocs-before.Mallocs)/steps, after.NumGC-before.NumGC, steps)
	if bytes > 24<<10 {
		t.Errorf("%d bytes a step, want at most 24 KiB", bytes)
	}
	if n := after.NumGC - before.NumGC; n > 8 {
		t.Errorf("%d collections in %d steps", n, steps)
	}
}

// BenchmarkMLP is one training step of the autoencoder 784-512-256-32, without
// the optimizer.
func BenchmarkMLP(b *testing.B) {
	p := must(b, graph.NewParams(1), graph.Train, autoencoder(256, 784, &nets.MLP{Hidden: []int{512, 256}, Code: 32, Activation: "relu"}))
	f := fed(p, 1)
	run(b, p, f, 0)
	b.ReportAllocs()
	for b.Loop() {
		run(b, p, f, 0)
	}
	b.ReportMetric(float64(256*b.N)/b.Elapsed().Seconds(), "examples/s")
}
