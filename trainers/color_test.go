package trainers_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"x2vec/data/readers"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
)

// A colorization that goes on from a snapshot ends in the same bytes: what was
// counted before the first step is kept with the model, and that the encoder sees
// lightness alone, for whatever it is used later.
func TestColorGoesOn(t *testing.T) {
	ctx := context.Background()
	change := func(c *trainers.Config) {
		o, err := objectives.New("color")
		if err != nil {
			t.Fatal(err)
		}
		o.(*objectives.Color).Decoder = []int{4}
		read := readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 3, Count: 50}
		if c.Train, err = readers.Open(read); err != nil {
			t.Fatal(err)
		}
		c.Objective, c.Test, c.Steps = o, c.Train, 6
		c.Task.Spec, c.Task.Pixels = c.Train.Spec(), objectives.Scaling{Lightness: true}
		c.Task.Encoder = &nets.Conv{Channels: []int{4, 6}, Kernel: 3, Stride: 2, Pad: 1, Activation: "relu", Norm: "batch"}
	}
	whole := tiny(t, change)
	if err := whole.Run(ctx); err != nil {
		t.Fatal(err)
	}
	first := tiny(t, change)
	stop := errors.New("stop")
	err := first.Run(ctx, call(func(t *trainers.Trainer) error {
		if t.Step == 3 {
			return stop
		}
		return nil
	}))
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	snap, err := first.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !trainers.ScalingOf(snap).Lightness {
		t.Error("the snapshot does not say that the encoder sees lightness")
	}
	second := tiny(t, change)
	if err := second.Restore(snap); err != nil {
		t.Fatal(err)
	}
	if err := second.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for i, p := range whole.Params.All() {
		if q := second.Params.All()[i]; q.Path != p.Path || !slices.Equal(q.Data, p.Data) {
			t.Errorf("%s differs from that of a run that was not stopped", p.Path)
		}
	}
	f, err := trainers.Features(ctx, second.Task, second.Params, second.Test, trainers.CodeTap)
	if err != nil {
		t.Fatal(err)
	}
	if f.D != 6 || f.N() != 50 {
		t.Errorf("%d codes of %d values, want 50 of 6", f.N(), f.D)
	}
	e, err := second.Evaluate(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range e.Figures {
		names[f.Name] = !math.IsNaN(float64(f.Value))
	}
	for _, want := range []string{"colour cross-entropy", "ab error", "PSNR", "colour AUC", "colour AUC, balanced"} {
		if !names[want] {
			t.Errorf("no figure %q among %v", want, names)
		}
	}
	if len(e.Pictures) != 1 {
		t.Errorf("%d pictures, want one", len(e.Pictures))
	}
}
