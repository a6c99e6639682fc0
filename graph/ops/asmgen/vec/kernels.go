package main

import (
	"fmt"
	"math"
)

func allKernels(c coefficients) []kernel {
	var all []kernel
	all = append(all, activations(c)...)
	all = append(all, arithmetic(c)...)
	all = append(all, bytesKernels()...)
	all = append(all, biases()...)
	all = append(all, reductions(c)...)
	all = append(all, rows(c)...)
	return append(all, optimizers()...)
}

// An elementwise kernel computes one vector of each output from one vector of each
// input: names of slice parameters, all of the first output's length, and of
// float32 parameters.
type elementwise struct {
	outs, ins, scalars []string
	unroll             int
	f                  func(e *emitter, in, s []vec) []vec
}

func (k elementwise) body(e *emitter) {
	ptrs := map[string]gp{}
	for _, name := range append(append([]string{}, k.outs...), k.ins...) {
		if _, ok := ptrs[name]; !ok {
			ptrs[name] = e.ptr(name)
		}
	}
	n := e.length(k.outs[0])
	var s []vec
	for _, name := range k.scalars {
		s = append(s, e.scalar(name))
	}
	e.each(n, k.unroll, func(l lane) {
		var in []vec
		for _, name := range k.ins {
			in = append(in, e.load(ptrs[name], l))
		}
		for i, v := range k.f(e, in, s) {
			e.store(v, ptrs[k.outs[i]], l)
		}
	})
}

// heavy kernels are bound by arithmetic, which one vector a round keeps busy; light
// ones by loads and by the loop itself.
const (
	heavy = 1
	light = 4
)

func unary(name, doc string, unroll int, f func(e *emitter, x vec) vec) kernel {
	return kernel{name, "(dst, x []float32)", doc, elementwise{[]string{"dst"}, []string{"x"}, nil, unroll,
		func(e *emitter, in, _ []vec) []vec { return []vec{f(e, in[0])} }}.body}
}

// unaryWith has a float32 parameter.
func unaryWith(name, param, doc string, unroll int, f func(e *emitter, x, a vec) vec) kernel {
	return kernel{name, fmt.Sprintf("(dst, x []float32, %s float32)", param), doc, elementwise{[]string{"dst"}, []string{"x"}, []string{param}, unroll,
		func(e *emitter, in, s []vec) []vec { return []vec{f(e, in[0], s[0])} }}.body}
}

// gradient has the gradient of the output and one further input named of.
func gradient(name, of, doc string, unroll int, f func(e *emitter, dy, x vec) vec) kernel {
	return kernel{name, fmt.Sprintf("(dx, dy, %s []float32)", of), doc, elementwise{[]string{"dx"}, []string{"dy", of}, nil, unroll,
		func(e *emitter, in, _ []vec) []vec { return []vec{f(e, in[0], in[1])} }}.body}
}

func gradientWith(name, param, doc string, unroll int, f func(e *emitter, dy, x, a vec) vec) kernel {
	return kernel{name, fmt.Sprintf("(dx, dy, x []float32, %s float32)", param), doc, elementwise{[]string{"dx"}, []string{"dy", "x"}, []string{param}, unroll,
		func(e *emitter, in, s []vec) []vec { return []vec{f(e, in[0], in[1], s[0])} }}.body}
}

