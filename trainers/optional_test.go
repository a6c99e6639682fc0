package trainers_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	G "gorgonia.org/gorgonia"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/runlog"
)

// watcher is an autoencoder that counts, in its model, what it is called for.
type watcher struct {
	objectives.Autoencoder
}

func (o *watcher) Build(t objectives.Task, s *graph.Scope) *G.Node {
	for _, name := range []string{"started", "batches", "examples"} {
		s.In("watcher").Buffer(name, graph.Constant(0), 1)
	}
	return s.Tap("metric/error", o.Autoencoder.Build(t, s))
}

func (o *watcher) count(ps *graph.Params, name string, n int) {
	ps.Get("watcher/" + name).Data[0] += float32(n)
}

func (o *watcher) Start(ctx context.Context, _ objectives.Task, src data.Source, ps *graph.Params) error {
	o.count(ps, "started", 1)
	o.count(ps, "examples", src.Len())
	return ctx.Err()
}

func (o *watcher) AfterStep(_ objectives.Task, p *graph.Program, ps *graph.Params) error {
	if p.Loss() > 0 {
		o.count(ps, "batches", 1)
	}
	return nil
}

func (o *watcher) NewSurvey(objectives.Task) objectives.Survey { return &seen{} }

type seen struct{ n, batches int }

func (s *seen) Add(_ *graph.Program, b *data.Batch, _ *graph.Feed) error {
	s.n += b.N()
	s.batches++
	return nil
}

func (s *seen) Figures() []objectives.Figure {
	return []objectives.Figure{{Name: "examples", Value: float64(s.n)}, {Name: "batches", Value: float64(s.batches)}}
}

