package eval

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"x2vec/data/draw"
	"x2vec/graph/ops/par"
)

// A Comparison of a model's RDM with one or several others of the same stimuli.
type Comparison struct {
	Stimuli  int           `json:"stimuli"`
	Spearman RankAgreement `json:"spearman"`
	Kendall  RankAgreement `json:"kendall"`
}

// A RankAgreement is a rank correlation.
type RankAgreement struct {
	Value Number `json:"value"` // the mean over the references, where there are several
	// Low and High hold 95 % of the values of resampled stimuli.
	Low  Number `json:"low"`
	High Number `json:"high"`
	// Ceiling is what a perfect model could reach for all that the references differ
	// among themselves; nil where there is one reference.
	Ceiling *Ceiling `json:"ceiling,omitempty"`
}

// A Ceiling is the range in which the best possible agreement lies (Nili et al. 2014,
// "A toolbox for representational similarity analysis",
// doi:10.1371/journal.pcbi.1003553): of each reference with the mean of the others, and
// with the mean of all.
type Ceiling struct {
	Lower Number `json:"lower"`
	Upper Number `json:"upper"`
}

const resamples = 1000

// CompareRDMs takes the rank correlations, Spearman's and Kendall's τ-b, of a model's
// RDM with references, with 95 % bootstrap intervals: stimuli are drawn with
// replacement, and pairs of one stimulus with itself left out.
func CompareRDMs(model RDM, references []RDM, seed uint64) (Comparison, error) {
	c := Comparison{Stimuli: model.N}
	for _, r := range references {
		if r.N != model.N {
			return c, errStimuli(model, r)
		}
	}
	for _, r := range append([]RDM{model}, references...) {
		if slices.Min(r.D) == slices.Max(r.D) {
			return c, errConstant
		}
	}
	for _, m := range []struct {
		to      *RankAgreement
		measure func(a, b []float64) float64
	}{{&c.Spearman, Spearman}, {&c.Kendall, Kendall}} {
		m.to.Value = Number(mean(references, func(r RDM) float64 { return m.measure(model.D, r.D) }))
		low, high := bootstrap(model, references, seed, m.measure)
		m.to.Low, m.to.High = Number(low), Number(high)
		if len(references) > 1 {
			m.to.Ceiling = ceiling(references, m.measure)
		}
	}
	return c, nil
}

func mean[T any](list []T, of func(T) float64) float64 {
	var sum float64
	for _, x := range list {
		sum += of(x)
	}
	return sum / float64(len(list))
}

// bootstrap gives the 2.5th and 97.5th percentile over resampled stimuli.
func bootstrap(model RDM, references []RDM, seed uint64, measure func(a, b []float64) float64) (low, high float64) {
	values := make([]float64, resamples)
	par.For(resamples, 8, func(lo, hi int) {
		a, b := make([]float64, 0, len(model.D)), make([]float64, 0, len(model.D))
		chosen := make([]int, model.N)
		for k := lo; k < hi; k++ {
			r := draw.New(draw.Key(seed, "rdm/bootstrap", 0, k))
			for i := range chosen {
				chosen[i] = r.IntN(model.N)
			}
			values[k] = mean(references, func(ref RDM) float64 {
				a, b = a[:0], b[:0]
				for i, x := range chosen {
					for _, y := range chosen[i+1:] {
						if x != y {
							a, b = append(a, model.At(x, y)), append(b, ref.At(x, y))
						}
					}
				}
				return measure(a, b)
			})
		}
	})
	values = slices.DeleteFunc(values, math.IsNaN) // a handful of stimuli drawn again and again
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(values)
	return stat.Quantile(0.025, stat.Empirical, values, nil), stat.Quantile(0.975, stat.Empirical, values, nil)
}

// ceiling compares each reference with the mean ranks of the others, and of all.
func ceiling(references []RDM, measure func(a, b []float64) float64) *Ceiling {
	all := make([]float64, len(references[0].D))
	ranked := make([][]float64, len(references))
	for i, r := range references {
		ranked[i] = Ranks(r.D)
		for j, v := range ranked[i] {
			all[j] += v
		}
	}
	var lower, upper float64
	others := make([]float64, len(all))
	for _, r := range ranked {
		for j, v := range all {
			others[j] = v - r[j]
		}
		lower += measure(r, others) / float64(len(ranked))
		upper += measure(r, all) / float64(len(ranked))
	}
	return &Ceiling{Number(lower), Number(upper)}
}

// Spearman is the correlation of the ranks of two lists, equal values sharing theirs;
// NaN where one of them does not vary.
func Spearman(a, b []float64) float64 { return stat.Correlation(Ranks(a), Ranks(b), nil) }

// Kendall is τ-b of two lists: the share of pairs in the same order less that in the
// other, corrected for equal values; NaN where one list does not vary. Time grows as
// that of sorting (Knight 1966, "A computer method for calculating Kendall's tau with
// ungrouped data").
func Kendall(a, b []float64) float64 {
	n := len(a)
	type pair struct{ a, b float64 }
	list := make([]pair, n)
	for i := range list {
		list[i] = pair{a[i], b[i]}
	}
	slices.SortFunc(list, func(x, y pair) int {
		switch {
		case x.a < y.a || x.a == y.a && x.b < y.b:
			return -1
		case x == y:
			return 0
		}
		return 1
	})
	pairs := func(k int) float64 { return float64(k) * float64(k-1) / 2 }
	var tiesA, tiesBoth float64
	for lo, loBoth, i := 0, 0, 1; i <= n; i++ {
		if i == n || list[i] != list[loBoth] {
			tiesBoth += pairs(i - loBoth)
			loBoth = i
		}
		if i == n || list[i].a != list[lo].a {
			tiesA += pairs(i - lo)
			lo = i
		}
	}
	y, spare := make([]float64, n), make([]float64, n)
	for i, p := range list {
		y[i] = p.b
	}
	swaps := inversions(y, spare) // sorts y
	var tiesB float64
	for lo, i := 0, 1; i <= n; i++ {
		if i == n || y[i] != y[lo] {
			tiesB += pairs(i - lo)
			lo = i
		}
	}
	all := pairs(n)
	return (all - tiesA - tiesB + tiesBoth - 2*swaps) / math.Sqrt((all-tiesA)*(all-tiesB))
}

// inversions sorts y and counts the pairs that were in the wrong order.
func inversions(y, spare []float64) (n float64) {
	if len(y) < 2 {
		return 0
	}
	half := len(y) / 2
	n = inversions(y[:half], spare[:half]) + inversions(y[half:], spare[half:])
	copy(spare, y)
	left, right := spare[:half], spare[half:]
	for i := range y {
		if len(right) == 0 || len(left) > 0 && left[0] <= right[0] {
			y[i], left = left[0], left[1:]
		} else {
			n += float64(len(left))
			y[i], right = right[0], right[1:]
		}
	}
	return n
}