func activations(c coefficients) []kernel {
	gelu, silu := c.get("geluEnd"), c.get("siluEnd")
	clamp := func(e *emitter, x vec, end float64) vec { return e.atMost(e.atLeast(x, -end), end) }
	return []kernel{
		unary("relu", "writes max(x, 0).", light, func(e *emitter, x vec) vec {
			return e.atLeast(x, 0)
		}),
		gradient("reluGrad", "y", "writes dy where y > 0, else 0.", light, func(e *emitter, dy, y vec) vec {
			return e.keep(e.cmp(gt, y, e.kreg(0)), dy)
		}),
		unaryWith("leakyReLU", "slope", "writes x where x > 0, else slope·x.", light, func(e *emitter, x, slope vec) vec {
			return e.sel(e.cmp(gt, x, e.kreg(0)), x, e.mul(x, slope))
		}),
		gradientWith("leakyReLUGrad", "slope", "writes dy where x > 0, else slope·dy.", light, func(e *emitter, dy, x, slope vec) vec {
			return e.sel(e.cmp(gt, x, e.kreg(0)), dy, e.mul(dy, slope))
		}),
		unaryWith("elu", "alpha", "writes x where x > 0, else alpha·(eˣ−1).", heavy, func(e *emitter, x, alpha vec) vec {
			low := e.atMost(x, 0)
			return e.sel(e.cmp(gt, x, e.kreg(0)), x, e.mul(c.expm1Neg(e, low), alpha))
		}),
		gradientWith("eluGrad", "alpha", "writes dy where x > 0, else dy·alpha·eˣ.", heavy, func(e *emitter, dy, x, alpha vec) vec {
			slope := e.mul(c.expNeg(e, e.atMost(x, 0)), alpha)
			return e.sel(e.cmp(gt, x, e.kreg(0)), dy, e.mul(dy, slope))
		}),
		unary("gelu", "writes x·Φ(x).", heavy, func(e *emitter, x vec) vec {
			x = e.atLeast(x, -gelu)
			cdf, _ := c.normal(e, x)
			return e.mul(x, cdf)
		}),
		gradient("geluGrad", "x", "writes dy·(Φ(x) + x·φ(x)).", heavy, func(e *emitter, dy, x vec) vec {
			x = clamp(e, x, gelu)
			cdf, density := c.normal(e, x)
			e.addMul(cdf, e.mul(x, e.k(c.get("phi0"))), density)
			return e.mul(dy, cdf)
		}),
		unary("geluTanh", "writes x·σ(geluA·x + geluB·x³).", heavy, func(e *emitter, x vec) vec {
			x = e.atLeast(x, -gelu)
			p := e.poly(e.mul(x, x), []float64{c.get("geluA"), c.get("geluB")})
			return e.mul(x, c.sigmoid(e, e.mul(p, x)))
		}),
		gradient("geluTanhGrad", "x", "writes dy times the derivative of geluTanh at x.", heavy, func(e *emitter, dy, x vec) vec {
			x = clamp(e, x, gelu)
			z := e.mul(x, x)
			s, rest := c.sigmoidPair(e, e.mul(e.poly(z, []float64{c.get("geluA"), c.get("geluB")}), x))
			slope := e.poly(z, []float64{c.get("geluA"), c.get("geluB3")})
			e.addMul(s, e.mul(e.mul(x, s), rest), slope)
			return e.mul(dy, s)
		}),
		unary("tanh", "writes the hyperbolic tangent.", heavy, c.tanh),
		gradient("tanhGrad", "y", "writes dy·(1 − y²).", light, func(e *emitter, dy, y vec) vec {
			d := e.copy(e.kreg(1))
			e.subMul(d, y, y)
			return e.mul(dy, d)
		}),
		unary("sigmoid", "writes 1/(1 + e⁻ˣ).", heavy, c.sigmoid),
		gradient("sigmoidGrad", "y", "writes dy·y·(1 − y).", light, func(e *emitter, dy, y vec) vec {
			return e.mul(dy, e.mul(y, e.sub(e.kreg(1), y)))
		}),
		unary("silu", "writes x·σ(x).", heavy, func(e *emitter, x vec) vec {
			x = e.atLeast(x, -silu)
			return e.mul(x, c.sigmoid(e, x))
		}),
		gradient("siluGrad", "x", "writes dy·σ(x)·(1 + x·(1 − σ(x))).", heavy, func(e *emitter, dy, x vec) vec {
			x = clamp(e, x, silu)
			s, rest := c.sigmoidPair(e, x)
			e.mulAdd(rest, x, e.k(1))
			return e.mul(dy, e.mul(s, rest))
		}),
		unary("softplus", "writes log(1 + eˣ).", heavy, func(e *emitter, x vec) vec {
			return e.add(c.log1pExpNeg(e, c.expNeg(e, e.negAbs(x))), e.atLeast(x, 0))
		}),
		gradient("softplusGrad", "x", "writes dy·σ(x).", heavy, func(e *emitter, dy, x vec) vec {
			return e.mul(dy, c.sigmoid(e, x))
		}),
	}
}

