package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/racetest"
)

// everyEngine runs a test on each engine that this machine has.
func everyEngine(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Cleanup(func() { inUse.Store(nil) })
	for _, name := range []string{"own-avx512", "own-avx2", "own-go", "openblas", "mkl", "blis", "accelerate", "gonum"} {
		t.Run(name, func(t *testing.T) {
			if err := Use(name); err != nil {
				t.Skipf("not on this machine: %v", err)
			}
			f(t)
		})
	}
}

// quick is few where time is short and plain Go slow, else many.
func quick(few, many int) int {
	if testing.Short() || racetest.On {
		return few
	}
	return many
}

// setThreads sets the number of threads for the rest of the test.
func setThreads(t testing.TB, n int) {
	before := par.Threads()
	par.SetThreads(n)
	t.Cleanup(func() { par.SetThreads(before) })
}

// product is one random product with what surrounds it in memory.
type product struct {
	ta, tb, add   bool
	m, n, k       int
	lda, ldb, ldc int
	a, b, c       []float32
}

func (p *product) String() string {
	return fmt.Sprintf("ta=%t tb=%t m=%d n=%d k=%d lda=%d ldb=%d ldc=%d add=%t", p.ta, p.tb, p.m, p.n, p.k, p.lda, p.ldb, p.ldc, p.add)
}

func (p *product) operands() operands {
	return operands{p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, slices.Clone(p.c), p.ldc, p.add}
}

// randomProduct fills the matrices, and what lies between their rows, with N(0,1).
func randomProduct(rng *rand.Rand, ta, tb, add bool, m, n, k, pad int) *product {
	p := &product{ta: ta, tb: tb, add: add, m: m, n: n, k: k}
	extra := func() int {
		if pad == 0 {
			return 0
		}
		return rng.IntN(pad + 1)
	}
	matrix := func(rows, cols int) ([]float32, int) {
		ld := cols + extra()
		s := make([]float32, max(0, (rows-1)*ld+cols))
		for i := range s {
			s[i] = float32(rng.NormFloat64())
		}
		return s, ld
	}
	if ta {
		p.a, p.lda = matrix(k, m)
	} else {
		p.a, p.lda = matrix(m, k)
	}
	if tb {
		p.b, p.ldb = matrix(n, k)
	} else {
		p.b, p.ldb = matrix(k, n)
	}
	p.c, p.ldc = matrix(m, n)
	return p
}

// slow is the definition, in float64, into a copy of C.
func (p *product) slow() []float32 {
	c := slices.Clone(p.c)
	for i := range p.m {
		for j := range p.n {
			var s float64
			for l := range p.k {
				a, b := i*p.lda+l, l*p.ldb+j
				if p.ta {
					a = l*p.lda + i
				}
				if p.tb {
					b = j*p.ldb + l
				}
				s += float64(p.a[a]) * float64(p.b[b])
			}
			if p.add {
				s += float64(c[i*p.ldc+j])
			}
			c[i*p.ldc+j] = float32(s)
		}
	}
	return c
}

// compare allows what rounding may do to a sum of k products of N(0,1) numbers;
// what lies between the rows of C must not have changed at all.
func (p *product) compare(t *testing.T, got, want []float32) {
	t.Helper()
	k := float64(p.k)
	tol := 1e-6 * (8 + 8*math.Sqrt(k) + k/4) // the last for a running sum in float32, as gonum's
	for i := range want {
		if i%p.ldc >= p.n {
			if got[i] != p.c[i] {
				t.Fatalf("%v: wrote beside row %d of C, column %d", p, i/p.ldc, i%p.ldc)
			}
			continue
		}
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tol) {
			t.Fatalf("%v: C[%d,%d] = %v, want %v (%.2g away, allowed %.2g)", p, i/p.ldc, i%p.ldc, got[i], want[i], d, tol)
		}
	}
}

// checked is a product with its result by definition.
type checked struct {
	*product
	want []float32
}

// gemmCases are the products of TestGemm, multiplied once for all engines.
var gemmCases = sync.OnceValue(func() []checked {
	var all []checked
	cases(rand.New(rand.NewPCG(1, 2)), func(p *product) { all = append(all, checked{p, p.slow()}) })
	return all
})

// cases yields edges of every blocking (registers, panels, slabs), the workloads' shapes scaled down, and random ones.
func cases(rng *rand.Rand, yield func(p *product)) {
	edges := []int{0, 1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 29, 31, 32, 33}
	for _, t := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		for _, e := range edges {
			for _, add := range []bool{false, true} {
				yield(randomProduct(rng, t[0], t[1], add, e, 33, 17, 0))
				yield(randomProduct(rng, t[0], t[1], add, 15, e, 19, 5))
				yield(randomProduct(rng, t[0], t[1], add, 29, 47, e, 5))
			}
		}
		for range quick(10, 60) {
			pad := rng.IntN(2) * 9
			yield(randomProduct(rng, t[0], t[1], rng.IntN(2) == 0, rng.IntN(80), rng.IntN(80), rng.IntN(80), pad))
		}
		for _, s := range [][3]int{
			{64, 64, 64}, {256, 32, 196}, {256, 196, 32}, {196, 32, 256}, {32, 196, 256}, // skinny
			{128, 130, 1100}, {9, 20, 9000}, {48, 24, 5000}, // several slabs of k; partial sums
			{1, 700, 300}, {700, 1, 300}, {1, 1, 5000}, {300, 520, 40},
			{45, 100, 512}, {20, 70, 1024}, {1024, 70, 45}, {1024, 70, 400}, // rows of A at multiples of 2 and 4 KiB
		} {
			if s[0]*s[1]*s[2] > quick(500_000, math.MaxInt) {
				continue
			}
			yield(randomProduct(rng, t[0], t[1], rng.IntN(2) == 0, s[0], s[1], s[2], 3))
			yield(randomProduct(rng, t[0], t[1], rng.IntN(2) == 0, s[0], s[1], s[2], 0))
		}
	}
}

