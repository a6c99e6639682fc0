package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The operations below return their result in a new register, except for those
// that say "in place". Where an operand is an Op, it may be a constant in memory.

func (e *emitter) three(op func(...Op), b Op, a vec) vec {
	d := e.v()
	op(b, a, d)
	return d
}

func (e *emitter) add(a vec, b Op) vec { return e.three(e.VADDPS, b, a) }
func (e *emitter) sub(a vec, b Op) vec { return e.three(e.VSUBPS, b, a) }
func (e *emitter) mul(a vec, b Op) vec { return e.three(e.VMULPS, b, a) }
func (e *emitter) div(a vec, b Op) vec { return e.three(e.VDIVPS, b, a) }

func (e *emitter) sqrt(a vec) vec {
	d := e.v()
	e.VSQRTPS(a, d)
	return d
}

// addMul does acc += a·b in place, subMul acc −= a·b, mulAdd p = p·x + c; each
// rounds once.
func (e *emitter) addMul(acc, a vec, b Op) { e.VFMADD231PS(b, a, acc) }
func (e *emitter) subMul(acc, a vec, b Op) { e.VFNMADD231PS(b, a, acc) }
func (e *emitter) mulAdd(p, x vec, c Op)   { e.VFMADD213PS(c, x, p) }

// atLeast and atMost clamp x and keep its NaN: the instructions return their
// second source if either is NaN, and x is made that one.
func (e *emitter) atLeast(x vec, low float64) vec { return e.three(e.VMAXPS, x, e.kreg(low)) }
func (e *emitter) atMost(x vec, high float64) vec { return e.three(e.VMINPS, x, e.kreg(high)) }

const signBit = 1 << 31

func (e *emitter) abs(x vec) vec   { return e.three(e.VANDPS, e.kbits(signBit-1), x) }
func (e *emitter) sign(x vec) vec  { return e.three(e.VANDPS, e.kbits(signBit), x) }
func (e *emitter) neg(x vec) vec   { return e.three(e.VXORPS, e.kbits(signBit), x) }
func (e *emitter) or(a, b vec) vec { return e.three(e.VORPS, b, a) }

// -|x|
func (e *emitter) negAbs(x vec) vec { return e.three(e.VORPS, e.kbits(signBit), x) }

// round goes to the nearest integer, halves to even.
func (e *emitter) round(x vec) vec {
	d := e.v()
	if e.wide {
		e.VRNDSCALEPS(U8(0), x, d)
	} else {
		e.VROUNDPS(U8(0), x, d)
	}
	return d
}

// Predicates of VCMPPS that raise no exception on NaN.
const (
	eq        = U8(0x00)
	unordered = U8(0x03)
	eqOrNaN   = U8(0x08)
	lt        = U8(0x11)
	notGE     = U8(0x19) // also true for NaN
	ge        = U8(0x1d)
	gt        = U8(0x1e)
)

// cmp says in which lanes a pred b holds.
func (e *emitter) cmp(pred U8, a vec, b Op) mask {
	if e.wide {
		m := e.K()
		e.VCMPPS(pred, b, a, m)
		return m
	}
	m := e.v()
	e.VCMPPS(pred, b, a, m)
	return m
}

// sel takes yes where m holds and no elsewhere.
func (e *emitter) sel(m mask, yes Op, no vec) vec {
	d := e.v()
	if e.wide {
		e.VBLENDMPS(yes, no, m, d)
	} else {
		e.VBLENDVPS(m, yes, no, d)
	}
	return d
}

// keep takes x where m holds and 0 elsewhere.
func (e *emitter) keep(m mask, x vec) vec {
	d := e.v()
	if e.wide {
		e.VMOVAPS_Z(x, m, d)
	} else {
		e.VANDPS(m, x, d)
	}
	return d
}

// poly evaluates c[0] + c[1]·x + … by Horner's rule.
func (e *emitter) poly(x vec, c []float64) vec {
	p := e.v()
	e.VMOVUPS(e.k(c[len(c)-1]), p)
	for i := len(c) - 2; i >= 0; i-- {
		e.mulAdd(p, x, e.k(c[i]))
	}
	return p
}

func (e *emitter) copy(x vec) vec {
	d := e.v()
	e.VMOVAPS(x, d)
	return d
}

// reduceExp makes r of x in place, and returns n: x = n·ln 2 + r, |r| ≤ ln 2/2.
func (c coefficients) reduceExp(e *emitter, x vec) (n, r vec) {
	n = e.round(e.mul(x, e.k(c.get("log2e"))))
	e.subMul(x, n, e.k(c.get("ln2hi")))
	e.subMul(x, n, e.k(c.get("ln2lo")))
	return n, x
}

// exp returns eˣ for any x.
func (c coefficients) exp(e *emitter, x vec) vec {
	return c.expNeg(e, e.atMost(x, c.get("expHigh")))
}

// expNeg returns eˣ for x ≤ expHigh.
func (c coefficients) expNeg(e *emitter, x vec) vec {
	n, r := c.reduceExp(e, e.atLeast(x, c.get("expLow")))
	p := e.poly(r, append([]float64{1, 1}, c.poly("exp")...))
	return e.scale2(p, n)
}

