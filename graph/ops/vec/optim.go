package vec

import "math"

// The optimizer steps change the weights w and the optimizer's state in place, in
// one pass. The formulas and the order of operations are those of PyTorch's
// torch.optim. Each multiplies the gradient by Scale before anything else, so
// that clipping by the global norm, or the mean over accumulated batches, needs no
// pass of its own; then it adds Decay·w (coupled weight decay, L2).

// AdamConfig holds the settings of Adam (Kingma and Ba 2015, arXiv:1412.6980,
// Algorithm 1) and of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101,
// Algorithm 2), which is Adam with Decoupled set.
type AdamConfig struct {
	LR           float64 // learning rate, ≥ 0
	Beta1, Beta2 float64 // decay rates of the moments, in [0, 1)
	Eps          float64 // added to the root of the second moment
	Decay        float64 // weight decay
	Decoupled    bool    // decay shrinks the weights by 1 − LR·Decay and leaves the gradient alone
}

// AdamCoef are the coefficients of one step, computed in float64 and then rounded.
type AdamCoef struct {
	Scale         float32 // of the gradient
	Decay         float32 // coupled decay
	Shrink        float32 // of the weights: 1 − lr·decay where decoupled, else 1
	Beta1, Fresh1 float32 // β₁ and 1 − β₁
	Beta2, Fresh2 float32 // β₂ and 1 − β₂
	Rate          float32 // lr/(1 − β₁ᵗ)
	RootCorrect   float32 // 1/√(1 − β₂ᵗ)
	Eps           float32
}

// At returns the coefficients of step t, counted from 1, for gradients that are to
// be multiplied by scale.
func (c AdamConfig) At(t int, scale float64) AdamCoef {
	k := AdamCoef{
		Scale:       float32(scale),
		Shrink:      1,
		Beta1:       float32(c.Beta1),
		Fresh1:      float32(1 - c.Beta1),
		Beta2:       float32(c.Beta2),
		Fresh2:      float32(1 - c.Beta2),
		Rate:        float32(c.LR / (1 - math.Pow(c.Beta1, float64(t)))),
		RootCorrect: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, float64(t)))),
		Eps:         float32(c.Eps),
	}
	if c.Decoupled {
		k.Shrink = float32(1 - c.LR*c.Decay)
	} else {
		k.Decay = float32(c.Decay)
	}
	return k
}

// Adam makes one step: w the weights, g their gradient (kept), m and v the running
// means of the gradient and of its square, which start at 0.
//
//	g' = scale·g + decay·w;  m = β₁m + (1−β₁)g';  v = β₂v + (1−β₂)g'²
//	w = shrink·w − rate·m/(√v·rootCorrect + eps)
func Adam(w, g, m, v []float32, k AdamCoef) {
	match(len(w), len(g))
	match(len(w), len(m))
	match(len(w), len(v))
	adam(w, g, m, v, k.Scale, k.Decay, k.Shrink, k.Beta1, k.Fresh1, k.Beta2, k.Fresh2, k.Rate, k.RootCorrect, k.Eps)
}

// SGDCoef are the coefficients of a step of stochastic gradient descent with
// momentum (Sutskever et al. 2013, in PyTorch's form, where the rate multiplies the
// momentum's buffer).
type SGDCoef struct {
	Scale    float32 // of the gradient
	Decay    float32 // coupled decay
	LR       float32 // learning rate
	Momentum float32 // 0 = none
	Fresh    float32 // share of the gradient in the buffer: 1 − dampening, but 1 in the very first step
	Nesterov bool
}

// SGD makes one step. buf holds the momentum and starts at 0; it is nil if
// k.Momentum is 0, and only then.
//
//	g' = scale·g + decay·w;  buf = momentum·buf + fresh·g'
//	w = w − lr·buf, or with Nesterov w − lr·(g' + momentum·buf), or without momentum w − lr·g'
func SGD(w, g, buf []float32, k SGDCoef) {
	match(len(w), len(g))
	if k.Momentum == 0 {
		match(0, len(buf))
		sgd(w, g, k.Scale, k.Decay, k.LR)
		return
	}
	match(len(w), len(buf))
	direct, heavy := float32(0), float32(1)
	if k.Nesterov {
		direct, heavy = 1, k.Momentum
	}
	sgdMomentum(w, g, buf, k.Scale, k.Decay, k.LR, k.Momentum, k.Fresh, direct, heavy)
}

