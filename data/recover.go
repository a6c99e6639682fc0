package data

import (
	"fmt"
	"runtime/debug"
)

// Recover is to be deferred by what runs on a goroutine of its own, and makes an error
// of a panic: a fault in a reader or a method must not take the process, and with it
// the unsaved steps, down from where nobody else can recover it.
func Recover(err *error, doing string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("internal fault while %s: %v\n%s", doing, p, debug.Stack())
	}
}
