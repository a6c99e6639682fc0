package readers

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
)

func TestCIFAR(t *testing.T) {
	files := map[string][]byte{
		"cifar-10-batches-bin/data_batch_1.bin": cifar(1, 3),
		"cifar-10-batches-bin/data_batch_3.bin": cifar(1, 2),
		"cifar-10-batches-bin/test_batch.bin":   cifar(1, 4),
		"cifar-10-batches-bin/batches.meta.txt": []byte("airplane\n"),
	}
	dir := write(t, files)
	// In the archive as it is published the files are not in order.
	packed := write(t, map[string][]byte{"cifar-10-binary.tar.gz": archive(t, files,
		"cifar-10-batches-bin/data_batch_3.bin", "cifar-10-batches-bin/batches.meta.txt",
		"cifar-10-batches-bin/test_batch.bin", "cifar-10-batches-bin/data_batch_1.bin")})
	var sums []string
	for _, path := range []string{
		dir, filepath.Join(dir, "cifar-10-batches-bin"), packed, filepath.Join(packed, "cifar-10-binary.tar.gz"),
	} {
		var said []string
		o := Options{Name: "cifar10", Path: path, Warn: func(s string) { said = append(said, s) }}
		datatest.Run(t, func() (data.Source, error) { return Open(o) })
		src, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if len(said) == 0 || !strings.HasSuffix(said[0], ": 2 of 5 training files are there: 5 images") {
			t.Errorf("%s: said %q", path, said)
		}
		if e := read(t, src, 4); src.Len() != 5 || e.Label != 1 || e.Pixels[0] != 1 || !bytes.Equal(e.Pixels[1:], ramp(cifarPixels)[1:]) {
			t.Errorf("%s: %d examples, the last with label %d", path, src.Len(), e.Label)
		}
		sum, _ := src.(data.Checksummer).Checksum()
		sums = append(sums, sum)
		test, err := Open(Options{Name: "cifar10", Path: path, Split: "test"})
		if err != nil || test.Len() != 4 {
			t.Errorf("%s: test: %v", path, err)
		}
	}
	for _, s := range sums {
		if s != sums[0] {
			t.Errorf("checksums differ: %v", sums)
		}
	}
}

func TestCIFAR100(t *testing.T) {
	record := append([]byte{19, 99}, ramp(cifarPixels)...)
	dir := write(t, map[string][]byte{"train.bin": record, "test.bin": record})
	fine, err := Open(Options{Name: "cifar100", Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := Open(Options{Name: "cifar100", Path: dir, Variant: "coarse", Split: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for want, src := range map[string]data.Source{"100 worm": fine, "20 vehicles_2": coarse} {
		e := read(t, src, 0)
		if got := fmt.Sprint(len(src.Spec().Classes), " ", src.Spec().Classes[e.Label]); got != want || e.Pixels[1] != ramp(2)[1] {
			t.Errorf("%s, want %s", got, want)
		}
	}
	refuses(t, "another variant", Options{Name: "cifar100", Path: dir, Variant: "medium"}, `want "fine"`)
}

func TestCIFARDamage(t *testing.T) {
	good := cifar(1, 3)
	bad := bytes.Clone(good)
	bad[cifarPixels+1] = 10
	whole := archive(t, map[string][]byte{"test_batch.bin": good}, "test_batch.bin")
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"empty folder", nil, "no data_batch_1.bin, no cifar-10-batches-bin and no cifar-10-binary.tar.gz in it"},
		{"cut off", map[string][]byte{"data_batch_1.bin": good[:5000]}, "data_batch_1.bin: has 5000 bytes, want a multiple of 3073"},
		{"empty", map[string][]byte{"data_batch_1.bin": nil}, "has 0 bytes"},
		{"trailing bytes", map[string][]byte{"data_batch_2.bin": append(good, 0)}, "has 9220 bytes"},
		{"label", map[string][]byte{"data_batch_1.bin": bad}, "label of record 1 is 10, want 0 to 9"},
		{"too long", map[string][]byte{"data_batch_1.bin": make([]byte, 3073*10001)}, "want at most 30730000 (10000 records)"},
		{"python version", map[string][]byte{"cifar-10-batches-py/data_batch_1": good}, "holds the Python version"},
		{"no archive", map[string][]byte{"cifar-10-binary.tar.gz": good}, "is no gzip archive"},
		{"archive cut off", map[string][]byte{"cifar-10-binary.tar.gz": whole[:len(whole)-40]}, "cifar-10-binary.tar.gz: is damaged"},
		{"not in the archive", map[string][]byte{"cifar-10-binary.tar.gz": whole}, "no data_batch_1.bin in it"},
	} {
		refuses(t, c.name, Options{Name: "cifar10", Path: write(t, c.files)}, c.want)
	}
}

// Whatever the archive, or the file in it, holds: an error, or whole records.
func FuzzCIFAR(f *testing.F) {
	good := cifar(1, 2)
	f.Add(archive(f, map[string][]byte{"a/test_batch.bin": good}, "a/test_batch.bin"))
	f.Add(archive(f, map[string][]byte{"test_batch.bin": good[:100]}, "test_batch.bin"))
	f.Add(pack(f, good))
	f.Add(good)
	f.Fuzz(func(t *testing.T, raw []byte) {
		set := cifarSets["cifar10"]
		batches, err := set.untar("x.tar.gz", bytes.NewReader(raw), "test")
		if err != nil {
			batches = nil
		}
		batches = append(batches, batch{"x.bin", int64(len(raw)), func(buf []byte) ([]byte, error) { return append(buf, raw...), nil }})
		for _, b := range batches {
			pixels, labels, _, err := set.unite([]batch{b}, "")
			if err == nil && (len(labels) == 0 || len(pixels) != len(labels)*cifarPixels || slices.Max(labels) > 9) {
				t.Errorf("%d labels, %d pixels", len(labels), len(pixels))
			}
		}
	})
}
