package optim

import (
	"math"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// chunk is how many weights one goroutine takes at a time: with gradient and two
// arrays of state 256 KiB, which stays in the second-level cache.
const chunk = 1 << 14

// A span is a part of one parameter: values [lo, hi), or where the gradient is
// one of rows, entries [lo, hi) of Rows.
type span struct{ param, lo, hi int }

// cut lists the parts of all parameters that have a gradient, in order, reusing
// the memory of spans.
func cut(spans []span, params []Param) []span {
	spans = spans[:0]
	for i := range params {
		p := &params[i]
		n, size := len(p.G), chunk
		if p.Rows != nil {
			n, size = len(p.Rows), max(1, chunk/p.width())
		}
		for lo := 0; lo < n; lo += size {
			spans = append(spans, span{i, lo, min(lo+size, n)})
		}
	}
	return spans
}

// cutWeights is cut for all weights, whether they have a gradient or not.
func cutWeights(params []Param) []span {
	var spans []span
	for i := range params {
		n := len(params[i].W)
		for lo := 0; lo < n; lo += chunk {
			spans = append(spans, span{i, lo, min(lo+chunk, n)})
		}
	}
	return spans
}

// norms computes norms of parameters: one partial sum of squares a span, in
// parallel, added in the order of the spans.
type norms struct {
	spans    []span
	values   func(s span) []float32
	partial  []float64
	parallel func(lo, hi int)
}

// newNorms computes norms of what values gives for a span.
func newNorms(values func(s span) []float32) *norms {
	n := &norms{values: values}
	n.parallel = func(lo, hi int) {
		for i := lo; i < hi; i++ {
			n.partial[i] = vec.SumSquares(n.values(n.spans[i]))
		}
	}
	return n
}

func (n *norms) run(spans []span) {
	n.spans = spans
	if cap(n.partial) < len(spans) {
		n.partial = make([]float64, len(spans))
	}
	n.partial = n.partial[:len(spans)]
	par.For(len(spans), 1, n.parallel)
}

// all is the norm of all spans together.
func (n *norms) all(spans []span) float64 {
	n.run(spans)
	sum := 0.0
	for _, s := range n.partial {
		sum += s
	}
	return math.Sqrt(sum)
}

// each sets into[i] to the norm of parameter i.
func (n *norms) each(spans []span, into []float64) {
	n.run(spans)
	clear(into)
	for i, s := range n.partial {
		into[spans[i].param] += s
	}
	for i, s := range into {
		into[i] = math.Sqrt(s)
	}
}

// gradient is the part of the gradient that a span stands for.
func gradient(p *Param, s span) []float32 {
	if p.Rows != nil {
		return p.G[s.lo*p.width() : s.hi*p.width()]
	}
	return p.G[s.lo:s.hi]
}
