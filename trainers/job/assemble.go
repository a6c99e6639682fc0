package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// Assemble opens the data and gives the configuration of the run. What only the
// data can tell is checked now; faults of the file are Faults. scaling is how
// bytes become numbers where that is known already, from a checkpoint; nil has it
// measured as the file asks, or taken from the encoder that the run goes on from. warn is
// told what is accepted but should be known.
func (f *File) Assemble(ctx context.Context, scaling *objectives.Scaling, warn func(string)) (trainers.Config, error) {
	var c trainers.Config
	if f.Data.vocabulary == nil {
		if err := f.useWords(""); err != nil {
			return c, err
		}
	}
	lens, err := f.lens()
	if err != nil {
		return c, err
	}
	train, test, err := f.open(ctx, lens, warn)
	if err != nil {
		return c, err
	}
	spec := train.Spec()
	_, fits := f.Objective.(objectives.Fitter) // which take the batch for evaluation alone
	if f.Train.Batch > train.Len() && !fits {
		f.src.fault("train.batch", "is %d, but %s has only %d examples for training", f.Train.Batch, spec.Name, train.Len())
		return c, f.src.faults.err()
	}
	if _, worded := f.Encoder.(nets.Worded); spec.Words != nil && !worded {
		f.src.fault("encoder.type", `is %q, which encodes numbers, but the examples of %s are words; want "embedding" or "transformer"`, f.encoderType, spec.Name)
		return c, f.src.faults.err()
	}
	grids := lens != nil && lens.discrete != nil
	task := objectives.Task{Encoder: f.Encoder, Spec: spec, Batch: min(f.Train.Batch, train.Len()), Seed: f.Seed}
	var from *pretrained
	switch {
	case grids:
		task.Codes = lens
	case lens != nil:
		if err := lens.under(&task); err != nil {
			return c, err
		}
	}
	var under *trainers.Finetune // brings the weights that the encoder stands on
	if lens != nil && !grids && scaling == nil {
		under, scaling = &trainers.Finetune{Weights: lens.weights(), LayerDecay: 1, HeadRate: 1}, &task.Pixels
	}
	if scaling == nil { // else the run has begun, and has its weights
		if from, err = f.pretrained(); err != nil {
			return c, err
		}
		scaling = from.scaling(spec.Shape, f.Data.Normalize)
	}
	if scaling != nil {
		task.Pixels = *scaling
	} else if spec.Codes > 0 {
		// There are no bytes to become numbers.
	} else if task.Pixels, err = measure(train, f.Data.Normalize); err != nil {
		return c, err
	}
	if from != nil && from.pixels != nil && spec.Clip() {
		task.Pixels.Past = from.pixels.Past
	}
	if alike, err := allAlike(train); err != nil {
		return c, err
	} else if alike > 1 {
		warn(fmt.Sprintf("the %d training examples that were looked at are all the same; there is nothing to tell apart", alike))
	}
	f.see(&task)
	f.src.parts(f, task)
	if q, ok := f.Objective.(objectives.Quantizer); ok && len(task.Pixels.Palette) == 0 && len(f.src.faults) == 0 {
		if task.Pixels.Palette, err = q.ChoosePalette(train, f.Seed); err != nil {
			f.src.component("objective", err)
		}
	}
	schedule, steps := f.lengths(train.Len(), fits)
	finetune := f.finetune(from, steps)
	if under != nil {
		finetune = under
	}
	return trainers.Config{
		Task: task, Objective: f.Objective, Train: train, Test: test, Finetune: finetune,
		Optimizer: f.Optimizer, Schedule: schedule, Steps: schedule.Total,
		Workers: f.Train.Workers, Prefetch: f.Train.Prefetch, Hogwild: f.Train.Mode == hogwild,
		LogEvery: steps(f.Log.Every), EvalEvery: steps(f.Eval.Every), EvalCodes: f.Eval.Codes,
		EarlyStop: f.Train.EarlyStop, MinDelta: f.Train.MinDelta,
		CheckpointEvery: steps(f.Check.Every), Keep: f.Check.Keep, Milestones: steps(f.Check.Milestones),
	}, f.src.faults.err()
}

// open opens the examples for training and those for testing, nil where there are none,
// through a lens where there is one for grids of codes.
func (f *File) open(ctx context.Context, l *lens, warn func(string)) (train, test data.Source, err error) {
	train, test, err, missing := readers.OpenSplits(f.Data.options("train", warn), f.Data.options("test", warn))
	if err != nil {
		return nil, nil, err
	}
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		warn(fmt.Sprintf("no test examples, so nothing is evaluated: %v", missing))
		test = nil
	case missing != nil:
		return nil, nil, missing
	}
	switch _, stacks := f.Objective.(objectives.Stacking); {
	case l != nil && l.discrete != nil:
		return throughLens(ctx, l, train, test)
	case l != nil && !stacks:
		f.src.fault("data.codes", "is %q, but only next-pixel, kmeans and pca take the codes of another run", f.Data.Codes)
		return nil, nil, f.src.faults.err()
	}
	return train, test, nil
}