// A method is called once before the first step and after every batch, also where
// training goes on from a snapshot; its figures cover every test example; what it
// measures is in the log.
func TestOptionalParts(t *testing.T) {
	ctx := context.Background()
	change := func(c *trainers.Config) {
		c.Objective, c.Steps, c.LogEvery, c.Optimizer.Accumulate = &watcher{objectives.Autoencoder{Loss: "l2"}}, 9, 3, 2
	}
	stop := errors.New("stop")
	first := tiny(t, change)
	err := first.Run(ctx, call(func(t *trainers.Trainer) error {
		if t.Step == 4 {
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
	tr := tiny(t, change)
	if err := tr.Restore(snap); err != nil {
		t.Fatal(err)
	}
	if names := tr.MetricNames(); !slices.Equal(names, []string{"error"}) {
		t.Fatalf("metrics %v", names)
	}
	run, err := trainers.NewRun(tr, t.TempDir(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Do(ctx); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float32{"started": 1, "examples": 70, "batches": 18} {
		if got := tr.Params.Get("watcher/" + name).Data[0]; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	e, err := tr.Evaluate(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Figures) != 4 || e.Figures[2].Value != 21 || e.Figures[3].Value != 3 {
		t.Errorf("figures %+v", e.Figures)
	}
	file, err := os.Open(filepath.Join(run.Folder, trainers.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := runlog.NewReader(file)
	lines := 0
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m := line.Metrics
		if m == nil {
			continue
		}
		lines++
		if v, ok := m.Extra["error"]; !ok || math.Abs(v-m.Loss) > 1e-6*m.Loss {
			t.Errorf("step %d: error %v beside the loss %v", m.Step, m.Extra, m.Loss)
		}
	}
	if lines != 2 { // steps 6 and 9
		t.Errorf("%d lines of metrics", lines)
	}
}

// A VQ-VAE that is stopped and goes on ends in the same bytes, its codebook, the
// averages behind it and its measure of the data included, on any number of threads.
func TestVQVAEIsRepeatable(t *testing.T) {
	defer par.SetThreads(0)
	for name, o := range map[string]objectives.VQVAE{
		"ema":  {Codebook: "ema", KMeans: 2, Revive: 0.5},
		"loss": {Codebook: "loss", Revive: 0.5},
	} {
		o.Codes, o.Beta, o.Decay, o.Epsilon, o.Spread = 9, 0.25, 0.9, 1e-5, 0.1
		change := func(c *trainers.Config) {
			c.Objective, c.Steps, c.Optimizer.Accumulate = &o, 12, 2
			c.Task.Encoder = &nets.Residual{Hidden: 8, Halvings: 1, Blocks: 1, BlockHidden: 4, Dim: 5, Activation: "relu"}
		}
		par.SetThreads(1)
		straight := tiny(t, change)
		if err := straight.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		par.SetThreads(3)
		stop := errors.New("stop")
		first := tiny(t, change)
		if err := first.Run(context.Background(), call(func(t *trainers.Trainer) error {
			if t.Step == 5 {
				return stop
			}
			return nil
		})); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if !slices.Equal(weights(goneOn(t, first, change)), weights(straight)) {
			t.Errorf("%s: stopped and resumed, other weights", name)
		}
		if n := straight.Params.Get("codebook/batches").Data[0]; n != 24 {
			t.Errorf("%s: the codebook has seen %v batches, want 24", name, n)
		}
	}
}

// hesitant is a source that waits before one of its reads, counted from 1, and in the
// middle of the wait does something.
type hesitant struct {
	data.Source
	reads  atomic.Int64
	before int64
	do     func()
}

func (h *hesitant) Read(i int, into *data.Example) error {
	if h.reads.Add(1) == h.before {
		time.Sleep(50 * time.Millisecond)
		h.do()
		time.Sleep(50 * time.Millisecond)
	}
	return h.Source.Read(i, into)
}

// A step that has begun is ended before a run stops: what moves with every batch, as a
// codebook does, would else have moved for the part of a step.
func TestStoppedWithinAStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	change := func(c *trainers.Config) {
		c.Objective = &objectives.VQVAE{Codebook: "ema", Codes: 9, Beta: 0.25, Decay: 0.9, Epsilon: 1e-5, Spread: 0.1}
		c.Steps, c.Optimizer.Accumulate, c.Workers, c.Prefetch = 8, 2, 1, 1
		c.Task.Encoder = &nets.Residual{Hidden: 8, Halvings: 1, Blocks: 1, BlockHidden: 4, Dim: 5, Activation: "relu"}
	}
	straight := tiny(t, change)
	if err := straight.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := tiny(t, func(c *trainers.Config) { // all are read once; then the second batch of the fourth step does not come
		change(c)
		c.Train = &hesitant{Source: c.Train, before: int64(c.Train.Len() + 7*c.Task.Batch + 1), do: cancel}
	})
	if err := first.Run(ctx); !errors.Is(err, context.Canceled) || first.Step != 4 {
		t.Fatalf("stopped at step %d: %v", first.Step, err)
	}
	if !slices.Equal(weights(goneOn(t, first, change)), weights(straight)) {
		t.Error("stopped within a step and resumed, other weights")
	}
}

// An evaluation that was stopped is made when the run goes on, and the checkpoint of its
// step knows what it found: it may be the best.
func TestStoppedEvaluation(t *testing.T) {
	folder := t.TempDir()
	change := func(c *trainers.Config) { c.Steps, c.EvalEvery, c.Keep = 6, 2, 9 }
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		t.Fatal(err)
	}
	found := func(step int) bool {
		snap, err := store.Load(step)
		if err != nil {
			t.Fatal(err)
		}
		_, ok := snap.State.Metrics[trainers.TestLoss]
		return ok
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tr := tiny(t, func(c *trainers.Config) { // the evaluation after the second step
		change(c)
		c.Test = &hesitant{Source: c.Test, before: 5, do: cancel}
	})
	run, err := trainers.NewRun(tr, folder, quiet())
	if err != nil {
		t.Fatal(err)
	}
	var stopped *trainers.Interrupted
	if err := run.Do(ctx); !errors.As(err, &stopped) || stopped.Step != 2 || found(2) {
		t.Fatalf("not stopped in the evaluation after step 2: %v", err)
	}
	snap, err := store.Load(2)
	if err != nil {
		t.Fatal(err)
	}
	if run, err = trainers.NewRun(tiny(t, change), folder, quiet()); err != nil {
		t.Fatal(err)
	}
	if err := run.Resume(snap); err != nil {
		t.Fatal(err)
	}
	if err := run.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !found(2) {
		t.Error("the checkpoint does not know what was found after the run went on")
	}
}

// A start that is stopped from outside leaves nothing behind, and says so.
func TestStoppedStart(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	tr := tiny(t, func(c *trainers.Config) { c.Objective = &watcher{objectives.Autoencoder{Loss: "l2"}} })
	run, err := trainers.NewRun(tr, t.TempDir(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	err = run.Do(ctx)
	var stopped *trainers.Interrupted
	if !errors.As(err, &stopped) || !strings.Contains(err.Error(), "stopped by enough before the first step; there is nothing to go on from yet") {
		t.Errorf("got %v", err)
	}
}
