package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"
	"x2vec/graph/ops/par"
)

// held are points in memory, in blocks of rows.
func held(x []float32, d, rows int) *points {
	p := &points{n: len(x) / d, d: d, rows: rows, mean: make([]float64, d)}
	for at := 0; at < p.n; at += rows {
		f := p.feed(min(rows, p.n-at))
		copy(f.F["x"], x[at*d:])
		p.held = append(p.held, f)
	}
	if err := p.measure(context.Background()); err != nil {
		panic(err)
	}
	return p
}

// clusteringOf is a fit of those points, at those centers.
func clusteringOf(t *testing.T, o *KMeans, p *points, centers []float32) *clustering {
	t.Helper()
	k := len(centers) / p.d
	task := Task{Encoder: &nets.Clusters{K: k, Form: "triangle"}, Batch: 1, Spec: data.Spec{Shape: []int{p.d}}}
	ps := graph.NewParams(0)
	prog, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	if err := prog.Close(); err != nil {
		t.Fatal(err)
	}
	f := newClustering(o, task, p, ps)
	t.Cleanup(f.close)
	copy(f.centers, centers)
	return f
}

func TestGoldenKMeans(t *testing.T) {
	golden.Each(t, "kmeans", func(t *testing.T, c *golden.Case) {
		var set struct{ K, Iterations int }
		c.Settings(&set)
		d := c.Shape("in.x")[1]
		for _, rows := range []int{1000, 60, 17} {
			f := clusteringOf(t, &KMeans{Restarts: 1, Iterations: 9}, held(c.Array("in.x").F32, d, rows), c.Array("in.centres").F32)
			for i := 1; i <= set.Iterations; i++ {
				inertia, err := f.lloyd(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				c.Check(fmt.Sprintf("out.inertia%d", i), []float32{float32(inertia)})
				c.Check(fmt.Sprintf("out.centres%d", i), f.centers)
			}
		}
	})
}

// blobs are n points about k centers.
func blobs(n, d, k int, spread float64) []float32 {
	x := make([]float32, n*d)
	for i := range n {
		r := draw.New(draw.Key(4, "blobs", 0, i))
		c := draw.New(draw.Key(5, "center", 0, r.IntN(k)))
		for j := range d {
			x[i*d+j] = float32(3 + 10*c.Norm() + spread*r.Norm())
		}
	}
	return x
}

// The distances that sketches spare are none that counts: the draws are those of all
// distances taken.
func TestSeeding(t *testing.T) {
	const n, d, k = 3000, 200, 12
	x := blobs(n, d, 9, 2)
	slow := func(seed uint64) []int {
		r := draw.New(seed)
		s := &seeding{n: n, d: d, segments: [][]float32{x}, per: n}
		s.sketches(r) // takes as many draws
		chosen := []int{r.IntN(n)}
		distance := func(i, j int) (sum float64) {
			for l := range d {
				e := float64(x[i*d+l]) - float64(x[j*d+l])
				sum += e * e
			}
			return sum
		}
		near := make([]float64, n)
		for i := range near {
			near[i] = distance(i, chosen[0])
		}
		for len(chosen) < k {
			var total float64
			for _, v := range near {
				total += v
			}
			best, least := 0, math.Inf(1)
			for range 2 + int(math.Log(k)) {
				u, at := r.Float64()*total, 0
				for sum := near[0]; sum <= u && at < n-1; sum += near[at] {
					at++
				}
				left := 0.0
				for i := range near {
					left += min(near[i], distance(i, at))
				}
				if left < least {
					best, least = at, left
				}
			}
			for i := range near {
				near[i] = min(near[i], distance(i, best))
			}
			chosen = append(chosen, best)
		}
		return chosen
	}
	defer par.SetThreads(par.Threads())
	for seed := range uint64(4) {
		par.SetThreads(1 + int(seed))
		want := slow(seed)
		for _, per := range []int{n, 700} {
			p := held(x, d, per)
			s := &seeding{n: n, d: d, per: per}
			for _, f := range p.held {
				s.segments = append(s.segments, f.F["x"])
			}
			got := s.draw(k, draw.New(seed))
			if s.sketch == nil {
				t.Fatal("there are no sketches")
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d, %d rows a block: %v, want %v", seed, per, got, want)
			}
		}
	}
	// Few values: the points are their own sketches.
	for _, per := range []int{500, 123} {
		p := held(blobs(500, 3, 5, 0.1), 3, per)
		s := &seeding{n: 500, d: 3, per: per}
		for _, f := range p.held {
			s.segments = append(s.segments, f.F["x"])
		}
		chosen := s.draw(5, draw.New(8))
		for i := range chosen {
			for j := range i {
				a, b := s.row(chosen[i]), s.row(chosen[j])
				if math.Hypot(float64(a[0]-b[0]), float64(a[1]-b[1])) < 1 {
					t.Errorf("points %d and %d are of one blob", chosen[i], chosen[j])
				}
			}
		}
	}
}

// More centers than different points: every point has its center, and no number is
// out of bounds.
func TestFewDifferentPoints(t *testing.T) {
	x := make([]float32, 40)
	for i := range x {
		x[i] = float32(i / 2 % 3) // (0 0), (1 1), (2 2)
	}
	for _, start := range []string{plusPlus, randomStart} {
		o := &KMeans{Start: start, Restarts: 1, Iterations: 20, Sample: 100}
		f := clusteringOf(t, o, held(x, 2, 7), make([]float32, 12))
		at := kmeansProgress{}
		var last float64
		for !at.Ended {
			var err error
			if last, err = f.pass(context.Background(), &at); err != nil {
				t.Fatal(err)
			}
		}
		if last > 1e-12 {
			t.Errorf("%s: loss %g, want 0", start, last)
		}
	}
}

// An empty center goes to the farthest point, which leaves its own.
func TestEmptyCenter(t *testing.T) {
	x := []float32{0, 1, 2, 100, 101, 110}
	f := clusteringOf(t, &KMeans{Restarts: 1}, held(x, 1, 4), []float32{1, 103, -500, 600})
	if _, err := f.lloyd(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := []float32{1, 101, 110, 100}; !slices.Equal(f.centers, want) { // 110 is farthest, 100 next: 101 stays alone
		t.Errorf("centers %v, want %v", f.centers, want)
	}
}

// Mini-batches come near to what Lloyd's iterations find.
func TestMiniBatches(t *testing.T) {
	x := blobs(2000, 5, 6, 1)
	loss := map[int]float64{}
	for _, batch := range []int{0, 100} {
		o := &KMeans{Start: plusPlus, Restarts: 2, Iterations: 10, Sample: 2000, Batch: batch}
		f := clusteringOf(t, o, held(x, 5, 512), make([]float32, 30))
		f.t.Seed = 3
		f.points.t.Seed = 3
		at := kmeansProgress{}
		for !at.Ended {
			if _, err := f.pass(context.Background(), &at); err != nil {
				t.Fatal(err)
			}
		}
		loss[batch] = at.Best
		inertia, err := f.assign(context.Background())
		if err != nil || math.Abs(inertia-at.Best) > 1e-6*at.Best {
			t.Errorf("batch %d: the best start had %g, its centers now have %g", batch, at.Best, inertia)
		}
	}
	if loss[100] > 1.02*loss[0] {
		t.Errorf("inertia %g by batches, %g by Lloyd's iterations", loss[100], loss[0])
	}
	if want := 2000 * 5.0; math.Abs(loss[0]-want) > 0.1*want {
		t.Errorf("inertia %g of blobs of variance 1, want about %g", loss[0], want)
	}
}

// Points that do not fit into the memory allowed are read again in each pass, to the
// same centers; a fit that is cut off after any report goes on to the same bytes.
func TestKMeansResume(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 1, Count: 700})
	if err != nil {
		t.Fatal(err)
	}
	cut := errors.New("cut off")
	for _, set := range []KMeans{
		{Restarts: 2, Iterations: 6},
		{Restarts: 2, Iterations: 4, Batch: 64},
	} {
		task := Task{Encoder: &nets.Clusters{K: 8, Form: "triangle"}, Batch: 50, Spec: src.Spec(), Seed: 2}
		fit := func(memory, stop int, ps *graph.Params, from []byte) ([]byte, int, error) {
			o := set
			o.Start, o.Sample, o.Memory = plusPlus, 500, memory
			if from != nil {
				if err := o.Continue(from); err != nil {
					t.Fatal(err)
				}
			}
			last := 0
			err := o.Fit(context.Background(), task, src, ps, func(step int, _ float64) error {
				last = step
				if step == stop {
					return cut
				}
				return nil
			})
			b, e := o.Progress()
			if e != nil {
				t.Fatal(e)
			}
			return b, last, err
		}
		whole := graph.NewParams(1)
		_, steps, err := fit(64, 0, whole, nil)
		if err != nil || steps < 6 {
			t.Fatal(steps, err)
		}
		same := func(what string, ps *graph.Params) {
			for _, p := range whole.All() {
				if !slices.Equal(p.Data, ps.Get(p.Path).Data) {
					t.Errorf("%+v, %s: %s differs", set, what, p.Path)
				}
			}
		}
		again := graph.NewParams(1)
		if _, _, err := fit(0, 0, again, nil); err != nil {
			t.Fatal(err)
		}
		same("read again", again)
		for stop := 1; stop <= steps; stop++ {
			ps := graph.NewParams(1)
			progress, _, err := fit(64, stop, ps, nil)
			if !errors.Is(err, cut) {
				t.Fatal(err)
			}
			if _, last, err := fit(64, 0, ps, progress); err != nil || last != steps && stop < steps {
				t.Fatalf("stopped after %d: ends at %d of %d, %v", stop, last, steps, err)
			}
			same(fmt.Sprintf("stopped after %d of %d", stop, steps), ps)
		}
	}
}

