package transforms

import (
	"math"
	"slices"
	"strings"
	"testing"

	"x2vec/data/draw"
)

// plain changes nothing.
var plain = Augmentation{Crop: [2]float64{1, 1}, Ratio: [2]float64{1, 1}, BlurSigma: [2]float64{1, 1}}

// paper has the strengths of the paper for CIFAR-10, and its blur.
var paper = Augmentation{Crop: [2]float64{0.08, 1}, Ratio: [2]float64{3. / 4, 4. / 3}, Flip: 0.5, Jitter: 0.8,
	Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1, Grey: 0.2, Blur: 0.5, BlurSigma: [2]float64{0.1, 2}}

func noise(shape []int) []byte {
	r := draw.New(4)
	p := make([]byte, shape[0]*shape[1]*shape[2])
	for i := range p {
		p[i] = byte(r.IntN(256))
	}
	return p
}

func view(a Augmentation, shape []int, src []byte, key uint64) []float32 {
	dst := make([]float32, len(src))
	NewViewer(a, shape).View(dst, src, draw.New(key))
	return dst
}

// slowView is what View does, one pixel at a time in float64, from the same draws.
func slowView(a Augmentation, shape []int, src []byte, key uint64) []float64 {
	r := draw.New(key)
	var u [13]float64
	for i := range u {
		u[i] = r.Float64()
	}
	c, h, w := shape[0], shape[1], shape[2]
	area := a.Crop[0] + (a.Crop[1]-a.Crop[0])*u[0]
	ratio := a.Ratio[0] * math.Pow(a.Ratio[1]/a.Ratio[0], u[1])
	wide, high := math.Min(1, math.Sqrt(area*ratio)), math.Min(1, math.Sqrt(area/ratio))
	pixel := func(ch int, y, x float64) float64 {
		y, x = math.Min(math.Max(y, 0), float64(h-1)), math.Min(math.Max(x, 0), float64(w-1))
		y0, x0 := math.Floor(y), math.Floor(x)
		at := func(y, x float64) float64 {
			return float64(src[(ch*h+int(math.Min(y, float64(h-1))))*w+int(math.Min(x, float64(w-1)))]) / 255
		}
		fy, fx := y-y0, x-x0
		return (1-fy)*((1-fx)*at(y0, x0)+fx*at(y0, x0+1)) + fy*((1-fx)*at(y0+1, x0)+fx*at(y0+1, x0+1))
	}
	out := make([]float64, len(src))
	mean := make([]float64, c)
	for ch := range c {
		for y := range h {
			for x := range w {
				from := float64(x)
				if u[4] < a.Flip {
					from = float64(w - 1 - x)
				}
				sx := ((1-wide)*u[2]+wide*(from+0.5)/float64(w))*float64(w) - 0.5
				sy := ((1-high)*u[3]+high*(float64(y)+0.5)/float64(h))*float64(h) - 0.5
				v := pixel(ch, sy, sx)
				out[(ch*h+y)*w+x] = v
				mean[ch] += v / float64(h*w)
			}
		}
	}
	bright, contrast, saturation, hue := 1+a.Brightness*(2*u[6]-1), 1+a.Contrast*(2*u[7]-1), 1+a.Saturation*(2*u[8]-1), a.Hue*(2*u[9]-1)
	jitter, grey := u[5] < a.Jitter, u[10] < a.Grey && c == 3
	if !jitter {
		bright, contrast, saturation, hue = 1, 1, 1, 0
	}
	if grey {
		saturation = 0
	}
	if jitter || grey {
		for i := range h * w {
			if c != 3 {
				for ch := range c {
					p := &out[ch*h*w+i]
					*p = math.Min(math.Max(bright*(mean[ch]+contrast*(*p-mean[ch])), 0), 1)
				}
				continue
			}
			r, g, b := out[i], out[h*w+i], out[2*h*w+i]
			luma := 0.299*r + 0.587*g + 0.114*b
			ci, cq := 0.596*r-0.274*g-0.322*b, 0.211*r-0.523*g+0.312*b
			sin, cos := math.Sincos(2 * math.Pi * hue)
			ci, cq = saturation*(cos*ci-sin*cq), saturation*(sin*ci+cos*cq)
			m := 0.299*mean[0] + 0.587*mean[1] + 0.114*mean[2]
			for ch := range 3 {
				v := rgbOfYIQ[ch][0]*luma + rgbOfYIQ[ch][1]*ci + rgbOfYIQ[ch][2]*cq
				out[ch*h*w+i] = math.Min(math.Max(bright*(contrast*v+(1-contrast)*m), 0), 1)
			}
		}
	}
	if u[11] < a.Blur {
		out = slowBlur(out, c, h, w, a.BlurSigma[0]+(a.BlurSigma[1]-a.BlurSigma[0])*u[12])
	}
	return out
}

