package objectives

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data"
)

// surveyed is a survey of answers to a target, taken by hand.
func surveyed(t *testing.T, kind data.TargetKind, spec data.Spec) *answerSurvey {
	t.Helper()
	o := &Classify{Target: kind}
	return o.NewSurvey(Task{Spec: spec}).(*answerSurvey)
}

func TestAnswersOfClasses(t *testing.T) {
	s := surveyed(t, data.Class, data.Spec{Name: "x", Classes: []string{"a", "b", "c", "none"}})
	s.taken = []int{
		6, 1, 1, 0,
		0, 1, 3, 0,
		0, 0, 2, 0,
		0, 0, 0, 0, // no test example
	}
	f := s.Figures()
	if want := (0.75 + 0.25 + 1) / 3; len(f) != 1 || math.Abs(f[0].Value-want) > 1e-12 || f[0].Better != "higher" {
		t.Errorf("figures %+v, want %g", f, want)
	}
	tables := s.Tables()
	if len(tables) != 1 {
		t.Fatalf("%d tables", len(tables))
	}
	if got, want := fmt.Sprint(tables[0].Rows), "[[b 4 25.0 % c, 3 times] [a 8 75.0 % b, 1 times] [c 2 100.0 % –]]"; got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if e := surveyed(t, data.Class, data.Spec{Name: "x", Classes: []string{"a", "b"}}); e.Figures() != nil || e.Tables() != nil {
		t.Error("without a label there is something to say")
	}
}

func TestAnswersOfValues(t *testing.T) {
	spec := data.Spec{Name: "x", Factors: []data.Factor{{Name: "y", Mean: 10, Std: 2}}}
	s := surveyed(t, data.Values, spec)
	// Of 0, 1 and 2, answered by 0, 1 and 1: R² = 1 − 1/2.
	s.n[0], s.sum[0], s.square[0], s.off[0] = 3, 3, 5, 1
	if f := s.Figures(); len(f) != 1 || math.Abs(f[0].Value-0.5) > 1e-12 || s.Tables() != nil {
		t.Errorf("%+v", f)
	}
	target, err := spec.Target(data.Values, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &data.Batch{Spec: spec, Index: []int{0}, Factors: []float32{12}}
	if text, right, known := (&Classify{Target: data.Values}).told(target, []float32{0}, b, 0); text != "10 (12)" || !right || !known {
		t.Errorf("%q %v %v", text, right, known)
	}
}

func TestAnswersOfLabels(t *testing.T) {
	spec := data.Spec{Name: "x", Factors: []data.Factor{{Name: "red", Values: 2}, {Name: "round", Values: 2}}}
	target, err := spec.Target(data.Labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, nan := &Classify{Target: data.Labels}, float32(math.NaN())
	for _, c := range []struct {
		is     []float32
		answer []float32
		text   string
		right  bool
	}{
		{[]float32{1, 1}, []float32{2, 1}, "red round", true},
		{[]float32{0, 1}, []float32{2, 1}, "red round (round)", false},
		{[]float32{0, 0}, []float32{-1, 1}, "round (none)", false},
		{[]float32{nan, 0}, []float32{1, -1}, "none", true},
	} {
		b := &data.Batch{Spec: spec, Index: []int{0}, Factors: c.is}
		if text, right, known := o.told(target, c.answer, b, 0); text != c.text || right != c.right || !known {
			t.Errorf("%v answered by %v: %q %v %v", c.is, c.answer, text, right, known)
		}
	}
	if _, _, known := o.told(target, []float32{1, 1}, &data.Batch{Spec: spec, Index: []int{0}, Factors: []float32{nan, nan}}, 0); known {
		t.Error("nothing is known of it")
	}
	s := surveyed(t, data.Labels, spec)
	s.whole, s.all = 1, 4
	if f := s.Figures(); len(f) != 1 || f[0].Value != 0.25 {
		t.Errorf("%+v", f)
	}
}
