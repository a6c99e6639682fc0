package optim

import (
	"fmt"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Gradients gathers the gradients of one or several batches for one step. It is
// for use by one goroutine.
type Gradients struct {
	batches int // a step
	have    int // since the last step

	sums   []sum // by parameter; nil where every batch makes a step
	added  []Param
	merge  *merger
	ready  []Param // what the last Add returned
	spans  []span
	normed *norms

	params   []Param // of the Add that runs
	parallel func(lo, hi int)
}

// A sum is the gradient of one parameter over the batches so far. Those of a
// table's rows stand one batch after the other, until they are merged.
type sum struct {
	g     []float32
	rows  []int
	empty bool // no batch had a gradient yet
}

// NewGradients makes room for the gradients of params, of which those of so many
// batches make a step.
func NewGradients(params []Param, batches int) (*Gradients, error) {
	if batches < 1 {
		return nil, fmt.Errorf("optimizer.accumulate: is %d, want at least 1 batch", batches)
	}
	if err := describe(params); err != nil {
		return nil, fmt.Errorf("gradients: %w", err)
	}
	g := &Gradients{batches: batches, merge: newMerger(params)}
	if batches > 1 {
		g.sums = make([]sum, len(params))
		g.added = make([]Param, len(params))
	}
	g.normed = newNorms(func(s span) []float32 { return gradient(&g.ready[s.param], s) })
	g.parallel = g.addDense
	return g, nil
}

// Add takes the gradients of one batch; params are those of NewGradients, with new
// G and Rows. When it was the last batch of a step, full is true and sum holds the
// parameters with the sum of the gradients, in which no row is named twice. sum is
// valid until the next Add; with one batch a step, its dense gradients are those
// given, not copies.
func (g *Gradients) Add(params []Param) (sum []Param, full bool) {
	if len(params) != len(g.merge.out) {
		panic(fmt.Sprintf("optim: gradients of %d parameters, %d at the start", len(params), len(g.merge.out)))
	}
	for i := range params {
		params[i].check()
	}
	if g.batches > 1 {
		g.accumulate(params)
		if g.have++; g.have < g.batches {
			return nil, false
		}
		g.have = 0
		params = g.added
	}
	g.ready = g.merge.rows(params)
	g.spans = cut(g.spans, g.ready)
	return g.ready, true
}

// accumulate adds one batch to the sums.
func (g *Gradients) accumulate(params []Param) {
	for i := range params {
		p, s := &params[i], &g.sums[i]
		if g.have == 0 {
			s.g, s.rows, s.empty = s.g[:0], s.rows[:0], true
		}
		switch {
		case p.Rows != nil:
			s.g, s.rows = append(s.g, p.G...), append(s.rows, p.Rows...)
		case p.G != nil:
			s.g = grown(s.g, len(p.G))
		}
	}
	g.params, g.spans = params, cut(g.spans, params)
	par.For(len(g.spans), 1, g.parallel)
	g.params = nil
	for i := range params {
		p, s := &params[i], &g.sums[i]
		s.empty = s.empty && p.G == nil
		if g.added[i] = *p; !s.empty {
			g.added[i].G = s.g
		}
		if p.Rows != nil {
			g.added[i].Rows = s.rows
		}
	}
}

// addDense adds some spans of one batch to the sums.
func (g *Gradients) addDense(lo, hi int) {
	for _, s := range g.spans[lo:hi] {
		p, sum := &g.params[s.param], &g.sums[s.param]
		if p.Rows != nil {
			continue
		}
		into := sum.g[s.lo:s.hi]
		if sum.empty {
			copy(into, p.G[s.lo:s.hi])
		} else {
			vec.Add(into, into, p.G[s.lo:s.hi])
		}
	}
}

// Norm is the Euclidean norm, over all parameters together, of the mean over the
// batches of the gradients that the last full Add returned.
func (g *Gradients) Norm() float64 {
	return g.normed.all(g.spans) / float64(g.batches)
}

// Scale is what the optimizer multiplies the sum by: 1/batches for the mean,
// times ClipFactor for a norm of the mean that Norm gave. A maxNorm of 0 clips
// nothing.
func (g *Gradients) Scale(norm, maxNorm float64) float32 {
	return float32(ClipFactor(norm, maxNorm) / float64(g.batches))
}

// ClipFactor is what brings gradients of that norm to at most maxNorm, by the
// formula of torch.nn.utils.clip_grad_norm_; it is 1 if maxNorm is 0, and NaN if
// the norm is.
func ClipFactor(norm, maxNorm float64) float64 {
	if maxNorm == 0 {
		return 1
	}
	return min(1, maxNorm/(norm+1e-6))
}
