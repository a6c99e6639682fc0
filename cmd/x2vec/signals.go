package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string {
	if e.signal == syscall.SIGINT {
		return "SIGINT (ctrl-C)"
	}
	return "SIGTERM"
}

// ExitStatus is the shell's convention: 130 after SIGINT, 143 after SIGTERM.
func (e signalError) ExitStatus() int { return 128 + int(e.signal) }

// untilSignal is a context that the first SIGINT or SIGTERM ends, so that the state
// can be saved. A second signal ends the process at once.
func untilSignal(parent context.Context, console *console) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-signals:
				e := signalError{s.(syscall.Signal)}
				if !first {
					os.Exit(e.ExitStatus())
				}
				console.log.Warnf("%v: %s; once more ends at once", e, console.onSignal)
				cancel(e)
			case <-ended:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(ended)
		cancel(nil)
	}
}
