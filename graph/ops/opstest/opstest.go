// Package opstest is the suite that every kernel of a fused operation passes.
//
// A kernel is held against its slow twin: the paper's formula in float64, written
// as plainly as possible. The twin gives the values, and by finite differences
// the gradients, on every path of the vector kernels. The suite then holds the
// kernel to the rules of ops.Kernel: the same bits whatever the number of
// threads, no memory allocated by a step, inputs left alone, gradients written
// and not added to, and only those that are asked for.
package opstest

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/racetest"
	"x2vec/graph/ops/vec"
)

// A Value is an input of a slow twin. One of F and I is set.
type Value struct {
	Shape []int
	F     []float64
	I     []int
}

// Rows splits a float value into rows of the last axis.
func (v Value) Rows() [][]float64 {
	return slices.Collect(slices.Chunk(v.F, v.Shape[len(v.Shape)-1]))
}

// Normal is an input of normally distributed values, exact in float32.
func Normal(r *draw.Rand, shape ...int) Value {
	v := Value{Shape: shape, F: make([]float64, tensor.Shape(shape).TotalSize())}
	for i := range v.F {
		v.F[i] = float64(float32(r.Norm()))
	}
	return v
}

// Scalar is an input of one value.
func Scalar(x float32) Value { return Value{F: []float64{float64(x)}} }

// Ints is an input of integers from 0 to n-1.
func Ints(r *draw.Rand, n int, shape ...int) Value {
	v := Value{Shape: shape, I: make([]int, tensor.Shape(shape).TotalSize())}
	for i := range v.I {
		v.I[i] = r.IntN(n)
	}
	return v
}

// A Case is one set of sizes of a kernel.
type Case struct {
	New  func() ops.Kernel          // with its settings, before Shape
	In   []Value                    // float values must be exact in float32
	Slow func(in []Value) []float64 // the twin: the output, row-major
	Key  uint64                     // for a Stepper
	Tol  float64                    // error allowed, absolute and relative; 0 stands for 1e-5
}

// Run holds the kernel to the case and to the rules.
func Run(t *testing.T, name string, c Case) {
	t.Helper()
	if c.Tol == 0 {
		c.Tol = 1e-5
	}
	t.Run(name, func(t *testing.T) {
		want, probes := c.Slow(c.In), probesOf(t, c)
		for _, path := range vec.Paths() {
			t.Run(path, func(t *testing.T) {
				if err := vec.ForcePath(path); err != nil {
					t.Fatal(err)
				}
				defer vec.ForcePath("")
				values(t, c, want, probes)
			})
		}
		t.Run("rules", func(t *testing.T) { rules(t, c) })
	})
}

// bench is a kernel with all that it is called with.
type bench struct {
	k         ops.Kernel
	args      []ops.Arg
	out, dout []float32
	din       [][]float32
}

