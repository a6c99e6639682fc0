package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mount gives a small disk of its own, and how to mount it otherwise.
func mount(t *testing.T, options string) (dir string, remount func(options string)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a disk of its own cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func(options string) {
		if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, options); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir, _ := mount(t, "size=3m")
	s, err := Open(filepath.Join(dir, "checkpoints")) // the real disk: it syncs too
	if err != nil {
		t.Fatal(err)
	}
	// Of 0.8 MB each: the third or fourth has no room.
	saved := 0
	for err == nil {
		if err = s.Save(largeSnapshot(saved + 1)); err == nil {
			saved++
		}
	}
	if saved < 2 || !errors.Is(err, syscall.ENOSPC) ||
		!strings.Contains(err.Error(), "not saved: weights.safetensors: no space left on device; the newest there, of step ") {
		t.Errorf("after %d: %v", saved, err)
	}
	if snap, faults, err := s.Latest(); err != nil || len(faults) > 0 || !same(snap, largeSnapshot(saved)) {
		t.Errorf("Latest: %v, %v", faults, err)
	}
	// With room made, saving goes on; what the failed Save wrote is gone.
	if _, err := s.Prune(Policy{Last: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(largeSnapshot(saved + 1)); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir, remount := mount(t, "size=3m")
	s, err := Open(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(snapshot(1, 0)); err != nil {
		t.Fatal(err)
	}
	remount("")
	err = s.Save(snapshot(2, 0))
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "read-only file system; the newest there, of step 1, is untouched") {
		t.Errorf("Save: %v", err)
	}
	if snap, _, err := s.Latest(); err != nil || !same(snap, snapshot(1, 0)) {
		t.Errorf("Latest: %v", err)
	}
	if _, err := Acquire(dir); !errors.Is(err, syscall.EROFS) || !strings.HasPrefix(err.Error(), filepath.Join(dir, LockFile)+": ") {
		t.Errorf("Acquire: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "run.toml"), nil); !errors.Is(err, syscall.EROFS) {
		t.Errorf("WriteFile: %v", err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to any folder")
	}
	s := open(t, t.TempDir())
	save(t, s, 1)
	if err := os.Chmod(s.dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(s.dir, 0o755)
	if err := s.Save(snapshot(2, 0)); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "step 1, is untouched") {
		t.Errorf("Save: %v", err)
	}
	if _, err := Acquire(s.dir); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Acquire: %v", err)
	}
}
