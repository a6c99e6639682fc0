package inspect

import (
	"fmt"
	"image"
	"image/color"

	"x2vec/data/plot"
	"x2vec/graph/ops"
)

// Attention says what a transformer of patches looks at in pictures; kept as
// attention.json.
type Attention struct {
	Header
	Block int            `json:"block"`
	Heads int            `json:"heads"`
	Rows  int            `json:"rows"` // of the patches
	Cols  int            `json:"cols"`
	From  string         `json:"from"` // whose attention: "class token", or "mean of all patches"
	Maps  []AttentionMap `json:"examples"`
}

// An AttentionMap is that of one picture: shares over the patches, row by row.
type AttentionMap struct {
	Index int         `json:"index"`
	Heads [][]float32 `json:"heads"`
	// Rollout is what reaches the top from each patch through all blocks (Abnar and
	// Zuidema 2020, arXiv:2005.00928): the product of (A + I)/2, A averaged over heads.
	Rollout []float32 `json:"rollout"`
}

// AttentionOf reads it from the projections of all blocks for one picture, each
// (T, 3D).
func AttentionOf(qkv [][]float32, tokens, heads, block int, g Grid) AttentionMap {
	var m AttentionMap
	roll := identity(tokens)
	for b, x := range qkv {
		mean := make([]float32, tokens*tokens)
		for h := range heads {
			p := ops.AttentionOf(x, tokens, heads, h)
			for i, v := range p {
				mean[i] += v / float32(heads)
			}
			if b == block {
				m.Heads = append(m.Heads, seenFrom(p, tokens, g))
			}
		}
		next := make([]float32, tokens*tokens)
		for i := range tokens {
			for k := range tokens {
				a := mean[i*tokens+k] / 2
				if i == k {
					a += 0.5
				}
				for j := range tokens {
					next[i*tokens+j] += a * roll[k*tokens+j]
				}
			}
		}
		roll = next
	}
	m.Rollout = seenFrom(roll, tokens, g)
	return m
}

func identity(n int) []float32 {
	x := make([]float32, n*n)
	for i := range n {
		x[i*n+i] = 1
	}
	return x
}

// seenFrom is what the class token looks at of the patches, or, where there is none,
// all of them on the mean; the shares add up to 1.
func seenFrom(p []float32, tokens int, g Grid) []float32 {
	out := make([]float32, g.Rows*g.Cols)
	from := max(1, g.Lead)
	if g.Lead == 0 {
		from = tokens
	}
	var sum float32
	for t := range from {
		for i := range out {
			out[i] += p[t*tokens+g.Lead+i]
			sum += p[t*tokens+g.Lead+i]
		}
	}
	for i := range out {
		out[i] /= max(sum, 1e-20)
	}
	return out
}

// overlay is a grey picture under colours of heat: the more a patch is looked at the
// hotter, the most being the hottest.
func overlay(img image.Image, share []float32, rows, cols int) image.Image {
	most := float32(0)
	for _, s := range share {
		most = max(most, s)
	}
	b := img.Bounds()
	out := image.NewRGBA(b)
	at := func(y, x float64) float64 { // between the middles of patches
		y, x = min(max(y, 0), float64(rows-1)), min(max(x, 0), float64(cols-1))
		i, j := min(int(y), max(rows-2, 0)), min(int(x), max(cols-2, 0))
		fy, fx := y-float64(i), x-float64(j)
		v := func(i, j int) float64 { return float64(share[min(i, rows-1)*cols+min(j, cols-1)]) }
		return (v(i, j)*(1-fx)+v(i, j+1)*fx)*(1-fy) + (v(i+1, j)*(1-fx)+v(i+1, j+1)*fx)*fy
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			s := at((float64(y)+0.5)/float64(b.Dy())*float64(rows)-0.5, (float64(x)+0.5)/float64(b.Dx())*float64(cols)-0.5)
			bright := min(1, s/max(float64(most), 1e-20))
			r, g, bl, _ := img.At(x, y).RGBA()
			grey := 0.3*float64(r>>8) + 0.59*float64(g>>8) + 0.11*float64(bl>>8)
			heat := plot.Heat(bright)
			mix := func(h uint8) uint8 { return uint8(0.4*grey + 0.6*float64(h)) }
			out.SetRGBA(x, y, color.RGBA{mix(heat.R), mix(heat.G), mix(heat.B), 255})
		}
	}
	return out
}

// Draw has a row for each picture: it, the rollout, then each head of the block.
func (a *Attention) Draw(example func(index int) (image.Image, error), side int) (image.Image, error) {
	columns := []string{"picture", "rollout"}
	for h := range a.Heads {
		columns = append(columns, fmt.Sprintf("head %d", h))
	}
	var rows []plot.Row
	for _, m := range a.Maps {
		img, err := example(m.Index)
		if err != nil {
			return nil, err
		}
		row := plot.Row{Tiles: []image.Image{img, overlay(img, m.Rollout, a.Rows, a.Cols)}}
		for _, h := range m.Heads {
			row.Tiles = append(row.Tiles, overlay(img, h, a.Rows, a.Cols))
		}
		rows = append(rows, row)
	}
	return plot.Sheet(columns, rows, side)
}
