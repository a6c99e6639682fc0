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
	"x2vec/graph/ops"
)

func init() {
	Register("mae", func() Objective {
		return &MAE{Mask: 0.75, Masking: "random", NormalizePixels: true, DecoderDim: 96, DecoderDepth: 2, DecoderHeads: 3}
	})
}

// MAE hides most patches of a picture and asks for them back (masked autoencoder;
// He et al. 2022, arXiv:2111.06377). The encoder sees the visible patches alone; a
// light decoder gets its tokens, puts a learned mask token where a patch is hidden,
// and predicts the pixels.
//
// Shapes: B examples a batch, T patches of P values a picture, K of them visible,
// D values of a token, E of one of the decoder; lead is 1 where the encoder has a
// class token and 0 otherwise.
type MAE struct {
	// Mask is the share of patches that is hidden: ⌊T·(1−Mask)⌋ stay visible; at
	// least one patch must be hidden and one visible.
	Mask float64 `toml:"mask"`
	// Masking says which: random, any; block, rectangles (Bao et al. 2022,
	// arXiv:2106.08254, algorithm 1); grid, all but the first of every 2x2, of which
	// ⌈R/2⌉·⌈C/2⌉ of R x C patches stay visible: 0.75 are hidden where both are even,
	// and less where the last ones of a side are cut, 33 of 7x7.
	Masking string `toml:"masking"`
	// NormalizePixels asks for the pixels of a patch minus their mean and divided by
	// their standard deviation, not for the pixels themselves.
	NormalizePixels bool `toml:"normalize_pixels"`

	DecoderDim   int `toml:"decoder_dim"`   // values of a token of the decoder; a multiple of 4
	DecoderDepth int `toml:"decoder_depth"` // transformer blocks of the decoder
	DecoderHeads int `toml:"decoder_heads"` // of its attention; divides decoder_dim
}

const (
	// maePixelEps is added to the variance of the pixels of a patch.
	maePixelEps = 1e-6
	// maeEps is that of the decoder's layer norms, and maeRatio the width of a hidden
	// layer of its blocks, in tokens (He et al., appendix A.1).
	maeEps, maeRatio = 1e-6, 4
)

// decoder is the stack of blocks.
func (o *MAE) decoder() nets.Blocks {
	return nets.Blocks{Depth: o.DecoderDepth, Heads: o.DecoderHeads, Hidden: maeRatio * o.DecoderDim,
		Act: ops.Activation{Func: ops.GELU}, Eps: maeEps}
}

// visible is K. The last digit of a share must not cost a patch: 100·(1−0.8) is
// 19.999999999999996.
func (o *MAE) visible(g ops.PatchGrid) int {
	if o.Masking == "grid" {
		return (g.Rows() + 1) / 2 * ((g.Cols() + 1) / 2)
	}
	return int(math.Floor(float64(g.Patches())*(1-o.Mask) + 1e-9))
}

// Check implements Objective.
func (o *MAE) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.DecoderDim < 4 || o.DecoderDim%4 != 0 || o.DecoderDim > 1<<16 {
		bad("objective.decoder_dim: is %d, want a multiple of 4 from 4 to %d", o.DecoderDim, 1<<16)
	} else if err := o.decoder().Check(o.DecoderDim); err != nil {
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			bad("objective.decoder_%w", e)
		}
	}
	share := o.Mask > 0 && o.Mask < 1 // false for NaN too
	if !share {
		bad("objective.mask: is %g, want a share above 0 and below 1", o.Mask)
	}
	switch o.Masking {
	case "random", "block":
	case "grid":
		if share && o.Mask != 0.75 {
			bad("objective.mask: is %g, and masking by a grid hides 0.75, somewhat less where a side is odd", o.Mask)
		}
	default:
		bad("objective.masking: is %q, want random, block or grid", o.Masking)
	}
	if t.Encoder == nil {
		return errors.Join(errs...)
	}
	net, ok := t.Encoder.(nets.Patched)
	if !ok {
		bad("objective.type: mae needs an encoder of patches, such as vit, and %s is none", nets.NameOf(t.Encoder))
		return errors.Join(errs...)
	}
	if err := net.Check(t.Spec.Shape); err != nil {
		errs = append(errs, err)
	}
	grid, err := net.Grid(t.Spec.Shape)
	if err != nil {
		return errors.Join(errs...) // Check said so
	}
	if k := o.visible(grid); share && (k < 1 || k == grid.Patches()) {
		bad("objective.mask: is %g, which leaves %d of %d patches visible; want at least one visible and one hidden", o.Mask, k, grid.Patches())
	}
	if o.NormalizePixels && grid.Values() < 2 {
		bad("objective.normalize_pixels: a patch of one value has no deviation to be divided by")
	}
	return errors.Join(errs...)
}

