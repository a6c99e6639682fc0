package trainers

import (
	"slices"

	"x2vec/trainers/runlog"
)

// A Watcher is told what a run measures, to pass it on to other programs. It is called
// from the training goroutine and must not hold it up. An error is told once, ends the
// watching, and nothing else.
type Watcher interface {
	// Begin is called before the first step of a process, at the step the run stands.
	Begin(r *Run) error
	// Progress is called as Run.Progress is.
	Progress(p Progress)
	// Metrics is called with every line of metrics.
	Metrics(r *Run, m runlog.Metrics) error
	// Evaluated is called after every evaluation, at the step that it is of.
	Evaluated(r *Run, e *Evaluation) error
	// Saved is called after every checkpoint.
	Saved(r *Run) error
	// End is called last, with what ended the run, or the watching; nil where the run is
	// complete.
	End(r *Run, err error) error
}

// watch tells all watchers something, and ends those that cannot go on.
func (r *Run) watch(tell func(w Watcher) error) {
	r.Watchers = slices.DeleteFunc(r.Watchers, func(w Watcher) bool {
		err := tell(w)
		if err != nil {
			r.Log.Warnf("watching ends, and training goes on: %v", err)
			_ = w.End(r, err) // it closes what it has open; why it ends is told
		}
		return err != nil
	})
}

// tell passes on how far the run is.
func (r *Run) tell(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
	for _, w := range r.Watchers {
		w.Progress(p)
	}
}

// LastSaved is the step of the newest checkpoint that this run has, -1 before it.
func (r *Run) LastSaved() int { return r.saved }
