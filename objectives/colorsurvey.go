package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/ops/par"
)

// NewSurvey implements Surveyed: how far answers are from the true colours of all
// pixels, beside the answer "grey" to everything.
func (o *Color) NewSurvey(t Task) Survey { return &colorSurvey{o: o} }

// aucReach is the distance in the plane of a and b up to which the share of pixels
// within it is integrated (Zhang, Isola and Efros 2016, section 3.1).
const aucReach = 150

// withinDistances are those for which the share of pixels is told.
var withinDistances = [2]float64{10, 20}

// rarest is the share of a colour from which on it counts in the balanced figure:
// what weighs inversely to a handful of examples would decide it alone.
const rarest = 1e-5

// colorErrors are sums over the pixels of pictures.
type colorErrors struct {
	distance float64    // in a and b
	within   [2]float64 // pixels within each of withinDistances
	under    float64    // area under the curve
	psnr     float64    // sum over pictures
	byBin    []float64
}

// add adds the distance of one pixel, whose true colour is nearest to a bin.
func (e *colorErrors) add(d float64, bin int) {
	e.distance += d
	for i, reach := range withinDistances {
		if d <= reach {
			e.within[i]++
		}
	}
	under := max(0, 1-d/aucReach) // of the step that this pixel is
	e.under += under
	e.byBin[bin] += under
}

func (e *colorErrors) sum(x *colorErrors) {
	e.distance += x.distance
	e.within[0] += x.within[0]
	e.within[1] += x.within[1]
	e.under += x.under
	e.psnr += x.psnr
	for i, v := range x.byBin {
		e.byBin[i] += v
	}
}

// colorSums are those of one picture, or of all.
type colorSums struct {
	ours, grey    colorErrors
	chroma, truth float64 // Σ√(a²+b²) of answers and of true colours
	pixels        float64
	count         []float64 // pixels by bin
}

func newColorSums(q int) *colorSums {
	return &colorSums{count: make([]float64, q), ours: colorErrors{byBin: make([]float64, q)}, grey: colorErrors{byBin: make([]float64, q)}}
}

func (s *colorSums) clear() {
	for _, x := range [][]float64{s.count, s.ours.byBin, s.grey.byBin} {
		clear(x)
	}
	*s = colorSums{count: s.count, ours: colorErrors{byBin: s.ours.byBin}, grey: colorErrors{byBin: s.grey.byBin}}
}

type colorSurvey struct {
	o       *Color
	all     *colorSums
	each    []*colorSums // of the pictures of a batch
	prior   []float32
	entropy float64
	n       int
}

// Add implements Survey.
func (s *colorSurvey) Add(p *graph.Program, b *data.Batch, _ *graph.Feed) error {
	ab, ok := p.Tap("ab")
	if !ok {
		return errNoColors
	}
	q := len(s.o.soft().Bins())
	if s.all == nil {
		s.all, s.prior = newColorSums(q), p.Params().Get(colorPrior).Data
	}
	for len(s.each) < b.N() {
		s.each = append(s.each, newColorSums(q))
	}
	size := b.Spec.Size()
	par.For(b.N(), 4, func(lo, hi int) {
		c := s.o.newComparison(size)
		for i := lo; i < hi; i++ {
			s.each[i].clear()
			c.compare(s.each[i], b.Pixels[i*size:(i+1)*size], ab.Data[i*size/3*2:][:size/3*2])
		}
	})
	for _, one := range s.each[:b.N()] {
		s.all.ours.sum(&one.ours)
		s.all.grey.sum(&one.grey)
		s.all.chroma += one.chroma
		s.all.truth += one.truth
		s.all.pixels += one.pixels
		for i, n := range one.count {
			s.all.count[i] += n
		}
	}
	if e, ok := p.Tap("cross-entropy"); ok {
		s.entropy += float64(e.Data[0]) * float64(b.N())
	}
	s.n += b.N()
	return nil
}

var errNoColors = errors.New("the program has no colours; it must be one for evaluation")

// unit is what the tap "ab" counts in.
func (o *Color) unit() float32 {
	if o.Loss == l2Color {
		return abUnit
	}
	return 1
}

// A comparison holds the memory for one picture at a time.
type comparison struct {
	o                *Color
	true, lab, shown []float32 // (3, H, W) in Lab, in Lab as answered, and that in RGB
	bins             []int     // (H, W) nearest to the true colours
}

func (o *Color) newComparison(size int) *comparison {
	return &comparison{o, make([]float32, size), make([]float32, size), make([]float32, size), make([]int, size/3)}
}

// answer readies c.lab: the true lightness of a picture's bytes, (3, H, W), with the
// colours ab, (H, W, 2); nil stands for grey.
func (c *comparison) answer(pixels []byte, ab []float32) {
	n := len(pixels) / 3
	unit := c.o.unit()
	copy(c.lab[:n], c.true)
	if ab == nil {
		clear(c.lab[n:])
		return
	}
	for i := range n {
		c.lab[n+i], c.lab[2*n+i] = ab[2*i]*unit, ab[2*i+1]*unit
	}
}

