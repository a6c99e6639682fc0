package vec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// An elementwise kernel as the suite sees it: dst[i] = want(in[0][i], in[1][i] …).
type elementwiseCase struct {
	name string
	run  func(dst []float32, in [][]float32)
	ins  []func(*rand.Rand) float32
	want func(in []float64) float64
	tol  tolerance
}

func sigmoid64(x float64) float64  { return 1 / (1 + math.Exp(-x)) }
func gelu64(x float64) float64     { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
func silu64(x float64) float64     { return x * sigmoid64(x) }
func softplus64(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
func relu64(x float64) float64     { return max(x, 0) }
func leaky64(x float64) float64    { return max(x, slope*x) }

func geluTanh64(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func elu64(x float64) float64 {
	if x > 0 {
		return x
	}
	return alpha * math.Expm1(x)
}

const slope, alpha = float64(float32(0.2)), float64(float32(1.5))

// An activation with its gradient, from the input or from the output.
type activation struct {
	name  string
	f     func(dst, x []float32)
	grad  func(dx, dy, x []float32)
	fromY bool
	want  func(float64) float64
}

var activationCases = []activation{
	{"ReLU", ReLU, ReLUGrad, true, relu64},
	{"LeakyReLU", func(d, x []float32) { LeakyReLU(d, x, float32(slope)) }, func(d, dy, x []float32) { LeakyReLUGrad(d, dy, x, float32(slope)) }, false, leaky64},
	{"GELU", GELU, GELUGrad, false, gelu64},
	{"GELUTanh", GELUTanh, GELUTanhGrad, false, geluTanh64},
	{"Tanh", Tanh, TanhGrad, true, math.Tanh},
	{"Sigmoid", Sigmoid, SigmoidGrad, true, sigmoid64},
	{"SiLU", SiLU, SiLUGrad, false, silu64},
	{"Softplus", Softplus, SoftplusGrad, false, softplus64},
	{"ELU", func(d, x []float32) { ELU(d, x, float32(alpha)) }, func(d, dy, x []float32) { ELUGrad(d, dy, x, float32(alpha)) }, false, elu64},
}

func elementwiseCases() []elementwiseCase {
	one := func(f func(dst, x []float32)) func([]float32, [][]float32) {
		return func(dst []float32, in [][]float32) { f(dst, in[0]) }
	}
	two := func(f func(dst, a, b []float32)) func([]float32, [][]float32) {
		return func(dst []float32, in [][]float32) { f(dst, in[0], in[1]) }
	}
	x := []func(*rand.Rand) float32{wide32}
	xy := []func(*rand.Rand) float32{wide32, wide32}
	rounded := tolerance{1e-45, 6e-8} // half a unit in the last place
	cases := []elementwiseCase{
		{"Exp", one(Exp), x, func(in []float64) float64 { return math.Exp(in[0]) }, tolerance{1e-45, 2e-7}},
		{"Log", one(Log), []func(*rand.Rand) float32{positive}, func(in []float64) float64 { return math.Log(in[0]) }, tolerance{0, 2e-7}},
		{"Add", two(Add), xy, func(in []float64) float64 { return in[0] + in[1] }, rounded},
		{"Sub", two(Sub), xy, func(in []float64) float64 { return in[0] - in[1] }, rounded},
		{"Mul", two(Mul), xy, func(in []float64) float64 { return in[0] * in[1] }, rounded},
		{"Scale", one(func(d, x []float32) { Scale(d, x, 0.7) }), x, func(in []float64) float64 { return in[0] * float64(float32(0.7)) }, rounded},
		{"Axpy", func(dst []float32, in [][]float32) {
			copy(dst, in[0])
			Axpy(dst, 0.7, in[1])
		}, xy, func(in []float64) float64 { return in[0] + in[1]*float64(float32(0.7)) }, tolerance{4e-6, 6e-8}},
		{"AddBelow", func(dst []float32, in [][]float32) {
			copy(dst, in[0])
			AddBelow(dst, in[1], 0.7)
		}, xy, func(in []float64) float64 { return in[0] + max(float64(float32(0.7))-in[1], 0) }, tolerance{4e-6, 6e-8}},
		{"Fill", func(dst []float32, in [][]float32) { Fill(dst, 3.25) }, nil, func([]float64) float64 { return 3.25 }, tolerance{}},
		// From the output: any y, not only one that the activation reaches.
		{"ReLUGrad", two(ReLUGrad), xy, func(in []float64) float64 {
			if in[1] > 0 {
				return in[0]
			}
			return 0
		}, tolerance{}},
		{"TanhGrad", two(TanhGrad), []func(*rand.Rand) float32{wide32, unit}, func(in []float64) float64 { return in[0] * (1 - in[1]*in[1]) }, tolerance{2e-6, 2e-7}},
		{"SigmoidGrad", two(SigmoidGrad), []func(*rand.Rand) float32{wide32, unit}, func(in []float64) float64 { return in[0] * in[1] * (1 - in[1]) }, tolerance{2e-6, 3e-7}},
	}
	for _, a := range activationCases {
		cases = append(cases, elementwiseCase{a.name, one(a.f), x, func(in []float64) float64 { return a.want(in[0]) }, tolerance{5e-7, 1.5e-7}})
		if !a.fromY {
			cases = append(cases, elementwiseCase{a.name + "Grad", two(a.grad), xy, func(in []float64) float64 { return in[0] * derivative(a.want, in[1]) }, tolerance{2e-5, 2e-7}})
		}
	}
	return cases
}

// TestElementwise compares with float64, at every length, then checks that neither
// aliasing nor alignment changes a bit and that nothing else is written.
func TestElementwise(t *testing.T) {
	for _, c := range elementwiseCases() {
		t.Run(c.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				for _, n := range lengths() {
					r := newRand(uint64(n))
					in := make([][]float32, len(c.ins))
					for k, f := range c.ins {
						in[k] = draw(r, n, f)
					}
					dst := fence(make([]float32, n), n%5)
					c.run(dst.in, in)
					dst.check(t, c.name)
					for i, got := range dst.in {
						var x []float64
						for k := range in {
							x = append(x, float64(in[k][i]))
						}
						if want := c.want(x); !near(got, want, c.tol) {
							t.Fatalf("n=%d: f(%g) = %g, want %g", n, x, got, want)
						}
					}
					for k := range in {
						aliased := append([][]float32{}, in...)
						same := fence(in[k], n%3)
						aliased[k] = same.in
						c.run(same.in, aliased)
						same.check(t, c.name)
						adds := c.name == "Axpy" || c.name == "AddBelow" // to its first input
						if err := sameBits(dst.in, same.in); err != nil && (!adds || k == 0) {
							t.Fatalf("n=%d: dst the same as input %d: %v", n, k, err)
						}
					}
				}
			})
		})
	}
}

