package checkpoints

import (
	"errors"
	"fmt"
	"io"
)

// SaveRows writes a safetensors file, beside and renamed as WriteFile does, whose
// largest array never stands in memory: name is that of n rows of float32, which fill
// gives to put a few at a time, d values a row. rest are the other arrays, of elements
// of four bytes at most; their values may be set until fill returns.
func SaveRows(path, name string, n int, rest []Array, fill func(put func(rows []float32, d int) error) error) error {
	return writeAtomic(disk{}, path, func(w io.Writer) error {
		width, left := 0, n
		put := func(rows []float32, d int) error {
			if width == 0 && d > 0 {
				width = d
				entries := []headerEntry{{name, F32, []int{n, d}, n * d}}
				for _, a := range rest {
					if err := a.check(); err != nil {
						return err
					}
					entries = append(entries, headerEntry{a.Name, a.DType(), a.Shape, a.Len()})
				}
				header, err := headerOf(entries, nil)
				if err != nil {
					return err
				}
				if _, err := w.Write(header); err != nil {
					return err
				}
			}
			if d != width || d < 1 || len(rows)%d != 0 || len(rows)/d > left {
				return fmt.Errorf("%d values in rows of %d, want at most %d rows of %d", len(rows), d, left, width)
			}
			left -= len(rows) / d
			_, err := w.Write(Array{F32: rows}.bytes())
			return err
		}
		if err := fill(put); err != nil {
			return err
		}
		if left != 0 || n == 0 {
			return errors.New("fewer rows than were announced")
		}
		for _, a := range rest {
			if _, err := w.Write(a.bytes()); err != nil {
				return err
			}
		}
		return nil
	})
}
