package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

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
	// Std is the mean of the standard deviations of the D values.
	Std float64
}

// maxSpread bounds D in SpreadOf: the decomposition takes D³ operations.
const maxSpread = 768

// SpreadOf takes the spread of the codes. D is at most 768.
func SpreadOf(f Features) (Spread, error) {
	if err := f.check("test"); err != nil {
		return Spread{}, err
	}
	if f.D > maxSpread {
		return Spread{}, fmt.Errorf("effective rank: codes have %d values, want at most %d", f.D, maxSpread)
	}
	mean, std := f.moments()
	var s Spread
	for _, v := range std {
		if v == 0 {
			s.Dead++
		}
		s.Std += v / float64(f.D)
	}
	if s.Dead == f.D {
		return s, nil
	}
	values, err := eigenvalues(f.covariance(mean, s.Std))
	if err != nil {
		return s, err
	}
	for i, v := range values {
		values[i] = math.Sqrt(v)
	}
	s.EffectiveRank = entropyRank(values)
	return s, nil
}

// covariance is that of the codes, (D, D), in units of unit². They are centred before
// the products are taken in float32, and brought to one size: then nothing cancels and
// nothing overflows.
func (f Features) covariance(mean []float64, unit float64) *mat.SymDense {
	centred := Features{X: make([]float32, len(f.X)), D: f.D}
	par.For(f.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := centred.Row(i)
			for j, v := range f.Row(i) {
				to[j] = float32((float64(v) - mean[j]) / unit)
			}
		}
	})
	g := objectives.NewGram(f.D)
	g.Add(centred.X)
	return g.Covariance()
}