// lengths gives the schedule of a run on so many examples, and what makes steps of a
// duration in it. A step of a method that fits is a pass over all examples.
func (f *File) lengths(examples int, fits bool) (s optim.Schedule, steps func(Duration) int) {
	perEpoch := float64(examples/f.Train.Batch) / float64(f.Optimizer.Accumulate)
	if fits {
		perEpoch = 1
	}
	total := f.Train.Duration.Steps(perEpoch, f.Train.Batch*f.Optimizer.Accumulate, 0)
	steps = func(d Duration) int { return d.Steps(perEpoch, f.Train.Batch*f.Optimizer.Accumulate, total) }
	s = f.Schedule.Schedule
	s.Base, s.Total = f.Optimizer.LR, total
	s.Warmup, s.StepSize = steps(f.Schedule.Warmup), steps(f.Schedule.StepSize)
	if f.Schedule.Warmup.Unit == Percent {
		s.Warmup = min(s.Warmup, total-1) // none in a run of one step
	}
	for _, m := range f.Schedule.Milestones {
		s.Milestones = append(s.Milestones, steps(m))
	}
	switch {
	case fits:
	case s.Warmup >= total:
		f.src.fault("schedule.warmup", `is %d steps, want fewer than the run's %d; "10%%" is its tenth, however long it is`, s.Warmup, total)
	default:
		f.src.component("schedule", s.Validate())
	}
	return s, steps
}

// throughLens gives both splits as grids of codes. test may be nil.
func throughLens(ctx context.Context, l *lens, train, test data.Source) (data.Source, data.Source, error) {
	train, err := l.through(ctx, train)
	if err == nil && test != nil {
		test, err = l.through(ctx, test)
	}
	return train, test, err
}

// measure finds how bytes become numbers: from what the source knows of itself, or
// in one pass over its examples. The sums are of whole numbers, and so exact.
func measure(src data.Source, how string) (objectives.Scaling, error) {
	var z objectives.Scaling
	spec := src.Spec()
	size := spec.Size()
	if how == "unit" {
		return z, nil
	}
	plane := size // values of a channel
	if spec.Image() {
		plane = size / spec.Shape[0]
	}
	if how == "standard" && len(spec.Mean) > 0 && len(spec.Std) == len(spec.Mean) && len(spec.Mean)*plane == size {
		for c := range spec.Mean {
			z.Mean = append(z.Mean, slices.Repeat(spec.Mean[c:c+1], plane)...)
			z.Std = append(z.Std, slices.Repeat(spec.Std[c:c+1], plane)...)
		}
		return z, nil
	}
	if how == "signed" {
		z.Mean = slices.Repeat([]float32{0.5}, size)
		return z, nil
	}
	sum, squares := make([]uint64, size), make([]uint64, size)
	for b, err := range data.Sequential(src, 512) {
		if err != nil {
			return z, err
		}
		for at := 0; at < len(b.Pixels); at += size {
			for i, v := range b.Pixels[at : at+size] {
				sum[i] += uint64(v)
				squares[i] += uint64(v) * uint64(v)
			}
		}
	}
	z.Mean = make([]float32, size)
	if how == "centred" {
		n := float64(src.Len())
		for i, s := range sum {
			z.Mean[i] = float32(float64(s) / n / 255)
		}
		return z, nil
	}
	z.Std = make([]float32, size)
	n := float64(src.Len()) * float64(plane)
	for at := 0; at < size; at += plane {
		var s, q uint64
		for i := at; i < at+plane; i++ {
			s += sum[i]
			q += squares[i]
		}
		mean := float64(s) / n
		std := math.Sqrt(max(0, float64(q)/n-mean*mean))
		if std == 0 {
			std = 255 // a channel that never changes is only shifted
		}
		for i := at; i < at+plane; i++ {
			z.Mean[i], z.Std[i] = float32(mean/255), float32(std/255)
		}
	}
	return z, nil
}

// allAlike looks at a few examples, spread over all: how many they are where all are the
// same, else 0.
func allAlike(src data.Source) (int, error) {
	few, err := data.Subset(src, data.Evenly(64, src.Len()))
	if err != nil {
		return 0, err
	}
	var first uint64
	for b, err := range data.Sequential(few, 16) {
		if err != nil {
			return 0, err
		}
		for i := range b.N() {
			if sum := b.Sum(i); b.Step == 0 && i == 0 {
				first = sum
			} else if sum != first {
				return 0, nil
			}
		}
	}
	return few.Len(), nil
}