// On top of another encoder the codes of that are clustered, and it stays as it is.
func TestKMeansOfCodes(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 1, Count: 300})
	if err != nil {
		t.Fatal(err)
	}
	base := &nets.MLP{Code: 4, Activation: "tanh"}
	task := Task{Encoder: &nets.Stacked{Base: base, Top: &nets.Clusters{K: 5, Form: "distance"}}, Batch: 7, Spec: src.Spec()}
	ps := graph.NewParams(3)
	o := &KMeans{Start: plusPlus, Restarts: 1, Iterations: 50, Sample: 300, Memory: 1}
	var last float64
	if err := o.Fit(context.Background(), task, src, ps, func(_ int, loss float64) error { last = loss; return nil }); err != nil {
		t.Fatal(err)
	}
	w, b, centers := ps.Get("encoder/base/fc0/weight"), ps.Get("encoder/base/fc0/bias"), ps.Get("encoder/centers")
	if fmt.Sprint(w.Shape, centers.Shape) != "[4 64] [5 4]" {
		t.Fatal(w.Shape, centers.Shape)
	}
	// The loss by hand.
	var sum float64
	e := data.Example{Pixels: make([]byte, 64), Factors: make([]float32, len(src.Spec().Factors))}
	for i := range src.Len() {
		if err := src.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		nearest := math.Inf(1)
		for k := range 5 {
			var d float64
			for c := range 4 {
				code := float64(b.Data[c])
				for j, p := range e.Pixels {
					code += float64(w.Data[c*64+j]) * float64(p) / 255
				}
				d += (code - float64(centers.Data[k*4+c])) * (code - float64(centers.Data[k*4+c]))
			}
			nearest = min(nearest, d)
		}
		sum += nearest
	}
	if want := sum / 300 / 4; math.Abs(last-want) > 1e-5*want {
		t.Errorf("the last report has a loss of %g, by hand it is %g", last, want)
	}
}

