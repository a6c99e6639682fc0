package durable

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	say := func(s string) func(*os.File) error {
		return func(f *os.File) error { _, err := f.WriteString(s); return err }
	}
	for _, s := range []string{"first", "second"} {
		if err := Write(path, say(s)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != s {
			t.Errorf("%q, %v, want %q", got, err, s)
		}
	}
	broken := errors.New("broken")
	if err := Write(path, func(f *os.File) error { _, _ = f.WriteString("half"); return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "second" {
		t.Errorf("after a failed write: %q", got)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
	if err := Write(filepath.Join(path, "b"), say("x")); err == nil {
		t.Error("a folder that is a file")
	}
}

// A file system that cannot sync folders is no fault; a disk that fails is.
func TestSynced(t *testing.T) {
	for _, code := range []syscall.Errno{syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS} {
		if err := synced(&os.PathError{Op: "sync", Path: "x", Err: code}); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
	if err := synced(&os.PathError{Op: "sync", Path: "x", Err: syscall.EIO}); !errors.Is(err, syscall.EIO) {
		t.Errorf("EIO: %v", err)
	}
}
