package transforms

import (
	"errors"
	"fmt"
	"math"

	"x2vec/data/draw"
)

// An Augmentation says how views of a picture are drawn at random: a part of it
// stretched to the size of the whole, mirrored, its colours changed, blurred, in
// this order (Chen et al. 2020, arXiv:2002.05709, appendix A).
type Augmentation struct {
	Crop  [2]float64 `toml:"crop"`  // least and largest share of the picture's area in a view; above 0 to 1
	Ratio [2]float64 `toml:"ratio"` // least and largest width over height of the part, as shares of the picture's
	Flip  float64    `toml:"flip"`  // chance to be mirrored left to right

	Jitter     float64 `toml:"jitter"`     // chance that the colours change, by the four that follow
	Brightness float64 `toml:"brightness"` // largest change of the factor 1; 0 to 1
	Contrast   float64 `toml:"contrast"`   // the same
	Saturation float64 `toml:"saturation"` // the same
	Hue        float64 `toml:"hue"`        // largest turn, as a part of the circle of colours; 0 to 0.5
	Grey       float64 `toml:"grey"`       // chance to lose all colour

	Blur      float64    `toml:"blur"`       // chance of a Gaussian blur, over a tenth of the picture's side
	BlurSigma [2]float64 `toml:"blur_sigma"` // least and largest standard deviation, in pixels
}

// Check says everything that is wrong with the settings, each fault beginning with
// the name of the setting.
func (a Augmentation) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ordered := func(r [2]float64, most float64) bool { return r[0] > 0 && r[0] <= r[1] && r[1] <= most } // false for NaN
	if !ordered(a.Crop, 1) {
		bad("crop: is %v, want two shares of the area, above 0 to 1, the smaller one first", a.Crop)
	}
	if !ordered(a.Ratio, 100) {
		bad("ratio: is %v, want two ratios above 0, at most 100, the smaller one first", a.Ratio)
	}
	for _, c := range []struct {
		name    string
		v, most float64
	}{
		{"flip", a.Flip, 1}, {"jitter", a.Jitter, 1}, {"brightness", a.Brightness, 1}, {"contrast", a.Contrast, 1},
		{"saturation", a.Saturation, 1}, {"hue", a.Hue, 0.5}, {"grey", a.Grey, 1}, {"blur", a.Blur, 1},
	} {
		if !(c.v >= 0 && c.v <= c.most) {
			bad("%s: is %g, want 0 to %g", c.name, c.v, c.most)
		}
	}
	if !ordered(a.BlurSigma, 100) {
		bad("blur_sigma: is %v, want two deviations above 0, at most 100, the smaller one first", a.BlurSigma)
	}
	return errors.Join(errs...)
}

// A Viewer draws views of pictures of one shape. It holds the memory for that and
// is for one goroutine; a view allocates nothing.
type Viewer struct {
	a       Augmentation
	c, h, w int

	column []int32   // (W) the source column left of each of the view's
	right  []float32 // (W) the weight of the one right of it
	line   []float32 // (W+1) a line between two of the source
	taps   []float32 // half of the blur's window, from its middle
	plane  []float32 // (H, W) blurred along the lines
}

// NewViewer is a Viewer for pictures (C, H, W). The settings are those that Check
// accepts.
func NewViewer(a Augmentation, shape []int) *Viewer {
	v := &Viewer{a: a, c: shape[0], h: shape[1], w: shape[2]}
	v.column, v.right, v.line = make([]int32, v.w), make([]float32, v.w), make([]float32, v.w+1)
	if a.Blur > 0 {
		v.taps, v.plane = make([]float32, max(1, v.h/20)+1), make([]float32, v.h*v.w)
	}
	return v
}

