package checkpoints

import (
	"io"
	"io/fs"
	"os"
)

// HolderOf says which process holds the lock of the run whose folder files is, by
// what that process wrote; the lock itself is not touched, so that looking never
// stands in anybody's way. ok is false where nobody holds it, or nothing can be
// read. A process that was killed could not take its name out: ask Holder.Alive.
func HolderOf(files fs.FS) (h Holder, ok bool) {
	if info, err := fs.Stat(files, LockFile); err != nil || !info.Mode().IsRegular() {
		return Holder{}, false
	}
	f, err := files.Open(LockFile)
	if err != nil {
		return Holder{}, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, holderAt+maxHolder))
	if err != nil || len(text) <= holderAt {
		return Holder{}, false
	}
	h = parseHolder(text[holderAt:])
	return h, h.PID > 0
}

// Alive reports whether the process is still there. It is known of this machine's
// processes only; in a container of its own another host name stands there.
func (h Holder) Alive() (alive, known bool) {
	host, err := os.Hostname()
	if err != nil || host != h.Host {
		return false, false
	}
	return processAlive(h.PID, h.Since), true
}
