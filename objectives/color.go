package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
	"x2vec/graph/ops/par"
)

func init() {
	Register("color", func() Objective {
		return &Color{Loss: "soft", Lambda: 0.5, Neighbours: 5, Sigma: 5, Temperature: 0.38, Decoder: []int{128}, Activation: "relu"}
	})
}

// Color shows the encoder the lightness of a picture and asks for its colours, a and
// b of CIE Lab (Zhang, Isola and Efros 2016, "Colorful image colorization",
// arXiv:1603.08511). With Loss "soft" the answer is a distribution over 313 colours
// (transforms.ABBins) at each place of a small map; rare colours count for more by
// how often each occurs in the training examples, which is counted before the first
// step. With "l2" it is a and b themselves, by squared error (eq. 1): the mean of all
// that is possible, and so greyer.
//
// The decoder is a stack of transposed convolutions on the encoder's map of
// features; of an encoder without one, a linear layer makes the first map from the
// code.
//
// Shapes: B examples a batch of (3, H, W); an answer for h x w places, which divide
// H x W; K nearest of Q colours.
type Color struct {
	Loss        string  `toml:"loss"`        // soft or l2
	Lambda      float64 `toml:"lambda"`      // soft: share of the uniform distribution in that by which colours are rebalanced; 1 = none counts for more
	Neighbours  int     `toml:"neighbours"`  // soft: nearest colours that describe a true one
	Sigma       float64 `toml:"sigma"`       // soft: of the Gaussian by which they share, in units of a and b
	Temperature float64 `toml:"temperature"` // soft: of the mean that is the answer; 1 = the mean, near 0 = the likeliest colour
	Decoder     []int   `toml:"decoder"`     // channels of the transposed convolutions, each of which doubles height and width
	Activation  string  `toml:"activation"`  // of the decoder; layers.Activations lists them

	once    sync.Once
	encoder *transforms.SoftEncoder
}

const (
	softColor = "soft"
	l2Color   = "l2"

	// abUnit is what a and b are divided by where they are regressed.
	abUnit = 110
	// colorless is the largest a and b, in absolute value, of pictures in grey: their
	// bytes round to a little more than 0.
	colorless = 2

	// The buffers by which colours are rebalanced, (Q): how often each occurs, and what
	// it weighs.
	colorPrior   = "color/prior"
	colorWeights = "color/weights"
)

// Colorless implements the interface of that name.
func (o *Color) Colorless() {}

