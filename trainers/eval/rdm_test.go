package eval

import (
	"math"
	"slices"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/golden"
	"x2vec/graph/ops/par"
)

func TestGoldenRDM(t *testing.T) {
	golden.Each(t, "rdm", func(t *testing.T, c *golden.Case) {
		of := func(in, out string) RDM {
			r, err := NewRDM(Features{X: c.Floats(in), D: c.Shape(in)[1]}, "pearson")
			if err != nil {
				t.Fatal(err)
			}
			var got []float32
			for _, row := range r.Rows() {
				for _, v := range row {
					got = append(got, float32(v))
				}
			}
			c.Check(out, got)
			return r
		}
		a, b := of("in.a", "out.rdm_a"), of("in.b", "out.rdm_b")
		c.Check("out.spearman", []float32{float32(Spearman(a.D, b.D))})
		wide := func(x []float32) (y []float64) {
			for _, v := range x {
				y = append(y, float64(v))
			}
			return y
		}
		c.Check("out.tied_spearman", []float32{float32(Spearman(wide(c.Floats("in.tied1")), wide(c.Floats("in.tied2"))))})
	})
}

// scipy.stats.kendalltau gives 0.3385 for the first; the others follow from counting.
func TestKendall(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 2, 3, 5, 4, 4, 1, 7}, []float64{2, 1, 2, 2, 5, 6, 4, 4, 3}, 0.338501600193165},
		{[]float64{1, 2, 3}, []float64{30, 20, 10}, -1},
		{[]float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 4.0 / 6},
		{[]float64{1, 1}, []float64{1, 2}, math.NaN()},
	} {
		if got := Kendall(c.a, c.b); !(math.Abs(got-c.want) < 1e-12 || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Kendall(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// The measures by hand, and what does not change them.
func TestRDM(t *testing.T) {
	f := Features{X: []float32{1, 0, 0, 0, 2, 0, 3, 4, 0, 5, 5, 5}, D: 3}
	for measure, want := range map[string][2]float64{
		"pearson": {1.5, 1}, "cosine": {1, 1 - 1/math.Sqrt(3)}, "euclid": {math.Sqrt(5), math.Sqrt(16 + 25 + 25)},
	} {
		r, err := NewRDM(f, measure)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.At(0, 1)-want[0]) > 1e-6 || math.Abs(r.At(3, 0)-want[1]) > 1e-6 || r.At(2, 2) != 0 {
			t.Errorf("%s: %v, want %v", measure, r.Rows(), want)
		}
		var flat []float64
		for _, row := range r.Rows() {
			flat = append(flat, row...)
		}
		if back, err := RDMOf(flat, 4); err != nil || !slices.Equal(back.D, r.D) {
			t.Errorf("%s: read back as %v, %v; want %v", measure, back.D, err, r.D)
		}
		flat[1]++
		if _, err := RDMOf(flat, 4); err == nil {
			t.Errorf("%s: a matrix of two different halves is taken", measure)
		}
	}
	if _, err := NewRDM(f, "hamming"); err == nil {
		t.Error("dissimilarity hamming is taken")
	}
}

// noisyRDM is an RDM of places on a line with noise of its own.
func noisyRDM(n int, noise float64, seed uint64) RDM {
	r := draw.New(seed)
	f := Features{D: 2}
	for i := range n {
		f.X = append(f.X, float32(float64(i)+noise*r.Norm()), float32(noise*r.Norm()))
	}
	m, err := NewRDM(f, "euclid")
	if err != nil {
		panic(err)
	}
	return m
}

// The interval holds the value, the ceiling's halves are in order, a model without
// noise is near it, and threads change nothing.
func TestCompareRDMs(t *testing.T) {
	model := noisyRDM(20, 0.1, 1)
	refs := []RDM{noisyRDM(20, 3, 2), noisyRDM(20, 3, 3), noisyRDM(20, 3, 4)}
	got, err := CompareRDMs(model, refs, 5)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]RankAgreement{"spearman": got.Spearman, "kendall": got.Kendall} {
		if !(a.Low < a.Value && a.Value < a.High && a.Low > 0 && a.High < 1) {
			t.Errorf("%s: %v is not within %v to %v", name, a.Value, a.Low, a.High)
		}
		if a.Ceiling == nil || !(a.Ceiling.Lower < a.Ceiling.Upper && a.Ceiling.Upper < 1 && a.Value > a.Ceiling.Lower-0.1) {
			t.Errorf("%s: %v, ceiling %+v", name, a.Value, a.Ceiling)
		}
	}
	before := par.Threads()
	defer par.SetThreads(before)
	par.SetThreads(3 - min(before, 2))
	again, err := CompareRDMs(model, refs, 5)
	if err != nil || again.Spearman.Low != got.Spearman.Low || again.Kendall.High != got.Kendall.High {
		t.Errorf("another number of threads gives %+v, %v; want %+v", again, err, got)
	}
	if one, err := CompareRDMs(model, []RDM{model}, 5); err != nil || one.Spearman.Value != 1 || one.Spearman.Ceiling != nil {
		t.Errorf("with itself: %+v, %v", one, err)
	}
	if _, err := CompareRDMs(model, []RDM{noisyRDM(19, 1, 1)}, 5); err == nil {
		t.Error("RDMs of other stimuli are compared")
	}
	if _, err := CompareRDMs(model, []RDM{{N: 20, D: make([]float64, 190)}}, 5); err == nil {
		t.Error("an RDM without variation is compared")
	}
}

// The value is that of the formula in NumPy; turning and scaling change nothing.
func TestCKA(t *testing.T) {
	x := Features{X: []float32{1, 2, 2, 0, 3, 1, 0, 1, 5, 2, 1, 1}, D: 2}
	y := Features{X: []float32{1, 0, 1, 0, 2, 1, 2, 1, 0, 1, 1, 1, 0, 3, 2, 2, 2, 0}, D: 3}
	turned := Features{D: 2}
	for i := range x.N() {
		a, b := x.Row(i)[0], x.Row(i)[1]
		turned.X = append(turned.X, 3*(0.6*a-0.8*b)+7, 3*(0.8*a+0.6*b))
	}
	var grams []*Gram
	for _, f := range []Features{x, y, turned} {
		g, err := NewGram(f)
		if err != nil {
			t.Fatal(err)
		}
		grams = append(grams, g)
	}
	for _, c := range []struct {
		a, b int
		want float64
	}{{0, 1, -0.2388626298732226}, {0, 2, 1}, {1, 2, -0.2388626298732226}, {1, 1, 1}} {
		if got, err := CKA(grams[c.a], grams[c.b]); err != nil || math.Abs(got-c.want) > 1e-6 {
			t.Errorf("CKA of %d and %d is %v, %v; want %v", c.a, c.b, got, err, c.want)
		}
	}
}