// Prepare implements Objective. It fills "patches", (B, K, P), and "visible", (B, K),
// with the visible patches and where they are; "target", (B, T, P), with what is
// asked for; and "hidden", (B, T), with 1 for a hidden patch and 0 for a visible one.
func (o *MAE) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	grid, err := t.Encoder.(nets.Patched).Grid(b.Spec.Shape)
	if err != nil {
		return err
	}
	size, n, p, k := b.Spec.Size(), grid.Patches(), grid.Values(), o.visible(grid)
	patches, visible, target, hidden := into.F["patches"], into.I["visible"], into.F["target"], into.F["hidden"]
	picture, order := make([]float32, size), make([]int, n)
	var r draw.Rand
	for i, index := range b.Index {
		t.Pixels.Apply(picture, b.Pixels[i*size:(i+1)*size])
		all := target[i*size : (i+1)*size] // (T, P)
		grid.Cut(all, picture)
		r.Seed(draw.Key(t.Seed, "mae/mask", b.Epoch, index))
		o.order(order, grid, &r)
		h := hidden[i*n : (i+1)*n]
		for j := range h {
			h[j] = 1
		}
		for j, at := range order[:k] {
			visible[i*k+j], h[at] = at, 0
			copy(patches[(i*k+j)*p:(i*k+j+1)*p], all[at*p:])
		}
		if o.NormalizePixels {
			for at := 0; at < size; at += p {
				normalizePatch(all[at : at+p])
			}
		}
	}
	return nil
}

// normalizePatch subtracts the mean of x and divides by its standard deviation,
// which are returned; the variance is over n−1 (the authors' code, as
// torch.var).
func normalizePatch(x []float32) (mean, std float32) {
	var sum, square float64
	for _, v := range x {
		sum += float64(v)
	}
	m := sum / float64(len(x))
	for _, v := range x {
		square += (float64(v) - m) * (float64(v) - m)
	}
	s := math.Sqrt(square/float64(len(x)-1) + maePixelEps)
	for i, v := range x {
		x[i] = float32((float64(v) - m) / s)
	}
	return float32(m), float32(s)
}

// order draws an order of the patches of which the first, as many as are visible,
// stay visible.
func (o *MAE) order(order []int, g ops.PatchGrid, r *draw.Rand) {
	for i := range order {
		order[i] = i
	}
	switch o.Masking {
	case "random":
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	case "grid":
		front := 0
		for i := range order {
			if i/g.Cols()%2 == 0 && i%g.Cols()%2 == 0 {
				order[front], order[i] = order[i], order[front]
				front++
			}
		}
	case "block":
		hideBlocks(order, g, len(order)-o.visible(g), r)
	}
}

// hideBlocks moves n patches that form rectangles to the end of order. Their areas
// and shapes are those of Bao et al. 2022, algorithm 1: at least 16 of 196 patches,
// sides in a ratio of 0.3 to 1/0.3. The last rectangle is cut short at n.
func hideBlocks(order []int, g ops.PatchGrid, n int, r *draw.Rand) {
	rows, cols := g.Rows(), g.Cols()
	least := max(1, len(order)*16/196)
	hidden := make([]bool, len(order))
	left := n
	hide := func(i int) {
		if left > 0 && !hidden[i] {
			hidden[i] = true
			left--
		}
	}
	// A rectangle may lie on others and hide nothing; the tries are bounded.
	for range 16 * len(order) {
		if left == 0 {
			break
		}
		area := float64(least + r.IntN(max(1, left-least+1)))
		ratio := math.Exp((2*r.Float64() - 1) * math.Log(1/0.3))
		h := min(rows, max(1, int(math.Round(math.Sqrt(area*ratio)))))
		w := min(cols, max(1, int(math.Round(math.Sqrt(area/ratio)))))
		top, at := r.IntN(rows-h+1), r.IntN(cols-w+1)
		for y := top; y < top+h; y++ {
			for x := at; x < at+w; x++ {
				hide(y*cols + x)
			}
		}
	}
	for i := range hidden {
		hide(i)
	}
	front, back := 0, len(order)-n
	for i, h := range hidden {
		if h {
			order[back] = i
			back++
		} else {
			order[front] = i
			front++
		}
	}
}