func arithmetic(c coefficients) []kernel {
	binary := func(name, doc string, f func(e *emitter, a, b vec) vec) kernel {
		return kernel{name, "(dst, a, b []float32)", doc, elementwise{[]string{"dst"}, []string{"a", "b"}, nil, light,
			func(e *emitter, in, _ []vec) []vec { return []vec{f(e, in[0], in[1])} }}.body}
	}
	return []kernel{
		unary("exp", "writes eˣ.", heavy, c.exp),
		unary("log", "writes the natural logarithm.", heavy, c.log),
		binary("add", "writes a + b.", func(e *emitter, a, b vec) vec { return e.add(a, b) }),
		binary("sub", "writes a − b.", func(e *emitter, a, b vec) vec { return e.sub(a, b) }),
		binary("mul", "writes a·b.", func(e *emitter, a, b vec) vec { return e.mul(a, b) }),
		unaryWith("scale", "a", "writes a·x.", light, func(e *emitter, x, a vec) vec { return e.mul(x, a) }),
		{"axpy", "(dst []float32, a float32, x []float32)", "adds a·x to dst.", elementwise{[]string{"dst"}, []string{"dst", "x"}, []string{"a"}, light,
			func(e *emitter, in, s []vec) []vec {
				e.addMul(in[0], in[1], s[0])
				return in[:1]
			}}.body},
		{"addBelow", "(dst, x []float32, a float32)", "adds max(a − x, 0) to dst.", elementwise{[]string{"dst"}, []string{"dst", "x"}, []string{"a"}, light,
			func(e *emitter, in, s []vec) []vec {
				return []vec{e.add(in[0], e.atLeast(e.sub(s[0], in[1]), 0))}
			}}.body},
		{"fill", "(dst []float32, a float32)", "writes a to every element.", elementwise{[]string{"dst"}, nil, []string{"a"}, light,
			func(e *emitter, _, s []vec) []vec { return s }}.body},
	}
}

// reduce returns a kernel that goes over slices of one length, writes outs, and
// returns the sum of what f contributes for each element.
func reduce(name, sig, doc string, outs, ins []string, unroll int, f func(e *emitter, l lane, in []vec, acc vec) []vec) kernel {
	return kernel{name, sig, doc, func(e *emitter) {
		ptrs := map[string]gp{}
		for _, name := range append(append([]string{}, outs...), ins...) {
			ptrs[name] = e.ptr(name)
		}
		n := e.length(ins[0])
		acc := e.zeros(unroll)
		e.each(n, unroll, func(l lane) {
			var in []vec
			for _, name := range ins {
				in = append(in, e.load(ptrs[name], l))
			}
			for i, v := range f(e, l, in, acc[l.step]) {
				e.store(v, ptrs[outs[i]], l)
			}
		})
		e.ret("s", e.fold(e.VADDPS, acc))
	}}
}

