package report

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []float64
	}{
		{0, 1, []float64{0, .2, .4, .6, .8, 1}},
		{0, 4680, []float64{0, 1000, 2000, 3000, 4000}},
		{-3, 12, []float64{0, 5, 10}},
		{0.011, 0.012, []float64{.011, .0112, .0114, .0116, .0118, .012}},
		{5, 5, []float64{5}},
	} {
		got := linearTicks(c.lo, c.hi, 5)
		if !slices.EqualFunc(got, c.want, near) {
			t.Errorf("ticks from %g to %g: %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
	for _, c := range []struct {
		lo, hi float64
		want   []float64
	}{
		{0.008, 0.09, []float64{.01, .02, .05}},
		{1e-9, 1, []float64{1e-9, 1e-7, 1e-5, 1e-3, 1e-1}},
		{0.1, 1000, []float64{.1, 1, 10, 100, 1000}},
		{3, 4, []float64{3, 4}},
	} {
		got := logTicks(c.lo, c.hi)
		if !slices.EqualFunc(got, c.want, near) {
			t.Errorf("logarithmic ticks from %g to %g: %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

// one is a single run's series.
func one(points, dots []point) []series {
	return []series{{name: "a", class: "s0", curve: curve{points}, dots: dots}}
}

func TestChart(t *testing.T) {
	ch, ok := newChart("loss", "loss", "", one([]point{{0, 8, 4, 16}, {50, 2, 1, 4}, {100, 1, 1, 1}}, []point{{100, 1, 1, 1}}), true)
	if !ok || len(ch.Lines) != 1 || ch.Log || !ch.CanLog {
		t.Fatalf("chart: %v, %+v", ok, ch)
	}
	l := ch.Lines[0]
	if l.Path != "M0.0 500.0L500.0 875.0L1000.0 937.5" { // 0 to 16
		t.Errorf("linear line %s", l.Path)
	}
	if want := "M0.0 0.0L500.0 750.0L1000.0 937.5L1000.0 937.5L500.0 937.5L0.0 750.0Z"; l.Band != want {
		t.Errorf("band %s, want %s", l.Band, want)
	}
	if l.Dots != "M1000.0 937.5h0" {
		t.Errorf("dots %s", l.Dots)
	}
	var data []seriesData
	if err := json.Unmarshal([]byte(ch.Data), &data); err != nil || len(data) != 1 || len(data[0].Points) != 3 || data[0].Points[1] != [4]float64{50, 2, 1, 4} {
		t.Errorf("data %s, %v", ch.Data, err)
	}
	if want := "Loss over the steps: from 8 at step 0 to 1 at step 100; lowest 1 at step 100"; ch.Summary != want {
		t.Errorf("summary %q, want %q", ch.Summary, want)
	}
	// From 1 to 100 the main chart is logarithmic.
	log, _ := newChart("loss", "loss", "", one([]point{{0, 100, 100, 100}, {50, 10, 10, 10}, {100, 1, 1, 1}}, nil), true)
	if !log.Log || log.Lines[0].Path != "M0.0 0.0L500.0 500.0L1000.0 1000.0" {
		t.Errorf("logarithmic line %+v", log)
	}

	if _, ok := newChart("x", "x", "", one(nil, nil), false); ok {
		t.Error("nothing is drawn")
	}
	if _, ok := newChart("x", "x", "", one([]point{{1, math.NaN(), math.NaN(), math.NaN()}}, nil), false); ok {
		t.Error("what is not a number is drawn")
	}
	flat, ok := newChart("x", "x", "s", one([]point{{3, 2, 2, 2}}, nil), false)
	if !ok || flat.CanLog || flat.Lines[0].Path != "M500.0 500.0h0" || flat.Last != "2 s" {
		t.Errorf("a single point: %+v", flat)
	}
	if neg, _ := newChart("x", "x", "", one([]point{{0, -1, -1, -1}, {1, 5, 5, 5}}, nil), true); neg.CanLog {
		t.Error("negative values have a logarithmic scale")
	}

	two, ok := newChart("x", "x", "", append(one([]point{{0, 0, 0, 0}, {10, 10, 5, 15}}, nil),
		series{name: "b", class: "s1", curve: curve{[]point{{0, 5, 5, 5}, {20, 20, 20, 20}}}}), false)
	if !ok || len(two.Lines) != 2 || two.Lines[0].Path != "M0.0 1000.0L500.0 500.0" || two.Lines[1].Class != "s1" || two.Lines[0].Band != "" ||
		two.Lines[1].Path != "M0.0 750.0L1000.0 0.0" || !strings.Contains(two.Summary, "X of b over the steps") {
		t.Errorf("two runs: %+v", two)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 12345: "12,345", 0.0081712: "0.008171", 1.25e-7: "1.25e-07", 43210.9: "43,211", 28.314159: "28.31",
		math.Inf(1): "Inf", math.Inf(-1): "-Inf", -0.5: "-0.5", 3e12: "3e+12",
	} {
		if got := Number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{1.23: "1.2 s", 42: "42 s", 192: "3 min 12 s", 7500: "2 h 5 min", -1: "unknown"} {
		if got := Duration(v); got != want {
			t.Errorf("%g seconds are %q, want %q", v, got, want)
		}
	}
	for name, want := range map[string]string{"kNN accuracy": "kNN accuracy", "test loss": "Test loss", "cpu": "CPU", "": "", "été": "Été"} {
		if got := Label(name); got != want {
			t.Errorf("label of %q is %q, want %q", name, got, want)
		}
	}
	if got := FigureValue("kNN accuracy", 0.965); got != "96.50 %" {
		t.Errorf("accuracy is %s", got)
	}
	if !strings.HasPrefix(Number(math.NaN()), "NaN") {
		t.Error("NaN")
	}
}
