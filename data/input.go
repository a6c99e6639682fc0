package data

import (
	"context"
	"errors"
	"io"
)

// Until reads from r until ctx is done; then its error is the cause.
func Until(ctx context.Context, r io.Reader) io.Reader { return until{ctx, r} }

type until struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (u until) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// An InputError is one of what a file holds, or of what was asked of it: the person at
// the keyboard can mend it.
type InputError struct{ Err error }

// Error implements error.
func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap gives the error itself.
func (e *InputError) Unwrap() error { return e.Err }

// Input marks an error as one of the input; nil stays nil.
func Input(err error) error {
	if err == nil {
		return nil
	}
	return &InputError{err}
}

// IsInput reports whether an error is one of the input.
func IsInput(err error) bool {
	var e *InputError
	return errors.As(err, &e)
}
