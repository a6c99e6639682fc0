package preview

import (
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"x2vec/data"
	"x2vec/data/readers"
)

// Clips are drawn one a row.
func TestWriteClips(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "bouncing-shapes", Size: 16, Count: 3, Frames: 5})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clips.png")
	for b, err := range data.Sequential(src, 3) {
		if err := errors.Join(err, Write(path, b, Options{})); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.DecodeConfig(f); err != nil || img.Width != 2+5*66 || img.Height != 2+3*66 {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestWrite(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Size: 20, Count: 12})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "batch.png")
	for b, err := range data.Sequential(src, 12) {
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(path, b, Options{}); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		img, err := png.Decode(f)
		if err != nil || img.Bounds().Dx() != 2+10*62 || img.Bounds().Dy() != 2+2*62 {
			t.Fatalf("%v, %v", img.Bounds(), err)
		}
		for i := range 12 { // the middle pixel of every picture
			r, g, blue, _ := img.At(2+i%10*62+31, 2+i/10*62+31).RGBA()
			at := i*1200 + 10*20 + 10
			if byte(r>>8) != b.Pixels[at] || byte(g>>8) != b.Pixels[at+400] || byte(blue>>8) != b.Pixels[at+800] {
				t.Errorf("picture %d is not where it should be", i)
			}
		}
		if err := Write(filepath.Join(path, "x.png"), b, Options{}); err == nil {
			t.Error("a folder that is a file")
		}
	}
	if err := Write(path, &data.Batch{Spec: data.Spec{Name: "words", Shape: []int{5}}}, Options{}); err == nil || err.Error() != "words holds no pictures: an example has the shape [5]" {
		t.Error(err)
	}
}
