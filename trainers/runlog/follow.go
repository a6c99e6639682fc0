package runlog

import (
	"bytes"
	"io"
)

// A Follower reads a log that grows: each Read takes only what was added since the
// one before. A log that was cut and written anew, as by a run that goes on from a
// checkpoint, it reads again from its beginning.
type Follower struct {
	buckets int
	c       *collector
	at      int64  // end of the last whole line that was read
	last    []byte // what stands before it, to notice another log in its place
}

// remembered is how many bytes before its end are compared at the next Read.
const remembered = 512

// NewFollower follows a log; each curve has at most so many buckets.
func NewFollower(buckets int) *Follower {
	return &Follower{buckets: buckets, c: newCollector(buckets)}
}

// Read takes what is new in a log of that size, and says whether there was
// anything.
func (f *Follower) Read(r io.ReaderAt, size int64) (changed bool, err error) {
	if f.at > 0 {
		before := make([]byte, len(f.last))
		n, err := r.ReadAt(before, f.at-int64(len(f.last)))
		if err != nil && err != io.EOF {
			return false, err
		}
		if size < f.at || !bytes.Equal(before[:n], f.last) {
			*f = *NewFollower(f.buckets)
			changed = true
		}
	}
	if size <= f.at {
		return changed, nil
	}
	reader := NewReader(io.NewSectionReader(r, f.at, size-f.at))
	err = f.c.read(reader)
	if reader.read == 0 || err != nil {
		return changed, err
	}
	f.at += reader.read
	f.last = make([]byte, min(f.at, remembered))
	_, err = r.ReadAt(f.last, f.at-int64(len(f.last)))
	if err == io.EOF {
		err = nil
	}
	return true, err
}

// History is what the log has told so far. It holds until the next Read.
func (f *Follower) History() *History { return f.c.history() }
