package readers

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
	"x2vec/data/transforms"
)

var (
	red   = color.RGBA{255, 0, 0, 255}
	green = color.RGBA{0, 255, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
)

// A WebP picture of one pixel (lossy), by Google's cwebp; as found in many
// programs that test a browser for WebP.
const onePixelWebP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"

// albums is a folder with the splits, two classes, and five formats.
func albums(t testing.TB) map[string][]byte {
	webp, err := base64.StdEncoding.DecodeString(onePixelWebP)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"train/roses/a.png":        encode(t, "png", plain(9, 6, red)),
		"train/roses/b.JPG":        encode(t, "jpeg", plain(6, 9, green)),
		"train/roses/more/c.gif":   encode(t, "gif", plain(5, 5, blue)),
		"train/tulips/d.bmp":       encode(t, "bmp", plain(4, 4, red)),
		"train/tulips/e.webp":      webp,
		"train/tulips/.hidden.png": []byte("x"),
		"train/tulips/notes.txt":   []byte("x"),
		"train/empty/notes.txt":    []byte("x"),
		"train/beside.png":         encode(t, "png", plain(3, 3, red)),
		"val/tulips/f.png":         encode(t, "png", plain(2, 2, blue)),
		"index.csv":                []byte("x"),
	}
}

func TestFolder(t *testing.T) {
	dir := write(t, albums(t))
	var said []string
	o := Options{Name: "folder", Path: dir, Size: 4, Warn: func(s string) { said = append(said, s) }}
	for _, channels := range []int{1, 3} {
		for _, fit := range []transforms.Fit{transforms.Crop, transforms.Stretch} {
			for _, split := range []string{"train", "test"} {
				o.Channels, o.Resize, o.Split = channels, fit, split
				t.Run(fmt.Sprint(channels, fit, split), func(t *testing.T) {
					datatest.Run(t, func() (data.Source, error) { return Open(o) })
				})
			}
		}
	}
	if len(said) == 0 || !strings.Contains(said[0], "1 pictures beside the class folders are left out, train/beside.png first") {
		t.Errorf("said %q", said)
	}
	o.Channels, o.Split = 3, "train"
	src, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if s := src.Spec(); src.Len() != 5 || fmt.Sprint(s.Shape, s.Classes) != "[3 4 4] [roses tulips]" || s.Name != filepath.Base(dir) {
		t.Fatalf("%d of %+v", src.Len(), s)
	}
	for i, want := range []struct {
		file  string
		label int
		c     color.RGBA
	}{{"a.png", 0, red}, {"b.JPG", 0, green}, {"c.gif", 0, blue}, {"d.bmp", 1, red}} {
		e := read(t, src, i)
		if e.Label != want.label || filepath.Base(src.(*folder).File(i)) != want.file {
			t.Errorf("example %d: label %d of %s", i, e.Label, src.(*folder).File(i))
		}
		for c, v := range []byte{want.c.R, want.c.G, want.c.B} {
			if got := e.Pixels[16*c+5]; int(got) < int(v)-8 || int(got) > int(v)+8 {
				t.Errorf("%s: channel %d is %d, want about %d", want.file, c, got, v)
			}
		}
	}
	o.Split = "test"
	if test, err := Open(o); err != nil || read(t, test, 0).Label != 1 {
		t.Errorf("a class keeps its number in test: %v", err)
	}
}

