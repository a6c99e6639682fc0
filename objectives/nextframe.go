package objectives

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("next-frame", func() Objective { return &NextFrame{Past: 3, Loss: "l2"} })
}

// NextFrame asks for the next frame of a clip from those before it (Srivastava,
// Mansimov and Salakhutdinov 2015, "Unsupervised learning of video representations
// using LSTMs", arXiv:1502.04681, the future predictor, with frames as channels as in
// Mathieu, Couprie and LeCun 2016, "Deep multi-scale video prediction beyond mean
// square error", arXiv:1511.05440). Where in a clip it asks is drawn anew each time.
//
// To copy the last frame is the answer of one who has understood nothing: its error is
// tapped beside that of the model.
//
// Shapes: B clips a batch, (F, C, H, W), of which the encoder sees K frames as a picture
// of K·C channels.
type NextFrame struct {
	Past int    `toml:"past"` // frames that the encoder sees, K
	Loss string `toml:"loss"` // of one value: l2, l1, or bce, the cross-entropy of values in 0..1
	// Change has the decoder answer by how much the last frame changes.
	Change bool `toml:"change"`
}

// A Foreseeing objective's encoder sees the first frames of a clip alone.
type Foreseeing interface {
	PastFrames() int
}

// PastFrames implements Foreseeing.
func (o *NextFrame) PastFrames() int { return o.Past }

// Check implements Objective.
func (o *NextFrame) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, ok := losses[o.Loss]; !ok {
		bad("objective.loss: is %q, want l2, l1 or bce", o.Loss)
	}
	if o.Loss == "bce" && (len(t.Pixels.Mean) > 0 || len(t.Pixels.Std) > 0) {
		bad(`objective.loss: bce wants values in 0..1, but data.normalize shifts or scales them; want data.normalize = "unit", or loss = "l2"`)
	}
	if o.Loss == "bce" && o.Change {
		bad("objective.change: a change of the last frame has no logits; want loss l2 or l1 with it")
	}
	for _, values := range [][]float32{t.Pixels.Mean, t.Pixels.Std} {
		if len(values) > 0 && slices.Min(values) != slices.Max(values) {
			bad(`data.normalize: next-frame takes its own answers for frames, so that all must be scaled alike; want "unit" or "signed"`)
			break
		}
	}
	if !t.Spec.Clip() {
		bad("objective.type: next-frame needs clips, and an example of %s has the shape %v; want data.source to be bouncing-digits, bouncing-shapes or frames", t.Spec.Name, t.Spec.Shape)
		return errors.Join(errs...)
	}
	if o.Past < 1 || o.Past >= t.Spec.Shape[0] {
		bad("objective.past: is %d, want 1 to %d, one less than the frames of a clip", o.Past, t.Spec.Shape[0]-1)
		return errors.Join(errs...)
	}
	if t.Encoder == nil {
		return errors.Join(errs...)
	}
	t.Pixels.Past = o.Past
	if err := t.Encoder.Check(t.Seen()); err != nil {
		errs = append(errs, err)
	} else if _, err := o.decoder(t); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// frame is the shape of one, (C, H, W).
func frame(t Task) []int { return t.Spec.Shape[1:] }

// doublings is how often a map of h x w becomes twice as large to be as large as a
// picture; ok is false where it never is.
func doublings(h, w int, picture []int) (n int, ok bool) {
	for h < picture[1] {
		h, w, n = 2*h, 2*w, n+1
	}
	return n, h == picture[1] && w == picture[2]
}

// decoder gives what answers: the mirror image of the encoder from its map, transposed
// convolutions from its map, or its mirror image from its code, whichever it has first.
func (o *NextFrame) decoder(t Task) (func(s *graph.Scope, past *G.Node) *G.Node, error) {
	shape := frame(t)
	if m, ok := t.Encoder.(nets.Mapped); ok {
		h, w, c, whole := m.MapSize(t.Seen())
		mirrored, turns := t.Encoder.(nets.MirroredMap)
		n, fits := doublings(h, w, shape)
		switch {
		case whole && turns:
			return func(s *graph.Scope, past *G.Node) *G.Node {
				return mirrored.DecodeMap(s.In("decoder"), mirrored.EncodeMap(s.In("encoder"), past), shape)
			}, nil
		case whole && fits:
			return func(s *graph.Scope, past *G.Node) *G.Node {
				return upTo(s.In("decoder"), m.EncodeMap(s.In("encoder"), past), c, n, shape[0])
			}, nil
		case whole:
			return nil, fmt.Errorf("objective.type: next-frame doubles the encoder's map of %dx%d to the size of a frame, which is %dx%d; want other strides, or another data.size", h, w, shape[1], shape[2])
		}
	}
	if m, ok := t.Encoder.(nets.Mirrored); ok {
		return func(s *graph.Scope, past *G.Node) *G.Node {
			return m.Decode(s.In("decoder"), m.Encode(s.In("encoder"), past), shape)
		}, nil
	}
	return nil, fmt.Errorf("objective.type: next-frame needs an encoder with a map of features or a mirror image, and %s has neither", nets.NameOf(t.Encoder))
}

