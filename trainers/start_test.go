package trainers_test

import (
	"context"
	"testing"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// reader is an autoencoder that reads all examples before the first step.
type reader struct{ objectives.Autoencoder }

func (o *reader) Start(ctx context.Context, _ objectives.Task, src data.Source, _ *graph.Params) error {
	for _, err := range data.Sequential(src, 16) {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// How far a method is that looks at the examples is told before the first step, and
// not of a run that goes on.
func TestStartProgress(t *testing.T) {
	tr := tiny(t, func(c *trainers.Config) {
		c.Objective, c.Steps, c.LogEvery = &reader{objectives.Autoencoder{Loss: "l2"}}, 2, 1
	})
	run, err := trainers.NewRun(tr, t.TempDir(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	read, steps := 0, 0
	run.Progress = func(p trainers.Progress) {
		switch {
		case p.Read > 0 && (p.Read <= read || p.Examples != tr.Train.Len() || steps > 0):
			t.Errorf("after %d examples and %d steps: %+v", read, steps, p)
		case p.Read > 0:
			read = p.Read
		default:
			steps = p.Step
		}
	}
	if err := run.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if read != tr.Train.Len() || steps != 2 {
		t.Errorf("told of %d of %d examples and %d steps", read, tr.Train.Len(), steps)
	}
}
