package objectives

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph/ops/par"
)

// A Quantizer objective works on pixels of a few colours.
type Quantizer interface {
	// ChoosePalette takes them from the training examples, (K, C) bytes. It is called once, and what it gives is kept with
	// the model as Scaling.Palette.
	ChoosePalette(src data.Source, seed uint64) ([]byte, error)
}

// Codes draws grids of codes: the model that they are of does.
type Codes interface {
	// Draw is pictures, (N, C, H, W), of grids (N, T), and the shape of one.
	Draw(codes []int) (pixels []byte, shape []int, err error)
}

// Symbols is how many symbols there are in pictures that are sequences of them: the
// colours of the palette, or the codes.
func (t Task) Symbols() int {
	if t.Spec.Codes > 0 {
		return t.Spec.Codes
	}
	return len(t.Pixels.Palette) / t.Spec.Shape[0]
}

// grid is how many symbols a picture is high and wide.
func (t Task) grid() (h, w int) {
	n := len(t.Spec.Shape)
	return t.Spec.Shape[n-2], t.Spec.Shape[n-1]
}

// Places is how many symbols a picture has.
func (t Task) Places() int {
	h, w := t.grid()
	return h * w
}

// Upper is how many symbols the upper half of a picture has, in whole lines.
func (t Task) Upper() int {
	h, w := t.grid()
	return h / 2 * w
}

// ReadSymbols writes the symbols, (N, T), of the examples of a batch: codes as they
// are, and for each pixel the colour of the palette that is nearest in red, green and
// blue.
func (t Task) ReadSymbols(dst []int, b *data.Batch) error {
	if t.Spec.Codes > 0 {
		for i, code := range b.Tokens {
			dst[i] = int(code)
		}
		return nil
	}
	c, places, k := t.Spec.Shape[0], t.Places(), t.Symbols()
	if k == 0 {
		return errors.New("there is no palette to choose colours from")
	}
	if c == 1 { // a table of all greys
		var table [256]int
		for v := range table {
			table[v] = nearestColour(t.Pixels.Palette, []byte{byte(v)})
		}
		for i, v := range b.Pixels {
			dst[i] = table[v]
		}
		return nil
	}
	pixel := make([]byte, c)
	for i := range dst {
		at := i/places*c*places + i%places
		for ch := range pixel {
			pixel[ch] = b.Pixels[at+ch*places]
		}
		dst[i] = nearestColour(t.Pixels.Palette, pixel)
	}
	return nil
}

// DrawSymbols draws symbols, (N, T), as pictures, (N, C, H, W), and gives the shape of
// one.
func (t Task) DrawSymbols(symbols []int) (pixels []byte, shape []int, err error) {
	if t.Spec.Codes > 0 {
		if t.Codes == nil {
			return nil, nil, errors.New("the model that the codes are of is not there to draw them")
		}
		return t.Codes.Draw(symbols)
	}
	c, places := t.Spec.Shape[0], t.Places()
	pixels = make([]byte, len(symbols)*c)
	for i, s := range symbols {
		at := i/places*c*places + i%places
		for ch := range c {
			pixels[at+ch*places] = t.Pixels.Palette[s*c+ch]
		}
	}
	return pixels, t.Spec.Shape, nil
}

// nearestColour is the row of a palette, (K, C), that is nearest to a pixel, the
// first of equal ones.
func nearestColour(palette, pixel []byte) int {
	best, least, c := 0, math.MaxInt, len(pixel)
	for at := 0; at < len(palette); at += c {
		d := 0
		for ch, v := range palette[at : at+c] {
			e := int(v) - int(pixel[ch])
			d += e * e
		}
		if d < least {
			best, least = at/c, d
		}
	}
	return best
}

// uniformGreys are k greys from black to white.
func uniformGreys(k int) []byte {
	palette := make([]byte, k)
	for i := range palette {
		palette[i] = byte(math.Round(255 * float64(i) / float64(k-1)))
	}
	return palette
}

const (
	paletteExamples = 2048 // of which pixels are looked at
	palettePixels   = 64   // of each of them
	paletteRounds   = 25
)

// weighed is a colour and how often it comes.
type weighed struct {
	colour [3]byte
	n      float64
}

