package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A vec is a register of 16 float32 lanes in AVX-512 and of 8 in AVX2.
type vec = reg.VecVirtual

// A gp is a general register.
type gp = reg.Register

// A mask chooses lanes: an opmask register in AVX-512, all ones or zeros in each
// lane of a vector register in AVX2.
type mask = reg.Register

// A kernel is one function, described once for both instruction sets.
type kernel struct {
	name string // of the Go function that chooses the form
	sig  string // its parameters and results
	doc  string
	body func(e *emitter)
}

// A file collects the functions of one instruction set and their constants.
type file struct {
	ctx    *build.Context
	wide   bool
	consts map[uint32]Mem
	order  []uint32
}

func newFile(wide bool) *file {
	return &file{ctx: build.NewContext(), wide: wide, consts: map[uint32]Mem{}}
}

func (f *file) suffix() string {
	if f.wide {
		return "AVX512"
	}
	return "AVX2"
}

// maxHeld is how many constants an AVX-512 kernel keeps in registers; further ones
// are read from memory as AVX2 reads all of them, having too few registers.
const maxHeld = 20

// function adds one kernel. Its body runs twice: first into the void, to learn
// which constants it uses, so that they can be loaded before any loop.
func (f *file) function(k kernel) {
	var used []uint32
	dry := &emitter{Context: build.NewContext(), file: f, record: &used}
	dry.Function(k.name)
	dry.SignatureExpr("func" + k.sig)
	k.body(dry)

	e := &emitter{Context: f.ctx, file: f, held: map[uint32]vec{}}
	name := k.name + f.suffix()
	e.Function(name)
	e.Attributes(attr.NOSPLIT)
	e.Pragma("noescape")
	e.Doc(name + " " + k.doc)
	e.SignatureExpr("func" + k.sig)
	if f.wide {
		for _, bits := range used {
			if len(e.held) == maxHeld {
				break
			}
			if _, ok := e.held[bits]; !ok {
				v := e.v()
				e.VBROADCASTSS(f.constant(bits), v)
				e.held[bits] = v
			}
		}
	}
	k.body(e)
	// Without it, every scalar float instruction after a kernel is slow.
	e.VZEROUPPER()
	e.RET()
}

// constant returns the memory that holds a constant in every lane.
func (f *file) constant(bits uint32) Mem {
	m, ok := f.consts[bits]
	if !ok {
		m = Mem{Symbol: Symbol{Name: fmt.Sprintf("k%08x", bits), Static: true}, Base: reg.StaticBase}
		f.consts[bits] = m
		f.order = append(f.order, bits)
	}
	return m
}

func (f *file) lanes() int {
	if f.wide {
		return 16
	}
	return 8
}

// result adds the constants and the table of tail masks.
func (f *file) result() (*ir.File, error) {
	for _, bits := range f.order {
		f.ctx.StaticGlobal(fmt.Sprintf("k%08x", bits))
		f.ctx.DataAttributes(attr.RODATA | attr.NOPTR)
		for range f.lanes() {
			f.ctx.AppendDatum(U32(bits))
		}
	}
	if !f.wide {
		f.ctx.StaticGlobal("tails")
		f.ctx.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			on := U32(0)
			if i < 8 {
				on = U32(math.MaxUint32)
			}
			f.ctx.AppendDatum(on)
		}
	}
	return f.ctx.Result()
}

// An emitter writes the instructions of one function.
type emitter struct {
	*build.Context
	*file
	held   map[uint32]vec // constants in registers
	record *[]uint32      // the dry run notes constants here
	labels int
}

func (e *emitter) v() vec {
	if e.wide {
		return e.ZMM()
	}
	return e.YMM()
}

// k returns a constant as the first (Intel's last) operand of an instruction,
// which may be memory.
func (e *emitter) k(x float64) Op { return e.kbits(math.Float32bits(float32(x))) }

func (e *emitter) kbits(bits uint32) Op {
	if e.record != nil {
		*e.record = append(*e.record, bits)
	} else if v, ok := e.held[bits]; ok {
		return v
	}
	return e.constant(bits)
}

// kreg returns a constant in a register, which must not be changed.
func (e *emitter) kreg(x float64) vec { return e.inReg(e.k(x)) }

func (e *emitter) inReg(x Op) vec {
	if v, ok := x.(vec); ok {
		return v
	}
	v := e.v()
	e.VMOVUPS(x, v)
	return v
}

// ptr and length give a slice parameter, scalar a float32 one in every lane,
// integer an int one.
func (e *emitter) ptr(name string) gp     { return e.Load(e.Param(name).Base(), e.GP64()) }
func (e *emitter) length(name string) gp  { return e.Load(e.Param(name).Len(), e.GP64()) }
func (e *emitter) integer(name string) gp { return e.Load(e.Param(name), e.GP64()) }

func (e *emitter) scalar(name string) vec {
	v := e.v()
	e.VBROADCASTSS(e.address(e.Param(name)), v)
	return v
}

