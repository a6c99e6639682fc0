package eval

import (
	"context"
	"math"

	"x2vec/data"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
)

// The objective of a linear model curves as the codes vary: along a direction of much
// variance a thousand times as much as along others, and a method that knows slopes alone
// goes back and forth. In variables u with w = L⁻ᵀu, where LLᵀ is near to that curvature,
// it is nearly round, and few iterations do (Böhning 1992, "Multinomial logistic
// regression algorithm", takes a bound of the curvature of the same form).

// maxCurvature bounds the values of codes whose curvature is taken: it has their square,
// and factoring it takes their cube.
const maxCurvature = 8192

// curvature is the second moment of codes, (D, D).
type curvature struct {
	d int
	m []float32
}

// curvatureOf takes the second moment of codes, of some of them where they are many; nil
// where they are too wide.
func curvatureOf(x Features) *curvature {
	d := x.D
	if d > maxCurvature {
		return nil
	}
	if enough := max(8192, 4*d); x.N() > enough {
		x = Features{X: x.Pick(data.Evenly(enough, x.N())).X, D: d}
	}
	c := &curvature{d, mem.Floats(d * d)}
	blas.Gemm(true, false, d, d, x.N(), x.X, d, x.X, d, c.m, d, false)
	n := float32(x.N())
	par.For(d*d, 1<<16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			c.m[i] /= n
		}
	})
	return c
}

// steepness is how much the loss of an answer curves by it at zero: for K classes, all as
// probable, p(1−p).
func steepness(kind data.TargetKind, k int) float64 {
	switch kind {
	case data.Values:
		return 1
	case data.Labels:
		return 0.25
	}
	return (1 - 1/float64(k)) / float64(k)
}

// rounding are the variables in which an objective is nearly round.
type rounding struct {
	d, k    int
	l, m    []float32 // (D, D): L and its inverse, lower triangles
	bias    float64   // what a bias is divided by
	w, to   []float32 // (K, D)
	p, grad []float64 // in the own variables
}

// rounding factors steep·M + l2·I.
func (c *curvature) rounding(ctx context.Context, steep, l2 float64, k int) (*rounding, error) {
	d := c.d
	r := &rounding{d: d, k: k, l: mem.Floats(d * d), bias: math.Sqrt(steep), w: make([]float32, k*d), to: make([]float32, k*d),
		p: make([]float64, k*(d+1)), grad: make([]float64, k*(d+1))}
	trace := 0.0
	for i, v := range c.m {
		r.l[i] = float32(steep) * v
	}
	for i := 0; i < d*d; i += d + 1 {
		trace += float64(r.l[i])
	}
	floor := 1e-6 * trace / float64(d) // what rounding leaves of nothing
	for i := 0; i < d*d; i += d + 1 {
		r.l[i] += float32(l2 + floor)
	}
	var err error
	r.m, err = cholesky(ctx, r.l, d, math.Max(floor, 1e-30))
	return r, err
}

// around is f in these variables.
func (r *rounding) around(f smooth) smooth {
	return func(u, g []float64) float64 {
		r.own(u, r.p)
		value := f(r.p, r.grad)
		weights := r.k * r.d
		narrow(r.w, r.grad[:weights])
		blas.Gemm(false, true, r.k, r.d, r.d, r.w, r.d, r.m, r.d, r.to, r.d, false) // ∂/∂u = ∂/∂w · L⁻ᵀ
		widen(g[:weights], r.to)
		for i, v := range r.grad[weights:] {
			g[weights+i] = v / r.bias
		}
		return value
	}
}

// own gives a point in the own variables: W = U·L⁻¹.
func (r *rounding) own(u, p []float64) {
	weights := r.k * r.d
	narrow(r.w, u[:weights])
	blas.Gemm(false, false, r.k, r.d, r.d, r.w, r.d, r.m, r.d, r.to, r.d, false)
	widen(p[:weights], r.to)
	for i, v := range u[weights:] {
		p[weights+i] = v / r.bias
	}
}