// bytesSource is a source of given bytes.
type bytesSource struct {
	shape  []int
	pixels [][]byte
}

func (s bytesSource) Spec() data.Spec {
	return data.Spec{Name: "fixed", Split: "train", Shape: s.shape}
}
func (s bytesSource) Len() int { return len(s.pixels) }
func (s bytesSource) Read(i int, e *data.Example) error {
	if err := data.InRange(i, len(s.pixels)); err != nil {
		return err
	}
	copy(e.Pixels, s.pixels[i])
	e.Label = -1
	return nil
}

func TestKMeansBadData(t *testing.T) {
	flat := bytesSource{shape: []int{1, 2, 2}}
	for range 20 {
		flat.pixels = append(flat.pixels, []byte{7, 7, 7, 7})
	}
	varied := bytesSource{shape: []int{1, 2, 2}}
	for i := range 20 {
		varied.pixels = append(varied.pixels, []byte{byte(i), 2, 3, byte(9 * i)})
	}
	inf := Scaling{Std: []float32{1, 0, 1, 1}, Mean: []float32{0, 0, 0, 0}}
	for want, c := range map[string]struct {
		src bytesSource
		k   int
		z   Scaling
	}{
		"k: is 21, but fixed (train) has only 20 examples; want at most as many clusters as there are points": {varied, 21, Scaling{}},
		"the 20 points of fixed (train) are all the same (variance 0): there are no clusters to find":         {flat, 3, Scaling{}},
		"point 0 of fixed (train) has a value that is not a finite number":                                    {varied, 3, inf},
	} {
		for _, memory := range []int{0, 64} {
			task := Task{Encoder: &nets.Clusters{K: c.k, Form: "triangle"}, Batch: 5, Spec: c.src.Spec(), Pixels: c.z}
			o := &KMeans{Start: plusPlus, Restarts: 1, Iterations: 3, Sample: 100, Memory: memory}
			err := o.Fit(context.Background(), task, c.src, graph.NewParams(0), func(int, float64) error { return nil })
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
}

func TestKMeansCheck(t *testing.T) {
	shapes := data.Spec{Name: "shapes", Shape: []int{3, 8, 8}}
	good := KMeans{Start: plusPlus, Restarts: 1, Iterations: 3, Sample: 100, Patches: 200, Whiten: 0.1}
	clusters := &nets.Clusters{K: 5, Form: "triangle"}
	patches := &nets.PatchClusters{K: 5, Patch: 3, Stride: 1, Pool: 2, Form: "triangle"}
	for want, c := range map[string]struct {
		encoder nets.Encoder
		change  func(o *KMeans)
	}{
		`start: is "kmeans", want k-means++ or random`:       {clusters, func(o *KMeans) { o.Start = "kmeans" }},
		"restarts: is 0, want 1 to":                          {clusters, func(o *KMeans) { o.Restarts = 0 }},
		"tolerance: is NaN, want at least 0":                 {clusters, func(o *KMeans) { o.Tolerance = math.NaN() }},
		"objective.batch: is -1, want 0 to":                  {clusters, func(o *KMeans) { o.Batch = -1 }},
		"patches: is 4, fewer than the encoder's 5 centers":  {patches, func(o *KMeans) { o.Patches = 4 }},
		"whiten: is 0, want more than 0":                     {patches, func(o *KMeans) { o.Whiten = 0 }},
		`want encoder.type = "clusters" or "patch-clusters"`: {&nets.MLP{Code: 3}, func(*KMeans) {}},
		"the code of another encoder is none; want clusters": {&nets.Stacked{Base: &nets.MLP{Code: 3}, Top: patches}, func(*KMeans) {}},
	} {
		o := good
		c.change(&o)
		err := o.Check(Task{Encoder: c.encoder, Spec: shapes})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, shape := range map[string][]int{
		"patch: pictures of 2x8 are smaller than a patch of 3x3": {3, 2, 8},
		"pool: is 2, want 1 to 1: there are 1x1 patches":         {3, 3, 3},
		"is no picture of (channels, height, width)":             {10},
	} {
		if err := patches.Check(shape); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
