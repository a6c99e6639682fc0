package vec

import "math"

// SoftmaxRow writes the softmax of scale·x and returns log Σ exp(scale·x), the
// normaliser that a cross-entropy needs. The largest term is subtracted first, so
// that nothing overflows. A row that is −Inf throughout gives NaN, as in PyTorch.
// An empty row gives −Inf.
func SoftmaxRow(dst, x []float32, scale float32) float32 {
	match(len(dst), len(x))
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	m, s := softmaxRow(dst, x, scale)
	return float32(float64(m) + math.Log(float64(s)))
}

// SoftmaxGradRow writes dx = scale·p·(dy − Σ p·dy), the gradient of p = softmax(scale·x).
func SoftmaxGradRow(dx, dy, p []float32, scale float32) {
	match(len(dx), len(dy))
	match(len(dx), len(p))
	softmaxGradRow(dx, dy, p, scale)
}

// LayerNormRow writes gamma·(x − mean)·rstd + beta over one row of length D ≥ 1,
// with rstd = 1/√(variance + eps) and the variance taken over D, not D−1 (Ba et al.
// 2016, arXiv:1607.06450, eq. 4). dst may be x but not gamma or beta.
func LayerNormRow(dst, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	match(len(dst), len(x))
	match(len(dst), len(gamma))
	match(len(dst), len(beta))
	return layerNormRow(dst, x, gamma, beta, eps)
}

// LayerNormGradRow writes dx, the gradient of LayerNormRow's x, and adds those of
// gamma and beta to dgamma and dbeta. x, mean and rstd are those of the forward.
// dx may be dy or x; dgamma and dbeta may overlap nothing.
func LayerNormGradRow(dx, dy, x, gamma, dgamma, dbeta []float32, mean, rstd float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	match(len(dx), len(gamma))
	match(len(dx), len(dgamma))
	match(len(dx), len(dbeta))
	layerNormGradRow(dx, dy, x, gamma, dgamma, dbeta, mean, rstd)
}

// softmaxRowGo returns the largest scale·x and Σ exp(scale·x − largest).
func softmaxRowGo(dst, x []float32, scale float32) (largest, sum float32) {
	m := float32(math.Inf(-1))
	for i, v := range x {
		v *= scale
		dst[i] = v
		m = max(m, v)
	}
	var s float64
	for i, v := range dst {
		e := exp32(v - m)
		dst[i] = e
		s += float64(e)
	}
	scaleGo(dst, dst, float32(1/s))
	return m, float32(s)
}

func softmaxGradRowGo(dx, dy, p []float32, scale float32) {
	s := dotGo(p, dy)
	for i, v := range p {
		dx[i] = scale * v * (dy[i] - s)
	}
}

func layerNormRowGo(dst, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	n := float64(len(x))
	mean = float32(float64(sumGo(x)) / n)
	var s float64
	for _, v := range x {
		d := v - mean
		s += float64(d) * float64(d)
	}
	rstd = 1 / sqrt32(float32(s/n)+eps)
	for i, v := range x {
		dst[i] = (v-mean)*rstd*gamma[i] + beta[i]
	}
	return mean, rstd
}

// With h = (x − mean)·rstd and d = dy·gamma, dx = rstd·(d − mean(d) − h·mean(d·h)).
func layerNormGradRowGo(dx, dy, x, gamma, dgamma, dbeta []float32, mean, rstd float32) {
	var s1, s2 float64
	for i, v := range x {
		h := (v - mean) * rstd
		d := dy[i] * gamma[i]
		s1 += float64(d)
		s2 += float64(d) * float64(h)
		dgamma[i] += dy[i] * h
		dbeta[i] += dy[i]
	}
	n := float64(len(x))
	m1, m2 := float32(s1/n), float32(s2/n)
	for i, v := range x {
		h := (v - mean) * rstd
		dx[i] = rstd * (dy[i]*gamma[i] - m1 - h*m2)
	}
}
