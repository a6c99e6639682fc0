package nets

import (
	"errors"
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("clusters", func() Encoder { return &Clusters{K: 100, Form: "triangle"} })
	Register("patch-clusters", func() Encoder {
		return &PatchClusters{K: 1600, Patch: 6, Stride: 1, Pool: 2, Form: "triangle", Contrast: 10}
	})
}

// A Clustered encoder codes what it sees by its distances to the centers of
// clusters, which k-means finds.
type Clustered interface {
	Encoder
	// Points are the rows that are clustered, (N, D), of a batch (B, shape...): N is
	// a multiple of B.
	Points(s *graph.Scope, x *G.Node) *G.Node
	// Centers is the parameter, (K, D).
	Centers(s *graph.Scope, d int) *G.Node
	// Count is the number K of centers.
	Count() int
}

var centerForms = map[string]ops.CenterForm{"triangle": ops.Triangle, "distance": ops.Distances, "one-hot": ops.OneHot}

func checkCenters(k int, form string) error {
	var errs []error
	if k < 1 || k > maxWidth {
		errs = append(errs, fmt.Errorf("k: is %d, want 1 to %d centers", k, maxWidth))
	}
	if _, ok := centerForms[form]; !ok {
		errs = append(errs, fmt.Errorf("form: is %q, want triangle, distance or one-hot", form))
	}
	return errors.Join(errs...)
}

// centers is the parameter of that name, which starts as white noise: k-means sets it.
func centers(s *graph.Scope, k, d int) *G.Node {
	return s.Param("centers", func(r *draw.Rand, _ []int, w []float32) {
		for i := range w {
			w[i] = float32(r.Norm())
		}
	}, k, d) // (K, D)
}

// Clusters codes an example by its distances z to K centers.
type Clusters struct {
	K    int    `toml:"k"`    // centers
	Form string `toml:"form"` // triangle, max(0, mean(z) − z); distance, z; one-hot, 1 for the nearest
}

// Check implements Encoder.
func (e *Clusters) Check(shape []int) error {
	err := checkCenters(e.K, e.Form)
	if n := size(shape); err == nil && (n < 1 || n > maxValues || n*e.K > maxWeights) {
		err = fmt.Errorf("k: %d centers of examples of shape %v are %d values, want 1 to %d", e.K, shape, n*e.K, maxWeights)
	}
	return err
}

// CodeSize implements Encoder.
func (e *Clusters) CodeSize([]int) int { return e.K }

// Count implements Clustered.
func (e *Clusters) Count() int { return e.K }

// Points implements Clustered: the examples as they are.
func (e *Clusters) Points(s *graph.Scope, x *G.Node) *G.Node { return layers.Flatten(s, x) }

// Centers implements Clustered: the parameter "centers".
func (e *Clusters) Centers(s *graph.Scope, d int) *G.Node { return centers(s, e.K, d) }

// Encode implements Encoder. It taps the code, and as "nearest", (B), the number of
// the nearest center.
func (e *Clusters) Encode(s *graph.Scope, x *G.Node) *G.Node {
	p := e.Points(s, x)                                                             // (B, D)
	c := e.Centers(s, p.Shape()[1])                                                 // (K, D)
	s.Tap("nearest", s.Apply(&ops.Nearest{}, p, c))                                 // (B)
	return s.Tap("code", s.Apply(&ops.CenterCode{Form: centerForms[e.Form]}, p, c)) // (B, K)
}

// PatchClusters codes a picture by its patches (Coates, Lee and Ng 2011, "An
// analysis of single-layer networks in unsupervised feature learning"): each is
// brought to one contrast, whitened, and coded by its distances to K centers; the
// codes are summed over Pool x Pool regions of the picture. It is a convolution with
// the centers whose norm, nonlinearity and pooling are those of the paper.
type PatchClusters struct {
	K        int     `toml:"k"`        // centers
	Patch    int     `toml:"patch"`    // pixels along the side of a patch
	Stride   int     `toml:"stride"`   // pixels from one patch to the next
	Pool     int     `toml:"pool"`     // regions along a side: 2 are quadrants
	Form     string  `toml:"form"`     // triangle, distance or one-hot
	Contrast float64 `toml:"contrast"` // added to the variance of a patch, of values in 0..255
}

