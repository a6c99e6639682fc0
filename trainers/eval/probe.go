package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"x2vec/data"
	"x2vec/objectives"
)

// A Probe is the protocol of a linear probe: codes are standardised, the strength of
// the penalty is the one that does best on a part held out of the training codes, and
// with it the model is fitted to all of them. Test codes are looked at once.
type Probe struct {
	Kind    data.TargetKind
	HeldOut float64 // share of the training codes of each class, at most maxHeldOut in all
	Seed    uint64  // of the part that is held out
	// SGD fits by stochastic gradient descent without a penalty, so that nothing is held
	// out; nil = by L-BFGS with one. Its Kind and Seed are those of the probe.
	SGD *SGD
}

// The grid of strengths, from strong to weak: L2 over the number of codes.
var probeGrid = []float64{1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

const (
	// maxHeldOut bounds the codes that strengths are judged by: 10,000 tell two of
	// them apart to half a percentage point.
	maxHeldOut = 10_000
	// fewHeldOut is how many codes of each class a choice takes at least.
	fewHeldOut = 2
	// defaultStrength is taken where too few codes are there to hold any out.
	defaultStrength = 1e-2
	// choiceIterations bounds the fits that only choose.
	choiceIterations = 100
)

// Probed is what a probe found.
type Probed struct {
	Score     float64 // on the test codes: ScoreName says of what
	L2        float64 // that was chosen, over the number of codes
	HeldOut   int     // codes it was chosen by; 0 where there were too few
	Converged bool
}

// ScoreName says what a probe is judged by: the accuracy of classes, the mean average
// precision of labels, the mean R² of values.
func ScoreName(kind data.TargetKind) string {
	switch kind {
	case data.Labels:
		return objectives.MeanPrecision
	case data.Values:
		return objectives.Determination
	}
	return "accuracy"
}

// IsShare reports whether a score of that name is a share, from 0 to 1, as R² is not,
// which may fall below.
func IsShare(score string) bool { return score != ScoreName(data.Values) }

// Standardize brings the training codes to mean 0 and deviation 1, in place, and the
// test codes by the same means and deviations.
func Standardize(train, test Features) error {
	if err := check2(train, test); err != nil {
		return err
	}
	s := train.Scale()
	s.Apply(train)
	s.Apply(test)
	return nil
}

// Run takes the probe of codes that are standardised.
func (o Probe) Run(ctx context.Context, train, test Features) (*Probed, error) {
	if err := check2(train, test); err != nil {
		return nil, err
	}
	if o.Kind == data.Class {
		train, test = train.Labelled(), test.Labelled()
		if train.N() == 0 || test.N() == 0 {
			return nil, fmt.Errorf("linear probe: %d training codes and %d test codes have labels; want some of both", train.N(), test.N())
		}
	}
	r := &Probed{}
	m, err := o.fit(ctx, train, 0, r)
	if err != nil {
		return nil, err
	}
	r.Converged = m.Converged
	r.Score, err = m.Score(test)
	return r, err
}

// Fit is Run without a test: the map alone, of k answers.
func (o Probe) Fit(ctx context.Context, train Features, k int) (*LinearMap, error) {
	if o.Kind == data.Class {
		train = train.Labelled()
	}
	return o.fit(ctx, train, k, &Probed{})
}

func (o Probe) fit(ctx context.Context, train Features, classes int, r *Probed) (*LinearMap, error) {
	if o.SGD != nil {
		by := *o.SGD
		by.Kind, by.Seed, by.Classes = o.Kind, o.Seed, classes
		return by.Fit(ctx, train)
	}
	r.L2 = defaultStrength
	curve := curvatureOf(train)
	start, err := o.choose(ctx, train, curve, r)
	if err != nil {
		return nil, err
	}
	return Linear{Kind: o.Kind, L2: r.L2 * float64(train.N()), Classes: classes, From: start, curve: curve}.Fit(ctx, train)
}

// choose finds the strength by the part held out, and a map that was fitted with it.
func (o Probe) choose(ctx context.Context, train Features, curve *curvature, r *Probed) (*LinearMap, error) {
	labels := train.Labels
	if o.Kind != data.Class {
		labels = make([]int, train.N()) // all of one kind
	}
	share := min(o.HeldOut, maxHeldOut/float64(train.N()))
	part := data.Drawn(labels, o.Seed, func(members int) int {
		if n := int(share * float64(members)); n >= fewHeldOut {
			return n
		}
		return 0
	})
	if len(part) == 0 {
		return nil, nil
	}
	judge, fit := train.Pick(part), train.Pick(data.Others(part, train.N()))
	r.HeldOut = judge.N()
	best, worse := math.Inf(-1), 0
	var last, chosen *LinearMap
	for _, strength := range probeGrid {
		m, err := Linear{Kind: o.Kind, L2: strength * float64(fit.N()), Iterations: choiceIterations, From: last, curve: curve}.Fit(ctx, fit)
		if err != nil {
			return nil, err
		}
		last = m
		score, err := m.Score(judge)
		if errors.Is(err, errAlike) {
			return nil, nil // so few that they say nothing
		}
		if err != nil {
			return nil, err
		}
		if score > best { // of equal ones the stronger
			best, r.L2, chosen, worse = score, strength, m, 0
		} else if worse++; worse == 2 {
			break // a weaker penalty only fits the noise better, and takes longest
		}
	}
	return chosen, nil
}

// Score is how good the answers of the map are: see ScoreName.
func (c *LinearMap) Score(x Features) (float64, error) {
	switch c.Kind {
	case data.Labels, data.Values:
		if x.T != c.K {
			return 0, fmt.Errorf("linear probe: the test codes are asked for %d %s, the map answers %d", x.T, c.Kind, c.K)
		}
		z, err := c.Answers(x)
		if err != nil {
			return 0, err
		}
		return meanOver(c.K, x, z, scoreOf(c.Kind))
	}
	return c.Accuracy(x)
}

// scoreOf judges the answers to one label or value.
func scoreOf(kind data.TargetKind) func(z, y []float64) float64 {
	if kind == data.Values {
		return determined
	}
	return objectives.AveragePrecision
}

// errAlike is where there is nothing to be told apart.
var errAlike = errors.New("linear probe: no target differs among the test codes")

// meanOver is the mean of a score over the targets for which it can be taken.
func meanOver(k int, x Features, z []float32, score func(z, y []float64) float64) (float64, error) {
	var sum float64
	n := 0
	for j := range k {
		var a, b []float64
		for i := range x.N() {
			if y := x.Target(i)[j]; y == y && z[i*k+j] == z[i*k+j] {
				a, b = append(a, float64(z[i*k+j])), append(b, float64(y))
			}
		}
		if s := score(a, b); s == s {
			sum += s
			n++
		}
	}
	if n == 0 {
		return 0, errAlike
	}
	return sum / float64(n), nil
}

// determined is R², the share of the variance of y that z explains; NaN where y does
// not vary.
func determined(z, y []float64) float64 {
	var mean, left, all float64
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for i, v := range y {
		left += (v - z[i]) * (v - z[i])
		all += (v - mean) * (v - mean)
	}
	if all == 0 {
		return math.NaN()
	}
	return 1 - left/all
}

// Interval is the mean of values and half the width of its 95 % interval by Student's
// distribution: 0 where there is one value only.
func Interval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	if n < 2 {
		return mean, 0
	}
	var square float64
	for _, v := range values {
		square += (v - mean) * (v - mean)
	}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
	return mean, t * math.Sqrt(square/(n-1)/n)
}
