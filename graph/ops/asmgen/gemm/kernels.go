package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set to write kernels for.
type isa struct {
	name  string
	width int // float32 in a vector
	rows  int // of C in the largest kernel
}

var (
	// 14x2 accumulators, 2 vectors of B and 1 broadcast of A are 31 of 32 registers.
	avx512 = isa{name: "avx512", width: 16, rows: 14}
	// 6x2 accumulators, 2 vectors of B and 1 broadcast of A are 15 of 16.
	avx2 = isa{name: "avx2", width: 8, rows: 6}
)

// form is the way in which A is read.
type form bool

const (
	byRow    form = false // A row-major where it lies
	byColumn form = true  // A transposed where it lies, or packed
)

func (f form) field() string {
	if f == byColumn {
		return "byColumn"
	}
	return "byRow"
}

func (s isa) kernelName(f form, mr, nv int) string {
	kind := "Row"
	if f == byColumn {
		kind = "Col"
	}
	return fmt.Sprintf("%s%s%dx%d", s.name, kind, mr, nv*s.width)
}

func (s isa) transposeName() string  { return s.name + "Transpose" }
func (s isa) copyName(nv int) string { return fmt.Sprintf("%sCopy%d", s.name, nv*s.width) }
func (s isa) vec(c *Context) reg.VecVirtual {
	if s.width == 16 {
		return c.ZMM()
	}
	return c.YMM()
}

func (s isa) emit(c *Context) {
	c.ConstraintExpr("amd64")
	for _, f := range []form{byRow, byColumn} {
		for nv := 1; nv <= 2; nv++ {
			for mr := 1; mr <= s.rows; mr++ {
				s.kernel(c, f, mr, nv)
			}
		}
	}
	s.transpose(c)
	s.copyRows(c, 1)
	s.copyRows(c, 2)
}

// kernel writes C[mr, nv·width] = A B, or += if add. Each element of C is summed
// in ascending k by fused multiply-adds into one register, whatever the size of
// the kernel: a tile's bits do not depend on how C is cut into tiles.
func (s isa) kernel(c *Context, f form, mr, nv int) {
	name := s.kernelName(f, mr, nv)
	c.Function(name)
	c.Attributes(4) // NOSPLIT
	c.SignatureExpr("func(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)")
	c.Pragma("noescape")
	layout := "a[i*lda+l]"
	if f == byColumn {
		layout = "a[l*lda+i]"
	}
	c.Doc(fmt.Sprintf("%s computes a %dx%d tile of C from %s and b[l*ldb+j].", name, mr, nv*s.width, layout))

	bytes := 4 * s.width
	k := c.Load(c.Param("k"), c.GP64())
	a := c.Load(c.Param("a"), c.GP64())
	lda := c.Load(c.Param("lda"), c.GP64())
	b := c.Load(c.Param("b"), c.GP64())
	ldb := c.Load(c.Param("ldb"), c.GP64())
	c.SHLQ(Imm(2), lda)
	c.SHLQ(Imm(2), ldb)
	// C is asked for now: its rows are far apart, and it is needed k steps later.
	ahead := c.Load(c.Param("c"), c.GP64())
	stride := c.Load(c.Param("ldc"), c.GP64())
	c.SHLQ(Imm(2), stride)
	for i := range mr {
		for d := 0; d < nv*bytes; d += 64 {
			c.PREFETCHT0(Mem{Base: ahead, Disp: d})
		}
		if i+1 < mr {
			c.ADDQ(stride, ahead)
		}
	}
	acc := make([][]reg.VecVirtual, mr)
	for i := range acc {
		for range nv {
			v := s.vec(c)
			if s.width == 16 {
				c.VPXORD(v, v, v)
			} else {
				c.VXORPS(v, v, v)
			}
			acc[i] = append(acc[i], v)
		}
	}
	bv := make([]reg.VecVirtual, nv)
	for j := range bv {
		bv[j] = s.vec(c)
	}
	av := s.vec(c)

	rows := []reg.Register{a} // every third row of A; the others are reached by one or two times lda
	for f == byRow && len(rows)*3 < mr {
		p := c.GP64()
		c.LEAQ(Mem{Base: rows[len(rows)-1], Index: lda, Scale: 2}, p)
		c.ADDQ(lda, p)
		rows = append(rows, p)
	}
	step := func(u int) {
		for j := range bv {
			c.VMOVUPS(Mem{Base: b, Disp: j * bytes}, bv[j])
		}
		for i := range mr {
			m := Mem{Base: a, Disp: 4 * i}
			if f == byRow {
				m = Mem{Base: rows[i/3], Disp: 4 * u}
				if i%3 > 0 {
					m.Index, m.Scale = lda, uint8(i%3)
				}
			}
			c.VBROADCASTSS(m, av)
			for j := range bv {
				c.VFMADD231PS(av, bv[j], acc[i][j])
			}
		}
		c.ADDQ(ldb, b)
		if f == byColumn {
			c.ADDQ(lda, a)
		}
	}
	advance := func(n int) {
		if f == byRow {
			for _, p := range rows {
				c.ADDQ(Imm(uint64(4*n)), p)
			}
		}
	}
	c.Label("four")
	c.CMPQ(k, Imm(4))
	c.JL(LabelRef("one"))
	for u := range 4 {
		step(u)
	}
	advance(4)
	c.SUBQ(Imm(4), k)
	c.JMP(LabelRef("four"))
	c.Label("one")
	c.CMPQ(k, Imm(0))
	c.JE(LabelRef("store"))
	step(0)
	advance(1)
	c.DECQ(k)
	c.JMP(LabelRef("one"))

	c.Label("store")
	cp := c.Load(c.Param("c"), c.GP64())
	ldc := c.Load(c.Param("ldc"), c.GP64())
	add := c.Load(c.Param("add"), c.GP8())
	c.SHLQ(Imm(2), ldc)
	store := func(adding bool) {
		for i := range mr {
			for j := range nv {
				m := Mem{Base: cp, Disp: j * bytes}
				if adding {
					c.VADDPS(m, acc[i][j], acc[i][j])
				}
				c.VMOVUPS(acc[i][j], m)
			}
			if i+1 < mr {
				c.ADDQ(ldc, cp)
			}
		}
		c.VZEROUPPER()
		c.RET()
	}
	c.TESTB(add, add)
	c.JNE(LabelRef("adding"))
	store(false)
	c.Label("adding")
	store(true)
}