// Bounds of what a run file can ask for.
const maxPatchValues = 4096 // of which whitening has the square

// Check implements Encoder.
func (e *PatchClusters) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := checkCenters(e.K, e.Form); err != nil {
		errs = append(errs, err)
	}
	if !(e.Contrast >= 0 && e.Contrast <= 1e9) {
		bad("contrast: is %g, want at least 0", e.Contrast)
	}
	rows, cols, err := ops.PatchGridOf(shape, e.Patch, e.Stride)
	switch {
	case err != nil && strings.Contains(err.Error(), "want at least 1"):
		bad("patch, stride: %w", err)
	case err != nil:
		bad("patch: %w", err)
	case e.Pool < 1 || e.Pool > min(rows, cols):
		bad("pool: is %d, want 1 to %d: there are %dx%d patches", e.Pool, min(rows, cols), rows, cols)
	case shape[0]*e.Patch*e.Patch > maxPatchValues:
		bad("patch: of %d pixels has %d values, want at most %d", e.Patch, shape[0]*e.Patch*e.Patch, maxPatchValues)
	case e.K > maxWeights/(shape[0]*e.Patch*e.Patch):
		bad("k: %d centers of patches of %d values are %d weights, want at most %d", e.K, shape[0]*e.Patch*e.Patch, e.K*shape[0]*e.Patch*e.Patch, maxWeights)
	case e.K*e.Pool*e.Pool > maxWidth:
		bad("k, pool: the code has %d values, want at most %d", e.K*e.Pool*e.Pool, maxWidth)
	}
	return errors.Join(errs...)
}

// CodeSize implements Encoder.
func (e *PatchClusters) CodeSize([]int) int { return e.K * e.Pool * e.Pool }

// Count implements Clustered.
func (e *PatchClusters) Count() int { return e.K }

// Eps is what is added to the variance of a patch, whose values are in 0..1.
func (e *PatchClusters) Eps() float32 { return float32(e.Contrast / (255 * 255)) }

// Centers implements Clustered: the parameter "centers".
func (e *PatchClusters) Centers(s *graph.Scope, d int) *G.Node { return centers(s, e.K, d) }

// Points implements Clustered: all patches, whitened by the buffers whiten/weight
// and whiten/bias, which start as the identity and as 0.
func (e *PatchClusters) Points(s *graph.Scope, x *G.Node) *G.Node {
	p := e.white(s, x) // (B, P, D)
	return layers.Reshape(s, p, p.Shape()[0]*p.Shape()[1], p.Shape()[2])
}

func (e *PatchClusters) white(s *graph.Scope, x *G.Node) *G.Node {
	p := s.Apply(&ops.LocalPatches{Size: e.Patch, Stride: e.Stride, Eps: e.Eps()}, x) // (B, P, D)
	d := p.Shape()[2]
	w := s.In("whiten").Buffer("weight", identity, d, d)
	b := s.In("whiten").Buffer("bias", graph.Constant(0), d)
	return s.Apply(&ops.Linear{}, p, w, b) // (B, P, D)
}

func identity(_ *draw.Rand, shape []int, w []float32) {
	clear(w)
	for i := range shape[0] {
		w[i*shape[1]+i] = 1
	}
}

// Encode implements Encoder. It taps the patches, whitened, and the code.
func (e *PatchClusters) Encode(s *graph.Scope, x *G.Node) *G.Node {
	p := s.Tap("patches", e.white(s, x)) // (B, P, D)
	_, cols, err := ops.PatchGridOf([]int(x.Shape()[1:]), e.Patch, e.Stride)
	if err != nil {
		s.Fail("%w", err)
	}
	code := &ops.CenterCode{Form: centerForms[e.Form], Cols: cols, Pool: e.Pool}
	return s.Tap("code", s.Apply(code, p, e.Centers(s, p.Shape()[2]))) // (B, Pool²·K)
}

var (
	_ Clustered = (*Clusters)(nil)
	_ Clustered = (*PatchClusters)(nil)
)