// View writes a view of the picture src, (C, H, W) bytes, as values in 0..1. It
// makes as many draws whatever the settings.
func (v *Viewer) View(dst []float32, src []byte, r *draw.Rand) {
	a := &v.a
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	around := func(width float64) float64 { return 1 + width*(2*r.Float64()-1) }
	area := between(a.Crop[0], a.Crop[1])
	ratio := math.Exp(between(math.Log(a.Ratio[0]), math.Log(a.Ratio[1])))
	w, h := min(1, math.Sqrt(area*ratio)), min(1, math.Sqrt(area/ratio))
	left, top := (1-w)*r.Float64(), (1-h)*r.Float64()
	flip := r.Float64() < a.Flip
	jitter := r.Float64() < a.Jitter
	k := colours{around(a.Brightness), around(a.Contrast), around(a.Saturation), a.Hue * (2*r.Float64() - 1)}
	if !jitter {
		k = colours{1, 1, 1, 0}
	}
	grey := r.Float64() < a.Grey && v.c == 3
	if grey {
		k.saturation = 0
	}
	blur, sigma := r.Float64() < a.Blur, between(a.BlurSigma[0], a.BlurSigma[1])

	v.columns(left, w, flip)
	n := v.h * v.w
	var mean [3]float64
	for c := range v.c {
		mean[min(c, 2)] = v.stretch(dst[c*n:(c+1)*n], src[c*n:(c+1)*n], top, h) / float64(n)
	}
	switch {
	case !jitter && !grey:
	case v.c == 3:
		m, shift := k.matrix(mean)
		mix(dst[:n], dst[n:2*n], dst[2*n:3*n], &m, shift)
	default:
		for c := range v.c {
			p := dst[c*n : (c+1)*n]
			scale := float32(k.brightness * k.contrast)
			shift := float32(k.brightness * (1 - k.contrast) * mean[min(c, 2)])
			for i, x := range p {
				p[i] = clamp(x*scale + shift)
			}
		}
	}
	if blur {
		gauss(v.taps, sigma)
		for c := range v.c {
			v.blur(dst[c*n : (c+1)*n])
		}
	}
}

// place is where the centre of pixel i of n lies in the source, of as many pixels,
// of which the view shows the part that begins at from and is size wide: the pixel
// before it and the weight of the one after it. Beyond the border is the border.
func place(i, n int, from, size float64) (before int, after float32) {
	at := (from+size*(float64(i)+0.5)/float64(n))*float64(n) - 0.5
	at = min(max(at, 0), float64(n-1))
	before = int(at)
	return before, float32(at - float64(before))
}

func (v *Viewer) columns(left, w float64, flip bool) {
	for x := range v.w {
		from := x
		if flip {
			from = v.w - 1 - x
		}
		i, f := place(from, v.w, left, w)
		v.column[x], v.right[x] = int32(i), f
	}
}

// stretch writes one channel of the part (bilinear), as values in 0..1, and returns
// their sum.
func (v *Viewer) stretch(dst []float32, src []byte, top, h float64) float64 {
	// The first and the last source column that count; one more is looked at, with
	// a weight of 0 at the border.
	lo, hi := int(v.column[0]), int(v.column[v.w-1])
	lo, hi = min(lo, hi), min(max(lo, hi)+2, v.w)
	line := v.line
	line[v.w] = 0
	var total float64
	for y := range v.h {
		above, f := place(y, v.h, top, h)
		below := min(above+1, v.h-1)
		wa, wb := (1-f)/255, f/255
		a, b, l := src[above*v.w+lo:above*v.w+hi], src[below*v.w+lo:below*v.w+hi], line[lo:hi]
		b, l = b[:len(a)], l[:len(a)]
		for x, p := range a {
			l[x] = float32(p)*wa + float32(b[x])*wb
		}
		total += float64(pick(dst[y*v.w:(y+1)*v.w], line, v.column, v.right))
	}
	return total
}

// pick writes values between those of a line, and returns their sum.
func pick(dst, line []float32, column []int32, right []float32) float32 {
	column, right = column[:len(dst)], right[:len(dst)]
	var sum float32
	for x := range dst {
		i := int(column[x])
		a, b := line[i], line[i+1]
		y := a + right[x]*(b-a)
		dst[x] = y
		sum += y
	}
	return sum
}