// Build implements Objective. It taps the tokens of the visible patches, as
// "encoder/tokens", (B, lead+K, D), and what the decoder gives for every patch, as
// "prediction", (B, T, P), normalised if NormalizePixels; in evaluation also
// "encoder/code", (B, D), of the visible patches.
func (o *MAE) Build(t Task, s *graph.Scope) *G.Node {
	net, ok := t.Encoder.(nets.Patched)
	if !ok {
		s.Fail("%T is no encoder of patches", t.Encoder)
	}
	grid, err := net.Grid(t.Spec.Shape)
	if err != nil {
		s.Fail("%w", err)
	}
	n, p, k, e := grid.Patches(), grid.Values(), o.visible(grid), o.DecoderDim
	visible := s.Ints("visible", t.Batch, k)                                                        // (B, K)
	z, lead := net.EncodePatches(s.In("encoder"), grid, s.Input("patches", t.Batch, k, p), visible) // (B, lead+K, D)
	if !s.Training() {
		net.Pool(s.In("encoder"), z, lead) // (B, D)
	}

	d := s.In("decoder")
	linear := []layers.Option{layers.Weight(layers.Xavier()), layers.Bias(graph.Constant(0))}
	x := layers.Linear(d, "embed", z, e, linear...)                                                          // (B, lead+K, E)
	x = layers.RestoreTokens(d, x, d.Param("mask_token", layers.Normal(0.02), e), visible, n, lead)          // (B, lead+T, E)
	x = layers.Positions(d, x, nets.FixedPositions(d, "pos_embed", e, grid, lead), nil, nil)                 // (B, lead+T, E)
	x = o.decoder().Apply(d, x)                                                                              // (B, lead+T, E)
	x = layers.Tokens(d, x, lead, lead+n)                                                                    // (B, T, E)
	x = layers.LayerNormWith(d, "norm", x, maeEps)                                                           // (B, T, E)
	y := s.Tap("prediction", layers.Linear(d, "pred", x, p, linear...))                                      // (B, T, P)
	return layers.Masked(s, ops.Squared, y, s.Input("target", t.Batch, n, p), s.Input("hidden", t.Batch, n)) // ()
}

// Pictures implements Pictured: for each of a few examples, one below the other,
// what the encoder sees, that with the hidden patches as they are predicted, and
// the original.
func (o *MAE) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	y, ok := p.Tap("prediction")
	if !ok {
		return nil, errors.New("the program has no prediction to draw")
	}
	grid, err := t.Encoder.(nets.Patched).Grid(t.Spec.Shape)
	if err != nil {
		return nil, err
	}
	size, v := t.Spec.Size(), grid.Values()
	count := min(b.N(), 16)
	var rows [3][]float32 // masked, rebuilt, original
	for i := range rows {
		rows[i] = make([]float32, count*size)
	}
	grey, patches, seen := make([]float32, size), make([]float32, size), make([]float32, size)
	pixels := make([]byte, size)
	for i := range pixels {
		pixels[i] = 128
	}
	t.Pixels.Apply(seen, pixels)
	grid.Cut(grey, seen)
	for i := range count {
		original := rows[2][i*size : (i+1)*size]
		t.Pixels.Apply(original, b.Pixels[i*size:(i+1)*size])
		grid.Cut(patches, original)
		copy(seen, patches)
		for j := range grid.Patches() {
			if fed.F["hidden"][i*grid.Patches()+j] == 0 {
				continue
			}
			patch, rebuilt := patches[j*v:(j+1)*v], y.Data[i*size+j*v:][:v]
			copy(seen[j*v:(j+1)*v], grey[j*v:])
			mean, std := float32(0), float32(1)
			if o.NormalizePixels {
				mean, std = normalizePatch(patch)
			}
			for c, x := range rebuilt {
				patch[c] = x*std + mean
			}
		}
		grid.Join(rows[0][i*size:(i+1)*size], seen)
		grid.Join(rows[1][i*size:(i+1)*size], patches)
	}
	sheet, err := sheetOfRows(t, count, rows[:]...)
	if err != nil {
		return nil, err
	}
	caption := "Top: what the encoder sees. Middle: the hidden patches as predicted. Bottom: originals."
	if o.NormalizePixels {
		caption = "Top: what the encoder sees. Middle: the hidden patches as predicted, each with the mean and contrast of the original. Bottom: originals."
	}
	return []Picture{{Name: "masked", Caption: caption, Image: sheet}}, nil
}

var _ Pictured = (*MAE)(nil)
