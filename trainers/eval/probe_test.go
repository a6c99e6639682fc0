package eval

import (
	"math"
	"testing"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/objectives"
)

// noisy is codes of which the first few values tell the class and the others nothing.
func noisy(seed uint64, n, d int) Features {
	f := Features{X: make([]float32, n*d), D: d, Labels: make([]int, n)}
	r := draw.New(seed)
	for i := range n {
		f.Labels[i] = i % 3
		row := f.Row(i)
		for j := range row {
			row[j] = float32(r.Norm())
		}
		row[i%3] += 2
	}
	return f
}

// With few codes of many values a weak penalty fits the noise, and the strength that
// the part held out chooses does better.
func TestProbeChoosesItsStrength(t *testing.T) {
	train, test := noisy(1, 150, 120), noisy(2, 2000, 120)
	if err := Standardize(train, test); err != nil {
		t.Fatal(err)
	}
	weak, err := Linear{L2: 1e-6 * 150}.Fit(t.Context(), train)
	if err != nil {
		t.Fatal(err)
	}
	without, err := weak.Accuracy(test)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Probe{Kind: data.Class, HeldOut: 0.2, Seed: 3}.Run(t.Context(), train, test)
	if err != nil {
		t.Fatal(err)
	}
	if got.Score < without+0.03 || got.L2 < 1e-2 || got.HeldOut != 30 {
		t.Errorf("accuracy is %g without a choice, chosen %+v", without, got)
	}
	again, err := Probe{Kind: data.Class, HeldOut: 0.2, Seed: 3}.Run(t.Context(), train, test)
	if err != nil || again.Score != got.Score || again.L2 != got.L2 {
		t.Errorf("the same probe gives %+v", again)
	}
}

func TestProbeOfFew(t *testing.T) {
	train, test := noisy(1, 12, 5), noisy(2, 300, 5)
	got, err := Probe{Kind: data.Class, HeldOut: 0.2}.Run(t.Context(), train, test)
	if err != nil || got.HeldOut != 0 || got.L2 != defaultStrength || got.Score < 0.5 {
		t.Errorf("%+v, %v", got, err)
	}
	train.Labels = nil
	if _, err := (Probe{Kind: data.Class, HeldOut: 0.2}).Run(t.Context(), train, test); err == nil {
		t.Error("codes without labels are probed for a class")
	}
}

func TestProbeOfLabelsAndValues(t *testing.T) {
	for _, kind := range []data.TargetKind{data.Labels, data.Values} {
		train, test := asked(1500, 4, kind == data.Labels), asked(400, 4, kind == data.Labels)
		got, err := Probe{Kind: kind, HeldOut: 0.2}.Run(t.Context(), train, test)
		if err != nil || got.Score < 0.9 || got.Score > 1 {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

// Where the few codes that are held out are all alike there is nothing to choose by.
func TestProbeHoldsOutAlike(t *testing.T) {
	train, test := asked(10, 4, true), asked(400, 4, true)
	for i := range train.N() { // a single label, which one code alone has
		for j := range train.Target(i) {
			train.Target(i)[j] = 0
		}
	}
	train.Target(0)[0] = 1
	alike := 0
	for seed := range uint64(20) {
		got, err := Probe{Kind: data.Labels, HeldOut: 0.2, Seed: seed}.Run(t.Context(), train, test)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got.L2 == defaultStrength {
			alike++
		}
	}
	if alike == 0 {
		t.Error("a strength is chosen by codes that are all alike")
	}
}

func TestScores(t *testing.T) {
	for _, c := range []struct {
		z, y []float64
		want float64
	}{ // by hand
		{[]float64{3, 2, 1}, []float64{1, 0, 0}, 1},
		{[]float64{3, 2, 1}, []float64{0, 0, 1}, 1. / 3},
		{[]float64{4, 3, 2, 1}, []float64{1, 0, 1, 0}, (1 + 2./3) / 2},
		{[]float64{1, 1, 1, 1}, []float64{1, 0, 1, 0}, 0.5},
	} {
		if got := objectives.AveragePrecision(c.z, c.y); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("average precision of %v for %v is %g, want %g", c.z, c.y, got, c.want)
		}
	}
	if got := objectives.AveragePrecision([]float64{1, 2}, []float64{0, 0}); got == got {
		t.Errorf("without a one it is %g", got)
	}
	if got := objectives.AveragePrecision([]float64{math.NaN(), 1, math.NaN()}, []float64{0, 1, 1}); got != got {
		t.Error("with answers that are no numbers there is none")
	}
	if got := Ranks([]float64{math.NaN(), 1, math.NaN()}); len(got) != 3 || got[1] != 3 {
		t.Errorf("ranks beside what is no number: %v", got)
	}
	if got := determined([]float64{1, 2, 4}, []float64{1, 2, 3}); math.Abs(got-0.5) > 1e-12 {
		t.Errorf("R² is %g", got)
	}
	// t(0.975, 2) is 4.302653; the deviation of 1, 2, 3 is 1.
	if mean, half := Interval([]float64{1, 2, 3}); mean != 2 || math.Abs(half-4.302653/math.Sqrt(3)) > 1e-5 {
		t.Errorf("interval is %g ± %g", mean, half)
	}
	if mean, half := Interval([]float64{5}); mean != 5 || half != 0 {
		t.Errorf("interval of one value is %g ± %g", mean, half)
	}
}
