package trainers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/mem"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// CodeTap is the activation that is meant by "the code".
const CodeTap = "encoder/code"

// EachFeature runs a frozen encoder over all examples of a source, in their order,
// and gives each batch of activations to visit: rows of D values that hold until
// it returns. task.Batch is the number of examples at a time; a smaller last batch
// is run by a program of its own. Memory does not grow with the source.
//
// tap is any named activation of the encoder; an activation of more than two axes
// is one row an example.
func EachFeature(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, tap string,
	visit func(b *data.Batch, rows []float32, d int) error) error {
	return EachActivation(ctx, task, ps, src, tap, func(b *data.Batch, v graph.View) error {
		return visit(b, v.Data, len(v.Data)/b.N())
	})
}

// EachActivation is EachFeature with the activations in the shape that they have,
// (B, …).
func EachActivation(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, tap string,
	visit func(b *data.Batch, v graph.View) error) error {
	return eachTap(ctx, task, ps, src, encoderAlone, tap, visit)
}

// eachTap runs what build makes of clean examples over all of a source.
func eachTap(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, build func(t objectives.Task, s *graph.Scope), tap string,
	visit func(b *data.Batch, v graph.View) error) error {
	return eachOf(ctx, task, ps, src, build, []string{tap}, func(b *data.Batch, views []graph.View) error { return visit(b, views[0]) })
}

// eachOf is eachTap of several activations, in the order of taps.
func eachOf(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, build func(t objectives.Task, s *graph.Scope), taps []string,
	visit func(b *data.Batch, views []graph.View) error) error {
	task.Batch = min(task.Batch, src.Len())
	var p *graph.Program
	var feed *graph.Feed
	have := 0 // examples that p takes
	done := 0
	defer func() {
		if p != nil {
			p.Close()
		}
	}()
	for b, err := range data.Sequential(src, task.Batch) {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if b.N() != have {
			if p != nil {
				p.Close()
			}
			have, task.Batch = b.N(), b.N()
			if p, err = compile(ps, task, build); err != nil {
				return err
			}
			feed = p.NewFeed()
		}
		if err := objectives.PrepareClean(task, b, feed); err != nil {
			return err
		}
		if err := p.Run(feed, 0); err != nil {
			return err
		}
		views := make([]graph.View, len(taps))
		for i, tap := range taps {
			v, ok := p.Tap(tap)
			if !ok {
				return fmt.Errorf("the encoder has no activation %q; there are %s", tap, strings.Join(p.Taps(), ", "))
			}
			views[i] = v
		}
		if err := visit(b, views); err != nil {
			return err
		}
		done += b.N()
		eval.Tell(ctx, "codes of "+src.Spec().Name+" "+src.Spec().Split, done, src.Len(), "examples")
	}
	return nil
}

// Forward gives a function that runs the encoder alone, on the first batch of a source
// again and again: what taking codes costs at least.
func Forward(task objectives.Task, ps *graph.Params, src data.Source) (run func() error, err error) {
	p, err := compile(ps, task, encoderAlone)
	if err != nil {
		return nil, err
	}
	feed := p.NewFeed()
	for b, err := range data.Sequential(src, task.Batch) {
		if err != nil {
			return nil, err
		}
		if err := objectives.PrepareClean(task, b, feed); err != nil {
			return nil, err
		}
		break
	}
	return func() error { return p.Run(feed, 0) }, nil
}

// compile makes an evaluation program that is read by its taps.
func compile(ps *graph.Params, task objectives.Task, build func(t objectives.Task, s *graph.Scope)) (*graph.Program, error) {
	return graph.Compile(ps, graph.Eval, func(s *graph.Scope) *gorgonia.Node {
		build(task, s)
		return nil
	})
}

// Untrained is the encoder of a task with the weights that a seed draws.
func Untrained(task objectives.Task, seed uint64) (*graph.Params, error) {
	return untrained(task, seed, encoderAlone)
}

