package runlog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"x2vec/checkpoints"
)

const (
	// holdBack is how long a line of metrics may wait in memory.
	holdBack = time.Second
	// holdBytes is how many bytes may wait.
	holdBytes = 1 << 16
)

// A Writer adds lines to a log. Events are in the file when Event returns, metrics
// a second later at most. An error leaves lines that could not be written in
// memory; the next call tries again. A Writer may be used by several goroutines.
type Writer struct {
	mu    sync.Mutex
	file  file
	m     Metrics // of the latest line; it stands here so as not to be allocated
	buf   []byte  // lines, or what is left of them, that are not in the file yet
	wait  time.Duration
	timer *time.Timer
	armed bool
	late  error // what went wrong when the timer flushed
}

// file is what the writer needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
}

// Open opens the log of a run that has taken so many steps, and makes it where
// there is none. Lines of later steps are cut off, and so is a last line that was
// not finished: they will be written again.
func Open(path string, step int) (*Writer, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := checkpoints.WriteFile(path, nil); err != nil { // its name lasts
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if err := cutAfter(f, step); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newWriter(f, holdBack), nil
}

func newWriter(f file, wait time.Duration) *Writer {
	w := &Writer{file: f, wait: wait}
	w.timer = time.AfterFunc(wait, w.flushLate)
	w.timer.Stop()
	return w
}

// cutAfter cuts a log behind the last line of a step up to the given one. One call
// to the system shortens the file: it has its old length or the new one, whatever
// happens, and no line that stays is written anew.
func cutAfter(f *os.File, step int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, end := NewReader(f), int64(0)
	for {
		line, err := r.Next()
		if err == io.EOF || err == nil && line.Step() > step {
			break
		}
		if err != nil {
			return err
		}
		end = r.read
	}
	if end == info.Size() {
		return nil
	}
	// By its name: on Windows a file that is open for appending cannot be cut.
	if err := os.Truncate(f.Name(), end); err != nil {
		return err
	}
	return f.Sync()
}

// Metrics adds a line of metrics.
func (w *Writer) Metrics(m Metrics) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.m = m
	w.buf = appendMetrics(w.buf, &w.m)
	if len(w.buf) >= holdBytes {
		return w.flush()
	}
	if !w.armed {
		w.armed = true
		w.timer.Reset(w.wait)
	}
	err := w.late
	w.late = nil
	return err
}

// Event adds an event, and writes all that waits.
func (w *Writer) Event(e Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	buf, err := appendEvent(w.buf, &e)
	if err != nil {
		return err
	}
	w.buf = buf
	return w.flush()
}

// Flush writes all that waits, so that whoever opens the file sees it.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

// Sync writes all that waits and returns when it is on the disk: before a
// checkpoint, whose past must not be lost.
func (w *Writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.flush(); err != nil {
		return err
	}
	return w.file.Sync()
}

// Close is Sync, and the end of the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.armed = true // no timer any more
	err := w.flush()
	if err == nil {
		err = w.file.Sync()
	}
	return errors.Join(err, w.file.Close())
}

// flush writes what waits. What a full disk did not take stays, from the very byte
// on, so that a later try finishes the line that was begun.
func (w *Writer) flush() error {
	w.late = nil
	if len(w.buf) == 0 {
		return nil
	}
	n, err := w.file.Write(w.buf)
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	return err
}

func (w *Writer) flushLate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	w.late = w.flush()
}
