package objectives

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/ops"
	"x2vec/graph/ops/vec"
)

// This file has what happens to the codebook of a VQ-VAE outside of the graph: its
// start, its moving averages, the revival of codes that nothing uses.

// Start implements Starter: it measures the variance of the training data and, with
// KMeans, finds the first codebook.
func (o *VQVAE) Start(ctx context.Context, t Task, src data.Source, ps *graph.Params) error {
	variance, differ, err := varianceOf(ctx, t, src)
	if err != nil {
		return err
	}
	if variance <= 0 {
		return fmt.Errorf("%s: all values of the %d training pictures are the same; vqvae takes its error over their variance, which is 0: want pictures that differ", t.Spec.Name, src.Len())
	}
	if !differ {
		return fmt.Errorf("%s: all %d training pictures are the same; there is nothing to tell apart by codes: want pictures that differ", t.Spec.Name, src.Len())
	}
	ps.Get(variancePath).Data[0] = float32(variance)
	if o.KMeans == 0 {
		return nil
	}
	z, err := o.someVectors(ctx, t, src, ps)
	if err != nil {
		return err
	}
	book := ps.Get(codebookPath)
	if err := o.startCodes(ctx, t, z, book.Data, book.Shape[1]); err != nil {
		return err
	}
	if sums := ps.Get(sumsPath); sums != nil {
		copy(sums.Data, book.Data)
	}
	return nil
}

// varianceOf is that of all values of all examples together, scaled, and whether any
// example differs from the first.
func varianceOf(ctx context.Context, t Task, src data.Source) (variance float64, differ bool, err error) {
	const rows = 256
	var sum, squares, n float64
	size := t.Spec.Size()
	x := make([]float32, rows*size)
	var first []byte
	for b, err := range data.Sequential(src, rows) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return 0, false, err
		}
		if first == nil {
			first = bytes.Clone(b.Pixels[:size])
		}
		for at := 0; at < len(b.Pixels) && !differ; at += size {
			differ = !bytes.Equal(first, b.Pixels[at:at+size])
		}
		x := x[:len(b.Pixels)]
		t.Pixels.Apply(x, b.Pixels)
		sum += vec.Sum(x)
		squares += vec.SumSquares(x)
		n += float64(len(x))
	}
	mean := sum / n
	// Where all values are one, rounding leaves some 1e-7 of its square.
	if v := squares/n - mean*mean; v > 1e-6*squares/n {
		return v, differ, nil
	}
	return 0, differ, nil
}

// startVectors is how many vectors a code the k-means start looks at.
const startVectors = 32

// someVectors are what the encoder as it stands gives for training pictures that are
// spread evenly over the source, (N, D): startVectors for each code if there are so
// many.
func (o *VQVAE) someVectors(ctx context.Context, t Task, src data.Source, ps *graph.Params) ([]float32, error) {
	h, w, d, _ := o.mapSize(t)
	pictures := min(src.Len(), (startVectors*o.Codes+h*w-1)/(h*w))
	if n := pictures * h * w; n < o.Codes {
		return nil, fmt.Errorf("objective.codes: is %d, but the %d training pictures have only %d vectors, in maps of %dx%d, for k-means to begin with; want at most so many codes, or kmeans = 0",
			o.Codes, src.Len(), n, h, w)
	}
	t.Batch = min(t.Batch, pictures)
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		x := s.Input("x", append([]int{t.Batch}, t.Spec.Shape...)...)
		s.Tap(mapTap, o.net(t, s).EncodeMap(s.In("encoder"), x).N)
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	z := make([]float32, 0, pictures*h*w*d)
	size := t.Spec.Size()
	pixels := make([]byte, size)
	for at := 0; at < pictures; at += t.Batch {
		n := min(t.Batch, pictures-at) // of a last batch the rest is left over
		for i := range n {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			x := data.Example{Pixels: pixels, Factors: make([]float32, len(t.Spec.Factors))}
			if err := src.Read((at+i)*src.Len()/pictures, &x); err != nil {
				return nil, err
			}
			t.Pixels.Apply(feed.F["x"][i*size:(i+1)*size], pixels)
		}
		if err := p.Run(feed, 0); err != nil {
			return nil, err
		}
		v, _ := p.Tap(mapTap)
		z = append(z, v.Data[:n*h*w*d]...)
	}
	if !vec.Finite(z) {
		return nil, errors.New("the untrained encoder gives values that are no finite numbers")
	}
	return z, nil
}

