package trainers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/racetest"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// tiny is a run of a small autoencoder; change adapts it.
func tiny(t testing.TB, change func(c *trainers.Config)) *trainers.Trainer {
	t.Helper()
	spec := data.Spec{Name: "made", Split: "train", Shape: []int{1, 6, 6}, Classes: []string{"a", "b"}}
	o, err := optim.Default("adam")
	if err != nil {
		t.Fatal(err)
	}
	o.LR = 0.01
	c := trainers.Config{
		Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{16}, Code: 4, Activation: "relu"}, Spec: spec, Batch: 8, Seed: 3},
		Objective: &objectives.Autoencoder{Loss: "l2", Noise: 0.05},
		Train:     &pixels{spec: spec, n: 70}, Test: &pixels{spec: spec, n: 21},
		Optimizer: o, Schedule: optim.Schedule{Type: "cosine"}, Steps: 60, LogEvery: 10, Workers: 2,
	}
	if change != nil {
		change(&c)
	}
	tr, err := trainers.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// call is a hook.
type call func(t *trainers.Trainer) error

func (f call) After(_ context.Context, t *trainers.Trainer) error { return f(t) }

// quiet is a log that nobody reads.
func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// goneOn is a new run that goes on from where another one stands, to its end.
func goneOn(t *testing.T, from *trainers.Trainer, change func(c *trainers.Config)) *trainers.Trainer {
	t.Helper()
	snap, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := tiny(t, change)
	if err := again.Restore(snap); err != nil {
		t.Fatal(err)
	}
	if err := again.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return again
}

func weights(t *trainers.Trainer) []float32 {
	var w []float32
	for _, p := range t.Params.All() {
		w = append(w, p.Data...)
	}
	return w
}

// Training is the same whatever the number of threads and workers, and going on
// from a snapshot is the same as never having stopped.
func TestTrainingIsRepeatable(t *testing.T) {
	change := func(c *trainers.Config) {
		c.Optimizer.EMA, c.Optimizer.ClipNorm, c.Optimizer.Accumulate = 0.9, 0.1, 2
		c.Task.Encoder.(*nets.MLP).Dropout = 0.1
	}
	straight := tiny(t, change)
	if err := straight.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := weights(straight)
	if straight.Step != 60 || straight.Samples() != 60*16 || !straight.Done() {
		t.Errorf("step %d, %d samples, done %v", straight.Step, straight.Samples(), straight.Done())
	}
	defer par.SetThreads(0)
	for _, threads := range []int{1, 3} {
		par.SetThreads(threads)
		stop := errors.New("stop")
		first := tiny(t, func(c *trainers.Config) { change(c); c.Workers = threads })
		err := first.Run(context.Background(), call(func(t *trainers.Trainer) error {
			if t.Step == 23 {
				return stop
			}
			return nil
		}))
		if !errors.Is(err, stop) || !strings.HasPrefix(err.Error(), "after step 23: ") {
			t.Fatalf("got %v", err)
		}
		if !slices.Equal(weights(goneOn(t, first, change)), want) {
			t.Errorf("%d threads, stopped and resumed: other weights", threads)
		}
	}
}

// A context that is done ends training after a whole step, with its cause.
func TestTrainingStops(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	tr := tiny(t, nil)
	err := tr.Run(ctx, call(func(t *trainers.Trainer) error {
		if t.Step == 7 {
			cancel(cause)
		}
		return nil
	}))
	if !errors.Is(err, cause) || tr.Step != 7 {
		t.Errorf("got %v at step %d, want the cause at step 7", err, tr.Step)
	}
}

// A number that is no longer finite ends training and says where.
func TestDiverged(t *testing.T) {
	tr := tiny(t, func(c *trainers.Config) {
		c.Optimizer, _ = optim.Default("sgd")
		c.Optimizer.LR = 1e30
	})
	err := tr.Run(context.Background())
	var d *trainers.Diverged
	if !errors.As(err, &d) || d.Step < 1 || d.LR <= 0 {
		t.Fatalf("got %v", err)
	}
	if d.What == "the loss" && (len(d.Index) != 8 || !strings.Contains(err.Error(), "the batch's examples are [")) {
		t.Errorf("got %v with examples %v", err, d.Index)
	}
	tr = tiny(t, nil)
	tr.Params.All()[0].Data[0] = float32(math.NaN())
	if _, err := tr.Snapshot(); err == nil || !strings.Contains(err.Error(), "encoder/fc0/weight holds a value that is not a finite number") {
		t.Errorf("a snapshot of NaN: %v", err)
	}
}

