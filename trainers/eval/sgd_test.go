package eval

import (
	"slices"
	"testing"

	"x2vec/data"
)

// Gradient steps come to the minimum that L-BFGS finds nearly without a penalty.
func TestSGD(t *testing.T) {
	train, test := noisy(1, 3000, 10), noisy(2, 2000, 10)
	if err := Standardize(train, test); err != nil {
		t.Fatal(err)
	}
	exact, err := Linear{L2: 1e-6}.Fit(t.Context(), train)
	if err != nil {
		t.Fatal(err)
	}
	o := PaperSGD
	got, err := o.Fit(t.Context(), train)
	if err != nil {
		t.Fatal(err)
	}
	loss := func(m *LinearMap) float64 {
		r := newRegression(train, data.Class, m.K, 0)
		return r.value(append(slices.Clone(m.W), m.B...), make([]float64, m.K*(m.D+1)))
	}
	if a, b := loss(got), loss(exact); a < b-1e-9 || a > b+1e-3 {
		t.Errorf("the loss is %g, and its minimum %g", a, b)
	}
	a, _ := got.Accuracy(test)
	b, _ := exact.Accuracy(test)
	if a < b-0.005 || a > b+0.005 {
		t.Errorf("accuracy is %g, at the minimum %g", a, b)
	}
	if again, err := o.Fit(t.Context(), train); err != nil || !slices.Equal(again.W, got.W) {
		t.Errorf("the same fit gives other weights: %v", err)
	}
	o.Seed = 5
	if other, err := o.Fit(t.Context(), train); err != nil || slices.Equal(other.W, got.W) {
		t.Errorf("another order gives the same weights: %v", err)
	}
	for _, kind := range []data.TargetKind{data.Labels, data.Values} {
		train, test := asked(1500, 4, kind == data.Labels), asked(400, 4, kind == data.Labels)
		got, err := Probe{Kind: kind, SGD: &PaperSGD}.Run(t.Context(), train, test)
		if err != nil || got.Score < 0.9 || got.Score > 1 {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

func TestSGDRefuses(t *testing.T) {
	train := noisy(1, 30, 5)
	for _, o := range []SGD{{Epochs: 0, Batch: 1, Rate: 1}, {Epochs: 1, Batch: 0, Rate: 1}, {Epochs: 1, Batch: 1, Rate: -1}, {Epochs: 1, Batch: 1, Rate: 1, Momentum: 1}} {
		if _, err := o.Fit(t.Context(), train); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	wild := PaperSGD
	wild.Rate = 1e300
	if _, err := wild.Fit(t.Context(), train); err == nil {
		t.Error("a fit that diverges is given")
	}
}
