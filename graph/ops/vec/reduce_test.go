package vec

import (
	"math"
	"testing"
)

// The sums are compared with float64 relative to the sum of magnitudes, which is
// what bounds the rounding error of a sum of any order.
const sumError = 1e-6

func TestSums(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range append(lengths(), 1_000_003) {
			r := newRand(uint64(n))
			a, b := draw(r, n, normal32), draw(r, n, normal32)
			var sum, squares, dot, mag, magDot float64
			for i := range a {
				x, y := float64(a[i]), float64(b[i])
				sum += x
				squares += x * x
				dot += x * y
				mag += math.Abs(x)
				magDot += math.Abs(x * y)
			}
			// The same values at another alignment give the same bits.
			a1, b1 := fence(a, 1).in, fence(b, 3).in
			for _, c := range []struct {
				name           string
				got, again     float64
				want, magnitud float64
			}{
				{"Sum", Sum(a), Sum(a1), sum, mag},
				{"SumSquares", SumSquares(a), SumSquares(a1), squares, squares},
				{"Dot", Dot(a, b), Dot(a1, b1), dot, magDot},
			} {
				if math.Abs(c.got-c.want) > sumError*c.magnitud {
					t.Errorf("%s of %d = %.9g, want %.9g", c.name, n, c.got, c.want)
				}
				if c.got != c.again {
					t.Errorf("%s of %d depends on alignment: %.17g and %.17g", c.name, n, c.got, c.again)
				}
			}
		}
	})
}

// TestLongSums adds ten million equal numbers, where a single float32 sum would
// stop growing at 2²⁴.
func TestLongSums(t *testing.T) {
	if testing.Short() {
		t.Skip("40 MB of numbers")
	}
	x := make([]float32, 10_000_000)
	Fill(x, 1.1)
	d := make([]float32, len(x))
	v := float64(float32(1.1))
	eachPath(t, func(t *testing.T) {
		for name, got := range map[string]float64{
			"Sum": Sum(x) / v, "SumSquares": SumSquares(x) / v / v, "Dot": Dot(x, x) / v / v, "SquaredError": SquaredError(d, x, make([]float32, len(x))) / v / v,
		} {
			if math.Abs(got/1e7-1) > sumError {
				t.Errorf("%s is off by %g", name, got/1e7-1)
			}
		}
	})
}

func TestMax(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		if got := Max(nil); !math.IsInf(float64(got), -1) {
			t.Errorf("Max of nothing = %g, want -Inf", got)
		}
		for _, n := range lengths()[1:] {
			x := draw(newRand(uint64(n)), n, normal32)
			for i := range x {
				x[i] -= 10 // all negative: a lane that is not live must not win
			}
			for _, at := range []int{0, n / 2, n - 1} {
				y := append([]float32{}, x...)
				y[at] = -1
				if got := Max(y); got != -1 {
					t.Fatalf("n=%d: %g, want -1 at %d", n, got, at)
				}
				y[at] = nan32
				if got := Max(y); got == got {
					t.Fatalf("n=%d, NaN at %d: %g, want NaN", n, at, got)
				}
				y[at] = inf32
				if got := Max(y); got != inf32 {
					t.Fatalf("n=%d, +Inf at %d: %g, want +Inf", n, at, got)
				}
			}
		}
	})
}

func TestFinite(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths() {
			x := draw(newRand(uint64(n)), n, wide32)
			if n > 0 {
				x[0] = math.MaxFloat32
			}
			if !Finite(x) {
				t.Fatalf("n=%d: finite numbers called infinite", n)
			}
			for i := 0; i < n; i += 1 + n/70 {
				old := x[i]
				for _, bad := range []float32{inf32, -inf32, nan32} {
					x[i] = bad
					if Finite(x) {
						t.Fatalf("n=%d: %g at %d not seen", n, bad, i)
					}
				}
				x[i] = old
			}
		}
	})
}

