package inspect

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"slices"

	"x2vec/data/plot"
	"x2vec/data/transforms"
	"x2vec/trainers/eval"
)

// Between is the codes on the way from one to another, both ends included, (steps, D).
// Round goes along the sphere where both have a length, as suits codes whose direction
// alone counts; otherwise straight.
func Between(a, b []float32, steps int, round bool) []float32 {
	var dot, la, lb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		la += float64(a[i]) * float64(a[i])
		lb += float64(b[i]) * float64(b[i])
	}
	angle := 0.0
	if la > 0 && lb > 0 {
		angle = math.Acos(min(max(dot/math.Sqrt(la*lb), -1), 1))
	}
	var out []float32
	for s := range steps {
		t := float64(s) / float64(max(1, steps-1))
		wa, wb := 1-t, t
		if sin := math.Sin(angle); round && sin > 1e-6 {
			wa, wb = math.Sin((1-t)*angle)/sin, math.Sin(t*angle)/sin
		}
		for i := range a {
			out = append(out, float32(wa*float64(a[i])+wb*float64(b[i])))
		}
	}
	return out
}

// A Path is codes on the way between two examples; kept as interpolate.json.
type Path struct {
	From  int             `json:"from"`
	To    int             `json:"to"`
	Codes [][]eval.Number `json:"codes,omitempty"` // of the steps, where they are short
}

// Paths are several.
type Paths struct {
	Header
	Round bool   `json:"round"`
	Steps int    `json:"steps"`
	Paths []Path `json:"paths"`
}

// Traversal is what becomes of examples as one value of their code moves over its
// range; kept as traverse.json.
type Traversal struct {
	Header
	Units    []int           `json:"units"`
	Values   [][]eval.Number `json:"values"` // that each unit is set to
	Examples []int           `json:"examples"`
	// Change is the root mean squared change of the picture, of pixels from 0 to 1, from
	// one end of the range to the other, by unit: the mean over the examples.
	Change []eval.Number `json:"change"`
}

// Tiles are pictures of bytes, (N, shape...).
func Tiles(pixels []byte, shape []int) ([]image.Image, error) {
	size := shape[0] * shape[1] * shape[2]
	var list []image.Image
	for at := 0; at < len(pixels); at += size {
		img, err := transforms.Picture(pixels[at:at+size], shape)
		if err != nil {
			return nil, err
		}
		list = append(list, img)
	}
	return list, nil
}

// Spread is mean and standard deviation of each value of codes.
func Spread(f eval.Features) (mean, std []float64) {
	mean, std = meanOf(f), make([]float64, f.D)
	for i, v := range f.X {
		d := float64(v) - mean[i%f.D]
		std[i%f.D] += d * d
	}
	for j := range std {
		std[j] = math.Sqrt(std[j] / float64(f.N()))
	}
	return mean, std
}

// Codebook is the codes that a run learned, and how often each is used; kept as
// codebook.json.
type Codebook struct {
	Header
	Codes      []CodeUse   `json:"codes"` // those that are used most first
	Used       int         `json:"used"`
	Of         int         `json:"of"`
	Perplexity eval.Number `json:"perplexity"` // of how often they are used
}

// CodeUse is one code: how often it is used and which one is nearest to it.
type CodeUse struct {
	Code     int         `json:"code"`
	Uses     int         `json:"uses"`
	Nearest  int         `json:"nearest"`
	Distance eval.Number `json:"distance"` // to the nearest, Euclidean
}

// NewCodebook counts how evenly the codes, (K, D), are used.
func NewCodebook(book eval.Features, uses []int) (*Codebook, error) {
	c := &Codebook{Of: book.N()}
	self := make([]int, book.N())
	total := 0
	for i := range self {
		self[i] = i
		total += uses[i]
	}
	near, err := eval.Nearest(book, book, 1, eval.Euclidean, self)
	if err != nil {
		return nil, err
	}
	entropy := 0.0
	for i, n := range uses {
		at, distance := near.Of(i)
		c.Codes = append(c.Codes, CodeUse{i, n, at[0], eval.Number(distance[0])})
		if n > 0 {
			c.Used++
			p := float64(n) / float64(total)
			entropy -= p * math.Log(p)
		}
	}
	c.Perplexity = eval.Number(math.Exp(entropy))
	byUse(c.Codes)
	return c, nil
}

// Draw shows pictures of codes in the order of Codes with how often each is used.
func (c *Codebook) Draw(tiles []image.Image, columns, side int) (image.Image, error) {
	var rows []plot.Row
	for at := 0; at < len(tiles); at += columns {
		row := plot.Row{Tiles: tiles[at:min(at+columns, len(tiles))]}
		for i := range row.Tiles {
			row.Captions = append(row.Captions, fmt.Sprint(c.Codes[at+i].Uses))
		}
		rows = append(rows, row)
	}
	return plot.Sheet(nil, rows, side)
}

func byUse(codes []CodeUse) {
	slices.SortStableFunc(codes, func(a, b CodeUse) int { return cmp.Compare(b.Uses, a.Uses) })
}
