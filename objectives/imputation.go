package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
)

func init() {
	Register("imputation", func() Objective { return &Imputation{Hide: "channel", Share: 0.5, Loss: "l2"} })
}

// Imputation hides a part of a picture, known in advance to be one of a few, and
// asks for it back from the rest: the channels of colour from each other (Zhang et
// al. 2017, "Split-brain autoencoders", arXiv:1611.09842), a rectangle from what lies
// around it (Pathak et al. 2016, "Context encoders", arXiv:1604.07379), or a band of
// lines from what lies above and below. The encoder must have a mirror image. Only what
// was hidden counts.
//
// Shapes: B examples a batch of (C, H, W), code size D.
type Imputation struct {
	// Hide is what the encoder does not see, as zeros: channel, one of the channels,
	// drawn for each example; band, lines that follow each other, in all channels; block,
	// a rectangle, in all channels, whose height is 1/2 to 2 times its width, evenly in
	// the logarithm, where the picture has room for it.
	Hide string `toml:"hide"`
	// Share is that of the lines which a band hides, and that of the pixels which a block
	// does; above 0 and below 1.
	Share float64 `toml:"share"`
	// Loss is the error of one hidden value: l2 or l1.
	Loss string `toml:"loss"`
}

// Check implements Objective.
func (o *Imputation) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Loss != "l2" && o.Loss != "l1" {
		bad("objective.loss: is %q, want l2 or l1", o.Loss)
	}
	if !(o.Share > 0 && o.Share < 1) { // NaN too
		bad("objective.share: is %g, want a share above 0 and below 1", o.Share)
	}
	picture := t.Spec.Image()
	if !picture {
		bad("objective.type: imputation needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	switch o.Hide {
	case "channel":
		if picture && t.Spec.Shape[0] < 2 {
			bad("objective.hide: the only channel of a picture cannot be told from others; want band or block")
		}
	case "band":
		if picture && t.Spec.Shape[1] < 2 {
			bad("objective.hide: the only line of a picture cannot be told from others")
		}
	case "block":
		if picture && t.Spec.Shape[1]*t.Spec.Shape[2] < 2 {
			bad("objective.hide: the only pixel of a picture cannot be told from others")
		}
	default:
		bad("objective.hide: is %q, want channel, band or block", o.Hide)
	}
	if _, ok := t.Encoder.(nets.Mirrored); !ok {
		bad("objective.type: imputation needs an encoder that can be turned round, and %s has no decoder", nets.NameOf(t.Encoder))
	}
	if t.Encoder != nil && picture {
		if err := t.Encoder.Check(t.Spec.Shape); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// band is the number of lines that are hidden of h.
func (o *Imputation) band(h int) int {
	return min(h-1, max(1, int(math.Round(o.Share*float64(h)))))
}

// block draws the sides of a rectangle in a picture of h x w: its area is the share as
// nearly as whole pixels allow, and at least one pixel is left.
func (o *Imputation) block(r *draw.Rand, h, w int) (bh, bw int) {
	area := o.Share * float64(h*w)
	side := func(length float64, most int) int { return min(most, max(1, int(math.Round(length)))) }
	ratio := math.Exp2(2*r.Float64() - 1)
	bh = side(math.Sqrt(area*ratio), h)
	bw = side(area/float64(bh), w)
	switch {
	case bw < w:
		return bh, bw
	case h > 1: // as wide as the picture
		return o.band(h), w
	default:
		return 1, o.band(w)
	}
}

// hide draws what is hidden of a picture of (c, h, w).
func (o *Imputation) hide(r *draw.Rand, c, h, w int) (channels, lines, columns span) {
	place := func(n, of int) span {
		from := r.IntN(of - n + 1)
		return span{from, from + n}
	}
	switch o.Hide {
	case "channel":
		return place(1, c), span{0, h}, span{0, w}
	case "band":
		return span{0, c}, place(o.band(h), h), span{0, w}
	default:
		bh, bw := o.block(r, h, w)
		return span{0, c}, place(bh, h), place(bw, w)
	}
}

// mask is the shape of "hidden" for examples of this one, (B, C, H, W): lines, (B, C, H),
// are hidden whole or not at all, but for a block.
func (o *Imputation) mask(shape []int) []int {
	if o.Hide == "block" {
		return shape
	}
	return shape[:3]
}

// Prepare implements Objective: "x" is the batch and "seen" what the encoder sees of
// it, both (B, C, H, W); "hidden", (B, C, H), or (B, C, H, W) for a block, has 1 for a
// line, or a pixel, that it does not see.
func (o *Imputation) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	x, seen, hidden := into.F["x"], into.F["seen"], into.F["hidden"]
	t.Pixels.Apply(x, b.Pixels)
	copy(seen, x)
	clear(hidden)
	c, h, w := b.Spec.Shape[0], b.Spec.Shape[1], b.Spec.Shape[2]
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "imputation/hide", b.Epoch, index))
		channels, lines, columns := o.hide(&r, c, h, w)
		for ch := channels.from; ch < channels.to; ch++ {
			for y := lines.from; y < lines.to; y++ {
				line := (i*c+ch)*h + y
				clear(seen[line*w:][columns.from:columns.to])
				if o.Hide != "block" {
					hidden[line] = 1
					continue
				}
				for at := columns.from; at < columns.to; at++ {
					hidden[line*w+at] = 1
				}
			}
		}
	}
	return nil
}

// Build implements Objective. It taps "encoder/code", (B, D), and "reconstruction",
// (B, C, H, W).
func (o *Imputation) Build(t Task, s *graph.Scope) *G.Node {
	net, ok := t.Encoder.(nets.Mirrored)
	if !ok {
		s.Fail("%T has no decoder", t.Encoder)
	}
	shape := append([]int{t.Batch}, t.Spec.Shape...)
	code := net.Encode(s.In("encoder"), s.Input("seen", shape...))                                          // (B, D)
	y := s.Tap("reconstruction", net.Decode(s.In("decoder"), code, t.Spec.Shape))                           // (B, C, H, W)
	return layers.Masked(s, losses[o.Loss], y, s.Input("x", shape...), s.Input("hidden", o.mask(shape)...)) // ()
}

// Pictures implements Pictured: what the encoder sees, that with the hidden part as
// it is imputed, and the original.
func (o *Imputation) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	y, ok := p.Tap("reconstruction")
	if !ok {
		return nil, errors.New("the program has no reconstruction to draw")
	}
	count := min(b.N(), 16)
	imputed := make([]float32, count*t.Spec.Size())
	n := len(fed.F["x"]) / len(fed.F["hidden"]) // values that are hidden together
	for at := 0; at < len(imputed); at += n {
		from := fed.F["x"]
		if fed.F["hidden"][at/n] != 0 {
			from = y.Data
		}
		copy(imputed[at:at+n], from[at:])
	}
	sheet, err := sheetOfRows(t, count, fed.F["seen"], imputed, fed.F["x"])
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "imputed", Image: sheet,
		Caption: "Top: what the encoder sees. Middle: the hidden part as imputed. Bottom: originals."}}, nil
}

var _ Pictured = (*Imputation)(nil)
