package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// repeat runs body n times.
func (e *emitter) repeat(n gp, body func()) {
	loop, done := e.label("row"), e.label("rows")
	e.TESTQ(n, n)
	e.JLE(LabelRef(done))
	e.Label(loop)
	body()
	e.DECQ(n)
	e.JNE(LabelRef(loop))
	e.Label(done)
}

func biases() []kernel {
	biased := func(name, doc string, after func(e *emitter, x vec) vec) kernel {
		return kernel{name, "(x, bias []float32, rows, cols int)", doc, func(e *emitter) {
			x, b, rows, cols := e.ptr("x"), e.ptr("bias"), e.integer("rows"), e.integer("cols")
			e.repeat(rows, func() {
				e.each(cols, light, func(l lane) {
					e.store(after(e, e.add(e.load(x, l), e.load(b, l))), x, l)
				})
				e.LEAQ(Mem{Base: x, Index: cols, Scale: 4}, x)
			})
		}}
	}
	return []kernel{
		biased("addBias", "adds bias to each row of x.", func(e *emitter, x vec) vec { return x }),
		biased("addBiasReLU", "adds bias to each row of x and takes max(·, 0).", func(e *emitter, x vec) vec { return e.atLeast(x, 0) }),
		{"colSum", "(dst, x []float32, rows, cols int)", "adds the rows of x to dst, eight at a time.", colSum},
	}
}

func colSum(e *emitter) {
	dst, x, rows, cols := e.ptr("dst"), e.ptr("x"), e.integer("rows"), e.integer("cols")
	times := func(k int) gp {
		r := e.GP64()
		e.IMUL3Q(U32(4*k), cols, r)
		return r
	}
	s1, s3, s5, s7 := times(1), times(3), times(5), times(7)
	eights := e.GP64()
	e.MOVQ(rows, eights)
	e.SHRQ(U8(3), eights)
	e.ANDQ(U8(7), rows)
	e.repeat(eights, func() {
		e.each(cols, 2, func(l lane) {
			at := e.GP64()
			e.LEAQ(e.mem(x, l), at)
			row := func(index gp, scale uint8) vec {
				m := Mem{Base: at}
				if index != nil {
					m.Index, m.Scale = index, scale
				}
				return e.loadMem(m, l)
			}
			a := e.add(row(nil, 0), row(s1, 1))
			b := e.add(row(s1, 2), row(s3, 1))
			a = e.add(a, b)
			b = e.add(row(s1, 4), row(s5, 1))
			b = e.add(b, e.add(row(s3, 2), row(s7, 1)))
			e.store(e.add(e.load(dst, l), e.add(a, b)), dst, l)
		})
		e.LEAQ(Mem{Base: x, Index: s1, Scale: 8}, x)
	})
	e.repeat(rows, func() {
		e.each(cols, light, func(l lane) {
			e.store(e.add(e.load(dst, l), e.load(x, l)), dst, l)
		})
		e.ADDQ(s1, x)
	})
}

func rows(c coefficients) []kernel {
	return []kernel{
		{"softmaxRow", "(dst, x []float32, scale float32) (m, s float32)", "writes softmax(scale·x) and returns the largest scale·x and Σ exp(scale·x − largest).", c.softmaxRow},
		{"softmaxGradRow", "(dx, dy, p []float32, scale float32)", "writes scale·p·(dy − Σ p·dy).", softmaxGradRow},
		{"layerNormRow", "(dst, x, gamma, beta []float32, eps float32) (mean, rstd float32)", "writes gamma·(x − mean)·rstd + beta.", layerNormRow},
		{"layerNormGradRow", "(dx, dy, x, gamma, dgamma, dbeta []float32, mean, rstd float32)", "writes dx and adds to dgamma and dbeta.", layerNormGradRow},
	}
}

func (c coefficients) softmaxRow(e *emitter) {
	const unroll = 4
	dst, x, n, scale := e.ptr("dst"), e.ptr("x"), e.length("x"), e.scalar("scale")
	low := e.kreg(math.Inf(-1))
	acc := e.zeros(unroll)
	for _, a := range acc {
		e.VMOVAPS(low, a)
	}
	e.each(n, unroll, func(l lane) {
		v := e.mul(e.load(x, l), scale)
		if l.tail != nil {
			v = e.sel(l.tail, v, low)
		}
		e.VMAXPS(acc[l.step], v, acc[l.step])
	})
	top := e.fold(e.VMAXPS, acc)
	e.ret("m", top)
	m := e.spread(top)
	acc = e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		v := c.expNeg(e, e.sub(e.mul(e.load(x, l), scale), m))
		e.store(v, dst, l)
		e.VADDPS(e.live(v, l), acc[l.step], acc[l.step])
	})
	total := e.fold(e.VADDPS, acc)
	e.ret("s", total)
	inv := e.spread(e.reciprocal(total))
	e.each(n, unroll, func(l lane) {
		e.store(e.mul(e.load(dst, l), inv), dst, l)
	})
}

func softmaxGradRow(e *emitter) {
	const unroll = 4
	dx, dy, p, n, scale := e.ptr("dx"), e.ptr("dy"), e.ptr("p"), e.length("p"), e.scalar("scale")
	acc := e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		e.addMul(acc[l.step], e.load(dy, l), e.load(p, l))
	})
	s := e.spread(e.fold(e.VADDPS, acc))
	e.each(n, unroll, func(l lane) {
		v := e.mul(e.load(p, l), scale)
		e.store(e.mul(e.sub(e.load(dy, l), s), v), dx, l)
	})
}

