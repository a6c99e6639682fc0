package vec

func reluGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

func reluGradGo(dx, dy, y []float32) {
	for i, v := range y {
		if v > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func leakyReLUGo(dst, x []float32, slope float32) {
	for i, v := range x {
		if !(v > 0) {
			v *= slope
		}
		dst[i] = v
	}
}

func leakyReLUGradGo(dx, dy, x []float32, slope float32) {
	for i, v := range x {
		d := dy[i]
		if !(v > 0) {
			d *= slope
		}
		dx[i] = d
	}
}

func eluGo(dst, x []float32, alpha float32) {
	for i, v := range x {
		if !(v > 0) {
			v = alpha * expm1Neg(v)
		}
		dst[i] = v
	}
}

func eluGradGo(dx, dy, x []float32, alpha float32) {
	for i, v := range x {
		d := dy[i]
		if !(v > 0) {
			d *= alpha * exp32(v)
		}
		dx[i] = d
	}
}

func geluGo(dst, x []float32) {
	for i, v := range x {
		v = max(v, -geluEnd) // −∞·Φ(−∞) is 0 in the limit and NaN in arithmetic
		c, _ := normal(v)
		dst[i] = v * c
	}
}

func geluGradGo(dx, dy, x []float32) {
	for i, v := range x {
		v = min(max(v, -geluEnd), geluEnd)
		c, e := normal(v)
		dx[i] = dy[i] * (c + v*phi0*e)
	}
}

func geluTanhGo(dst, x []float32) {
	for i, v := range x {
		v = max(v, -geluEnd)
		dst[i] = v * sigmoid32(v*(geluA+geluB*(v*v)))
	}
}

func geluTanhGradGo(dx, dy, x []float32) {
	for i, v := range x {
		v = min(max(v, -geluEnd), geluEnd)
		z := v * v
		s, rest := sigmoidPair(v * (geluA + geluB*z))
		dx[i] = dy[i] * (s + v*s*rest*(geluA+geluB3*z))
	}
}

func tanhGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = tanh32(v)
	}
}

func tanhGradGo(dx, dy, y []float32) {
	for i, v := range y {
		dx[i] = dy[i] * (1 - v*v)
	}
}

func sigmoidGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = sigmoid32(v)
	}
}

func sigmoidGradGo(dx, dy, y []float32) {
	for i, v := range y {
		dx[i] = dy[i] * (v * (1 - v))
	}
}

func siluGo(dst, x []float32) {
	for i, v := range x {
		v = max(v, -siluEnd)
		dst[i] = v * sigmoid32(v)
	}
}

func siluGradGo(dx, dy, x []float32) {
	for i, v := range x {
		v = min(max(v, -siluEnd), siluEnd)
		s, rest := sigmoidPair(v)
		dx[i] = dy[i] * (s * (1 + v*rest))
	}
}

func softplusGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = max(v, 0) + log1pExpNeg(exp32(-abs32(v)))
	}
}

func softplusGradGo(dx, dy, x []float32) {
	for i, v := range x {
		dx[i] = dy[i] * sigmoid32(v)
	}
}
