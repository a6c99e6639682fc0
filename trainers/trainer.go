// Package trainers holds the one loop in which every method is trained, what
// happens around a step (log, evaluation, checkpoints), and the run's folder.
//
// In the order of a step: Loader.Next → Program.Run (forward, backward) → sum and
// clip the gradients → Optimizer.Step → AfterStep of the method → average of the
// weights → hooks: log, evaluation with early stopping, checkpoint.
package trainers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gorgonia.org/gorgonia"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
	"x2vec/trainers/optim"
)

// Config is all that decides what a training run computes.
type Config struct {
	Task      objectives.Task
	Objective objectives.Objective
	Train     data.Source
	Test      data.Source // nil where there are no test examples

	Finetune *Finetune // nil: from the weights that the seed draws, all alike

	Optimizer optim.Options
	Schedule  optim.Schedule // Base and Total are set by New
	Steps     int            // of the optimizer, in the whole run; 0 for a Fitter

	Workers, Prefetch int // of the loader; they change no result

	// Hogwild has threads take batches in turn without waiting for each other. It is
	// faster, and no two runs are alike; HogwildFault says where it cannot be.
	Hogwild bool

	LogEvery        int     // steps between two lines of metrics; ≥ 1
	EvalEvery       int     // steps between two evaluations; 0 = only after training
	EvalCodes       bool    // take kNN and probe in these, too
	EarlyStop       int     // evaluations without a lower test loss before training ends; 0 = never
	MinDelta        float64 // by which the test loss must fall to count as lower
	CheckpointEvery int     // steps between two checkpoints; 0 = only at the end
	Keep            int     // checkpoints, of the newest
	Milestones      int     // checkpoints at multiples are kept for good; 0 = none
}

// A Trainer is a model with its optimizer, at a step of its training.
type Trainer struct {
	Config
	Params *graph.Params

	// Step is the number of steps taken. The step that runs is said the same way
	// as long as it is not over.
	Step int
	// Started is told how many of the training examples a method has looked at before
	// the first step, one call at a time; nil = nobody. With several passes, read goes
	// on counting.
	Started func(read, of int)
	// Last is what is known of the last step.
	Last StepInfo
	// Ended says why training is over before its last step; empty otherwise.
	Ended string
	// Best is the lowest test loss so far, nil before the first evaluation.
	Best *checkpoints.Best

	program   *graph.Program
	frozen    *graph.Program // of the steps before Finetune.Unfreeze, where that is set
	metrics   []string       // the parts of the loss that have a curve, by tap
	weights   []optim.Param
	gradients *optim.Gradients
	optimizer optim.Optimizer
	average   *optim.EMA // nil where none is asked for

	torn      bool // a step was begun and not ended: what is here is the state of no step
	stopping  *checkpoints.Stopping
	evaluated int     // step of the last evaluation, -1 before it
	testLoss  float64 // that it found
	fitted    bool
	earlier   time.Duration // spent training before this process began
	began     time.Time
	starting  time.Duration   // spent before the first step
	testers   map[int]*tester // evaluation programs by batch
}

// StepInfo describes one step.
type StepInfo struct {
	Loss float64       // mean over its batches
	LR   float64       // learning rate
	Norm float64       // of the gradient, before clipping; NaN where it was not taken
	Wait time.Duration // for data
	// Metrics are the method's own numbers, means over the batches of the step, in
	// the order of Trainer.MetricNames.
	Metrics []float64
}

// metricTaps is where objectives tap numbers worth a curve.
const metricTaps = "metric/"

// MetricNames are the names of the method's own numbers.
func (t *Trainer) MetricNames() []string {
	var names []string
	for _, tap := range t.metrics {
		names = append(names, strings.TrimPrefix(tap, metricTaps))
	}
	return names
}

// Samples is the number of examples seen.
func (t *Trainer) Samples() int64 { return int64(t.Step) * t.samplesPerStep() }

