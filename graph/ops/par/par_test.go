package par

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// with runs the test on several numbers of threads and restores what was set.
func with(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	before := Threads()
	t.Cleanup(func() { SetThreads(before) })
	for _, n := range []int{1, 2, 3, 8} {
		SetThreads(n)
		t.Run("", f)
	}
}

func TestForCoversEveryIndexOnce(t *testing.T) {
	with(t, func(t *testing.T) {
		for _, n := range []int{-1, 0, 1, 2, 7, 64, 1000} {
			for _, chunk := range []int{1, 3, 64, 5000} {
				seen := make([]atomic.Int32, max(n, 0))
				For(n, chunk, func(lo, hi int) {
					if lo%chunk != 0 || hi <= lo || hi-lo > chunk || (hi != n && hi-lo != chunk) {
						t.Errorf("n=%d chunk=%d: got [%d,%d)", n, chunk, lo, hi)
					}
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if got := seen[i].Load(); got != 1 {
						t.Fatalf("n=%d chunk=%d: index %d visited %d times", n, chunk, i, got)
					}
				}
			}
		}
	})
}

func TestForNested(t *testing.T) {
	with(t, func(t *testing.T) {
		var sum atomic.Int64
		For(20, 1, func(lo, _ int) {
			For(20, 3, func(_, _ int) {
				For(5, 1, func(int, int) { sum.Add(1) })
			})
		})
		if got := sum.Load(); got != 20*7*5 {
			t.Errorf("got %d calls, want %d", got, 20*7*5)
		}
	})
}

func TestForFromManyGoroutines(t *testing.T) {
	defer SetThreads(Threads())
	SetThreads(3)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for round := range 200 {
				SetThreads(1 + (g+round)%4)
				var n atomic.Int64
				For(10, 1, func(int, int) { n.Add(1) })
				if n.Load() != 10 {
					t.Errorf("got %d calls, want 10", n.Load())
				}
			}
		})
	}
	wg.Wait()
}

func TestForUsesSeveralGoroutines(t *testing.T) {
	defer SetThreads(Threads())
	SetThreads(4)
	var meet sync.WaitGroup // returns only if all four chunks run at the same time
	meet.Add(4)
	For(4, 1, func(int, int) {
		meet.Done()
		meet.Wait()
	})
}

func TestForCarriesPanicToTheCaller(t *testing.T) {
	boom := errors.New("boom")
	with(t, func(t *testing.T) {
		for _, at := range []int{0, 9} {
			func() {
				defer func() {
					p, ok := recover().(*Panic)
					if !ok || !errors.Is(p, boom) || len(p.Stack) == 0 {
						t.Errorf("recovered %v, want a *Panic of %v with a stack", p, boom)
					}
				}()
				For(10, 1, func(outer, _ int) {
					For(10, 1, func(inner, _ int) {
						if outer == at && inner == at {
							panic(boom)
						}
					})
				})
				t.Error("For returned")
			}()
		}
		var n atomic.Int64
		For(100, 1, func(int, int) { n.Add(1) })
		if n.Load() != 100 {
			t.Errorf("after a panic: got %d calls, want 100", n.Load())
		}
	})
}

func TestForSurvivesGoexit(t *testing.T) {
	defer SetThreads(Threads())
	SetThreads(3)
	for range 5 {
		over := make(chan struct{})
		go func() {
			defer close(over)
			defer func() { _ = recover() }() // the caller's goroutine may be the one that stays
			For(3, 1, func(int, int) { runtime.Goexit() })
		}()
		<-over
	}
	var meet sync.WaitGroup
	meet.Add(3)
	For(3, 1, func(int, int) {
		meet.Done()
		meet.Wait()
	})
}

func TestForAllocatesNothing(t *testing.T) {
	defer SetThreads(Threads())
	SetThreads(2)
	var sum atomic.Int64
	f := func(lo, hi int) { sum.Add(int64(hi - lo)) }
	For(100, 10, f)
	if got := testing.AllocsPerRun(200, func() { For(100, 10, f) }); got >= 1 {
		t.Errorf("%v allocations a call, want 0", got)
	}
}

func TestSetThreads(t *testing.T) {
	defer SetThreads(Threads())
	SetThreads(5)
	if Threads() != 5 {
		t.Errorf("got %d, want 5", Threads())
	}
	SetThreads(0)
	if Threads() != runtime.GOMAXPROCS(0) {
		t.Errorf("got %d, want GOMAXPROCS", Threads())
	}
}

func BenchmarkFor(b *testing.B) {
	b.ReportAllocs()
	f := func(lo, hi int) {}
	for b.Loop() {
		For(2, 1, f)
	}
}
