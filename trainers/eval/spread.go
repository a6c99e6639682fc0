package eval

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"x2vec/data"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
)

// Spread says how codes fill the space they live in.
type Spread struct {
	// EffectiveRank is the exponential of the entropy of the singular values of
	// the centred codes, as shares of their sum (Roy and Vetterli 2007, "The
	// effective rank: a measure of effective dimensionality", eq. 4): D where all
	// directions are used alike, 1 where only one is, 0 where all codes are equal.
	EffectiveRank float64
	// Dead is how many of the D values are the same for every code.
	Dead int
	// Of is how many codes it was taken of.
	Of int
	// Std is the mean of the standard deviations of the D values.
	Std float64
}

// Where codes have more than maxSpread values, whose covariance would take D³
// operations, the spread is that of the codes of maxSpread examples, spread evenly: the
// products of those with each other have the same eigenvalues.
const maxSpread = 768

// SpreadOf takes the spread of the codes.
func SpreadOf(f Features) (Spread, error) {
	if err := f.check("test"); err != nil {
		return Spread{}, err
	}
	p, s := f.products()
	if s.Dead == f.D {
		return s, nil
	}
	values, err := eigenvalues(p.centred)
	if err != nil {
		return s, err
	}
	s.EffectiveRank = entropyRank(roots(values))
	return s, nil
}

// products have the eigenvalues of a covariance, but for zeros.
type products struct {
	centred *mat.SymDense
	x       Features // codes less their mean, and the mean, in units of their deviation
	mean    []float64
}

// products are XᵀX/N, (D, D), or XXᵀ/N, (N, N), whichever is smaller, of centred codes.
func (f Features) products() (products, Spread) {
	s := Spread{Of: f.N()}
	if f.D > maxSpread && s.Of > maxSpread {
		f, s.Of = f.Pick(data.Evenly(maxSpread, s.Of)), maxSpread
	}
	mean, std := f.moments()
	for _, v := range std {
		if v == 0 {
			s.Dead++
		}
		s.Std += v / float64(f.D)
	}
	unit := s.Std
	if unit == 0 {
		unit = 1
	}
	p := products{x: f.scaled(mean, unit), mean: mean}
	for j := range mean {
		mean[j] /= unit
	}
	n := f.N()
	if f.D <= n {
		p.centred = p.x.secondMoment()
		return p, s
	}
	// In float64: most eigenvalues may be zero, and their roots add up.
	x := mat.NewDense(n, f.D, nil)
	for i := range n {
		for j, v := range p.x.Row(i) {
			x.Set(i, j, float64(v))
		}
	}
	var all mat.Dense
	all.Mul(x, x.T())
	all.Scale(1/float64(n), &all)
	p.centred = mat.NewSymDense(n, all.RawMatrix().Data)
	return p, s
}

// whole are the products of the codes as they are, not centred, in place of centred.
func (p products) whole() *mat.SymDense {
	c := p.centred
	if d := len(p.mean); c.SymmetricDim() == d && d <= p.x.N() {
		for i := range d {
			for j := i; j < d; j++ {
				c.SetSym(i, j, c.At(i, j)+p.mean[i]*p.mean[j])
			}
		}
		return c
	}
	n, square := p.x.N(), 0.0
	for _, m := range p.mean {
		square += m * m
	}
	along := make([]float64, n)
	for i := range along {
		for j, v := range p.x.Row(i) {
			along[i] += float64(v) * p.mean[j]
		}
	}
	for i := range n {
		for j := i; j < n; j++ {
			c.SetSym(i, j, c.At(i, j)+(along[i]+along[j]+square)/float64(n))
		}
	}
	return c
}

// scaled is the codes less mean, in units of unit: centred before products are taken of
// them in float32, and brought to one size, nothing cancels and nothing overflows.
func (f Features) scaled(mean []float64, unit float64) Features {
	g := Features{X: mem.Floats(len(f.X)), D: f.D}
	par.For(f.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := g.Row(i)
			for j, v := range f.Row(i) {
				to[j] = float32((float64(v) - mean[j]) / unit)
			}
		}
	})
	return g
}

// secondMoment is XᵀX/N, (D, D).
func (f Features) secondMoment() *mat.SymDense {
	g := objectives.NewGram(f.D)
	g.Add(f.X)
	return g.SecondMoment()
}

// covariance is that of the codes, (D, D), in units of unit².
func (f Features) covariance(mean []float64, unit float64) *mat.SymDense {
	return f.scaled(mean, unit).secondMoment()
}

func roots(values []float64) []float64 {
	r := make([]float64, len(values))
	for i, v := range values {
		r[i] = math.Sqrt(v)
	}
	return r
}
