package runlog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the number of buckets, they hold every value once, in order.
func TestCurve(t *testing.T) {
	for _, most := range []int{2, 3, 10, 100} {
		r := rand.New(rand.NewPCG(1, uint64(most)))
		c := NewCurve(most)
		type value struct {
			step int
			v    float64
		}
		var all []value
		for step := 0; len(all) < 1000; step += r.IntN(5) {
			v := r.NormFloat64()
			if r.IntN(20) == 0 {
				v = math.NaN()
			}
			all = append(all, value{step, v})
			c.Add(step, v)
		}
		if n := len(c.Buckets()); n > most || n <= most/2 && n < 2 {
			t.Fatalf("%d buckets of %d", n, most)
		}
		for _, b := range c.Buckets() {
			lo, hi, sum, n, bad := math.Inf(1), math.Inf(-1), 0.0, 0, 0
			for len(all) > 0 && all[0].step/c.width == b.First/c.width {
				if v := all[0].v; math.IsNaN(v) {
					bad++
				} else {
					lo, hi, sum, n = min(lo, v), max(hi, v), sum+v, n+1
				}
				all = all[1:]
			}
			if b.Min != lo || b.Max != hi || math.Abs(b.Mean-sum/float64(n)) > 1e-12 || b.Count != n || b.NotFinite != bad {
				t.Fatalf("%d buckets: %+v, want min %v, max %v, mean %v, count %d, %d not finite", most, b, lo, hi, sum/float64(n), n, bad)
			}
		}
		if len(all) > 0 {
			t.Fatalf("%d buckets: %d values are missing", most, len(all))
		}
	}
}

func TestCurveEdges(t *testing.T) {
	c := NewCurve(0)
	for _, v := range []struct {
		step int
		v    float64
	}{{0, math.Inf(1)}, {1, math.MaxFloat64}, {1, math.MaxFloat64}, {maxCount, 3}, {5, 4}} {
		c.Add(v.step, v.v)
	}
	b := c.Buckets()
	if len(b) != 2 {
		t.Fatalf("%+v", b)
	}
	if b[0].Mean != math.MaxFloat64 || b[0].Count != 2 || b[0].NotFinite != 1 || b[0].Last != 1 {
		t.Errorf("%+v", b[0])
	}
	// The step that comes too late counts as of the latest bucket.
	if b[1].Mean != 3.5 || b[1].First != maxCount || b[1].Last != maxCount {
		t.Errorf("%+v", b[1])
	}
	only := NewCurve(5)
	only.Add(1, math.NaN())
	if b := only.Buckets()[0]; !math.IsNaN(b.Mean) || !math.IsNaN(b.Min) || !math.IsNaN(b.Max) || b.NotFinite != 1 {
		t.Errorf("%+v", b)
	}
}

func TestHistoryKeepsFirstAndLastEvents(t *testing.T) {
	const n = 2*maxEvents + 1234
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"event":"checkpoint","step":%d,"time":1}`+"\n", i)
	}
	h, err := Read(strings.NewReader(text.String()), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Events) != 2*maxEvents || h.Omitted != 1234 || h.Last != nil {
		t.Fatalf("%d events, %d omitted", len(h.Events), h.Omitted)
	}
	for i, e := range h.Events {
		want := i
		if i >= maxEvents {
			want += 1234
		}
		if e.Step != want {
			t.Fatalf("event %d is of step %d, want %d", i, e.Step, want)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, `{"event":"warning","step":%d,"text":"%s"}`+"\n", i, strings.Repeat("x", maxLine-100))
	}
	for i := range maxCurves {
		fmt.Fprintf(&text, `{"step":40,"metrics":{"m%d":1}}`+"\n", i)
	}
	h, err := Read(strings.NewReader(text.String()), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Curves) != maxCurves || len(h.Events) != 40 || h.Events[0].Fields == nil || h.Events[39].Fields != nil {
		t.Errorf("%d curves, %d events", len(h.Curves), len(h.Events))
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	h, err := ReadFile(path, 10)
	if err != nil || h.Lines != 0 || h.Curves["loss"] != nil {
		t.Errorf("a file that is not there: %+v, %v", h, err)
	}
	w := open(t, path, 0)
	m := sample(5)
	m.Extra = map[string]float64{"accuracy": 0.75}
	if err := w.Metrics(m); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err = ReadFile(path, 10); err != nil {
		t.Fatal(err)
	}
	m.Extra = nil
	if !same(h.Last, &m) || h.Curves["accuracy"].Buckets()[0].Mean != 0.75 || h.Curves["lr"].Buckets()[0].Mean != 1e-3 || h.Curves["epoch"] != nil {
		t.Errorf("%+v", h)
	}
	if _, err := ReadFile(filepath.Dir(path), 10); err == nil {
		t.Error("a folder was read")
	}
}
