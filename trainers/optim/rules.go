package optim

import (
	"math"

	"x2vec/graph/ops/vec"
)

// A rule is the arithmetic of one method. Its state is up to two arrays beside
// each array of weights.
type rule interface {
	// arrays names the state that each weight has, and says where it starts.
	arrays() (names []string, start float32)
	// prepare computes the coefficients of a step for parameter i.
	prepare(i int, u update)
	// apply makes the step on a part of parameter i, whose state is a and b, nil
	// where the rule has less.
	apply(i int, w, g, a, b []float32)
}

// An update is what the coefficients of one parameter are computed from.
type update struct {
	t         int // the step, from 1
	lr, scale float64
	decay     float64 // weight decay, 0 where it does not apply
	adapt     bool    // whether layer-wise rates apply
	w, g      float64 // norms, for rules that need them
}

// sgd is stochastic gradient descent (torch.optim.SGD).
type sgd struct {
	o Options
	k []vec.SGDCoef
}

func newSGD(o Options, params int) rule { return &sgd{o, make([]vec.SGDCoef, params)} }

func (r *sgd) arrays() ([]string, float32) { return momentumArrays(r.o), 0 }

func (r *sgd) prepare(i int, u update) {
	fresh := 1 - r.o.Dampening
	if u.t == 1 {
		fresh = 1
	}
	r.k[i] = vec.SGDCoef{
		Scale:    float32(u.scale),
		Decay:    float32(u.decay),
		LR:       float32(u.lr),
		Momentum: float32(r.o.Momentum),
		Fresh:    float32(fresh),
		Nesterov: r.o.Nesterov,
	}
}

func (r *sgd) apply(i int, w, g, a, _ []float32) { vec.SGD(w, g, a, r.k[i]) }

// momentumArrays is the state of a method that has momentum or nothing.
func momentumArrays(o Options) []string {
	if o.Momentum == 0 {
		return nil
	}
	return []string{"momentum"}
}

// adam is Adam, and AdamW by its type (torch.optim.Adam, torch.optim.AdamW).
type adam struct {
	o Options
	k []vec.AdamCoef
}

func newAdam(o Options, params int) rule { return &adam{o, make([]vec.AdamCoef, params)} }

func (r *adam) arrays() ([]string, float32) { return []string{"m", "v"}, 0 }

func (r *adam) prepare(i int, u update) {
	r.k[i] = vec.AdamConfig{
		LR:        u.lr,
		Beta1:     r.o.Betas[0],
		Beta2:     r.o.Betas[1],
		Eps:       r.o.Eps,
		Decay:     u.decay,
		Decoupled: r.o.Type == "adamw",
	}.At(u.t, u.scale)
}

func (r *adam) apply(i int, w, g, a, b []float32) { vec.Adam(w, g, a, b, r.k[i]) }

// rmsprop is RMSprop, not centred (torch.optim.RMSprop).
type rmsprop struct {
	o Options
	k []vec.RMSpropCoef
}

func newRMSprop(o Options, params int) rule { return &rmsprop{o, make([]vec.RMSpropCoef, params)} }

func (r *rmsprop) arrays() ([]string, float32) {
	return append([]string{"v"}, momentumArrays(r.o)...), 0
}

func (r *rmsprop) prepare(i int, u update) {
	r.k[i] = vec.RMSpropCoef{
		Scale:    float32(u.scale),
		Decay:    float32(u.decay),
		LR:       float32(u.lr),
		Alpha:    float32(r.o.Alpha),
		Fresh:    float32(1 - r.o.Alpha),
		Eps:      float32(r.o.Eps),
		Momentum: float32(r.o.Momentum),
	}
}

func (r *rmsprop) apply(i int, w, g, a, b []float32) { vec.RMSprop(w, g, a, b, r.k[i]) }

// adagrad is Adagrad (torch.optim.Adagrad).
type adagrad struct {
	o Options
	k []vec.AdagradCoef
}

func newAdagrad(o Options, params int) rule { return &adagrad{o, make([]vec.AdagradCoef, params)} }

func (r *adagrad) arrays() ([]string, float32) {
	return []string{"sum"}, float32(r.o.InitialAccumulator)
}

func (r *adagrad) prepare(i int, u update) {
	r.k[i] = vec.AdagradCoef{
		Scale: float32(u.scale),
		Decay: float32(u.decay),
		LR:    float32(u.lr / (1 + float64(u.t-1)*r.o.LRDecay)),
		Eps:   float32(r.o.Eps),
	}
}

func (r *adagrad) apply(i int, w, g, a, _ []float32) { vec.Adagrad(w, g, a, r.k[i]) }

// lars gives each array of weights a rate in proportion to its norm over that of
// its gradient (You, Gitman and Ginsburg 2017, "Large batch training of
// convolutional networks", arXiv:1708.03888, Algorithm 1):
//
//	λ = η·‖w‖ / (‖g‖ + decay·‖w‖ + eps);  buf = momentum·buf + λ·(g + decay·w);  w = w − lr·buf
//
// with lr outside of the momentum's buffer, as in torch.optim.SGD. λ is 1 where a
// norm is 0, so that weights which start at zero can move, and for biases and
// gains of norms (Param.Decay false), which take a plain step.
type lars struct{ sgd }

func newLARS(o Options, params int) rule {
	return &lars{sgd{o, make([]vec.SGDCoef, params)}}
}

func (r *lars) prepare(i int, u update) {
	if u.adapt && u.w > 0 && u.g > 0 {
		lambda := r.o.Trust * u.w / (u.g + u.decay*u.w + r.o.Eps)
		if math.IsInf(lambda, 0) { // both norms so small that they leave no digits
			lambda = 1
		}
		u.scale *= lambda
		u.decay *= lambda
	}
	r.sgd.prepare(i, u)
}
