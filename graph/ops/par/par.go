// Package par runs loops on a fixed set of goroutines.
//
// Its loops are fork-join: For returns when every chunk is done. A call allocates
// nothing. Chunks are the caller's choice and never depend on the number of
// threads, so that a sum taken per chunk and added in chunk order is the same on
// every machine.
//
// A training step is a row of some sixty short loops. To put a goroutine to sleep
// and wake it costs tens of microseconds, on virtual machines most of all, so one
// that has nothing to do watches for the next loop a short while, then sleeps.
//
// The function given to For outlives the call as far as the compiler can tell.
// A literal that captures variables is therefore allocated by the caller; hot
// loops keep one bound function beside their arguments in a pooled struct.
package par

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Panic is what For panics with when f panics: the same on whichever goroutine
// the chunk ran. A Panic that comes from a For inside f is passed on unchanged.
type Panic struct {
	Value any    // what f panicked with
	Stack []byte // of the goroutine that panicked
}

func (p *Panic) Error() string {
	return fmt.Sprintf("%v\n\nin a parallel loop:\n%s", p.Value, p.Stack)
}

// Unwrap returns the value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// maxParts bounds the parts that the chunks of a loop are cut into.
const maxParts = 64

// place has a cache line for itself.
type place struct {
	atomic.Int64
	_ [56]byte
}

// job is one running For. All fields below next are guarded by team.mu.
type job struct {
	f        func(lo, hi int)
	n, chunk int
	parts    int             // in use of next
	next     [maxParts]place // of each part of the chunks, the first that nobody has taken

	active  atomic.Int32 // helpers, to be watched without the lock
	room    int          // goroutines that may still join
	helpers int          // goroutines that joined and have not left
	waiting bool
	panic   *Panic
	idle    func() bool   // whether no helper is active
	done    chan struct{} // the last helper to leave tells the waiting caller
	after   *job          // in the list of open jobs
}

var (
	threads atomic.Int32

	jobs = sync.Pool{New: func() any {
		j := &job{done: make(chan struct{}, 1)}
		j.idle = func() bool { return j.active.Load() == 0 }
		return j
	}}

	team struct {
		mu      sync.Mutex
		wake    sync.Cond
		open    *job          // jobs that helpers may join, the newest first
		opened  atomic.Uint64 // how many were ever opened, to be watched without the lock
		helpers int           // goroutines started
	}
)

// patience is how long a goroutine watches before it sleeps.
const patience = 200 * time.Microsecond

// alone is whether there is one processor: then watching only keeps others from it.
var alone = runtime.GOMAXPROCS(0) == 1

// watch returns when done is true, or when patience is at an end.
func watch(done func() bool) {
	if alone {
		return
	}
	for began := time.Now(); time.Since(began) < patience; {
		for range 32 {
			if done() {
				return
			}
		}
	}
}

func init() {
	threads.Store(int32(runtime.GOMAXPROCS(0)))
	team.wake.L = &team.mu
}

// Threads returns the number of goroutines that one For uses at most, its caller among them.
func Threads() int { return int(threads.Load()) }

// SetThreads sets that number, for loops that start from now on; n < 1 stands for
// GOMAXPROCS, which is also what the program starts with.
func SetThreads(n int) {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	threads.Store(int32(min(n, 4096)))
}

// For calls f(lo, hi) for the chunks [0,chunk), [chunk,2·chunk) … of [0,n), the
// last one possibly shorter, each once, and returns when all calls have returned.
// Calls run at the same time on up to Threads goroutines and in no particular
// order; on one thread they run in order. f may call For itself.
//
// If f panics, chunks not yet started are skipped and For panics with a *Panic.
func For(n, chunk int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	if chunk < 1 {
		panic(fmt.Sprintf("par: chunk is %d, want at least 1", chunk))
	}
	j := jobs.Get().(*job)
	chunks := (n + chunk - 1) / chunk
	room := min(Threads(), chunks) - 1
	j.f, j.n, j.chunk = f, n, chunk
	j.parts = min(room+1, maxParts)
	for p := range j.parts {
		j.next[p].Store(int64(chunks * p / j.parts))
	}
	if room > 0 {
		j.invite(room)
		j.run(0)
		j.wait()
	} else {
		j.run(0)
	}
	p := j.panic
	j.f, j.panic = nil, nil
	jobs.Put(j)
	if p != nil {
		panic(p)
	}
}

