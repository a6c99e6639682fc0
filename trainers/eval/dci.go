package eval

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// DCI is what Eastwood and Williams 2018 ("A framework for the quantitative evaluation of
// disentangled representations", ICLR, section 2) ask of codes, each from 0 to 1.
type DCI struct {
	// Disentanglement: each value of the codes is about one factor only.
	Disentanglement float64 `json:"disentanglement"`
	// Completeness: each factor is in one value of the codes only.
	Completeness float64 `json:"completeness"`
	// Informativeness: the factors are in the codes at all: the mean R² of the
	// predictions on other examples, 0 at least each.
	Informativeness float64 `json:"informativeness"`
}

// lassoStrength is the weight of the L1 penalty, in units of deviations: the paper
// predicts by a lasso too.
const lassoStrength = 0.01

// DCIOf takes the three by a lasso for each factor, or for each value of a factor that
// has several, on standardised codes.
func DCIOf(ctx context.Context, train, test Factored) (*DCI, error) {
	if err := errors.Join(train.check(), test.check()); err != nil {
		return nil, err
	}
	if train.D != test.D || len(train.Factors) != len(test.Factors) {
		return nil, errors.New("disentanglement: both sets want codes of one size and the same factors")
	}
	scale := train.Scale()
	x, z := scale.Applied(train.Features), scale.Applied(test.Features)
	gram := x.covariance(make([]float64, x.D), 1) // of standardised codes: their correlations
	d := &DCI{}
	// By how much a value decides about a factor, (D, K): the size of its weight in units
	// of deviations, over the values of a factor that has several.
	importance := make([][]float64, train.D)
	for j := range importance {
		importance[j] = make([]float64, len(train.Factors))
	}
	for k, c := range train.Factors {
		var fit, n float64
		asks := c.answers()
		for i, value := range asks {
			Tell(ctx, "disentanglement of "+c.Name, i, len(asks), "values")
			y, asked := value(c.Of), value(test.Factors[k].Of)
			mean, std := meanAndStd(y)
			if std == 0 || isConstant(asked) {
				continue // a value that does not occur
			}
			w, err := lasso(ctx, gram, x.along(y, mean, std), lassoStrength)
			if err != nil {
				return nil, err
			}
			for j, v := range w {
				importance[j][k] += math.Abs(v)
			}
			answers := make([]float64, z.N())
			for i := range answers {
				answers[i] = mean
				for j, v := range z.Row(i) {
					answers[i] += std * w[j] * float64(v)
				}
			}
			fit += max(0, determined(answers, asked))
			n++
		}
		if n > 0 {
			d.Informativeness += fit / n / float64(len(train.Factors))
		}
	}
	d.Disentanglement, d.Completeness = dciScores(importance)
	return d, nil
}

// answers are the numbers that are asked of a factor: itself, or one for each value that
// is 1 where the factor has it.
func (c Cause) answers() []func(of []float64) []float64 {
	if c.Values == 0 {
		return []func([]float64) []float64{func(of []float64) []float64 { return of }}
	}
	var list []func([]float64) []float64
	for value := range c.Values {
		list = append(list, func(of []float64) []float64 {
			y := make([]float64, len(of))
			for i, v := range of {
				if int(v) == value {
					y[i] = 1
				}
			}
			return y
		})
	}
	return list
}

func isConstant(x []float64) bool {
	_, std := meanAndStd(x)
	return std == 0
}

func meanAndStd(x []float64) (mean, std float64) {
	mean = meanOf(x)
	for _, v := range x {
		std += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(std / float64(len(x)))
}

// along are the correlations of standardised codes with y.
func (f Features) along(y []float64, mean, std float64) []float64 {
	c := make([]float64, f.D)
	for i, v := range y {
		t := (v - mean) / std / float64(len(y))
		for j, x := range f.Row(i) {
			c[j] += t * float64(x)
		}
	}
	return c
}

// lasso minimises ½wᵀGw − cᵀw + strength·Σ|w| by coordinate descent (Friedman et al.
// 2010, "Regularization paths for generalized linear models via coordinate descent",
// eq. 8): least squares on standardised codes whose correlations are G, and c with
// what is asked.
func lasso(ctx context.Context, g *mat.SymDense, c []float64, strength float64) ([]float64, error) {
	d := len(c)
	w, left := make([]float64, d), append([]float64{}, c...) // left = c − Gw
	for range 1000 {
		moved := 0.0
		for j := range w {
			if err := ended(ctx); err != nil {
				return nil, err
			}
			gjj := g.At(j, j)
			if gjj < 1e-9 { // a value that is the same for all
				continue
			}
			rho := left[j] + gjj*w[j]
			to := math.Copysign(max(0, math.Abs(rho)-strength), rho) / gjj
			if step := to - w[j]; step != 0 {
				for i := range left {
					left[i] -= step * g.At(i, j)
				}
				w[j] = to
				moved = max(moved, math.Abs(step))
			}
		}
		if moved < 1e-7 {
			break
		}
	}
	return w, nil
}

// dciScores are disentanglement and completeness of an importance, (D, K): one less the
// entropy of the row of a value, in units of the greatest there can be, averaged by how
// much the values decide about all; and the same of the columns, averaged over factors.
func dciScores(r [][]float64) (disentanglement, completeness float64) {
	k := len(r[0])
	total := 0.0
	for _, row := range r {
		for _, v := range row {
			total += v
		}
	}
	if total == 0 {
		return 0, 0
	}
	for _, row := range r {
		s, purity := concentration(row)
		disentanglement += s / total * purity
	}
	for j := range k {
		column := make([]float64, len(r))
		for i := range r {
			column[i] = r[i][j]
		}
		if _, purity := concentration(column); purity > 0 {
			completeness += purity / float64(k)
		}
	}
	return disentanglement, completeness
}

// concentration is the sum of values and one less their entropy, over log of how many
// they are: 1 where all of it is in one value. 0 where there is nothing.
func concentration(values []float64) (sum, purity float64) {
	for _, v := range values {
		sum += v
	}
	if sum == 0 {
		return 0, 0
	}
	if len(values) == 1 {
		return sum, 1
	}
	h := 0.0
	for _, v := range values {
		if p := v / sum; p > 0 {
			h -= p * math.Log(p)
		}
	}
	return sum, max(0, 1-h/math.Log(float64(len(values))))
}
