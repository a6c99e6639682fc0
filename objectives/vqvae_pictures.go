package objectives

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"

	"gonum.org/v1/gonum/mat"
	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph"
)

// Pictures implements Pictured: reconstructions, and which code is where in them.
func (o *VQVAE) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	y, ok := p.Tap("reconstruction")
	codes, ok2 := p.Tap(CodesTap)
	if !ok || !ok2 {
		return nil, errors.New("the program has no codes to draw")
	}
	rebuilt, err := sheetOfRows(t, min(b.N(), 16), fed.F["x"], y.Data)
	if err != nil {
		return nil, err
	}
	counts, _ := p.Tap(countsTap)
	paint, err := codeColours(p.Params().Get(codebookPath), counts.Data)
	if err != nil {
		return nil, err
	}
	where, err := o.drawPlaces(t, fed.F["x"], y.Data, codes, paint)
	if err != nil {
		return nil, err
	}
	return []Picture{
		{"reconstructions", "Top: originals. Bottom: what the decoder makes of their codes.", rebuilt},
		{"codes", "Top: originals. Middle: which code is where; codes of like vectors have like colours. Bottom: what the decoder makes of them.", where},
	}, nil
}

// drawPlaces draws the originals, the codes in their colours, and the reconstructions
// of a few examples below each other.
func (o *VQVAE) drawPlaces(t Task, x, y []float32, codes graph.View, paint []color.RGBA) (image.Image, error) {
	shape, h, w := t.Spec.Shape, codes.Shape[1], codes.Shape[2]
	n, size := min(codes.Shape[0], 16), t.Spec.Size()
	rows := [3][][]byte{}
	for i := range n {
		places := make([]byte, 3*shape[1]*shape[2])
		for py := range shape[1] {
			for px := range shape[2] {
				c := paint[int(codes.Data[(i*h+min(h-1, py*h/shape[1]))*w+min(w-1, px*w/shape[2])])]
				at, plane := py*shape[2]+px, shape[1]*shape[2]
				places[at], places[plane+at], places[2*plane+at] = c.R, c.G, c.B
			}
		}
		rows[1] = append(rows[1], places)
		for row, values := range map[int][]float32{0: x, 2: y} {
			tile, err := colourTile(t, values[i*size:(i+1)*size])
			if err != nil {
				return nil, err
			}
			rows[row] = append(rows[row], tile)
		}
	}
	return transforms.Sheet(slices.Concat(rows[:]...), []int{3, shape[1], shape[2]}, n, enlarge(shape))
}

// colourTile is an example as a picture of three channels; grey where it has others.
func colourTile(t Task, values []float32) ([]byte, error) {
	tile, err := tileOf(t, values)
	if err != nil || t.Spec.Shape[0] == 3 {
		return tile, err
	}
	grey := tile[:len(tile)/t.Spec.Shape[0]]
	return slices.Concat(grey, grey, grey), nil
}

// codeColours gives each code a colour by its place along the three directions in
// which the codes in use vary most, each stretched over the whole range by rank.
func codeColours(book *graph.Param, counts []float32) ([]color.RGBA, error) {
	k, d := book.Shape[0], book.Shape[1]
	var used []int
	for i, c := range counts {
		if c > 0 {
			used = append(used, i)
		}
	}
	paint := make([]color.RGBA, k)
	channels := []func(c *color.RGBA) *uint8{
		func(c *color.RGBA) *uint8 { return &c.R }, func(c *color.RGBA) *uint8 { return &c.G }, func(c *color.RGBA) *uint8 { return &c.B },
	}
	for i := range paint {
		paint[i] = color.RGBA{128, 128, 128, 255}
	}
	if len(used) < 2 {
		return paint, nil
	}
	mean, vectors := make([]float64, d), mat.NewDense(len(used), d, nil)
	for row, i := range used {
		for j, v := range book.Data[i*d : (i+1)*d] {
			vectors.Set(row, j, float64(v))
			mean[j] += float64(v) / float64(len(used))
		}
	}
	for row := range used {
		for j, m := range mean {
			vectors.Set(row, j, vectors.At(row, j)-m)
		}
	}
	var covariance mat.Dense
	covariance.Mul(vectors.T(), vectors)
	main, err := NewPrincipal(mean, symmetric(&covariance), min(3, d))
	if err != nil {
		return nil, err
	}
	var along mat.Dense
	along.Mul(vectors, main.Directions.T()) // (used, 3)
	for axis := range min(3, d) {
		order := make([]int, len(used))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(along.At(a, axis), along.At(b, axis)) })
		for rank, row := range order {
			*channels[axis](&paint[used[row]]) = uint8(32 + 223*rank/(len(used)-1))
		}
	}
	return paint, nil
}

// maxDrawnCodes bounds the codes of one picture.
const maxDrawnCodes = 512

// Pictures implements SurveyPictures: what the decoder makes of a grid of one code, for
// the codes that occur, in the order of how often they do.
func (v *codeSurvey) Pictures(ps *graph.Params) ([]Picture, error) {
	var order []int
	for i, c := range v.counts {
		if c > 0 {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v.counts[b], v.counts[a]) })
	used := fmt.Sprintf("the %d of %d codes", len(order), v.o.Codes)
	if len(order) > maxDrawnCodes {
		used = fmt.Sprintf("%d of the %d codes", maxDrawnCodes, len(order))
		order = order[:maxDrawnCodes]
	}
	pixels, shape, err := v.o.DrawCodes(v.t, ps, order)
	if err != nil {
		return nil, err
	}
	size := len(pixels) / len(order)
	var tiles [][]byte
	for i := range order {
		tiles = append(tiles, pixels[i*size:(i+1)*size])
	}
	sheet, err := transforms.Sheet(tiles, shape, 32, 1)
	if err != nil {
		return nil, err
	}
	return []Picture{{"codebook", fmt.Sprintf("What the decoder draws where all places have one code, for %s that occur in %d test examples, those that occur most often first: %.0f times to %.0f.",
		used, v.n, v.counts[order[0]], v.counts[order[len(order)-1]]), sheet}}, nil
}

var _ SurveyPictures = (*codeSurvey)(nil)

// CodeTable implements Codebooked.
func (o *VQVAE) CodeTable(_ Task, ps *graph.Params) ([]float32, int, error) {
	return ps.Get(codebookPath).Data, o.Codes, nil
}

// DrawCodes implements Codebooked: what the decoder makes of a grid of one code.
func (o *VQVAE) DrawCodes(t Task, ps *graph.Params, order []int) ([]byte, []int, error) {
	t.Batch = min(t.Batch, len(order))
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { o.DecodeCodes(t, s); return nil })
	if err != nil {
		return nil, nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	codes, size := feed.I[CodesTap], t.Spec.Size()
	places := len(codes) / t.Batch
	pixels := make([]byte, 0, len(order)*size)
	for at := 0; at < len(order); at += t.Batch {
		n := min(t.Batch, len(order)-at)
		for i := range n {
			for j := range places {
				codes[i*places+j] = order[at+i]
			}
		}
		if err := p.Run(feed, 0); err != nil {
			return nil, nil, err
		}
		y, _ := p.Tap("reconstruction")
		for i := range n {
			tile, err := tileOf(t, y.Data[i*size:(i+1)*size])
			if err != nil {
				return nil, nil, err
			}
			pixels = append(pixels, tile...)
		}
	}
	return pixels, t.Spec.Shape, nil
}
