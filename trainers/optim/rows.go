package optim

import (
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// rowChunk is how many distinct rows one goroutine sums at a time.
const rowChunk = 64

// A merger sums the gradients of rows that are named more than once, each in the
// order in which they are named.
type merger struct {
	out    []Param
	tables []table // by parameter
}

// A table is the memory that the rows of one parameter need.
type table struct {
	// place[row] is where in rows the row stands, if that place is one of rows and
	// holds it: any other value is left over from an earlier batch. So nothing is
	// cleared between batches (Briggs and Torczon 1993, "An efficient representation
	// for sparse sets").
	place []int

	rows        []int // distinct, in the order in which they are first named
	first, last []int // by place: where in Rows the row is named first, and last
	next        []int // by position in Rows: where it is named next, or -1
	sum         []float32

	param    *Param // whose rows are being summed
	parallel func(lo, hi int)
}

func newMerger(params []Param) *merger {
	return &merger{out: make([]Param, len(params)), tables: make([]table, len(params))}
}

// rows gives the parameters with distinct rows. Those without repeated ones share
// the memory of their gradient; the sums belong to the merger, until its next
// call.
func (m *merger) rows(params []Param) []Param {
	copy(m.out, params)
	for i := range m.out {
		if p := &m.out[i]; p.Rows != nil && !p.merged {
			m.tables[i].merge(p)
		}
	}
	return m.out
}

func (t *table) merge(p *Param) {
	t.link(p)
	p.merged = true
	if len(t.rows) == len(p.Rows) {
		return
	}
	t.sum = grown(t.sum, len(t.rows)*p.width())
	if t.parallel == nil {
		t.parallel = t.add
	}
	t.param = p
	par.For(len(t.rows), rowChunk, t.parallel)
	t.param = nil
	p.Rows, p.G = t.rows, t.sum
}

// link finds the distinct rows and, for each, the places where it is named.
func (t *table) link(p *Param) {
	if t.place == nil {
		t.place = make([]int, p.Shape[0])
	}
	t.rows, t.first, t.last = t.rows[:0], t.first[:0], t.last[:0]
	t.next = grown(t.next, len(p.Rows))
	for i, r := range p.Rows {
		t.next[i] = -1
		if at := t.place[r]; at < len(t.rows) && t.rows[at] == r {
			t.next[t.last[at]] = i
			t.last[at] = i
			continue
		}
		t.place[r] = len(t.rows)
		t.rows = append(t.rows, r)
		t.first = append(t.first, i)
		t.last = append(t.last, i)
	}
}

// add sums the gradients of the distinct rows [lo, hi).
func (t *table) add(lo, hi int) {
	n, g := t.param.width(), t.param.G
	for at := lo; at < hi; at++ {
		sum := t.sum[at*n : (at+1)*n]
		i := t.first[at]
		copy(sum, g[i*n:(i+1)*n])
		for i = t.next[i]; i >= 0; i = t.next[i] {
			vec.Add(sum, sum, g[i*n:(i+1)*n])
		}
	}
}

// grown is x with n elements of any value, in the same memory where it suffices.
func grown[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n, n+n/4)
	}
	return x[:n]
}
