//go:build unix

package checkpoints

import (
	"errors"
	"syscall"
	"time"
)

// processAlive reports whether a process is there that has run since then: one that
// was started later has only got the number of the one that is meant.
func processAlive(pid int, since time.Time) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	const slack = 2 * time.Second // clocks are rounded
	began, known := processStart(pid)
	return !known || !began.After(since.Add(slack))
}
