package objectives

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("clip", func() Objective {
		return &CLIP{
			Temperature: 0.07, Projection: 64,
			TextDim: 128, TextDepth: 2, TextHeads: 4, TextPool: "mean",
			Augmentation: transforms.Augmentation{Crop: [2]float64{1, 1}, Ratio: [2]float64{1, 1}, BlurSigma: [2]float64{0.1, 2}},
		}
	})
}

// CLIP asks which text goes with which picture: an encoder of pictures and a transformer
// over the words of their captions, each with a linear map into one space, in which the two
// of a pair shall be nearest among all of the batch (Radford et al. 2021, arXiv:2103.00020,
// figure 3). The temperature of the softmax is learned with the rest.
//
// Pictures are changed by chance in training where the settings say so; by default they
// are not, as captions tell of colours and places.
//
// Shapes: B pairs a batch, pictures of (C, H, W), T tokens of a caption, V words, codes of
// D values, P values of a projection.
type CLIP struct {
	// Temperature is that of the softmax at the beginning; it is learned, and never falls
	// below 0.01 (section 2.5).
	Temperature float64 `toml:"temperature"`
	Projection  int     `toml:"projection"` // values by which pictures and texts are compared

	TextDim   int    `toml:"text_dim"`   // values of a token of the encoder of texts, a transformer
	TextDepth int    `toml:"text_depth"` // its blocks
	TextHeads int    `toml:"text_heads"` // of its attention; divides text_dim
	TextPool  string `toml:"text_pool"`  // its code: mean of the tokens, or last; then tokens look back only, as in the paper

	// Prompts are what zero-shot classification asks: texts in which {class}, or the name
	// of a factor in braces, stands for what a picture may be; several are averaged. Empty:
	// a {class}, where there are classes.
	Prompts []string `toml:"prompts"`

	transforms.Augmentation
}

const (
	// leastTemperature is what the learned temperature does not fall below.
	leastTemperature = 0.01
	// scalePath is the log of the temperature's inverse, (1).
	scalePath = "head/scale"

	imageTap, textTap = "projection/image", "projection/text"
)

// Check implements Objective.
func (o *CLIP) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(o.Temperature >= leastTemperature && o.Temperature <= 100) { // false for NaN too
		bad("temperature: is %g, want %g to 100", o.Temperature, leastTemperature)
	}
	if o.Projection < 1 || o.Projection > maxProjection {
		bad("projection: is %d, want 1 to %d", o.Projection, maxProjection)
	}
	if o.TextPool != "mean" && o.TextPool != "last" {
		bad("text_pool: is %q, want mean or last", o.TextPool)
	}
	const most = 1 << 12
	switch {
	case o.TextDim < 1 || o.TextDim > most:
		bad("text_dim: is %d, want 1 to %d", o.TextDim, most)
	case o.TextHeads < 1 || o.TextDim%o.TextHeads != 0:
		bad("text_heads: is %d, want a number that divides text_dim, %d", o.TextHeads, o.TextDim)
	}
	if o.TextDepth < 1 || o.TextDepth > 64 {
		bad("text_depth: is %d, want 1 to 64", o.TextDepth)
	}
	if err := o.Augmentation.Check(); err != nil {
		errs = append(errs, err)
	}
	if !t.Spec.Image() {
		bad("objective.type: clip needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	if t.Batch < 2 {
		bad("train.batch: is %d, but clip tells the pairs of a batch from each other; want at least 2", t.Batch)
	}
	if t.Unread {
		_, err := parsePrompts(o.Prompts)
		return errors.Join(append(errs, err)...)
	}
	if t.Spec.Captions == nil {
		bad(`data.captions: is not set, and clip learns from pictures with captions; want captions = "made" of shapes, "txt" or a table such as "captions.csv" of a folder`)
	}
	if _, err := o.questions(t.Spec); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Prepare implements Objective: "x" are the pictures, (B, C, H, W), and "caption" the
// tokens of their captions, (B, T), -1 after the end.
func (o *CLIP) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	if b.Spec.Captions == nil {
		return fmt.Errorf("%s (%s) has no captions", b.Spec.Name, b.Spec.Split)
	}
	for i, w := range b.Caption {
		into.I["caption"][i] = int(w)
	}
	x := into.F["x"]
	if b.Spec.Split != "train" || o.plain() {
		t.Pixels.Apply(x, b.Pixels)
		return nil
	}
	size := b.Spec.Size()
	v := transforms.NewViewer(o.Augmentation, b.Spec.Shape)
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "clip/view", b.Epoch, index))
		v.View(x[i*size:(i+1)*size], b.Pixels[i*size:(i+1)*size], &r)
	}
	t.Pixels.Normalize(x)
	return nil
}