// samplesPerStep is the number of examples of a step; that of a Fitter is a pass
// over all of them.
func (t *Trainer) samplesPerStep() int64 {
	if _, fits := t.Objective.(objectives.Fitter); fits {
		return int64(t.Train.Len())
	}
	return int64(t.Task.Batch) * int64(t.batches())
}

// batches is the number of batches a step.
func (t *Trainer) batches() int { return max(1, t.Optimizer.Accumulate) }

// StepsPerEpoch is the number of steps in which the training data are seen once.
func (t *Trainer) StepsPerEpoch() float64 { return stepsPerEpoch(t.Config) }

func stepsPerEpoch(c Config) float64 {
	if _, fits := c.Objective.(objectives.Fitter); fits {
		return 1
	}
	return float64(c.Train.Len()/c.Task.Batch) / float64(max(1, c.Optimizer.Accumulate))
}

// Done reports whether training is over.
func (t *Trainer) Done() bool {
	if _, fits := t.Objective.(objectives.Fitter); fits {
		return t.fitted
	}
	return t.Step >= t.Steps || t.Ended != ""
}

// Elapsed is the time spent in Run, that before a resume included.
func (t *Trainer) Elapsed() time.Duration {
	if t.began.IsZero() {
		return t.earlier
	}
	return t.earlier + time.Since(t.began)
}

// New builds the model and everything that moves it. It reads no example.
func New(c Config) (*Trainer, error) {
	if n := c.Train.Len(); n < c.Task.Batch {
		return nil, fmt.Errorf("train.batch: is %d, but %s (%s) has only %d examples", c.Task.Batch, c.Task.Spec.Name, c.Task.Spec.Split, n)
	}
	t := &Trainer{Config: c, Params: graph.NewParams(c.Task.Seed), evaluated: -1, testers: map[int]*tester{}}
	mode := graph.Train
	if c.Hogwild {
		if fault := HogwildFault(c.Objective, c.Optimizer); fault != "" {
			return nil, fmt.Errorf("train.mode: is hogwild, but %s", fault)
		}
		if c.Finetune != nil && c.Finetune.Unfreeze > 0 {
			return nil, errors.New("train.mode: is hogwild, but finetune.unfreeze changes what is trained on the way; want deterministic")
		}
	}
	_, fits := c.Objective.(objectives.Fitter)
	if fits {
		mode, t.Steps = graph.Eval, 0
	}
	var err error
	if err = t.finetune(mode); err != nil {
		return nil, err
	}
	if t.program, err = graph.Compile(t.Params, mode, t.build(c.Task)); err != nil || fits {
		return t, err
	}
	for _, tap := range t.program.Taps() {
		if strings.HasPrefix(tap, metricTaps) {
			t.metrics = append(t.metrics, tap)
		}
	}
	t.Schedule.Base, t.Schedule.Total = c.Optimizer.LR, c.Steps
	if err := t.Schedule.Validate(); err != nil {
		return nil, err
	}
	for _, g := range t.program.Gradients() {
		p := g.Param
		w := optim.Param{Path: p.Path, Shape: p.Shape, W: p.Data, Decay: !p.Gain() || c.Optimizer.DecayGains}
		if c.Finetune != nil {
			w.Factor = c.Finetune.rate(c.Task.Encoder, p.Path)
		}
		t.weights = append(t.weights, w)
	}
	if t.gradients, err = optim.NewGradients(t.weights, t.batches()); err != nil {
		return nil, err
	}
	if t.optimizer, err = optim.New(c.Optimizer, t.weights); err != nil {
		return nil, err
	}
	if c.Optimizer.EMA > 0 {
		t.average, err = optim.NewEMA(c.Optimizer.EMA, c.Optimizer.EMAWarmup, t.weights)
	}
	return t, err
}

