package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"x2vec/data/draw"
)

// LoaderOptions say how a Loader walks through its Source.
type LoaderOptions struct {
	Batch    int    // examples a batch, at least 1
	Seed     uint64 // of the order, where Shuffle is set
	Shuffle  bool   // another order every epoch; otherwise that of the Source
	Workers  int    // goroutines that read and prepare; 0 = one a thread, 4 at most
	Prefetch int    // finished batches that wait for the trainer; 0 = 2
	Start    int    // step to begin at: that of the first batch Next gives
	Steps    int    // steps of the whole run: Next ends before this one; 0 = endless
}

// A Loader gives the batches of a run in the order of its steps, prepared ahead
// of time on its own goroutines.
//
// Which examples a step has is a pure function of the seed and the step: neither
// the number of workers nor where the run began plays a part. The incomplete
// last batch of an epoch is dropped.
type Loader[T any] struct {
	src     Source
	o       LoaderOptions
	fill    func(b *Batch, into T) error
	perEp   int // steps an epoch
	next    int // step that Next gives next
	failed  error
	quit    chan struct{}
	stopped sync.Once
	workers sync.WaitGroup

	turn  sync.Mutex // held while a worker takes a slot and a step, so that both go in order
	taken int        // step that a worker takes next
	free  chan *Ready[T]
	// done[s % len(done)] carries step s. At most len(done) steps are under way,
	// so that no two of them share a place and no worker waits to deliver.
	done []chan *Ready[T]
}

// Ready is one prepared batch. It belongs to the caller of Next until Release.
type Ready[T any] struct {
	Value T             // what fill made of the batch
	Batch *Batch        // the batch itself
	Wait  time.Duration // time that Next waited for it

	err     error
	example Example
	held    atomic.Bool
	home    chan<- *Ready[T]
}

// Release gives the memory back to the Loader; Value and Batch must not be used
// afterwards. A second call does nothing.
func (r *Ready[T]) Release() {
	if r.held.CompareAndSwap(true, false) {
		r.home <- r // has room for every slot
	}
}

// NewLoader starts the goroutines of a Loader over src. Close ends them.
//
// slots makes the value that holds one prepared batch; it is called once for
// each of the Workers + Prefetch + 1 slots, here. fill puts a batch into such a
// value; it is called on several goroutines at once, for different values, and
// must depend on the batch alone.
func NewLoader[T any](src Source, o LoaderOptions, slots func() T, fill func(b *Batch, into T) error) (*Loader[T], error) {
	spec, n := src.Spec(), src.Len()
	switch {
	case o.Batch < 1:
		return nil, fmt.Errorf("batch: is %d, want at least 1", o.Batch)
	case n < o.Batch:
		return nil, fmt.Errorf("batch: is %d, but %s (%s) has only %d examples", o.Batch, spec.Name, spec.Split, n)
	case o.Start < 0 || o.Steps < 0 || o.Workers < 0 || o.Prefetch < 0:
		return nil, fmt.Errorf("start %d, steps %d, workers %d, prefetch %d: none may be negative", o.Start, o.Steps, o.Workers, o.Prefetch)
	}
	if o.Workers == 0 {
		o.Workers = min(4, runtime.GOMAXPROCS(0))
	}
	if o.Prefetch == 0 {
		o.Prefetch = 2
	}
	ring := o.Workers + o.Prefetch + 1
	l := &Loader[T]{
		src: src, o: o, fill: fill, perEp: n / o.Batch,
		next: o.Start, taken: o.Start,
		quit: make(chan struct{}),
		free: make(chan *Ready[T], ring),
		done: make([]chan *Ready[T], ring),
	}
	for i := range l.done {
		l.done[i] = make(chan *Ready[T], 1)
		l.free <- &Ready[T]{Value: slots(), Batch: newBatch(spec, o.Batch), home: l.free}
	}
	for range o.Workers {
		l.workers.Go(l.work)
	}
	return l, nil
}

