package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"x2vec/data"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Linear is the linear model of a probe, z = Wx + b. It minimises
//
//	Σ_i loss(z_i, y_i) + L2/2·|W|²
//
// over W, (K, D), and b, (K), from zero on by L-BFGS in variables in which it is nearly
// round; the bias is not penalised. The
// loss is −log softmax(z)[y] for a class, as in scikit-learn's LogisticRegression
// with C = 1/L2; the sum of the binary cross-entropies for labels; and half the sum of
// the squared errors, each in units of its target's deviation, for values.
type Linear struct {
	Kind       data.TargetKind // empty = data.Class
	L2         float64         // > 0
	Iterations int             // at most; 0 = 200
	Classes    int             // at least; 0 = as many as the labels say
	// Standardize scales every value of the codes to mean 0 and variance 1 over
	// the training codes before; the map that comes out does so itself.
	Standardize bool
	// From is the map to begin with instead of zero, one of another L2 on the same
	// codes; nil = none.
	From *LinearMap

	curve *curvature // of the codes; nil = it is taken
}

// LinearProbe is a quick linear probe: C = 1 on standardised codes.
var LinearProbe = Linear{L2: 1, Iterations: 200, Standardize: true}

// A LinearMap is what Linear found.
type LinearMap struct {
	Kind       data.TargetKind
	K, D       int
	W          []float64 // (K, D), of the codes as they are given
	B          []float64 // (K)
	Objective  float64   // the sum that was minimised
	Iterations int
	// Converged is false where the iterations ended before the objective stood still.
	Converged bool
}

// Fit finds the map of the codes in x of which an answer is known.
func (o Linear) Fit(ctx context.Context, x Features) (*LinearMap, error) {
	if err := x.check("training"); err != nil {
		return nil, err
	}
	if o.Kind == "" {
		o.Kind = data.Class
	}
	if !(o.L2 > 0) || math.IsInf(o.L2, 0) || o.Iterations < 0 {
		return nil, fmt.Errorf("linear probe: l2 is %g and iterations %d; want l2 above 0 and iterations 0 or more", o.L2, o.Iterations)
	}
	if o.Iterations == 0 {
		o.Iterations = 200
	}
	x, k, err := o.known(x)
	if err != nil {
		return nil, err
	}
	var scale Scale
	if o.Standardize {
		scale = x.Scale()
		x = scale.Applied(x)
	}
	p := newRegression(x, o.Kind, k, o.L2)
	start := make([]float64, k*(x.D+1))
	if o.From != nil && o.From.K == k && o.From.D == x.D && !o.Standardize {
		copy(start, o.From.W)
		copy(start[k*x.D:], o.From.B)
		p.units.scaled(start, k, x.D, false)
	}
	// The sum is minimised as a mean: then the first steps are of the right size.
	var round *rounding
	f := smooth(p.value)
	if o.curve == nil {
		o.curve = curvatureOf(x)
	}
	if o.curve != nil {
		if round, err = o.curve.rounding(ctx, steepness(o.Kind, k), o.L2/float64(x.N()), k); err != nil {
			return nil, err
		}
		f = round.around(f)
		round.from(start)
	}
	end, err := minimize(ctx, f, start, 1e-6, o.Iterations)
	if err != nil {
		return nil, err
	}
	if round != nil {
		round.own(start, start)
	}
	m := &LinearMap{Kind: o.Kind, K: k, D: x.D, Objective: end.f * float64(x.N()), Iterations: end.iterations, Converged: end.converged}
	p.units.scaled(start, k, x.D, true)
	m.W, m.B = start[:k*x.D], start[k*x.D:]
	if o.Standardize {
		m.Unscale(scale)
	}
	return m, nil
}

// Unscale makes of a map of scaled codes one of the codes as they were:
// W(x−m)/s + b = (W/s)x + (b − (W/s)m).
func (c *LinearMap) Unscale(s Scale) {
	for i := range c.K {
		for j := range c.D {
			c.W[i*c.D+j] /= s.Std[j]
			c.B[i] -= c.W[i*c.D+j] * s.Mean[j]
		}
	}
}

