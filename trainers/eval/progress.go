package eval

import (
	"context"
	"sync"
)

// Progress says how far a part of an evaluation is: "kNN", 512 of 10,000 codes.
type Progress struct {
	Part     string
	Done, Of int
	Things   string // what is counted: "codes", "iterations"
}

type progressKey struct{}

type teller struct {
	mu   sync.Mutex
	tell func(Progress)
}

// WithProgress gives a context under which whatever takes long in an evaluation tells
// how far it is, often and one call at a time.
func WithProgress(ctx context.Context, tell func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, &teller{tell: tell})
}

// Tell passes on how far a part is, where somebody listens.
func Tell(ctx context.Context, part string, done, of int, things string) {
	if t, ok := ctx.Value(progressKey{}).(*teller); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tell(Progress{part, done, of, things})
	}
}

// ended is why a context has ended, or nil.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
