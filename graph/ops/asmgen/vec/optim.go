package main

func optimizers() []kernel {
	// decayed is the gradient as the optimizer sees it: scale·grad + decay·w.
	decayed := func(e *emitter, grad, w, scale, decay vec) vec {
		v := e.mul(grad, scale)
		e.addMul(v, w, decay)
		return v
	}
	// mix is a·x + b·y.
	mix := func(e *emitter, a, x, b, y vec) vec {
		v := e.mul(x, a)
		e.addMul(v, y, b)
		return v
	}
	return []kernel{
		{"adam", "(w, grad, m, v []float32, scale, decay, shrink, beta1, fresh1, beta2, fresh2, rate, correct, eps float32)", "makes a step of Adam.",
			elementwise{
				outs: []string{"m", "v", "w"}, ins: []string{"w", "grad", "m", "v"}, unroll: heavy,
				scalars: []string{"scale", "decay", "shrink", "beta1", "fresh1", "beta2", "fresh2", "rate", "correct", "eps"},
				f: func(e *emitter, in, s []vec) []vec {
					grad := decayed(e, in[1], in[0], s[0], s[1])
					m := mix(e, s[3], in[2], s[4], grad)
					v := mix(e, s[5], in[3], s[6], e.mul(grad, grad))
					d := e.sqrt(v)
					e.mulAdd(d, s[8], s[9])
					w := e.mul(in[0], s[2])
					e.subMul(w, e.div(m, d), s[7])
					return []vec{m, v, w}
				},
			}.body},
		{"sgd", "(w, grad []float32, scale, decay, lr float32)", "makes a step of gradient descent.",
			elementwise{
				outs: []string{"w"}, ins: []string{"w", "grad"}, unroll: light,
				scalars: []string{"scale", "decay", "lr"},
				f: func(e *emitter, in, s []vec) []vec {
					e.subMul(in[0], decayed(e, in[1], in[0], s[0], s[1]), s[2])
					return in[:1]
				},
			}.body},
		{"sgdMomentum", "(w, grad, buf []float32, scale, decay, lr, momentum, fresh, direct, heavy float32)", "makes a step of gradient descent with momentum.",
			elementwise{
				outs: []string{"buf", "w"}, ins: []string{"w", "grad", "buf"}, unroll: heavy,
				scalars: []string{"scale", "decay", "lr", "momentum", "fresh", "direct", "heavy"},
				f: func(e *emitter, in, s []vec) []vec {
					grad := decayed(e, in[1], in[0], s[0], s[1])
					buf := mix(e, s[3], in[2], s[4], grad)
					e.subMul(in[0], mix(e, s[5], grad, s[6], buf), s[2])
					return []vec{buf, in[0]}
				},
			}.body},
		{"rmsprop", "(w, grad, v []float32, scale, decay, lr, alpha, fresh, eps float32)", "makes a step of RMSprop.",
			elementwise{
				outs: []string{"v", "w"}, ins: []string{"w", "grad", "v"}, unroll: heavy,
				scalars: []string{"scale", "decay", "lr", "alpha", "fresh", "eps"},
				f: func(e *emitter, in, s []vec) []vec {
					grad := decayed(e, in[1], in[0], s[0], s[1])
					v := mix(e, s[3], in[2], s[4], e.mul(grad, grad))
					e.subMul(in[0], e.div(grad, e.add(e.sqrt(v), s[5])), s[2])
					return []vec{v, in[0]}
				},
			}.body},
		{"rmspropMomentum", "(w, grad, v, buf []float32, scale, decay, lr, alpha, fresh, eps, momentum float32)", "makes a step of RMSprop with momentum.",
			elementwise{
				outs: []string{"v", "buf", "w"}, ins: []string{"w", "grad", "v", "buf"}, unroll: heavy,
				scalars: []string{"scale", "decay", "lr", "alpha", "fresh", "eps", "momentum"},
				f: func(e *emitter, in, s []vec) []vec {
					grad := decayed(e, in[1], in[0], s[0], s[1])
					v := mix(e, s[3], in[2], s[4], e.mul(grad, grad))
					buf := e.div(grad, e.add(e.sqrt(v), s[5]))
					e.addMul(buf, in[3], s[6])
					e.subMul(in[0], buf, s[2])
					return []vec{v, buf, in[0]}
				},
			}.body},
		{"adagrad", "(w, grad, sum []float32, scale, decay, lr, eps float32)", "makes a step of Adagrad.",
			elementwise{
				outs: []string{"sum", "w"}, ins: []string{"w", "grad", "sum"}, unroll: heavy,
				scalars: []string{"scale", "decay", "lr", "eps"},
				f: func(e *emitter, in, s []vec) []vec {
					grad := decayed(e, in[1], in[0], s[0], s[1])
					e.addMul(in[2], grad, grad)
					e.subMul(in[0], e.div(grad, e.add(e.sqrt(in[2]), s[3])), s[2])
					return []vec{in[2], in[0]}
				},
			}.body},
	}
}
