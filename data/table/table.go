// Package table writes rows of numbers, such as the codes of a data set, to files
// that other programs read: npy and npz (NumPy), csv, and parquet.
//
// Rows are written as they come, so that memory does not grow with their number,
// and a file is there whole or not at all.
package table

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/data/internal/durable"
)

// Rows are some rows that follow each other. A row has as many values as Shape has
// places.
type Rows struct {
	Shape  []int     // of one row
	Floats []float32 // (N, Shape…); nil where the values are whole numbers
	Ints   []int32   // (N, Shape…)
	Labels []int     // (N) the class, -1 = none; nil where nothing is labelled
	Files  []string  // (N) where each row comes from; nil where that is no file
}

// width is the number of values of a row.
func (r Rows) width() int {
	n := 1
	for _, d := range r.Shape {
		n *= d
	}
	return n
}

// n is the number of rows.
func (r Rows) n() int { return (len(r.Floats) + len(r.Ints)) / max(1, r.width()) }

// Formats lists the endings of the files that Save writes.
func Formats() []string { return []string{".npy", ".npz", ".csv", ".parquet"} }

// Check says what is accepted where a path has none of the endings.
func Check(path string) error {
	if !slices.Contains(Formats(), strings.ToLower(filepath.Ext(path))) {
		return fmt.Errorf("%s: its ending says no form; want %s", path, strings.Join(Formats(), ", "))
	}
	return nil
}

// form is one of the forms of a file.
type form interface {
	// begin is told what the rows are like before the first one: those of first are
	// not written yet.
	begin(first Rows) error
	add(r Rows, at int) error // at is the number of the first row
	end() error
}

// A Writer takes the rows of a table.
type Writer struct {
	form  form
	first Rows // what all rows are like; Shape is nil before the first
	at    int
	want  int
}

// Add writes some rows. All rows of a table are alike: of one shape and type, all
// with labels or files, or none.
func (w *Writer) Add(r Rows) error {
	n := r.n()
	if w.first.Shape == nil {
		w.first = Rows{Shape: slices.Clone(r.Shape), Floats: r.Floats, Ints: r.Ints, Labels: r.Labels, Files: r.Files}
		if err := w.form.begin(w.first); err != nil {
			return err
		}
	}
	switch f := w.first; {
	case !slices.Equal(r.Shape, f.Shape) || (r.Ints != nil) != (f.Ints != nil) || (r.Labels != nil) != (f.Labels != nil) || (r.Files != nil) != (f.Files != nil):
		return fmt.Errorf("row %d is not like those before it", w.at)
	case n*r.width() != len(r.Floats)+len(r.Ints) || r.Labels != nil && len(r.Labels) != n || r.Files != nil && len(r.Files) != n:
		return fmt.Errorf("rows from %d on: %d values of shape %v, %d labels and %d files are no whole rows", w.at, len(r.Floats)+len(r.Ints), r.Shape, len(r.Labels), len(r.Files))
	case w.at+n > w.want:
		return fmt.Errorf("row %d of %d", w.at+n, w.want)
	}
	err := w.form.add(r, w.at)
	w.at += n
	return err
}

// Save makes the file path of the rows that fill adds, n in all, in the form that
// its ending names. What was there stays until the file is complete.
func Save(path string, n int, fill func(w *Writer) error) error {
	if err := Check(path); err != nil {
		return err
	}
	return durable.Write(path, func(f *os.File) error {
		b := bufio.NewWriterSize(f, 1<<18)
		w := &Writer{want: n}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".npy":
			w.form = &npy{w: b, n: n}
		case ".npz":
			w.form = newNPZ(b, n)
		case ".csv":
			w.form = &csv{w: b}
		case ".parquet":
			w.form = &parquetFile{w: b}
		}
		if err := fill(w); err != nil {
			return err
		}
		if w.at != n || n == 0 {
			return fmt.Errorf("%s: got %d rows of %d", path, w.at, n)
		}
		if err := w.form.end(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return b.Flush()
	})
}
