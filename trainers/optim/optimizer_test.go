package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"x2vec/checkpoints"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/racetest"
)

// variants are the settings that the tests of all optimizers run with: every type
// with its defaults, and every setting away from its default somewhere.
func variants(t testing.TB) map[string]Options {
	v := map[string]Options{}
	for _, name := range Names() {
		o, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		v[name] = o
		o.WeightDecay = 0.03
		switch name {
		case "sgd":
			o.Momentum, o.Dampening = 0.9, 0.2
			v["sgd dampened"] = o
			o.Dampening, o.Nesterov = 0, true
			v["sgd nesterov"] = o
		case "adam", "adamw":
			o.Betas, o.Eps = [2]float64{0.8, 0.95}, 1e-3
			v[name+" other betas"] = o
		case "rmsprop":
			o.Alpha, o.Momentum = 0.9, 0.5
			v["rmsprop momentum"] = o
		case "adagrad":
			o.LRDecay, o.InitialAccumulator = 0.1, 0.5
			v["adagrad decay"] = o
		case "lars":
			o.Trust, o.Momentum = 0.02, 0
			v["lars plain"] = o
		}
	}
	return v
}

// eachVariant runs f with every one of variants.
func eachVariant(t *testing.T, f func(t *testing.T, o Options)) {
	for name, o := range variants(t) {
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

// model makes parameters of the given shapes; those of rank one take no decay.
func model(r *rand.Rand, shapes ...[]int) []Param {
	var params []Param
	for i, s := range shapes {
		n := 1
		for _, d := range s {
			n *= d
		}
		p := Param{Path: fmt.Sprintf("layer%d/weight", i), Shape: s, W: make([]float32, n), Decay: len(s) > 1}
		normal(r, p.W)
		params = append(params, p)
	}
	return params
}

func normal(r *rand.Rand, x []float32) {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
}

// drawGradients gives every parameter a dense gradient.
func drawGradients(r *rand.Rand, params []Param) {
	for i := range params {
		params[i].G, params[i].Rows = make([]float32, len(params[i].W)), nil
		normal(r, params[i].G)
	}
}

func clone(params []Param) []Param {
	c := slices.Clone(params)
	for i := range c {
		c[i].W = slices.Clone(c[i].W)
	}
	return c
}

func create(t testing.TB, o Options, params []Param) Optimizer {
	t.Helper()
	opt, err := New(o, params)
	if err != nil {
		t.Fatal(err)
	}
	return opt
}

// sameBits compares arrays of weights to the bit.
func sameBits(t *testing.T, what string, got, want []Param) {
	t.Helper()
	for i := range got {
		for j, x := range got[i].W {
			if y := want[i].W[j]; math.Float32bits(x) != math.Float32bits(y) {
				t.Fatalf("%s: %s[%d] is %v, want %v", what, got[i].Path, j, x, y)
			}
		}
	}
}

// twin is an optimizer in float64, as PyTorch's documentation prints its loops,
// one parameter at a time.
type twin struct {
	o       Options
	w, a, b [][]float64
	t       int
}

func newTwin(o Options, params []Param) *twin {
	w := &twin{o: o}
	for _, p := range params {
		x := make([]float64, len(p.W))
		for i, v := range p.W {
			x[i] = float64(v)
		}
		a := make([]float64, len(x))
		for i := range a {
			a[i] = o.InitialAccumulator
		}
		w.w, w.a, w.b = append(w.w, x), append(w.a, a), append(w.b, make([]float64, len(x)))
	}
	return w
}

func norm(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	return math.Sqrt(s)
}

func (w *twin) step(params []Param, lr, scale float64) {
	w.t++
	o, t := w.o, float64(w.t)
	for i, p := range params {
		lr := lr
		if p.Factor != 0 {
			lr *= float64(p.Factor)
		}
		decay := 0.0
		if p.Decay {
			decay = o.WeightDecay
		}
		g := make([]float64, len(p.W))
		for j := range g {
			g[j] = scale * float64(p.G[j])
		}
		x, a, b := w.w[i], w.a[i], w.b[i]
		local := 1.0
		if o.Type == "lars" && p.Decay {
			local = o.Trust * norm(x) / (norm(g) + decay*norm(x) + o.Eps)
		}
		for j := range x {
			if o.Type == "adamw" {
				x[j] *= 1 - lr*decay
			} else {
				g[j] += decay * x[j]
			}
			switch o.Type {
			case "sgd", "lars":
				d := local * g[j]
				if o.Momentum != 0 {
					if w.t == 1 {
						a[j] = d
					} else {
						a[j] = o.Momentum*a[j] + (1-o.Dampening)*d
					}
					if o.Nesterov {
						d += o.Momentum * a[j]
					} else {
						d = a[j]
					}
				}
				x[j] -= lr * d
			case "adam", "adamw":
				a[j] = o.Betas[0]*a[j] + (1-o.Betas[0])*g[j]
				b[j] = o.Betas[1]*b[j] + (1-o.Betas[1])*g[j]*g[j]
				m, v := a[j]/(1-math.Pow(o.Betas[0], t)), b[j]/(1-math.Pow(o.Betas[1], t))
				x[j] -= lr * m / (math.Sqrt(v) + o.Eps)
			case "rmsprop":
				a[j] = o.Alpha*a[j] + (1-o.Alpha)*g[j]*g[j]
				b[j] = o.Momentum*b[j] + g[j]/(math.Sqrt(a[j])+o.Eps)
				x[j] -= lr * b[j]
			case "adagrad":
				a[j] += g[j] * g[j]
				x[j] -= lr / (1 + (t-1)*o.LRDecay) * g[j] / (math.Sqrt(a[j]) + o.Eps)
			}
		}
	}
}

// Every optimizer takes the steps of its formula in float64, over arrays of
// several chunks, with the decay left out of one parameter and a rate of its own
// for another.
func TestOptimizersFollowTheirFormulas(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(1, 2))
		params := model(r, []int{3, chunk}, []int{37}, []int{5, 7}, []int{})
		params[2].Factor = 0.25
		w := newTwin(o, params)
		opt := create(t, o, params)
		for i := range 12 {
			drawGradients(r, params)
			lr := 0.02 / float64(1+i)
			opt.Step(params, float32(lr), 0.5)
			w.step(params, lr, 0.5)
		}
		for i, p := range params {
			for j, x := range p.W {
				if want := w.w[i][j]; !(math.Abs(float64(x)-want) <= 2e-6+2e-6*math.Abs(want)) {
					t.Fatalf("%s[%d] is %v, want %v", p.Path, j, x, want)
				}
			}
		}
	})
}

