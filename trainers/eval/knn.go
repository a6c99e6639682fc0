package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"x2vec/data"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// A Metric says which codes are near to each other.
type Metric int

const (
	// Cosine goes by the angle: the distance is 1 − a·b/(|a||b|). A code of zeros
	// has similarity 0 to everything.
	Cosine Metric = iota
	// Euclidean goes by the length of the difference.
	Euclidean
)

func (m Metric) String() string {
	if m == Euclidean {
		return "l2"
	}
	return "cosine"
}

// Neighbours are the nearest codes of each of a number of queries.
type Neighbours struct {
	K        int
	Index    []int     // (queries, K) positions in the base, nearest first
	Distance []float32 // (queries, K) by the metric, ascending
}

// Of is the neighbours of one query.
func (n *Neighbours) Of(query int) (index []int, distance []float32) {
	return n.Index[query*n.K : (query+1)*n.K], n.Distance[query*n.K : (query+1)*n.K]
}

// Nearest finds the k nearest codes of the base for every query. Of two at the
// same distance the one with the lower position comes first. Where self is not
// nil, self[i] is the position of query i in the base, which is left out, or -1.
func Nearest(queries, base Features, k int, m Metric, self []int) (*Neighbours, error) {
	return NearestUntil(context.Background(), queries, base, k, m, self)
}

// NearestUntil is Nearest that leaves, with the cause, when the context ends.
func NearestUntil(ctx context.Context, queries, base Features, k int, m Metric, self []int) (*Neighbours, error) {
	if err := check2(base, queries); err != nil {
		return nil, err
	}
	room := base.N()
	if self != nil {
		if len(self) != queries.N() {
			return nil, fmt.Errorf("neighbours: %d queries, but %d of them are said to be in the base", queries.N(), len(self))
		}
		room--
	}
	if k < 1 || k > room {
		return nil, fmt.Errorf("neighbours: k is %d, want 1 to %d, the codes there are", k, room)
	}
	s := newSearch(queries, base, k, m, self)
	if !vec.Finite(s.half) {
		return nil, fmt.Errorf("neighbours: codes are too large for their distances to be taken in single precision")
	}
	s.ctx = ctx
	par.For(queries.N(), s.chunk(), s.block)
	if err := ended(ctx); err != nil {
		return nil, err
	}
	return &Neighbours{K: k, Index: s.index, Distance: s.distance}, nil
}

// A block of queries meets the base in blocks: the products of both stay in the
// cache of one core while they are looked through.
const (
	queryChunk = 128
	baseBlock  = 512
	// wide codes make a block of the base so large that it is better met by more
	// queries at a time.
	wideCode       = 1024
	wideQueryChunk = 512
	// spare is how many more than k are kept by the products in float32, before
	// the distances are taken exactly.
	spare = 4
)

// search is one run of Nearest. Nearness is measured by a score that is a matrix
// product: a·b for unit vectors, a·b − |b|²/2 for the Euclidean distance, which
// is (|a|² − |a−b|²)/2 but for what all of the base share.
type search struct {
	ctx      context.Context
	k, d     int
	metric   Metric
	q, b     Features
	half     []float32 // (base) |b|²/2, Euclidean
	self     []int
	index    []int
	distance []float32
	done     atomic.Int64 // queries
}

func (s *search) chunk() int {
	if s.d >= wideCode {
		return wideQueryChunk
	}
	return queryChunk
}

func newSearch(q, b Features, k int, m Metric, self []int) *search {
	s := &search{k: k, d: q.D, metric: m, self: self,
		index: make([]int, q.N()*k), distance: make([]float32, q.N()*k)}
	switch m {
	case Cosine:
		s.b = unit(b)
		s.q = s.b
		if &q.X[0] != &b.X[0] || len(q.X) != len(b.X) {
			s.q = unit(q)
		}
	case Euclidean:
		s.q, s.b = q, b
		s.half = make([]float32, b.N())
		par.For(b.N(), rowChunk, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				s.half[i] = float32(vec.SumSquares(b.Row(i)) / 2)
			}
		})
	}
	return s
}

