package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// numbered is a source whose example i holds i in its pixels, label and factor.
type numbered struct {
	n    int
	fail int // example that cannot be read; 0 = none
	trap int // example whose reader panics; 0 = none
	slow time.Duration
}

func (s numbered) Spec() Spec {
	return Spec{Name: "numbered", Split: "train", Shape: []int{1, 2, 2}, Factors: []Factor{{Name: "i"}}}
}
func (s numbered) Len() int { return s.n }
func (s numbered) Read(i int, e *Example) error {
	if s.fail > 0 && i == s.fail {
		return errors.New("the file is cut off")
	}
	if s.trap > 0 && i == s.trap {
		panic("a fault of the reader")
	}
	time.Sleep(s.slow)
	for p := range e.Pixels {
		e.Pixels[p] = byte(i >> (8 * p))
	}
	e.Label, e.Factors[0] = i%10, float32(i)
	return nil
}

// walk gives the indices of the batches of a run, and checks what they hold.
func walk(t *testing.T, src Source, o LoaderOptions, max int) [][]int {
	t.Helper()
	type slot struct{ seen []int }
	l, err := NewLoader(src, o, func() *slot { return new(slot) }, func(b *Batch, s *slot) error {
		s.seen = append(s.seen[:0], b.Index...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got [][]int
	for len(got) < max {
		r, err := l.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b := r.Batch
		if want := o.Start + len(got); b.Step != want || b.Epoch != want/(src.Len()/o.Batch) {
			t.Errorf("step %d, epoch %d, want step %d", b.Step, b.Epoch, want)
		}
		if !slices.Equal(b.Index, r.Value.seen) {
			t.Errorf("step %d: the prepared value belongs to another batch", b.Step)
		}
		for i, x := range b.Index {
			if b.Labels[i] != x%10 || b.Factors[i] != float32(x) || b.Pixels[4*i] != byte(x) || b.Pixels[4*i+1] != byte(x>>8) {
				t.Errorf("step %d: place %d does not hold example %d", b.Step, i, x)
			}
		}
		got = append(got, slices.Clone(b.Index))
		r.Release()
		r.Release() // does nothing
	}
	return got
}

func TestLoaderOrder(t *testing.T) {
	src := numbered{n: 103}
	o := LoaderOptions{Batch: 10, Seed: 5, Shuffle: true, Workers: 1, Prefetch: 1, Steps: 35}
	want := walk(t, src, o, 100)
	if len(want) != 35 {
		t.Fatalf("%d batches, want 35", len(want))
	}
	for epoch := range 3 {
		seen := map[int]bool{}
		for _, b := range want[10*epoch : 10*epoch+10] {
			for _, x := range b {
				if seen[x] || x < 0 || x >= 103 {
					t.Errorf("epoch %d: example %d is there twice or does not exist", epoch, x)
				}
				seen[x] = true
			}
		}
	}
	if slices.Equal(want[0], want[10]) {
		t.Error("two epochs have one order")
	}
	for _, workers := range []int{0, 2, 7} {
		for _, prefetch := range []int{0, 1, 5} {
			for _, start := range []int{0, 9, 10, 34, 35} {
				o.Workers, o.Prefetch, o.Start = workers, prefetch, start
				got := walk(t, src, o, 100)
				if fmt.Sprint(got) != fmt.Sprint(want[start:]) {
					t.Errorf("workers %d, prefetch %d, start %d: other batches", workers, prefetch, start)
				}
			}
		}
	}
	o.Seed, o.Start = 6, 0
	if fmt.Sprint(walk(t, src, o, 100)) == fmt.Sprint(want) {
		t.Error("two seeds have one order")
	}
	plain := walk(t, src, LoaderOptions{Batch: 10, Start: 19}, 2)
	if plain[0][0] != 90 || plain[0][9] != 99 || plain[1][0] != 0 {
		t.Errorf("without Shuffle: %v", plain)
	}
	far := walk(t, src, LoaderOptions{Batch: 10, Shuffle: true, Start: 1_000_000_007}, 1)
	if len(far) != 1 {
		t.Errorf("far away: %v", far)
	}
}

func TestLoaderRefuses(t *testing.T) {
	for want, o := range map[string]LoaderOptions{
		"batch: is 0, want at least 1":                                 {},
		"batch: is 12, but numbered (train) has only 11 examples":      {Batch: 12},
		"start -1, steps 0, workers 0, prefetch 0: none may be negati": {Batch: 1, Start: -1},
	} {
		_, err := NewLoader(numbered{n: 11}, o, func() int { return 0 }, func(*Batch, int) error { return nil })
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

func TestLoaderErrors(t *testing.T) {
	before := runtime.NumGoroutine()
	nothing := func(*Batch, int) error { return nil }
	for name, c := range map[string]struct {
		fill func(*Batch, int) error
		fail int
		want string
	}{
		"reading": {nothing, 25, "step 2: numbered (train): example 25: the file is cut off"},
		"filling": {func(b *Batch, _ int) error {
			if b.Step == 2 {
				return errors.New("no such view")
			}
			return nil
		}, 0, "step 2: no such view"},
		"a panic": {func(b *Batch, _ int) error {
			if b.Step == 2 {
				panic("index out of range")
			}
			return nil
		}, 0, "step 2: internal fault while preparing the batch: index out of range\n"},
	} {
		l, err := NewLoader(numbered{n: 100, fail: c.fail}, LoaderOptions{Batch: 10, Workers: 3}, func() int { return 0 }, c.fill)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 2 { // steps before the fault come as if nothing were
			r, err := l.Next(t.Context())
			if err != nil || r.Batch.Step != step {
				t.Fatalf("%s: step %d: %v", name, step, err)
			}
			r.Release()
		}
		for range 2 {
			if _, err := l.Next(t.Context()); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
		l.Close()
		l.Close()
	}
	if !goroutinesEnd(before) {
		t.Error("goroutines are left behind")
	}
}

func TestLoaderCancelAndClose(t *testing.T) {
	before := runtime.NumGoroutine()
	block := make(chan struct{})
	l, err := NewLoader(numbered{n: 100}, LoaderOptions{Batch: 10}, func() int { return 0 }, func(*Batch, int) error {
		<-block
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := l.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next with a context that ends: %v", err)
	}
	close(block)
	r, err := l.Next(t.Context()) // and the loader goes on
	if err != nil || r.Batch.Step != 0 {
		t.Fatalf("after a cancelled wait: %v", err)
	}
	l.Close() // while a batch is held and others wait
	r.Release()
	for { // batches that were ready may still come, then the error
		if _, err := l.Next(t.Context()); err != nil {
			if err != errClosed {
				t.Errorf("after Close: %v", err)
			}
			break
		}
	}
	if !goroutinesEnd(before) {
		t.Error("goroutines are left behind")
	}
}

func goroutinesEnd(want int) bool {
	for range 200 {
		if runtime.NumGoroutine() <= want {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestLoaderWait(t *testing.T) {
	l, err := NewLoader(numbered{n: 100, slow: time.Millisecond}, LoaderOptions{Batch: 5, Workers: 1}, func() int { return 0 }, func(*Batch, int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := l.Next(t.Context())
	if err != nil || r.Wait < 4*time.Millisecond {
		t.Errorf("waited %v for a batch that takes 5 ms (%v)", r.Wait, err)
	}
}

func TestLoaderAllocatesNothing(t *testing.T) {
	l, err := NewLoader(numbered{n: 1 << 20}, LoaderOptions{Batch: 32, Shuffle: true, Workers: 2}, func() int { return 0 }, func(*Batch, int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := context.Background()
	if n := testing.AllocsPerRun(500, func() {
		r, err := l.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
	}); n != 0 {
		t.Errorf("%g allocations a batch", n)
	}
}

func TestSequential(t *testing.T) {
	for _, batch := range []int{1, 7, 23, 100} {
		var got []int
		sizes := 0
		for b, err := range Sequential(numbered{n: 23}, batch) {
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Labels) != b.N() || len(b.Factors) != b.N() || len(b.Pixels) != 4*b.N() || b.Step != sizes {
				t.Errorf("batch %d: a batch of %d with %d labels, %d factors, %d pixels, step %d", batch, b.N(), len(b.Labels), len(b.Factors), len(b.Pixels), b.Step)
			}
			for i, x := range b.Index {
				if int(b.Pixels[4*i]) != x || b.Labels[i] != x%10 || b.Factors[i] != float32(x) {
					t.Errorf("batch %d: place %d does not hold example %d", batch, i, x)
				}
			}
			got = append(got, b.Index...)
			sizes++
		}
		for i, x := range got {
			if x != i {
				t.Fatalf("batch %d: order %v", batch, got)
			}
		}
		if len(got) != 23 || sizes != (22+batch)/batch {
			t.Errorf("batch %d: %d examples in %d batches", batch, len(got), sizes)
		}
	}
	for range Sequential(numbered{n: 0}, 4) {
		t.Error("an empty source gives a batch")
	}
	var last error
	for _, last = range Sequential(numbered{n: 23, fail: 20}, 8) {
	}
	if last == nil || last.Error() != "numbered (train): example 20: the file is cut off" {
		t.Errorf("an example that cannot be read: %v", last)
	}
	for _, last = range Sequential(numbered{n: 23, trap: 20}, 8) {
	}
	if last == nil || !strings.HasPrefix(last.Error(), "numbered (train): example 20: internal fault while reading it: a fault of the reader\n") {
		t.Errorf("a reader that panics: %v", last)
	}
	for _, err := range Sequential(numbered{n: 23}, 0) {
		if err == nil || err.Error() != "batch: is 0, want at least 1" {
			t.Errorf("batch 0: %v", err)
		}
	}
}

func TestSubsetAndLimit(t *testing.T) {
	src := numbered{n: 50}
	e := Example{Pixels: make([]byte, 4), Factors: make([]float32, 1)}
	s, err := Subset(src, []int{7, 3, 3})
	if err != nil || s.Len() != 3 || s.Read(0, &e) != nil || e.Factors[0] != 7 {
		t.Errorf("subset: %v, %v", err, e.Factors)
	}
	if err := s.Read(3, &e); err == nil || err.Error() != "no example 3: there are 3, from 0" {
		t.Errorf("outside: %v", err)
	}
	if _, err := Subset(src, []int{50}); err == nil {
		t.Error("a subset with an example that does not exist")
	}
	a, _ := Limit(src, 10, 1)
	b, _ := Limit(src, 10, 1)
	c, _ := Limit(src, 10, 2)
	if !slices.Equal(a.(*subset).index, b.(*subset).index) || slices.Equal(a.(*subset).index, c.(*subset).index) {
		t.Error("a limit depends on the seed and on nothing else")
	}
	if !slices.IsSorted(a.(*subset).index) {
		t.Errorf("limit: %v is not in the order of the source", a.(*subset).index)
	}
	if all, _ := Limit(src, 0, 1); all != Source(src) {
		t.Error("limit 0 is the source itself")
	}
	if _, err := Limit(src, -1, 1); err == nil {
		t.Error("a negative limit")
	}
	if _, err := a.(Checksummer).Checksum(); err == nil {
		t.Error("a checksum of a source that has none")
	}
}

// BenchmarkLoader is what the loader costs the trainer: batches of 256 examples
// of 28x28 bytes. The trainer does nothing, so that this is reading alone.
func BenchmarkLoader(b *testing.B) {
	src := images{make([]byte, 60000*784)}
	l, err := NewLoader(src, LoaderOptions{Batch: 256, Shuffle: true}, func() int { return 0 }, func(*Batch, int) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	b.SetBytes(256 * 784)
	for b.Loop() {
		r, err := l.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
}

type images struct{ pixels []byte }

func (s images) Spec() Spec                      { return Spec{Name: "images", Split: "train", Shape: []int{1, 28, 28}} }
func (s images) Len() int                        { return len(s.pixels) / 784 }
func (s images) Read(i int, into *Example) error { copy(into.Pixels, s.pixels[784*i:]); return nil }
