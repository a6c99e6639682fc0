// Package eval turns the features of a frozen encoder into numbers: how well
// their neighbours agree with the labels, what a linear classifier reads out of
// them, how many directions they use. It also holds the form in which
// evaluations are kept in a run's folder.
//
// Nothing here draws at random, and no result depends on the number of threads.
package eval

import (
	"errors"
	"fmt"
	"math"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Features are the codes of N examples.
type Features struct {
	X      []float32 // (N, D), row-major
	D      int       // values of one code
	Labels []int     // (N), the class, -1 = none; or nil where nothing is labelled

	// Targets are labels, 0 or 1, or values that are asked of every code, NaN where
	// one is not known; nil where a class is asked for.
	Targets []float32 // (N, T)
	T       int
}

// N is the number of examples.
func (f Features) N() int {
	if f.D == 0 {
		return 0
	}
	return len(f.X) / f.D
}

// Row is the code of one example.
func (f Features) Row(i int) []float32 { return f.X[i*f.D : (i+1)*f.D] }

// Target is what is asked of one example, (T).
func (f Features) Target(i int) []float32 { return f.Targets[i*f.T : (i+1)*f.T] }

// Pick is the codes at those positions, in that order.
func (f Features) Pick(index []int) Features {
	g := Features{X: make([]float32, 0, len(index)*f.D), D: f.D, T: f.T}
	for _, i := range index {
		g.X = append(g.X, f.Row(i)...)
		if f.Labels != nil {
			g.Labels = append(g.Labels, f.Labels[i])
		}
		if f.Targets != nil {
			g.Targets = append(g.Targets, f.Target(i)...)
		}
	}
	return g
}

// check says what is wrong with the features, or nil. what names them.
func (f Features) check(what string) error {
	switch {
	case f.D < 1:
		return fmt.Errorf("%s features: a code has %d values, want at least 1", what, f.D)
	case len(f.X) == 0:
		return fmt.Errorf("%s features: there are none", what)
	case len(f.X)%f.D != 0:
		return fmt.Errorf("%s features: %d values are no whole number of codes of %d", what, len(f.X), f.D)
	case f.Labels != nil && len(f.Labels) != f.N():
		return fmt.Errorf("%s features: %d codes and %d labels", what, f.N(), len(f.Labels))
	case len(f.Targets) != f.N()*f.T:
		return fmt.Errorf("%s features: %d codes and %d targets, want %d of each", what, f.N(), len(f.Targets), f.T)
	case !vec.Finite(f.X):
		return fmt.Errorf("%s features: a value is not a finite number", what)
	}
	return nil
}

// check2 checks two sets that are compared with each other.
func check2(train, test Features) error {
	if err := errors.Join(train.check("training"), test.check("test")); err != nil {
		return err
	}
	if train.D != test.D {
		return fmt.Errorf("training codes have %d values and test codes %d", train.D, test.D)
	}
	return nil
}

// Labelled is the part of the features that has a label; f itself where all have.
func (f Features) Labelled() Features {
	var index []int
	for i, l := range f.Labels {
		if l >= 0 {
			index = append(index, i)
		}
	}
	if len(index) == f.N() {
		return f
	}
	return f.Pick(index)
}

// classes is one more than the largest label of both.
func classes(train, test Features) int {
	n := 0
	for _, set := range [][]int{train.Labels, test.Labels} {
		for _, l := range set {
			n = max(n, l+1)
		}
	}
	return n
}

// rowChunk is how many rows a goroutine takes at a time in a pass over features.
const rowChunk = 256

// moments returns the mean and the standard deviation (population) of every
// value of the codes, each (D).
func (f Features) moments() (mean, std []float64) {
	mean, std = make([]float64, f.D), make([]float64, f.D)
	n := f.N()
	f.columns(mean, func(_ int, v float64) float64 { return v })
	for j := range mean {
		mean[j] /= float64(n)
	}
	f.columns(std, func(j int, v float64) float64 { return (v - mean[j]) * (v - mean[j]) })
	for j := range std {
		std[j] = math.Sqrt(std[j] / float64(n))
	}
	return mean, std
}

// columns adds up value(j, x[i,j]) over the rows into sum, (D), chunk by chunk
// and the chunks in their order.
func (f Features) columns(sum []float64, value func(j int, v float64) float64) {
	n := f.N()
	part := make([]float64, (n+rowChunk-1)/rowChunk*f.D)
	par.For(n, rowChunk, func(lo, hi int) {
		s := part[lo/rowChunk*f.D:][:f.D]
		for i := lo; i < hi; i++ {
			for j, v := range f.Row(i) {
				s[j] += value(j, float64(v))
			}
		}
	})
	for at := 0; at < len(part); at += f.D {
		for j := range sum {
			sum[j] += part[at+j]
		}
	}
}
