package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What is packed lies in rows far apart, which the processor does not recognise as
// streams: it is told what comes, some hundred nanoseconds ahead.
const (
	prefetchRow  = 256 // bytes ahead in each row of a transposition
	prefetchRows = 4   // log2 of the rows ahead of a copy
)

// copyRows writes the copy of n rows of nv vectors, from one leading dimension to another.
func (s isa) copyRows(c *Context, nv int) {
	name := s.copyName(nv)
	c.Function(name)
	c.Attributes(4) // NOSPLIT
	c.SignatureExpr("func(n int, src *float32, lds int, dst *float32, ldd int)")
	c.Pragma("noescape")
	c.Doc(fmt.Sprintf("%s copies n > 0 rows of %d.", name, nv*s.width))
	n := c.Load(c.Param("n"), c.GP64())
	src := c.Load(c.Param("src"), c.GP64())
	lds := c.Load(c.Param("lds"), c.GP64())
	dst := c.Load(c.Param("dst"), c.GP64())
	ldd := c.Load(c.Param("ldd"), c.GP64())
	c.SHLQ(Imm(2), lds)
	c.SHLQ(Imm(2), ldd)
	v := make([]reg.VecVirtual, nv)
	for j := range v {
		v[j] = s.vec(c)
	}
	ahead := c.GP64()
	c.MOVQ(lds, ahead)
	c.SHLQ(Imm(prefetchRows), ahead)
	c.ADDQ(src, ahead)
	c.Label("row")
	for j := 0; j < nv*s.width; j += 16 {
		c.PREFETCHT0(Mem{Base: ahead, Disp: 4 * j})
	}
	c.ADDQ(lds, ahead)
	for j := range v {
		c.VMOVUPS(Mem{Base: src, Disp: 4 * s.width * j}, v[j])
	}
	for j := range v {
		c.VMOVUPS(v[j], Mem{Base: dst, Disp: 4 * s.width * j})
	}
	c.ADDQ(lds, src)
	c.ADDQ(ldd, dst)
	c.DECQ(n)
	c.JNE(LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

// transpose writes the transposition of width rows, n·width columns wide, in
// registers: width rows and columns at a time.
func (s isa) transpose(c *Context) {
	name := s.transposeName()
	c.Function(name)
	c.Attributes(4) // NOSPLIT
	c.SignatureExpr("func(n int, src *float32, lds int, dst *float32, ldd int)")
	c.Pragma("noescape")
	c.Doc(fmt.Sprintf("%s writes dst[l*ldd+r] = src[r*lds+l] for r < %d, l < %d*n, n > 0.", name, s.width, s.width))
	n := c.Load(c.Param("n"), c.GP64())
	src := c.Load(c.Param("src"), c.GP64())
	lds := c.Load(c.Param("lds"), c.GP64())
	dst := c.Load(c.Param("dst"), c.GP64())
	ldd := c.Load(c.Param("ldd"), c.GP64())
	c.SHLQ(Imm(2), lds)
	c.SHLQ(Imm(2), ldd)
	c.Label("block")
	p := c.GP64()
	c.MOVQ(src, p)
	x := make([]reg.VecVirtual, s.width)
	for r := range x {
		x[r] = s.vec(c)
		c.VMOVUPS(Mem{Base: p}, x[r])
		c.PREFETCHT0(Mem{Base: p, Disp: prefetchRow})
		if r+1 < len(x) {
			c.ADDQ(lds, p)
		}
	}
	x = s.transposed(c, x)
	for _, v := range x {
		c.VMOVUPS(v, Mem{Base: dst})
		c.ADDQ(ldd, dst)
	}
	c.ADDQ(U32(uint32(4*s.width)), src)
	c.DECQ(n)
	c.JNE(LabelRef("block"))
	c.VZEROUPPER()
	c.RET()
}

// transposed transposes a square of registers: in 2x2 and 4x4 blocks within each
// 128-bit lane, then the lanes themselves.
func (s isa) transposed(c *Context, x []reg.VecVirtual) []reg.VecVirtual {
	// pairs replaces x[i] and x[i+d] by lo and hi of the two, reusing one register.
	pairs := func(d int, lo, hi func(a, b, dst Op)) {
		for i := range x {
			if i&d != 0 {
				continue
			}
			l := s.vec(c)
			lo(x[i], x[i+d], l)
			hi(x[i], x[i+d], x[i+d])
			x[i] = l
		}
	}
	pairs(1, func(a, b, dst Op) { c.VUNPCKLPS(b, a, dst) }, func(a, b, dst Op) { c.VUNPCKHPS(b, a, dst) })
	pairs(2, func(a, b, dst Op) { c.VUNPCKLPD(b, a, dst) }, func(a, b, dst Op) { c.VUNPCKHPD(b, a, dst) })
	if s.width == 8 {
		pairs(4, func(a, b, dst Op) { c.VPERM2F128(Imm(0x20), b, a, dst) }, func(a, b, dst Op) { c.VPERM2F128(Imm(0x31), b, a, dst) })
	} else {
		// Lanes 0 and 2 of both, then 1 and 3: twice is a 4x4 transposition of lanes.
		pairs(4, func(a, b, dst Op) { c.VSHUFF32X4(Imm(0x88), b, a, dst) }, func(a, b, dst Op) { c.VSHUFF32X4(Imm(0xdd), b, a, dst) })
		pairs(8, func(a, b, dst Op) { c.VSHUFF32X4(Imm(0x88), b, a, dst) }, func(a, b, dst Op) { c.VSHUFF32X4(Imm(0xdd), b, a, dst) })
	}
	// Interleaving leaves columns 1 and 2 of every four exchanged.
	y := make([]reg.VecVirtual, len(x))
	for i := range x {
		y[i&^3|i&1<<1|i&2>>1] = x[i]
	}
	return y
}