// RMSpropCoef are the coefficients of a step of RMSprop (Tieleman and Hinton 2012),
// not centred.
type RMSpropCoef struct {
	Scale        float32 // of the gradient
	Decay        float32 // coupled decay
	LR           float32 // learning rate
	Alpha, Fresh float32 // decay rate of the mean square, and 1 − it
	Eps          float32 // added to the root
	Momentum     float32 // 0 = none
}

// RMSprop makes one step. v is the running mean of the squared gradient and starts
// at 0, as does the momentum buf, which is nil if k.Momentum is 0, and only then.
//
//	g' = scale·g + decay·w;  v = alpha·v + fresh·g'²;  u = g'/(√v + eps)
//	buf = momentum·buf + u, w = w − lr·buf; or without momentum w − lr·u
func RMSprop(w, g, v, buf []float32, k RMSpropCoef) {
	match(len(w), len(g))
	match(len(w), len(v))
	if k.Momentum == 0 {
		match(0, len(buf))
		rmsprop(w, g, v, k.Scale, k.Decay, k.LR, k.Alpha, k.Fresh, k.Eps)
		return
	}
	match(len(w), len(buf))
	rmspropMomentum(w, g, v, buf, k.Scale, k.Decay, k.LR, k.Alpha, k.Fresh, k.Eps, k.Momentum)
}

// AdagradCoef are the coefficients of a step of Adagrad (Duchi et al. 2011).
type AdagradCoef struct {
	Scale float32 // of the gradient
	Decay float32 // coupled decay
	LR    float32 // learning rate; with PyTorch's lr_decay, lr/(1 + (t−1)·lr_decay)
	Eps   float32 // added to the root
}

// Adagrad makes one step; sum is the sum of the squared gradients so far.
//
//	g' = scale·g + decay·w;  sum = sum + g'²;  w = w − lr·g'/(√sum + eps)
func Adagrad(w, g, sum []float32, k AdagradCoef) {
	match(len(w), len(g))
	match(len(w), len(sum))
	adagrad(w, g, sum, k.Scale, k.Decay, k.LR, k.Eps)
}

func adamGo(w, g, m, v []float32, scale, decay, shrink, beta1, fresh1, beta2, fresh2, rate, correct, eps float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i, wi := range w {
		gi := scale*g[i] + decay*wi
		mi := beta1*m[i] + fresh1*gi
		vi := beta2*v[i] + fresh2*(gi*gi)
		m[i], v[i] = mi, vi
		w[i] = shrink*wi - rate*(mi/(sqrt32(vi)*correct+eps))
	}
}

func sgdGo(w, g []float32, scale, decay, lr float32) {
	g = g[:len(w)]
	for i, wi := range w {
		w[i] = wi - lr*(scale*g[i]+decay*wi)
	}
}

func sgdMomentumGo(w, g, buf []float32, scale, decay, lr, momentum, fresh, direct, heavy float32) {
	g, buf = g[:len(w)], buf[:len(w)]
	for i, wi := range w {
		gi := scale*g[i] + decay*wi
		b := momentum*buf[i] + fresh*gi
		buf[i] = b
		w[i] = wi - lr*(direct*gi+heavy*b)
	}
}

func rmspropGo(w, g, v []float32, scale, decay, lr, alpha, fresh, eps float32) {
	g, v = g[:len(w)], v[:len(w)]
	for i, wi := range w {
		gi := scale*g[i] + decay*wi
		vi := alpha*v[i] + fresh*(gi*gi)
		v[i] = vi
		w[i] = wi - lr*(gi/(sqrt32(vi)+eps))
	}
}

func rmspropMomentumGo(w, g, v, buf []float32, scale, decay, lr, alpha, fresh, eps, momentum float32) {
	g, v, buf = g[:len(w)], v[:len(w)], buf[:len(w)]
	for i, wi := range w {
		gi := scale*g[i] + decay*wi
		vi := alpha*v[i] + fresh*(gi*gi)
		b := momentum*buf[i] + gi/(sqrt32(vi)+eps)
		v[i], buf[i] = vi, b
		w[i] = wi - lr*b
	}
}

func adagradGo(w, g, sum []float32, scale, decay, lr, eps float32) {
	g, sum = g[:len(w)], sum[:len(w)]
	for i, wi := range w {
		gi := scale*g[i] + decay*wi
		s := sum[i] + gi*gi
		sum[i] = s
		w[i] = wi - lr*(gi/(sqrt32(s)+eps))
	}
}
