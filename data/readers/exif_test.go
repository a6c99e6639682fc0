package readers

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"x2vec/data/transforms"
)

// TestOrientation stores a picture as a camera does that was held in each of the eight
// ways, and wants the same picture back.
func TestOrientation(t *testing.T) {
	const size = 16
	scene := func(x, y int) uint8 { // brighter to the right and, twice as much, to the bottom
		return uint8(20 + 4*x + 8*y)
	}
	// What the camera stores at column u and row v of the scene (Exif 4.6.4: the 0th row
	// and the 0th column are which sides of it).
	const m = size - 1
	stored := []func(u, v int) (x, y int){
		func(u, v int) (int, int) { return u, v },         // 1: row 0 is the top, column 0 the left
		func(u, v int) (int, int) { return m - u, v },     // 2: top, right
		func(u, v int) (int, int) { return m - u, m - v }, // 3: bottom, right
		func(u, v int) (int, int) { return u, m - v },     // 4: bottom, left
		func(u, v int) (int, int) { return v, u },         // 5: left, top
		func(u, v int) (int, int) { return m - v, u },     // 6: right, top
		func(u, v int) (int, int) { return m - v, m - u }, // 7: right, bottom
		func(u, v int) (int, int) { return v, m - u },     // 8: left, bottom
	}
	for i, f := range stored {
		img := image.NewGray(image.Rect(0, 0, size, size))
		for v := range size {
			for u := range size {
				img.SetGray(u, v, color.Gray{Y: scene(f(u, v))})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
			t.Fatal(err)
		}
		for _, order := range []string{"MM", "II"} {
			raw := withExif(b.Bytes(), order, i+1)
			if got := orientation(raw); got != i+1 {
				t.Fatalf("%s: orientation %d, want %d", order, got, i+1)
			}
			dst := make([]byte, size*size)
			if err := decode(dst, raw, 1, size, transforms.Crop); err != nil {
				t.Fatal(err)
			}
			for y := range size {
				for x := range size {
					if got, want := int(dst[y*size+x]), int(scene(x, y)); got < want-2 || got > want+2 {
						t.Fatalf("orientation %d, %s: (%d, %d) is %d, want %d", i+1, order, x, y, got, want)
					}
				}
			}
		}
	}
	if got := orientation([]byte("\x89PNG\r\n\x1a\n")); got != 1 {
		t.Errorf("no JPEG: %d, want 1", got)
	}
}

// withExif puts an Exif segment behind the start of a JPEG.
func withExif(raw []byte, order string, orientation int) []byte {
	two := func(v int) []byte {
		if order == "II" {
			return []byte{byte(v), byte(v >> 8)}
		}
		return []byte{byte(v >> 8), byte(v)}
	}
	four := func(v int) []byte {
		if order == "II" {
			return append(two(v), 0, 0)
		}
		return append([]byte{0, 0}, two(v)...)
	}
	tiff := bytes.Join([][]byte{[]byte(order), two(42), four(8), two(2),
		two(0x100), two(4), four(1), four(640), // the width, which is passed over
		two(0x112), two(3), four(1), two(orientation), two(0), four(0)}, nil)
	part := append([]byte("Exif\x00\x00"), tiff...)
	n := len(part) + 2
	segment := append([]byte{0xff, 0xe1, byte(n >> 8), byte(n)}, part...)
	return append(append(bytes.Clone(raw[:2]), segment...), raw[2:]...)
}

// FuzzOrientation wants an answer to any bytes.
func FuzzOrientation(f *testing.F) {
	f.Add(withExif([]byte{0xff, 0xd8, 0xff, 0xd9}, "MM", 6))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := orientation(b); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