func TestStepsDoNotDependOnThreads(t *testing.T) {
	defer par.SetThreads(0)
	eachVariant(t, func(t *testing.T, o Options) {
		var first []Param
		var firstNorm float64
		for _, threads := range []int{1, 2, 5} {
			par.SetThreads(threads)
			r := rand.New(rand.NewPCG(3, 4))
			params := model(r, []int{3, chunk + 11}, []int{100}, []int{1000, 20})
			opt := create(t, o, params)
			gradients, err := NewGradients(params, 2)
			if err != nil {
				t.Fatal(err)
			}
			n := 0.0
			for range 6 {
				drawGradients(r, params)
				p := &params[2]
				p.Rows = make([]int, 3000)
				for i := range p.Rows {
					p.Rows[i] = r.IntN(700)
				}
				p.G = make([]float32, 3000*20)
				normal(r, p.G)
				if sum, full := gradients.Add(params); full {
					n = gradients.Norm()
					opt.Step(sum, 0.01, gradients.Scale(n, 1))
				}
			}
			if first == nil {
				first, firstNorm = params, n
			}
			if n != firstNorm {
				t.Errorf("norm with %d threads is %v, with one it is %v", threads, n, firstNorm)
			}
			sameBits(t, fmt.Sprint(threads, " threads"), params, first)
		}
	})
}

