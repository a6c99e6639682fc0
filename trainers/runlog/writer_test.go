package runlog

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"x2vec/checkpoints"
)

// lines reads all of a log; metrics are copied.
func lines(t *testing.T, text string) ([]Line, int) {
	t.Helper()
	r := NewReader(strings.NewReader(text))
	var all []Line
	for {
		l, err := r.Next()
		if err != nil {
			return all, r.Damaged()
		}
		if l.Metrics != nil {
			m := *l.Metrics
			m.Extra = nil
			for k, v := range l.Metrics.Extra {
				m.extra(k, v)
			}
			l.Metrics = &m
		}
		all = append(all, l)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func open(t *testing.T, path string, step int) *Writer {
	t.Helper()
	w, err := Open(path, step)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func sample(step int) Metrics {
	return Metrics{
		Step: step, Epoch: float64(step) / 234, Samples: int64(step) * 256, Time: 1.5, Loss: 0.25, LR: 1e-3,
		GradNorm: 0.125, SamplesPerS: 12345.678, DataWaitMS: 1e-7, RSSMB: 180,
	}
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	w := open(t, path, 0)
	m := sample(10)
	m.Extra = map[string]float64{"accuracy": 0.5, `odd "name" µ`: 1e300}
	bad := sample(20)
	bad.Loss, bad.GradNorm, bad.SamplesPerS = math.NaN(), math.Inf(1), math.Inf(-1)
	bad.Extra = map[string]float64{"ratio": math.Inf(1)}
	e := Event{Event: Eval, Step: 20, Time: 2.5, Fields: map[string]any{
		"figures": map[string]any{"test_loss": math.NaN(), "knn": checkpoints.Float(0.5)},
		"curve":   []float64{1, math.Inf(-1)}, "rate": float32(math.Inf(1)), "index": []int{4, 7}, "reason": "a < b",
	}}
	for _, err := range []error{
		w.Event(Event{Event: Start}), w.Metrics(m), w.Metrics(bad), w.Event(e), w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	text := content(t, path)
	if want := `{"event":"start","step":0,"time":0}
{"step":10,"samples":2560,"epoch":0.042735042735042736,"time":1.5,"loss":0.25,"lr":0.001,"grad_norm":0.125,"samples_per_s":12345.678,"data_wait_ms":1e-07,"rss_mb":180,"metrics":{"accuracy":0.5,"odd \"name\" µ":1e+300}}
{"step":20,`; !strings.HasPrefix(text, want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	got, damaged := lines(t, text)
	if len(got) != 4 || damaged != 0 {
		t.Fatalf("%d lines, %d damaged", len(got), damaged)
	}
	if !reflect.DeepEqual(got[1].Metrics, &m) {
		t.Errorf("got %+v, want %+v", got[1].Metrics, m)
	}
	if g := got[2].Metrics; !math.IsNaN(g.Loss) || !math.IsInf(g.GradNorm, 1) || !math.IsInf(g.SamplesPerS, -1) || !math.IsInf(g.Extra["ratio"], 1) || g.Step != 20 {
		t.Errorf("got %+v", g)
	}
	want := &Event{Event: "eval", Step: 20, Time: 2.5, Fields: map[string]any{
		"figures": map[string]any{"test_loss": "NaN", "knn": 0.5},
		"curve":   []any{1.0, "-Infinity"}, "rate": "Infinity", "index": []any{4.0, 7.0}, "reason": "a < b",
	}}
	if !reflect.DeepEqual(got[3].Event, want) {
		t.Errorf("got %+v, want %+v", got[3].Event, want)
	}
}

func TestEventFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	w := open(t, path, 0)
	for want, e := range map[string]Event{
		`no event "begin"; there are start, resume`:         {Event: "begin"},
		"event stop: a field cannot be named step":          {Event: Stop, Fields: map[string]any{"step": 1}},
		"event stop: why: json: unsupported type: chan int": {Event: Stop, Fields: map[string]any{"why": make(chan int)}},
		"bytes, a line has at most 1048576":                 {Event: Stop, Fields: map[string]any{"why": strings.Repeat("x", maxLine)}},
	} {
		if err := w.Event(e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := w.Event(Event{Event: Stop, Step: 3}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != `{"event":"stop","step":3,"time":0}`+"\n" {
		t.Errorf("the log is %q", got)
	}
}

func TestOpenCutsWhatComesLater(t *testing.T) {
	var text strings.Builder
	at := map[int]int{} // length of the log up to a step
	w := newWriter(memory{&text}, time.Hour)
	for step := range 10 {
		if err := errors.Join(w.Metrics(sample(step)), w.Event(Event{Event: Checkpoint, Step: step})); err != nil {
			t.Fatal(err)
		}
		at[step] = text.Len()
	}
	whole := text.String()
	for name, c := range map[string]struct {
		text string
		step int
		want string
	}{
		"later lines":              {whole, 4, whole[:at[4]]},
		"nothing later":            {whole, 9, whole},
		"nothing at all later":     {whole, 100, whole},
		"everything but the start": {whole, 0, whole[:at[0]]},
		"a line without its end":   {whole[:len(whole)-1], 9, whole[:len(whole)-len(`{"event":"checkpoint","step":9,"time":0}`+"\n")]},
		"a line that was cut":      {whole + `{"step":9,"lo`, 9, whole},
		"zeros after a crash":      {whole + strings.Repeat("\x00", 4096) + "\n", 9, whole},
		"damage in the middle":     {whole[:at[2]] + "?\n" + whole[at[2]:], 4, whole[:at[2]] + "?\n" + whole[at[2]:at[4]]},
		"empty":                    {"", 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "metrics.jsonl")
			if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
			w := open(t, path, c.step)
			if got := content(t, path); got != c.want {
				t.Fatalf("got\n%s\nwant\n%s", got, c.want)
			}
			if err := errors.Join(w.Event(Event{Event: Resume, Step: c.step}), w.Close()); err != nil {
				t.Fatal(err)
			}
			got, _ := lines(t, content(t, path))
			if n := len(got); n == 0 || got[n-1].Event == nil || got[n-1].Event.Event != Resume {
				t.Error("the line that was added cannot be read")
			}
		})
	}
}

// A run that is stopped and goes on has the log of one that was not, but for its
// events.
func TestLogOfAResumedRun(t *testing.T) {
	dir := t.TempDir()
	train := func(path string, from, to int) {
		w := open(t, path, from)
		for step := from + 1; step <= to; step++ {
			if err := w.Metrics(sample(step)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	train(one, 0, 50)
	train(two, 0, 33)
	train(two, 20, 50)
	if content(t, one) != content(t, two) {
		t.Error("the logs differ")
	}
}

func TestMetricsReachTheFileInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(f, 10*time.Millisecond)
	for step := 1; step <= 2; step++ {
		if err := w.Metrics(sample(step)); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			if got, _ := lines(t, content(t, path)); len(got) == step {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("line %d is not in the file", step)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMetricsWaitForOthers(t *testing.T) {
	var text strings.Builder
	w := newWriter(memory{&text}, time.Hour)
	if err := w.Metrics(sample(1)); err != nil || text.Len() > 0 {
		t.Fatalf("written at once: %v, %d bytes", err, text.Len())
	}
	if err := w.Flush(); err != nil || text.Len() == 0 {
		t.Fatalf("not written by Flush: %v", err)
	}
	before := text.Len()
	for step := 2; text.Len() == before; step++ {
		if err := w.Metrics(sample(step)); err != nil {
			t.Fatal(err)
		}
		if len(w.buf) > holdBytes {
			t.Fatal("the memory is not bounded")
		}
	}
}

type memory struct{ *strings.Builder }

func (memory) Sync() error  { return nil }
func (memory) Close() error { return nil }

// fullDisk takes so many bytes and then none until there is room again.
type fullDisk struct {
	memory
	room int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	d.room -= n
	d.memory.Write(b[:n])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestFullDisk(t *testing.T) {
	d := &fullDisk{memory{new(strings.Builder)}, 50}
	w := newWriter(d, time.Hour)
	if err := w.Metrics(sample(1)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Sync(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v, want no space", err)
		}
	}
	if err := w.Event(Event{Event: Warning, Step: 1}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want no space", err)
	}
	w.flushLate()
	if err := w.Metrics(sample(2)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("what failed late is not told: %v", err)
	}
	d.room = 1 << 20
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, damaged := lines(t, d.String())
	if len(got) != 3 || damaged != 0 || got[2].Metrics == nil || got[2].Metrics.Step != 2 {
		t.Errorf("%d lines, %d damaged: %s", len(got), damaged, d.String())
	}
}

func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none", "metrics.jsonl"), 0); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := Open(dir, 0); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: %v", err)
	}
}

func TestMetricsAllocateNothing(t *testing.T) {
	w := newWriter(&fullDisk{memory{new(strings.Builder)}, 0}, time.Hour)
	w.buf = make([]byte, 0, holdBytes)
	m := sample(1)
	if n := testing.AllocsPerRun(100, func() {
		w.buf = w.buf[:0]
		if err := w.Metrics(m); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}
