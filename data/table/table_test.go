package table

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// made are n rows of width values, in blocks of three rows.
func made(n, width int, ints, labels, files bool) (list []Rows) {
	for at := 0; at < n; at += 3 {
		r := Rows{Shape: []int{width}}
		for i := at; i < min(n, at+3); i++ {
			for j := range width {
				if ints {
					r.Ints = append(r.Ints, int32(i*1000-j))
				} else {
					r.Floats = append(r.Floats, float32(i)+float32(j)/3)
				}
			}
			if labels {
				r.Labels = append(r.Labels, i%4-1)
			}
			if files {
				r.Files = append(r.Files, fmt.Sprintf("a,\"%d\".png", i))
			}
		}
		list = append(list, r)
	}
	return list
}

func save(t *testing.T, path string, n int, list []Rows) {
	t.Helper()
	err := Save(path, n, func(w *Writer) error {
		for _, r := range list {
			if err := w.Add(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readNPY is format 1.0 as numpy/lib/format.py describes it.
func readNPY(t *testing.T, b []byte) (kind string, shape string, values []byte) {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("no magic: %q", b[:10])
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	if (10+n)%64 != 0 || b[10+n-1] != '\n' {
		t.Errorf("the header of %d bytes is not padded to 64 with a line end", n)
	}
	m := regexp.MustCompile(`^\{'descr': '(.*)', 'fortran_order': False, 'shape': \((.*)\), \} *\n$`).FindStringSubmatch(string(b[10 : 10+n]))
	if m == nil {
		t.Fatalf("header %q", b[10:10+n])
	}
	return m[1], m[2], b[10+n:]
}

func TestNPY(t *testing.T) {
	dir := t.TempDir()
	for _, ints := range []bool{false, true} {
		list := made(7, 5, ints, true, false)
		save(t, filepath.Join(dir, "z.npy"), 7, list)
		save(t, filepath.Join(dir, "z.npz"), 7, list)
		b, err := os.ReadFile(filepath.Join(dir, "z.npy"))
		if err != nil {
			t.Fatal(err)
		}
		kind, shape, values := readNPY(t, b)
		if want := map[bool]string{false: "<f4", true: "<i4"}[ints]; kind != want || shape != "7, 5," || len(values) != 7*5*4 {
			t.Errorf("type %s, shape (%s), %d bytes", kind, shape, len(values))
		}
		bits := binary.LittleEndian.Uint32(values[4*(6*5+2):]) // row 6, value 2
		if got := math.Float32frombits(bits); !ints && got != list[2].Floats[2] || ints && int32(bits) != 5998 {
			t.Errorf("row 6 has %v, %d", got, int32(bits))
		}
		z, err := zip.OpenReader(filepath.Join(dir, "z.npz"))
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string][]byte{}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if parts[f.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		z.Close()
		if !bytes.Equal(parts["z.npy"], b) {
			t.Error("z of the npz is not the npy")
		}
		kind, shape, values = readNPY(t, parts["labels.npy"])
		if kind != "<i8" || shape != "7," || int64(binary.LittleEndian.Uint64(values)) != -1 || values[8] != 0 || len(values) != 56 {
			t.Errorf("labels: %s (%s) %v", kind, shape, values)
		}
	}
	// A row of several axes keeps them.
	r := made(2, 6, false, false, false)
	r[0].Shape = []int{2, 3}
	save(t, filepath.Join(dir, "z.npy"), 2, r)
	b, _ := os.ReadFile(filepath.Join(dir, "z.npy"))
	if _, shape, _ := readNPY(t, b); shape != "2, 2, 3," {
		t.Errorf("shape (%s)", shape)
	}
}

func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z.csv")
	list := made(7, 2, false, true, true)
	list[0].Floats[1] = 1.0 / 3
	save(t, path, 7, list)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := stdcsv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines[0], " "); got != "index file label z0 z1" || len(lines) != 8 {
		t.Fatalf("%d lines, the first is %s", len(lines), got)
	}
	if got := lines[1]; !slices.Equal(got, []string{"0", `a,"0".png`, "", "0", "0.33333334"}) {
		t.Errorf("%q", got)
	}
	if v, _ := strconv.ParseFloat(lines[7][4], 32); lines[7][2] != "1" || float32(v) != list[2].Floats[1] {
		t.Errorf("%q", lines[7])
	}
	save(t, path, 2, made(2, 2, true, false, false))
	if b, _ := os.ReadFile(path); string(b) != "index,z0,z1\n0,0,-1\n1,1000,999\n" {
		t.Errorf("%q", b)
	}
}

func TestParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "z.parquet")
	type row struct {
		Index int64     `parquet:"index"`
		File  *string   `parquet:"file"`
		Label *int64    `parquet:"label"`
		Z     []float32 `parquet:"z,list"`
	}
	list := made(8, 5, false, true, true)
	save(t, path, 8, list)
	got, err := parquet.ReadFile[row](path)
	if err != nil || len(got) != 8 {
		t.Fatal(len(got), err)
	}
	for i, r := range got {
		want := list[i/3]
		if r.Index != int64(i) || *r.File != want.Files[i%3] || !slices.Equal(r.Z, want.Floats[i%3*5:][:5]) {
			t.Errorf("row %d: %d, %s, %v", i, r.Index, *r.File, r.Z)
		}
		if l := want.Labels[i%3]; (l < 0) != (r.Label == nil) || l >= 0 && *r.Label != int64(l) {
			t.Errorf("row %d: label %v, want %d", i, r.Label, l)
		}
	}
	save(t, path, 4, made(4, 3, true, false, false))
	codes, err := parquet.ReadFile[struct {
		Index int64   `parquet:"index"`
		Z     []int32 `parquet:"z,list"`
	}](path)
	if err != nil || len(codes) != 4 || !slices.Equal(codes[3].Z, []int32{3000, 2999, 2998}) {
		t.Errorf("%v, %v", codes, err)
	}
}

// A file that cannot be completed is not there, and what was there stays.
func TestAllOrNothing(t *testing.T) {
	fault := errors.New("no more codes")
	for _, ending := range Formats() {
		dir := t.TempDir()
		path := filepath.Join(dir, "z"+ending)
		for _, before := range []string{"", "what was there"} {
			if before != "" {
				if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			rows := made(6, 4, false, true, false)
			for name, fill := range map[string]func(w *Writer) error{
				"fails":       func(w *Writer) error { return errors.Join(w.Add(rows[0]), fault) },
				"too few":     func(w *Writer) error { return w.Add(rows[0]) },
				"too many":    func(w *Writer) error { return errors.Join(w.Add(rows[0]), w.Add(rows[1]), w.Add(rows[0])) },
				"no label":    func(w *Writer) error { return errors.Join(w.Add(rows[0]), w.Add(made(3, 4, false, false, false)[0])) },
				"other shape": func(w *Writer) error { return errors.Join(w.Add(rows[0]), w.Add(made(3, 5, false, true, false)[0])) },
			} {
				if err := Save(path, 6, fill); err == nil {
					t.Errorf("%s, %s: no error", ending, name)
				}
			}
			b, err := os.ReadFile(path)
			if before == "" && !errors.Is(err, os.ErrNotExist) || string(b) != before {
				t.Errorf("%s: %q, %v", ending, b, err)
			}
			if left, _ := os.ReadDir(dir); len(left) != len(before)/max(1, len(before)) {
				t.Errorf("%s: %d files are left", ending, len(left))
			}
		}
	}
	if err := Save("z.json", 1, nil); err == nil || err.Error() != "z.json: its ending says no form; want .npy, .npz, .csv, .parquet" {
		t.Error(err)
	}
}

// What is held does not grow with the number of rows.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	const width, block, blocks = 256, 500, 100 // 51 MB
	r := Rows{Shape: []int{width}, Floats: make([]float32, block*width), Labels: make([]int, block)}
	for i := range r.Floats {
		r.Floats[i] = float32(i) * 1e-3
	}
	for _, ending := range []string{".npy", ".parquet"} {
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		most := uint64(0)
		err := Save(filepath.Join(t.TempDir(), "z"+ending), block*blocks, func(w *Writer) error {
			for i := range blocks {
				if err := w.Add(r); err != nil {
					return err
				}
				if i%20 == 19 {
					runtime.GC()
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if most > 30e6 {
			t.Errorf("%s: %d bytes are held", ending, most)
		}
	}
}