// from is the inverse of own, in place: U = W·L.
func (r *rounding) from(p []float64) {
	weights := r.k * r.d
	narrow(r.w, p[:weights])
	blas.Gemm(false, false, r.k, r.d, r.d, r.w, r.d, r.l, r.d, r.to, r.d, false)
	widen(p[:weights], r.to)
	for i := range p[weights:] {
		p[weights+i] *= r.bias
	}
}

func narrow(to []float32, from []float64) {
	for i, v := range from {
		to[i] = float32(v)
	}
}

func widen(to []float64, from []float32) {
	for i, v := range from {
		to[i] = float64(v)
	}
}

// choleskyBlock is the side of the blocks that are factored one by one.
const choleskyBlock = 96

// cholesky factors the lower triangle of a, (D, D), into LLᵀ in place, makes what is above
// it zero, and gives L⁻¹. A pivot below floor becomes floor: what comes out is then near.
// Blocks are factored in float64, all else is products in float32 (Golub and Van Loan 2013,
// "Matrix computations", section 4.2.8).
func cholesky(ctx context.Context, a []float32, d int, floor float64) (inverse []float32, err error) {
	const nb = choleskyBlock
	inverse = mem.Floats(d * d)
	minus, panel := make([]float32, nb*d), make([]float32, d*nb)
	diagonal, unblocked := make([]float32, nb*nb), make([]float64, 2*nb*nb)
	for j := 0; j < d; j += nb {
		if err := ended(ctx); err != nil {
			return nil, err
		}
		Tell(ctx, "curvature of a linear model", j, d, "values")
		n, rest := min(nb, d-j), d-j
		for i := range n { // −L of the rows of this block
			for k, v := range a[(j+i)*d : (j+i)*d+j] {
				minus[i*d+k] = -v
			}
		}
		blas.Gemm(false, true, rest, n, j, a[j*d:], d, minus, d, a[j*d+j:], d, true)
		factor(a[j*d+j:], d, diagonal, n, unblocked, floor)
		below := rest - n
		for i := range below {
			copy(panel[i*n:(i+1)*n], a[(j+n+i)*d+j:])
		}
		if below > 0 {
			blas.Gemm(false, true, below, n, n, panel, n, diagonal, n, a[(j+n)*d+j:], d, false)
		}
		for i := range n {
			clear(a[(j+i)*d+j+i+1 : (j+i+1)*d])
		}
		// L⁻¹ of these rows: −D⁻¹(L · what is above), and D⁻¹.
		for i := range n {
			copy(inverse[(j+i)*d+j:], diagonal[i*n:(i+1)*n])
		}
		if j > 0 {
			blas.Gemm(false, false, n, j, j, minus, d, inverse, d, panel, j, false)
			blas.Gemm(false, false, n, j, n, diagonal, n, panel, j, inverse[j*d:], d, false)
		}
	}
	return inverse, nil
}

// factor does so with a block of n rows, rows of d apart, and writes its inverse, (n, n).
func factor(a []float32, d int, inverse []float32, n int, work []float64, floor float64) {
	l, m := work[:n*n], work[n*n:2*n*n]
	clear(m)
	for i := range n {
		for j := range i + 1 {
			s := float64(a[i*d+j])
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			if i == j {
				l[i*n+i] = math.Sqrt(max(s, floor))
			} else {
				l[i*n+j] = s / l[j*n+j]
			}
		}
	}
	for j := range n {
		for i := j; i < n; i++ {
			s := 0.0
			if i == j {
				s = 1
			}
			for k := j; k < i; k++ {
				s -= l[i*n+k] * m[k*n+j]
			}
			m[i*n+j] = s / l[i*n+i]
		}
	}
	for i := range n {
		for j := range i + 1 {
			a[i*d+j] = float32(l[i*n+j])
		}
	}
	for i, v := range m {
		inverse[i] = float32(v)
	}
}