// Next is the batch of the next step. It waits for it where it is not ready,
// until ctx is done. After the last step the error is io.EOF. Any other error
// but that of ctx is final: it names the step and, where an example could not be
// read, the example. Next is for one goroutine.
func (l *Loader[T]) Next(ctx context.Context) (*Ready[T], error) {
	if l.failed != nil {
		return nil, l.failed
	}
	if l.o.Steps > 0 && l.next >= l.o.Steps {
		return nil, io.EOF
	}
	var r *Ready[T]
	var wait time.Duration
	done := l.done[l.next%len(l.done)]
	select {
	case r = <-done:
	default:
		began := time.Now()
		select {
		case r = <-done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-l.quit:
			return nil, errClosed
		}
		wait = time.Since(began)
	}
	l.next++
	if r.err != nil {
		l.failed = r.err
		return nil, r.err
	}
	r.Wait = wait
	r.held.Store(true)
	return r, nil
}

var errClosed = errors.New("the loader is closed")

// Close ends the goroutines and waits for them. It may be called more than once.
func (l *Loader[T]) Close() {
	l.stopped.Do(func() { close(l.quit) })
	l.workers.Wait()
}

// work takes a slot and the next step, prepares it and delivers it, until the
// last step, an error or Close.
func (l *Loader[T]) work() {
	var order *draw.Perm
	epoch := -1
	for {
		r, step := l.take()
		if r == nil {
			return
		}
		if e := step / l.perEp; e != epoch && l.o.Shuffle {
			epoch, order = e, draw.NewPerm(draw.Key(l.o.Seed, "order", e, 0), l.src.Len())
		}
		if err := l.prepare(r, step, order); err != nil {
			r.err = fmt.Errorf("step %d: %w", step, err)
		}
		l.done[step%len(l.done)] <- r
		if r.err != nil {
			return
		}
	}
}

// take waits for a free slot and gives it with the step to prepare in it, or nil
// at the end.
func (l *Loader[T]) take() (*Ready[T], int) {
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.o.Steps > 0 && l.taken >= l.o.Steps {
		return nil, 0
	}
	select {
	case <-l.quit: // before the slots, of which some may be free
		return nil, 0
	default:
	}
	select {
	case r := <-l.free:
		l.taken++
		return r, l.taken - 1
	case <-l.quit:
		return nil, 0
	}
}

func (l *Loader[T]) prepare(r *Ready[T], step int, order *draw.Perm) (err error) {
	defer Recover(&err, "preparing the batch")
	b := r.Batch
	b.Epoch, b.Step = step/l.perEp, step
	at := step % l.perEp * l.o.Batch
	for i := range b.Index {
		b.Index[i] = at + i
		if order != nil {
			b.Index[i] = order.At(at + i)
		}
	}
	for i := range b.Index {
		if err := b.read(l.src, i, &r.example); err != nil {
			return err
		}
	}
	return l.fill(b, r.Value)
}

func newBatch(spec Spec, n int) *Batch {
	b := &Batch{
		Spec:    spec,
		Index:   make([]int, n),
		Labels:  make([]int, n),
		Factors: make([]float32, n*len(spec.Factors)),
	}
	if c := spec.Captions; c != nil {
		b.Caption = make([]int32, n*c.Length)
	}
	if spec.Tokens() {
		b.Tokens = make([]int32, n*spec.Size())
	} else {
		b.Pixels = make([]byte, n*spec.Size())
	}
	return b
}

// read fills place i of the batch with the example of b.Index[i].
func (b *Batch) read(src Source, i int, e *Example) error {
	size, factors := b.Spec.Size(), len(b.Spec.Factors)
	if b.Spec.Tokens() {
		e.Tokens = b.Tokens[i*size : (i+1)*size : (i+1)*size]
	} else {
		e.Pixels = b.Pixels[i*size : (i+1)*size : (i+1)*size]
	}
	if c := b.Spec.Captions; c != nil {
		e.Caption = b.Caption[i*c.Length : (i+1)*c.Length : (i+1)*c.Length]
	}
	e.Factors = b.Factors[i*factors : (i+1)*factors : (i+1)*factors]
	e.Label = -1
	if err := read(src, b.Index[i], e); err != nil {
		return fmt.Errorf("%s (%s): example %d: %w", b.Spec.Name, b.Spec.Split, b.Index[i], err)
	}
	b.Labels[i] = e.Label
	return nil
}

func read(src Source, index int, e *Example) (err error) {
	defer Recover(&err, "reading it")
	return src.Read(index, e)
}