// upTo makes a picture of some channels, (B, channels, H, W), of a map, (B, h, w, c), by
// transposed convolutions, each with half the channels of the one before.
func upTo(s *graph.Scope, m layers.Map, c, n, channels int) *G.Node {
	act := layers.Act(ops.Activation{Func: ops.ReLU})
	for i := range n - 1 {
		c = max(16, c/2)
		m = layers.ConvTranspose2D(s, fmt.Sprintf("up%d", i), m, c, ops.Square(4, 2, 1), act) // (B, 2h, 2w, c/2)
	}
	if n == 0 {
		return layers.Conv2D(s, "out", m, channels, ops.Square(3, 1, 1)).Images(s)
	}
	return layers.ConvTranspose2D(s, "out", m, channels, ops.Square(4, 2, 1)).Images(s) // (B, channels, H, W)
}

// frameScaling is that of one frame.
func (t Task) frameScaling() Scaling {
	n := t.Spec.Size() / max(1, t.Spec.Shape[0])
	return Scaling{Mean: t.Pixels.Mean[:min(n, len(t.Pixels.Mean))], Std: t.Pixels.Std[:min(n, len(t.Pixels.Std))]}
}

// Prepare implements Objective: "past", (B, K·C, H, W), "last", the last of them, and
// "next", what follows, both (B, C, H, W).
func (o *NextFrame) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	frames := b.Spec.Shape[0]
	size := b.Spec.Size() / frames
	z := t.frameScaling()
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "next-frame/start", b.Epoch, index))
		clip := b.Pixels[i*frames*size:][r.IntN(frames-o.Past)*size:]
		past := into.F["past"][i*o.Past*size:][:o.Past*size]
		z.Apply(past, clip[:len(past)])
		copy(into.F["last"][i*size:(i+1)*size], past[len(past)-size:])
		z.Apply(into.F["next"][i*size:(i+1)*size], clip[len(past):len(past)+size])
	}
	return nil
}

// Build implements Objective. It taps "prediction", (B, C, H, W), in the range of a
// frame, and of the metrics its squared error and that of copying the last frame.
func (o *NextFrame) Build(t Task, s *graph.Scope) *G.Node {
	answer, err := o.decoder(t)
	if err != nil {
		s.Fail("%w", err)
		return nil
	}
	shape := append([]int{t.Batch}, frame(t)...)
	past := s.Input("past", append([]int{t.Batch}, t.Seen()...)...) // (B, K·C, H, W)
	last, next := s.Input("last", shape...), s.Input("next", shape...)
	y := answer(s, past) // (B, C, H, W)
	if o.Change {
		y = s.Apply(&ops.Add{}, y, last)
	}
	loss := s.Apply(&ops.PointLoss{Of: losses[o.Loss]}, y, next) // ()
	if o.Loss == "bce" {
		y = s.Apply(&ops.Activate{Act: ops.Activation{Func: ops.Sigmoid}}, y)
	}
	s.Tap("prediction", y)
	squared := loss
	if o.Loss != "l2" {
		squared = layers.MSE(s, y, next)
	}
	s.Tap(frameError, squared)
	s.Tap(copyError, layers.MSE(s, last, next))
	return loss
}

const (
	frameError = "metric/squared error"
	copyError  = "metric/squared error of copying"
)

// NewSurvey implements Surveyed: the error over that of copying the last frame.
func (o *NextFrame) NewSurvey(Task) Survey { return &frameSurvey{} }

type frameSurvey struct {
	model, copied float64
	n             int
}

// Add implements Survey.
func (v *frameSurvey) Add(p *graph.Program, b *data.Batch, _ *graph.Feed) error {
	model, ok := p.Tap(frameError)
	copied, ok2 := p.Tap(copyError)
	if !ok || !ok2 {
		return errors.New("the program has no error of a frame")
	}
	v.model += float64(model.Data[0]) * float64(b.N())
	v.copied += float64(copied.Data[0]) * float64(b.N())
	v.n += b.N()
	return nil
}

// Figures implements Survey.
func (v *frameSurvey) Figures() []Figure {
	if v.copied == 0 {
		return nil // nothing moves
	}
	return []Figure{{"error over copying", v.model / v.copied, "lower",
		fmt.Sprintf("squared error of the next frame over that of the last one in its place; %d test clips", v.n)}}
}

var (
	_ Foreseeing = (*NextFrame)(nil)
	_ Surveyed   = (*NextFrame)(nil)
	_ Pictured   = (*NextFrame)(nil)
	_ Tabled     = (*NextFrame)(nil)
)