// paletteOf finds k colours by k-means over pixels drawn at random, each as often as
// it comes: k-means++ (Arthur and Vassilvitskii 2007) and Lloyd's rounds. They are
// ordered from dark to light.
func paletteOf(src data.Source, k int, seed uint64) ([]byte, error) {
	colours, err := someColours(src, seed)
	if err != nil {
		return nil, err
	}
	if len(colours) < k {
		return nil, fmt.Errorf("objective.colours: is %d, but the training pictures have only %d different colours or so", k, len(colours))
	}
	centres := spread(colours, k, draw.New(draw.Key(seed, "palette/centres", 0, 0)))
	nearest, far := make([]int, len(colours)), make([]float64, len(colours))
	for range paletteRounds {
		assign(colours, centres, nearest, far)
		sums, counts := make([][3]float64, k), make([]float64, k)
		for i, c := range colours {
			to := nearest[i]
			counts[to] += c.n
			for ch, v := range c.colour {
				sums[to][ch] += c.n * float64(v)
			}
		}
		for j := range centres {
			if counts[j] == 0 { // the colour that is worst off gets it
				worst := 0
				for i := range far {
					if far[i]*colours[i].n > far[worst]*colours[worst].n {
						worst = i
					}
				}
				far[worst] = 0
				for ch, v := range colours[worst].colour {
					centres[j][ch] = float64(v)
				}
				continue
			}
			for ch := range centres[j] {
				centres[j][ch] = sums[j][ch] / counts[j]
			}
		}
	}
	light := func(c [3]float64) float64 { return 0.299*c[0] + 0.587*c[1] + 0.114*c[2] }
	slices.SortStableFunc(centres, func(a, b [3]float64) int { return cmp.Compare(light(a), light(b)) })
	channels := src.Spec().Shape[0]
	palette := make([]byte, 0, k*channels)
	for _, c := range centres {
		for ch := range channels {
			palette = append(palette, byte(math.Round(c[ch])))
		}
	}
	return palette, nil
}

// someColours draws pixels of examples spread over the source, and counts them.
func someColours(src data.Source, seed uint64) ([]weighed, error) {
	spec := src.Spec()
	channels, places := spec.Shape[0], spec.Shape[1]*spec.Shape[2]
	e := data.Example{Pixels: make([]byte, spec.Size()), Factors: make([]float32, len(spec.Factors))}
	counts := map[[3]byte]float64{}
	n := min(paletteExamples, src.Len())
	var r draw.Rand
	for i := range n {
		at := i * src.Len() / n
		if err := src.Read(at, &e); err != nil {
			return nil, err
		}
		r.Seed(draw.Key(seed, "palette", 0, at))
		for range palettePixels {
			var c [3]byte
			p := r.IntN(places)
			for ch := range channels {
				c[ch] = e.Pixels[ch*places+p]
			}
			counts[c]++
		}
	}
	var colours []weighed
	for c, n := range counts {
		colours = append(colours, weighed{c, n})
	}
	slices.SortFunc(colours, func(a, b weighed) int { return slices.Compare(a.colour[:], b.colour[:]) })
	return colours, nil
}

// spread draws k different colours, each with a chance that grows with the square of
// its distance from those drawn before.
func spread(colours []weighed, k int, r *draw.Rand) [][3]float64 {
	far := make([]float64, len(colours))
	for i := range far {
		far[i] = 1
	}
	var centres [][3]float64
	for len(centres) < k {
		total := 0.0
		for i, c := range colours {
			total += far[i] * c.n
		}
		left, pick := r.Float64()*total, -1
		for i, c := range colours {
			if far[i] == 0 {
				continue
			}
			pick = i // the last one that may be drawn, where rounding leaves a rest
			if left -= far[i] * c.n; left < 0 {
				break
			}
		}
		c := colours[pick].colour
		centre := [3]float64{float64(c[0]), float64(c[1]), float64(c[2])}
		for i := range far {
			if d := squareFrom(colours[i].colour, centre); d < far[i] || len(centres) == 0 {
				far[i] = d
			}
		}
		centres = append(centres, centre)
	}
	return centres
}

func squareFrom(c [3]byte, centre [3]float64) (d float64) {
	for ch, v := range c {
		e := float64(v) - centre[ch]
		d += e * e
	}
	return d
}

// assign finds the nearest centre of each colour, and its squared distance.
func assign(colours []weighed, centres [][3]float64, nearest []int, far []float64) {
	par.For(len(colours), 256, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			far[i] = math.Inf(1)
			for j, c := range centres {
				if d := squareFrom(colours[i].colour, c); d < far[i] {
					nearest[i], far[i] = j, d
				}
			}
		}
	})
}
