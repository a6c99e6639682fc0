package table

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
)

// csv is a line a row: index, then file and label where they are known, then the
// values z0, z1 …, each in the fewest digits that read back as the same number. A
// label that is not known is empty.
type csv struct {
	w    *bufio.Writer
	line []byte
}

func (f *csv) begin(first Rows) error {
	f.line = append(f.line[:0], "index"...)
	if first.Files != nil {
		f.line = append(f.line, ",file"...)
	}
	if first.Labels != nil {
		f.line = append(f.line, ",label"...)
	}
	for j := range first.width() {
		f.line = fmt.Appendf(f.line, ",z%d", j)
	}
	return f.flush()
}

func (f *csv) flush() error {
	_, err := f.w.Write(append(f.line, '\n'))
	return err
}

func (f *csv) add(r Rows, at int) error {
	width := r.width()
	for i := range r.n() {
		f.line = strconv.AppendInt(f.line[:0], int64(at+i), 10)
		if r.Files != nil {
			f.line = append(append(f.line, ','), field(r.Files[i])...)
		}
		if r.Labels != nil {
			f.line = append(f.line, ',')
			if l := r.Labels[i]; l >= 0 {
				f.line = strconv.AppendInt(f.line, int64(l), 10)
			}
		}
		for j := i * width; j < (i+1)*width; j++ {
			f.line = append(f.line, ',')
			if r.Ints != nil {
				f.line = strconv.AppendInt(f.line, int64(r.Ints[j]), 10)
			} else {
				f.line = strconv.AppendFloat(f.line, float64(r.Floats[j]), 'g', -1, 32)
			}
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (f *csv) end() error { return nil }

// field quotes a text where it must be (RFC 4180, section 2).
func field(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