// TestGradientOfForward compares each gradient with the derivative of the formula,
// through the forward kernel where the gradient wants its output.
func TestGradientOfForward(t *testing.T) {
	for _, a := range activationCases {
		t.Run(a.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				r := newRand(3)
				var x []float32
				for len(x) < 500 {
					if v := wide32(r); math.Abs(float64(v)) > 1e-3 { // kinks have no derivative
						x = append(x, v)
					}
				}
				dy := draw(r, len(x), normal32)
				from, dx := x, make([]float32, len(x))
				if a.fromY {
					from = make([]float32, len(x))
					a.f(from, x)
				}
				a.grad(dx, dy, from)
				for i, got := range dx {
					want := float64(dy[i]) * derivative(a.want, float64(x[i]))
					if !near(got, want, tolerance{2e-6, 1e-6}) {
						t.Fatalf("x=%g dy=%g: %g, want %g", x[i], dy[i], got, want)
					}
				}
			})
		})
	}
}

// TestAccuracy sweeps the functions densely, each over the range where it does
// something, with the error that the package promises.
func TestAccuracy(t *testing.T) {
	one := func(f func(dst, dy, x []float32)) func(dst, x []float32) {
		return func(dst, x []float32) {
			dy := make([]float32, len(x))
			Fill(dy, 1)
			f(dst, dy, x)
		}
	}
	phi := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	for _, c := range []struct {
		name   string
		f      func(dst, x []float32)
		want   func(float64) float64
		lo, hi float64
		tol    tolerance
	}{
		{"exp", Exp, math.Exp, -87, 88.7, tolerance{0, 2e-7}},
		{"exp, denormal", Exp, math.Exp, -104, -87, tolerance{1.5e-45, 2e-7}},
		{"log", Log, math.Log, 1e-3, 20, tolerance{0, 2e-7}},
		{"log near 1", Log, math.Log, 0.99, 1.01, tolerance{0, 2e-7}},
		{"tanh", Tanh, math.Tanh, -12, 12, tolerance{0, 4e-7}},
		{"tanh near 0", Tanh, math.Tanh, -1e-3, 1e-3, tolerance{0, 4e-7}},
		{"sigmoid", Sigmoid, sigmoid64, -80, 30, tolerance{0, 3e-7}},
		{"GELU", GELU, gelu64, -6, 12, tolerance{3e-7, 2e-7}},
		{"GELU tail", GELU, gelu64, -12, -6, tolerance{1e-45, 1e-5}},
		{"GELUTanh", GELUTanh, geluTanh64, -12, 12, tolerance{3e-7, 2e-7}},
		{"SiLU", SiLU, silu64, -80, 30, tolerance{0, 4e-7}},
		{"softplus", Softplus, softplus64, -80, 30, tolerance{0, 4e-7}},
		{"ELU", func(d, x []float32) { ELU(d, x, float32(alpha)) }, elu64, -30, 3, tolerance{0, 4e-7}},
		{"GELU gradient", one(GELUGrad), func(x float64) float64 { return 0.5*math.Erfc(-x/math.Sqrt2) + x*phi(x) }, -12, 12, tolerance{5e-7, 0}},
		{"SiLU gradient", one(SiLUGrad), func(x float64) float64 { s := sigmoid64(x); return s * (1 + x*(1-s)) }, -80, 30, tolerance{5e-7, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				const n = 40000
				x, y := make([]float32, n), make([]float32, n)
				for i := range x {
					x[i] = float32(c.lo + (c.hi-c.lo)*float64(i)/(n-1))
				}
				c.f(y, x)
				for i, got := range y {
					if want := c.want(float64(x[i])); !near(got, want, c.tol) {
						t.Fatalf("f(%.9g) = %.9g, want %.9g (relative error %.2g)", x[i], got, want, (float64(got)-want)/want)
					}
				}
			})
		})
	}
}

