package vec

// Exp writes eˣ; relative error below 2e-7.
func Exp(dst, x []float32) {
	match(len(dst), len(x))
	exp(dst, x)
}

// Log writes the natural logarithm; relative error below 2e-7. The logarithm of 0
// is −Inf and that of a negative number NaN.
func Log(dst, x []float32) {
	match(len(dst), len(x))
	log(dst, x)
}

// Add writes a + b.
func Add(dst, a, b []float32) {
	match(len(dst), len(a))
	match(len(dst), len(b))
	add(dst, a, b)
}

// Sub writes a − b.
func Sub(dst, a, b []float32) {
	match(len(dst), len(a))
	match(len(dst), len(b))
	sub(dst, a, b)
}

// Mul writes the elementwise product a·b.
func Mul(dst, a, b []float32) {
	match(len(dst), len(a))
	match(len(dst), len(b))
	mul(dst, a, b)
}

// Scale writes a·x.
func Scale(dst, x []float32, a float32) {
	match(len(dst), len(x))
	scale(dst, x, a)
}

// Axpy adds a·x to dst.
func Axpy(dst []float32, a float32, x []float32) {
	match(len(dst), len(x))
	axpy(dst, a, x)
}

// AddBelow adds max(a − x, 0) to dst: by how much x falls short of a.
func AddBelow(dst, x []float32, a float32) {
	match(len(dst), len(x))
	addBelow(dst, x, a)
}

// Fill writes a to every element.
func Fill(dst []float32, a float32) { fill(dst, a) }

// FromBytes writes src·scale + shift: pixels to numbers. It rounds after the
// product and after the sum, and so gives the same bits on every machine.
func FromBytes(dst []float32, src []byte, scale, shift float32) {
	match(len(dst), len(src))
	fromBytes(dst, src, scale, shift)
}

// FromBytesSub writes src[i]·scale − sub[i], sub being the mean example, say. It
// rounds as FromBytes does.
func FromBytesSub(dst []float32, src []byte, scale float32, sub []float32) {
	match(len(dst), len(src))
	match(len(dst), len(sub))
	fromBytesSub(dst, src, scale, sub)
}

func expGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = exp32(v)
	}
}

func logGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = log32(v)
	}
}

func addGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulGo(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func scaleGo(dst, x []float32, a float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * a
	}
}

func addBelowGo(dst, x []float32, a float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += max(a-x[i], 0)
	}
}

func axpyGo(dst []float32, a float32, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += a * x[i]
	}
}

func fillGo(dst []float32, a float32) {
	for i := range dst {
		dst[i] = a
	}
}

func fromBytesGo(dst []float32, src []byte, scale, shift float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = float32(float32(src[i])*scale) + shift
	}
}

func fromBytesSubGo(dst []float32, src []byte, scale float32, sub []float32) {
	src, sub = src[:len(dst)], sub[:len(dst)]
	for i := range dst {
		dst[i] = float32(float32(src[i])*scale) - sub[i]
	}
}