// ret stores lane 0 of x as a float32 result.
func (e *emitter) ret(name string, x reg.Register) { e.VMOVSS(x, e.address(e.Return(name))) }

func (e *emitter) address(c gotypes.Component) Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// A lane says which elements an instruction of a loop works on.
type lane struct {
	at   gp   // index of the first element of this round
	step int  // vectors beyond it
	tail mask // nil unless only some lanes are live
	rest gp   // how many are live, where tail is set
}

func (e *emitter) label(name string) string {
	e.labels++
	return fmt.Sprint(name, e.labels)
}

// each runs body over the elements 0..n-1: first unroll vectors a round, then one,
// then the rest under a mask. n is kept.
func (e *emitter) each(n gp, unroll int, body func(l lane)) {
	w := e.lanes()
	i, rest := e.GP64(), e.GP64()
	e.XORQ(i, i)
	e.MOVQ(n, rest)
	round := func(u int) {
		loop, done := e.label("loop"), e.label("done")
		e.CMPQ(rest, U32(u*w))
		e.JLT(LabelRef(done))
		e.Label(loop)
		for s := range u {
			body(lane{at: i, step: s})
		}
		e.ADDQ(U32(u*w), i)
		e.SUBQ(U32(u*w), rest)
		e.CMPQ(rest, U32(u*w))
		e.JGE(LabelRef(loop))
		e.Label(done)
	}
	if unroll > 1 {
		round(unroll)
	}
	round(1)
	end := e.label("end")
	e.TESTQ(rest, rest)
	e.JEQ(LabelRef(end))
	body(lane{at: i, tail: e.tailMask(rest), rest: rest})
	e.Label(end)
}

// tailMask makes a mask of the first n lanes, 0 < n < lanes.
func (e *emitter) tailMask(n gp) mask {
	if e.wide {
		ones, k := e.GP32(), e.K()
		e.MOVL(U32(math.MaxUint32), ones)
		e.BZHIL(n.(reg.GPVirtual).As32(), ones, ones)
		e.KMOVW(ones, k)
		return k
	}
	p, back, m := e.GP64(), e.GP64(), e.v()
	e.LEAQ(Mem{Symbol: Symbol{Name: "tails", Static: true}, Base: reg.StaticBase}, p)
	e.MOVQ(n, back)
	e.NEGQ(back)
	e.VMOVUPS(Mem{Base: p, Index: back, Scale: 4, Disp: 32}, m)
	return m
}

func (e *emitter) mem(p gp, l lane) Mem {
	return Mem{Base: p, Index: l.at, Scale: 4, Disp: l.step * e.lanes() * 4}
}

// load reads a vector; lanes that are not live are 0.
func (e *emitter) load(p gp, l lane) vec { return e.loadMem(e.mem(p, l), l) }

func (e *emitter) loadMem(m Mem, l lane) vec {
	v := e.v()
	switch {
	case l.tail == nil:
		e.VMOVUPS(m, v)
	case e.wide:
		e.VMOVUPS_Z(m, l.tail, v)
	default:
		e.VMASKMOVPS(m, l.tail, v)
	}
	return v
}

func (e *emitter) store(v vec, p gp, l lane) {
	m := e.mem(p, l)
	switch {
	case l.tail == nil:
		e.VMOVUPS(v, m)
	case e.wide:
		e.VMOVUPS(v, l.tail, m)
	default:
		e.VMASKMOVPS(v, l.tail, m)
	}
}

// live makes the lanes that are not live 0.
func (e *emitter) live(v vec, l lane) vec {
	if l.tail == nil {
		return v
	}
	return e.keep(l.tail, v)
}

// zeros returns n accumulators.
func (e *emitter) zeros(n int) []vec {
	a := make([]vec, n)
	for i := range a {
		a[i] = e.v()
		e.VXORPS(a[i], a[i], a[i])
	}
	return a
}

// fold combines accumulators in pairs and then the lanes of the last one; the
// result is in lane 0 of an X register. op is VADDPS or VMAXPS.
func (e *emitter) fold(op func(...Op), acc []vec) reg.VecVirtual {
	for n := len(acc); n > 1; n /= 2 {
		for i := range n / 2 {
			op(acc[i+n/2], acc[i], acc[i])
		}
	}
	y := acc[0].AsY()
	if e.wide {
		hi, sum := e.YMM(), e.YMM()
		e.VEXTRACTF32X8(U8(1), acc[0], hi)
		op(hi, y, sum)
		y = sum
	}
	x, t := e.XMM(), e.XMM()
	if e.wide {
		e.VEXTRACTF32X4(U8(1), y, t)
	} else {
		e.VEXTRACTF128(U8(1), y, t)
	}
	op(t, y.(reg.Vec).AsX(), x)
	for _, swap := range []U8{0x4e, 0xb1} { // halves, then neighbours
		t := e.XMM()
		e.VPERMILPS(swap, x, t)
		op(t, x, x)
	}
	return x
}

func (e *emitter) spread(x reg.Register) vec {
	v := e.v()
	e.VBROADCASTSS(x, v)
	return v
}