// TestSpecialValues has the limits at infinities, what becomes of NaN, and values
// where the arithmetic in between would overflow.
func TestSpecialValues(t *testing.T) {
	const huge, tiny = math.MaxFloat32, 0x1p-149
	x := []float32{inf32, -inf32, nan32, huge, -huge, 0, tiny, -tiny, 0x1p-127, -0x1p-127}
	elu := func(d, x []float32) { ELU(d, x, 1) }
	withDy := func(f func(dx, dy, x []float32)) func(dx, x []float32) {
		return func(dx, x []float32) {
			dy := make([]float32, len(x))
			Fill(dy, 2)
			f(dx, dy, x)
		}
	}
	ln2 := float32(math.Ln2)
	logTiny := float32(math.Log(tiny))
	for _, c := range []struct {
		name string
		f    func(dst, x []float32)
		want []float32
	}{
		{"Exp", Exp, []float32{inf32, 0, nan32, inf32, 0, 1, 1, 1, 1, 1}},
		{"Log", Log, []float32{inf32, nan32, nan32, float32(math.Log(huge)), nan32, -inf32, logTiny, nan32, float32(math.Log(0x1p-127)), nan32}},
		{"Tanh", Tanh, []float32{1, -1, nan32, 1, -1, 0, tiny, -tiny, 0x1p-127, -0x1p-127}},
		{"Sigmoid", Sigmoid, []float32{1, 0, nan32, 1, 0, 0.5, 0.5, 0.5, 0.5, 0.5}},
		{"ReLU", ReLU, []float32{inf32, 0, nan32, huge, 0, 0, tiny, 0, 0x1p-127, 0}},
		{"LeakyReLU", func(d, x []float32) { LeakyReLU(d, x, 0.5) }, []float32{inf32, -inf32, nan32, huge, -huge / 2, 0, tiny, 0, 0x1p-127, -0x1p-128}},
		{"GELU", GELU, []float32{inf32, 0, nan32, huge, 0, 0, 0, 0, 0x1p-128, -0x1p-128}},
		{"GELUTanh", GELUTanh, []float32{inf32, 0, nan32, huge, 0, 0, 0, 0, 0x1p-128, -0x1p-128}},
		{"SiLU", SiLU, []float32{inf32, 0, nan32, huge, 0, 0, 0, 0, 0x1p-128, -0x1p-128}},
		{"Softplus", Softplus, []float32{inf32, 0, nan32, huge, 0, ln2, ln2, ln2, ln2, ln2}},
		{"ELU", elu, []float32{inf32, -1, nan32, huge, -1, 0, tiny, -tiny, 0x1p-127, -0x1p-127}},
		{"GELUGrad", withDy(GELUGrad), []float32{2, 0, nan32, 2, 0, 1, 1, 1, 1, 1}},
		{"GELUTanhGrad", withDy(GELUTanhGrad), []float32{2, 0, nan32, 2, 0, 1, 1, 1, 1, 1}},
		{"SiLUGrad", withDy(SiLUGrad), []float32{2, 0, nan32, 2, 0, 1, 1, 1, 1, 1}},
		{"SoftplusGrad", withDy(SoftplusGrad), []float32{2, 0, nan32, 2, 0, 1, 1, 1, 1, 1}},
		{"ELUGrad", withDy(func(dx, dy, x []float32) { ELUGrad(dx, dy, x, 1) }), []float32{2, 0, nan32, 2, 0, 2, 2, 2, 2, 2}},
		{"LeakyReLUGrad", withDy(func(dx, dy, x []float32) { LeakyReLUGrad(dx, dy, x, 0.5) }), []float32{2, 1, 1, 2, 1, 1, 2, 1, 2, 1}},
		{"ReLUGrad", withDy(ReLUGrad), []float32{2, 0, 0, 2, 0, 0, 2, 0, 2, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				// Each value in a full vector and in a tail.
				for _, n := range []int{1, 16, 70} {
					for i, v := range x {
						in, out := make([]float32, n), make([]float32, n)
						Fill(in, v)
						c.f(out, in)
						for j, got := range out {
							if !near(got, float64(c.want[i]), tolerance{2 * tiny, 4e-7}) {
								t.Fatalf("f(%g) = %g at %d of %d, want %g", v, got, j, n, c.want[i])
							}
						}
					}
				}
			})
		})
	}
}

func TestFromBytes(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths() {
			r := newRand(uint64(n))
			src, sub := make([]byte, n), draw(r, n, normal32)
			for i := range src {
				src[i] = byte(r.IntN(256))
			}
			const scale, shift = float32(1.0 / 255 / 0.3), float32(-0.4)
			dst := fence(make([]float32, n), n%4)
			FromBytes(dst.in, src, scale, shift)
			dst.check(t, "FromBytes")
			for i, got := range dst.in {
				if want := float32(float32(src[i])*scale) + shift; got != want {
					t.Fatalf("FromBytes(%d) at %d of %d = %g, want %g", src[i], i, n, got, want)
				}
			}
			FromBytesSub(dst.in, src, scale, sub)
			dst.check(t, "FromBytesSub")
			for i, got := range dst.in {
				if want := float32(float32(src[i])*scale) - sub[i]; got != want {
					t.Fatalf("FromBytesSub(%d, %g) at %d of %d = %g, want %g", src[i], sub[i], i, n, got, want)
				}
			}
			if FromBytesSub(sub, src, scale, sub); sameBits(sub, dst.in) != nil {
				t.Fatalf("FromBytesSub into sub, n=%d: %v", n, sameBits(sub, dst.in))
			}
		}
	})
}