// Check implements Objective.
func (o *Color) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Loss != softColor && o.Loss != l2Color {
		bad("objective.loss: is %q, want %s or %s", o.Loss, softColor, l2Color)
	}
	if !(o.Lambda > 0 && o.Lambda <= 1) { // NaN too
		bad("objective.lambda: is %g, want a share above 0 (rare colours count for most) to 1 (all alike)", o.Lambda)
	}
	if o.Neighbours < 1 || o.Neighbours > transforms.MaxNear {
		bad("objective.neighbours: is %d, want 1 to %d", o.Neighbours, transforms.MaxNear)
	}
	if !(o.Sigma >= 0.1 && o.Sigma <= 1000) {
		bad("objective.sigma: is %g, want 0.1 to 1000", o.Sigma)
	}
	if !(o.Temperature >= 0.01 && o.Temperature <= 1000) {
		bad("objective.temperature: is %g, want 0.01 to 1000", o.Temperature)
	}
	if len(o.Decoder) > 8 {
		bad("objective.decoder: has %d values, want at most 8", len(o.Decoder))
	}
	for i, c := range o.Decoder {
		if c < 1 || c > 1<<14 {
			bad("objective.decoder[%d]: is %d, want 1 to %d channels", i, c, 1<<14)
		}
	}
	if _, err := layers.Activation(o.Activation); err != nil {
		bad("objective.activation: %w", err)
	}
	if len(t.Pixels.Mean) > 0 || len(t.Pixels.Std) > 0 {
		bad(`data.normalize: color turns bytes into Lab by itself; want "unit"`)
	}
	switch s := t.Spec.Shape; {
	case !t.Spec.Image():
		bad("objective.type: color needs pictures, and an example of %s has the shape %v", t.Spec.Name, s)
	case s[0] == 1:
		bad("objective.type: color needs pictures in colour, and those of %s have one channel, which is grey", t.Spec.Name)
	case s[0] != 3:
		bad("objective.type: color needs pictures in red, green and blue, and those of %s have %d channels", t.Spec.Name, s[0])
	case t.Encoder != nil:
		if err := t.Encoder.Check([]int{1, s[1], s[2]}); err != nil {
			errs = append(errs, err)
		} else if len(errs) == 0 {
			if _, err := o.frame(t); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// A colorFrame says at which places the answer is given.
type colorFrame struct {
	mapped       bool // the encoder has a map
	mapH, mapW   int  // size of the first map
	h, w         int  // of the answer
	overH, overW int  // pixels for one place of the answer
}

func (o *Color) frame(t Task) (f colorFrame, err error) {
	height, width, n := t.Spec.Shape[1], t.Spec.Shape[2], len(o.Decoder)
	if m, ok := t.Encoder.(nets.Mapped); ok {
		f.mapH, f.mapW, _, f.mapped = m.MapSize([]int{1, height, width})
	}
	if !f.mapped {
		if n == 0 {
			return f, errors.New("objective.decoder: is empty, but the encoder gives a code and no map (conv does with code = 0); want the channels of at least one transposed convolution")
		}
		f.mapH, f.mapW = height>>(n+1), width>>(n+1)
	}
	f.h, f.w = f.mapH<<n, f.mapW<<n
	if f.h < 1 || f.w < 1 || height%f.h != 0 || width%f.w != 0 {
		return f, fmt.Errorf("objective.decoder: %d transposed convolutions make a map of %dx%d into one of %dx%d, by which pictures of %dx%d cannot be divided; want another number of them, or another size of pictures",
			n, f.mapH, f.mapW, f.h, f.w, height, width)
	}
	f.overH, f.overW = height/f.h, width/f.w
	return f, nil
}

// colors writes the mean a and b of the pixels of each place of an answer, (h, w), of
// a picture in Lab, (3, H, W).
func (f colorFrame) colors(dst []transforms.AB, lab []float32) {
	plane := len(lab) / 3
	line := f.w * f.overW
	over := float32(f.overH * f.overW)
	for c := range 2 {
		from := lab[(1+c)*plane:][:plane]
		for y := range f.h {
			for x := range f.w {
				var sum float32
				for r := range f.overH {
					for _, v := range from[(y*f.overH+r)*line+x*f.overW:][:f.overW] {
						sum += v
					}
				}
				dst[y*f.w+x][c] = sum / over
			}
		}
	}
}

// soft is the encoder of true colours.
func (o *Color) soft() *transforms.SoftEncoder {
	o.once.Do(func() {
		var err error
		if o.encoder, err = transforms.NewSoftEncoder(transforms.ABBins(), o.Neighbours, o.Sigma); err != nil {
			panic(err) // Check said so
		}
	})
	return o.encoder
}

// lightness is what an encoder sees of a picture's bytes, (3, H, W): (H, W).
func lightness(dst []float32, src []byte) {
	transforms.Lightness(dst, src)
	scaleLightness(dst)
}

func scaleLightness(l []float32) {
	for i, v := range l {
		l[i] = (v - 50) / 50
	}
}

// Prepare implements Objective: "lightness" is (B, 1, H, W); "bins" and "shares",
// (B, h, w, K), the nearest colours, or "ab", (B, h, w, 2), a and b over 110.
func (o *Color) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	f, err := o.frame(t)
	if err != nil {
		return err
	}
	size, places := b.Spec.Size(), f.h*f.w
	plane := size / 3
	lab, colors := make([]float32, size), make([]transforms.AB, places)
	for i := range b.Index {
		transforms.Lab(lab, b.Pixels[i*size:(i+1)*size])
		light := into.F["lightness"][i*plane : (i+1)*plane]
		copy(light, lab)
		scaleLightness(light)
		f.colors(colors, lab)
		if o.Loss == l2Color {
			for j, c := range colors {
				at := into.F["ab"][2*(i*places+j):][:2]
				at[0], at[1] = c[0]/abUnit, c[1]/abUnit
			}
			continue
		}
		e, k := o.soft(), o.Neighbours
		for j, c := range colors {
			at := (i*places + j) * k
			e.Encode(c, into.I["bins"][at:at+k], into.F["shares"][at:at+k])
		}
	}
	return nil
}

// Start implements Starter. The prior of a colour is its mean share over all places
// of all training examples.
func (o *Color) Start(ctx context.Context, t Task, src data.Source, ps *graph.Params) error {
	f, err := o.frame(t)
	if err != nil {
		return err
	}
	e := o.soft()
	q, places := len(e.Bins()), f.h*f.w
	prior := make([]float64, q)
	const batch = 256
	counts, strongest := make([]float64, batch*q), make([]float32, batch)
	var most float32
	for b, err := range data.Sequential(src, batch) {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		size := b.Spec.Size()
		// Each example has sums of its own, which are added in order.
		par.For(b.N(), 8, func(lo, hi int) {
			lab, colors := make([]float32, size), make([]transforms.AB, places)
			bins, shares := make([]int, o.Neighbours), make([]float32, o.Neighbours)
			for i := lo; i < hi; i++ {
				transforms.Lab(lab, b.Pixels[i*size:(i+1)*size])
				f.colors(colors, lab)
				count := counts[i*q : (i+1)*q]
				clear(count)
				strongest[i] = 0
				for _, c := range colors {
					strongest[i] = max(strongest[i], c[0], -c[0], c[1], -c[1])
					e.Encode(c, bins, shares)
					for j, at := range bins {
						count[at] += float64(shares[j])
					}
				}
			}
		})
		for i := range b.N() {
			most = max(most, strongest[i])
			for j, n := range counts[i*q : (i+1)*q] {
				prior[j] += n
			}
		}
	}
	if most < colorless {
		return fmt.Errorf("color: all %d pictures of %s (%s) are grey; there are no colours to learn from them", src.Len(), t.Spec.Name, t.Spec.Split)
	}
	kept := ps.Get(colorPrior).Data
	for i := range prior {
		prior[i] /= float64(src.Len() * places)
		kept[i] = float32(prior[i])
	}
	copy(ps.Get(colorWeights).Data, transforms.Rebalance(prior, o.Lambda))
	return nil
}

// Build implements Objective. In evaluation it taps the answer at its places,
// "logits", (B, h, w, Q), or "regression", (B, h, w, 2); the colours of all pixels,
// "ab", (B, H, W, 2), over 110 where they are regressed; "cross-entropy", (), that
// without rebalancing; and "encoder/code", (B, D).
func (o *Color) Build(t Task, s *graph.Scope) *G.Node {
	f, err := o.frame(t)
	if err != nil {
		s.Fail("%w", err)
	}
	height, width := t.Spec.Shape[1], t.Spec.Shape[2]
	x := s.Input("lightness", t.Batch, 1, height, width) // (B, 1, H, W)
	d := s.In("decoder")
	function, err := layers.Activation(o.Activation)
	if err != nil {
		d.Fail("activation: %w", err)
	}
	act := layers.Act(function)
	var m layers.Map
	if f.mapped {
		m = t.Encoder.(nets.Mapped).EncodeMap(s.In("encoder"), x) // (B, mapH, mapW, C)
	} else {
		code := t.Encoder.Encode(s.In("encoder"), x)                           // (B, D)
		first := layers.Linear(d, "fc", code, f.mapH*f.mapW*o.Decoder[0], act) // (B, mapH·mapW·C)
		m.N = layers.Reshape(d, first, t.Batch, f.mapH, f.mapW, o.Decoder[0])  // (B, mapH, mapW, C)
	}
	for i, c := range o.Decoder {
		m = layers.ConvTranspose2D(d, fmt.Sprintf("up%d", i), m, c, ops.Square(4, 2, 1), act) // (B, 2·mapH, 2·mapW, c)
	}

	q := len(o.soft().Bins())
	s.Buffer(colorPrior, graph.Constant(1/float32(q)), q)
	weights := s.Buffer(colorWeights, graph.Constant(1), q)
	points := s.Buffer("color/bins", o.points, q, 2)
	var ab, loss *G.Node
	if o.Loss == l2Color {
		ab = s.Tap("regression", layers.Linear(d, "ab", m.N, 2))      // (B, h, w, 2)
		loss = layers.MSE(s, ab, s.Input("ab", t.Batch, f.h, f.w, 2)) // ()
	} else {
		head, c := d.In("bins"), m.Channels()
		weight := head.Param("weight", layers.LeCun(), q, c)                   // (Q, C)
		bias := head.Param("bias", layers.Uniform(1/math.Sqrt(float64(c))), q) // (Q)
		bins := s.Ints("bins", t.Batch, f.h, f.w, o.Neighbours)                // (B, h, w, K)
		shares := s.Input("shares", t.Batch, f.h, f.w, o.Neighbours)           // (B, h, w, K)
		if s.Training() {
			// Without the logits, which are the largest array of all.
			return s.Apply(&ops.SparseLinearCrossEntropy{Weighted: true}, m.N, weight, bias, bins, shares, weights) // ()
		}
		logits := s.Tap("logits", s.Apply(&ops.Linear{}, m.N, weight, bias))                   // (B, h, w, Q)
		loss = s.Apply(&ops.SparseCrossEntropy{Weighted: true}, logits, bins, shares, weights) // ()
		s.Tap("cross-entropy", s.Apply(&ops.SparseCrossEntropy{}, logits, bins, shares))       // ()
		ab = s.Apply(&ops.AnnealedMean{Temperature: float32(o.Temperature)}, logits, points)   // (B, h, w, 2)
	}
	if !s.Training() {
		s.Tap("ab", s.Apply(&ops.Upsample{Factor: [2]int{f.overH, f.overW}, Bilinear: true}, ab)) // (B, H, W, 2)
	}
	return loss
}

// points are a and b of the colours, (Q, 2).
func (o *Color) points(_ *draw.Rand, _ []int, w []float32) {
	for i, c := range o.soft().Bins() {
		w[2*i], w[2*i+1] = c[0], c[1]
	}
}

var _ Starter = (*Color)(nil)