// TestErrors checks the losses that also write their gradient.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     func(d, y, t []float32) float64
		term  func(y, t float64) float64
		grad  func(y, t float64) float64
		exact bool // the gradient is exactly rounded
	}{
		{"SquaredError", SquaredError, func(y, t float64) float64 { return (y - t) * (y - t) }, func(y, t float64) float64 { return y - t }, true},
		{"AbsError", AbsError, func(y, t float64) float64 { return math.Abs(y - t) }, func(y, t float64) float64 {
			switch {
			case y > t:
				return 1
			case y < t:
				return -1
			}
			return 0
		}, true},
		{"BCELogits", BCELogits, func(x, t float64) float64 { return softplus64(x) - x*t }, func(x, t float64) float64 { return sigmoid64(x) - t }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				tol := tolerance{3e-7, 0}
				if c.exact {
					tol = tolerance{0, 6e-8}
				}
				for _, n := range lengths() {
					r := newRand(uint64(n))
					y, target := draw(r, n, wide32), draw(r, n, unit)
					for i := 0; i < n; i += 3 {
						y[i] = target[i] // sign 0
					}
					d := fence(make([]float32, n), n%6)
					got := c.f(d.in, y, target)
					d.check(t, c.name)
					var want, mag float64
					for i := range y {
						a, b := float64(y[i]), float64(target[i])
						want += c.term(a, b)
						mag += math.Abs(a) + math.Abs(c.term(a, b))
						if !near(d.in[i], c.grad(a, b), tol) {
							t.Fatalf("n=%d: gradient at (%g, %g) = %g, want %g", n, a, b, d.in[i], c.grad(a, b))
						}
					}
					if math.Abs(got-want) > sumError*mag {
						t.Fatalf("n=%d: %g, want %g", n, got, want)
					}
					if again := c.f(y, y, target); again != got || sameBits(y, d.in) != nil {
						t.Fatalf("n=%d, d the same as y: sum %g and %g, %v", n, got, again, sameBits(y, d.in))
					}
				}
			})
		})
	}
}

func TestDistances(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range append(lengths(), 10_007) {
			r := newRand(uint64(n))
			x, b := draw(r, n, normal32), draw(r, n, normal32)
			got := fence(x, n%5)
			sum := Distances(got.in, b, 0.5)
			got.check(t, "Distances")
			var want float64
			for i := range x {
				d := float32(math.Sqrt(max(float64(x[i]+b[i]+0.5), 0)))
				if got.in[i] != d {
					t.Fatalf("n=%d: √max(%g + %g + 0.5, 0) = %g, want %g", n, x[i], b[i], got.in[i], d)
				}
				want += float64(d)
			}
			if math.Abs(sum-want) > sumError*want {
				t.Errorf("n=%d: the sum is %g, want %g", n, sum, want)
			}
		}
	})
}

func TestErrorsAtTheEdge(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range []int{1, 16, 19} {
			d, y, target := make([]float32, n), make([]float32, n), make([]float32, n)
			// The sign of a difference that is the smallest of all numbers.
			Fill(y, 0x1p-149)
			if AbsError(d, y, target); d[n-1] != 1 {
				t.Errorf("AbsError of 2^-149: sign %g, want 1", d[n-1])
			}
			Fill(y, nan32)
			if s := AbsError(d, y, target); s == s || d[n-1] == d[n-1] {
				t.Errorf("AbsError of NaN = %g, sign %g, want NaN", s, d[n-1])
			}
			if s := BCELogits(d, y, target); s == s || d[n-1] == d[n-1] {
				t.Errorf("BCELogits of NaN = %g, gradient %g, want NaN", s, d[n-1])
			}
			// A confident wrong answer costs its logit and no more.
			Fill(y, 1e4)
			if s := BCELogits(d, y, target); s != 1e4*float64(n) || d[n-1] != 1 {
				t.Errorf("BCELogits(10000, 0)·%d = %g, gradient %g", n, s, d[n-1])
			}
			Fill(y, -1e4)
			if s := BCELogits(d, y, target); s != 0 || d[n-1] != 0 {
				t.Errorf("BCELogits(-10000, 0)·%d = %g, gradient %g", n, s, d[n-1])
			}
		}
	})
}