// scale2 returns p·2ⁿ for integers n from −150 to 128, rounded once.
func (e *emitter) scale2(p, n vec) vec {
	if e.wide {
		return e.three(e.VSCALEFPS, n, p)
	}
	i, half := e.v(), e.v()
	e.VCVTPS2DQ(n, i)
	e.VPSRAD(U8(1), i, half)
	e.VPSUBD(half, i, i)
	for _, k := range []vec{half, i} { // 2ⁿ alone may be no normal number
		p = e.mul(p, e.pow2(k))
	}
	return p
}

// pow2 turns integers −126 ≤ n ≤ 127 into 2ⁿ.
func (e *emitter) pow2(n vec) vec {
	d := e.v()
	e.VPADDD(e.kbits(127), n, d)
	e.VPSLLD(U8(23), d, d)
	return d
}

// expm1Neg returns eˣ−1 for x ≤ 0.
func (c coefficients) expm1Neg(e *emitter, x vec) vec {
	n, r := c.reduceExp(e, e.atLeast(x, -87))
	p := e.mul(e.poly(r, c.poly("exp")), r)
	q := e.copy(r)
	e.addMul(q, p, r) // eʳ−1
	i := e.v()
	e.VCVTPS2DQ(n, i)
	k := e.pow2(i)
	d := e.sub(k, e.k(1))
	e.addMul(d, k, q)
	return d
}

func (c coefficients) tanh(e *emitter, x vec) vec {
	m := c.expm1Neg(e, e.mul(e.abs(x), e.k(-2)))
	t := e.div(m, e.add(m, e.k(2))) // −tanh|x|
	return e.or(e.abs(t), e.sign(x))
}

func (c coefficients) sigmoid(e *emitter, x vec) vec {
	return e.div(e.kreg(1), e.add(c.exp(e, e.neg(x)), e.k(1)))
}

// sigmoidPair returns σ(x) and 1−σ(x), the latter without cancellation.
func (c coefficients) sigmoidPair(e *emitter, x vec) (s, rest vec) {
	w := c.exp(e, e.neg(x))
	s = e.div(e.kreg(1), e.add(w, e.k(1)))
	return s, e.sel(e.cmp(ge, x, e.zero()), e.mul(w, s), e.sub(e.kreg(1), s))
}

// log1pExpNeg returns log(1+t) for t from 0 to 1.
func (c coefficients) log1pExpNeg(e *emitter, t vec) vec {
	s := e.div(t, e.add(t, e.k(2)))
	p := e.poly(e.mul(s, s), append([]float64{1}, c.poly("atanh")...))
	return e.mul(e.add(s, s), p)
}

// normal returns the normal distribution function at x and exp(−x²/2).
func (c coefficients) normal(e *emitter, x vec) (cdf, density vec) {
	a := e.abs(x)
	density = c.expNeg(e, e.mul(e.mul(a, e.k(-0.5)), a))
	t := e.v()
	e.VMOVAPS(a, t)
	e.mulAdd(t, e.kreg(c.get("cdfT")), e.k(1))
	t = e.div(e.kreg(1), t)
	q := e.mul(e.mul(e.poly(t, c.poly("cdf")), t), density) // Φ(−|x|)
	return e.sel(e.cmp(ge, x, e.zero()), e.sub(e.kreg(1), q), q), density
}

func (e *emitter) zero() vec {
	z := e.v()
	e.VXORPS(z, z, z)
	return z
}

func (c coefficients) log(e *emitter, x vec) vec {
	const (
		one      = 0x3f800000
		sqrtHalf = 0x3f3504f3
		fraction = 0x7fffff
	)
	tiny := e.cmp(lt, x, e.k(0x1p-126))
	y := e.sel(tiny, e.mul(x, e.k(0x1p23)), x)
	e.VPADDD(e.kbits(one-sqrtHalf), y, y)
	n := e.v()
	e.VPSRLD(U8(23), y, n)
	e.VPSUBD(e.kbits(127), n, n)
	e.VCVTDQ2PS(n, n)
	n = e.sub(n, e.keep(tiny, e.kreg(23)))
	f := e.three(e.VANDPS, e.kbits(fraction), y)
	e.VPADDD(e.kbits(sqrtHalf), f, f)
	f = e.sub(f, e.k(1)) // x = 2ⁿ·(1+f), √½ ≤ 1+f < √2
	s := e.div(f, e.add(f, e.k(2)))
	z := e.mul(s, s)
	r := e.mul(e.poly(z, c.poly("log")), z)
	h := e.mul(e.mul(f, e.k(0.5)), f)
	t := e.mul(e.add(r, h), s)
	e.addMul(t, n, e.k(c.get("ln2lo")))
	d := e.sub(f, e.sub(h, t))
	e.addMul(d, n, e.k(c.get("ln2hi")))
	d = e.sel(e.cmp(notGE, x, e.zero()), e.k(math.NaN()), d)
	d = e.sel(e.cmp(eq, x, e.zero()), e.k(math.Inf(-1)), d)
	return e.sel(e.cmp(eq, x, e.k(math.Inf(1))), x, d)
}

// reciprocal of lane 0.
func (e *emitter) reciprocal(x reg.Register) reg.VecVirtual {
	d := e.XMM()
	e.VMOVSS(e.constant(math.Float32bits(1)), d)
	e.VDIVSS(x, d, d)
	return d
}