// colours are a change of all colours of a picture.
type colours struct{ brightness, contrast, saturation, hue float64 }

// yiq takes red, green, blue to luma and two coordinates of chroma (NTSC).
var (
	yiq = [3][3]float64{
		{0.299, 0.587, 0.114},
		{0.596, -0.274, -0.322},
		{0.211, -0.523, 0.312},
	}
	rgbOfYIQ = inverse(yiq)
)

// matrix is the change as one affine map of red, green and blue: chroma is turned
// by the hue and scaled by the saturation, then all is scaled by the brightness, and
// by the contrast about the mean luma. mean is that of the channels.
func (k colours) matrix(mean [3]float64) (m [9]float32, shift float32) {
	sin, cos := math.Sincos(2 * math.Pi * k.hue)
	sin, cos = k.saturation*sin, k.saturation*cos
	chroma := times([3][3]float64{{1, 0, 0}, {0, cos, -sin}, {0, sin, cos}}, yiq)
	for i, row := range times(rgbOfYIQ, chroma) {
		for j, x := range row {
			m[3*i+j] = float32(x * k.brightness * k.contrast)
		}
	}
	luma := yiq[0][0]*mean[0] + yiq[0][1]*mean[1] + yiq[0][2]*mean[2]
	return m, float32((1 - k.contrast) * k.brightness * luma)
}

func times(a, b [3][3]float64) (c [3][3]float64) {
	for i := range 3 {
		for j := range 3 {
			c[i][j] = a[i][0]*b[0][j] + a[i][1]*b[1][j] + a[i][2]*b[2][j]
		}
	}
	return c
}

// mix applies the map to every pixel and keeps it in 0..1.
func mix(r, g, b []float32, m *[9]float32, shift float32) {
	g, b = g[:len(r)], b[:len(r)]
	m0, m1, m2, m3, m4, m5, m6, m7, m8 := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]
	for i, x := range r {
		y, z := g[i], b[i]
		r[i] = clamp(m0*x + m1*y + m2*z + shift)
		g[i] = clamp(m3*x + m4*y + m5*z + shift)
		b[i] = clamp(m6*x + m7*y + m8*z + shift)
	}
}

// clamp keeps x in 0..1. Comparisons, which are mostly foreseen, take less time than
// min and max with their rules for zeros and NaN.
func clamp(x float32) float32 {
	if x > 1 {
		return 1
	}
	if x < 0 {
		return 0
	}
	return x
}

// gauss fills half of a window, from its middle, with weights that sum to 1 over
// the whole.
func gauss(taps []float32, sigma float64) {
	sum := -1.0
	for i := range taps {
		w := math.Exp(-float64(i*i) / (2 * sigma * sigma))
		taps[i] = float32(w)
		sum += 2 * w
	}
	for i := range taps {
		taps[i] /= float32(sum)
	}
}

// blur blurs a channel along its lines and then along its columns.
func (v *Viewer) blur(p []float32) {
	for y := range v.h {
		from, to := p[y*v.w:(y+1)*v.w], v.plane[y*v.w:(y+1)*v.w]
		for x := range from {
			s := v.taps[0] * from[x]
			for i, t := range v.taps[1:] {
				s += t * (from[max(x-i-1, 0)] + from[min(x+i+1, v.w-1)])
			}
			to[x] = s
		}
	}
	for y := range v.h {
		to := p[y*v.w : (y+1)*v.w]
		for x, s := range v.plane[y*v.w : (y+1)*v.w] {
			to[x] = v.taps[0] * s
		}
		for i, t := range v.taps[1:] {
			above := v.plane[max(y-i-1, 0)*v.w:][:v.w]
			below := v.plane[min(y+i+1, v.h-1)*v.w:][:v.w]
			for x := range to {
				to[x] += t * (above[x] + below[x])
			}
		}
	}
}
