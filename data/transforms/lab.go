package transforms

import (
	"fmt"
	"math"
)

// CIE Lab of sRGB, white point D65, observer of 2 degrees: L is the lightness, 0
// (black) to 100 (white), a runs from green (−86) to red (98), b from blue (−108) to
// yellow (94). Matrix and curves are those of IEC 61966-2-1 and CIE 15 in the
// digits that image libraries share.
var (
	xyzOfRGB = [3][3]float64{
		{0.412453, 0.357580, 0.180423},
		{0.212671, 0.715160, 0.072169},
		{0.019334, 0.119193, 0.950227},
	}
	rgbOfXYZ = inverse(xyzOfRGB)
	white    = [3]float64{0.95047, 1, 1.08883}
)

func inverse(m [3][3]float64) (r [3][3]float64) {
	minor := func(i, j int) float64 {
		a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
		return m[a][c]*m[b][d] - m[a][d]*m[b][c]
	}
	det := m[0][0]*minor(0, 0) + m[0][1]*minor(0, 1) + m[0][2]*minor(0, 2)
	for i := range 3 {
		for j := range 3 {
			r[i][j] = minor(j, i) / det
		}
	}
	return r
}

// linearOf is the intensity of a value of sRGB, both in 0..1.
func linearOf(v float64) float64 {
	if v > 0.04045 {
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return v / 12.92
}

// srgbOf is the inverse of linearOf.
func srgbOf(t float64) float64 {
	if t > 0.0031308 {
		return 1.055*math.Pow(t, 1/2.4) - 0.055
	}
	return 12.92 * t
}

// The curve of Lab is a cube root, with a line below a point that both share.
const (
	labKnee   = 0.008856
	labSlope  = 7.787
	labOffset = 16.0 / 116
	labBend   = 0.2068966 // of the inverse
)

func labCurve(t float64) float64 {
	if t > labKnee {
		return math.Cbrt(t)
	}
	return labSlope*t + labOffset
}

func labUncurve(f float64) float64 {
	if f > labBend {
		return f * f * f
	}
	return (f - labOffset) / labSlope
}

// LabOfRGB gives the Lab values of an sRGB colour in 0..1.
func LabOfRGB(rgb [3]float64) (lab [3]float64) {
	var f [3]float64
	for i, row := range xyzOfRGB {
		var t float64
		for j, m := range row {
			t += m * linearOf(rgb[j])
		}
		f[i] = labCurve(t / white[i])
	}
	return [3]float64{116*f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])}
}

// RGBOfLab gives the sRGB colour of Lab values, clipped to 0..1: not every Lab
// colour can be shown.
func RGBOfLab(lab [3]float64) (rgb [3]float64) {
	y := (lab[0] + 16) / 116
	f := [3]float64{y + lab[1]/500, y, max(0, y-lab[2]/200)}
	for i, row := range rgbOfXYZ {
		var t float64
		for j, m := range row {
			t += m * white[j] * labUncurve(f[j])
		}
		rgb[i] = min(1, max(0, srgbOf(t)))
	}
	return rgb
}

// A curve is a function of 0 < x ≤ 1 in straight pieces that are the shorter the
// smaller x is: piecesPerOctave from each power of two to the next, found from the
// bits of x. Below 1/2^octaves it is one piece.
type curve struct {
	piece []piece
	from  uint32 // the first bits of the first piece
}

type piece struct{ offset, slope float32 }

// 512 pieces to an octave leave a cube root an error of 1e-7, about the last digit
// of a float32, in 32 KB.
const (
	pieceBits       = 9
	piecesPerOctave = 1 << pieceBits
	pieceShift      = 23 - pieceBits
)

func newCurve(octaves int, low piece, f func(float64) float64) *curve {
	least := math.Ldexp(1, -octaves)
	c := &curve{piece: []piece{low}, from: math.Float32bits(float32(least)) >> pieceShift}
	for i := range octaves*piecesPerOctave + 1 {
		from := float64(math.Float32frombits((c.from + uint32(i)) << pieceShift))
		to := float64(math.Float32frombits((c.from + uint32(i) + 1) << pieceShift))
		slope := (f(to) - f(from)) / (to - from)
		c.piece = append(c.piece, piece{float32(f(from) - slope*from), float32(slope)})
	}
	return c
}

