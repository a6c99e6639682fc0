package objectives

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/ops"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// kmeansProgress is where a fit stands after a report, beside its parameters.
type kmeansProgress struct {
	Step      int     `json:"step"`      // reports so far
	Restart   int     `json:"restart"`   // that is under way
	Iteration int     `json:"iteration"` // passes of it; 0 = its centers are not drawn yet
	Settled   bool    `json:"settled"`   // its centers move no more: it only has to be judged
	Best      float64 `json:"best"`      // least inertia of the restarts before; of no meaning in the first
	Ended     bool    `json:"ended"`
}

// Progress implements Resumer.
func (o *KMeans) Progress() ([]byte, error) { return json.Marshal(o.reached) }

// Continue implements Resumer.
func (o *KMeans) Continue(progress []byte) error {
	var p *kmeansProgress
	if err := json.Unmarshal(progress, &p); err != nil {
		return fmt.Errorf("the progress of kmeans: %w", err)
	}
	if p != nil && (p.Step < 0 || p.Restart < 0 || p.Iteration < 0) {
		return fmt.Errorf("the progress of kmeans is step %d, restart %d, iteration %d; want none below 0", p.Step, p.Restart, p.Iteration)
	}
	o.progress, o.reached = p, p
	return nil
}

// Fit implements Fitter. A report follows each pass over the points, with the loss
// of the centers before it, and a last one for each start, with that of the centers
// that came out.
func (o *KMeans) Fit(ctx context.Context, t Task, src data.Source, ps *graph.Params, report func(step int, loss float64) error) error {
	at := kmeansProgress{}
	if o.progress != nil {
		at = *o.progress
	}
	o.progress = nil
	if at.Ended {
		return nil
	}
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(t, s) }) // makes the parameters
	if err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	began := time.Now()
	points, err := gather(ctx, t, src, ps, o)
	if err != nil {
		return err
	}
	o.Spent.Reading = time.Since(began)
	defer points.close()
	f := newClustering(o, t, points, ps)
	defer f.close()
	for !at.Ended {
		loss, err := f.pass(ctx, &at)
		if err != nil {
			return err
		}
		at.Step++
		reached := at // the next pass changes at
		o.reached = &reached
		if err := report(at.Step, loss); err != nil {
			return err
		}
	}
	return nil
}

// clustering is a fit at work.
type clustering struct {
	o        *KMeans
	points   *points
	centers  []float32 // (K, D) the encoder's
	best     []float32 // (K, D) of the restarts before; nil where there is one start
	seen     []float32 // (K) points that each center has moved for, of mini-batches
	k, d     int
	programs map[int]*assignment
	t        Task
	ps       *graph.Params

	sums   []float64 // (K, D) of a pass
	counts []float64 // (K)
}

// assignment is the graph of one block of points: each goes to the nearest center,
// by one matrix product.
type assignment struct {
	p                   *graph.Program
	codes, sums, counts *G.Node
}

func newClustering(o *KMeans, t Task, points *points, ps *graph.Params) *clustering {
	c := ps.Get("encoder/centers")
	f := &clustering{o: o, points: points, centers: c.Data, k: c.Shape[0], d: c.Shape[1], t: t, ps: ps, programs: map[int]*assignment{}}
	if b := ps.Get("kmeans/best"); b != nil {
		f.best = b.Data
	}
	if b := ps.Get("kmeans/seen"); b != nil {
		f.seen = b.Data
	}
	f.sums, f.counts = make([]float64, f.k*f.d), make([]float64, f.k)
	return f
}

func (f *clustering) close() {
	for _, a := range f.programs {
		a.p.Close()
	}
}

// pass makes the next pass over the points, and says in at where that leads.
func (f *clustering) pass(ctx context.Context, at *kmeansProgress) (loss float64, err error) {
	values := float64(f.points.n) * float64(f.d)
	if at.Settled {
		inertia, err := f.assign(ctx)
		if err != nil {
			return 0, err
		}
		f.judge(inertia, at)
		return inertia / values, nil
	}
	if at.Iteration == 0 {
		began := time.Now()
		if err := f.points.start(f.o, at.Restart, f.centers); err != nil {
			return 0, err
		}
		f.o.Spent.Start = time.Since(began)
		clear(f.seen)
	}
	before := slices.Clone(f.centers)
	var inertia float64
	if f.o.Batch > 0 {
		inertia, err = f.miniBatches(ctx, at)
	} else {
		inertia, err = f.lloyd(ctx)
	}
	if err != nil {
		return 0, err
	}
	moved := 0.0
	for i, v := range f.centers {
		moved += float64(v-before[i]) * float64(v-before[i])
	}
	at.Iteration++
	at.Settled = moved <= f.o.Tolerance*f.points.variance || at.Iteration >= f.o.Iterations
	return inertia / values, nil
}