// unit is the features with every code scaled to length 1.
func unit(f Features) Features {
	u := Features{X: mem.Floats(len(f.X)), D: f.D, Labels: f.Labels}
	par.For(f.N(), rowChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			unitRow(u.Row(i), f.Row(i))
		}
	})
	return u
}

// unitRow writes x scaled to length 1, or nothing where x is 0. dst may be x.
func unitRow(dst, x []float32) { toLength(dst, x, length(x)) }

// toLength is unitRow for a row whose length is known.
func toLength(dst, x []float32, l float64) {
	if l > 1e-30 && l < 1e30 {
		vec.Scale(dst, x, float32(1/l))
	} else if l > 0 { // 1/l may be beyond float32
		for j, v := range x {
			dst[j] = float32(float64(v) / l)
		}
	}
}

// length is |x|, also where its square is beyond float32.
func length(x []float32) float64 {
	if s := vec.SumSquares(x); s > 1e-30 && s < 1e38 {
		return math.Sqrt(s)
	}
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

// block answers queries lo to hi-1.
func (s *search) block(lo, hi int) {
	rows, n := hi-lo, s.b.N()
	scores := make([]float32, rows*baseBlock)
	best := make([]leaders, rows)
	keep := min(s.k+spare, n)
	for i := range best {
		best[i] = leaders{at: make([]leader, 0, keep), floor: float32(math.Inf(-1)), self: -1}
		if s.self != nil {
			best[i].self = s.self[lo+i]
		}
	}
	for at := 0; at < n; at += baseBlock {
		if s.ctx.Err() != nil {
			return
		}
		cols := min(baseBlock, n-at)
		blas.Serial(false, true, rows, cols, s.d, s.q.X[lo*s.d:], s.d, s.b.X[at*s.d:], s.d, scores, baseBlock, false)
		for i := range best {
			row := scores[i*baseBlock:][:cols]
			if s.half != nil {
				vec.Sub(row, row, s.half[at:at+cols])
			}
			best[i].look(row, at)
		}
	}
	for i := range best {
		s.settle(lo+i, best[i].at)
	}
	Tell(s.ctx, "nearest neighbours", int(s.done.Add(int64(rows))), s.q.N(), "codes")
}

// leader is one candidate: its score and its position in the base.
type leader struct {
	score float32
	at    int
}

// leaders keeps the best candidates so far, best first, as many as there is room.
type leaders struct {
	at    []leader
	floor float32 // the score that must be beaten to get in
	self  int
}

// span is how many scores are first asked for their maximum alone: most hold none
// that gets in.
const span = 64

// look goes through the scores of base positions from at on.
func (l *leaders) look(scores []float32, at int) {
	for lo := 0; lo < len(scores); lo += span {
		part := scores[lo:min(lo+span, len(scores))]
		if len(l.at) == cap(l.at) && vec.Max(part) <= l.floor {
			continue
		}
		for j, v := range part {
			if (v > l.floor || len(l.at) < cap(l.at)) && at+lo+j != l.self {
				l.insert(leader{v, at + lo + j})
			}
		}
	}
}

func (l *leaders) insert(c leader) {
	if len(l.at) < cap(l.at) {
		l.at = append(l.at, leader{})
	}
	i := len(l.at) - 1
	for ; i > 0 && l.at[i-1].score < c.score; i-- {
		l.at[i] = l.at[i-1]
	}
	l.at[i] = c
	if len(l.at) == cap(l.at) {
		l.floor = l.at[len(l.at)-1].score
	}
}

// settle takes the distances of the candidates in float64, since a difference of
// two nearly equal products has few digits left, and writes the nearest k.
func (s *search) settle(query int, found []leader) {
	type near struct {
		distance float64
		at       int
	}
	exact := make([]near, len(found))
	q := s.q.Row(query)
	for i, c := range found {
		var sum float64
		for j, v := range s.b.Row(c.at) {
			e := float64(q[j]) - float64(v)
			sum += e * e
		}
		switch {
		case s.metric == Euclidean:
			sum = math.Sqrt(sum)
		case zero(q) || zero(s.b.Row(c.at)):
			sum = 1
		default:
			sum /= 2 // |a−b|² = 2 − 2·a·b for unit vectors
		}
		exact[i] = near{sum, c.at}
	}
	slices.SortFunc(exact, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.at, b.at))
	})
	for i := range s.k {
		s.index[query*s.k+i] = exact[i].at
		s.distance[query*s.k+i] = float32(exact[i].distance)
	}
}

