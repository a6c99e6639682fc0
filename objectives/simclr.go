package objectives

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("simclr", func() Objective {
		return &SimCLR{
			Temperature: 0.5, Projection: 128, ProjectionHidden: 128,
			Augmentation: transforms.Augmentation{
				Crop: [2]float64{0.08, 1}, Ratio: [2]float64{3. / 4, 4. / 3}, Flip: 0.5, Jitter: 0.8,
				Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1, Grey: 0.2, BlurSigma: [2]float64{0.1, 2},
			},
		}
	})
}

// SimCLR asks the encoder to recognise two random views of one picture among the
// views of all others in the batch (Chen et al. 2020, arXiv:2002.05709, Algorithm 1).
// A projection head between code and loss is left out afterwards.
//
// The defaults are the paper's for CIFAR-10 (appendix B.9: colour strength 0.5, no
// blur). In evaluation the views of an example are always the same.
//
// Shapes: N examples a batch of (C, H, W), 2N views, code size D.
type SimCLR struct {
	Temperature      float32 `toml:"temperature"`       // of the softmax over similarities; > 0
	Projection       int     `toml:"projection"`        // values of a projection, which is what views are compared by
	ProjectionHidden int     `toml:"projection_hidden"` // width of the head's hidden layer; 0 = none

	transforms.Augmentation
}

// maxProjection bounds what a run file can ask of the head.
const maxProjection = 1 << 16

// Check implements Objective.
func (o *SimCLR) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(o.Temperature > 0 && o.Temperature <= 100) { // false for NaN too
		bad("temperature: is %g, want above 0, at most 100", o.Temperature)
	}
	if o.Projection < 1 || o.Projection > maxProjection {
		bad("projection: is %d, want 1 to %d", o.Projection, maxProjection)
	}
	if o.ProjectionHidden < 0 || o.ProjectionHidden > maxProjection {
		bad("projection_hidden: is %d, want 0 to %d", o.ProjectionHidden, maxProjection)
	}
	if err := o.Augmentation.Check(); err != nil {
		errs = append(errs, err)
	}
	if !t.Spec.Image() {
		bad("objective.type: simclr needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	if t.Batch < 2 {
		bad("train.batch: is %d, but simclr tells the views of an example from those of others; want at least 2", t.Batch)
	}
	return errors.Join(errs...)
}

// Prepare implements Objective: "views", (2N, C, H, W), has two views of example i
// at i and i+N.
func (o *SimCLR) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	views := into.F["views"]
	n, size := b.N(), b.Spec.Size()
	v := transforms.NewViewer(o.Augmentation, b.Spec.Shape)
	var r draw.Rand
	for side, stream := range []string{"simclr/view1", "simclr/view2"} {
		for i, index := range b.Index {
			r.Seed(draw.Key(t.Seed, stream, b.Epoch, index))
			v.View(views[(side*n+i)*size:][:size], b.Pixels[i*size:(i+1)*size], &r)
		}
	}
	t.Pixels.Normalize(views)
	return nil
}

// Build implements Objective. It taps "encoder/code", (2N, D), "projection", (2N,
// Projection), and how the projections lie on the sphere (ops.Sphere): "metric/alignment",
// "metric/uniformity" and "metric/spread".
func (o *SimCLR) Build(t Task, s *graph.Scope) *G.Node {
	shape := append([]int{2 * t.Batch}, t.Spec.Shape...)
	code := t.Encoder.Encode(s.In("encoder"), s.Input("views", shape...)) // (2N, D)
	z := s.Tap("projection", o.project(s.In("head"), code))               // (2N, Projection)
	watch(s, z)
	return layers.NTXent(s, z, o.Temperature) // ()
}

// project is the head: a hidden layer with ReLU and a linear one.
func (o *SimCLR) project(s *graph.Scope, code *G.Node) *G.Node {
	if o.ProjectionHidden > 0 {
		code = layers.Linear(s, "fc0", code, o.ProjectionHidden, layers.Act(ops.Activation{Func: ops.ReLU})) // (2N, ProjectionHidden)
	}
	return layers.Linear(s, "fc1", code, o.Projection) // (2N, Projection)
}

// watch taps how pairs of rows, i and i+N of z, (2N, D), lie on the sphere.
func watch(s *graph.Scope, z *G.Node) {
	tap := func(name string, m ops.Measure) { s.Tap("metric/"+name, s.Apply(&ops.Sphere{Measure: m}, z)) } // ()
	tap("alignment", ops.Alignment)
	tap("uniformity", ops.Uniformity)
	tap(spreadMetric, ops.Deviation)
}

// Alarm implements Guarded.
func (o *SimCLR) Alarm(metrics map[string]float64) string { return collapsed(metrics) }

// Pictures implements Pictured: for each of a few examples, one below the other, the
// picture and its two views.
func (o *SimCLR) Pictures(ctx context.Context, t Task, _ *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	n, size := min(b.N(), 16), t.Spec.Size()
	x := make([]float32, n*size)
	t.Pixels.Apply(x, b.Pixels[:n*size])
	sheet, err := sheetOfRows(t, n, x, fed.F["views"], fed.F["views"][b.N()*size:])
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "views", Image: sheet, Caption: "Top: originals. Below: the two views of each that are to be recognised as one."}}, nil
}

var (
	_ Pictured = (*SimCLR)(nil)
	_ Guarded  = (*SimCLR)(nil)
)
