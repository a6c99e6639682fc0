package trainers

import (
	"context"
	"slices"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
)

// Taps lists the activations of an encoder for one example, in the order of the
// forward pass, by name and shape, (1, …); they have no values.
func Taps(task objectives.Task, ps *graph.Params) ([]graph.View, error) {
	task.Batch = 1
	p, err := compile(ps, task, encoderAlone)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	var list []graph.View
	for _, name := range p.Taps() {
		v, _ := p.Tap(name)
		list = append(list, graph.View{Name: name, Shape: slices.Clone(v.Shape)})
	}
	return list, nil
}

// FieldOf is the receptive field of an activation over the picture; ok is false where a
// value may depend on all of it.
func FieldOf(task objectives.Task, ps *graph.Params, tap string) (f graph.Field, ok bool, err error) {
	task.Batch = 1
	p, err := compile(ps, task, encoderAlone)
	if err != nil {
		return f, false, err
	}
	f, ok = p.Field(tap, "x")
	return f, ok, p.Close()
}

// An Answer is what a model makes of examples.
type Answer struct {
	Pictures []objectives.Picture
	Tables   []objectives.Table
	// Errors are the mean squared errors of reconstructions, of pixels from 0 to 1, one an
	// example; nil where the model gives none.
	Errors []float64
}

// Show runs all of a model on the examples of a source with these numbers at once, as in
// evaluation.
func Show(ctx context.Context, task objectives.Task, o objectives.Objective, ps *graph.Params, src data.Source, index []int) (*Answer, error) {
	b, err := oneBatch(src, index)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	task.Batch = b.N()
	p, err := compile(ps, task, func(t objectives.Task, s *graph.Scope) { o.Build(t, s) })
	if err != nil {
		return nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	if err := o.Prepare(task, b, feed); err != nil {
		return nil, err
	}
	if err := p.Run(feed, 0); err != nil {
		return nil, err
	}
	a := &Answer{}
	if o, ok := o.(objectives.Pictured); ok {
		if a.Pictures, err = o.Pictures(ctx, task, p, b, feed); err != nil {
			return nil, err
		}
	}
	if y, ok := p.Tap("reconstruction"); ok && len(y.Data) == len(b.Pixels) {
		a.Errors = squaredErrors(task, y.Data, b)
	}
	return a, nil
}

// squaredErrors compares reconstructions, scaled, with the bytes of a batch.
func squaredErrors(task objectives.Task, y []float32, b *data.Batch) []float64 {
	size := task.Spec.Size()
	errs, seen := make([]float64, b.N()), make([]float32, size)
	for i := range errs {
		task.Pixels.Undo(seen, y[i*size:(i+1)*size])
		for j, v := range seen {
			d := float64(v) - float64(b.Pixels[i*size+j])/255
			errs[i] += d * d / float64(size)
		}
	}
	return errs
}