func encoderAlone(t objectives.Task, s *graph.Scope) { objectives.Encode(t, s) }

func untrained(task objectives.Task, seed uint64, build func(t objectives.Task, s *graph.Scope)) (*graph.Params, error) {
	task.Batch = 1
	ps := graph.NewParams(seed)
	p, err := compile(ps, task, build)
	if err != nil {
		return nil, err
	}
	return ps, p.Close()
}

// Frozen is the encoder that a checkpoint holds, ready for EachFeature and Features:
// its weights, averaged where the run kept an average. task says which encoder, and
// what its examples are like.
func Frozen(task objectives.Task, snap *checkpoints.Snapshot) (*graph.Params, error) {
	return FrozenModel(task, snap, encoderAlone)
}

// FrozenModel is Frozen for more than the encoder: for all that build asks for.
func FrozenModel(task objectives.Task, snap *checkpoints.Snapshot, build func(t objectives.Task, s *graph.Scope)) (*graph.Params, error) {
	ps, err := untrained(task, task.Seed, build)
	if err != nil {
		return nil, err
	}
	have := map[string]checkpoints.Array{}
	for _, a := range WeightsOf(snap) {
		have[a.Name] = a
	}
	for _, p := range ps.All() {
		a, ok := have[p.Path]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: is not in the checkpoint of step %d", p.Path, snap.State.Step)
		case !slices.Equal(a.Shape, p.Shape) || len(a.F32) != len(p.Data):
			return nil, fmt.Errorf("%s: is %v in the checkpoint of step %d, and %v in an encoder of examples of %v", p.Path, a.Shape, snap.State.Step, p.Shape, task.Spec.Shape)
		}
		copy(p.Data, a.F32)
	}
	return ps, nil
}

// WeightsOf are all arrays of the model that a checkpoint holds, averaged where the run
// kept an average.
func WeightsOf(snap *checkpoints.Snapshot) []checkpoints.Array {
	average := map[string]checkpoints.Array{}
	for _, a := range snap.Extra[averageSection] {
		average[a.Name] = a
	}
	list := slices.Clone(snap.Weights)
	for i, a := range list {
		if b, ok := average[a.Name]; ok {
			list[i] = b
		}
	}
	return list
}

// Foreign is the checkpoint of a model that was trained elsewhere: its encoder, all else
// that it holds, and how bytes become numbers for it.
func Foreign(ps *graph.Params, rest []checkpoints.Array, pixels objectives.Scaling) *checkpoints.Snapshot {
	snap := &checkpoints.Snapshot{Weights: slices.Clone(rest), Extra: map[string][]checkpoints.Array{scalingSection: scalingArrays(pixels)}}
	for _, p := range ps.All() {
		snap.Weights = append(snap.Weights, checkpoints.Array{Name: p.Path, Shape: p.Shape, F32: p.Data})
	}
	return snap
}

// Features are the activations of all examples of a source: N rows of D values
// in memory.
func Features(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, tap string) (eval.Features, error) {
	list, err := FeaturesOf(ctx, task, ps, src, []string{tap})
	return list[0], err
}

// FeaturesOf is Features of several activations, in the order of taps, for which the
// encoder runs once.
func FeaturesOf(ctx context.Context, task objectives.Task, ps *graph.Params, src data.Source, taps []string) ([]eval.Features, error) {
	list := make([]eval.Features, len(taps))
	err := eachOf(ctx, task, ps, src, encoderAlone, taps, func(b *data.Batch, views []graph.View) error {
		for i, v := range views {
			f := &list[i]
			if f.X == nil {
				f.D = len(v.Data) / b.N()
				f.X = mem.Floats(src.Len() * f.D)[:0]
				f.Labels = make([]int, 0, src.Len())
			}
			f.X = append(f.X, v.Data...)
			f.Labels = append(f.Labels, b.Labels...)
		}
		return nil
	})
	return list, err
}