func TestFolderSplitBySeed(t *testing.T) {
	files := map[string][]byte{}
	for i := range 20 {
		files[fmt.Sprintf("%02d.png", i)] = encode(t, "png", plain(2, 2, color.Gray{byte(10 * i)}))
	}
	dir := write(t, files)
	open := func(split string, seed uint64) string {
		src, err := Open(Options{Name: "folder", Path: dir, Split: split, Seed: seed, TestShare: 0.25, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for i := range src.Len() {
			e := read(t, src, i)
			if e.Label != -1 || len(src.Spec().Classes) != 0 {
				t.Error("a flat folder has no classes")
			}
			all = append(all, fmt.Sprint(e.Pixels[0]))
		}
		return strings.Join(all, " ")
	}
	train, test := open("train", 1), open("test", 1)
	both := append(strings.Fields(train), strings.Fields(test)...)
	seen := map[string]bool{}
	for _, p := range both {
		seen[p] = true
	}
	if len(both) != 20 || len(seen) != 20 || len(strings.Fields(test)) != 5 {
		t.Errorf("train %s, test %s", train, test)
	}
	if test != open("test", 1) || test == open("test", 2) {
		t.Error("the split depends on the seed and on nothing else")
	}
}

func TestFolderDamage(t *testing.T) {
	whole := encode(t, "png", plain(40, 40, red))
	huge := bytes.Clone(whole) // the header promises 50,000 squared pixels
	binary.BigEndian.PutUint32(huge[16:], 50_000)
	binary.BigEndian.PutUint32(huge[20:], 50_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	files := map[string][]byte{
		"a.png": encode(t, "png", plain(8, 8, green)),
		"b.png": whole[:len(whole)/2], // sound header
		"c.png": []byte("not a picture at all"),
		"d.png": encode(t, "png", plain(8, 8, blue)),
		"e.jpg": nil,
	}
	dir := write(t, map[string][]byte{"test/x.png": files["a.png"]})
	for name, content := range files {
		if err := os.MkdirAll(filepath.Join(dir, "train"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "train", name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	o := Options{Name: "folder", Path: dir, Size: 8, Warn: func(s string) { said = append(said, s) }}
	refuses(t, "damaged files", o, "c.png: is no png, jpeg, gif, webp or bmp picture", "e.jpg: is ", `damaged = "skip" leaves`)

	o.OnDamaged = "skip"
	src, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if src.Len() != 3 || len(said) != 2 || !strings.Contains(said[0], "left out: ") {
		t.Errorf("%d examples, said %q", src.Len(), said)
	}
	for range 2 { // b is cut off: d stands in for it, and that is said once
		if e := read(t, src, 1); e.Pixels[0] != 0 || e.Pixels[2*64] != 255 {
			t.Errorf("in place of the damaged one: %v", e.Pixels)
		}
	}
	if len(said) != 3 || !strings.Contains(said[2], "b.png: is damaged: ") {
		t.Errorf("said %q", said)
	}

	o.OnDamaged = "keep"
	src, err = Open(o)
	if err != nil || src.Len() != 5 {
		t.Fatalf("keep: %v", err)
	}
	e := data.Example{Pixels: make([]byte, 3*64)}
	if err := src.Read(2, &e); err == nil || !strings.Contains(err.Error(), "c.png: is no") {
		t.Errorf("keep: %v", err)
	}

	bomb := write(t, map[string][]byte{"train/bomb.png": huge, "test/b.png": files["a.png"]})
	refuses(t, "bomb", Options{Name: "folder", Path: bomb, Size: 8}, "bomb.png: has 50000x50000 pixels, more than 64 megapixels")
	refuses(t, "empty folder", Options{Name: "folder", Path: t.TempDir()}, "no picture in it")
	refuses(t, "one picture", Options{Name: "folder", Path: write(t, map[string][]byte{"a.png": files["a.png"]})}, "one picture cannot be split")
	refuses(t, "sizes", Options{Name: "folder", Path: write(t, albums(t))}, "is 9x6, no square; say by data.size")
	refuses(t, "no path", Options{Name: "folder"}, "path: is empty")
	refuses(t, "no folder", Options{Name: "folder", Path: "/no/such/folder"}, "/no/such/folder: no such file or folder")
	all := write(t, map[string][]byte{"train/a.png": nil, "train/b.png": nil, "test/c.png": nil})
	refuses(t, "all damaged", Options{Name: "folder", Path: all, OnDamaged: "skip"}, "every picture of the train split is damaged")
	other := albums(t)
	other["val/orchids/x.png"] = files["a.png"]
	refuses(t, "another class in test", Options{Name: "folder", Path: write(t, other), Split: "test", Size: 4}, `no class "orchids"; they have roses, tulips`)
}

// What stands in for a damaged picture is of its class, so that no label is wrong.
func TestFolderStandIn(t *testing.T) {
	whole := encode(t, "png", plain(40, 40, red))
	files := map[string][]byte{
		"train/a/1.png": encode(t, "png", plain(8, 8, green)),
		"train/a/2.png": whole[:len(whole)/2], // sound header
		"train/b/3.png": encode(t, "png", plain(8, 8, blue)),
		"train/c/4.png": whole[:len(whole)/2],
		"test/a/5.png":  encode(t, "png", plain(8, 8, green)),
	}
	src, err := Open(Options{Name: "folder", Path: write(t, files), Size: 8, OnDamaged: "skip"})
	if err != nil {
		t.Fatal(err)
	}
	if e := read(t, src, 1); e.Label != 0 || e.Pixels[64] != 255 || e.Pixels[2*64] != 0 {
		t.Errorf("in place of one of the first class: label %d, %v", e.Label, e.Pixels)
	}
	e := data.Example{Pixels: make([]byte, 3*64)}
	if err := src.Read(3, &e); err == nil || !strings.Contains(err.Error(), "4.png: is damaged") {
		t.Errorf("the only one of its class: %v", err)
	}
}

// A decoder that panics says of the file that it is damaged, and ends nothing.
func TestFolderDecoderPanics(t *testing.T) {
	image.RegisterFormat("trap", "trap!", func(io.Reader) (image.Image, error) { panic("a fault of the decoder") },
		func(r io.Reader) (image.Config, error) {
			if b, _ := io.ReadAll(r); len(b) > 5 {
				panic("a fault of the decoder")
			}
			return image.Config{Width: 8, Height: 8}, nil
		})
	files := map[string][]byte{
		"train/a.png": encode(t, "png", plain(8, 8, green)),
		"train/b.png": []byte("trap!"), // in its pixels
		"test/c.png":  encode(t, "png", plain(8, 8, green)),
	}
	o := Options{Name: "folder", Path: write(t, files), Size: 8}
	src, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	e := data.Example{Pixels: make([]byte, 3*64)}
	if err := src.Read(1, &e); err == nil || !strings.Contains(err.Error(), "b.png: a fault of the decoder") {
		t.Errorf("%v", err)
	}
	files["train/b.png"] = []byte("trap! and more") // in its header
	o.Path = write(t, files)
	refuses(t, "a decoder that panics", o, "internal fault while looking at ", "b.png: a fault of the decoder")
}

func TestFolderChecksum(t *testing.T) {
	sum := func(files map[string][]byte, size int) string {
		src, err := Open(Options{Name: "folder", Path: write(t, files), Size: size})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.(data.Checksummer).Checksum()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	files := albums(t)
	a := sum(files, 4)
	if sum(files, 5) == a {
		t.Error("another size, the same checksum")
	}
	files["train/roses/a.png"] = encode(t, "png", plain(9, 6, blue))
	if sum(files, 4) == a {
		t.Error("other pixels, the same checksum")
	}
}

func FuzzPicture(f *testing.F) {
	for _, format := range []string{"png", "jpeg", "gif", "bmp"} {
		f.Add(encode(f, format, plain(5, 3, green)))
	}
	webp, _ := base64.StdEncoding.DecodeString(onePixelWebP)
	f.Add(webp)
	f.Fuzz(func(t *testing.T, raw []byte) {
		// The bound on pixels is tested above; here it would only make fuzzing slow.
		if c, err := header(bytes.NewReader(raw)); err == nil && c.Width*c.Height > 1<<16 {
			return
		}
		dst := make([]byte, 3*8*8)
		_ = decode(dst, raw, 3, 8, transforms.Crop) // an error or not, never a panic
	})
}
