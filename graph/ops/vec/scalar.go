package vec

import "math"

// The functions of one number below are the plain Go twins of what the assembly
// computes in lanes: the same reductions and polynomials, in the same order.

// pow2 returns 2ⁿ for -126 ≤ n ≤ 127.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// expParts returns n and q with eˣ = 2ⁿ·(1+q), |q| < 0.42, for expLow ≤ x ≤ expHigh.
func expParts(x float32) (n int32, q float32) {
	const magic = 3 << 22 // adding it leaves no bits for a fraction
	k := float32(float32(x*log2e)+magic) - magic
	r := x - k*ln2hi
	r -= k * ln2lo
	p := float32(exp4)
	p = p*r + exp3
	p = p*r + exp2
	p = p*r + exp1
	p = p*r + exp0
	return int32(k), p*(r*r) + r
}

// exp32 returns eˣ; relative error 2e-7.
func exp32(x float32) float32 {
	switch {
	case x < expLow:
		return 0
	case x > expHigh:
		return float32(math.Inf(1))
	}
	n, q := expParts(x)
	h := n >> 1 // 2ⁿ alone may be too big or too small for a float32
	return (1 + q) * pow2(h) * pow2(n-h)
}

// expm1Neg returns eˣ−1 for x ≤ 0; relative error 3e-7, also near 0.
func expm1Neg(x float32) float32 {
	n, q := expParts(max(x, -87))
	k := pow2(n)
	return (k - 1) + k*q
}

// log32 returns the natural logarithm; relative error 2e-7.
func log32(x float32) float32 {
	if !(x >= 0x1p-126 && x <= math.MaxFloat32) {
		return float32(math.Log(float64(x))) // 0, denormal, negative, infinite, NaN
	}
	const sqrtHalf = 0x3f3504f3
	u := math.Float32bits(x) + (0x3f800000 - sqrtHalf)
	k := float32(int32(u>>23) - 127)
	f := math.Float32frombits(u&0x7fffff+sqrtHalf) - 1 // √½ ≤ 1+f < √2
	s := f / (2 + f)
	z := s * s
	r := z * (log0 + z*(log1+z*log2))
	h := 0.5 * f * f
	return k*ln2hi - ((h - (s*(h+r) + k*ln2lo)) - f)
}

// tanh32 returns the hyperbolic tangent; relative error 4e-7.
func tanh32(x float32) float32 {
	e := expm1Neg(-2 * abs32(x))
	return math.Float32frombits(math.Float32bits(-e/(2+e))&^(1<<31) | math.Float32bits(x)&(1<<31))
}

// sigmoid32 returns 1/(1+e⁻ˣ).
func sigmoid32(x float32) float32 { return 1 / (1 + exp32(-x)) }

// sigmoidPair returns σ(x) and 1−σ(x), the latter without cancellation.
func sigmoidPair(x float32) (s, rest float32) {
	w := exp32(-x)
	s = 1 / (1 + w)
	if x >= 0 {
		return s, w * s
	}
	return s, 1 - s
}

// log1pExpNeg returns log(1+e) for e = exp of something ≤ 0; relative error 3e-7.
func log1pExpNeg(e float32) float32 {
	s := e / (2 + e)
	z := s * s
	return 2 * s * (1 + z*(atanh0+z*(atanh1+z*(atanh2+z*atanh3))))
}

// normal returns the normal distribution Φ(x) and e = exp(−x²/2).
func normal(x float32) (c, e float32) {
	a := abs32(x)
	e = exp32(-0.5 * a * a)
	t := 1 / (1 + cdfT*a)
	p := float32(cdf7)
	p = p*t + cdf6
	p = p*t + cdf5
	p = p*t + cdf4
	p = p*t + cdf3
	p = p*t + cdf2
	p = p*t + cdf1
	p = p*t + cdf0
	c = p * t * e
	if x >= 0 {
		c = 1 - c
	}
	return c, e
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
