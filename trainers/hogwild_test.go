package trainers_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/data/text"
	"x2vec/graph/nets"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/racetest"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// wild is a run that learns word vectors of a text of 200 words, in which each is
// followed by one of two others.
func wild(t *testing.T, change func(c *trainers.Config)) trainers.Config {
	t.Helper()
	r := draw.New(1)
	var b strings.Builder
	for w, n := 0, 0; n < 20_000; n++ {
		fmt.Fprintf(&b, "w%c%c ", 'a'+w/26, 'a'+w%26)
		w = (3*w + r.IntN(2)) % 200
	}
	path := filepath.Join(t.TempDir(), "prose")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := text.Read(context.Background(), text.Options{Split: "words", MinCount: 1, Length: 50}, path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := optim.Default("sgd")
	if err != nil {
		t.Fatal(err)
	}
	o.LR = 0.01
	words, err := objectives.New("skipgram")
	if err != nil {
		t.Fatal(err)
	}
	c := trainers.Config{
		Task:      objectives.Task{Encoder: &nets.Embedding{Dim: 8}, Spec: src.Spec(), Batch: 2, Seed: 3},
		Objective: words, Train: src, Hogwild: true,
		Optimizer: o, Schedule: optim.Schedule{Type: "linear"}, Steps: 1030, LogEvery: 100, CheckpointEvery: 250,
	}
	if change != nil {
		change(&c)
	}
	return c
}

// Threads that do not wait for each other learn as much as one does, make every step
// once, and call the hooks for each of them in their order.
func TestHogwild(t *testing.T) {
	if racetest.On {
		t.Skip("hogwild is a race by intention")
	}
	final := map[bool]float64{}
	for _, hogwild := range []bool{false, true} {
		tr, err := trainers.New(wild(t, func(c *trainers.Config) { c.Hogwild = hogwild }))
		if err != nil {
			t.Fatal(err)
		}
		par.SetThreads(4)
		defer par.SetThreads(0)
		var steps []int
		var first, last, n float64
		err = tr.Run(context.Background(), call(func(tr *trainers.Trainer) error {
			steps = append(steps, tr.Step)
			if tr.Step <= 50 {
				first += tr.Last.Loss / 50
			}
			if tr.Step > 930 {
				last += tr.Last.Loss
				n++
			}
			if tr.Last.LR != tr.Schedule.LR(tr.Step-1) {
				t.Errorf("step %d has the rate %g, want %g", tr.Step, tr.Last.LR, tr.Schedule.LR(tr.Step-1))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if final[hogwild] = last / n; final[hogwild] > 0.9*first {
			t.Errorf("hogwild %t: the loss is %g in the beginning and %g in the end", hogwild, first, final[hogwild])
		}
		want := make([]int, 1030)
		for i := range want {
			want[i] = i + 1
		}
		if !slices.Equal(steps, want) {
			t.Errorf("hogwild %t: hooks were called for %d steps, the last %d", hogwild, len(steps), steps[len(steps)-1])
		}
		if par.Threads() != 4 {
			t.Errorf("%d threads afterwards, want 4", par.Threads())
		}
	}
	if r := final[true] / final[false]; r < 0.9 || r > 1.1 {
		t.Errorf("the loss is %g, with threads that wait %g", final[true], final[false])
	}
}

// A run that is stopped stands after the steps that were made, and goes on there.
func TestHogwildStops(t *testing.T) {
	if racetest.On {
		t.Skip("hogwild is a race by intention")
	}
	c := wild(t, nil)
	tr, err := trainers.New(c)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	ctx, stop := context.WithCancelCause(context.Background())
	err = tr.Run(ctx, call(func(tr *trainers.Trainer) error {
		if tr.Step == 150 {
			stop(why)
		}
		return nil
	}))
	if !errors.Is(err, why) || tr.Step != 200 { // a round is done with before its hooks are called
		t.Fatalf("stopped at step %d by %v", tr.Step, err)
	}
	snap, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := trainers.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Restore(snap); err != nil {
		t.Fatal(err)
	}
	if err := again.Run(context.Background()); err != nil || again.Step != c.Steps {
		t.Errorf("goes on to step %d, %v", again.Step, err)
	}
}

func TestHogwildRefuses(t *testing.T) {
	for want, change := range map[string]func(c *trainers.Config){
		`want optimizer.type = "sgd" with momentum 0`: func(c *trainers.Config) { c.Optimizer.Momentum = 0.9 },
		"optimizer.accumulate is 2, want 1":           func(c *trainers.Config) { c.Optimizer.Accumulate = 2 },
		"optimizer.ema is 0.9, want 0":                func(c *trainers.Config) { c.Optimizer.EMA = 0.9 },
		"is not moved by gradients alone":             func(c *trainers.Config) { c.Objective = &objectives.KMeans{} },
		"finetune.unfreeze changes":                   func(c *trainers.Config) { c.Finetune = &trainers.Finetune{Unfreeze: 3, LayerDecay: 1} },
	} {
		if _, err := trainers.New(wild(t, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// What goes wrong in a step ends the run.
	tr, err := trainers.New(wild(t, func(c *trainers.Config) { c.Optimizer.LR = 1e30 }))
	if err != nil {
		t.Fatal(err)
	}
	if racetest.On {
		return
	}
	var diverged *trainers.Diverged
	if err := tr.Run(context.Background()); !errors.As(err, &diverged) {
		t.Errorf("a rate of 1e30: %v", err)
	}
}