func TestGemm(t *testing.T) {
	everyEngine(t, func(t *testing.T) {
		setThreads(t, 3)
		for _, p := range gemmCases() {
			want := p.want
			got := slices.Clone(p.c)
			Gemm(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, got, p.ldc, p.add)
			p.compare(t, got, want)
			copy(got, p.c)
			Serial(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, got, p.ldc, p.add)
			p.compare(t, got, want)

			for name, gemm := range map[string]func(bool, bool, int, int, int, []float32, int, []float32, int, []float32, int, bool, func(Block)){"GemmThen": GemmThen, "GemmRows": GemmRows} {
				copy(got, p.c)
				calls := make([]atomic.Int32, p.m*p.n)
				gemm(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, got, p.ldc, p.add, func(b Block) {
					if name == "GemmRows" && (b.J0 != 0 || b.J1 != p.n) {
						t.Errorf("%v: GemmRows announced columns %d to %d", p, b.J0, b.J1)
					}
					for i := b.I0; i < b.I1; i++ {
						for j := b.J0; j < b.J1; j++ {
							calls[i*p.n+j].Add(1)
							got[i*p.ldc+j] *= 2
						}
					}
				})
				for i := range p.m {
					for j := range p.n {
						if n := calls[i*p.n+j].Load(); n != 1 {
							t.Fatalf("%v: element %d, %d was announced %d times", p, i, j, n)
						}
						got[i*p.ldc+j] /= 2
					}
				}
				p.compare(t, got, want)
			}
		}
	})
}

// TestGemmDoesNotReadC fills C with NaN: without add nothing of it may show.
func TestGemmDoesNotReadC(t *testing.T) {
	everyEngine(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, s := range [][3]int{{5, 7, 3}, {40, 50, 1100}, {20, 30, 9000}, {3, 4, 0}} {
			p := randomProduct(rng, false, false, false, s[0], s[1], s[2], 0)
			want := p.slow()
			got := slices.Repeat([]float32{float32(math.NaN())}, len(p.c))
			Gemm(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, got, p.ldc, p.add)
			p.compare(t, got, want)
		}
	})
}

// TestGemmIsIndependentOfThreads asks for the same bits on any number of threads.
func TestGemmIsIndependentOfThreads(t *testing.T) {
	everyEngine(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, s := range [][3]int{{256, 32, 784}, {256, 784, 32}, {784, 32, 256}, {192, 96, 3000}, {33, 47, 9000}, {300, 100, 100}, {7, 2000, 90}, {12, 20, 9000}} {
			if s[0]*s[1]*s[2] > quick(4_000_000, math.MaxInt) {
				continue
			}
			for form := range 4 {
				p := randomProduct(rng, form&1 != 0, form&2 != 0, form == 3, s[0], s[1], s[2], 2)
				var first []float32
				for _, threads := range []int{1, 2, 7, 16} {
					par.SetThreads(threads)
					o := p.operands()
					Gemm(o.ta, o.tb, o.m, o.n, o.k, o.a, o.lda, o.b, o.ldb, o.c, o.ldc, o.add)
					if first == nil {
						first = o.c
					} else if !slices.Equal(first, o.c) {
						t.Errorf("%v: %d threads give other bits than one", p, threads)
					}
				}
			}
		}
	})
	par.SetThreads(0)
}

func TestGemmAllocatesNothing(t *testing.T) {
	everyEngine(t, func(t *testing.T) {
		if !strings.HasPrefix(Name(), "own") {
			t.Skip("only our own code promises that")
		}
		if racetest.On {
			t.Skip("under the race detector pools forget")
		}
		setThreads(t, 2)
		rng := rand.New(rand.NewPCG(11, 12))
		after := func(Block) {}
		for form := range 4 {
			p := randomProduct(rng, form&1 != 0, form&2 != 0, false, 256, 64, 300, 0)
			run := func() {
				GemmThen(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.c, p.ldc, false, after)
				Serial(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.c, p.ldc, false)
			}
			run()
			if got := testing.AllocsPerRun(10, run); got >= 1 {
				t.Errorf("%v: %v allocations a call, want 0", p, got)
			}
		}
	})
}

func TestWrongArgumentsPanicWithASentence(t *testing.T) {
	s := make([]float32, 12)
	for want, f := range map[string]func(){
		"leading dimension of A is 2, want at least its 3 columns": func() { Gemm(false, false, 4, 3, 3, s, 2, s, 3, s, 3, false) },
		"B holds 12 elements, want 15":                             func() { Serial(false, false, 2, 3, 5, s, 5, s, 3, s, 3, false) },
		"C holds 12 elements, want 16":                             func() { Gemm(true, true, 4, 4, 2, s, 4, s, 2, s, 4, false) },
		"want none negative":                                       func() { Gemm(false, false, -1, 4, 2, s, 4, s, 2, s, 4, false) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}()
			f()
		}()
	}
}