func TestUnreadableExample(t *testing.T) {
	tr := tiny(t, func(c *trainers.Config) { c.Train.(*pixels).bad = 11 })
	err := tr.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "made (train): example 11: cannot be read") || !strings.HasPrefix(err.Error(), "step ") {
		t.Errorf("got %v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	snap, err := tiny(t, nil).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(c *trainers.Config)
		want   string
	}{
		"other widths":    {func(c *trainers.Config) { c.Task.Encoder.(*nets.MLP).Code = 5 }, "encoder/fc1/weight: is [4, 16] in the checkpoint, the model wants [5, 16]"},
		"other optimizer": {func(c *trainers.Config) { c.Optimizer, _ = optim.Default("sgd") }, "it is that of adam, this run's optimizer is sgd"},
	} {
		if err := tiny(t, tc.change).Restore(snap); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

// The evaluation covers every example once, the last batch being smaller, and
// leaves the model as it was.
func TestEvaluate(t *testing.T) {
	ctx := context.Background()
	tr := tiny(t, func(c *trainers.Config) { c.Optimizer.EMA = 0.5 })
	if err := tr.Run(ctx); err != nil {
		t.Fatal(err)
	}
	before := weights(tr)
	e, err := tr.Evaluate(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(weights(tr), before) {
		t.Error("the evaluation changed the weights")
	}
	var names []string
	for _, f := range e.Figures {
		names = append(names, f.Name)
	}
	if want := []string{"test loss", "kNN accuracy", "linear probe accuracy", "effective rank"}; !slices.Equal(names, want) {
		t.Errorf("got figures %v, want %v", names, want)
	}
	if len(e.Pictures) != 2 || e.Pictures[0].Name != "reconstructions" || e.Pictures[1].Name != "neighbours" {
		t.Errorf("got pictures %+v", e.Pictures)
	}
	// Batches of 8, 8 and 5 against a batch for each example.
	one := tiny(t, func(c *trainers.Config) { c.Task.Batch = 1 })
	for i, p := range tr.Params.All() {
		copy(one.Params.All()[i].Data, p.Data)
	}
	a, errA := tr.Loss(ctx, tr.Test, nil)
	b, errB := one.Loss(ctx, tr.Test, nil)
	if errA != nil || errB != nil || math.Abs(a-b) > 1e-6*a {
		t.Errorf("test loss %v (%v) in batches of 8, %v (%v) one by one", a, errA, b, errB)
	}
}

// Features do not depend on the size of the batches they are taken in.
func TestFeatures(t *testing.T) {
	ctx := context.Background()
	tr := tiny(t, nil)
	whole, err := trainers.Features(ctx, tr.Task, tr.Params, tr.Test, trainers.CodeTap)
	if err != nil {
		t.Fatal(err)
	}
	if whole.N() != 21 || whole.D != 4 || whole.Labels[1] != 1 {
		t.Fatalf("%d codes of %d, labels %v", whole.N(), whole.D, whole.Labels)
	}
	task := tr.Task
	for _, task.Batch = range []int{1, 5, 100} {
		f, err := trainers.Features(ctx, task, tr.Params, tr.Test, trainers.CodeTap)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range f.X {
			if math.Abs(float64(v-whole.X[i])) > 1e-6 {
				t.Fatalf("batch %d: value %d is %v, want %v", task.Batch, i, v, whole.X[i])
			}
		}
	}
	_, err = trainers.Features(ctx, tr.Task, tr.Params, tr.Test, "encoder/cod")
	if err == nil || !strings.Contains(err.Error(), `no activation "encoder/cod"; there are encoder/fc0, encoder/code`) {
		t.Errorf("got %v", err)
	}
}

// After the first steps a step allocates next to nothing and no garbage is
// collected.
func TestStepsAllocateLittle(t *testing.T) {
	if racetest.On {
		t.Skip("the race detector allocates")
	}
	tr := tiny(t, func(c *trainers.Config) {
		c.Steps = 1200
		c.Objective = &objectives.Autoencoder{Loss: "l2"}
		c.LogEvery = 1000
	})
	var before, after runtime.MemStats
	err := tr.Run(context.Background(), call(func(t *trainers.Trainer) error {
		switch t.Step {
		case 200:
			runtime.GC()
			runtime.ReadMemStats(&before)
		case 1200:
			runtime.ReadMemStats(&after)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if n := (after.TotalAlloc - before.TotalAlloc) / 1000; n > 32<<10 {
		t.Errorf("%d bytes a step", n)
	}
	if n := after.NumGC - before.NumGC; n > 8 {
		t.Errorf("%d collections in 1000 steps", n)
	}
}

// What the loop adds to a step is small beside the smallest step.
func BenchmarkStep(b *testing.B) {
	tr := tiny(b, func(c *trainers.Config) { c.Steps = b.N + 1 })
	b.ReportAllocs()
	began := time.Now()
	if err := tr.Run(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "steps/s")
}

// doubled has twice its loss for a number of its own.
type doubled struct{ objectives.Autoencoder }

func (o *doubled) Build(t objectives.Task, s *graph.Scope) *gorgonia.Node {
	loss := o.Autoencoder.Build(t, s)
	s.Tap("metric/double", s.Apply(&ops.WeightedSum{Weights: []float32{2}}, loss))
	return loss
}

// What an objective taps as a metric is known of every step, the mean over its
// batches, and of the test examples.
func TestMetrics(t *testing.T) {
	tr := tiny(t, func(c *trainers.Config) {
		c.Objective = &doubled{objectives.Autoencoder{Loss: "l2"}}
		c.Steps, c.Optimizer.Accumulate = 3, 2
	})
	if got := tr.MetricNames(); !slices.Equal(got, []string{"double"}) {
		t.Fatalf("metrics are %v", got)
	}
	err := tr.Run(context.Background(), call(func(t *trainers.Trainer) error {
		if m, want := t.Last.Metrics[0], 2*t.Last.Loss; math.Abs(m-want) > 1e-6*want {
			return fmt.Errorf("the metric is %g, want %g", m, want)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := tr.Evaluate(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	if f := e.Figures[1]; f.Name != "test double" || math.Abs(float64(f.Value)-2*e.TestLoss) > 1e-6 {
		t.Errorf("figure %+v beside a test loss of %g", f, e.TestLoss)
	}
}
