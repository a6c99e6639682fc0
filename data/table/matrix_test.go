package table

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What Save writes, ReadNPY gives back.
func TestReadNPY(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	want := []float32{1, 2.5, -3, 0, 1e-7, 6}
	err := Save(path, 3, func(w *Writer) error { return w.Add(Rows{Shape: []int{2}, Floats: want}) })
	if err != nil {
		t.Fatal(err)
	}
	x, shape, err := ReadNPY(path)
	if err != nil || !slices.Equal(shape, []int{3, 2}) {
		t.Fatalf("shape %v, %v", shape, err)
	}
	for i, v := range want {
		if x[i] != float64(v) {
			t.Errorf("value %d is %v, want %v", i, x[i], v)
		}
	}
	if _, _, err := ReadNPY(path + "x"); err == nil {
		t.Error("a file that is not there is read")
	}
}

// header is an array of NumPy with that text in its header.
func header(text string, values ...byte) []byte {
	return append(append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), 0), append([]byte(text), values...)...)
}

func TestReadNPYRefuses(t *testing.T) {
	for want, b := range map[string][]byte{
		"is no .npy file":     []byte("hello there, all"),
		"ends in its header":  header("{'descr'")[:12],
		"in C order":          header("{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }"),
		"want numbers":        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
		"ends after 0 of its": header("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }", 1, 2, 3),
		"want at most":        header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999), }"),
	} {
		if _, _, err := decodeNPY(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", b, err, want)
		}
	}
	x, shape, err := decodeNPY(bytes.NewReader(header("{'descr': '<i4', 'fortran_order': False, 'shape': (), }", 254, 255, 255, 255)))
	if err != nil || len(shape) != 0 || !slices.Equal(x, []float64{-2}) {
		t.Errorf("a single value is read as %v of %v, %v", x, shape, err)
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add(header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", make([]byte, 16)...))
	f.Add(header("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, shape, err := decodeNPY(bytes.NewReader(b))
		n := 1
		for _, d := range shape {
			n *= d
		}
		if err == nil && len(x) != n {
			t.Errorf("%d values of shape %v", len(x), shape)
		}
	})
}
