package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("next-pixel", func() Objective { return &NextPixel{Colours: 16, Palette: "uniform"} })
}

// NextPixel asks for each pixel of a picture from those before it, line by line (van
// den Oord et al. 2016, "Pixel recurrent neural networks", arXiv:1601.06759), with a
// transformer that is shown a few colours instead of all (Chen et al. 2020,
// "Generative pretraining from pixels", ICML, section 3.2). A model of that kind can
// draw: see Generate. Where the examples are grids of codes of another model, these
// stand in the place of pixels, and the model is a prior of that one (van den Oord et
// al. 2017, "Neural discrete representation learning", arXiv:1711.00937, section 3.3).
//
// The loss is the mean over pixels of −log p, in nats; metric/bits_per_dim is the
// same in bits. A pixel counts as one dimension, whatever its channels, and what is
// coded is the pixel in the colours of the palette: figures of other palettes, or of
// all 256 values of each channel, are not to be compared with.
//
// Shapes: B examples a batch, T = H·W pixels, K colours, D values of a state.
type NextPixel struct {
	// Colours is how many there are, K.
	Colours int `toml:"colours"`
	// Palette says which: uniform, greys from black to white in equal steps, for
	// pictures of one channel; kmeans, those that are nearest to the pixels of the
	// training pictures.
	Palette string `toml:"palette"`
}

const (
	maxColours = 4096
	// nextStd is the deviation of the initial weights of the head, as in GPT.
	nextStd = 0.02
)

// Check implements Objective.
func (o *NextPixel) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	codes := t.Spec.Codes > 0
	picture := t.Spec.Image() && (t.Spec.Shape[0] == 1 || t.Spec.Shape[0] == 3)
	if !picture && !codes {
		bad("objective.type: next-pixel needs pictures, grey or in colour, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	if o.Colours < 2 || o.Colours > maxColours {
		bad("objective.colours: is %d, want 2 to %d", o.Colours, maxColours)
	}
	switch o.Palette {
	case "kmeans":
	case "uniform":
		if picture && t.Spec.Shape[0] != 1 {
			bad("objective.palette: equal steps are for greys, and the pictures of %s are in colour; want kmeans", t.Spec.Name)
		}
		if o.Colours > 256 {
			bad("objective.colours: is %d, and there are no more than 256 greys", o.Colours)
		}
	default:
		bad("objective.palette: is %q, want uniform or kmeans", o.Palette)
	}
	if _, ok := t.Encoder.(nets.Autoregressive); !ok && t.Encoder != nil {
		bad(`objective.type: next-pixel needs an encoder that sees the pixels before each one alone; give encoder.type = "igpt"`)
	}
	if len(errs) == 0 {
		k := o.Colours
		if codes {
			k = t.Spec.Codes
		}
		if n := t.Batch * t.Places() * k; n > maxLogits {
			bad("objective.colours: %d for each of %d pixels of %d pictures a batch take %d values, want at most %d; fewer colours, a smaller batch or smaller pictures", k, t.Places(), t.Batch, n, maxLogits)
		}
	}
	return errors.Join(errs...)
}

// ChoosePalette implements Quantizer.
func (o *NextPixel) ChoosePalette(src data.Source, seed uint64) ([]byte, error) {
	if src.Spec().Codes > 0 {
		return nil, nil
	}
	if o.Palette == "uniform" {
		return uniformGreys(o.Colours), nil
	}
	return paletteOf(src, o.Colours, seed)
}

// Prepare implements Objective: "symbol", (B, T), are the pixels by their colours'
// numbers, and "before", (B, T), the one before each, K before the first.
func (o *NextPixel) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	symbols := into.I["symbol"]
	if err := t.ReadSymbols(symbols, b); err != nil {
		return err
	}
	t.shift(into.I["before"], symbols)
	return nil
}

// shift writes the symbol before each one of pictures of T symbols; the number of
// symbols stands before the first.
func (t Task) shift(before, symbols []int) {
	copy(before[1:], symbols)
	for i := 0; i < len(before); i += t.Places() {
		before[i] = t.Symbols()
	}
}

// Build implements Objective. It taps what the encoder does and "answer", (B, T, K),
// the logits.
func (o *NextPixel) Build(t Task, s *graph.Scope) *G.Node {
	net, ok := t.Encoder.(nets.Autoregressive)
	if !ok {
		s.Fail("%T is no autoregressive encoder", t.Encoder)
	}
	states := net.States(s.In("encoder"), s.Ints("before", t.Batch, t.Places()), t.Symbols()) // (B, T, D)
	y := s.Tap("answer", nextSymbol(t, s, states))                                            // (B, T, K)
	loss := layers.CrossEntropy(s, y, s.Ints("symbol", t.Batch, t.Places()))                  // ()
	s.Tap("metric/bits_per_dim", s.Apply(&ops.WeightedSum{Weights: []float32{1 / math.Ln2}}, loss))
	return loss
}

// nextSymbol gives the logits of what comes next, (B, N, K), from states, (B, N, D).
func nextSymbol(t Task, s *graph.Scope, states *G.Node) *G.Node {
	return layers.Linear(s, "head", states, t.Symbols(), layers.Weight(layers.Normal(nextStd)), layers.Bias(graph.Constant(0)))
}

// Pictures implements Pictured: new pictures, and test examples of which the lower
// half is made anew.
func (o *NextPixel) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	count := min(b.N(), 16)
	g := Generation{N: 2 * count, Seed: t.Seed, Temperature: 1}
	samples, err := o.DrawNew(ctx, t, p.Params(), g, count)
	if err != nil {
		return nil, err
	}
	g.N, g.Given = count, fed.I["symbol"][:count*t.Places()]
	completed, err := o.DrawCompleted(ctx, t, p.Params(), g, count)
	if err != nil {
		return nil, err
	}
	return []Picture{
		{Name: "samples", Caption: "New pictures, drawn symbol by symbol.", Image: samples},
		{Name: "completed", Caption: "Top: the upper half of test examples. Middle: the lower half as the model draws it. Bottom: originals, as the symbols have them.", Image: completed},
	}, nil
}

var (
	_ Pictured  = (*NextPixel)(nil)
	_ Quantizer = (*NextPixel)(nil)
	_ Generator = (*NextPixel)(nil)
)
