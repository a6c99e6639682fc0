package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// points are rows of D values to be clustered: examples, their codes, or patches.
// They come in blocks of a fixed number of rows, but for the last. As many as there
// is memory for are held, in feeds that a program reads in place; else every walk
// reads them again.
type points struct {
	t     Task
	src   data.Source
	n, d  int
	rows  int           // of a block
	held  []*graph.Feed // the blocks, where they are held
	under *runner       // gives the code of the encoder below; nil where there is none
	mean  []float64     // (D) of the points
	// variance is the mean over the D values of the variance over the points.
	variance float64
}

// blockValues is how many values a block has, about: few enough for the third level
// of a cache, where what looks at a block next finds it.
const blockValues = 1 << 21

// gather finds the points of a task, and holds them where they fit into mib. Patches
// are always held.
func gather(ctx context.Context, t Task, src data.Source, ps *graph.Params, o *KMeans) (*points, error) {
	p := &points{t: t, src: src, n: src.Len(), d: t.Spec.Size()}
	top, base := clustered(t)
	e, ofPatches := top.(*nets.PatchClusters)
	if base != nil {
		p.under = &runner{t: t, ps: ps, build: base.Under, programs: map[int]*run{}}
		p.d = base.Base.CodeSize(t.Seen())
	}
	if ofPatches {
		p.n, p.d = o.Patches, t.Spec.Shape[0]*e.Patch*e.Patch
	}
	p.rows = min(p.n, max(256, blockValues/p.d))
	if k := top.Count(); p.n < k {
		return nil, fmt.Errorf("k: is %d, but %s (%s) has only %d examples; want at most as many clusters as there are points", k, t.Spec.Name, t.Spec.Split, p.n)
	}
	if ofPatches {
		if err := p.cut(ctx, e, ps, o); err != nil {
			return nil, err
		}
		return p, p.measure(ctx)
	}
	hold := p.n*p.d <= o.Memory<<18
	if hold {
		var held []*graph.Feed
		err := p.stream(ctx, func(n int) *graph.Feed { return p.feed(n) }, func(_, _ int, f *graph.Feed) error {
			held = append(held, f)
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.held = held
	}
	return p, p.measure(ctx)
}

// close frees the programs.
func (p *points) close() {
	if p.under != nil {
		p.under.close()
	}
}

// feed makes room for n points.
func (p *points) feed(n int) *graph.Feed {
	return graph.NewFeed([]graph.Input{{Name: "x", Shape: []int{n, p.d}}})
}

// walk calls visit for each block, with the number of its first point and of all of
// its points.
func (p *points) walk(ctx context.Context, visit func(lo, n int, f *graph.Feed) error) error {
	if p.held == nil {
		rooms := map[int]*graph.Feed{} // one for whole blocks, one for the last
		return p.stream(ctx, func(n int) *graph.Feed {
			if rooms[n] == nil {
				rooms[n] = p.feed(n)
			}
			return rooms[n]
		}, visit)
	}
	for i, f := range p.held {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := visit(i*p.rows, min(p.rows, p.n-i*p.rows), f); err != nil {
			return err
		}
	}
	return nil
}

// stream reads the points in blocks, each into the room that is asked for.
func (p *points) stream(ctx context.Context, room func(n int) *graph.Feed, visit func(lo, n int, f *graph.Feed) error) error {
	for b, err := range data.Sequential(p.src, p.rows) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		f := room(b.N())
		if err := p.convert(f.F["x"], b.Pixels); err != nil {
			return err
		}
		if err := visit(b.Index[0], b.N(), f); err != nil {
			return err
		}
	}
	return nil
}

// convert writes the points, (n, D), of n examples.
func (p *points) convert(x []float32, pixels []byte) error {
	if p.under != nil {
		return p.under.encode(x, pixels)
	}
	par.For(len(pixels)/p.d, 256, func(lo, hi int) { p.t.Pixels.Apply(x[lo*p.d:hi*p.d], pixels[lo*p.d:hi*p.d]) })
	return nil
}

// pick writes the points at those places, (len(index), D).
func (p *points) pick(index []int, x []float32) error {
	if p.held != nil {
		par.For(len(index), 256, func(lo, hi int) {
			for i, at := range index[lo:hi] {
				copy(x[(lo+i)*p.d:(lo+i+1)*p.d], p.held[at/p.rows].F["x"][at%p.rows*p.d:])
			}
		})
		return nil
	}
	src, err := data.Subset(p.src, index)
	if err != nil {
		return err
	}
	for b, err := range data.Sequential(src, p.rows) {
		if err != nil {
			return err
		}
		if err := p.convert(x[b.Index[0]*p.d:][:b.N()*p.d], b.Pixels); err != nil {
			return err
		}
	}
	return nil
}

// measure takes mean and variance, and refuses points in which there is nothing to
// find. Both are taken about the first point, so that little cancels.
func (p *points) measure(ctx context.Context) error {
	first := make([]float32, p.d)
	if err := p.pick([]int{0}, first); err != nil {
		return err
	}
	const chunk = 256
	sum, columns, squares := make([]float64, p.d), make([]float32, p.d), 0.0
	part := make([]float64, (p.rows+chunk-1)/chunk)
	err := p.walk(ctx, func(lo, n int, f *graph.Feed) error {
		x := f.F["x"]
		clear(part)
		par.For(n, chunk, func(from, to int) {
			diff := make([]float32, p.d)
			for i := from; i < to; i++ {
				part[from/chunk] += vec.SquaredError(diff, x[i*p.d:(i+1)*p.d], first)
			}
		})
		for _, v := range part {
			squares += v
		}
		if math.IsNaN(squares) || math.IsInf(squares, 0) {
			for i := range n {
				if !vec.Finite(x[i*p.d : (i+1)*p.d]) {
					return fmt.Errorf("point %d of %s (%s) has a value that is not a finite number", lo+i, p.t.Spec.Name, p.t.Spec.Split)
				}
			}
			return fmt.Errorf("the points of %s (%s) are too far from each other for their distances to be taken in single precision", p.t.Spec.Name, p.t.Spec.Split)
		}
		clear(columns)
		vec.ColSum(columns, x, n, p.d)
		for j, v := range columns {
			sum[j] += float64(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if squares == 0 {
		return fmt.Errorf("the %d points of %s (%s) are all the same (variance 0): there are no clusters to find", p.n, p.t.Spec.Name, p.t.Spec.Split)
	}
	p.mean, p.variance = sum, squares/float64(p.n)
	for j, s := range sum {
		sum[j] = s / float64(p.n)
		off := sum[j] - float64(first[j])
		p.variance -= off * off
	}
	p.variance /= float64(p.d)
	return nil
}

// cut draws patches of one contrast, finds their whitening, sets the encoder's, and
// whitens them: x ← W(x − mean) with W = V(Λ + Whiten)^−½Vᵀ and the covariance VΛVᵀ
// (ZCA: Bell and Sejnowski 1997, "The independent components of natural scenes are
// edge filters").
func (p *points) cut(ctx context.Context, e *nets.PatchClusters, ps *graph.Params, o *KMeans) error {
	for at := 0; at < p.n; at += p.rows {
		p.held = append(p.held, p.feed(min(p.rows, p.n-at)))
	}
	place := func(i int) []float32 { return p.held[i/p.rows].F["x"][i%p.rows*p.d:][:p.d] }
	shape, size := p.t.Spec.Shape, p.t.Spec.Size()
	pictures := p.src.Len()
	for b, err := range data.Sequential(p.src, 256) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		par.For(b.N(), 8, func(lo, hi int) {
			x := make([]float32, size)
			var r draw.Rand
			for i := lo; i < hi; i++ {
				p.t.Pixels.Apply(x, b.Pixels[i*size:(i+1)*size])
				for patch := b.Index[i]; patch < p.n; patch += pictures {
					r.Seed(draw.Key(p.t.Seed, "kmeans/patches", 0, patch))
					ops.CutPatch(place(patch), x, shape, e.Patch, r.IntN(shape[1]-e.Patch+1), r.IntN(shape[2]-e.Patch+1))
					ops.NormalizePatch(place(patch), e.Eps())
				}
			}
		})
	}
	g := NewGram(p.d)
	for _, f := range p.held {
		g.Add(f.F["x"])
	}
	values, v, err := eigen(g.Covariance())
	if err != nil {
		return err
	}
	scaled := mat.NewDense(p.d, p.d, nil)
	scaled.Apply(func(_, j int, x float64) float64 { return x / math.Sqrt(max(values[j], 0)+o.Whiten) }, v)
	var w mat.Dense
	w.Mul(scaled, v.T())
	var shift mat.VecDense
	shift.MulVec(&w, mat.NewVecDense(p.d, g.Mean()))
	shift.ScaleVec(-1, &shift)
	weight, bias := ps.Get("encoder/whiten/weight").Data, ps.Get("encoder/whiten/bias").Data
	copy32(weight, w.RawMatrix().Data)
	copy32(bias, shift.RawVector().Data)
	white := make([]float32, p.rows*p.d)
	for _, f := range p.held {
		x := f.F["x"]
		n := len(x) / p.d
		blas.Gemm(false, true, n, p.d, p.d, x, p.d, weight, p.d, white, p.d, false)
		vec.AddBias(white[:len(x)], bias, n, p.d)
		copy(x, white)
	}
	return nil
}

// runner runs a part of a model forward on examples, some at a time.
type runner struct {
	t        Task
	ps       *graph.Params
	build    func(s *graph.Scope, x *G.Node) *G.Node // in the scope of the encoder
	programs map[int]*run                            // by examples
}

type run struct {
	p    *graph.Program
	feed *graph.Feed
	out  *G.Node
}

// encode writes what the part makes of examples, (n, D).
func (r *runner) encode(out []float32, pixels []byte) error {
	size := r.t.Spec.Size()
	n := len(pixels) / size
	d := len(out) / n
	for at := 0; at < n; at += r.t.Batch {
		some := min(r.t.Batch, n-at)
		one, err := r.of(some)
		if err != nil {
			return err
		}
		r.t.See(one.feed.F["x"], pixels[at*size:(at+some)*size])
		if err := one.p.Run(one.feed, 0); err != nil {
			return err
		}
		copy(out[at*d:(at+some)*d], ops.Of(one.out).Output())
	}
	return nil
}

// of is the program for so many examples.
func (r *runner) of(n int) (*run, error) {
	if one := r.programs[n]; one != nil {
		return one, nil
	}
	one := &run{}
	var err error
	one.p, err = graph.Compile(r.ps, graph.Eval, func(s *graph.Scope) *G.Node {
		one.out = r.build(s.In("encoder"), s.Input("x", append([]int{n}, r.t.Seen()...)...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	one.feed = one.p.NewFeed()
	r.programs[n] = one
	return one, nil
}

func (r *runner) close() {
	for _, one := range r.programs {
		one.p.Close()
	}
}