// finetune gives the model its weights, and makes the program of the steps in which a
// part of it is frozen that is trained later.
func (t *Trainer) finetune(mode graph.Mode) error {
	f := t.Finetune
	if f == nil {
		return nil
	}
	// The parameters are made by the first program.
	p, err := graph.Compile(t.Params, graph.Eval, t.build(t.Task))
	if err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	if err := f.prepare(t.Params, t.Task.Encoder, t.Task.Seen()); err != nil {
		return err
	}
	if len(f.Freeze) == 0 || f.Unfreeze == 0 {
		return nil
	}
	if t.frozen, err = graph.Compile(t.Params, mode, t.build(t.Task)); err != nil {
		return err
	}
	for _, p := range t.Params.All() {
		p.Frozen = false
	}
	return nil
}

// current is the program of the next step.
func (t *Trainer) current() *graph.Program {
	if t.frozen != nil && t.Step < t.Finetune.Unfreeze {
		return t.frozen
	}
	return t.program
}

func (t *Trainer) build(task objectives.Task) func(s *graph.Scope) *gorgonia.Node {
	return func(s *graph.Scope) *gorgonia.Node { return t.Objective.Build(task, s) }
}

// A Hook looks at a run after every step; what is due is its own affair. It must
// not hold the loop up when nothing is.
type Hook interface {
	After(ctx context.Context, t *Trainer) error
}

