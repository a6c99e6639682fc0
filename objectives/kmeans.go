package objectives

import (
	"context"
	"errors"
	"fmt"
	"time"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("kmeans", func() Objective {
		return &KMeans{Start: plusPlus, Restarts: 1, Iterations: 300, Tolerance: 1e-4, Sample: 1 << 16, Memory: 1024, Patches: 400_000, Whiten: 0.1}
	})
}

// KMeans asks for K centers such that the nearest one stands in for an example with
// the least squared error (Lloyd 1982, "Least squares quantization in PCM"). The
// loss is that error, the mean over values; the sum over examples and values is
// called the inertia.
//
// It wants an encoder of clusters and sets its centers: by Lloyd's iterations over
// all points, or with Batch by mini-batches (Sculley 2010, "Web-scale k-means
// clustering", algorithm 1). On top of the code of a trained encoder the points are
// its codes; with patch-clusters they are patches of pictures, whose whitening is
// found first.
type KMeans struct {
	Start      string  `toml:"start"`      // k-means++ or random
	Restarts   int     `toml:"restarts"`   // starts, of which the best is kept; at least 1
	Iterations int     `toml:"iterations"` // passes over the points for each start, at most
	Tolerance  float64 `toml:"tolerance"`  // a start ends when the centers move by less, squared, in units of the mean variance; ≥ 0
	Batch      int     `toml:"batch"`      // points between two moves of the centers; 0 = all of them
	Sample     int     `toml:"sample"`     // points among which a start is drawn, at most; never fewer than centers
	Memory     int     `toml:"memory"`     // MiB of points to hold; more are read again in each pass
	Patches    int     `toml:"patches"`    // patch-clusters: patches to cluster, drawn by the seed
	Whiten     float64 `toml:"whiten"`     // patch-clusters: added to the variance along each direction; > 0

	// Spent is what the last Fit took to read the points and to draw its last start.
	Spent struct{ Reading, Start time.Duration } `toml:"-"`

	progress *kmeansProgress // to go on from; nil = from the beginning
	reached  *kmeansProgress // at the last report
}

const (
	plusPlus    = "k-means++"
	randomStart = "random"
)

// Bounds of what a run file can ask for.
const (
	maxPasses  = 1 << 20
	maxPoints  = 1 << 28
	maxHeldMiB = 1 << 20
)

// clustered are the parts of an encoder: what k-means sets, and what lies below it,
// nil where those are the examples.
func clustered(t Task) (top nets.Clustered, base *nets.Stacked) {
	e := t.Encoder
	if s, ok := e.(*nets.Stacked); ok {
		e, base = s.Top, s
	}
	top, _ = e.(nets.Clustered)
	return top, base
}

// Stacks implements Stacking.
func (o *KMeans) Stacks() {}

// Check implements Objective.
func (o *KMeans) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Start != plusPlus && o.Start != randomStart {
		bad("start: is %q, want %s or %s", o.Start, plusPlus, randomStart)
	}
	within := func(key string, v, least, most int) {
		if v < least || v > most {
			bad("%s: is %d, want %d to %d", key, v, least, most)
		}
	}
	within("restarts", o.Restarts, 1, maxPasses)
	within("iterations", o.Iterations, 1, maxPasses)
	within("objective.batch", o.Batch, 0, maxPoints)
	within("sample", o.Sample, 1, maxPoints)
	within("memory", o.Memory, 0, maxHeldMiB)
	if !(o.Tolerance >= 0 && o.Tolerance < 1) {
		bad("tolerance: is %g, want at least 0 and less than 1", o.Tolerance)
	}
	top, base := clustered(t)
	patches, ofPatches := top.(*nets.PatchClusters)
	switch {
	case top == nil:
		bad(`encoder.type: kmeans sets the centers of an encoder of clusters; want encoder.type = "clusters" or "patch-clusters"`)
	case t.Spec.Words != nil:
		bad("encoder.type: kmeans takes numbers, and the examples of %s are words", t.Spec.Name)
	case ofPatches && base != nil:
		bad("encoder.type: patch-clusters takes pictures, and the code of another encoder is none; want clusters")
	case ofPatches:
		within("patches", o.Patches, 1, maxPoints)
		if o.Patches < patches.K {
			bad("patches: is %d, fewer than the encoder's %d centers", o.Patches, patches.K)
		}
		if !(o.Whiten > 0 && o.Whiten <= 1e9) {
			bad("whiten: is %g, want more than 0", o.Whiten)
		}
	}
	return errors.Join(errs...)
}

// Prepare implements Objective: "x" is the batch, (B, …).
func (o *KMeans) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	t.See(into.F["x"], b.Pixels)
	return nil
}

// points are the rows to cluster of a batch, (N, D), and the centers, (K, D).
func (o *KMeans) points(t Task, s *graph.Scope) (p, c *G.Node) {
	top, base := clustered(t)
	e := s.In("encoder")
	x := s.Input("x", append([]int{t.Batch}, t.Seen()...)...) // (B, …)
	if base != nil {
		x = base.Under(e, x) // (B, D)
	}
	p = top.Points(e, x) // (N, D)
	return p, top.Centers(e, p.Shape()[1])
}