// plain reports whether the pictures are left as they are.
func (o *CLIP) plain() bool {
	return o.Crop[0] == 1 && o.Flip == 0 && o.Jitter == 0 && o.Grey == 0 && o.Blur == 0
}

// Build implements Objective. It taps "encoder/code", (B, D), "text/code", (B,
// text_dim), and the projections of both, (B, P); and as metrics the temperature
// and how far the projections of each are spread (ops.Deviation).
func (o *CLIP) Build(t Task, s *graph.Scope) *G.Node {
	image, text := o.image(t, s), o.text(t, s) // (B, P), (B, P)
	scale := s.Param(scalePath, graph.Constant(float32(-math.Log(o.Temperature))), 1)
	s.Tap("metric/temperature", s.Apply(&ops.Temperature{}, scale))                        // ()
	s.Tap("metric/"+spreadMetric, s.Apply(&ops.Sphere{Measure: ops.Deviation}, image))     // ()
	s.Tap("metric/text "+spreadMetric, s.Apply(&ops.Sphere{Measure: ops.Deviation}, text)) // ()
	return layers.LearnedInfoNCE(s, image, text, scale)                                    // ()
}

// image builds the encoder of pictures "x" with its projection, (B, P).
func (o *CLIP) image(t Task, s *graph.Scope) *G.Node {
	x := s.Input("x", append([]int{t.Batch}, t.Spec.Shape...)...)                               // (B, C, H, W)
	code := t.Encoder.Encode(s.In("encoder"), x)                                                // (B, D)
	return s.Tap(imageTap, layers.Linear(s, "head/image", code, o.Projection, layers.NoBias())) // (B, P)
}

// text builds the encoder of captions with its projection, (B, P).
func (o *CLIP) text(t Task, s *graph.Scope) *G.Node {
	c := t.Spec.Captions
	words := s.Ints("caption", t.Batch, c.Length)                                             // (B, T)
	code := o.tower().EncodeWords(s.In("text"), words, c.Words)                               // (B, text_dim)
	return s.Tap(textTap, layers.Linear(s, "head/text", code, o.Projection, layers.NoBias())) // (B, P)
}

// tower is the encoder of captions.
func (o *CLIP) tower() *nets.Transformer {
	return &nets.Transformer{Dim: o.TextDim, Depth: o.TextDepth, Heads: o.TextHeads, MLPRatio: 4, Norm: "pre", Activation: "gelu",
		Positions: "learned", Pooling: o.TextPool, Causal: o.TextPool == "last"}
}

// Model builds all that Examine and the like need of a model that is kept.
func (o *CLIP) Model(t Task, s *graph.Scope) {
	o.image(t, s)
	o.text(t, s)
}

// AfterStep implements the interface of that name: it keeps the temperature from falling
// too low.
func (o *CLIP) AfterStep(_ Task, _ *graph.Program, ps *graph.Params) error {
	scale := ps.Get(scalePath).Data
	scale[0] = min(scale[0], float32(-math.Log(leastTemperature)))
	return nil
}

// Alarm implements Guarded.
func (o *CLIP) Alarm(metrics map[string]float64) string { return collapsed(metrics) }

var (
	_ AfterStep = (*CLIP)(nil)
	_ Guarded   = (*CLIP)(nil)
	_ Examined  = (*CLIP)(nil)
)