func zero(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

// KNN classifies a code as the majority of its K nearest training codes; where
// two classes have as many votes, as the lower one.
//
// With Temperature τ > 0 each neighbour votes with the weight exp(similarity/τ)
// (Wu et al. 2018, arXiv:1805.01978, section 3.4), Cosine only.
type KNN struct {
	K           int
	Metric      Metric
	Temperature float64
}

func (o KNN) check() error {
	if !(o.Temperature >= 0) || o.Temperature > 0 && o.Metric != Cosine {
		return fmt.Errorf("knn: temperature is %g with %v distance; want 0, or more than 0 with cosine", o.Temperature, o.Metric)
	}
	return nil
}

// Predict returns the class of every test code, (N). Training codes without a
// label are left out.
func (o KNN) Predict(ctx context.Context, train, test Features) ([]int, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	train = train.Labelled()
	if train.N() == 0 {
		return nil, fmt.Errorf("knn: no training code has a label")
	}
	near, err := NearestUntil(ctx, test, train, o.K, o.Metric, nil)
	if err != nil {
		return nil, fmt.Errorf("knn: %w", err)
	}
	out := make([]int, test.N())
	votes := make([]float64, classes(train, Features{}))
	var weights []float64
	for i := range out {
		clear(votes)
		index, distance := near.Of(i)
		weights = o.weights(distance, weights[:0])
		for j, at := range index {
			votes[train.Labels[at]] += weights[j]
		}
		for c, v := range votes {
			if v > votes[out[i]] {
				out[i] = c
			}
		}
	}
	return out, nil
}

// weights are the votes of neighbours at those distances. With a temperature they are
// relative to the nearest, which has 1: a small τ does not overflow.
func (o KNN) weights(distance []float32, to []float64) []float64 {
	for _, d := range distance {
		w := 1.0
		if o.Temperature > 0 {
			w = math.Exp(float64(distance[0]-d) / o.Temperature)
		}
		to = append(to, w)
	}
	return to
}

// Answers are the labels or values of every test code, (N, T), by its neighbours: their
// mean by their votes, of those of which each is known; NaN where it is of none.
func (o KNN) Answers(ctx context.Context, train, test Features) ([]float32, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	near, err := NearestUntil(ctx, test, train, o.K, o.Metric, nil)
	if err != nil {
		return nil, fmt.Errorf("knn: %w", err)
	}
	out := make([]float32, 0, test.N()*train.T)
	var weights []float64
	for i := range test.N() {
		index, distance := near.Of(i)
		weights = o.weights(distance, weights[:0])
		for k := range train.T {
			var sum, of float64
			for j, at := range index {
				if y := float64(train.Target(at)[k]); y == y {
					sum += weights[j] * y
					of += weights[j]
				}
			}
			out = append(out, float32(sum/of))
		}
	}
	return out, nil
}

// Score is how good the answers are: see ScoreName.
func (o KNN) Score(ctx context.Context, kind data.TargetKind, train, test Features) (float64, error) {
	if kind == data.Class {
		return o.Accuracy(ctx, train, test)
	}
	if train.T == 0 || train.T != test.T {
		return 0, fmt.Errorf("knn: training codes have %d %s and test codes %d", train.T, kind, test.T)
	}
	z, err := o.Answers(ctx, train, test)
	if err != nil {
		return 0, err
	}
	return meanOver(train.T, test, z, scoreOf(kind))
}

// Accuracy is the share of labelled test codes that Predict gets right.
func (o KNN) Accuracy(ctx context.Context, train, test Features) (float64, error) {
	test = test.Labelled()
	if test.N() == 0 {
		return 0, fmt.Errorf("knn: no test code has a label")
	}
	got, err := o.Predict(ctx, train, test)
	if err != nil {
		return 0, err
	}
	return agreement(got, test.Labels), nil
}

// agreement is the share of equal places.
func agreement(got, want []int) float64 {
	n := 0
	for i := range got {
		if got[i] == want[i] {
			n++
		}
	}
	return float64(n) / float64(len(got))
}
