package vec

import (
	"fmt"
	"math"
	"testing"
)

func shapes() [][2]int {
	var s [][2]int
	for _, rows := range []int{0, 1, 2, 7, 8, 9, 16, 23} {
		for _, cols := range []int{0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 70, 130} {
			s = append(s, [2]int{rows, cols})
		}
	}
	return s
}

func TestBias(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, s := range shapes() {
			rows, cols := s[0], s[1]
			r := newRand(uint64(rows*1000 + cols))
			x, b := draw(r, rows*cols, normal32), draw(r, cols, normal32)
			plain, relu := fence(x, 1), fence(x, 2)
			AddBias(plain.in, b, rows, cols)
			AddBiasReLU(relu.in, b, rows, cols)
			plain.check(t, "AddBias")
			relu.check(t, "AddBiasReLU")
			for i, v := range x {
				want := v + b[i%cols]
				if plain.in[i] != want || relu.in[i] != max(want, 0) {
					t.Fatalf("%dx%d: AddBias %g, AddBiasReLU %g at %d, want %g", rows, cols, plain.in[i], relu.in[i], i, want)
				}
			}
		}
		x := []float32{nan32, 1}
		if AddBiasReLU(x, []float32{1, 1}, 1, 2); x[0] == x[0] {
			t.Errorf("AddBiasReLU of NaN = %g, want NaN", x[0])
		}
	})
}

func TestColSum(t *testing.T) {
	reference := map[string][]float32{}
	eachPath(t, func(t *testing.T) {
		for _, s := range append(shapes(), [2]int{1000, 37}) {
			rows, cols := s[0], s[1]
			r := newRand(uint64(rows*1000 + cols))
			x, start := draw(r, rows*cols, normal32), draw(r, cols, normal32)
			dst := fence(start, 3)
			ColSum(dst.in, x, rows, cols)
			dst.check(t, "ColSum")
			for j := range cols {
				want, mag := float64(start[j]), math.Abs(float64(start[j]))
				for i := range rows {
					want += float64(x[i*cols+j])
					mag += math.Abs(float64(x[i*cols+j]))
				}
				if !near(dst.in[j], want, tolerance{sumError * mag, 0}) {
					t.Fatalf("%dx%d: column %d = %g, want %g", rows, cols, j, dst.in[j], want)
				}
			}
			key := fmt.Sprint(s)
			if first, ok := reference[key]; !ok {
				reference[key] = dst.in
			} else if err := sameBits(first, dst.in); err != nil {
				t.Fatalf("%dx%d: paths differ: %v", rows, cols, err)
			}
		}
	})
}

// softmax64 is softmax(scale·x) and log Σ exp(scale·x) as the formulas say.
func softmax64(x []float32, scale float64) (p []float64, logSum float64) {
	largest := math.Inf(-1)
	for _, v := range x {
		largest = max(largest, scale*float64(v))
	}
	var s float64
	p = make([]float64, len(x))
	for i, v := range x {
		p[i] = math.Exp(scale*float64(v) - largest)
		s += p[i]
	}
	for i := range p {
		p[i] /= s
	}
	return p, largest + math.Log(s)
}

func TestSoftmaxRow(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, scale := range []float32{1, 0.125, -0.5} {
			for _, n := range lengths() {
				x := draw(newRand(uint64(n)), n, wide32)
				dst := fence(make([]float32, n), n%7)
				got := SoftmaxRow(dst.in, x, scale)
				dst.check(t, "SoftmaxRow")
				want, logSum := softmax64(x, float64(scale))
				if !near(got, logSum, tolerance{1e-6, 3e-7}) {
					t.Fatalf("n=%d: log of the sum %g, want %g", n, got, logSum)
				}
				for i, v := range dst.in {
					if !near(v, want[i], tolerance{1e-9, 4e-6}) {
						t.Fatalf("n=%d: p[%d] = %g, want %g", n, i, v, want[i])
					}
				}
				if again := SoftmaxRow(x, x, scale); n > 0 && (again != got || sameBits(x, dst.in) != nil) {
					t.Fatalf("n=%d, dst the same as x: %g and %g, %v", n, got, again, sameBits(x, dst.in))
				}
			}
		}
	})
}

func TestSoftmaxRowSpecial(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range []int{2, 16, 37, 64} {
			x, p := make([]float32, n), make([]float32, n)
			// A masked position gets exactly nothing, however large the others are.
			Fill(x, 3e38)
			x[n-1] = -inf32
			if got := SoftmaxRow(p, x, 1); p[n-1] != 0 || !near(p[0], 1/float64(n-1), tolerance{0, 3e-7}) || got != 3e38 {
				t.Errorf("n=%d: masked %g, others %g, log of the sum %g", n, p[n-1], p[0], got)
			}
			x[0] = nan32
			if got := SoftmaxRow(p, x, 1); got == got || p[1] == p[1] {
				t.Errorf("n=%d: a row with NaN gives %g, %g", n, p[1], got)
			}
			Fill(x, -inf32)
			if got := SoftmaxRow(p, x, 1); got == got || p[1] == p[1] {
				t.Errorf("n=%d: a row of -Inf gives %g, %g, want NaN", n, p[1], got)
			}
		}
	})
}

