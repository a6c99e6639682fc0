// Command conv writes the assembly of package graph/ops/tile: the inner loops of
// convolution in AVX-512 and in AVX2 with FMA.
//
//	go run ./conv -o ../tile
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "../tile", "folder of the package")
	flag.Parse()
	for _, wide := range []bool{true, false} {
		if err := write(*out, wide); err != nil {
			log.Fatal(err)
		}
	}
}

func write(folder string, wide bool) error {
	g := &generator{Context: build.NewContext(), wide: wide}
	name := "avx2_amd64"
	if wide {
		name = "avx512_amd64"
		for groups := 1; groups <= 3; groups++ {
			g.gather(groups, 1)
			g.gather(groups, 2)
		}
		for _, rows := range []int{12, 8, 4, 3, 2, 1} {
			g.outer(rows, 1)
			g.outer(rows, 2)
		}
	} else {
		// AVX2 has 16 registers: 4 rows of 16 columns take 8 for the sums, which is
		// also what hides the latency of the multiply-adds.
		g.gather(1, 1)
		for _, rows := range []int{4, 3, 2, 1} {
			g.outer(rows, 1)
		}
	}
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	cfg := printer.Config{Name: "graph/ops/asmgen/conv", Pkg: "tile"}
	asm, err := printer.NewGoAsm(cfg).Print(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	stubs, err := printer.NewStubs(cfg).Print(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".s"), asm, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".go"), stubs, 0o644)
}

// A generator writes the functions of one instruction set.
type generator struct {
	*build.Context
	wide bool
}

// per is how many registers hold 16 columns.
func (g *generator) per() int {
	if g.wide {
		return 1
	}
	return 2
}

func (g *generator) bytes() int { return 64 / g.per() }

func (g *generator) v() reg.VecVirtual {
	if g.wide {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *generator) begin(name, doc, sig string) {
	if g.wide {
		name += "AVX512"
	} else {
		name += "AVX2"
	}
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.Doc(name + " " + doc)
	g.SignatureExpr(sig)
}

func (g *generator) arg(name string) reg.Register { return g.Load(g.Param(name), g.GP64()) }

// address is where a parameter lies.
func (g *generator) address(name string) Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// sums returns rows × cols registers.
func (g *generator) sums(rows, cols int) [][]reg.VecVirtual {
	s := make([][]reg.VecVirtual, rows)
	for r := range s {
		for range cols {
			s[r] = append(s[r], g.v())
		}
	}
	return s
}

// step adds the product of a broadcast value for every row with one row of
// columns.
func (g *generator) step(sum [][]reg.VecVirtual, row func(r int) Mem, col func(j int) Mem) {
	b := make([]reg.VecVirtual, len(sum[0]))
	for j := range b {
		b[j] = g.v()
		g.VMOVUPS(col(j), b[j])
	}
	for r := range sum {
		a := g.v()
		g.VBROADCASTSS(row(r), a)
		for j := range b {
			g.VFMADD231PS(a, b[j], sum[r][j])
		}
	}
}

// gather writes the inner loop of a convolution: groups of 4 pictures each,
// vecs × 16 channels.
func (g *generator) gather(groups, vecs int) {
	g.begin(fmt.Sprintf("gather%dx%d", groups, vecs),
		"is gather for that many groups and columns of 16.",
		"func(x *float32, in *int, lda int, seg *int, nseg int, k int, w *float32, ldw int, y *float32, out *int, ldc int, bias *float32, floor float32)")
	x, in := g.arg("x"), g.arg("in")
	p, q := make([]reg.Register, groups), make([]reg.Register, groups)
	for i := range p {
		p[i], q[i] = g.GP64(), g.GP64()
		g.MOVQ(Mem{Base: in, Disp: 8 * i}, p[i])
		g.LEAQ(Mem{Base: x, Index: p[i], Scale: 4}, p[i])
	}
	lda := g.arg("lda")
	g.SHLQ(Imm(2), lda)
	lda3 := g.GP64()
	g.LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, lda3)

	cols := vecs * g.per()
	sum := g.sums(4*groups, cols)
	bias := g.arg("bias")
	for j := range cols {
		g.VMOVUPS(Mem{Base: bias, Disp: j * g.bytes()}, sum[0][j])
		for r := 1; r < len(sum); r++ {
			g.VMOVAPS(sum[0][j], sum[r][j])
		}
	}
	seg, nseg, w, n := g.arg("seg"), g.arg("nseg"), g.GP64(), g.GP64()
	var ldw reg.Register
	if !g.wide {
		ldw = g.arg("ldw") // a panel of 32 columns is taken in halves
		g.SHLQ(Imm(2), ldw)
	}
	step := func(u int) {
		g.step(sum, func(r int) Mem {
			m := Mem{Base: q[r/4], Disp: 4 * u}
			switch r % 4 {
			case 1, 2:
				m.Index, m.Scale = lda, uint8(r%4)
			case 3:
				m.Index, m.Scale = lda3, 1
			}
			return m
		}, func(j int) Mem {
			if g.wide {
				return Mem{Base: w, Disp: u*vecs*64 + j*64}
			}
			return Mem{Base: w, Disp: j * 32}
		})
		if !g.wide {
			g.ADDQ(ldw, w)
		}
	}
	advance := func(u int) {
		for _, r := range q {
			g.ADDQ(Imm(uint64(4*u)), r)
		}
		if g.wide {
			g.ADDQ(U32(uint32(u*vecs*64)), w)
		}
	}
	g.TESTQ(nseg, nseg)
	g.JEQ(LabelRef("store"))
	g.Label("segment")
	t := g.GP64()
	g.MOVQ(Mem{Base: seg}, t)
	for i := range q {
		g.LEAQ(Mem{Base: p[i], Index: t, Scale: 4}, q[i])
	}
	g.MOVQ(Mem{Base: seg, Disp: 8}, w)
	if g.wide {
		g.SHLQ(Imm(uint64(5+vecs)), w)
	} else {
		g.IMULQ(ldw, w)
	}
	g.ADDQ(g.address("w"), w)
	g.MOVQ(g.address("k"), n)
	g.Label("four")
	g.CMPQ(n, Imm(4))
	g.JLT(LabelRef("one"))
	for u := range 4 {
		step(u)
	}
	advance(4)
	g.SUBQ(Imm(4), n)
	g.JMP(LabelRef("four"))
	g.Label("one")
	g.TESTQ(n, n)
	g.JEQ(LabelRef("next"))
	step(0)
	advance(1)
	g.DECQ(n)
	g.JMP(LabelRef("one"))
	g.Label("next")
	g.ADDQ(Imm(16), seg)
	g.DECQ(nseg)
	g.JNE(LabelRef("segment"))

	g.Label("store")
	y, out, ldc := g.arg("y"), g.arg("out"), g.arg("ldc")
	g.SHLQ(Imm(2), ldc)
	floor := g.v()
	g.VBROADCASTSS(g.address("floor"), floor)
	for i := range groups {
		at := g.GP64()
		g.MOVQ(Mem{Base: out, Disp: 8 * i}, at)
		g.LEAQ(Mem{Base: y, Index: at, Scale: 4}, at)
		for r := range 4 {
			for j := range cols {
				s := sum[4*i+r][j]
				g.VMAXPS(s, floor, s) // s second in Intel's order: a NaN stays one
				g.VMOVUPS(s, Mem{Base: at, Disp: j * g.bytes()})
			}
			if r < 3 {
				g.ADDQ(ldc, at)
			}
		}
	}
	g.VZEROUPPER()
	g.RET()
}