// slowBlur is a Gaussian over a square window, the border being continued.
func slowBlur(x []float64, c, h, w int, sigma float64) []float64 {
	k := max(1, h/20)
	out := make([]float64, len(x))
	for ch := range c {
		for y := range h {
			for col := range w {
				var sum, weights float64
				for dy := -k; dy <= k; dy++ {
					for dx := -k; dx <= k; dx++ {
						g := math.Exp(-float64(dy*dy+dx*dx) / (2 * sigma * sigma))
						weights += g
						sum += g * x[(ch*h+min(max(y+dy, 0), h-1))*w+min(max(col+dx, 0), w-1)]
					}
				}
				out[(ch*h+y)*w+col] = sum / weights
			}
		}
	}
	return out
}

// Views are those of the slow twin, of all sorts of pictures and settings.
func TestView(t *testing.T) {
	wild := paper
	wild.Crop[0], wild.Jitter, wild.Grey, wild.Blur, wild.Hue, wild.Brightness = 0.01, 1, 0, 1, 0.5, 1
	for name, a := range map[string]Augmentation{"plain": plain, "paper": paper, "wild": wild} {
		for _, shape := range [][]int{{3, 32, 32}, {1, 28, 28}, {3, 8, 13}, {2, 44, 5}, {3, 1, 1}, {3, 2, 1}} {
			src := noise(shape)
			for key := range uint64(20) {
				got, want := view(a, shape, src, key), slowView(a, shape, src, key)
				for i, w := range want {
					if math.Abs(float64(got[i])-w) > 1e-5 {
						t.Fatalf("%s, %v, draw %d: value %d is %v, want %v", name, shape, key, i, got[i], w)
					}
				}
			}
		}
	}
}

// Nothing changed is the picture itself; mirrored twice too.
func TestViewIdentity(t *testing.T) {
	shape := []int{3, 9, 6}
	src := noise(shape)
	for i, v := range view(plain, shape, src, 0) {
		if math.Abs(float64(v)-float64(src[i])/255) > 1e-6 {
			t.Fatalf("value %d is %v, the byte %d", i, v, src[i])
		}
	}
	mirror := plain
	mirror.Flip = 1
	got := view(mirror, shape, src, 0)
	for i, v := range got {
		if from := i/6*6 + 5 - i%6; math.Abs(float64(v)-float64(src[from])/255) > 1e-6 {
			t.Fatalf("mirrored value %d is %v, the byte %d", i, v, src[from])
		}
	}
}

// A view is a function of its draws alone, not of the views before it; and grey is
// grey.
func TestViewPure(t *testing.T) {
	shape := []int{3, 16, 16}
	src := noise(shape)
	grey := paper
	grey.Grey = 1
	v := NewViewer(grey, shape)
	dst := make([]float32, len(src))
	for key := range uint64(30) {
		v.View(dst, src, draw.New(key))
		if !slices.Equal(dst, view(grey, shape, src, key)) {
			t.Fatalf("draw %d depends on those before it", key)
		}
		for i := range 256 {
			r, g, b := dst[i], dst[256+i], dst[512+i]
			if math.Abs(float64(r-g)) > 1e-5 || math.Abs(float64(g-b)) > 1e-5 {
				t.Fatalf("draw %d: pixel %d is %v %v %v", key, i, r, g, b)
			}
		}
	}
	r := draw.New(1)
	if n := testing.AllocsPerRun(20, func() { v.View(dst, src, r) }); n != 0 {
		t.Errorf("a view allocates %v times", n)
	}
}

func TestAugmentationCheck(t *testing.T) {
	if err := paper.Check(); err != nil {
		t.Error(err)
	}
	if err := plain.Check(); err != nil {
		t.Error(err)
	}
	nan := math.NaN()
	err := Augmentation{Crop: [2]float64{0.5, 0.2}, Ratio: [2]float64{0, 1}, Flip: 2, Jitter: -1, Brightness: nan, Contrast: 2,
		Saturation: 1.1, Hue: 0.6, Grey: nan, Blur: 3, BlurSigma: [2]float64{1, nan}}.Check()
	if err == nil {
		t.Fatal("nothing is wrong with wrong settings")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{"crop: is [0.5 0.2]", "ratio: is [0 1]", "flip: is 2, want 0 to 1", "jitter: is -1", "brightness: is NaN",
		"contrast: is 2", "saturation: is 1.1", "hue: is 0.6, want 0 to 0.5", "grey: is NaN", "blur: is 3", "blur_sigma: is [1 NaN]"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("fault %d of %q, want %q", i, lines, want)
		}
	}
}

func BenchmarkView(b *testing.B) {
	shape := []int{3, 32, 32}
	src := noise(shape)
	cifar := paper
	cifar.Blur = 0
	for _, c := range []struct {
		name string
		a    Augmentation
	}{{"cifar", cifar}, {"blurred", paper}} {
		b.Run(c.name, func(b *testing.B) {
			v := NewViewer(c.a, shape)
			dst := make([]float32, len(src))
			var r draw.Rand
			for i := 0; b.Loop(); i++ {
				r.Seed(draw.Key(1, "view", 0, i))
				v.View(dst, src, &r)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
		})
	}
}