// Run trains until the last step, until a hook ends it, or until ctx is done; then
// the error is the cause of ctx, and the trainer stands after a whole step.
func (t *Trainer) Run(ctx context.Context, hooks ...Hook) error {
	t.began = time.Now()
	defer func() { t.earlier, t.began = t.Elapsed(), time.Time{} }()
	if f, ok := t.Objective.(objectives.Fitter); ok {
		return t.fit(ctx, f, hooks)
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	prefetch := t.Prefetch
	if t.Hogwild { // each of its threads holds a batch
		prefetch = max(2, prefetch) + par.Threads()
	}
	loader, err := data.NewLoader(t.Train, data.LoaderOptions{
		Batch: t.Task.Batch, Seed: t.Task.Seed, Shuffle: true, Workers: t.Workers, Prefetch: prefetch,
		Start: t.Step * t.batches(), Steps: t.Steps * t.batches(),
	}, t.program.NewFeed, func(b *data.Batch, into *graph.Feed) error { return t.Objective.Prepare(t.Task, b, into) })
	if err != nil {
		return err
	}
	defer loader.Close()
	if t.Hogwild {
		return t.hogwild(ctx, loader, hooks)
	}
	for !t.Done() && ctx.Err() == nil {
		if err := t.update(ctx, loader); err != nil {
			return err
		}
		t.Step++
		if err := t.after(ctx, hooks); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// update makes one step of the optimizer from as many batches as it takes.
func (t *Trainer) update(ctx context.Context, loader *data.Loader[*graph.Feed]) error {
	t.Last = StepInfo{LR: t.Schedule.LR(t.Step), Norm: math.NaN(), Metrics: t.Last.Metrics[:0]}
	for range t.metrics {
		t.Last.Metrics = append(t.Last.Metrics, 0)
	}
	after, _ := t.Objective.(objectives.AfterStep)
	p := t.current()
	var sum []optim.Param
	// Running statistics and codebooks move with every batch, so that a step which has
	// begun is not left in the middle.
	for full := false; !full; ctx = context.WithoutCancel(ctx) {
		batch, err := loader.Next(ctx)
		if err != nil {
			return err // says the step itself
		}
		t.torn = true
		if err := p.Run(batch.Value, batch.Batch.Step); err != nil {
			return fmt.Errorf("step %d: %w", t.Step, err)
		}
		loss := float64(p.Loss())
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return t.diverged("the loss", loss, batch.Batch)
		}
		t.Last.Loss += loss / float64(t.batches())
		addMetrics(t.Last.Metrics, p, t.metrics, 1/float64(t.batches()))
		t.Last.Wait += batch.Wait
		batch.Release()
		gather(t.weights, p)
		if sum, full = t.gradients.Add(t.weights); !full && after != nil {
			if err := after.AfterStep(t.Task, p, t.Params); err != nil {
				return fmt.Errorf("step %d: %w", t.Step, err)
			}
		}
	}
	if clip := t.Optimizer.ClipNorm; clip > 0 || (t.Step+1)%t.LogEvery == 0 {
		if t.Last.Norm = t.gradients.Norm(); math.IsNaN(t.Last.Norm) || math.IsInf(t.Last.Norm, 0) {
			return t.diverged("the norm of the gradient", t.Last.Norm, nil)
		}
	}
	t.optimizer.Step(sum, float32(t.Last.LR), t.gradients.Scale(t.Last.Norm, t.Optimizer.ClipNorm))
	if after != nil {
		if err := after.AfterStep(t.Task, p, t.Params); err != nil {
			return fmt.Errorf("step %d: %w", t.Step, err)
		}
	}
	if t.average != nil {
		t.average.Update(t.weights)
	}
	t.torn = false
	return nil
}

// gather points weights at their gradients in the program that has just run.
func gather(weights []optim.Param, p *graph.Program) {
	found := p.Gradients()
	for i := range weights {
		w := &weights[i]
		w.G, w.Rows = nil, nil // frozen
		if len(found) > 0 && found[0].Param.Path == w.Path {
			w.G, w.Rows = found[0].Data, found[0].Rows
			found = found[1:]
		}
	}
}

// addMetrics adds the numbers of the last run, weighted, to sums.
func addMetrics(sums []float64, p *graph.Program, taps []string, weight float64) {
	for i, tap := range taps {
		if v, ok := p.Tap(tap); ok {
			sums[i] += weight * float64(v.Data[0])
		}
	}
}

func (t *Trainer) after(ctx context.Context, hooks []Hook) error {
	for _, h := range hooks {
		if err := h.After(ctx, t); err != nil {
			return fmt.Errorf("after step %d: %w", t.Step, err)
		}
	}
	return nil
}

// fit solves a method that is not trained by gradient steps, from its beginning
// where it cannot go on in the middle.
func (t *Trainer) fit(ctx context.Context, f objectives.Fitter, hooks []Hook) error {
	if _, resumes := f.(objectives.Resumer); !resumes {
		t.Step = 0
	}
	t.fitted = false
	err := f.Fit(ctx, t.Task, t.Train, t.Params, func(step int, loss float64) error {
		t.Step, t.Last = step, StepInfo{Loss: loss, Norm: math.NaN()}
		return t.after(ctx, hooks)
	})
	if cause := context.Cause(ctx); cause != nil && (err == nil || errors.Is(err, ctx.Err())) {
		return cause
	}
	t.fitted = err == nil
	return err
}

// Diverged says that a number stopped being finite. Index are the
// examples of the batch, where it was one.
type Diverged struct {
	Step  int
	What  string
	Value float64
	LR    float64
	Index []int
}

func (t *Trainer) diverged(what string, v float64, b *data.Batch) error {
	e := &Diverged{Step: t.Step, What: what, Value: v, LR: t.Last.LR}
	if b != nil {
		e.Index = append(e.Index, b.Index...)
	}
	return e
}

func (e *Diverged) Error() string {
	text := fmt.Sprintf("step %d: %s is %v at learning rate %g", e.Step, e.What, e.Value, e.LR)
	if len(e.Index) > 0 {
		const shown = 8
		text += fmt.Sprintf("; the batch's examples are %v", e.Index[:min(shown, len(e.Index))])
		if n := len(e.Index) - shown; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
	}
	return text
}

// StateBytes is the memory of the weights, their gradients, and what the optimizer
// keeps of them.
func (t *Trainer) StateBytes() int64 {
	var n int64
	for _, p := range t.Params.All() {
		n += 4 * int64(len(p.Data))
		if p.Trained() {
			n += 4 * int64(len(p.Data))
		}
	}
	if t.optimizer != nil {
		for _, a := range t.optimizer.State() {
			n += 4 * int64(a.Len())
		}
	}
	return n
}

// ProgramBytes is the memory of the activations and their gradients.
func (t *Trainer) ProgramBytes() int64 { return t.program.Bytes() }