// A run that is saved, loaded into a new optimizer and goes on ends in the bits of
// one that was not interrupted.
func TestStateRestoresExactly(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(5, 6))
		params := model(r, []int{4, 9}, []int{9})
		opt := create(t, o, params)
		steps := func(opt Optimizer, params []Param, from, to int) {
			for i := from; i < to; i++ {
				drawGradients(rand.New(rand.NewPCG(7, uint64(i))), params)
				opt.Step(params, 0.01, 1)
			}
		}
		steps(opt, params, 0, 5)
		resumed := clone(params)
		file := t.TempDir() + "/optimizer.safetensors"
		if err := checkpoints.SaveSafetensors(file, opt.State(), nil); err != nil {
			t.Fatal(err)
		}
		steps(opt, params, 5, 11)

		saved, err := checkpoints.ReadSafetensors(file)
		if err != nil {
			t.Fatal(err)
		}
		again := create(t, o, resumed)
		if err := again.Load(saved.Arrays); err != nil {
			t.Fatal(err)
		}
		steps(again, resumed, 5, 11)
		sameBits(t, "resumed", resumed, params)
		for i, a := range again.State() {
			if b := opt.State()[i]; a.Name != b.Name || !slices.Equal(a.F32, b.F32) || !slices.Equal(a.I64, b.I64) {
				t.Errorf("state %s differs", a.Name)
			}
		}
	})
}

func TestLoadRefusesWhatDoesNotFit(t *testing.T) {
	o, _ := Default("adam")
	r := rand.New(rand.NewPCG(8, 9))
	params := model(r, []int{2, 3}, []int{3})
	other, _ := Default("sgd")
	for name, c := range map[string]struct {
		state func() []checkpoints.Array
		want  string
	}{
		"another optimizer": {func() []checkpoints.Array { return create(t, other, params).State() },
			"optimizer state: it is that of sgd, this run's optimizer is adam"},
		"another shape": {func() []checkpoints.Array {
			return create(t, o, model(r, []int{3, 3}, []int{3})).State()
		}, "adam/m/layer0/weight: is [3, 3] in the checkpoint, the model wants [2, 3]"},
		"one layer less": {func() []checkpoints.Array {
			return create(t, o, model(r, []int{2, 3})).State()
		}, "adam/v/layer1/weight [3]: is not in the checkpoint"},
		"another type": {func() []checkpoints.Array {
			s := create(t, o, params).State()
			s[1].F64, s[1].F32 = make([]float64, 6), nil
			return s
		}, "adam/m/layer0/weight: has 6 values of type F64, want 6 of F32"},
		"a count below zero": {func() []checkpoints.Array {
			s := create(t, o, params).State()
			s[0].I64 = []int64{-1}
			return s
		}, "adam/step: is -1, want at least 0"},
		"nothing": {func() []checkpoints.Array { return nil }, "adam/step []: is not in the checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			opt := create(t, o, params)
			drawGradients(r, params)
			opt.Step(params, 0.1, 1)
			before := slices.Clone(opt.State()[1].F32)
			err := opt.Load(c.state())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if s := opt.State(); s[0].I64[0] != 1 || !slices.Equal(s[1].F32, before) {
				t.Error("the state has changed")
			}
		})
	}
}

// A parameter without a gradient keeps its weights and its state.
func TestNoGradientNoStep(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(10, 11))
		params := model(r, []int{2, 3}, []int{2, 3})
		before := clone(params)
		opt := create(t, o, params)
		drawGradients(r, params)
		params[1].G = nil
		opt.Step(params, 0.1, 1)
		sameBits(t, "without a gradient", params[1:], before[1:])
		if slices.Equal(params[0].W, before[0].W) {
			t.Error("the other one has not moved")
		}
	})
}

