package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var (
	inf32 = float32(math.Inf(1))
	nan32 = float32(math.NaN())
)

// eachPath runs f once for every form of the kernels that this machine has.
func eachPath(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, name := range Paths() {
		t.Run(name, func(t *testing.T) {
			if err := ForcePath(name); err != nil {
				t.Fatal(err)
			}
			defer ForcePath("")
			f(t)
		})
	}
}

// lengths covers every tail of both vector widths, with and without full rounds,
// and sums of several blocks.
func lengths() []int {
	var n []int
	for i := range 71 {
		n = append(n, i)
	}
	return append(n, 127, 128, 129, 1000, block, 2*block+13)
}

const guard = 40

// fenced is a slice whose memory before and after it is known.
type fenced struct{ all, in []float32 }

const sentinel = float32(-7.25e11)

// fence copies x to a fresh slice, shift elements off any alignment.
func fence(x []float32, shift int) fenced {
	all := make([]float32, guard+shift+len(x)+guard)
	for i := range all {
		all[i] = sentinel
	}
	in := all[guard+shift:][:len(x):len(x)]
	copy(in, x)
	return fenced{all, in}
}

func (f fenced) check(t *testing.T, what string) {
	t.Helper()
	from := (len(f.all) - len(f.in)) - guard
	for i, v := range f.all {
		if (i < from || i >= from+len(f.in)) && v != sentinel {
			t.Fatalf("%s: wrote %g at %d, outside of 0..%d", what, v, i-from, len(f.in)-1)
		}
	}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// draw makes n numbers.
func draw(r *rand.Rand, n int, f func(r *rand.Rand) float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = f(r)
	}
	return x
}

func normal32(r *rand.Rand) float32 { return float32(r.NormFloat64()) }
func wide32(r *rand.Rand) float32   { return float32(8 * r.NormFloat64()) }
func positive(r *rand.Rand) float32 { return float32(math.Exp(6 * r.NormFloat64())) }
func unit(r *rand.Rand) float32     { return r.Float32() }

// A tolerance is absolute plus relative.
type tolerance struct{ abs, rel float64 }

// near says whether got is want within tol; NaN is near NaN and infinities only
// themselves.
func near(got float32, want float64, tol tolerance) bool {
	g := float64(got)
	switch {
	case math.IsNaN(want):
		return math.IsNaN(g)
	case math.IsInf(float64(float32(want)), 0):
		return g == float64(float32(want))
	}
	return math.Abs(g-want) <= tol.abs+tol.rel*math.Abs(want)
}

func sameBits(a, b []float32) error {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && !(a[i] != a[i] && b[i] != b[i]) {
			return fmt.Errorf("element %d is %g and %g", i, a[i], b[i])
		}
	}
	return nil
}

// derivative is the central difference of f.
func derivative(f func(float64) float64, x float64) float64 {
	h := 1e-5 * max(1, math.Abs(x))
	return (8*(f(x+h)-f(x-h)) - (f(x+2*h) - f(x-2*h))) / (12 * h)
}
