// Command x2vec learns representations of data without labels and puts them to
// use: it trains encoders by pretext tasks, resumes, evaluates and reports.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/term"

	"x2vec/data"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// garbage is what may pile up before it is collected, in percent of the memory in use.
// A step of training leaves a few KB of it: Go's own 100 would let a run grow to twice
// its size over hours for nothing.
const garbage = 25

// Exit statuses. A run that a signal ended has saved its state.
const (
	exitOK         = 0
	exitFailure    = 1
	exitBadRequest = 2
)

// run is main, for tests. No panic leaves it: what is not an error of the
// person at the keyboard is an error of ours, and says so.
func run(args []string, stdout, stderr io.Writer) (status int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "x2vec: this is a fault of the program, not yours: %v\n%s", r, debug.Stack())
			status = exitFailure
		}
	}()
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "x2vec: %v\n", err)
	return exitStatus(err)
}

// exitStatus decides, in this one place, what the shell is told.
func exitStatus(err error) int {
	var s interface{ ExitStatus() int } // a run that a signal ended: 130 or 143
	var r requestError
	switch {
	case errors.As(err, &s):
		return s.ExitStatus()
	case errors.As(err, &r), data.IsInput(err):
		return exitBadRequest
	}
	return exitFailure
}

// requestError is a wrong request: a flag, an argument, a run file. What a text or a file
// of vectors holds counts as one, too: data.InputError.
type requestError struct{ error }

func (e requestError) Unwrap() error { return e.error }

// badRequest marks an error as one of the request, for the exit status.
func badRequest(err error) error {
	if err == nil {
		return nil
	}
	return requestError{err}
}

// isTerminal reports whether a person watches w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
