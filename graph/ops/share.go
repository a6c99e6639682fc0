package ops

import (
	"gorgonia.org/tensor"

	"x2vec/graph/ops/mem"
)

// Share has the operations of a graph that is only run forward use one another's
// memory: the output of one is where a later one writes as soon as all that read it have
// run. from are the operations whose outputs each one reads, kept says of which the
// output is read after a run; that of one which no other reads is kept anyway.
//
// Who writes where is found in the first run; the order of the operations is the same in
// every run, and so it stays.
func Share(list []*Op, from map[*Op][]*Op, kept map[*Op]bool) {
	p := &pool{}
	root := func(op *Op) *Op { // whose memory an output is; nil for that of an input
		for op != nil && op.view != nil {
			if len(from[op]) == 0 {
				return nil
			}
			op = from[op][0]
		}
		return op
	}
	for _, op := range list {
		op.lease = &lease{pool: p}
	}
	for _, op := range list {
		if r := root(op); r != nil && kept[op] {
			r.lease.kept = true
		}
		if op.view != nil {
			continue
		}
		for _, in := range from[op] {
			if r := root(in); r != nil && r.lease != nil {
				r.lease.readers++
				op.lease.reads = append(op.lease.reads, r)
			}
		}
	}
}

// Shared is how much memory the operations that share theirs with this one have come to,
// false where it has its own.
func (op *Op) Shared() (bytes int64, ok bool) {
	if op.lease == nil {
		return 0, false
	}
	return op.lease.pool.bytes, true
}

// A lease is how an operation has its output buffer from a pool.
type lease struct {
	pool    *pool
	reads   []*Op // of the same graph, once for each input
	readers int   // of the output that have not run yet
	kept    bool
	done    bool // the first run is over for this operation
}

// allocate makes the output of op of memory that nothing needs any more.
func (l *lease) allocate(op *Op) {
	op.outF = l.pool.take(size(op.shape))
	op.out = tensor.New(tensor.WithShape(op.shape...), tensor.WithBacking(op.outF))
}

// ran gives back the memory of what op was the last to read.
func (l *lease) ran() {
	if l.done {
		return
	}
	l.done = true
	for _, in := range l.reads {
		if in.lease.readers--; in.lease.readers == 0 && !in.lease.kept && in.out != nil {
			l.pool.free = append(l.pool.free, in.outF)
		}
	}
}

// pool holds memory between two uses.
type pool struct {
	free  [][]float32
	bytes int64 // of all that was ever made
}

// take gives n values of any content: of what is free the smallest that has room.
func (p *pool) take(n int) []float32 {
	best := -1
	for i, b := range p.free {
		if cap(b) >= n && (best < 0 || cap(b) < cap(p.free[best])) {
			best = i
		}
	}
	if best < 0 {
		p.bytes += 4 * int64(n)
		return mem.Floats(n)
	}
	b := p.free[best]
	last := len(p.free) - 1
	p.free[best], p.free[last] = p.free[last], nil
	p.free = p.free[:last]
	return b[:n]
}