// invite opens the job to room helpers.
func (j *job) invite(room int) {
	team.mu.Lock()
	j.room = room
	j.after, team.open = team.open, j
	team.opened.Add(1)
	for ; team.helpers < room; team.helpers++ {
		go help(team.helpers + 1)
	}
	for range room {
		team.wake.Signal()
	}
	team.mu.Unlock()
}

// wait closes the job and returns when the last helper has left it. Helpers never
// wait for chunks that nobody has begun, so nested loops cannot block each other.
func (j *job) wait() {
	team.mu.Lock()
	j.close()
	if j.helpers > 0 {
		team.mu.Unlock()
		watch(j.idle)
		team.mu.Lock()
	}
	if j.waiting = j.helpers > 0; j.waiting {
		team.mu.Unlock()
		<-j.done
		return
	}
	team.mu.Unlock()
}

// close takes the job off the list of open ones if it is there.
func (j *job) close() {
	for p := &team.open; *p != nil; p = &(*p).after {
		if *p == j {
			*p, j.after = j.after, nil
			return
		}
	}
}

// run works on the job's chunks until none is left: on those of its own part first,
// so that what a goroutine wrote in one loop it finds in its own cache in the next,
// then on what the others have left of theirs.
func (j *job) run(part int) {
	finished := false
	defer func() {
		if finished {
			return
		}
		// A panic, or f called runtime.Goexit (as testing's FailNow does): recover gives nil.
		v := recover()
		for p := range j.parts {
			j.next[p].Store(int64(j.n)) // no loop has more chunks
		}
		p, ok := v.(*Panic)
		if !ok {
			if v == nil {
				v = "the goroutine was ended inside the loop"
			}
			p = &Panic{Value: v, Stack: debug.Stack()}
		}
		team.mu.Lock()
		if j.panic == nil {
			j.panic = p
		}
		team.mu.Unlock()
	}()
	chunks := (j.n + j.chunk - 1) / j.chunk
	for i := range j.parts {
		p := (part + i) % j.parts
		for end := chunks * (p + 1) / j.parts; ; {
			c := int(j.next[p].Add(1)) - 1
			if c >= end {
				break
			}
			j.f(c*j.chunk, min((c+1)*j.chunk, j.n))
		}
	}
	finished = true
}

// help is one of the team's goroutines: it joins open jobs for ever, each from the same part.
func help(part int) {
	var seen uint64
	another := func() bool { return team.opened.Load() != seen }
	team.mu.Lock()
	for {
		if seen = team.opened.Load(); team.open == nil {
			team.mu.Unlock()
			watch(another)
			team.mu.Lock()
		}
		for team.open == nil {
			team.wake.Wait()
		}
		j := team.open
		j.helpers++
		j.active.Add(1)
		if j.room--; j.room == 0 {
			j.close()
		}
		team.mu.Unlock()
		j.assist(part)
		team.mu.Lock()
	}
}

// assist runs a job that was joined and leaves it, even when f ends the goroutine.
func (j *job) assist(part int) {
	ended := true
	defer func() {
		team.mu.Lock()
		if ended {
			team.helpers--
		}
		j.close()
		j.active.Add(-1)
		if j.helpers--; j.helpers == 0 && j.waiting {
			j.waiting = false
			j.done <- struct{}{}
		}
		team.mu.Unlock()
	}()
	j.run(part)
	ended = false
}
