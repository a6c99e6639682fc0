package eval

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// LogReg is multinomial logistic regression: it minimises
//
//	Σ_i −log softmax(W x_i + b)[y_i] + L2/2·|W|²
//
// over W, (classes, D), and b, (classes), from zero on by L-BFGS, as
// scikit-learn's LogisticRegression with C = 1/L2 does. The bias is not
// penalised.
type LogReg struct {
	L2         float64 // > 0
	Iterations int     // at most; 0 = 200
	// Standardize scales every value of the codes to mean 0 and variance 1 over
	// the training codes before; the classifier that comes out does so itself.
	Standardize bool
}

// LinearProbe is the setting of a linear probe: C = 1 on standardised codes.
var LinearProbe = LogReg{L2: 1, Iterations: 200, Standardize: true}

// A Classifier is what LogReg found.
type Classifier struct {
	Classes, D int
	W          []float64 // (Classes, D), of the codes as they are given
	B          []float64 // (Classes)
	Objective  float64   // the sum that was minimised
	Iterations int
	// Converged is false where the iterations ended before the objective stood still.
	Converged bool
}

// Fit finds the classifier of the labelled codes in x.
func (o LogReg) Fit(x Features) (*Classifier, error) {
	if err := x.check("training"); err != nil {
		return nil, err
	}
	if !(o.L2 > 0) || math.IsInf(o.L2, 0) || o.Iterations < 0 {
		return nil, fmt.Errorf("linear probe: l2 is %g and iterations %d; want l2 above 0 and iterations 0 or more", o.L2, o.Iterations)
	}
	x = x.Labelled()
	if x.N() == 0 || slices.Min(x.Labels) == slices.Max(x.Labels) {
		return nil, fmt.Errorf("linear probe: the training codes have no labels, or all the same one; want two classes at least")
	}
	k := classes(x, Features{})
	mean, std := make([]float64, x.D), make([]float64, x.D)
	for j := range std {
		std[j] = 1
	}
	if o.Standardize {
		mean, std = x.moments()
		for j := range std {
			std[j] += 1e-6 // a value that never changes stays 0
		}
		x = x.standardized(mean, std)
	}
	p := newRegression(x, k, o.L2)
	settings := &optimize.Settings{
		MajorIterations:   o.Iterations,
		GradientThreshold: 1e-6 * float64(x.N()), // rounding in float32 is of this order
		Converger:         &optimize.FunctionConverge{Relative: 1e-9, Iterations: 8},
	}
	if o.Iterations == 0 {
		settings.MajorIterations = 200
	}
	res, err := optimize.Minimize(optimize.Problem{Func: p.value, Grad: p.gradient}, make([]float64, k*(x.D+1)), settings, &optimize.LBFGS{})
	// A line search that finds nothing lower has met the rounding of float32: that is the end too.
	if res == nil || err != nil && res.Status != optimize.Failure {
		return nil, fmt.Errorf("linear probe: %w", err)
	}
	c := &Classifier{Classes: k, D: x.D, Objective: res.F, Iterations: res.MajorIterations,
		Converged: res.Status != optimize.IterationLimit}
	// W(x−m)/s + b = (W/s)x + (b − (W/s)m)
	c.W, c.B = res.X[:k*x.D], res.X[k*x.D:]
	for i := range k {
		for j := range x.D {
			c.W[i*x.D+j] /= std[j]
			c.B[i] -= c.W[i*x.D+j] * mean[j]
		}
	}
	return c, nil
}

// standardized is the codes less the mean, over std.
func (f Features) standardized(mean, std []float64) Features {
	g := Features{X: make([]float32, len(f.X)), D: f.D, Labels: f.Labels}
	par.For(f.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := g.Row(i)
			for j, v := range f.Row(i) {
				to[j] = float32((float64(v) - mean[j]) / std[j])
			}
		}
	})
	return g
}

// regression is the objective of LogReg and its gradient. The products are taken
// in float32 over chunks of rows, everything that is added up over chunks in
// float64, in the order of the chunks. A point is W, (K, D), and then b, (K).
type regression struct {
	x  Features
	k  int
	l2 float64

	at     []float64 // the point that f and grad belong to; nil before the first
	f      float64
	grad   []float64
	w, b   []float32
	loss   []float64 // (chunks)
	dw, db []float32 // (chunks, K, D), (chunks, K)
}

