package vec

import "math"

// block is how many elements are summed in float32 lanes before their sum is
// added to a float64, in ascending order: it bounds the error of a sum of any
// length to that of some dozens of additions.
const block = 4096

// Sum returns the sum of x, 0 if x is empty.
func Sum(x []float32) float64 { return sumGo(x) }

// SumSquares returns Σ x².
func SumSquares(x []float32) float64 { return sumSquaresGo(x) }

// Dot returns Σ a·b.
func Dot(a, b []float32) float64 {
	match(len(a), len(b))
	return dotGo(a, b)
}

// Max returns the largest element, NaN if one is NaN, −Inf if x is empty.
func Max(x []float32) float32 { return maxGo(x) }

// Finite says whether no element is infinite or NaN.
func Finite(x []float32) bool { return finiteGo(x) }

// SquaredError writes d = y − t and returns Σ d². The gradient of ½Σd² with
// respect to y is d.
func SquaredError(d, y, t []float32) float64 {
	match(len(d), len(y))
	match(len(d), len(t))
	return squaredErrorGo(d, y, t)
}

// AbsError writes d = sign(y − t), which is 0 where they are equal, and returns
// Σ|y − t|. The gradient of that sum with respect to y is d.
func AbsError(d, y, t []float32) float64 {
	match(len(d), len(y))
	match(len(d), len(t))
	return absErrorGo(d, y, t)
}

// BCELogits writes d = σ(x) − t and returns the binary cross-entropy of the
// targets t, each in 0..1, under the logits x: Σ log(1 + eˣ) − t·x. The gradient of
// that sum with respect to x is d.
func BCELogits(d, x, t []float32) float64 {
	match(len(d), len(x))
	match(len(d), len(t))
	return bceLogitsGo(d, x, t)
}

func sumGo(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func sumSquaresGo(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func dotGo(a, b []float32) (s float64) {
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}

func maxGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func finiteGo(x []float32) bool {
	const exponent = 0xff << 23
	for _, v := range x {
		if math.Float32bits(v)&exponent == exponent {
			return false
		}
	}
	return true
}

func squaredErrorGo(d, y, t []float32) (s float64) {
	for i, v := range y {
		e := v - t[i]
		d[i] = e
		s += float64(e) * float64(e)
	}
	return s
}

func absErrorGo(d, y, t []float32) (s float64) {
	for i, v := range y {
		e := v - t[i]
		s += float64(abs32(e))
		switch {
		case e > 0:
			e = 1
		case e < 0:
			e = -1
		}
		d[i] = e // 0 and NaN stay what they are
	}
	return s
}

func bceLogitsGo(d, x, t []float32) (s float64) {
	for i, v := range x {
		e := exp32(-abs32(v))
		s += float64(max(v, 0) - v*t[i] + log1pExpNeg(e))
		p := 1 / (1 + e)
		if v < 0 {
			p = e / (1 + e)
		}
		d[i] = p - t[i]
	}
	return s
}