// judge ends a restart whose centers reach that inertia.
func (f *clustering) judge(inertia float64, at *kmeansProgress) {
	if at.Restart == 0 || inertia < at.Best {
		at.Best = inertia
		copy(f.best, f.centers)
	}
	*at = kmeansProgress{Step: at.Step, Restart: at.Restart + 1, Best: at.Best}
	if at.Restart >= f.o.Restarts {
		at.Ended = true
		copy(f.centers, f.best)
	}
}

// assignment compiles the graph for blocks of n points.
func (f *clustering) assignment(n int) (*assignment, error) {
	if a := f.programs[n]; a != nil {
		return a, nil
	}
	a := &assignment{}
	var err error
	top, _ := clustered(f.t)
	a.p, err = graph.Compile(f.ps, graph.Eval, func(s *graph.Scope) *G.Node {
		x := s.Input("x", n, f.d)                                // (N, D)
		c := top.Centers(s.In("encoder"), f.d)                   // (K, D)
		a.codes = s.Tap("codes", s.Apply(&ops.Nearest{}, x, c))  // (N)
		a.sums = s.Apply(&ops.SumByCode{Codes: f.k}, x, a.codes) // (K, D)
		a.counts = s.Apply(&ops.CountCodes{Codes: f.k}, a.codes) // (K)
		if f.o.Batch == 0 {
			return nil // within says the loss of all points together
		}
		return s.Apply(&ops.CodeLoss{Trained: true}, x, c, a.codes) // ()
	})
	if err != nil {
		return nil, err
	}
	f.programs[n] = a
	return a, nil
}

// run assigns the n points of a feed.
func (f *clustering) run(n int, feed *graph.Feed) (*assignment, error) {
	a, err := f.assignment(n)
	if err != nil {
		return nil, err
	}
	return a, a.p.Run(feed, 0)
}

// assign adds up the points of each center, and gives their inertia.
func (f *clustering) assign(ctx context.Context) (inertia float64, err error) {
	clear(f.sums)
	clear(f.counts)
	err = f.points.walk(ctx, func(_, n int, feed *graph.Feed) error {
		a, err := f.run(n, feed)
		if err != nil {
			return err
		}
		sums := ops.Of(a.sums).Output()
		par.For(len(sums), 1<<14, func(lo, hi int) {
			to := f.sums[lo:hi]
			for i, v := range sums[lo:hi] {
				to[i] += float64(v)
			}
		})
		for i, v := range ops.Of(a.counts).Output() {
			f.counts[i] += float64(v)
		}
		return nil
	})
	return f.within(), err
}

// within is the inertia of the points that were added up: that about their common
// mean, less that of the means m of the clusters about it, and that which comes from
// the centers c not being these means: Σ|x−c|² = Σ|x−μ|² − Σ n|m−μ|² + Σ n|m−c|².
func (f *clustering) within() float64 {
	inertia := f.points.variance * float64(f.points.n) * float64(f.d)
	for i, n := range f.counts {
		if n == 0 {
			continue
		}
		var between, off float64
		for j, v := range f.sums[i*f.d : (i+1)*f.d] {
			m := v / n
			between += (m - f.points.mean[j]) * (m - f.points.mean[j])
			off += (m - float64(f.centers[i*f.d+j])) * (m - float64(f.centers[i*f.d+j]))
		}
		inertia += n * (off - between)
	}
	return max(inertia, 0)
}

// lloyd moves each center to the mean of its points. A center without points goes
// to the point that is farthest from its own, which leaves that one.
func (f *clustering) lloyd(ctx context.Context) (inertia float64, err error) {
	if inertia, err = f.assign(ctx); err != nil {
		return 0, err
	}
	empty := 0
	for _, n := range f.counts {
		if n == 0 {
			empty++
		}
	}
	if empty > 0 {
		if err := f.relocate(ctx, empty); err != nil {
			return 0, err
		}
	}
	for i, n := range f.counts {
		if n > 0 {
			c := f.centers[i*f.d : (i+1)*f.d]
			for j, v := range f.sums[i*f.d : (i+1)*f.d] {
				c[j] = float32(v / n)
			}
		}
	}
	return inertia, nil
}

// far is a point that is far from its center.
type far struct {
	at, code int
	distance float64
}

