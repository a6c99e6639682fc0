package checkpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// LockFile is the name of the lock in a run's folder. It stays there; only the
// kernel's lock on it counts.
const LockFile = "run.lock"

// A Lock is the right to write to a run's folder. The kernel takes it back when
// the process ends, however that happens.
type Lock struct {
	flock *flock.Flock
	path  string
}

// A Holder is the process that has a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// A LockedError says that another process writes to the run.
type LockedError struct {
	Folder string
	Holder Holder // zero where it could not be read
}

func (e *LockedError) Error() string {
	by := "another process"
	if h := e.Holder; h.PID != 0 {
		by = fmt.Sprintf("process %d", h.PID)
		if host, err := os.Hostname(); err != nil || host != h.Host {
			by += " on " + h.Host
		}
		by += " since " + h.Since.Local().Format("2006-01-02 15:04:05")
	}
	return fmt.Sprintf("%s: in use by %s; wait until it ends, stop it, or choose another folder", e.Folder, by)
}

// holderAt is where the holder stands in the lock file: behind its first byte,
// which is what Windows locks and lets nobody else read.
const holderAt = 1

// maxHolder bounds what is read of it.
const maxHolder = 4096

// Acquire takes the lock of a run's folder, which must exist, without waiting.
// Where another process has it, or another Lock of this process, the error is a
// *LockedError.
func Acquire(folder string) (*Lock, error) {
	path := filepath.Join(folder, LockFile)
	l := &Lock{flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666)), path}
	switch ok, err := l.flock.TryLock(); {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, fmt.Errorf("%s: this file system has no locks: %w", path, cause(err))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	case !ok:
		return nil, &LockedError{folder, readHolder(path)}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	if err := l.write(Holder{os.Getpid(), host, time.Now().Truncate(time.Second)}); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, cause(err)), l.flock.Close())
	}
	return l, nil
}

// write puts the holder into the lock file, in place: another file under the
// same name would be another lock. It need not survive a crash.
func (l *Lock) write(h Holder) error {
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	// A blank before the text, for people who look into the file. Windows refuses
	// it, and nothing depends on it.
	_, _ = f.WriteAt([]byte(" "), 0)
	if _, err := f.WriteAt(append(text, '\n'), holderAt); err != nil {
		return err
	}
	return f.Truncate(int64(holderAt + len(text) + 1))
}

// readHolder reads who has the lock; it is zero where that is not there, or not
// yet.
func readHolder(path string) (h Holder) {
	f, err := os.Open(path)
	if err != nil {
		return Holder{}
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, holderAt, maxHolder))
	if err != nil {
		return Holder{}
	}
	return parseHolder(text)
}

// parseHolder reads what write wrote; it is zero where that is something else.
func parseHolder(text []byte) (h Holder) {
	if json.Unmarshal(text, &h) != nil {
		return Holder{}
	}
	h.Host = printable(h.Host)
	return h
}

// Release gives the lock back. The file stays: removing it could take it from
// under a process that has just opened it.
func (l *Lock) Release() error {
	// Who looks into the file is not to find a holder; if that fails, the lock
	// itself is still given back.
	_ = os.Truncate(l.path, holderAt)
	if err := l.flock.Close(); err != nil {
		return fmt.Errorf("%s: %w", l.path, cause(err))
	}
	return nil
}
