package checkpoints

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir)
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("second lock: %v, want a LockedError", err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if h := locked.Holder; h.PID != os.Getpid() || h.Host != host || time.Since(h.Since) > time.Minute {
		t.Errorf("holder %+v", h)
	}
	want := fmt.Sprintf("%s: in use by process %d since %s; wait until it ends, stop it, or choose another folder",
		dir, os.Getpid(), locked.Holder.Since.Local().Format("2006-01-02 15:04:05"))
	if locked.Error() != want {
		t.Errorf("error %q\nwant  %q", locked, want)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	lock, err = Acquire(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if h := readHolder(filepath.Join(dir, LockFile)); h != (Holder{}) {
		t.Errorf("after the release the holder is %+v", h)
	}

	if _, err := Acquire(filepath.Join(dir, "none")); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "none", LockFile)+": ") {
		t.Errorf("no folder: %v", err)
	}
}

// A lock file that holds something else, left by a crash or made by hand, is
// neither a lock nor trouble for who shows it.
func TestLockFileContent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there another handle cannot write to the locked byte")
	}
	for content, want := range map[string]string{
		"":      "another process",
		"\x00{": "another process",
		" {\"pid\": 7, \"host\": \"a\\u001b[31mb\\n\"}": "process 7 on a[31mb since ",
		strings.Repeat("x", 1<<20):                      "another process",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, LockFile)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		lock, err := Acquire(dir)
		if err != nil {
			t.Fatalf("%.20q: %v", content, err)
		}
		if h := readHolder(path); h.PID != os.Getpid() {
			t.Errorf("%.20q: holder %+v", content, h)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Acquire(dir); err == nil || !strings.Contains(err.Error(), "in use by "+want) {
			t.Errorf("%.20q: error %v, want %q", content, err, want)
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
}
