package serve

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"x2vec/trainers/runs"
)

const (
	manyRuns  = 500
	manyLines = 1_000_000 // of all logs together, half of them in one
)

// many makes a folder of that many runs.
func many(b *testing.B) (root, longest string) {
	b.Helper()
	root = b.TempDir()
	for i := range manyRuns {
		dir := some(b, root, fmt.Sprintf("sweep-%d/run-%03d", i/100, i), fmt.Sprint(0.001*float64(i+1)), 100, true)
		n := manyLines / 2 / (manyRuns - 1)
		if i == 0 {
			n, longest = manyLines/2, dir
		}
		f, err := os.Create(filepath.Join(dir, runs.MetricsFile))
		if err != nil {
			b.Fatal(err)
		}
		w := bufio.NewWriter(f)
		fmt.Fprintf(w, `{"event":"start","step":0,"time":0,"steps":%d}`+"\n", n)
		for step := range n {
			if _, err := w.WriteString(metricsLine(step+1, 1/float64(step+1))); err != nil {
				b.Fatal(err)
			}
		}
		fmt.Fprintf(w, `{"event":"stop","step":%d,"time":1,"reason":"complete"}`+"\n", n)
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return root, longest
}

// BenchmarkMany times the pages of a folder of 500 runs with 1,000,000 lines in their
// logs: for the first time, and when little has changed.
func BenchmarkMany(b *testing.B) {
	root, longest := many(b)
	page := func(b *testing.B, s *Server, target string) {
		b.Helper()
		r := httptest.NewRequest("GET", target, nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
		b.ReportMetric(float64(w.Body.Len()), "bytes")
	}
	const run = "/runs/sweep-0%2Frun-000"
	heap := func(b *testing.B) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
	}
	timed := func(name string, of func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			began := cpuSeconds()
			of(b)
			b.ReportMetric((cpuSeconds()-began)/float64(b.N), "cpu-s/op")
		})
	}
	timed("list first", func(b *testing.B) {
		for b.Loop() {
			page(b, New(Options{Dir: root}), "/")
		}
	})
	s := New(Options{Dir: root})
	page(b, s, "/")
	timed("list again", func(b *testing.B) {
		for b.Loop() {
			s.folder.looked = time.Time{}
			page(b, s, "/")
		}
	})
	timed("run first", func(b *testing.B) {
		for b.Loop() {
			page(b, New(Options{Dir: root}), run)
		}
	})
	page(b, s, run)
	timed("run again, one line more", func(b *testing.B) {
		step := manyLines
		for b.Loop() {
			step++
			add(b, longest, runs.MetricsFile, metricsLine(step, 0.1))
			page(b, s, run)
		}
		heap(b)
	})
	timed("compare 40", func(b *testing.B) {
		target := "/compare?"
		for i := range 40 {
			target += fmt.Sprintf("run=sweep-1/run-%03d&", 100+i)
		}
		for b.Loop() {
			page(b, s, target)
		}
		heap(b)
	})
}