// Build implements Objective. In evaluation it taps the code and "reconstruction",
// the centers in place of the points, (N, D). Trained by gradients, the centers go
// where Lloyd's iterations bring them (Bottou and Bengio 1995, "Convergence
// properties of the k-means algorithms").
func (o *KMeans) Build(t Task, s *graph.Scope) *G.Node {
	p, c := o.points(t, s)
	if o.Restarts > 1 {
		s.In("kmeans").Buffer("best", graph.Constant(0), c.Shape()...)
	}
	if o.Batch > 0 {
		s.In("kmeans").Buffer("seen", graph.Constant(0), c.Shape()[0])
	}
	codes := s.Apply(&ops.Nearest{}, p, c) // (N)
	if !s.Training() {
		Encode(t, s)
		s.Tap("reconstruction", s.Apply(&ops.Quantize{}, p, c, codes)) // (N, D)
	}
	return s.Apply(&ops.CodeLoss{Trained: true}, p, c, codes) // ()
}

// Pictures implements Pictured: the centers, and where they stand for pictures, some
// of those with their centers below.
func (o *KMeans) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	top, base := clustered(t)
	if !t.Spec.Image() || base != nil {
		return nil, nil
	}
	centers := p.Params().Get("encoder/centers")
	n := min(centers.Shape[0], 100)
	if e, ok := top.(*nets.PatchClusters); ok {
		return o.filters(t, e, p, n)
	}
	y, ok := p.Tap("reconstruction")
	if !ok {
		return nil, errors.New("the program has no reconstruction to draw; it must be one for evaluation")
	}
	pairs, err := sheetOfRows(t, min(b.N(), 16), fed.F["x"], y.Data)
	if err != nil {
		return nil, err
	}
	size := t.Spec.Size()
	var rows [][]float32
	const columns = 10
	for at := 0; at+columns <= n; at += columns {
		rows = append(rows, centers.Data[at*size:(at+columns)*size])
	}
	width := columns
	if len(rows) == 0 {
		rows, width = [][]float32{centers.Data}, n
	}
	sheet, err := sheetOfRows(t, width, rows...)
	if err != nil {
		return nil, err
	}
	return []Picture{
		{Name: "reconstructions", Caption: "Top: originals. Bottom: the nearest center of each.", Image: pairs},
		{Name: "centers", Caption: fmt.Sprintf("%d of the %d centers: the mean of each cluster.", len(rows)*width, centers.Shape[0]), Image: sheet},
	}, nil
}

// filters draws what each center of patches looks for in a picture.
func (o *KMeans) filters(t Task, e *nets.PatchClusters, p *graph.Program, n int) ([]Picture, error) {
	filters := filtersOf(p.Params(), n)
	t.Spec.Shape = []int{t.Spec.Shape[0], e.Patch, e.Patch}
	sheet, err := sheetOfDirections(t, filters)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "centers", Caption: fmt.Sprintf("What %d of the %d centers look for in a picture: grey is zero, white above, black below.", n, e.K), Image: sheet}}, nil
}

// filtersOf are the first n centers of patches as filters of a picture: Wᵀc, with the
// whitening W.
func filtersOf(ps *graph.Params, n int) []float32 {
	w, c := ps.Get("encoder/whiten/weight"), ps.Get("encoder/centers")
	d := c.Shape[1]
	filters := make([]float32, n*d)
	for i := range n {
		for j := range d {
			for l, v := range w.Data[j*d : (j+1)*d] {
				filters[i*d+l] += v * c.Data[i*d+j]
			}
		}
	}
	return filters
}

// EncodeCodes implements Coded: the number of the nearest center, of each example, or
// of each of its patches.
func (o *KMeans) EncodeCodes(t Task, s *graph.Scope) {
	p, c := o.points(t, s)
	s.Tap(CodesTap, s.Apply(&ops.Nearest{}, p, c)) // (N)
}

// CodeTable implements Codebooked.
func (o *KMeans) CodeTable(_ Task, ps *graph.Params) ([]float32, int, error) {
	c := ps.Get("encoder/centers")
	return c.Data, c.Shape[0], nil
}

// DrawCodes implements Codebooked: the centers as pictures; of patches, what each looks
// for.
func (o *KMeans) DrawCodes(t Task, ps *graph.Params, codes []int) ([]byte, []int, error) {
	top, base := clustered(t)
	if base != nil {
		return nil, nil, errors.New("its centers are of codes of another encoder, and no pictures")
	}
	c, shape := ps.Get("encoder/centers"), t.Spec.Shape
	size := c.Shape[1]
	if e, ok := top.(*nets.PatchClusters); ok {
		shape = []int{shape[0], e.Patch, e.Patch}
		filters := filtersOf(ps, c.Shape[0])
		var pixels []byte
		for _, code := range codes {
			pixels = append(pixels, directionTile(filters[code*size:(code+1)*size])...)
		}
		return pixels, shape, nil
	}
	var pixels []byte
	for _, code := range codes {
		tile, err := tileOf(t, c.Data[code*size:(code+1)*size])
		if err != nil {
			return nil, nil, err
		}
		pixels = append(pixels, tile...)
	}
	return pixels, shape, nil
}

var (
	_ Resumer    = (*KMeans)(nil)
	_ Stacking   = (*KMeans)(nil)
	_ Pictured   = (*KMeans)(nil)
	_ Codebooked = (*KMeans)(nil)
)
