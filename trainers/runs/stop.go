package runs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"x2vec/checkpoints"
)

// StopFile asks the run in whose folder it lies to stop after its step. A file
// reaches a run in a container of its own too, which a signal does not.
const StopFile = "stop.request"

// AskToStop asks the run in a folder to stop after its step.
func AskToStop(dir string) error {
	return checkpoints.WriteFile(filepath.Join(dir, StopFile), nil)
}

// AskToStopIn is AskToStop of the run at a path below a folder that is not left.
func AskToStopIn(root *os.Root, at string) error {
	return root.WriteFile(path.Join(at, StopFile), nil, 0o666)
}

// Asked reports whether the run in a folder is asked to stop.
func Asked(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, StopFile))
	return err == nil
}

// DropRequest takes a request to stop away.
func DropRequest(dir string) error {
	if err := os.Remove(filepath.Join(dir, StopFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
