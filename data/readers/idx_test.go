package readers

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
)

func idxFiles(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte.gz": pack(t, idx(ramp(7*4*3), 7, 4, 3)),
		"train-labels-idx1-ubyte.gz": pack(t, idx([]byte{0, 1, 2, 3, 4, 5, 9}, 7)),
		"t10k-images-idx3-ubyte":     idx(ramp(2*4*3), 2, 4, 3),
		"t10k-labels-idx1-ubyte":     idx([]byte{9, 0}, 2),
	}
}

func TestIDX(t *testing.T) {
	dir := write(t, idxFiles(t))
	for _, split := range []string{"train", "test"} {
		t.Run(split, func(t *testing.T) {
			datatest.Run(t, func() (data.Source, error) { return Open(Options{Name: "fashion-mnist", Path: dir, Split: split}) })
		})
	}
	src, err := Open(Options{Name: "fashion-mnist", Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s := src.Spec(); src.Len() != 7 || fmt.Sprint(s.Shape) != "[1 4 3]" || s.Classes[9] != "Ankle boot" || s.Mean[0] != 0.2860 {
		t.Errorf("%d of %+v", src.Len(), s)
	}
	if e := read(t, src, 6); e.Label != 9 || !bytes.Equal(e.Pixels, ramp(7 * 12)[6*12:]) {
		t.Errorf("example 6: %+v", e)
	}
	plain, err := Open(Options{Name: "idx", Path: dir, Split: "test"})
	if err != nil || len(plain.Spec().Classes) != 10 {
		t.Errorf("idx: %v", err)
	}
}

// The same files packed and unpacked, by any of their names and in the folders
// where other programs put them, are the same data.
func TestIDXNames(t *testing.T) {
	images, labels := idx(ramp(24), 2, 4, 3), idx([]byte{1, 2}, 2)
	var sums []string
	for _, names := range [][2]string{
		{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
		{"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
		{"raw/train-images-idx3-ubyte.gz", "raw/train-labels-idx1-ubyte.gz"},
		{"MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte.gz"},
	} {
		files := map[string][]byte{names[0]: images, names[1]: labels}
		for n := range files {
			if strings.HasSuffix(n, ".gz") {
				files[n] = pack(t, files[n])
			}
		}
		src, err := Open(Options{Name: "mnist", Path: write(t, files)})
		if err != nil {
			t.Errorf("%s: %v", names[0], err)
			continue
		}
		sum, err := src.(data.Checksummer).Checksum()
		if err != nil {
			t.Error(err)
		}
		sums = append(sums, sum)
	}
	for _, s := range sums {
		if s != sums[0] {
			t.Errorf("checksums differ: %v", sums)
		}
	}
}

func TestEMNIST(t *testing.T) {
	dir := write(t, map[string][]byte{
		"gzip/emnist-letters-train-images-idx3-ubyte.gz": pack(t, idx([]byte{1, 2, 3, 4, 5, 6}, 1, 2, 3)),
		"gzip/emnist-letters-train-labels-idx1-ubyte.gz": pack(t, idx([]byte{26}, 1)),
		"gzip/emnist-digits-train-images-idx3-ubyte":     idx([]byte{1, 2, 3, 4}, 1, 2, 2),
		"gzip/emnist-digits-train-labels-idx1-ubyte":     idx([]byte{0}, 1),
		"gzip/emnist-mnist-train-images-idx3-ubyte":      idx([]byte{1, 2, 3, 4}, 1, 2, 2),
		"gzip/emnist-mnist-train-labels-idx1-ubyte":      idx([]byte{11}, 1),
	})
	src, err := Open(Options{Name: "emnist", Path: dir, Variant: "letters"})
	if err != nil {
		t.Fatal(err)
	}
	e := read(t, src, 0)
	if s := src.Spec(); e.Label != 25 || s.Classes[25] != "z" || s.Name != "emnist-letters" || fmt.Sprint(s.Shape, e.Pixels) != "[1 3 2] [1 4 2 5 3 6]" {
		t.Errorf("label %d, %v %v", e.Label, s.Shape, e.Pixels)
	}
	stored, err := Open(Options{Name: "emnist", Path: dir, Variant: "letters", AsStored: true})
	if err != nil || fmt.Sprint(read(t, stored, 0).Pixels) != "[1 2 3 4 5 6]" {
		t.Errorf("as stored: %v", err)
	}
	// The same out of the archive in which it is given away.
	packed := t.TempDir()
	archive, err := os.Create(filepath.Join(packed, emnistArchive))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(archive)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), archive.Close()); err != nil {
		t.Fatal(err)
	}
	fromZip, err := Open(Options{Name: "emnist", Path: packed, Variant: "letters"})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, fromZip, 0); fmt.Sprint(got) != fmt.Sprint(e) {
		t.Errorf("out of the archive: %v, want %v", got, e)
	}
	if err := os.Truncate(filepath.Join(packed, emnistArchive), 40); err != nil {
		t.Fatal(err)
	}
	refuses(t, "an archive that is cut off", Options{Name: "emnist", Path: packed, Variant: "letters"}, "is damaged")

	refuses(t, "several variants", Options{Name: "emnist", Path: filepath.Join(dir, "gzip")}, "variant is one of digits, letters, mnist")
	refuses(t, "label out of range", Options{Name: "emnist", Path: dir, Variant: "mnist"}, "label of example 0 is 11, want 0 to 9")
	refuses(t, "not there", Options{Name: "emnist", Path: dir, Variant: "balanced"}, "no emnist-balanced-train-images-idx3-ubyte")
	refuses(t, "no such variant", Options{Name: "emnist", Path: dir, Variant: "leters"}, `did you mean "letters"?`)
	for name, classes := range map[string]int{"balanced": 47, "bymerge": 47, "byclass": 62, "letters": 26, "digits": 10, "mnist": 10} {
		if n := len(emnistClasses[name]); n != classes {
			t.Errorf("%s has %d classes, want %d", name, n, classes)
		}
	}
}

// Every damage is told in a sentence with the path.
func TestIDXDamage(t *testing.T) {
	good := idxFiles(t)
	huge := append([]byte{0, 0, 8, 3}, bytes.Repeat([]byte{0xff}, 12)...)
	big := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, 1<<30)
	big = append(big, 0, 0, 0, 1, 0, 0, 0, 1)
	packed := good["train-images-idx3-ubyte.gz"]
	wrongSum := bytes.Clone(packed)
	wrongSum[len(wrongSum)-8] ^= 1
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "is cut off: 0 bytes are no IDX file"},
		{"one byte", []byte{0}, "is cut off: 1 bytes"},
		{"cut in the magic", []byte{0, 0, 8}, "cut off in the header, after 3 bytes"},
		{"cut in the shape", idx(nil, 7, 4, 3)[:10], "cut off in the header, after 10 bytes"},
		{"wrong magic", []byte("PNG is something else"), "is no IDX file: it begins with 50 4e 47 20, want 00 00 08 03"},
		{"floats", append([]byte{0, 0, 13, 3}, make([]byte, 100)...), "holds values of type 0x0d; only unsigned bytes"},
		{"labels in place of images", idx(ramp(7), 7), "has 1 dimensions (magic 2049), want 3 (magic 2051)"},
		{"nothing", idx(nil, 0, 28, 28), "dimension 0 is 0"},
		{"too short", idx(ramp(80), 7, 4, 3), "promises [7 4 3] = 84 values, there are 80"},
		{"too long", idx(ramp(85), 7, 4, 3), "bytes after the 84 values"},
		{"overflowing header", huge, "its header promises"},
		{"giant header", big, "promises [1073741824 1 1] = 1073741824 values, there are 0"},
		{"giant packed header", pack(t, big), "packed bytes cannot hold"},
		{"too short, packed", pack(t, idx(ramp(80), 7, 4, 3)), "there are 80"},
		{"too long, packed", pack(t, idx(ramp(85), 7, 4, 3)), "bytes after the 84 values"},
		{"packed, cut off", packed[:len(packed)-20], "the file ends too early"},
		{"packed, without its sum", packed[:len(packed)-8], "the file ends too early"},
		{"packed, wrong sum", wrongSum, "gzip: invalid checksum"},
		{"packed, cut in the header", packed[:5], "gzip header: the file ends too early"},
		{"fewer images than labels", idx(ramp(72), 6, 4, 3), "holds 6 images, but train-labels-idx1-ubyte.gz 7 labels"},
	} {
		files := idxFiles(t)
		delete(files, "train-images-idx3-ubyte.gz")
		files["train-images-idx3-ubyte"] = c.content
		dir := write(t, files)
		refuses(t, c.name, Options{Name: "mnist", Path: dir}, filepath.Join(dir, "train-images-idx3-ubyte")+":", c.want)
		if c.name == "fewer images than labels" {
			continue
		}
		if _, _, err := readIDX(filepath.Join(dir, "train-images-idx3-ubyte"), 3); err == nil {
			t.Errorf("%s: is read", c.name)
		}
	}
	files := idxFiles(t)
	delete(files, "train-labels-idx1-ubyte.gz")
	refuses(t, "no labels", Options{Name: "mnist", Path: write(t, files)}, "no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz in it")
	files = idxFiles(t)
	files["train-labels-idx1-ubyte.gz"] = idx([]byte{0, 1, 2, 10, 4, 5, 9}, 7)
	refuses(t, "label 10", Options{Name: "mnist", Path: write(t, files)}, "label of example 3 is 10, want 0 to 9")
	refuses(t, "empty folder", Options{Name: "mnist", Path: t.TempDir()}, "no train-images-idx3-ubyte or train-images-idx3-ubyte.gz in it")
}