func reductions(c coefficients) []kernel {
	one := "(x []float32) (s float32)"
	errs := func(in string) string { return fmt.Sprintf("(d, %s, t []float32) (s float32)", in) }
	return []kernel{
		reduce("sum", one, "returns Σ x.", nil, []string{"x"}, 8, func(e *emitter, l lane, in []vec, acc vec) []vec {
			e.VADDPS(in[0], acc, acc)
			return nil
		}),
		reduce("sumSquares", one, "returns Σ x².", nil, []string{"x"}, 8, func(e *emitter, l lane, in []vec, acc vec) []vec {
			e.addMul(acc, in[0], in[0])
			return nil
		}),
		reduce("dot", "(a, b []float32) (s float32)", "returns Σ a·b.", nil, []string{"a", "b"}, 8, func(e *emitter, l lane, in []vec, acc vec) []vec {
			e.addMul(acc, in[0], in[1])
			return nil
		}),
		reduce("nullSum", one, "returns Σ 0·x: 0, or NaN if an element is infinite or NaN.", nil, []string{"x"}, 8, func(e *emitter, l lane, in []vec, acc vec) []vec {
			e.addMul(acc, in[0], e.kreg(0))
			return nil
		}),
		{"distances", "(x, b []float32, a float32) (s float32)", "writes √max(x + b + a, 0) to x and returns the sum.", distances},
		{"largest", "(x []float32) (m float32)", "returns the largest element, NaN if one is NaN.", largest},
		reduce("squaredError", errs("y"), "writes d = y − t and returns Σ d².", []string{"d"}, []string{"y", "t"}, 4, func(e *emitter, l lane, in []vec, acc vec) []vec {
			d := e.sub(in[0], in[1])
			e.addMul(acc, d, d)
			return []vec{d}
		}),
		reduce("absError", errs("y"), "writes d = sign(y − t) and returns Σ|y − t|.", []string{"d"}, []string{"y", "t"}, 4, func(e *emitter, l lane, in []vec, acc vec) []vec {
			d := e.sub(in[0], in[1])
			e.VADDPS(e.abs(d), acc, acc)
			unit := e.three(e.VORPS, e.k(1), e.sign(d))
			return []vec{e.sel(e.cmp(eqOrNaN, d, e.kreg(0)), d, unit)}
		}),
		reduce("bceLogits", errs("x"), "writes d = σ(x) − t and returns Σ log(1 + eˣ) − t·x.", []string{"d"}, []string{"x", "t"}, 2, func(e *emitter, l lane, in []vec, acc vec) []vec {
			x, t := in[0], in[1]
			q := c.expNeg(e, e.negAbs(x))
			loss := e.atLeast(x, 0)
			e.subMul(loss, x, t)
			loss = e.add(loss, c.log1pExpNeg(e, q))
			e.VADDPS(e.live(loss, l), acc, acc)
			// σ(x) = 1/(1+q) for x ≥ 0 and q/(1+q) below.
			num := e.sel(e.cmp(ge, x, e.zero()), e.k(1), q)
			return []vec{e.sub(e.div(num, e.add(q, e.k(1))), t)}
		}),
	}
}

func distances(e *emitter) {
	const unroll = 2
	x, b, n, a := e.ptr("x"), e.ptr("b"), e.length("x"), e.scalar("a")
	acc := e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		v := e.add(e.add(e.load(x, l), e.load(b, l)), a)
		v = e.sqrt(e.atLeast(v, 0))
		e.store(v, x, l)
		v = e.live(v, l)
		e.VADDPS(v, acc[l.step], acc[l.step])
	})
	e.ret("s", e.fold(e.VADDPS, acc))
}

// largest keeps NaN apart: VMAXPS forgets it.
func largest(e *emitter) {
	const unroll = 8
	p, n := e.ptr("x"), e.length("x")
	low := e.kreg(math.Inf(-1))
	acc, nan := e.zeros(unroll), e.zeros(1)
	for _, a := range acc {
		e.VMOVAPS(low, a)
	}
	e.each(n, unroll, func(l lane) {
		x := e.load(p, l)
		m := e.cmp(unordered, x, x)
		e.VORPS(e.keep(m, x), nan[0], nan[0])
		if l.tail != nil {
			x = e.sel(l.tail, x, low)
		}
		a := acc[l.step]
		e.VMAXPS(x, a, a)
	})
	top := e.fold(e.VMAXPS, acc)
	// The payloads of the NaNs seen, or 0 in every lane.
	e.VADDSS(e.fold(e.VADDPS, nan), top, top)
	e.ret("m", top)
}