// What is frozen at first takes its first steps as if the run began there, resumed or
// not: bias corrections and decays count the steps of each parameter, as torch's do.
func TestFrozenAtFirst(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		const frozen = 7
		draw := func(params []Param, step int) { drawGradients(rand.New(rand.NewPCG(14, uint64(step))), params) }
		params := model(rand.New(rand.NewPCG(12, 13)), []int{2, 3}, []int{4})
		alone := clone(params[1:])
		opt, fresh := create(t, o, params), create(t, o, alone)
		for step := range 2 * frozen {
			draw(params, step)
			if step < frozen {
				params[1].G = nil
			} else {
				alone[0].G = params[1].G
				fresh.Step(alone, 0.05, 1)
			}
			opt.Step(params, 0.05, 1)
			if step == 3 || step == frozen+2 {
				state := opt.State()
				opt = create(t, o, params)
				if err := opt.Load(state); err != nil {
					t.Fatal(err)
				}
			}
		}
		sameBits(t, "unfrozen", params[1:], alone)
		state := opt.State()
		state[len(state)-1].I64 = []int64{1, -1}
		if err := opt.Load(state); err == nil || !strings.Contains(err.Error(), "/late: want 2 numbers of at least 0") {
			t.Errorf("a count below zero: %v", err)
		}
	})
}

func TestNewRefusesParameters(t *testing.T) {
	o, _ := Default("sgd")
	w := make([]float32, 6)
	for want, params := range map[string][]Param{
		"parameter 0 has no path":                           {{Shape: []int{6}, W: w}},
		"a: is there twice":                                 {{Path: "a", Shape: []int{6}, W: w}, {Path: "a", Shape: []int{6}, W: w}},
		"a: shape [2 4] for 6 weights":                      {{Path: "a", Shape: []int{2, 4}, W: w}},
		"a: factor of the learning rate is -1, want at lea": {{Path: "a", Shape: []int{6}, W: w, Factor: -1}},
		"a: a single number has no rows":                    {{Path: "a", W: w[:1], Rows: []int{}}},
	} {
		if _, err := New(o, params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	if racetest.On {
		t.Skip("the race detector makes pools allocate")
	}
	for name, o := range variants(t) {
		r := rand.New(rand.NewPCG(12, 13))
		params := model(r, []int{300, 200}, []int{200}, []int{500, 8})
		drawGradients(r, params)
		params[2].Rows = []int{3, 4, 3, 400}
		params[2].G = params[2].G[:4*8]
		opt := create(t, o, params)
		for _, batches := range []int{1, 3} {
			gradients, err := NewGradients(params, batches)
			if err != nil {
				t.Fatal(err)
			}
			average, err := NewEMA(0.99, true, params)
			if err != nil {
				t.Fatal(err)
			}
			step := func() {
				for {
					if sum, full := gradients.Add(params); full {
						opt.Step(sum, 0.001, gradients.Scale(gradients.Norm(), 1))
						average.Update(params)
						return
					}
				}
			}
			step()
			if n := testing.AllocsPerRun(20, step); n > 0 {
				t.Errorf("%s, %d batches: %v allocations a step", name, batches, n)
			}
		}
	}
}

// BenchmarkStep is one step on the 1.08 M weights of an autoencoder
// 784-512-256-32 and back; ns/weight counts the norm of the gradient too.
func BenchmarkStep(b *testing.B) {
	shapes := [][]int{{512, 784}, {512}, {256, 512}, {256}, {32, 256}, {32}, {256, 32}, {256}, {512, 256}, {512}, {784, 512}, {784}}
	for _, name := range Names() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				par.SetThreads(threads)
				defer par.SetThreads(0)
				r := rand.New(rand.NewPCG(14, 15))
				params := model(r, shapes...)
				drawGradients(r, params)
				weights := 0
				for _, p := range params {
					weights += len(p.W)
				}
				o, err := Default(name)
				if err != nil {
					b.Fatal(err)
				}
				opt := create(b, o, params)
				gradients, err := NewGradients(params, 1)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					sum, _ := gradients.Add(params)
					opt.Step(sum, 1e-3, gradients.Scale(gradients.Norm(), 1))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(weights), "ns/weight")
			})
		}
	}
}
