package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Factored are codes of examples of which it is known what they were made from.
type Factored struct {
	Features
	Factors []Cause
}

// A Cause is one factor that examples were made from: its value for each example, and
// how many values it takes, from 0; 0 = a real number.
type Cause struct {
	Name   string
	Values int
	Of     []float64 // (N)
}

// The bins of a histogram: 20 of equal width for each value of a code, as in
// Locatello et al. 2019 (arXiv:1811.12359, appendix C), and 10 for a factor that is
// a real number.
const (
	codeBins   = 20
	factorBins = 10
)

// check says what is wrong with the factors.
func (f Factored) check() error {
	if err := f.Features.check("test"); err != nil {
		return err
	}
	if len(f.Factors) == 0 {
		return errors.New("disentanglement: no factor is known")
	}
	for _, c := range f.Factors {
		if len(c.Of) != f.N() {
			return fmt.Errorf("disentanglement: %d codes and %d values of %s", f.N(), len(c.Of), c.Name)
		}
		for i, v := range c.Of {
			if math.IsNaN(v) || math.IsInf(v, 0) || c.Values > 0 && (v < 0 || v >= float64(c.Values) || v != math.Trunc(v)) {
				return fmt.Errorf("disentanglement: %s of example %d is %g, want a number, or one of %d values", c.Name, i, v, c.Values)
			}
		}
		if slices.Min(c.Of) == slices.Max(c.Of) {
			return fmt.Errorf("disentanglement: %s is the same for all examples", c.Name)
		}
	}
	return nil
}

// column is value j of all codes.
func (f Features) column(j int) []float64 {
	x := make([]float64, f.N())
	for i := range x {
		x[i] = float64(f.X[i*f.D+j])
	}
	return x
}

// binned puts numbers into n bins of equal width between the least and the greatest.
func binned(x []float64, n int) []int {
	lo, hi := slices.Min(x), slices.Max(x)
	b := make([]int, len(x))
	if hi > lo {
		for i, v := range x {
			b[i] = min(int(float64(n)*(v-lo)/(hi-lo)), n-1)
		}
	}
	return b
}

// bins are the values of a factor as whole numbers, and how many there are.
func (c Cause) bins() ([]int, int) {
	if c.Values == 0 {
		return binned(c.Of, factorBins), factorBins
	}
	b := make([]int, len(c.Of))
	for i, v := range c.Of {
		b[i] = int(v)
	}
	return b, c.Values
}

// entropy is that of a histogram of n things, in nats.
func entropy(counts []int, n int) float64 {
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(n)
			h -= p * math.Log(p)
		}
	}
	return h
}

func histogram(b []int, n int) []int {
	counts := make([]int, n)
	for _, v := range b {
		counts[v]++
	}
	return counts
}

// mutual is the mutual information of two lists of bins, I = H(a) + H(b) − H(a, b), in
// nats.
func mutual(a []int, na int, b []int, nb int) float64 {
	both := make([]int, na*nb)
	for i, v := range a {
		both[v*nb+b[i]]++
	}
	n := len(a)
	return max(0, entropy(histogram(a, na), n)+entropy(histogram(b, nb), n)-entropy(both, n))
}

// A Gap is how far the value of the codes that says most of a factor is ahead of the
// next one.
type Gap struct {
	Factor string  `json:"factor"`
	Gap    float64 `json:"gap"`
	First  float64 `json:"first"` // what the best value says
	Which  int     `json:"value"` // of the code
}

// MIG is the mutual information gap (Chen et al. 2018, arXiv:1802.04942, eq. 6): for each
// factor, the gap between the two values of the codes that share most information with
// it, over the factor's entropy; and the mean over factors. From 0 to 1.
func MIG(ctx context.Context, f Factored) (mean float64, gaps []Gap, err error) {
	if err := f.check(); err != nil {
		return 0, nil, err
	}
	codes := make([][]int, f.D)
	for j := range codes {
		if err := ended(ctx); err != nil {
			return 0, nil, err
		}
		codes[j] = binned(f.column(j), codeBins)
	}
	for _, c := range f.Factors {
		b, n := c.bins()
		h := entropy(histogram(b, n), len(b))
		scores := make([]float64, f.D)
		for j := range scores {
			if err := ended(ctx); err != nil {
				return 0, nil, err
			}
			scores[j] = mutual(codes[j], codeBins, b, n) / h
		}
		gaps = append(gaps, gapOf(c.Name, scores))
	}
	return meanGap(gaps), gaps, nil
}

