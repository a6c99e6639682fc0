package objectives

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/nets"
)

// A Generator makes new examples. Both methods draw them side by side, columns to a
// row.
type Generator interface {
	// DrawNew makes N new pictures.
	DrawNew(ctx context.Context, t Task, ps *graph.Params, g Generation, columns int) (image.Image, error)
	// DrawCompleted makes the lower half of the N given pictures anew: for each the
	// upper half, what it was completed to and the original, one below the other.
	DrawCompleted(ctx context.Context, t Task, ps *graph.Params, g Generation, columns int) (image.Image, error)
}

// A Generation says what to make. Picture i is drawn from (Seed, i) alone.
type Generation struct {
	N           int
	Seed        uint64
	Temperature float64 // the logits are divided by it: below 1 the likely becomes likelier; > 0
	TopK        int     // draw from as many symbols, the likeliest, at each place; 0 = all
	Given       []int   // (N, T) pictures of which the first Keep symbols are kept; nil where Keep is 0
	Keep        int
}

// Check says what is wrong with a generation of pictures of that many places.
func (g Generation) Check(places int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if g.N < 1 {
		bad("number: is %d, want at least 1", g.N)
	}
	if !(g.Temperature > 0 && g.Temperature <= 1e6) { // NaN too
		bad("temperature: is %g, want more than 0", g.Temperature)
	}
	if g.TopK < 0 {
		bad("top-k: is %d, want 0 (all) or more", g.TopK)
	}
	if g.Keep < 0 || g.Keep > places || g.Keep > 0 && len(g.Given) < g.N*places {
		bad("keep: is %d of the %d places of %d pictures, of which %d are given", g.Keep, places, g.N, len(g.Given)/max(1, places))
	}
	return errors.Join(errs...)
}

// generationBatch is how many pictures are made at once.
const generationBatch = 64

// DrawNew implements Generator.
func (o *NextPixel) DrawNew(ctx context.Context, t Task, ps *graph.Params, g Generation, columns int) (image.Image, error) {
	symbols, err := o.Generate(ctx, t, ps, g)
	if err != nil {
		return nil, err
	}
	pixels, shape, err := t.DrawSymbols(symbols)
	if err != nil {
		return nil, err
	}
	return transforms.Sheet(slices.Collect(slices.Chunk(pixels, len(pixels)/g.N)), shape, columns, enlarge(shape))
}

// DrawCompleted implements Generator.
func (o *NextPixel) DrawCompleted(ctx context.Context, t Task, ps *graph.Params, g Generation, columns int) (image.Image, error) {
	g.Keep = t.Upper()
	symbols, err := o.Generate(ctx, t, ps, g)
	if err != nil {
		return nil, err
	}
	completed, shape, err := t.DrawSymbols(symbols)
	if err != nil {
		return nil, err
	}
	originals, _, err := t.DrawSymbols(g.Given[:len(symbols)])
	if err != nil {
		return nil, err
	}
	h, _ := t.grid()
	given := slices.Clone(originals)
	hide(given, shape, h/2*shape[1]/h)
	size := len(completed) / g.N
	var tiles [][]byte
	for from := 0; from < g.N; from += columns {
		for _, row := range [][]byte{given, completed, originals} {
			for i := from; i < from+columns; i++ {
				tile := bytes.Repeat([]byte{128}, size) // as the sheet, where there are no more
				if i < g.N {
					copy(tile, row[i*size:])
				}
				tiles = append(tiles, tile)
			}
		}
	}
	return transforms.Sheet(tiles, shape, columns, enlarge(shape))
}

// hide makes the lines of pictures, (N, C, H, W), from line `from` on grey.
func hide(pixels []byte, shape []int, from int) {
	h, w := shape[1], shape[2]
	for line := range len(pixels) / w {
		if line%h >= from {
			for i := line * w; i < (line+1)*w; i++ {
				pixels[i] = 128
			}
		}
	}
}

// Generate makes N pictures as symbols, (N, T): symbol by symbol, with the keys and values of the
// attention kept, so that a picture takes about as long as reading it does.
func (o *NextPixel) Generate(ctx context.Context, t Task, ps *graph.Params, g Generation) ([]int, error) {
	places := t.Places()
	if err := g.Check(places); err != nil {
		return nil, err
	}
	symbols := make([]int, g.N*places)
	for at := 0; at < g.N; at += generationBatch {
		n := min(generationBatch, g.N-at)
		if err := generate(ctx, t, ps, g, at, symbols[at*places:(at+n)*places]); err != nil {
			return nil, err
		}
	}
	return symbols, nil
}

// generate makes the pictures from number first on.
func generate(ctx context.Context, t Task, ps *graph.Params, g Generation, first int, symbols []int) (err error) {
	places, k := t.Places(), t.Symbols()
	n := len(symbols) / places
	net, ok := t.Encoder.(nets.Autoregressive)
	if !ok {
		return fmt.Errorf("%s is no autoregressive encoder", nets.NameOf(t.Encoder))
	}
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		state := net.State(s.In("encoder"), s.Ints("before", n, 1), s.Ints("place", n, 1), k, places) // (N, 1, D)
		s.Tap("answer", nextSymbol(t, s, state))                                                      // (N, 1, K)
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	feed := p.NewFeed()
	before, place := feed.I["before"], feed.I["place"]
	chance := make([]draw.Rand, n)
	for i := range chance {
		before[i] = k
		chance[i].Seed(draw.Key(g.Seed, "generate", 0, first+i))
	}
	pick := picker{temperature: g.Temperature, topK: g.TopK, order: make([]int, k), weight: make([]float64, k)}
	for at := range places {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for i := range place {
			place[i] = at
		}
		if err := p.Run(feed, 0); err != nil {
			return err
		}
		answer, _ := p.Tap("answer")
		for i := range n {
			next := pick.draw(answer.Data[i*k:(i+1)*k], &chance[i])
			if at < g.Keep {
				next = g.Given[(first+i)*places+at]
			}
			symbols[i*places+at], before[i] = next, next
		}
	}
	return nil
}

// picker draws symbols by their logits.
type picker struct {
	temperature float64
	topK        int
	order       []int
	weight      []float64
}

// draw takes one number of r, whatever the settings.
func (p *picker) draw(logits []float32, r *draw.Rand) int {
	for i := range p.order {
		p.order[i] = i
	}
	kept := p.order
	if p.topK > 0 && p.topK < len(logits) {
		slices.SortStableFunc(p.order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
		kept = p.order[:p.topK]
	}
	largest := float32(math.Inf(-1))
	for _, i := range kept {
		largest = max(largest, logits[i])
	}
	total := 0.0
	for j, i := range kept {
		p.weight[j] = math.Exp(float64(logits[i]-largest) / p.temperature)
		total += p.weight[j]
	}
	left := r.Float64() * total
	for j, i := range kept {
		if left -= p.weight[j]; left < 0 {
			return i
		}
	}
	return kept[len(kept)-1]
}
