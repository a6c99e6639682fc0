package transforms

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

// stripes is red, green, blue in three equal columns.
func stripes(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(5, 7, 5+w, 7+h)) // bounds need not begin at 0
	for y := range h {
		for x := range w {
			c := color.RGBA{A: 255}
			*[]*uint8{&c.R, &c.G, &c.B}[3*x/w] = 255
			img.Set(5+x, 7+y, c)
		}
	}
	return img
}

func TestPlanes(t *testing.T) {
	dst := make([]byte, 12)
	Planes(dst, stripes(6, 2), 3, 2, Crop) // the middle square is green
	if want := []byte{0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0}; !bytes.Equal(dst, want) {
		t.Errorf("crop: %v, want %v", dst, want)
	}
	dst = make([]byte, 27)
	Planes(dst, stripes(12, 3), 3, 3, Stretch)
	for c := range 3 {
		for i := range 9 {
			want := 0.0
			if i%3 == c {
				want = 255
			}
			// Bilinear with support of a whole target pixel takes a little of the neighbour.
			if got := float64(dst[9*c+i]); math.Abs(got-want) > 70 {
				t.Errorf("stretch: channel %d, pixel %d is %g, want about %g", c, i, got, want)
			}
		}
	}
	dst = make([]byte, 1)
	grey := image.NewUniform(color.RGBA{255, 0, 0, 255})
	img := image.NewRGBA(image.Rect(0, 0, 1, 1))
	img.Set(0, 0, grey.C)
	Planes(dst, img, 1, 1, Crop)
	if dst[0] != 76 { // 0.299 * 255
		t.Errorf("luma of red is %d, want 76", dst[0])
	}
	Planes(dst, image.NewNRGBA(image.Rect(0, 0, 4, 4)), 1, 1, Crop)
	if dst[0] != 255 {
		t.Errorf("a transparent picture is %d, want white", dst[0])
	}
}

// Making a fine chequerboard smaller gives grey, not a pattern.
func TestPlanesDoNotAlias(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range img.Pix {
		img.Pix[i] = byte(255 * ((i + i/64) % 2))
	}
	dst := make([]byte, 64)
	Planes(dst, img, 1, 8, Crop)
	for i, p := range dst {
		if p < 120 || p > 135 {
			t.Errorf("pixel %d is %d, want about 127", i, p)
		}
	}
}

func TestFit(t *testing.T) {
	if Crop.Check() != nil || Stretch.Check() != nil {
		t.Error("crop and stretch are accepted")
	}
	if err := Fit("fill").Check(); err == nil || !strings.Contains(err.Error(), `is "fill", want "crop"`) {
		t.Error(err)
	}
}

func TestSheet(t *testing.T) {
	a, b := []byte{1, 2, 3, 4}, []byte{5, 6, 7, 8}
	s, err := Sheet([][]byte{a, b, a}, []int{1, 2, 2}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rect != image.Rect(0, 0, 2+2*8, 2+2*8) {
		t.Fatalf("bounds %v", s.Rect)
	}
	for _, c := range []struct{ x, y, want int }{
		{2, 2, 1}, {4, 4, 1}, {5, 2, 2}, {7, 7, 4}, {10, 2, 5}, {15, 7, 8}, {2, 10, 1}, {0, 0, 128}, {8, 8, 128}, {12, 12, 0},
	} {
		if got := int(s.RGBAAt(c.x, c.y).R); got != c.want {
			t.Errorf("pixel %d, %d is %d, want %d", c.x, c.y, got, c.want)
		}
	}
	gap, err := Sheet([][]byte{a, nil, b, a, nil, nil}, []int{1, 2, 2}, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Rect(0, 0, 2+10+4+10, 2+2*10); gap.Rect != want || gap.RGBAAt(13, 5).A != 0 || gap.RGBAAt(16, 2).R != 5 || gap.RGBAAt(20, 18).A != 0 {
		t.Errorf("with a column of nothing: bounds %v, want %v; %v between, %v beyond, %v below", gap.Rect, want, gap.RGBAAt(13, 5), gap.RGBAAt(16, 2), gap.RGBAAt(20, 18))
	}
	rgb, err := Sheet([][]byte{{10, 20, 30}}, []int{3, 1, 1}, 5, 1)
	if err != nil || rgb.RGBAAt(2, 2) != (color.RGBA{10, 20, 30, 255}) {
		t.Errorf("colour: %v, %v", rgb, err)
	}
	for want, f := range map[string]func() error{
		"no pictures":     func() error { _, err := Sheet(nil, []int{1, 2, 2}, 1, 1); return err },
		"0 columns":       func() error { _, err := Sheet([][]byte{a}, []int{1, 2, 2}, 0, 1); return err },
		"not [4]":         func() error { _, err := Sheet([][]byte{a}, []int{4}, 1, 1); return err },
		"picture 1: 3 by": func() error { _, err := Sheet([][]byte{a, a[:3]}, []int{1, 2, 2}, 1, 1); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNormalizeAndBack(t *testing.T) {
	src := []byte{0, 51, 255, 0, 128, 255}
	dst, back := make([]float32, 6), make([]byte, 6)
	if err := Normalize(dst, src, []float32{0.2, 0.5}, []float32{0.5, 0.25}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{-0.4, 0, 1.6, -2, 0.007843, 2} {
		if math.Abs(float64(dst[i]-want)) > 1e-5 {
			t.Errorf("value %d is %g, want %g", i, dst[i], want)
		}
	}
	if err := Bytes(back, dst, []float32{0.2, 0.5}, []float32{0.5, 0.25}); err != nil || !bytes.Equal(back, src) {
		t.Errorf("back: %v, %v", back, err)
	}
	if err := Bytes(back[:3], []float32{-1, 2, float32(math.NaN())}, nil, nil); err != nil || !bytes.Equal(back[:3], []byte{0, 255, 0}) {
		t.Errorf("outside a byte: %v, %v", back[:3], err)
	}
	if Normalize(dst, src, nil, nil) != nil || dst[2] != 1 || math.Abs(float64(dst[1])-0.2) > 1e-6 {
		t.Errorf("without mean: %v", dst)
	}
	for _, err := range []error{
		Normalize(dst, src[:5], nil, nil), Normalize(dst, src, []float32{1}, nil),
		Normalize(dst, src, []float32{1}, []float32{0}), Bytes(back, dst[:3], nil, nil),
	} {
		if err == nil {
			t.Error("sizes that do not fit are accepted")
		}
	}
}