// The header of a small file must not make the program take memory.
func TestIDXHeaderTakesNoMemory(t *testing.T) {
	big := append([]byte{0, 0, 8, 1}, 0xf0, 0, 0, 0) // 4 GB less some
	for _, raw := range [][]byte{big, pack(t, append(big, make([]byte, 1<<20)...))} {
		before := allocated()
		if _, v, err := parseIDX(bytes.NewReader(raw), int64(len(raw)), 1); err == nil || len(v) > 2<<20 {
			t.Errorf("is accepted, or %d values are read", len(v))
		}
		if after := allocated(); after-before > 16<<20 {
			t.Errorf("%d bytes of a file take %d MB", len(raw), (after-before)>>20)
		}
	}
}

func FuzzIDX(f *testing.F) {
	for _, dims := range []int{1, 3} {
		f.Add(idx(ramp(24), []int{24}...), dims)
		f.Add(idx(ramp(24), 2, 4, 3), dims)
		f.Add(pack(f, idx(ramp(24), 2, 4, 3)), dims)
		f.Add(append([]byte{0, 0, 8, 3}, bytes.Repeat([]byte{0xff}, 12)...), dims)
	}
	f.Fuzz(func(t *testing.T, raw []byte, dims int) {
		if dims < 1 || dims > 4 {
			return
		}
		shape, values, err := parseIDX(bytes.NewReader(raw), int64(len(raw)), dims)
		if err != nil {
			return
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		if len(shape) != dims || n != len(values) {
			t.Errorf("shape %v with %d values", shape, len(values))
		}
	})
}

// TestRealIDX reads whole data sets where they are at hand.
func TestRealIDX(t *testing.T) {
	found := false
	for name, want := range map[string]string{
		"mnist":         "[5923 6742 5958 6131 5842 5421 5918 6265 5851 5949]",
		"fashion-mnist": "[6000 6000 6000 6000 6000 6000 6000 6000 6000 6000]",
	} {
		if os.Getenv("X2VEC_DATA") == "" || !exists(filepath.Join(os.Getenv("X2VEC_DATA"), name)) {
			continue
		}
		found = true
		src, err := Open(Options{Name: name})
		if err != nil {
			t.Error(err)
			continue
		}
		counts := make([]int, 10)
		for _, l := range src.(*memory).labels {
			counts[l]++
		}
		if got := fmt.Sprint(counts); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if !found {
		t.Skip("no mnist or fashion-mnist under X2VEC_DATA")
	}
}