// at is the function's value; x is at least 0 and at most a little above 1.
func (c *curve) at(x float32) float32 {
	i := 0
	if bits := math.Float32bits(x) >> pieceShift; bits >= c.from {
		i = min(int(bits-c.from)+1, len(c.piece)-1)
	}
	return c.piece[i].offset + c.piece[i].slope*x
}

// The tables of the float32 path: what a byte of red, green and blue adds to
// X, Y and Z over white's; Lab's curve; that of sRGB.
var (
	partOfByte [3][3][256]float32
	labTable   = newCurve(7, piece{labOffset, labSlope}, labCurve)
	srgbTable  = newCurve(9, piece{0, 12.92}, srgbOf)
	rgbOfWhite [3][3]float32 // from X, Y, Z over white's
)

func init() {
	for i, row := range xyzOfRGB {
		for j, m := range row {
			for v := range 256 {
				partOfByte[i][j][v] = float32(m * linearOf(float64(v)/255) / white[i])
			}
			rgbOfWhite[i][j] = float32(rgbOfXYZ[i][j] * white[j])
		}
	}
}

// Lab writes the Lab values (3, H, W) of a picture's bytes (3, H, W). It is the
// fast path of LabOfRGB, in float32 and by tables: L is within 1e-4 of it, a and b
// are within 5e-4.
func Lab(dst []float32, src []byte) {
	n := matchPlanes("lab", len(dst), len(src))
	l, a, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
	red, green, blue := src[:n], src[n:2*n], src[2*n:3*n]
	x, y, z := &partOfByte[0], &partOfByte[1], &partOfByte[2]
	for i, r := range red {
		g, u := green[i], blue[i]
		fx := labTable.at(x[0][r] + x[1][g] + x[2][u])
		fy := labTable.at(y[0][r] + y[1][g] + y[2][u])
		fz := labTable.at(z[0][r] + z[1][g] + z[2][u])
		l[i], a[i], b[i] = 116*fy-16, 500*(fx-fy), 200*(fy-fz)
	}
}

// Lightness writes the L of Lab, (H, W), of a picture's bytes (3, H, W).
func Lightness(dst []float32, src []byte) {
	n := matchPlanes("lightness", 3*len(dst), len(src))
	green, blue := src[n:2*n], src[2*n:3*n]
	y := &partOfByte[1]
	for i, r := range src[:n] {
		dst[i] = 116*labTable.at(y[0][r]+y[1][green[i]]+y[2][blue[i]]) - 16
	}
}

// RGB writes the sRGB values in 0..1, (3, H, W), of Lab values (3, H, W), clipped
// as RGBOfLab does and within 1e-5 of it for colours that can be shown; what is not
// a number becomes 0. dst may be lab.
func RGB(dst, lab []float32) {
	n := matchPlanes("rgb", len(dst), len(lab))
	for i, l := range lab[:n] {
		y := (l + 16) / 116
		x, z := uncurve(y+lab[n+i]/500), uncurve(max(0, y-lab[2*n+i]/200))
		y = uncurve(y)
		for c, m := range rgbOfWhite {
			t := m[0]*x + m[1]*y + m[2]*z
			switch {
			case t >= 1:
				t = 1
			case t > 0:
				t = srgbTable.at(t)
			default: // below 0, and NaN
				t = 0
			}
			dst[c*n+i] = t
		}
	}
}

func uncurve(f float32) float32 {
	if f > labBend {
		return f * f * f
	}
	return (f - labOffset) / labSlope
}

// matchPlanes is the number of pixels of pictures of three channels.
func matchPlanes(what string, dst, src int) int {
	if dst != src || src%3 != 0 {
		panic(fmt.Sprintf("transforms: %s of %d values into %d, want three planes of one size", what, src, dst))
	}
	return src / 3
}
