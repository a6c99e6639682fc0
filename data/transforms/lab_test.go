package transforms

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/golden"
)

// Lab of random colours, and the colours back, are the reference's.
func TestGoldenLab(t *testing.T) {
	golden.Each(t, "rgb_lab", func(t *testing.T, c *golden.Case) {
		in := c.Array("in.rgb").F64
		var lab, back []float64
		for i := 0; i < len(in); i += 3 {
			l := LabOfRGB([3]float64(in[i:]))
			b := RGBOfLab(l)
			lab, back = append(lab, l[:]...), append(back, b[:]...)
		}
		c.Check64("out.lab", lab)
		c.Check64("out.rgb", back)
	})
}

// cube gives bytes of colours as planes: every fourth value of each channel, and all
// greys.
func cube() (planes []byte, n int) {
	var r, g, b []byte
	for i := 0; i < 256; i += 5 {
		for j := 0; j < 256; j += 5 {
			for k := 0; k < 256; k += 5 {
				r, g, b = append(r, byte(i)), append(g, byte(j)), append(b, byte(k))
			}
		}
	}
	for i := range 256 {
		r, g, b = append(r, byte(i)), append(g, byte(i)), append(b, byte(i))
	}
	return append(append(r, g...), b...), len(r)
}

// The fast paths are the slow ones within what they promise, there and back.
func TestLabFast(t *testing.T) {
	planes, n := cube()
	lab, light, rgb := make([]float32, 3*n), make([]float32, n), make([]float32, 3*n)
	Lab(lab, planes)
	Lightness(light, planes)
	RGB(rgb, lab)
	var worst, back [3]float64
	for i := range n {
		in := [3]float64{float64(planes[i]) / 255, float64(planes[n+i]) / 255, float64(planes[2*n+i]) / 255}
		want := LabOfRGB(in)
		if light[i] != lab[i] {
			t.Fatalf("%v: lightness %v alone, %v with the colour", in, light[i], lab[i])
		}
		for c := range 3 {
			worst[c] = max(worst[c], math.Abs(float64(lab[c*n+i])-want[c]))
			back[c] = max(back[c], math.Abs(float64(rgb[c*n+i])-in[c]))
		}
	}
	if !(worst[0] < 1e-4 && worst[1] < 5e-4 && worst[2] < 5e-4) {
		t.Errorf("L, a, b are off by up to %v", worst)
	}
	if !(max(back[0], back[1], back[2]) < 1e-5) {
		t.Errorf("red, green and blue come back off by up to %v", back)
	}
}

// Colours that cannot be shown are clipped alike by both paths; what is no number
// becomes black.
func TestRGBClips(t *testing.T) {
	r := draw.New(3)
	for range 20_000 {
		in := [3]float64{130*r.Float64() - 15, 300*r.Float64() - 150, 300*r.Float64() - 150}
		want := RGBOfLab(in)
		got := []float32{float32(in[0]), float32(in[1]), float32(in[2])}
		RGB(got, got)
		for c := range 3 {
			// The curve of sRGB is steep near black: an error of 1e-7 there is 1e-6 here.
			if d := math.Abs(float64(got[c]) - want[c]); !(d < 3e-5) {
				t.Fatalf("Lab %v: %v, want %v", in, got, want)
			}
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, in := range [][]float32{{nan, 0, 0}, {50, nan, 0}, {50, 0, nan}, {inf, 0, 0}, {-inf, inf, -inf}, {50, inf, inf}} {
		got := append([]float32(nil), in...)
		RGB(got, got)
		for _, v := range got {
			if !(v >= 0 && v <= 1) {
				t.Errorf("Lab %v gives %v, want values in 0..1", in, got)
			}
		}
	}
}

func TestLabWrongSizes(t *testing.T) {
	for name, f := range map[string]func(){
		"two channels": func() { Lab(make([]float32, 8), make([]byte, 8)) },
		"too short":    func() { Lab(make([]float32, 9), make([]byte, 12)) },
		"lightness":    func() { Lightness(make([]float32, 3), make([]byte, 3)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func ExampleLabOfRGB() {
	lab := LabOfRGB([3]float64{1, 0, 0})
	fmt.Printf("%.1f %.1f %.1f\n", lab[0], lab[1], lab[2])
	// Output: 53.2 80.1 67.2
}

// benchPicture is one of CIFAR-10's size.
func benchPicture() []byte {
	p := make([]byte, 3*32*32)
	r := draw.New(1)
	for i := range p {
		p[i] = byte(r.IntN(256))
	}
	return p
}

func perPixel(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/pixel")
}

func BenchmarkLab(b *testing.B) {
	p := benchPicture()
	dst := make([]float32, len(p))
	for b.Loop() {
		Lab(dst, p)
	}
	perPixel(b, len(p)/3)
}

func BenchmarkLabFloat64(b *testing.B) {
	p := benchPicture()
	n := len(p) / 3
	for b.Loop() {
		for i := range n {
			LabOfRGB([3]float64{float64(p[i]) / 255, float64(p[n+i]) / 255, float64(p[2*n+i]) / 255})
		}
	}
	perPixel(b, n)
}

func BenchmarkRGB(b *testing.B) {
	p := benchPicture()
	lab, dst := make([]float32, len(p)), make([]float32, len(p))
	Lab(lab, p)
	for b.Loop() {
		RGB(dst, lab)
	}
	perPixel(b, len(p)/3)
}
