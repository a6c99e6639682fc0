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
// order, and gives the codes of each batch to visit: (B, h, w), row by row, of the size
// that o.CodeGrid says; they hold until it returns. ps is all of the model
// (FrozenModel), task.Batch the number of examples at a time. Memory does not grow with
// the source.
func EachCodes(ctx context.Context, task objectives.Task, o objectives.Discrete, ps *graph.Params, src data.Source,
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
	places, size := h*w, task.Spec.Size()
	if len(codes) == 0 || len(codes)%places != 0 {
		return nil, fmt.Errorf("%d codes are no grids of %dx%d", len(codes), h, w)
	}
	if i := slices.IndexFunc(codes, func(c int32) bool { return c < 0 || int(c) >= k }); i >= 0 {
		return nil, fmt.Errorf("code %d is %d, want 0 to %d", i, codes[i], k-1)
	}
	n := len(codes) / places
	task.Batch = min(task.Batch, n)
	p, err := compile(ps, task, o.DecodeCodes)
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
		some := codes[at*places : min(n, at+task.Batch)*places]
		for i, c := range some { // of a last batch the rest is left over
			feed.I[objectives.CodesTap][i] = int(c)
		}
		if err := p.Run(feed, 0); err != nil {
			return nil, err
		}
		y, ok := p.Tap("reconstruction")
		if !ok {
			return nil, fmt.Errorf("the decoder gives no reconstruction, only %v", p.Taps())
		}
		for i := range len(some) / places {
			task.Pixels.Undo(values, y.Data[i*size:(i+1)*size])
			if err := transforms.Bytes(pixels[(at+i)*size:(at+i+1)*size], values, nil, nil); err != nil {
				return nil, err
			}
		}
	}
	return pixels, nil
}
