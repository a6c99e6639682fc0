package objectives

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("autoencoder", func() Objective { return &Autoencoder{Loss: "l2"} })
}

// Autoencoder asks the encoder for a code from which a decoder, its mirror
// image, can give back the example (Hinton and Salakhutdinov 2006, "Reducing the
// dimensionality of data with neural networks", doi:10.1126/science.1127647).
//
// With Noise or Mask it is a denoising autoencoder: the encoder sees a damaged
// example and the clean one is asked back (Vincent et al. 2010, "Stacked
// denoising autoencoders", JMLR 11, section 3.3: additive Gaussian and masking
// noise). It is scored on damaged examples in evaluation too; features are those
// of clean ones.
//
// Shapes: B examples a batch, each of the data's own shape (…), code size D.
type Autoencoder struct {
	// Loss is the error of one value, of which the loss is the mean: l2, (y−x)²;
	// l1, |y−x|; bce, the cross-entropy of x in 0..1 against a decoder that gives
	// logits.
	Loss string `toml:"loss"`
	// Noise is the standard deviation of Gaussian noise added to every value that
	// the encoder sees; ≥ 0, in units of the scaled values.
	Noise float64 `toml:"noise"`
	// Mask is the share of values that the encoder sees as zero; 0 ≤ Mask < 1.
	Mask float64 `toml:"mask"`
}

var losses = map[string]ops.Error{
	"l2":  ops.Squared,
	"l1":  ops.Absolute,
	"bce": ops.BinaryCrossEntropy,
}

// Check implements Objective. Whether the encoder takes the examples is for the
// encoder's own Check to say.
func (o *Autoencoder) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, ok := losses[o.Loss]; !ok {
		bad("loss: is %q, want l2, l1 or bce", o.Loss)
	}
	if !(o.Noise >= 0 && o.Noise <= 1e6) { // false for NaN too
		bad("noise: is %g, want a standard deviation of at least 0", o.Noise)
	}
	if !(o.Mask >= 0 && o.Mask < 1) {
		bad("mask: is %g, want a share of at least 0 and less than 1", o.Mask)
	}
	if o.Loss == "bce" && (len(t.Pixels.Mean) > 0 || len(t.Pixels.Std) > 0) {
		bad(`loss: bce wants values in 0..1, but data.normalize shifts or scales them; want data.normalize = "unit", or loss = "l2"`)
	}
	if _, ok := t.Encoder.(nets.Mirrored); !ok {
		bad("type: an autoencoder needs an encoder that can be turned round, and %s has no decoder", nets.NameOf(t.Encoder))
	}
	return errors.Join(errs...)
}

// damages reports whether the encoder sees something else than the target.
func (o *Autoencoder) damages() bool { return o.Noise > 0 || o.Mask > 0 }

// Prepare implements Objective: "x" is the batch, "noisy" what the encoder sees
// of it where that differs, both (B, …).
func (o *Autoencoder) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	x := into.F["x"]
	t.Pixels.Apply(x, b.Pixels)
	if !o.damages() {
		return nil
	}
	noisy := into.F["noisy"]
	size := b.Spec.Size()
	std, mask := float32(o.Noise), float32(o.Mask)
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "autoencoder/damage", b.Epoch, index))
		from, to := x[i*size:(i+1)*size], noisy[i*size:(i+1)*size]
		if std > 0 {
			for j, v := range from {
				to[j] = v + std*float32(r.Norm())
			}
		} else {
			copy(to, from)
		}
		if mask > 0 {
			for j := range to {
				if r.Float32() < mask {
					to[j] = 0
				}
			}
		}
	}
	return nil
}

// Build implements Objective. It taps "encoder/code", (B, D), and
// "reconstruction", (B, …), in the range of x whatever the loss; with bce only
// in evaluation, since training needs the logits alone.
func (o *Autoencoder) Build(t Task, s *graph.Scope) *G.Node {
	shape := append([]int{t.Batch}, t.Spec.Shape...)
	x := s.Input("x", shape...) // (B, …)
	seen := x
	if o.damages() {
		seen = s.Input("noisy", shape...) // (B, …)
	}
	net, ok := t.Encoder.(nets.Mirrored)
	if !ok {
		s.Fail("%T has no decoder", t.Encoder)
	}
	code := net.Encode(s.In("encoder"), seen)                 // (B, D)
	y := net.Decode(s.In("decoder"), code, t.Spec.Shape)      // (B, …)
	loss := s.Apply(&ops.PointLoss{Of: losses[o.Loss]}, y, x) // ()

	switch {
	case o.Loss != "bce":
		s.Tap("reconstruction", y)
	case !s.Training():
		s.Tap("reconstruction", s.Apply(&ops.Activate{Act: ops.Activation{Func: ops.Sigmoid}}, y))
	}
	return loss
}

// LatentShape implements Decoding.
func (o *Autoencoder) LatentShape(t Task) []int { return []int{t.Encoder.CodeSize(t.Spec.Shape)} }

// EncodeLatent implements Decoding: the code.
func (o *Autoencoder) EncodeLatent(t Task, s *graph.Scope) { s.Tap(LatentTap, Encode(t, s)) }

// DecodeLatent implements Decoding.
func (o *Autoencoder) DecodeLatent(t Task, s *graph.Scope) {
	code := s.Input(LatentTap, append([]int{t.Batch}, o.LatentShape(t)...)...) // (B, D)
	y := t.Encoder.(nets.Mirrored).Decode(s.In("decoder"), code, t.Spec.Shape) // (B, …)
	if o.Loss == "bce" {
		y = s.Apply(&ops.Activate{Act: ops.Activation{Func: ops.Sigmoid}}, y)
	}
	s.Tap("reconstruction", y)
}

// Pictures implements Pictured: for each of a few examples, one below the
// other, the original, what the encoder saw of it if that differs, and the
// reconstruction.
func (o *Autoencoder) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	if !t.Spec.Image() {
		return nil, nil
	}
	y, ok := p.Tap("reconstruction")
	if !ok {
		return nil, errors.New("the program has no reconstruction to draw; it must be one for evaluation")
	}
	rows := [][]float32{fed.F["x"]}
	caption := "Top: originals. Bottom: what the decoder makes of their codes."
	if o.damages() {
		rows = append(rows, fed.F["noisy"])
		caption = "Top: originals. Middle: what the encoder sees. Bottom: what the decoder makes of it."
	}
	sheet, err := sheetOfRows(t, min(b.N(), 16), append(rows, y.Data)...)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "reconstructions", Caption: caption, Image: sheet}}, nil
}

var _ Decoding = (*Autoencoder)(nil)