// compare adds one picture and the answer to it.
func (c *comparison) compare(s *colorSums, pixels []byte, ab []float32) {
	n := len(pixels) / 3
	transforms.Lab(c.true, pixels)
	s.pixels += float64(n)
	for i := range n {
		a, b := c.true[n+i], c.true[2*n+i]
		c.bins[i] = c.o.soft().Nearest(transforms.AB{a, b})
		s.count[c.bins[i]]++
		s.truth += math.Hypot(float64(a), float64(b))
		s.chroma += math.Hypot(float64(ab[2*i]), float64(ab[2*i+1])) * float64(c.o.unit())
	}
	c.answer(pixels, ab)
	c.errors(&s.ours, pixels)
	c.answer(pixels, nil)
	c.errors(&s.grey, pixels)
}

// errors adds those of the answer in c.lab.
func (c *comparison) errors(e *colorErrors, pixels []byte) {
	n := len(pixels) / 3
	for i, bin := range c.bins {
		e.add(math.Hypot(float64(c.lab[n+i]-c.true[n+i]), float64(c.lab[2*n+i]-c.true[2*n+i])), bin)
	}
	transforms.RGB(c.shown, c.lab)
	var square float64
	for i, v := range c.shown {
		d := float64(v) - float64(pixels[i])/255
		square += d * d
	}
	// An answer that is right to the last digit counts as 100 dB.
	e.psnr -= 10 * math.Log10(max(1e-10, square/float64(len(pixels))))
}

// Figures implements Survey.
func (s *colorSurvey) Figures() []Figure {
	if s.n == 0 {
		return nil
	}
	var list []Figure
	all, n := s.all, float64(s.n)
	if s.o.Loss == softColor {
		list = append(list, Figure{"colour cross-entropy", s.entropy / n, "lower", "in nats, of the nearest colours' shares, each place counting alike"})
	}
	balanced := func(e *colorErrors) float64 {
		var sum, weight float64
		for i, p := range s.prior {
			if p >= rarest {
				sum += e.byBin[i] / float64(p)
				weight += all.count[i] / float64(p)
			}
		}
		return sum / max(weight, 1e-300)
	}
	for _, f := range []struct {
		name, better, note string
		of                 func(e *colorErrors) float64
	}{
		{"ab error", "lower", "mean distance from the true a and b of a pixel; all grey: %.4g", func(e *colorErrors) float64 { return e.distance / all.pixels }},
		{"PSNR", "higher", "in dB, mean over pictures, with the true lightness; all grey: %.4g", func(e *colorErrors) float64 { return e.psnr / n }},
		{"pixels within 10", "higher", "share of pixels at most 10 from their true a and b; all grey: %.4g", func(e *colorErrors) float64 { return e.within[0] / all.pixels }},
		{"pixels within 20", "higher", "the same for 20; all grey: %.4g", func(e *colorErrors) float64 { return e.within[1] / all.pixels }},
		{"colour AUC", "higher", "area under the share of pixels within a distance of 0 to 150, over 150; all grey: %.4g", func(e *colorErrors) float64 { return e.under / all.pixels }},
		{"colour AUC, balanced", "higher", "the same with pixels weighted inversely to how often their colour occurs in the training examples; all grey: %.4g", balanced},
	} {
		list = append(list, Figure{f.name, f.of(&all.ours), f.better, fmt.Sprintf(f.note, f.of(&all.grey))})
	}
	if all.truth > 0 {
		list = append(list, Figure{"chroma", all.chroma / all.truth, "", "mean distance of the answers from grey over that of the true colours; 1 = as colourful"})
	}
	return list
}

// Pictures implements Pictured: for each of a few examples, one below the other, what
// the encoder sees, that with the colours of the answer, and the original.
func (o *Color) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, _ *graph.Feed) ([]Picture, error) {
	ab, ok := p.Tap("ab")
	if !ok {
		return nil, errNoColors
	}
	count, size := min(b.N(), 16), t.Spec.Size()
	c := o.newComparison(size)
	rows := [][]byte{make([]byte, count*size), make([]byte, count*size), b.Pixels}
	for i := range count {
		pixels := b.Pixels[i*size : (i+1)*size]
		transforms.Lab(c.true, pixels)
		for row, colors := range [][]float32{nil, ab.Data[i*size/3*2:][:size/3*2]} {
			c.answer(pixels, colors)
			transforms.RGB(c.shown, c.lab)
			if err := transforms.Bytes(rows[row][i*size:(i+1)*size], c.shown, nil, nil); err != nil {
				return nil, err
			}
		}
	}
	sheet, err := sheetOfBytes(t.Spec.Shape, count, rows...)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "colors", Image: sheet,
		Caption: "Top: what the encoder sees. Middle: that in the colours that it gives. Bottom: originals."}}, nil
}

var (
	_ Surveyed = (*Color)(nil)
	_ Pictured = (*Color)(nil)
)