// known is the part of the codes that has an answer, and how many values one has.
func (o Linear) known(x Features) (Features, int, error) {
	if o.Kind != data.Class {
		if x.T == 0 {
			return x, 0, fmt.Errorf("linear probe: the training codes have no %s", o.Kind)
		}
		return x, x.T, nil
	}
	x = x.Labelled()
	if x.N() == 0 || slices.Min(x.Labels) == slices.Max(x.Labels) {
		return x, 0, errors.New("linear probe: the training codes have no labels, or all the same one; want two classes at least")
	}
	return x, max(o.Classes, classes(x, Features{})), nil
}

// A Scale brings every value of codes to mean 0 and deviation 1.
type Scale struct{ Mean, Std []float64 } // (D) each

// Scale takes the means and deviations of the codes. A value that never changes
// becomes 0.
func (f Features) Scale() Scale {
	mean, std := f.moments()
	for j := range std {
		std[j] += 1e-6
	}
	return Scale{mean, std}
}

// Applied is the codes less the mean, over the deviation.
func (s Scale) Applied(f Features) Features {
	g := f
	g.X = mem.Floats(len(f.X))
	s.into(g, f)
	return g
}

// Apply is Applied in place.
func (s Scale) Apply(f Features) { s.into(f, f) }

func (s Scale) into(g, f Features) {
	par.For(f.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := g.Row(i)
			for j, v := range f.Row(i) {
				to[j] = float32((float64(v) - s.Mean[j]) / s.Std[j])
			}
		}
	})
}

// regression is the objective of Linear, over the number of codes, and its gradient.
// The products are taken in float32 over chunks of rows, everything that is added up
// over chunks in float64, in the order of the chunks. A point is W, (K, D), and then b, (K).
type regression struct {
	x     Features
	kind  data.TargetKind
	k     int
	l2    float64
	units units // of values

	w, b   []float32
	loss   []float64 // (chunks)
	dw, db []float32 // (chunks, K, D), (chunks, K)
}

// probeChunk is how many rows the gradient of one chunk is taken over.
const probeChunk = 1024

func newRegression(x Features, kind data.TargetKind, k int, l2 float64) *regression {
	chunks := (x.N() + probeChunk - 1) / probeChunk
	r := &regression{x: x, kind: kind, k: k, l2: l2,
		w: make([]float32, k*x.D), b: make([]float32, k),
		loss: make([]float64, chunks), dw: make([]float32, chunks*k*x.D), db: make([]float32, chunks*k)}
	if kind == data.Values && x.T > 0 {
		r.units = unitsOf(x)
	}
	return r
}

// value is the objective at p over the number of codes; it writes the gradient.
func (r *regression) value(p, grad []float64) float64 {
	weights, n := r.k*r.x.D, float64(r.x.N())
	for i, v := range p[:weights] {
		r.w[i] = float32(v)
	}
	for i, v := range p[weights:] {
		r.b[i] = float32(v)
	}
	par.For(r.x.N(), probeChunk, r.rows)

	var f float64
	for i, v := range p[:weights] {
		f += r.l2 / 2 * v * v
		grad[i] = r.l2 * v
	}
	clear(grad[weights:])
	for c, loss := range r.loss {
		f += loss
		for i, v := range r.dw[c*weights : (c+1)*weights] {
			grad[i] += float64(v)
		}
		for i, v := range r.db[c*r.k : (c+1)*r.k] {
			grad[weights+i] += float64(v)
		}
	}
	for i := range grad {
		grad[i] /= n
	}
	return f / n
}

// inCache bounds the codes in bytes that stay in the cache of a core between their
// answers and what they add to the gradient.
const inCache = 512 << 10

// rows adds up the losses of codes lo to hi-1, one chunk, and their gradients.
func (r *regression) rows(lo, hi int) {
	c := lo / probeChunk
	r.loss[c] = 0
	clear(r.db[c*r.k : (c+1)*r.k])
	block := min(max(inCache/4/r.x.D, 16), probeChunk)
	p := make([]float32, min(block, hi-lo)*r.k)
	for at := lo; at < hi; at += block {
		r.block(c, at, min(at+block, hi), p, at > lo)
	}
}

