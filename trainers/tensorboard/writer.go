package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// prefix begins the names of event files; the seconds since 1970 follow, and
// TensorBoard reads them in the order of their names.
const prefix = "events.out.tfevents."

// writer appends events to a file of its own. What it has written before the last
// flush is not lost with the process.
type writer struct {
	file *os.File
	out  *bufio.Writer
	buf  []byte
}

// open begins a new file in a folder, behind those that are there, and tells the step
// of the last event in these, -1 where there is none. Later events of a step from on
// that they hold are not to count any more, as a run has gone back.
func open(folder string, from int) (w *writer, last int, err error) {
	if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, 0, err
	}
	old, err := filepath.Glob(filepath.Join(folder, prefix+"*"))
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(old)
	last = -1
	now := time.Now().Unix()
	for _, name := range old {
		step, err := lastStep(name)
		if err != nil {
			return nil, 0, err
		}
		last = max(last, step)
		digits, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(name), prefix), ".")
		if t, err := strconv.ParseInt(digits, 10, 64); err == nil && t >= now && t < now+1e6 {
			now = t + 1
		}
	}
	file, err := os.OpenFile(filepath.Join(folder, fmt.Sprintf("%s%010d.x2vec", prefix, now)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, 0, err
	}
	w = &writer{file: file, out: bufio.NewWriterSize(file, 1<<16)}
	err = w.write(appendBytes(appendDouble(nil, eventWallTime, seconds(time.Now())), eventVersion, []byte("brain.Event:2")))
	if err == nil && len(old) > 0 {
		err = w.write(event(seconds(time.Now()), from, eventSession, appendInt(nil, sessionStatus, sessionStart)))
	}
	return w, last, err
}

// lastStep is the highest step of the events of a file; those behind a record that
// was cut off by a crash do not count.
func lastStep(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, last := bufio.NewReaderSize(f, 1<<16), -1
	for {
		data, err := readRecord(r)
		if err != nil {
			return last, nil
		}
		if step, ok := stepOf(data); ok {
			last = max(last, step)
		}
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func (w *writer) write(event []byte) error {
	w.buf = appendRecord(w.buf[:0], event)
	_, err := w.out.Write(w.buf)
	return err
}

// summary writes values of a step.
func (w *writer) summary(wall time.Time, step int, values []byte) error {
	if len(values) == 0 {
		return nil
	}
	return w.write(event(seconds(wall), step, eventSummary, values))
}

func (w *writer) close() error {
	return errors.Join(w.out.Flush(), w.file.Sync(), w.file.Close())
}
