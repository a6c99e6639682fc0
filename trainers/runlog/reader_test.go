package runlog

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
)

func TestReaderPassesOverDamage(t *testing.T) {
	good := `{"step":1,"loss":2}` + "\n"
	for name, c := range map[string]struct {
		text           string
		lines, damaged int
	}{
		"empty":              {"", 0, 0},
		"empty lines":        {"\n\n" + good + "\n", 1, 0},
		"not JSON":           {good + "what?\n" + good, 2, 1},
		"an array":           {"[1]\n" + good, 1, 1},
		"no step":            {`{"loss":1}` + "\n" + good, 1, 1},
		"null":               {`{"step":null,"loss":1}` + "\n", 0, 1},
		"a step below zero":  {`{"step":-1}` + "\n", 0, 1},
		"half a step":        {`{"step":1.5}` + "\n", 0, 1},
		"too many steps":     {`{"step":1e17}` + "\n", 0, 1},
		"a text for a loss":  {`{"step":1,"loss":"low"}` + "\n", 0, 1},
		"a number too large": {`{"step":1,"loss":1e999}` + "\n", 0, 1},
		"an unknown text":    {`{"step":1,"note":"low","list":[1]}` + "\n", 1, 0},
		"an unknown event":   {`{"event":"party","step":1}` + "\n", 1, 0},
		"an event's time":    {`{"event":"stop","step":1,"time":"noon"}` + "\n", 0, 1},
		"an event's step":    {`{"event":"stop","step":-1}` + "\n", 0, 1},
		"metrics as numbers": {`{"step":1,"metrics":3}` + "\n", 0, 1},
		"metrics as text":    {`{"step":1,"metrics":{"a":"b"}}` + "\n", 0, 1},
		"cut last line":      {good + `{"step":2,"lo`, 1, 0},
		"unfinished line":    {good + `{"step":2}`, 1, 0},
		"long line":          {`{"step":1,"note":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + good, 1, 1},
		"just not too long":  {`{"step":1,"note":"` + strings.Repeat("x", maxLine-len(`{"step":1,"note":""}`)-1) + `"}` + "\n" + good, 2, 0},
		"endless line":       {strings.Repeat("x", 3*maxLine), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, damaged := lines(t, c.text)
			if len(got) != c.lines || damaged != c.damaged {
				t.Errorf("%d lines, %d damaged; want %d and %d", len(got), damaged, c.lines, c.damaged)
			}
		})
	}
}

// The reader gives back the errors of what it reads from.
func TestReaderErrors(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader(`{"step":1}`+"\n"), broken{}))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
	if _, err := Read(broken{}, 10); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// same compares metrics by value, NaN equal to itself.
func same(a, b *Metrics) bool {
	equal := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }
	for _, n := range numbers {
		if !equal(*n.of(a), *n.of(b)) {
			return false
		}
	}
	return a.Step == b.Step && a.Samples == b.Samples && maps.EqualFunc(a.Extra, b.Extra, equal)
}

// FuzzParse holds the quick way to read a line against the general one, and a line
// that was read against itself written and read again.
func FuzzParse(f *testing.F) {
	m := sample(7)
	m.Extra = map[string]float64{"accuracy": 0.5, "z": math.Inf(1)}
	f.Add(appendMetrics(nil, &m))
	m.Loss = math.NaN()
	m.Extra = nil
	f.Add(appendMetrics(nil, &m))
	for _, s := range []string{
		`{"event":"eval","step":3,"time":1,"figures":{"a":"NaN"}}`, `{"step":1}`, `{}`, `{"step":1,}`, `{"step":01}`,
		`{"step":1,"loss":-0.5e-3}`, `{"step":1,"loss":.5}`, `{"step":1,"loss":1.}`, `{"step":1,"loss":+1}`, `{"step":1,"loss":1e}`,
		`{"step":1,"step":2}`, `{"step":-1,"step":2}`, `{"step":1,"metrics":{"a":1},"metrics":{"b":2}}`, `{"step":1,"event":"NaN"}`,
		`{"step":1,"Loss":3}`, `{"step":1,"x":"NaN"}`, `{"step":1,"x":"y"}`, `{"step":"NaN"}`, `{"st\u0065p":1}`, `{"step":1,"µ":1}`,
		`{"step":1} `, `{"step":1}{"step":2}`, `{"step":1e2,"samples":1e-2}`, `{"step":1,"loss":1e400}`, `{"step":1,"metrics":{"":0}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxLine || bytes.IndexByte(text, '\n') >= 0 {
			return
		}
		p := newParser()
		var quick, slow Metrics
		isQuick := p.metrics(text, &quick)
		line, ok := p.any(text, &slow)
		if isQuick && (!ok || line.Metrics == nil || !same(&quick, &slow)) {
			t.Fatalf("%q: quickly %+v, else %+v (%v)", text, quick, slow, ok)
		}
		if !ok {
			return
		}
		if line.Step() < 0 {
			t.Fatalf("%q: step %d", text, line.Step())
		}
		if line.Metrics != nil {
			again := appendMetrics(nil, &slow)
			var back Metrics
			got, ok := p.any(again, &back)
			if !ok || got.Metrics == nil || !same(&slow, &back) {
				t.Fatalf("%q: %+v, written and read again %+v", text, slow, back)
			}
		}
	})
}

// FuzzRead feeds whole logs: none may do harm.
func FuzzRead(f *testing.F) {
	m := sample(3)
	text := appendMetrics(nil, &m)
	f.Add(text)
	f.Add(append(text, text[:40]...))
	f.Add([]byte(`{"event":"start","step":0,"time":0}` + "\n\n" + `{"step":9007199254740992,"loss":1}` + "\n" + `{"step":0,"loss":2}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := Read(bytes.NewReader(text), 4)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); h.Lines+len(h.Events)+h.Damaged > n {
			t.Fatalf("%d lines, %d events and %d damaged of %d lines", h.Lines, len(h.Events), h.Damaged, n)
		}
		for name, c := range h.Curves {
			total, last := 0, -1
			for _, b := range c.Buckets() {
				if total += b.Count + b.NotFinite; b.First > b.Last || b.First <= last || b.Count > 0 && !(b.Min <= b.Max) {
					t.Fatalf("%s: bucket %+v after step %d", name, b, last)
				}
				last = b.First
			}
			if len(c.Buckets()) > 4 || total > h.Lines {
				t.Fatalf("%s: %d buckets of %d values, %d lines", name, len(c.Buckets()), total, h.Lines)
			}
		}
	})
}

// logOf is the log of a run of so many steps.
func logOf(steps int) []byte {
	var b []byte
	m := sample(0)
	m.Extra = map[string]float64{"accuracy": 0.5}
	for step := 1; step <= steps; step++ {
		m.Step, m.Samples, m.Epoch = step, int64(step)*256, float64(step)/234
		m.Loss = 1 / float64(step)
		b = appendMetrics(b, &m)
	}
	return b
}

func TestReadingAllocatesNothingALine(t *testing.T) {
	const steps = 20000
	text := logOf(steps)
	n := testing.AllocsPerRun(1, func() {
		if h, err := Read(bytes.NewReader(text), 500); err != nil || h.Lines != steps {
			t.Fatalf("%d lines, %v", h.Lines, err)
		}
	})
	if n > 500 {
		t.Errorf("%v allocations for %d lines", n, steps)
	}
}

// BenchmarkRead reads the log of a run of 1,000,000 lines.
func BenchmarkRead(b *testing.B) {
	text := logOf(1_000_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if h, err := Read(bytes.NewReader(text), 1000); err != nil || h.Lines != 1_000_000 {
			b.Fatal(h.Lines, err)
		}
	}
}

func ExampleRead() {
	h, err := Read(strings.NewReader(`{"event":"start","step":0,"time":0}
{"step":1,"samples":256,"loss":4}
{"step":2,"samples":512,"loss":"NaN"}
{"step":3,"samples":768,"loss":2}
`), 2)
	fmt.Println(h.Lines, len(h.Events), h.Last.Samples, err)
	for _, b := range h.Curves["loss"].Buckets() {
		fmt.Println(b.First, b.Last, b.Min, b.Mean, b.Max, b.NotFinite)
	}
	// Output:
	// 3 1 768 <nil>
	// 1 1 4 4 4 0
	// 2 3 2 2 2 1
}
