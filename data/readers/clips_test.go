package readers

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
)

func TestBouncing(t *testing.T) {
	t.Setenv("X2VEC_DATA", t.TempDir())
	t.Setenv("X2VEC_CACHE", t.TempDir())
	for _, o := range []Options{
		{Name: "bouncing-shapes", Count: 30, Size: 16, Seed: 3},
		{Name: "bouncing-shapes", Count: 30, Size: 9, Channels: 1, Objects: 1, Frames: 3, Split: "test"},
		{Name: "bouncing-digits", Count: 30, Size: 20},
		{Name: "bouncing-digits", Count: 30, Size: 64, Objects: 1, Split: "test"},
	} {
		t.Run(fmt.Sprintf("%s %s %d", o.Name, o.Split, o.Size), func(t *testing.T) {
			datatest.Run(t, func() (data.Source, error) { return Open(o) })
		})
	}
}

// A single shape moves by its speed from its place, straight on until it meets a border.
func TestBouncingMoves(t *testing.T) {
	const size, frames = 48, 12
	src, err := Open(Options{Name: "bouncing-shapes", Count: 40, Size: size, Channels: 1, Objects: 1, Frames: frames})
	if err != nil {
		t.Fatal(err)
	}
	straight := 0
	for i := range src.Len() {
		e := read(t, src, i)
		x, y, vx, vy := float64(e.Factors[0]), float64(e.Factors[1]), float64(e.Factors[2]), float64(e.Factors[3])
		if speed := math.Hypot(vx, vy); speed < minSpeed-1e-6 || speed > maxSpeed+1e-6 {
			t.Errorf("clip %d has speed %g", i, speed)
		}
		for f := range frames {
			var mass, mx, my float64
			for p, v := range e.Pixels[f*size*size : (f+1)*size*size] {
				mass += float64(v)
				mx += float64(v) * (float64(p%size) + 0.5) / size
				my += float64(v) * (float64(p/size) + 0.5) / size
			}
			mx, my = mx/mass, my/mass
			wantX, wantY := x+float64(f)*vx, y+float64(f)*vy
			if min(wantX, wantY) > 0.2 && max(wantX, wantY) < 0.8 {
				straight++
				if math.Hypot(mx-wantX, my-wantY) > 0.01 {
					t.Fatalf("clip %d, frame %d: centre at (%.3f, %.3f), want (%.3f, %.3f)", i, f, mx, my, wantX, wantY)
				}
			}
			if min(mx, my) < 0.08 || max(mx, my) > 0.92 {
				t.Fatalf("clip %d, frame %d: the shape leaves the picture at (%.3f, %.3f)", i, f, mx, my)
			}
		}
	}
	if straight < 100 {
		t.Errorf("only %d frames lie on a straight path", straight)
	}
}

// Closed forms of a path between 0.2 and 0.8.
func TestBounce(t *testing.T) {
	for x, want := range map[float64]float64{0.2: 0.2, 0.5: 0.5, 0.8: 0.8, 0.9: 0.7, 1.4: 0.2, 1.5: 0.3, 0.1: 0.3, -0.4: 0.8, -0.5: 0.7, 20.3: 0.5} {
		if got := bounce(x, 0.2); math.Abs(got-want) > 1e-9 {
			t.Errorf("bounce(%g) = %g, want %g", x, got, want)
		}
	}
}

func TestBouncingDigitsFrom(t *testing.T) {
	t.Setenv("X2VEC_DATA", t.TempDir())
	t.Setenv("X2VEC_CACHE", t.TempDir())
	said := ""
	src, err := Open(Options{Name: "bouncing-digits", Objects: 1, Warn: func(text string) { said += text }})
	if err != nil || !slices.Contains(src.Spec().Classes, "Ankle boot") || !strings.Contains(said, "clothes of the built-in data bounce") {
		t.Errorf("%v, %q", err, said)
	}
	if _, err := Open(Options{Name: "bouncing-digits", Path: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v", err)
	}
}

// recording writes n frames of a colour that grows, named 1.png, 2.png …
func recording(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		img := image.NewGray(image.Rect(0, 0, 4, 4))
		for p := range img.Pix {
			img.Pix[p] = byte(10 + i)
		}
		img.SetGray(0, 0, color.Gray{200})
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.png", i+1)), encode(t, "png", img), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFrames(t *testing.T) {
	root := t.TempDir()
	recording(t, filepath.Join(root, "a"), 12)
	recording(t, filepath.Join(root, "b"), 5)
	recording(t, filepath.Join(root, "c", "inner"), 7)
	recording(t, filepath.Join(root, "d"), 3)
	var said []string
	all := 0
	for _, split := range []string{"train", "test"} {
		o := Options{Name: "frames", Path: root, Split: split, Frames: 4, Channels: 1, TestShare: 0.25, Warn: func(text string) { said = append(said, text) }}
		datatest.Run(t, func() (data.Source, error) { return Open(o) })
		src, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if s := src.Spec().Shape; !slices.Equal(s, []int{4, 1, 4, 4}) {
			t.Fatalf("a clip is %v", s)
		}
		all += src.Len()
		for i := range src.Len() {
			e := read(t, src, i)
			for f := range 3 { // 9.png comes before 10.png
				if e.Pixels[(f+1)*16+5] != e.Pixels[f*16+5]+1 {
					t.Fatalf("%s clip %d: frames %v", split, i, e.Pixels)
				}
			}
		}
	}
	// Of 12 frames clips begin at 0, 2, 4, 6 and 8; of 5 at 0 and 1; of 7 at 0, 2 and 3.
	if all != 10 {
		t.Errorf("%d clips, want 10", all)
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "1 recordings have fewer than 4 frames") }) {
		t.Errorf("said %q", said)
	}

	one := t.TempDir()
	recording(t, one, 20)
	for split, want := range map[string]int{"train": 7, "test": 1} { // 16 frames, and the last 4
		src, err := Open(Options{Name: "frames", Path: one, Split: split, Frames: 4, Channels: 1})
		if err != nil || src.Len() != want {
			t.Errorf("one recording, %s: %v clips, %v", split, src, err)
		}
	}
	for want, o := range map[string]Options{
		"frames: is 40, but no recording":    {Name: "frames", Path: root, Frames: 40},
		"no picture in it":                   {Name: "frames", Path: t.TempDir()},
		"want the folder of the frames":      {Name: "frames"},
		"no such file or folder":             {Name: "frames", Path: filepath.Join(root, "none")},
		"frames: is 1, want 2 to":            {Name: "frames", Path: root, Frames: 1},
		"objects: is -1, want 1 to 64 in a ": {Name: "bouncing-shapes", Objects: -1},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "is empty, want the folder", "want the folder"), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestNaturally(t *testing.T) {
	names := []string{"b", "a10", "a9", "a", "a09", "a10b2", "a10b11", "9", "10"}
	slices.SortFunc(names, naturally)
	if got, want := strings.Join(names, " "), "9 10 a a09 a9 a10 a10b2 a10b11 b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
