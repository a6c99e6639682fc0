package trainers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"x2vec/checkpoints"
	"x2vec/objectives"
	"x2vec/trainers/eval"
	"x2vec/trainers/report"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// The files of a run's folder.
const (
	RunFile        = runs.RunFile
	MetricsFile    = runs.MetricsFile
	LogFile        = "run.log"
	ReportFile     = "report.html"
	CheckpointsDir = runs.CheckpointsDir
	SamplesDir     = runs.SamplesDir
	EvalsDir       = runs.EvalsDir
)

// A Run is a trainer at work in a folder, which holds all its state: what is not
// in the folder is not kept. The caller has the folder's lock.
type Run struct {
	*Trainer
	Folder string
	Log    logrus.FieldLogger
	// Progress is told, from the training goroutine and at most ten times a second,
	// how far the run is; nil = nobody.
	Progress func(Progress)
	// Environment is written into the log of the run: versions, processor, threads.
	Environment map[string]any

	// TestOnly has the evaluation after training take the test loss and the method's
	// own scores alone.
	TestOnly bool
	// Watchers are told of what the run writes down.
	Watchers []Watcher

	store   *checkpoints.Store
	metrics *runlog.Writer
	saved   int           // step of the last checkpoint, -1 before it
	unsaved error         // why the last checkpoint could not be saved
	paused  time.Duration // in hooks that are not training
	before  time.Duration // training time of earlier processes
	full    bool          // the evaluation after training is done
}

// Progress says how far a run is.
type Progress struct {
	Step, Steps int // Steps is 0 where it is not known
	Epoch       float64
	Loss        float64
	Rate        float64 // samples a second
	Left        time.Duration
	// Read is how many of the training examples, Examples, a method has looked at
	// before the first step; 0 from then on.
	Read, Examples int
	// Evaluation is the part of an evaluation that is at work, nil while none is. It is
	// told from whatever goroutine does the work, one call at a time.
	Evaluation *eval.Progress
}

// NewRun puts a trainer to work in a folder, which must exist.
func NewRun(t *Trainer, folder string, log logrus.FieldLogger) (*Run, error) {
	store, err := checkpoints.Open(filepath.Join(folder, CheckpointsDir))
	if err != nil {
		return nil, err
	}
	return &Run{Trainer: t, Folder: folder, Log: log, store: store, saved: -1}, nil
}

// Resume goes back to a checkpoint of this run.
func (r *Run) Resume(snap *checkpoints.Snapshot) error {
	if err := r.Restore(snap); err != nil {
		return fmt.Errorf("%s: %w", r.Folder, err)
	}
	r.saved = r.Step
	if r.beginsAgain() {
		r.Step = 0
	}
	complete := false
	_, err := snap.State.Get(completeName, &complete)
	r.full = complete && r.Done() // it may have been given more to do since
	return err
}

// completeName is the section of a checkpoint that says that the evaluation after
// training is done.
const completeName = "complete"

// Complete reports whether there is nothing left to do.
func (r *Run) Complete() bool { return r.Done() && r.full }

// An Interrupted error says that a run was stopped from outside, and that its state
// is saved, where there is one.
type Interrupted struct {
	Folder string
	Step   int
	Cause  error
}

func (e *Interrupted) Error() string {
	if e.Step == 0 {
		return fmt.Sprintf("stopped by %v before the first step; there is nothing to go on from yet", e.Cause)
	}
	return fmt.Sprintf("stopped by %v after step %d; the state is saved: `x2vec resume %s` goes on", e.Cause, e.Step, e.Folder)
}

// Unwrap gives the cause.
func (e *Interrupted) Unwrap() error { return e.Cause }

// Do does all that is left of the run: training, the evaluation after it, the
// report. When ctx is done it saves the state and returns an *Interrupted. Whatever
// ends it, a state worth keeping is kept.
func (r *Run) Do(ctx context.Context) (err error) {
	path := filepath.Join(r.Folder, MetricsFile)
	if r.metrics, err = runlog.Open(path, r.Step); err != nil {
		return err
	}
	defer func() {
		if e := r.metrics.Close(); err == nil {
			err = e
		}
	}()
	r.before = r.Elapsed()
	kind := "start"
	if r.saved >= 0 {
		kind = "resume"
	}
	began := maps.Clone(r.Environment)
	if began == nil {
		began = map[string]any{}
	}
	began["steps"] = r.Steps
	if err := r.event(kind, began); err != nil {
		return err
	}
	r.watch(func(w Watcher) error { return w.Begin(r) })
	defer func() {
		for _, w := range r.Watchers {
			if e := w.End(r, err); e != nil {
				r.Log.Warnf("watching: %v", e)
			}
		}
	}()
	if err := r.train(ctx); err != nil {
		return r.stopped(ctx, err)
	}
	if err := r.finish(ctx); err != nil {
		return r.stopped(ctx, err)
	}
	return nil
}