// startCodes finds a codebook by k-means among vectors z, (N, D), N ≥ K: from K of
// them that are drawn, KMeans times each code becomes the mean of the vectors that it
// is nearest to, or, where there are none, another of them.
func (o *VQVAE) startCodes(ctx context.Context, t Task, z, book []float32, d int) error {
	n, k := len(z)/d, o.Codes
	nearest, sum, count := &ops.Nearest{}, &ops.SumByCode{Codes: k}, &ops.CountCodes{Codes: k}
	codes, sums, counts := make([]float32, n), make([]float32, len(book)), make([]float32, k)
	x, e, c := ops.Arg{F: z, Shape: tensor.Shape{n, d}}, ops.Arg{F: book, Shape: tensor.Shape{k, d}}, ops.Arg{F: codes, Shape: tensor.Shape{n}}
	for _, kernel := range []struct {
		ops.Kernel
		in []tensor.Shape
	}{{nearest, []tensor.Shape{x.Shape, e.Shape}}, {sum, []tensor.Shape{x.Shape, c.Shape}}, {count, []tensor.Shape{c.Shape}}} {
		if _, err := kernel.Shape(kernel.in); err != nil {
			return err
		}
	}
	r := draw.New(draw.Key(t.Seed, "vqvae/kmeans", 0, 0))
	for i, from := range r.Perm(n)[:k] {
		copy(book[i*d:(i+1)*d], z[from*d:])
	}
	for range o.KMeans {
		if err := ctx.Err(); err != nil {
			return err
		}
		nearest.Forward([]ops.Arg{x, e}, codes)
		sum.Forward([]ops.Arg{x, c}, sums)
		count.Forward([]ops.Arg{c}, counts)
		for i, m := range counts {
			code := book[i*d : (i+1)*d]
			if m > 0 {
				vec.Scale(code, sums[i*d:(i+1)*d], 1/m)
			} else {
				copy(code, z[r.IntN(n)*d:])
			}
		}
	}
	return nil
}

// AfterStep implements AfterStep: the moving averages take in the batch (van den Oord
// et al. 2017, appendix A.1, eqs. 6 to 8, with Laplace's smoothing of the uses), and
// codes that nothing uses are revived.
func (o *VQVAE) AfterStep(t Task, p *graph.Program, ps *graph.Params) error {
	if !o.averages() {
		return nil
	}
	counts, ok := p.Tap(countsTap)
	totals, ok2 := p.Tap(totalsTap)
	z, ok3 := p.Tap(mapTap)
	if !ok || !ok2 || !ok3 {
		return errors.New("the program has no codes to learn from; it must be one for training")
	}
	uses, book, batches := ps.Get(usesPath).Data, ps.Get(codebookPath), ps.Get(batchesPath).Data
	var sums []float32
	fresh := float32(1 - o.Decay)
	lerp(uses, counts.Data, fresh)
	if o.Codebook == "ema" {
		sums = ps.Get(sumsPath).Data
		lerp(sums, totals.Data, fresh)
		o.follow(book.Data, sums, uses)
	}
	if o.Revive > 0 {
		r := draw.New(draw.Key(t.Seed, "vqvae/revive", 0, int(batches[0])))
		o.revive(r, book.Data, sums, uses, z.Data)
	}
	batches[0]++
	return nil
}

// lerp moves x by a share of the way to y.
func lerp(x, y []float32, share float32) {
	for i, v := range y {
		x[i] += share * (v - x[i])
	}
}

// follow makes each code the mean of the vectors it replaced: its average sum over its
// average of uses, smoothed.
func (o *VQVAE) follow(book, sums, uses []float32) {
	var total float64
	for _, n := range uses {
		total += float64(n)
	}
	k := len(uses)
	d := len(book) / k
	for i, n := range uses {
		smooth := (float64(n) + o.Epsilon) / (total + float64(k)*o.Epsilon) * total
		vec.Scale(book[i*d:(i+1)*d], sums[i*d:(i+1)*d], float32(1/smooth))
	}
}

// revive gives codes whose average of uses has fallen below Revive a vector of the
// batch, and the averages of a code that is used as often as that.
func (o *VQVAE) revive(r *draw.Rand, book, sums, uses, z []float32) {
	d := len(book) / len(uses)
	for i, n := range uses {
		if float64(n) >= o.Revive {
			continue
		}
		at := r.IntN(len(z)/d) * d
		uses[i] = float32(o.Revive)
		copy(book[i*d:(i+1)*d], z[at:at+d])
		if sums != nil {
			vec.Scale(sums[i*d:(i+1)*d], z[at:at+d], uses[i])
		}
	}
}
