package trainers

import (
	"context"
	"fmt"
	"slices"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/objectives"
)

// EachCodes runs a model with discrete codes over all examples of a source, in their
// order, and gives the codes of each batch to visit: (B, …), row by row, of a Discrete
// objective of the size that its CodeGrid says; they hold until it returns. ps is all of the model
// (FrozenModel), task.Batch the number of examples at a time. Memory does not grow with
// the source.
func EachCodes(ctx context.Context, task objectives.Task, o objectives.Coded, ps *graph.Params, src data.Source,
	visit func(b *data.Batch, codes []int32) error) error {
	var codes []int32
	return eachTap(ctx, task, ps, src, o.EncodeCodes, objectives.CodesTap, func(b *data.Batch, v graph.View) error {
		codes = slices.Grow(codes[:0], len(v.Data))
		for _, c := range v.Data {
			codes = append(codes, int32(c))
		}
		return visit(b, codes)
	})
}

// DecodeCodes makes examples of grids of codes, (N, h, w): their bytes, (N, shape...).
// ps is all of the model, task.Batch the number of examples at a time.
func DecodeCodes(ctx context.Context, task objectives.Task, o objectives.Discrete, ps *graph.Params, codes []int32) ([]byte, error) {
	h, w, k := o.CodeGrid(task)
	places := h * w
	if len(codes) == 0 || len(codes)%places != 0 {
		return nil, fmt.Errorf("%d codes are no grids of %dx%d", len(codes), h, w)
	}
	if i := slices.IndexFunc(codes, func(c int32) bool { return c < 0 || int(c) >= k }); i >= 0 {
		return nil, fmt.Errorf("code %d is %d, want 0 to %d", i, codes[i], k-1)
	}
	return decode(ctx, task, o.DecodeCodes, ps, len(codes)/places, func(feed *graph.Feed, lo, hi int) {
		for i, c := range codes[lo*places : hi*places] {
			feed.I[objectives.CodesTap][i] = int(c)
		}
	})
}

// EachLatent runs a model whose code can be decoded over all examples of a source, in
// their order, and gives what is decoded of each batch to visit: rows of the size of
// o.LatentShape, which hold until it returns.
func EachLatent(ctx context.Context, task objectives.Task, o objectives.Decoding, ps *graph.Params, src data.Source,
	visit func(b *data.Batch, v graph.View) error) error {
	return eachTap(ctx, task, ps, src, o.EncodeLatent, objectives.LatentTap, visit)
}

// DecodeLatents makes examples of values, (N, LatentShape…): their bytes,
// (N, shape...). ps is all of the model.
func DecodeLatents(ctx context.Context, task objectives.Task, o objectives.Decoding, ps *graph.Params, z []float32) ([]byte, error) {
	d := 1
	for _, n := range o.LatentShape(task) {
		d *= n
	}
	if len(z) == 0 || len(z)%d != 0 {
		return nil, fmt.Errorf("%d values are no codes of %v", len(z), o.LatentShape(task))
	}
	return decode(ctx, task, o.DecodeLatent, ps, len(z)/d, func(feed *graph.Feed, lo, hi int) {
		copy(feed.F[objectives.LatentTap], z[lo*d:hi*d])
	})
}

// decode runs a decoder over n codes, which fill puts into its input from one to
// another of them, and gives the bytes of the examples.
func decode(ctx context.Context, task objectives.Task, build func(t objectives.Task, s *graph.Scope), ps *graph.Params, n int,
	fill func(feed *graph.Feed, lo, hi int)) ([]byte, error) {
	size := task.Spec.Size()
	task.Batch = min(task.Batch, n)
	p, err := compile(ps, task, build)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	pixels, values := make([]byte, n*size), make([]float32, size)
	for at := 0; at < n; at += task.Batch {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		some := min(task.Batch, n-at)
		fill(feed, at, at+some) // of a last batch the rest is left over
		if err := p.Run(feed, 0); err != nil {
			return nil, err
		}
		y, ok := p.Tap("reconstruction")
		if !ok {
			return nil, fmt.Errorf("the decoder gives no reconstruction, only %v", p.Taps())
		}
		for i := range some {
			task.Pixels.Undo(values, y.Data[i*size:(i+1)*size])
			if err := transforms.Bytes(pixels[(at+i)*size:(at+i+1)*size], values, nil, nil); err != nil {
				return nil, err
			}
		}
	}
	return pixels, nil
}
