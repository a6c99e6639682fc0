package checkpoints

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// WriteFile gives a file new content, all of it or nothing: it is written beside
// and synced, renamed over the old one, and the folder is synced. Whoever reads
// meanwhile, or after a crash, finds the old content or the new.
func WriteFile(path string, data []byte) error {
	return writeAtomic(disk{}, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// writeAtomic is WriteFile with content that is made while it is written.
func writeAtomic(d filesystem, path string, content func(io.Writer) error) error {
	folder, base := filepath.Split(path)
	// The name is drawn so that two processes which write the same file, each
	// its own report say, do not write into each other's.
	beside := filepath.Join(folder, fmt.Sprintf(".%s.tmp-%016x", base, rand.Uint64()))
	err := writeSynced(d, beside, content)
	if err == nil {
		err = d.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, cause(err)), d.RemoveAll(beside))
	}
	if err := d.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s: %w", path, cause(err))
	}
	return nil
}

// makeDir makes a folder and those above it that are missing, so that they last:
// each is synced into the one above.
func makeDir(d filesystem, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(d, parent); err != nil {
			return err
		}
	}
	err := d.Mkdir(path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = d.SyncDir(parent)
	}
	if info, statErr := os.Stat(path); err == nil && (statErr != nil || !info.IsDir()) {
		err = errors.New("is a file, want a folder")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, cause(err))
	}
	return nil
}

// writeSynced makes a new file and returns once it is on the disk.
func writeSynced(d filesystem, path string, content func(io.Writer) error) error {
	f, err := d.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, blockSize)
	err = content(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// cause takes the system's own words out of an error that repeats the path.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// A filesystem is what writing needs of the disk. Tests put one in its place
// that stops at any point.
type filesystem interface {
	Mkdir(path string) error
	// Create makes a file that must not exist yet.
	Create(path string) (file, error)
	Rename(from, to string) error
	RemoveAll(path string) error
	// SyncDir makes the names in a folder last.
	SyncDir(path string) error
}

type file interface {
	io.Writer
	Sync() error
	Close() error
}

type disk struct{}

func (disk) Mkdir(path string) error { return os.Mkdir(path, 0o777) }

func (disk) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (disk) Rename(from, to string) error { return os.Rename(from, to) }

func (disk) RemoveAll(path string) error { return os.RemoveAll(path) }

func (disk) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there; NTFS keeps a journal of names
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	// Some network and FUSE file systems sync files but know no folders.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