func (r *Run) train(ctx context.Context) error {
	if r.Done() {
		return nil
	}
	evaluator, saver := evaluateHook{r}, saveHook{r}
	if r.Step > 0 { // an evaluation that was due when the run was stopped
		before := r.evaluated
		if err := evaluator.After(ctx, r.Trainer); err != nil {
			return err
		}
		if r.evaluated != before {
			r.saved = -1 // the checkpoint is to know what was found, and may be the best
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	if !r.Done() {
		r.Started = func(read, of int) { r.tell(Progress{Steps: r.Steps, Read: read, Examples: of}) }
		if err := r.Trainer.Run(ctx, newLogHook(r), evaluator, saver); err != nil {
			return err
		}
	}
	if r.Ended != "" {
		r.Log.Infof("training ends early: %s", r.Ended)
		if err := r.event("early_stop", map[string]any{"reason": r.Ended}); err != nil {
			return err
		}
	}
	return r.save()
}

// finish evaluates everything and writes the report.
func (r *Run) finish(ctx context.Context) error {
	if !r.full {
		if err := r.evaluate(ctx, !r.TestOnly); err != nil {
			return err
		}
		r.full = true
		r.saved = -1 // what was found out belongs to the checkpoint
		if err := r.save(); err != nil {
			return err
		}
	}
	if err := r.event("stop", map[string]any{"reason": "complete"}); err != nil {
		return err
	}
	return r.report()
}

// report writes the page; the run is worth more than its page, so a fault there is
// only told.
func (r *Run) report() error {
	if err := r.metrics.Flush(); err != nil {
		return err
	}
	if err := report.Write(r.Folder); err != nil {
		r.Log.Warnf("report not written: %v", err)
	}
	return nil
}

// stopped saves what can be saved when a run ends before its time.
func (r *Run) stopped(ctx context.Context, err error) error {
	var diverged *Diverged
	if errors.As(err, &diverged) {
		back := "there is no checkpoint to go back to"
		if r.saved >= 0 {
			back = fmt.Sprintf("the checkpoint to go back to is that of step %d, in %s", r.saved, filepath.Join(r.Folder, CheckpointsDir))
		}
		err = fmt.Errorf("%w; %s; a lower optimizer.lr or optimizer.clip_norm = 1 may help, in a new --out", err, back)
		return errors.Join(err, r.event("stop", map[string]any{"reason": diverged.Error(), "index": diverged.Index}), r.report())
	}
	var saved error
	if r.unsaved == nil && !r.torn { // a full disk is told once
		saved = r.save()
	}
	if ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())) && saved == nil {
		err = &Interrupted{r.Folder, r.Step, context.Cause(ctx)}
	}
	var interrupted *Interrupted
	stop := map[string]any{"reason": err.Error(), "saved": errors.As(err, &interrupted)}
	return errors.Join(err, saved, r.event("stop", stop), r.report())
}

// beginsAgain reports whether a run that stopped now would begin again: a method
// that is solved, is not yet, and cannot go on in the middle.
func (r *Run) beginsAgain() bool {
	_, fits := r.Objective.(objectives.Fitter)
	_, resumes := r.Objective.(objectives.Resumer)
	return fits && !resumes && !r.fitted
}

// save keeps the state as it stands, unless that is done already.
func (r *Run) save() error {
	if r.saved == r.Step || r.beginsAgain() || r.Step == 0 {
		return nil
	}
	began := time.Now()
	if r.unsaved = r.write(); r.unsaved != nil {
		return r.unsaved
	}
	r.saved = r.Step
	r.watch(func(w Watcher) error { return w.Saved(r) })
	removed, err := r.store.Prune(checkpoints.Policy{Last: r.Keep, Metric: TestLoss, Every: r.Milestones})
	if err != nil {
		r.Log.Warnf("old checkpoints: %v", err)
	}
	r.paused += time.Since(began)
	r.Log.Debugf("checkpoint of step %d saved in %v; removed %v", r.Step, time.Since(began).Round(time.Millisecond), removed)
	return r.event("checkpoint", map[string]any{"seconds": time.Since(began).Seconds(), "steps": r.Steps})
}

// write puts a checkpoint into the folder.
func (r *Run) write() error {
	snap, err := r.Snapshot()
	if err != nil {
		return err
	}
	if err := snap.State.Put(completeName, r.full); err != nil {
		return err
	}
	if err := r.metrics.Sync(); err != nil {
		return err
	}
	if err := r.store.Save(snap); err != nil {
		return fmt.Errorf("%s: %w", r.Folder, err)
	}
	return nil
}