// over divides lane 0 of x by the integer n.
func (e *emitter) over(x reg.VecVirtual, n gp) {
	f := e.XMM()
	e.VXORPS(f, f, f)
	e.VCVTSI2SSQ(n, f, f)
	e.VDIVSS(f, x, x)
}

func layerNormRow(e *emitter) {
	const unroll = 4
	dst, x, gamma, beta, n := e.ptr("dst"), e.ptr("x"), e.ptr("gamma"), e.ptr("beta"), e.length("x")
	acc := e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		e.VADDPS(e.load(x, l), acc[l.step], acc[l.step])
	})
	mu := e.fold(e.VADDPS, acc)
	e.over(mu, n)
	e.ret("mean", mu)
	mean := e.spread(mu)
	acc = e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		d := e.live(e.sub(e.load(x, l), mean), l)
		e.addMul(acc[l.step], d, d)
	})
	v := e.fold(e.VADDPS, acc)
	e.over(v, n)
	e.VADDSS(e.address(e.Param("eps")), v, v)
	e.VSQRTSS(v, v, v)
	r := e.reciprocal(v)
	e.ret("rstd", r)
	rstd := e.spread(r)
	e.each(n, unroll, func(l lane) {
		h := e.mul(e.sub(e.load(x, l), mean), rstd)
		e.mulAdd(h, e.load(gamma, l), e.load(beta, l))
		e.store(h, dst, l)
	})
}

// With h = (x − mean)·rstd and d = dy·gamma, dx = rstd·(d − mean(d) − h·mean(d·h)).
func layerNormGradRow(e *emitter) {
	const unroll = 2
	dx, dy, x, gamma := e.ptr("dx"), e.ptr("dy"), e.ptr("x"), e.ptr("gamma")
	dgamma, dbeta, n := e.ptr("dgamma"), e.ptr("dbeta"), e.length("x")
	mean, rstd := e.scalar("mean"), e.scalar("rstd")
	s1, s2 := e.zeros(unroll), e.zeros(unroll)
	e.each(n, unroll, func(l lane) {
		// Lanes that are not live have dy and gamma 0, and so add nothing.
		h := e.mul(e.sub(e.load(x, l), mean), rstd)
		g := e.load(dy, l)
		d := e.mul(g, e.load(gamma, l))
		e.VADDPS(d, s1[l.step], s1[l.step])
		e.addMul(s2[l.step], d, h)
		e.store(e.add(e.load(dbeta, l), g), dbeta, l)
		w := e.load(dgamma, l)
		e.addMul(w, h, g)
		e.store(w, dgamma, l)
	})
	x1, x2 := e.fold(e.VADDPS, s1), e.fold(e.VADDPS, s2)
	e.over(x1, n)
	e.over(x2, n)
	m1, m2 := e.spread(x1), e.spread(x2)
	e.each(n, unroll, func(l lane) {
		h := e.mul(e.sub(e.load(x, l), mean), rstd)
		d := e.mul(e.load(dy, l), e.load(gamma, l))
		d = e.sub(d, m1)
		e.subMul(d, h, m2)
		e.store(e.mul(d, rstd), dx, l)
	})
}

func bytesKernels() []kernel {
	return []kernel{
		{"fromBytes", "(dst []float32, src []byte, scale, shift float32)", "writes src·scale + shift.", func(e *emitter) {
			dst, src, n, scale, shift := e.ptr("dst"), e.ptr("src"), e.length("dst"), e.scalar("scale"), e.scalar("shift")
			e.each(n, light, func(l lane) {
				e.store(e.add(e.mul(e.loadBytes(src, l), scale), shift), dst, l)
			})
		}},
		{"fromBytesSub", "(dst []float32, src []byte, scale float32, sub []float32)", "writes src·scale − sub.", func(e *emitter) {
			dst, src, sub, n, scale := e.ptr("dst"), e.ptr("src"), e.ptr("sub"), e.length("dst"), e.scalar("scale")
			e.each(n, light, func(l lane) {
				e.store(e.sub(e.mul(e.loadBytes(src, l), scale), e.load(sub, l)), dst, l)
			})
		}},
	}
}

// loadBytes reads a vector of bytes as numbers.
func (e *emitter) loadBytes(p gp, l lane) vec {
	m, d := Mem{Base: p, Index: l.at, Scale: 1, Disp: l.step * e.lanes()}, e.v()
	switch {
	case l.tail == nil:
		e.VPMOVZXBD(m, d)
	case e.wide:
		e.VPMOVZXBD_Z(m, l.tail, d)
	default:
		// AVX2 has no masked load of bytes: gather them into one register, the
		// last one first.
		from, left, all, b := e.GP64(), e.GP64(), e.GP64(), e.GP64()
		e.LEAQ(m, from)
		e.MOVQ(l.rest, left)
		e.XORQ(all, all)
		e.repeat(left, func() {
			e.SHLQ(U8(8), all)
			e.MOVBQZX(Mem{Base: from, Index: left, Scale: 1, Disp: -1}, b)
			e.ORQ(b, all)
		})
		x := e.XMM()
		e.VMOVQ(all, x)
		e.VPMOVZXBD(x, d)
	}
	e.VCVTDQ2PS(d, d)
	return d
}