// block does so for codes lo to hi-1 of chunk c, and adds to its gradient or begins it.
func (r *regression) block(c, lo, hi int, p []float32, add bool) {
	n, k, d := hi-lo, r.k, r.x.D
	x := r.x.X[lo*d : hi*d]
	p = p[:n*k] // (n, K) answers, then the derivatives of the loss by them
	blas.Serial(false, true, n, k, d, x, d, r.w, d, p, k, false)
	vec.AddBias(p, r.b, n, k)
	for i := range n {
		row := p[i*k : (i+1)*k]
		if r.kind == data.Class {
			y := r.x.Labels[lo+i]
			logit := row[y]
			r.loss[c] += float64(vec.SoftmaxRow(row, row, 1)) - float64(logit)
			row[y]--
			continue
		}
		for j, y := range r.x.Target(lo + i) {
			z := float64(row[j])
			switch {
			case y != y: // not known
				row[j] = 0
			case r.kind == data.Values:
				e := z - r.units.of(j, float64(y))
				row[j] = float32(e)
				r.loss[c] += e * e / 2
			default:
				r.loss[c] += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - float64(y)*z
				row[j] = float32(1/(1+math.Exp(-z)) - float64(y))
			}
		}
	}
	vec.ColSum(r.db[c*k:(c+1)*k], p, n, k)
	blas.Serial(true, false, k, d, n, p, k, x, d, r.dw[c*k*d:], d, add)
}

// units are the means and deviations of values, in which they are fitted: else their
// units would decide what the penalty weighs.
type units struct{ mean, std []float64 }

func unitsOf(x Features) units {
	u := units{make([]float64, x.T), make([]float64, x.T)}
	n := make([]float64, x.T)
	each := func(f func(j int, y float64)) {
		for i := range x.N() {
			for j, y := range x.Target(i) {
				if y == y {
					f(j, float64(y))
				}
			}
		}
	}
	each(func(j int, y float64) { u.mean[j] += y; n[j]++ })
	for j := range n {
		u.mean[j] /= max(n[j], 1)
	}
	each(func(j int, y float64) { u.std[j] += (y - u.mean[j]) * (y - u.mean[j]) })
	for j := range n {
		if u.std[j] = math.Sqrt(u.std[j] / max(n[j], 1)); u.std[j] == 0 {
			u.std[j] = 1
		}
	}
	return u
}

func (u units) of(j int, y float64) float64 { return (y - u.mean[j]) / u.std[j] }

// scaled brings a point, W and b, from these units into the values' own, or back.
func (u units) scaled(p []float64, k, d int, own bool) {
	for j := range u.mean {
		w, b := p[j*d:(j+1)*d], &p[k*d+j]
		c := u.std[j]
		if own {
			*b = *b*c + u.mean[j]
		} else {
			*b, c = (*b-u.mean[j])/c, 1/c
		}
		for i := range w {
			w[i] *= c
		}
	}
}

// Answers are the values that the map gives for every code, (N, K): logits of classes
// and of labels.
func (c *LinearMap) Answers(x Features) ([]float32, error) {
	if err := x.check("test"); err != nil {
		return nil, err
	}
	if x.D != c.D {
		return nil, fmt.Errorf("test codes have %d values, and the linear map wants %d", x.D, c.D)
	}
	out := make([]float32, x.N()*c.K)
	w, b := make([]float32, len(c.W)), make([]float32, c.K)
	for i, v := range c.W {
		w[i] = float32(v)
	}
	for i, v := range c.B {
		b[i] = float32(v)
	}
	par.For(x.N(), rowChunk, func(lo, hi int) {
		z := out[lo*c.K : hi*c.K]
		blas.Serial(false, true, hi-lo, c.K, c.D, x.X[lo*c.D:hi*c.D], c.D, w, c.D, z, c.K, false)
		vec.AddBias(z, b, hi-lo, c.K)
	})
	return out, nil
}

// Predict returns the class of every code, (N); of equal ones the lowest.
func (c *LinearMap) Predict(x Features) ([]int, error) {
	z, err := c.Answers(x)
	if err != nil {
		return nil, err
	}
	out := make([]int, x.N())
	for i := range out {
		for j, v := range z[i*c.K : (i+1)*c.K] {
			if v > z[i*c.K+out[i]] {
				out[i] = j
			}
		}
	}
	return out, nil
}

// Accuracy is the share of labelled codes that Predict gets right.
func (c *LinearMap) Accuracy(x Features) (float64, error) {
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
