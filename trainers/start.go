package trainers

import (
	"context"
	"errors"
	"sync"
	"time"

	"x2vec/data"
	"x2vec/objectives"
)

// start has a method look at the training examples, where it does, before the first
// step.
func (t *Trainer) start(ctx context.Context) error {
	if t.Step == 0 && t.Finetune != nil && t.Finetune.ProbeHead {
		if err := t.probeHead(ctx); err != nil {
			return err
		}
	}
	o, ok := t.Objective.(objectives.Starter)
	if !ok || t.Step > 0 {
		return nil
	}
	began := time.Now()
	defer func() { t.starting += time.Since(began) }()
	err := o.Start(ctx, t.Task, &watched{Source: t.Train, tell: t.Started}, t.Params)
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		return cause
	}
	return err
}

// watched is a source that tells, about ten times a second, how many of its examples
// have been read.
type watched struct {
	data.Source
	tell func(read, of int) // nil = nobody

	mu   sync.Mutex
	read int
	told time.Time
}

// Read implements data.Source.
func (w *watched) Read(i int, into *data.Example) error {
	err := w.Source.Read(i, into)
	if w.tell == nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	if now := time.Now(); now.Sub(w.told) > 100*time.Millisecond || w.read == w.Len() {
		w.told = now
		w.tell(w.read, w.Len())
	}
	return err
}