// nan fills what a kernel has to write.
func nan(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// Step readies a kernel for a benchmark: step runs it forward and backward, values
// is the size of its largest array.
func Step(t testing.TB, k ops.Kernel, in []Value) (step func(), values int) {
	b := newBench(t, Case{New: func() ops.Kernel { return k }, In: in}, true)
	values = len(b.out)
	for _, a := range b.args {
		values = max(values, len(a.F))
	}
	return func() {
		b.k.Forward(b.args, b.out)
		b.k.Backward(b.args, b.out, b.dout, b.din)
	}, values
}

// newBench makes the kernel and its arguments. Where save is false, no gradient
// is going to be asked for.
func newBench(t testing.TB, c Case, save bool) *bench {
	t.Helper()
	b := &bench{k: c.New()}
	var shapes []tensor.Shape
	for _, v := range c.In {
		a := ops.Arg{Shape: v.Shape, I: slices.Clone(v.I)}
		for _, x := range v.F {
			a.F = append(a.F, float32(x))
		}
		b.args = append(b.args, a)
		shapes = append(shapes, v.Shape)
	}
	shape, err := b.k.Shape(shapes)
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	if len(shape) > 0 {
		n = shape.TotalSize()
	}
	if s, ok := b.k.(ops.Saver); ok && save {
		s.Save()
	}
	if s, ok := b.k.(ops.Stepper); ok {
		s.SetKey(c.Key)
	}
	if s, ok := b.k.(ops.Checker); ok {
		if err := s.Check(b.args); err != nil {
			t.Fatal(err)
		}
	}
	b.out, b.dout = make([]float32, n), make([]float32, n)
	r := draw.New(draw.Key(1, "opstest/dout", 0, n))
	for i := range b.dout {
		b.dout[i] = float32(r.Norm())
	}
	ints := make([]bool, len(c.In))
	if x, ok := b.k.(ops.Indexer); ok {
		ints = x.Ints()
	}
	for i, v := range c.In {
		if ints[i] != (v.I != nil) {
			t.Fatalf("Ints says %t of input %d", ints[i], i)
		}
	}
	grads := b.k.Grads()
	if len(grads) != len(b.args) {
		t.Fatalf("Grads has %d values for %d inputs", len(grads), len(b.args))
	}
	for i, g := range grads {
		if !g {
			b.din = append(b.din, nil)
			continue
		}
		d := make([]float32, len(b.args[i].F))
		if s, ok := b.k.(ops.GradShaper); ok {
			if shape := s.GradShape(i); shape != nil {
				d = make([]float32, shape.TotalSize())
			}
		}
		b.din = append(b.din, d)
	}
	return b
}

func (b *bench) run() {
	nan(b.out)
	for _, d := range b.din {
		nan(d)
	}
	b.k.Forward(b.args, b.out)
	b.k.Backward(b.args, b.out, b.dout, b.din)
}

func values(t *testing.T, c Case, want []float64, probes []probe) {
	b := newBench(t, c, true)
	b.run()
	near(t, "output", b.out, want, c.Tol)
	for _, p := range probes {
		p.check(t, c, b.din[p.input])
	}
}

// A probe is a directional derivative of the loss Σ dout·output by one input,
// taken from finite differences of the twin.
type probe struct {
	input int
	u     []float64 // the direction, nil for
	at    int       // that of this value alone
	want  float64
}

func (p probe) check(t *testing.T, c Case, din []float32) {
	t.Helper()
	if p.u == nil {
		if got := float64(din[p.at]); !(math.Abs(got-p.want) <= c.Tol*(1+10*math.Abs(p.want))) {
			t.Errorf("derivative by value %d of input %d is %.8g, finite differences give %.8g", p.at, p.input, got, p.want)
		}
		return
	}
	var along, size float64
	for j, u := range p.u {
		along += float64(din[j]) * u
		size += math.Abs(float64(din[j]) * u)
	}
	if !(math.Abs(along-p.want) <= c.Tol*(1+size)) {
		t.Errorf("derivative by input %d along a random direction is %.8g, finite differences give %.8g", p.input, along, p.want)
	}
}

// probesOf takes derivatives along random directions and by single values; where
// the gradient has another shape than its input (ops.GradShaper), none.
func probesOf(t *testing.T, c Case) []probe {
	b := newBench(t, c, true)
	loss := func(in []Value) (s float64) {
		for i, y := range c.Slow(in) {
			s += float64(b.dout[i]) * y
		}
		return s
	}
	var probes []probe
	for i, d := range b.din {
		if _, rows := b.k.(ops.GradShaper); d == nil || rows {
			continue
		}
		r := draw.New(draw.Key(2, "opstest/direction", i, len(d)))
		directions, single := 2, min(len(d), 12)
		if len(d) > 2000 {
			directions, single = 1, 3
		}
		for n := range directions + single {
			p := probe{input: i}
			u := make([]float64, len(d))
			if n < directions {
				for j := range u {
					u[j] = r.Norm()
				}
				p.u = u
			} else {
				p.at = r.IntN(len(u))
				u[p.at] = 1
			}
			// The rounding of a loss of many terms leaves about 1e-9 of the difference.
			const h = 1e-5
			p.want = (loss(moved(c.In, i, u, h)) - loss(moved(c.In, i, u, -h))) / (2 * h)
			probes = append(probes, p)
		}
	}
	return probes
}

// moved is in with h·u added to its value i.
func moved(in []Value, i int, u []float64, h float64) []Value {
	in = slices.Clone(in)
	in[i].F = slices.Clone(in[i].F)
	for j := range u {
		in[i].F[j] += h * u[j]
	}
	return in
}

func near(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d values, the twin %d", what, len(got), len(want))
	}
	bad := 0
	for i, g := range got {
		if w := want[i]; !(math.Abs(float64(g)-w) <= tol*(1+math.Abs(w))) && float64(g) != w {
			if bad++; bad <= 3 {
				t.Errorf("%s %d is %.8g, the twin gives %.8g", what, i, g, w)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d of %d values are wrong", what, bad, len(got))
	}
}

func rules(t *testing.T, c Case) {
	defer par.SetThreads(par.Threads())
	b := newBench(t, c, true)
	par.SetThreads(1)
	b.run()
	out := slices.Clone(b.out)
	var din [][]float32
	for _, d := range b.din {
		din = append(din, slices.Clone(d))
	}

	for i, a := range b.args {
		for j, x := range a.F {
			if float64(x) != c.In[i].F[j] {
				t.Fatalf("input %d was changed at %d", i, j)
			}
		}
		if !slices.Equal(a.I, c.In[i].I) {
			t.Fatalf("input %d was changed", i)
		}
	}

	for _, n := range []int{2, 3, 5} {
		par.SetThreads(n)
		b.run()
		same(t, "output", n, b.out, out)
		for i, d := range b.din {
			same(t, "gradient", n, d, din[i])
		}
	}

	// Gradients that nobody asks for change nothing.
	for skip := range b.din {
		o := newBench(t, c, true)
		o.din[skip] = nil
		o.run()
		for i, d := range o.din {
			if i != skip {
				same(t, "gradient without another", 5, d, din[i])
			}
		}
	}

	// Nor does it that there will be none.
	e := newBench(t, c, false)
	nan(e.out)
	e.k.Forward(e.args, e.out)
	same(t, "output without gradients", 5, e.out, out)

	if racetest.On {
		return // it allocates
	}
	par.SetThreads(2)
	// A kernel that allocates does so every time. A pool that the collector emptied
	// meanwhile, or whose memory is with a goroutine that was put aside, only now and
	// then.
	n := 1.0
	for range 5 {
		if n = testing.AllocsPerRun(5, func() {
			b.k.Forward(b.args, b.out)
			b.k.Backward(b.args, b.out, b.dout, b.din)
		}); n == 0 {
			return
		}
	}
	t.Errorf("a step allocates %v times", n)
}

func same(t *testing.T, what string, threads int, got, want []float32) {
	t.Helper()
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Errorf("%s %d on %d threads is %v, and %v on one", what, i, threads, got[i], want[i])
			return
		}
	}
}
