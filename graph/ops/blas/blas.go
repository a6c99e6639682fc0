// Package blas multiplies float32 matrices.
//
// Matrices are row-major slices with a leading dimension (elements from one row
// to the next), as in BLAS. The work is done by assembly of our own where the CPU
// has AVX-512 or AVX2, elsewhere by a library found at run time or by gonum; Use
// chooses and Name tells. Whatever is in use, the result does not depend on the
// number of threads.
//
// The build tag nodlopen leaves out the loading of libraries, for a program that
// is linked statically. The kernels of another platform are then tested by, say,
//
//	CGO_ENABLED=0 GOARCH=arm64 go test -tags nodlopen -exec qemu-aarch64 ./graph/ops/par ./graph/ops/blas
//
// Arguments that do not fit together are a mistake of the calling program: every
// function checks them before any memory is touched and panics with a sentence.
// C must not overlap A or B.
package blas

import "fmt"

// Gemm computes C = op(A) op(B), or C += op(A) op(B) if add.
//
// op(A) is (m, k): A itself, or its transpose if ta. op(B) is (k, n): B itself,
// or its transpose if tb. C is (m, n). Large products use par.Threads goroutines.
func Gemm(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, then{})
}

// A Block is rows I0 to I1-1, columns J0 to J1-1, of a matrix.
type Block struct{ I0, I1, J0, J1 int }

// GemmThen is Gemm that calls after with each block of C that is finished, on the
// goroutine that computed it and while it is in its cache. The blocks cover C, each
// element once, even where k is zero; several calls may run at the same time. How C
// is cut depends on the number of threads. after may be nil.
func GemmThen(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool, after func(Block)) {
	gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, then{after: after})
}

// GemmRows is GemmThen with blocks of whole rows, for what looks at a row as one.
func GemmRows(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool, after func(Block)) {
	gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, then{after, true})
}

// then is what follows a product, block by block.
type then struct {
	after func(Block) // may be nil
	rows  bool        // blocks are whole rows
}

func (t then) call(i0, i1, j0, j1 int) {
	if t.after != nil {
		t.after(Block{i0, i1, j0, j1})
	}
}

// columns reports whether blocks may be columns.
func (t then) columns() bool { return t.after == nil || !t.rows }

func gemm(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool, t then) {
	check(ta, tb, m, n, k, a, lda, b, ldb, c, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !add {
			zero(m, n, c, ldc)
		}
		t.call(0, m, 0, n)
		return
	}
	engine().all(operands{ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add}, t)
}

// Serial is Gemm on the calling goroutine only: for use inside of par.For.
func Serial(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	check(ta, tb, m, n, k, a, lda, b, ldb, c, ldc)
	serial(engine(), operands{ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add})
}

// operands are the arguments of one product.
type operands struct {
	ta, tb  bool
	m, n, k int
	a       []float32
	lda     int
	b       []float32
	ldb     int
	c       []float32
	ldc     int
	add     bool
}

// flops is the number of multiplications and additions.
func (o *operands) flops() int { return 2 * o.m * o.n * o.k }

// part is the product for rows i0 to i1-1 and columns j0 to j1-1 of C.
func (o *operands) part(i0, i1, j0, j1 int) operands {
	p := *o
	p.m, p.n = i1-i0, j1-j0
	if o.ta {
		p.a = o.a[i0:]
	} else {
		p.a = o.a[i0*o.lda:]
	}
	if o.tb {
		p.b = o.b[j0*o.ldb:]
	} else {
		p.b = o.b[j0:]
	}
	p.c = o.c[i0*o.ldc+j0:]
	return p
}

// slab is the part of the sum over k0 ≤ k < k1.
func (o *operands) slab(k0, k1 int) operands {
	p := *o
	p.k = k1 - k0
	if o.ta {
		p.a = o.a[k0*o.lda:]
	} else {
		p.a = o.a[k0:]
	}
	if o.tb {
		p.b = o.b[k0:]
	} else {
		p.b = o.b[k0*o.ldb:]
	}
	return p
}

// serial runs one product on the calling goroutine, empty ones included.
func serial(e *engineType, o operands) {
	switch {
	case o.m == 0 || o.n == 0:
	case o.k > 0:
		e.serial(o)
	case !o.add:
		zero(o.m, o.n, o.c, o.ldc)
	}
}

func zero(m, n int, c []float32, ldc int) {
	for i := range m {
		clear(c[i*ldc : i*ldc+n])
	}
}

// check panics unless the matrices hold what the sizes say.
func check(ta, tb bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("blas: sizes m %d, n %d, k %d: want none negative", m, n, k))
	}
	ra, ca := m, k
	if ta {
		ra, ca = k, m
	}
	rb, cb := k, n
	if tb {
		rb, cb = n, k
	}
	fits("A", ra, ca, len(a), lda)
	fits("B", rb, cb, len(b), ldb)
	fits("C", m, n, len(c), ldc)
}

func fits(name string, rows, cols, length, ld int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(fmt.Sprintf("blas: leading dimension of %s is %d, want at least its %d columns", name, ld, cols))
	}
	if need := (rows-1)*ld + cols; length < need {
		panic(fmt.Sprintf("blas: %s holds %d elements, want %d (%dx%d, leading dimension %d)", name, length, need, rows, cols, ld))
	}
}
