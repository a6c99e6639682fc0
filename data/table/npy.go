package table

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// npy is one array, (N, Shape…), without labels: format 1.0 of NumPy's
// numpy/lib/format.py.
type npy struct {
	w   io.Writer
	n   int
	raw []byte
}

func (f *npy) begin(first Rows) error {
	kind := "<f4"
	if first.Ints != nil {
		kind = "<i4"
	}
	return npyHeader(f.w, kind, append([]int{f.n}, first.Shape...))
}

// npyHeader writes what stands before the values: magic, version, and the type and
// shape as a Python dictionary, padded so that the values begin at a multiple of 64.
func npyHeader(w io.Writer, kind string, shape []int) error {
	var dims strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, strings.TrimSuffix(dims.String(), " "))
	const before = 10 // magic, version, length
	pad := 64 - (before+len(text)+1)%64
	head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(head[8:], uint16(len(text)+pad+1))
	_, err := w.Write(append(head, text+strings.Repeat(" ", pad)+"\n"...))
	return err
}

func (f *npy) add(r Rows, _ int) error {
	f.raw = f.raw[:0]
	for _, v := range r.Floats {
		f.raw = binary.LittleEndian.AppendUint32(f.raw, math.Float32bits(v))
	}
	for _, v := range r.Ints {
		f.raw = binary.LittleEndian.AppendUint32(f.raw, uint32(v))
	}
	_, err := f.w.Write(f.raw)
	return err
}

func (f *npy) end() error { return nil }

// npz is an archive of two arrays: z, (N, Shape…), and where there are any, labels,
// (N), which are held until z is written, 8 bytes each.
type npz struct {
	zip    *zip.Writer
	z      npy
	labels []int
}

func newNPZ(w io.Writer, n int) *npz { return &npz{zip: zip.NewWriter(w), z: npy{n: n}} }

func (f *npz) begin(first Rows) (err error) {
	if f.z.w, err = f.zip.CreateHeader(&zip.FileHeader{Name: "z.npy", Method: zip.Store}); err != nil {
		return err
	}
	return f.z.begin(first)
}

func (f *npz) add(r Rows, at int) error {
	f.labels = append(f.labels, r.Labels...)
	return f.z.add(r, at)
}

func (f *npz) end() error {
	if f.labels != nil {
		w, err := f.zip.CreateHeader(&zip.FileHeader{Name: "labels.npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := npyHeader(w, "<i8", []int{len(f.labels)}); err != nil {
			return err
		}
		for len(f.labels) > 0 {
			part := f.labels[:min(len(f.labels), 4096)]
			raw := make([]byte, 0, 8*len(part))
			for _, l := range part {
				raw = binary.LittleEndian.AppendUint64(raw, uint64(l))
			}
			if _, err := w.Write(raw); err != nil {
				return err
			}
			f.labels = f.labels[len(part):]
		}
	}
	return f.zip.Close()
}
