package runlog

import (
	"bufio"
	"errors"
	"io"
)

// maxLine is the longest line, in bytes with its end, that is written or read.
const maxLine = 1 << 20

// A Line is one line of a log: metrics or an event, the other is nil.
type Line struct {
	Metrics *Metrics
	Event   *Event
}

// Step is the step that the line is of.
func (l Line) Step() int {
	if l.Event != nil {
		return l.Event.Step
	}
	return l.Metrics.Step
}

// A Reader reads a log line by line, in memory that does not grow with the log. It
// passes over lines that it cannot read, and over a last line without an end,
// which is being written or was cut off by a crash.
type Reader struct {
	r       *bufio.Reader
	long    []byte // a line that is longer than r's buffer
	parse   parser
	metrics Metrics
	read    int64 // bytes of the lines read and passed over
	size    int64 // of the latest one
	damaged int
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 1<<16), parse: newParser()}
}

// Next gives the next line that can be read, or io.EOF. Metrics are valid until
// the next call.
func (r *Reader) Next() (Line, error) {
	for {
		text, err := r.line()
		if err != nil {
			return Line{}, err
		}
		if len(text) == 0 {
			continue
		}
		if r.parse.metrics(text, &r.metrics) {
			return Line{Metrics: &r.metrics}, nil
		}
		if line, ok := r.parse.any(text, &r.metrics); ok {
			return line, nil
		}
		r.damaged++
	}
}

// Damaged is the number of lines so far that could not be read.
func (r *Reader) Damaged() int { return r.damaged }

// line gives the next line without its end. Of one that is too long it gives
// nothing, and counts it as damaged.
func (r *Reader) line() ([]byte, error) {
	text, err := r.r.ReadSlice('\n')
	size := int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = r.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(r.long) <= maxLine {
				r.long = append(r.long, text...)
			}
			text, err = r.r.ReadSlice('\n')
			size += int64(len(text))
		}
		r.long = append(r.long, text...)
		text = r.long
	}
	if err != nil { // io.EOF too: a line without its end is none
		return nil, err
	}
	r.read, r.size = r.read+size, size
	if size > maxLine {
		r.damaged++
		return nil, nil
	}
	return text[:len(text)-1], nil
}