// outer writes the inner loop of a convolution's gradient by its weights: rows
// of one side's channels, vecs × 16 channels of the other side.
func (g *generator) outer(rows, vecs int) {
	sig := "func(a *float32, lda int, x *float32, v0 int, v1 int, ldx int, line *int, nline int, n int, c *float32, ldc int)"
	g.begin(fmt.Sprintf("outer%dx%d", rows, vecs), "is outer for that many rows and columns of 16.", sig)
	base, a, lda, x, ldx := g.arg("a"), g.GP64(), g.arg("lda"), g.arg("x"), g.arg("ldx")
	g.SHLQ(Imm(2), lda)
	g.SHLQ(Imm(2), ldx)
	from, at := make([]reg.Register, vecs), make([]reg.Register, vecs)
	for i := range from {
		v := g.arg(fmt.Sprintf("v%d", i))
		from[i], at[i] = g.GP64(), g.GP64()
		g.LEAQ(Mem{Base: x, Index: v, Scale: 4}, from[i])
	}
	cols := vecs * g.per()
	sum := g.sums(rows, cols)
	for r := range sum {
		for _, s := range sum[r] {
			g.VXORPS(s, s, s)
		}
	}
	line, nline, n := g.arg("line"), g.arg("nline"), g.GP64()
	g.TESTQ(nline, nline)
	g.JEQ(LabelRef("store"))
	g.Label("line")
	t := g.GP64()
	g.MOVQ(Mem{Base: line}, t)
	g.LEAQ(Mem{Base: base, Index: t, Scale: 4}, a)
	g.MOVQ(Mem{Base: line, Disp: 8}, t)
	for i := range at {
		g.LEAQ(Mem{Base: from[i], Index: t, Scale: 4}, at[i])
	}
	g.MOVQ(g.address("n"), n)
	g.Label("pixel")
	g.step(sum, func(r int) Mem { return Mem{Base: a, Disp: 4 * r} }, func(j int) Mem {
		return Mem{Base: at[j/g.per()], Disp: j % g.per() * 32}
	})
	g.ADDQ(lda, a)
	for _, q := range at {
		g.ADDQ(ldx, q)
	}
	g.DECQ(n)
	g.JNE(LabelRef("pixel"))
	g.ADDQ(Imm(16), line)
	g.DECQ(nline)
	g.JNE(LabelRef("line"))

	g.Label("store")
	c, ldc := g.arg("c"), g.arg("ldc")
	g.SHLQ(Imm(2), ldc)
	for r := range sum {
		for j, s := range sum[r] {
			m := Mem{Base: c, Disp: j * g.bytes()}
			g.VADDPS(m, s, s)
			g.VMOVUPS(s, m)
		}
		if r < rows-1 {
			g.ADDQ(ldc, c)
		}
	}
	g.VZEROUPPER()
	g.RET()
}
