package vec

import (
	"math"
	"testing"
)

// The optimizers are compared over several steps with float64 versions written
// from the documentation of torch.optim, one element at a time.

type slowState struct{ a, b float64 }

func slowAdam(c AdamConfig, w, g float64, s *slowState, t int) float64 {
	if c.Decoupled {
		w -= c.LR * c.Decay * w
	} else {
		g += c.Decay * w
	}
	s.a = c.Beta1*s.a + (1-c.Beta1)*g
	s.b = c.Beta2*s.b + (1-c.Beta2)*g*g
	m := s.a / (1 - math.Pow(c.Beta1, float64(t)))
	v := s.b / (1 - math.Pow(c.Beta2, float64(t)))
	return w - c.LR*m/(math.Sqrt(v)+c.Eps)
}

func slowSGD(lr, momentum, dampening, decay float64, nesterov bool) func(w, g float64, s *slowState, t int) float64 {
	return func(w, g float64, s *slowState, t int) float64 {
		g += decay * w
		if momentum != 0 {
			if t == 1 {
				s.a = g
			} else {
				s.a = momentum*s.a + (1-dampening)*g
			}
			if nesterov {
				g += momentum * s.a
			} else {
				g = s.a
			}
		}
		return w - lr*g
	}
}

func slowRMSprop(lr, alpha, eps, decay, momentum float64) func(w, g float64, s *slowState, t int) float64 {
	return func(w, g float64, s *slowState, t int) float64 {
		g += decay * w
		s.a = alpha*s.a + (1-alpha)*g*g
		u := g / (math.Sqrt(s.a) + eps)
		if momentum != 0 {
			s.b = momentum*s.b + u
			u = s.b
		}
		return w - lr*u
	}
}

func slowAdagrad(lr, eps, decay float64) func(w, g float64, s *slowState, t int) float64 {
	return func(w, g float64, s *slowState, t int) float64 {
		g += decay * w
		s.a += g * g
		return w - lr*g/(math.Sqrt(s.a)+eps)
	}
}

func TestOptimizers(t *testing.T) {
	const scale = 0.5
	adam := AdamConfig{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
	coupled, decoupled := adam, adam
	coupled.Decay = 0.1
	decoupled.Decay, decoupled.Decoupled = 0.1, true
	stepAdam := func(c AdamConfig) func(w, g, a, b []float32, t int) {
		return func(w, g, a, b []float32, t int) { Adam(w, g, a, b, c.At(t, scale)) }
	}
	slow := func(c AdamConfig) func(w, g float64, s *slowState, t int) float64 {
		return func(w, g float64, s *slowState, t int) float64 { return slowAdam(c, w, g, s, t) }
	}
	sgd := func(momentum, dampening, decay float32, nesterov bool) func(w, g, a, b []float32, t int) {
		return func(w, g, a, b []float32, t int) {
			k := SGDCoef{Scale: scale, Decay: decay, LR: 0.1, Momentum: momentum, Fresh: 1 - dampening, Nesterov: nesterov}
			if t == 1 {
				k.Fresh = 1
			}
			if momentum == 0 {
				a = nil
			}
			SGD(w, g, a, k)
		}
	}
	rmsprop := func(momentum float32) func(w, g, a, b []float32, t int) {
		return func(w, g, a, b []float32, t int) {
			if momentum == 0 {
				b = nil
			}
			RMSprop(w, g, a, b, RMSpropCoef{Scale: scale, Decay: 0.01, LR: 0.01, Alpha: 0.99, Fresh: 0.01, Eps: 1e-8, Momentum: momentum})
		}
	}
	for _, c := range []struct {
		name string
		step func(w, g, a, b []float32, t int)
		slow func(w, g float64, s *slowState, t int) float64
	}{
		{"Adam", stepAdam(adam), slow(adam)},
		{"Adam with coupled decay", stepAdam(coupled), slow(coupled)},
		{"AdamW", stepAdam(decoupled), slow(decoupled)},
		{"SGD", sgd(0, 0, 0, false), slowSGD(0.1, 0, 0, 0, false)},
		{"SGD with decay", sgd(0, 0, 0.01, false), slowSGD(0.1, 0, 0, 0.01, false)},
		{"SGD with momentum", sgd(0.9, 0, 0, false), slowSGD(0.1, 0.9, 0, 0, false)},
		{"SGD with dampening and decay", sgd(0.9, 0.5, 0.01, false), slowSGD(0.1, 0.9, 0.5, 0.01, false)},
		{"Nesterov", sgd(0.9, 0, 0.01, true), slowSGD(0.1, 0.9, 0, 0.01, true)},
		{"RMSprop", rmsprop(0), slowRMSprop(0.01, 0.99, 1e-8, 0.01, 0)},
		{"RMSprop with momentum", rmsprop(0.9), slowRMSprop(0.01, 0.99, 1e-8, 0.01, 0.9)},
		{"Adagrad", func(w, g, a, b []float32, t int) {
			Adagrad(w, g, a, AdagradCoef{Scale: scale, Decay: 0.01, LR: 0.1, Eps: 1e-10})
		}, slowAdagrad(0.1, 1e-10, 0.01)},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPath(t, func(t *testing.T) {
				for _, n := range []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 40, 70, 129} {
					r := newRand(uint64(n))
					start := draw(r, n, normal32)
					w, a, b := fence(start, 1), fence(make([]float32, n), 2), fence(make([]float32, n), 3)
					want, state := float64s(start), make([]slowState, n)
					for step := 1; step <= 5; step++ {
						g := draw(r, n, normal32)
						kept := append([]float32{}, g...)
						c.step(w.in, g, a.in, b.in, step)
						if err := sameBits(g, kept); err != nil {
							t.Fatalf("n=%d: the gradient was changed: %v", n, err)
						}
						for i := range want {
							want[i] = c.slow(want[i], scale*float64(g[i]), &state[i], step)
							if !near(w.in[i], want[i], tolerance{3e-6, 3e-6}) {
								t.Fatalf("n=%d, step %d: w[%d] = %g, want %g", n, step, i, w.in[i], want[i])
							}
						}
					}
					for _, f := range []fenced{w, a, b} {
						f.check(t, c.name)
					}
				}
			})
		})
	}
}

// A gradient of 0 and a second moment of 0 must leave the weight alone: 0/(0+eps).
func TestAdamOfNothing(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		w, zero := []float32{1, 2, 3}, make([]float32, 3)
		Adam(w, zero, make([]float32, 3), make([]float32, 3), AdamConfig{LR: 1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}.At(1, 1))
		if w[0] != 1 || w[1] != 2 || w[2] != 3 {
			t.Errorf("weights %v, want 1 2 3", w)
		}
	})
}