func TestSoftmaxGradRow(t *testing.T) {
	const scale = float32(0.3)
	eachPath(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 5, 8, 16, 17, 33, 64, 70, 131} {
			r := newRand(uint64(n))
			x, dy := draw(r, n, wide32), draw(r, n, normal32)
			p := make([]float32, n)
			SoftmaxRow(p, x, scale)
			dx := fence(make([]float32, n), n%4)
			SoftmaxGradRow(dx.in, dy, p, scale)
			dx.check(t, "SoftmaxGradRow")
			for j := range x {
				// The derivative of Σ dy·softmax(scale·x) along x[j].
				loss := func(v float64) (s float64) {
					for i, q := range softmaxAt(x, j, v, float64(scale)) {
						s += q * float64(dy[i])
					}
					return s
				}
				if want := derivative(loss, float64(x[j])); !near(dx.in[j], want, tolerance{3e-7, 1e-5}) {
					t.Fatalf("n=%d: dx[%d] = %g, want %g", n, j, dx.in[j], want)
				}
			}
			for k, alias := range [][]float32{dy, p} {
				in := append([]float32{}, alias...)
				switch k {
				case 0:
					SoftmaxGradRow(in, in, p, scale)
				case 1:
					SoftmaxGradRow(in, dy, in, scale)
				}
				if err := sameBits(in, dx.in); err != nil {
					t.Fatalf("n=%d, dx the same as input %d: %v", n, k, err)
				}
			}
		}
	})
}

// softmaxAt is the softmax of scale·x with x[j] replaced by v, in float64: a step
// of 1e-5 is lost in a float32.
func softmaxAt(x []float32, j int, v, scale float64) []float64 {
	p := make([]float64, len(x))
	largest, s := math.Inf(-1), 0.0
	for i := range x {
		p[i] = scale * float64(x[i])
		if i == j {
			p[i] = scale * v
		}
		largest = max(largest, p[i])
	}
	for i := range p {
		p[i] = math.Exp(p[i] - largest)
		s += p[i]
	}
	for i := range p {
		p[i] /= s
	}
	return p
}

// layerNorm64 is eq. 4 of arXiv:1607.06450.
func layerNorm64(x, gamma, beta []float64, eps float64) (y []float64, mean, rstd float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	var s float64
	for _, v := range x {
		s += (v - mean) * (v - mean) / n
	}
	rstd = 1 / math.Sqrt(s+eps)
	for i, v := range x {
		y = append(y, (v-mean)*rstd*gamma[i]+beta[i])
	}
	return y, mean, rstd
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestLayerNormRow(t *testing.T) {
	const eps = float32(1e-5)
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths()[1:] {
			r := newRand(uint64(n))
			x, gamma, beta := draw(r, n, normal32), draw(r, n, normal32), draw(r, n, normal32)
			for i := range x {
				x[i] += 5 // a mean far from 0 must not spoil the variance
			}
			dst := fence(make([]float32, n), n%6)
			mean, rstd := LayerNormRow(dst.in, x, gamma, beta, eps)
			dst.check(t, "LayerNormRow")
			want, wantMean, wantRstd := layerNorm64(float64s(x), float64s(gamma), float64s(beta), float64(eps))
			if !near(mean, wantMean, tolerance{0, 1e-6}) || !near(rstd, wantRstd, tolerance{0, 1e-5}) {
				t.Fatalf("n=%d: mean %g, rstd %g, want %g, %g", n, mean, rstd, wantMean, wantRstd)
			}
			for i, v := range dst.in {
				if !near(v, want[i], tolerance{1e-5, 1e-5}) {
					t.Fatalf("n=%d: y[%d] = %g, want %g", n, i, v, want[i])
				}
			}
			LayerNormRow(x, x, gamma, beta, eps)
			if err := sameBits(x, dst.in); err != nil {
				t.Fatalf("n=%d, dst the same as x: %v", n, err)
			}
		}
	})
}

func TestLayerNormGradRow(t *testing.T) {
	const eps = float32(1e-5)
	eachPath(t, func(t *testing.T) {
		for _, n := range []int{2, 3, 7, 8, 16, 17, 33, 64, 70, 131} {
			r := newRand(uint64(n))
			x, gamma, beta, dy := draw(r, n, normal32), draw(r, n, normal32), draw(r, n, normal32), draw(r, n, normal32)
			mean, rstd := LayerNormRow(make([]float32, n), x, gamma, beta, eps)
			before := draw(r, n, normal32)
			dx, dgamma, dbeta := fence(make([]float32, n), 1), fence(before, 2), fence(before, 3)
			LayerNormGradRow(dx.in, dy, x, gamma, dgamma.in, dbeta.in, mean, rstd)
			for _, f := range []fenced{dx, dgamma, dbeta} {
				f.check(t, "LayerNormGradRow")
			}
			in := [][]float64{float64s(x), float64s(gamma), float64s(beta)}
			for k, got := range [][]float32{dx.in, dgamma.in, dbeta.in} {
				for j := range n {
					loss := func(v float64) (s float64) {
						old := in[k][j]
						defer func() { in[k][j] = old }()
						in[k][j] = v
						y, _, _ := layerNorm64(in[0], in[1], in[2], float64(eps))
						for i := range y {
							s += y[i] * float64(dy[i])
						}
						return s
					}
					want := derivative(loss, in[k][j])
					if k > 0 {
						want += float64(before[j]) // added to
					}
					if !near(got[j], want, tolerance{2e-5 * float64(rstd), 1e-5}) {
						t.Fatalf("n=%d: gradient %d at %d = %g, want %g", n, k, j, got[j], want)
					}
				}
			}
			for k, alias := range [][]float32{dy, x} {
				same := append([]float32{}, alias...)
				from := [][]float32{dy, x}
				from[k] = same
				LayerNormGradRow(same, from[0], from[1], gamma, make([]float32, n), make([]float32, n), mean, rstd)
				if err := sameBits(same, dx.in); err != nil {
					t.Fatalf("n=%d, dx the same as input %d: %v", n, k, err)
				}
			}
		}
	})
}
