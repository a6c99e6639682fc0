package checkpoints

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMakeDir(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "runs", "a")
	for range 2 { // also where it is there
		if err := makeDir(disk{}, path); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
	// What was made outlasts a power cut.
	d := &testDisk{budget: endless}
	path = filepath.Join(dir, "x", "y", "z")
	if err := makeDir(d, path); err != nil {
		t.Fatal(err)
	}
	if err := d.powerCut(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := WriteFile(file, nil); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(disk{}, file); err == nil || err.Error() != file+": is a file, want a folder" {
		t.Errorf("error %v", err)
	}
	if err := makeDir(disk{}, filepath.Join(file, "a")); err == nil {
		t.Error("made a folder in a file")
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.toml")
	for _, content := range []string{"first", "", "third"} {
		if err := WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("got %q, %v; want %q", got, err, content)
		}
	}
	for stop := 0; ; stop++ {
		if err := WriteFile(path, []byte("old")); err != nil {
			t.Fatal(err)
		}
		d := &testDisk{budget: stop, err: syscall.ENOSPC}
		err := writeAtomic(d, path, func(w io.Writer) error {
			_, err := w.Write([]byte("new!"))
			return err
		})
		got, readErr := os.ReadFile(path)
		if s := string(got); readErr != nil || s != "old" && s != "new!" || err == nil && s != "new!" {
			t.Errorf("failed at %d: the file has %q (%v)", stop, got, readErr)
		}
		if err != nil && err.Error() != path+": "+syscall.ENOSPC.Error() && !strings.Contains(err.Error(), "may not outlast") {
			t.Errorf("failed at %d: error %q", stop, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("failed at %d: left %v", stop, list)
		}
		if !d.stopped {
			break
		}
	}
	if err := WriteFile(filepath.Join(dir, "no", "file"), nil); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "no", "file")+": ") {
		t.Errorf("error %v", err)
	}
}
