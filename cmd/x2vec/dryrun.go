package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/trainers"
	"x2vec/trainers/job"
)

// dryRun builds the model, runs a few batches and says what a run would take.
func dryRun(c *cobra.Command, f *job.File) error {
	config, err := f.Assemble(c.Context(), nil, func(text string) { logrus.Warn(text) })
	if err != nil {
		return err
	}
	t, err := trainers.New(config)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	spec := config.Task.Spec
	fmt.Fprintf(w, "data       %s: %s examples of %v for training", spec.Name, humanize.Comma(int64(config.Train.Len())), spec.Shape)
	if config.Test != nil {
		fmt.Fprintf(w, ", %s for testing", humanize.Comma(int64(config.Test.Len())))
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "model      %s trained values in %d arrays, a code of %d\n", humanize.Comma(int64(t.Params.Count())),
		len(t.Params.Trained()), config.Task.Encoder.CodeSize(config.Task.Seen()))
	for _, p := range t.Params.All() {
		fmt.Fprintf(w, "             %-28s %v\n", p.Path, p.Shape)
	}
	fmt.Fprintf(w, "memory     %s of weights, gradients and optimizer state, %s of activations\n",
		humanize.Bytes(uint64(t.StateBytes())), humanize.Bytes(uint64(t.ProgramBytes())))
	if t.Steps == 0 || t.Done() {
		return nil
	}
	best := time.Duration(math.MaxInt64)
	var loss float64
	const steps = 5 // the first ones allocate
	t.Steps = min(t.Steps, steps)
	last := time.Time{}
	err = t.Run(context.Background(), hookFunc(func(t *trainers.Trainer) {
		now := time.Now()
		if !last.IsZero() {
			best = min(best, now.Sub(last))
		} else {
			loss = t.Last.Loss
		}
		last = now
	}))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "step       loss %.6f before the first", loss)
	if best < math.MaxInt64 {
		whole := best * time.Duration(config.Steps)
		fmt.Fprintf(w, "; %v a step of %d examples, about %v for all %s steps (matrix products %s)", best.Round(10*time.Microsecond),
			config.Task.Batch*max(1, config.Optimizer.Accumulate), whole.Round(time.Second), humanize.Comma(int64(config.Steps)), blas.Name())
	}
	fmt.Fprintln(w)
	return nil
}

// hookFunc is a hook that cannot fail.
type hookFunc func(t *trainers.Trainer)

// After implements trainers.Hook.
func (f hookFunc) After(_ context.Context, t *trainers.Trainer) error {
	f(t)
	return nil
}