// relocate gives each of the empty centers a point of its own, the farthest first.
// Points that stand on their center stay there.
func (f *clustering) relocate(ctx context.Context, empty int) error {
	farthest, err := f.farthest(ctx, empty)
	if err != nil {
		return err
	}
	x := make([]float32, f.d)
	for i := range f.counts {
		if f.counts[i] > 0 {
			continue
		}
		for len(farthest) > 0 && f.counts[farthest[0].code] < 2 {
			farthest = farthest[1:] // it would leave a center empty
		}
		if len(farthest) == 0 {
			return nil
		}
		p := farthest[0]
		farthest = farthest[1:]
		if err := f.points.pick([]int{p.at}, x); err != nil {
			return err
		}
		for j, v := range x {
			f.sums[p.code*f.d+j] -= float64(v)
			f.sums[i*f.d+j] = float64(v)
		}
		f.counts[p.code]--
		f.counts[i] = 1
	}
	return nil
}

// farthest are n points, the farthest from their centers first, of equally far ones
// the first; those at distance 0 are left out.
func (f *clustering) farthest(ctx context.Context, n int) ([]far, error) {
	var list []far
	order := func(a, b far) int { return cmp.Or(-cmp.Compare(a.distance, b.distance), cmp.Compare(a.at, b.at)) }
	err := f.points.walk(ctx, func(lo, rows int, feed *graph.Feed) error {
		a, err := f.run(rows, feed)
		if err != nil {
			return err
		}
		codes, x := ops.Of(a.codes).Output(), feed.F["x"]
		some := make([]far, rows)
		par.For(rows, 256, func(from, to int) {
			diff := make([]float32, f.d)
			for i := from; i < to; i++ {
				c := int(codes[i])
				some[i] = far{lo + i, c, vec.SquaredError(diff, x[i*f.d:(i+1)*f.d], f.centers[c*f.d:(c+1)*f.d])}
			}
		})
		list = append(list, slices.DeleteFunc(some, func(p far) bool { return p.distance == 0 })...)
		slices.SortFunc(list, order)
		list = list[:min(len(list), n)]
		return nil
	})
	return list, err
}

// miniBatches moves the centers batch by batch, each towards its points by one over
// the number of those it has seen. A center that no batch of the pass came to goes
// to a point of the last batch that is far from its own.
func (f *clustering) miniBatches(ctx context.Context, at *kmeansProgress) (inertia float64, err error) {
	centers, seen := slices.Clone(f.centers), slices.Clone(f.seen)
	defer func() {
		if err != nil { // a pass is made whole or not at all
			copy(f.centers, centers)
			copy(f.seen, seen)
		}
	}()
	size := min(f.o.Batch, f.points.n)
	batches := f.points.n / size
	order := draw.NewPerm(draw.Key(f.t.Seed, fmt.Sprintf("kmeans/order %d", at.Restart), at.Iteration, 0), f.points.n)
	feed, index := f.points.feed(size), make([]int, size)
	for b := range batches {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		for i := range index {
			index[i] = order.At(b*size + i)
		}
		if err := f.points.pick(index, feed.F["x"]); err != nil {
			return 0, err
		}
		a, err := f.run(size, feed)
		if err != nil {
			return 0, err
		}
		inertia += float64(a.p.Loss()) * float64(f.d) * float64(f.points.n) / float64(batches)
		sums := ops.Of(a.sums).Output()
		for i, n := range ops.Of(a.counts).Output() {
			if n == 0 {
				continue
			}
			f.seen[i] += n
			rate := 1 / f.seen[i]
			c := f.centers[i*f.d : (i+1)*f.d]
			for j, v := range sums[i*f.d : (i+1)*f.d] {
				c[j] += rate * (v - n*c[j])
			}
		}
	}
	f.revive(seen, feed.F["x"])
	return inertia, nil
}

// revive moves the centers that have seen nothing since before to points of x, (n, D).
func (f *clustering) revive(before, x []float32) {
	var idle []int
	for i, n := range f.seen {
		if n == before[i] {
			idle = append(idle, i)
		}
	}
	if len(idle) == 0 {
		return
	}
	diff := make([]float32, f.d)
	var list []far
	for i := range len(x) / f.d {
		nearest := far{at: i, distance: math.Inf(1)}
		for c := range f.k {
			if d := vec.SquaredError(diff, x[i*f.d:(i+1)*f.d], f.centers[c*f.d:(c+1)*f.d]); d < nearest.distance {
				nearest.distance = d
			}
		}
		list = append(list, nearest)
	}
	slices.SortStableFunc(list, func(a, b far) int { return -cmp.Compare(a.distance, b.distance) })
	for i, c := range idle[:min(len(idle), len(list))] {
		if list[i].distance > 0 {
			copy(f.centers[c*f.d:(c+1)*f.d], x[list[i].at*f.d:])
			f.seen[c] = 0
		}
	}
}
