package vec

import "math"

// block is how many elements are summed in float32 lanes before their sum is
// added to a float64, in ascending order: it bounds the error of a sum of any
// length to that of some dozens of additions.
const block = 4096

// Sum returns the sum of x, 0 if x is empty.
func Sum(x []float32) (s float64) {
	for ; len(x) > block; x = x[block:] {
		s += float64(sum(x[:block]))
	}
	return s + float64(sum(x))
}

// SumSquares returns Σ x². Elements beyond 1e17 overflow their block to +Inf.
func SumSquares(x []float32) (s float64) {
	for ; len(x) > block; x = x[block:] {
		s += float64(sumSquares(x[:block]))
	}
	return s + float64(sumSquares(x))
}

// Dot returns Σ a·b.
func Dot(a, b []float32) (s float64) {
	match(len(a), len(b))
	for ; len(a) > block; a, b = a[block:], b[block:] {
		s += float64(dot(a[:block], b[:block]))
	}
	return s + float64(dot(a, b))
}

// Max returns the largest element, NaN if one is NaN, −Inf if x is empty.
func Max(x []float32) float32 { return largest(x) }

// Finite says whether no element is infinite or NaN.
func Finite(x []float32) bool { return nullSum(x) == 0 }

// SquaredError writes d = y − t and returns Σ d². The gradient of ½Σd² with
// respect to y is d.
func SquaredError(d, y, t []float32) (s float64) {
	match(len(d), len(y))
	match(len(d), len(t))
	for ; len(d) > block; d, y, t = d[block:], y[block:], t[block:] {
		s += float64(squaredError(d[:block], y[:block], t[:block]))
	}
	return s + float64(squaredError(d, y, t))
}

// AbsError writes d = sign(y − t), which is 0 where they are equal, and returns
// Σ|y − t|. The gradient of that sum with respect to y is d.
func AbsError(d, y, t []float32) (s float64) {
	match(len(d), len(y))
	match(len(d), len(t))
	for ; len(d) > block; d, y, t = d[block:], y[block:], t[block:] {
		s += float64(absError(d[:block], y[:block], t[:block]))
	}
	return s + float64(absError(d, y, t))
}

// BCELogits writes d = σ(x) − t and returns the binary cross-entropy of the
// targets t, each in 0..1, under the logits x: Σ log(1 + eˣ) − t·x. The gradient of
// that sum with respect to x is d.
func BCELogits(d, x, t []float32) (s float64) {
	match(len(d), len(x))
	match(len(d), len(t))
	for ; len(d) > block; d, x, t = d[block:], x[block:], t[block:] {
		s += float64(bceLogits(d[:block], x[:block], t[:block]))
	}
	return s + float64(bceLogits(d, x, t))
}

// Distances writes √max(x + b + a, 0) to x and returns the sum: what is left of a
// distance where x are products, b the squares of one side and a that of the other.
func Distances(x, b []float32, a float32) (s float64) {
	match(len(x), len(b))
	for ; len(x) > block; x, b = x[block:], b[block:] {
		s += float64(distances(x[:block], b[:block], a))
	}
	return s + float64(distances(x, b, a))
}

func sumGo(x []float32) float32 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return float32(s)
}

func sumSquaresGo(x []float32) float32 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return float32(s)
}

func dotGo(a, b []float32) float32 {
	var s float64
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return float32(s)
}

func largestGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// nullSumGo returns Σ 0·x: 0, or NaN if an element is infinite or NaN.
func nullSumGo(x []float32) float32 {
	var s float32
	for _, v := range x {
		s += v * 0
	}
	return s
}

func squaredErrorGo(d, y, t []float32) float32 {
	var s float64
	for i, v := range y {
		e := v - t[i]
		d[i] = e
		s += float64(e) * float64(e)
	}
	return float32(s)
}

func absErrorGo(d, y, t []float32) float32 {
	var s float64
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
	return float32(s)
}

func bceLogitsGo(d, x, t []float32) float32 {
	var s float64
	for i, v := range x {
		q := exp32(-abs32(v))
		s += float64(max(v, 0) - v*t[i] + log1pExpNeg(q))
		p := 1 / (1 + q)
		if v < 0 {
			p = q / (1 + q)
		}
		d[i] = p - t[i]
	}
	return float32(s)
}

func distancesGo(x, b []float32, a float32) float32 {
	var s float64
	for i, v := range x {
		x[i] = float32(math.Sqrt(float64(max(v+b[i]+a, 0))))
		s += float64(x[i])
	}
	return float32(s)
}