// gapOf compares the two best of scores.
func gapOf(name string, scores []float64) Gap {
	order := make([]int, len(scores))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	g := Gap{Factor: name, First: scores[order[0]], Which: order[0]}
	g.Gap = g.First
	if len(order) > 1 {
		g.Gap -= scores[order[1]]
	}
	return g
}

func meanGap(gaps []Gap) float64 {
	sum := 0.0
	for _, g := range gaps {
		sum += g.Gap
	}
	return sum / float64(len(gaps))
}

// SAP is the separated attribute predictability (Kumar et al. 2018, arXiv:1711.00848,
// section 3): for each factor the gap between the two values of the codes that each
// predict it best by themselves, and the mean over factors. A real number is predicted
// by a line, which is judged by R²; one of several values by a linear classifier, which
// is judged by its accuracy: the discriminant of normal distributions of one deviation
// (Fisher 1936) in place of the paper's support vectors.
func SAP(ctx context.Context, train, test Factored) (mean float64, gaps []Gap, err error) {
	if err := errors.Join(train.check(), test.check()); err != nil {
		return 0, nil, err
	}
	if train.D != test.D || len(train.Factors) != len(test.Factors) {
		return 0, nil, errors.New("disentanglement: both sets want codes of one size and the same factors")
	}
	for k, c := range train.Factors {
		scores := make([]float64, train.D)
		for j := range scores {
			if err := ended(ctx); err != nil {
				return 0, nil, err
			}
			x, z := train.column(j), test.column(j)
			if c.Values == 0 {
				scores[j] = lineR2(x, c.Of, z, test.Factors[k].Of)
			} else {
				scores[j] = discriminant(x, c, z, test.Factors[k].Of)
			}
		}
		gaps = append(gaps, gapOf(c.Name, scores))
	}
	return meanGap(gaps), gaps, nil
}

// lineR2 fits y by a line of x and gives R² on others, 0 at least.
func lineR2(x, y, otherX, otherY []float64) float64 {
	mx, my := meanOf(x), meanOf(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
	}
	slope := 0.0
	if xx > 0 {
		slope = xy / xx
	}
	answers := make([]float64, len(otherX))
	for i, v := range otherX {
		answers[i] = my + slope*(v-mx)
	}
	return max(0, determined(answers, otherY))
}

func meanOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// discriminant is the accuracy on others of the linear discriminant of one value: the
// class with the greatest x·m/s² − m²/(2s²) + log π, m being the mean of the class, π its
// share and s² the variance within classes.
func discriminant(x []float64, c Cause, otherX, otherY []float64) float64 {
	n, mean := make([]float64, c.Values), make([]float64, c.Values)
	for i, v := range x {
		n[int(c.Of[i])]++
		mean[int(c.Of[i])] += v
	}
	for k := range mean {
		mean[k] /= max(n[k], 1)
	}
	variance := 0.0
	for i, v := range x {
		d := v - mean[int(c.Of[i])]
		variance += d * d / float64(len(x))
	}
	spread := 0.0
	for k := range mean {
		spread = max(spread, math.Abs(mean[k]-mean[0]))
	}
	if variance = max(variance, 1e-12*spread*spread); variance == 0 { // the value is the same for all
		variance = 1
	}
	right := 0
	for i, v := range otherX {
		best, at := math.Inf(-1), 0
		for k := range mean {
			if n[k] == 0 {
				continue
			}
			if s := v*mean[k]/variance - mean[k]*mean[k]/(2*variance) + math.Log(n[k]); s > best {
				best, at = s, k
			}
		}
		if at == int(otherY[i]) {
			right++
		}
	}
	return float64(right) / float64(len(otherX))
}
