//go:build unix

package serve

import (
	"syscall"
	"testing"
)

// pipe makes a pipe, whose reader would wait for ever.
func pipe(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
