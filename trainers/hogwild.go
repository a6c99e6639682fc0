package trainers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
	"x2vec/trainers/optim"
)

// Hogwild is training in which goroutines, one a thread, take the batches in turn and
// move the weights without waiting for each other (Recht et al. 2011,
// arXiv:1106.5730): sound where a batch touches few of the weights, as those of words
// do. No two runs give the same bytes.

// HogwildFault says why a run cannot be trained so; empty where it can.
func HogwildFault(o objectives.Objective, opt optim.Options) string {
	_, fits := o.(objectives.Fitter)
	_, after := o.(objectives.AfterStep)
	switch {
	case fits || after:
		return fmt.Sprintf("%s is not moved by gradients alone", objectives.NameOf(o))
	case opt.Type != "sgd" || opt.Momentum != 0:
		return `the optimizer must keep nothing between steps: want optimizer.type = "sgd" with momentum 0`
	case opt.Accumulate > 1:
		return fmt.Sprintf("optimizer.accumulate is %d, want 1", opt.Accumulate)
	case opt.EMA > 0:
		return fmt.Sprintf("optimizer.ema is %g, want 0: there is no step to average after", opt.EMA)
	}
	return ""
}

// A worker makes steps of its own on the parameters that all share.
type worker struct {
	program   *graph.Program
	weights   []optim.Param
	gradients *optim.Gradients
	optimizer optim.Optimizer
}

func (t *Trainer) newWorker() (*worker, error) {
	w := &worker{weights: append([]optim.Param(nil), t.weights...)}
	var err error
	if w.program, err = graph.Compile(t.Params, graph.Train, t.build(t.Task)); err != nil {
		return nil, err
	}
	if w.gradients, err = optim.NewGradients(w.weights, 1); err != nil {
		return nil, err
	}
	w.optimizer, err = optim.New(t.Optimizer, w.weights)
	return w, err
}

// hogwild is the loop of Run with workers. Between two steps at which something is due
// the hooks are called late: after all of the steps, for each of them.
func (t *Trainer) hogwild(ctx context.Context, loader *data.Loader[*graph.Feed], hooks []Hook) error {
	var workers []*worker
	for range par.Threads() {
		w, err := t.newWorker()
		if err != nil {
			return err
		}
		defer w.program.Close()
		workers = append(workers, w)
	}
	for !t.Done() && ctx.Err() == nil {
		done, err := t.round(ctx, loader, workers)
		for _, info := range done {
			t.Last = info
			t.Step++
			if err := t.after(ctx, hooks); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// due is the next step at which a hook has something to do.
func (t *Trainer) due() int {
	next := t.Steps
	for _, every := range []int{t.LogEvery, t.EvalEvery, t.CheckpointEvery, t.Milestones} {
		if every > 0 {
			next = min(next, (t.Step/every+1)*every)
		}
	}
	return next
}

// round makes the steps until something is due, or fewer where it fails or ctx is
// done; they are those from t.Step on, without a gap, and before one that failed.
func (t *Trainer) round(ctx context.Context, loader *data.Loader[*graph.Feed], workers []*worker) ([]StepInfo, error) {
	// Each worker is a thread; loops within its operations would only get in the way.
	threads := par.Threads()
	par.SetThreads(1)
	defer par.SetThreads(threads)

	infos := make([]StepInfo, t.due()-t.Step)
	var mu sync.Mutex // of loader and all below
	taken, whole := 0, len(infos)
	var failed error
	take := func() (*data.Ready[*graph.Feed], int) {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil || taken == len(infos) || ctx.Err() != nil {
			return nil, 0
		}
		batch, err := loader.Next(ctx)
		if err != nil {
			failed = err
			return nil, 0
		}
		taken++
		return batch, taken - 1
	}
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for {
				batch, at := take()
				if batch == nil {
					return
				}
				var err error
				infos[at], err = t.step(w, batch, t.Step+at)
				batch.Release()
				if err != nil {
					mu.Lock()
					whole = min(whole, at)
					if failed == nil {
						failed = err
					}
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil && (errors.Is(failed, context.Cause(ctx)) || errors.Is(failed, ctx.Err())) {
		failed = nil // the caller says it
	}
	return infos[:min(taken, whole)], failed
}

// step makes one of a worker's steps.
func (t *Trainer) step(w *worker, batch *data.Ready[*graph.Feed], step int) (info StepInfo, err error) {
	// A fault here must not take the process down from a goroutine that nobody recovers.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("step %d: internal fault: %v", step, p)
		}
	}()
	info = StepInfo{LR: t.Schedule.LR(step), Norm: math.NaN(), Wait: batch.Wait, Metrics: make([]float64, len(t.metrics))}
	if err := w.program.Run(batch.Value, batch.Batch.Step); err != nil {
		return info, fmt.Errorf("step %d: %w", step, err)
	}
	if info.Loss = float64(w.program.Loss()); math.IsNaN(info.Loss) || math.IsInf(info.Loss, 0) {
		return info, &Diverged{Step: step, What: "the loss", Value: info.Loss, LR: info.LR, Index: append([]int(nil), batch.Batch.Index...)}
	}
	addMetrics(info.Metrics, w.program, t.metrics, 1)
	gather(w.weights, w.program)
	sum, _ := w.gradients.Add(w.weights)
	if clip := t.Optimizer.ClipNorm; clip > 0 || (step+1)%t.LogEvery == 0 {
		if info.Norm = w.gradients.Norm(); math.IsNaN(info.Norm) || math.IsInf(info.Norm, 0) {
			return info, &Diverged{Step: step, What: "the norm of the gradient", Value: info.Norm, LR: info.LR}
		}
	}
	w.optimizer.Step(sum, float32(info.LR), w.gradients.Scale(info.Norm, t.Optimizer.ClipNorm))
	return info, nil
}