// probeChunk is how many rows the gradient of one chunk is taken over.
const probeChunk = 1024

func newRegression(x Features, k int, l2 float64) *regression {
	chunks := (x.N() + probeChunk - 1) / probeChunk
	return &regression{x: x, k: k, l2: l2, grad: make([]float64, k*(x.D+1)),
		w: make([]float32, k*x.D), b: make([]float32, k),
		loss: make([]float64, chunks), dw: make([]float32, chunks*k*x.D), db: make([]float32, chunks*k)}
}

func (r *regression) value(p []float64) float64 {
	r.compute(p)
	return r.f
}

func (r *regression) gradient(grad, p []float64) {
	r.compute(p)
	copy(grad, r.grad)
}

// compute takes value and gradient together: the optimizer asks for both at one point.
func (r *regression) compute(p []float64) {
	if slices.Equal(r.at, p) {
		return
	}
	r.at = append(r.at[:0], p...)
	weights := r.k * r.x.D
	for i, v := range p[:weights] {
		r.w[i] = float32(v)
	}
	for i, v := range p[weights:] {
		r.b[i] = float32(v)
	}
	par.For(r.x.N(), probeChunk, r.rows)

	r.f = 0
	for i, v := range p[:weights] {
		r.f += r.l2 / 2 * v * v
		r.grad[i] = r.l2 * v
	}
	clear(r.grad[weights:])
	for c, loss := range r.loss {
		r.f += loss
		for i, v := range r.dw[c*weights : (c+1)*weights] {
			r.grad[i] += float64(v)
		}
		for i, v := range r.db[c*r.k : (c+1)*r.k] {
			r.grad[weights+i] += float64(v)
		}
	}
}

// rows adds up the losses of codes lo to hi-1, one chunk, and their gradients.
func (r *regression) rows(lo, hi int) {
	n, k, d, c := hi-lo, r.k, r.x.D, lo/probeChunk
	x := r.x.X[lo*d : hi*d]
	p := make([]float32, n*k) // (n, K) logits, then probabilities less the target
	blas.Serial(false, true, n, k, d, x, d, r.w, d, p, k, false)
	vec.AddBias(p, r.b, n, k)
	r.loss[c] = 0
	for i := range n {
		row, y := p[i*k:(i+1)*k], r.x.Labels[lo+i]
		logit := row[y]
		r.loss[c] += float64(vec.SoftmaxRow(row, row, 1)) - float64(logit)
		row[y]--
	}
	db := r.db[c*k : (c+1)*k]
	clear(db)
	vec.ColSum(db, p, n, k)
	blas.Serial(true, false, k, d, n, p, k, x, d, r.dw[c*k*d:], d, false)
}

// Predict returns the class of every code, (N); of equal ones the lowest.
func (c *Classifier) Predict(x Features) ([]int, error) {
	if err := x.check("test"); err != nil {
		return nil, err
	}
	if x.D != c.D {
		return nil, fmt.Errorf("test codes have %d values, and the classifier wants %d", x.D, c.D)
	}
	out := make([]int, x.N())
	par.For(x.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			best := math.Inf(-1)
			for k, b := range c.B {
				if s := b + c.logit(k, x.Row(i)); s > best {
					best, out[i] = s, k
				}
			}
		}
	})
	return out, nil
}

func (c *Classifier) logit(k int, x []float32) (s float64) {
	for j, w := range c.W[k*c.D : (k+1)*c.D] {
		s += w * float64(x[j])
	}
	return s
}

// Accuracy is the share of labelled codes that Predict gets right.
func (c *Classifier) Accuracy(x Features) (float64, error) {
	x = x.Labelled()
	if x.N() == 0 {
		return 0, fmt.Errorf("linear probe: no test code has a label")
	}
	got, err := c.Predict(x)
	if err != nil {
		return 0, err
	}
	return agreement(got, x.Labels), nil
}
