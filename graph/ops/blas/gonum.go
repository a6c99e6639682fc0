package blas

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gonum computes in blocks of 64x64 and starts goroutines of its own from four
// blocks of C on: no tile given to it is larger than three, so that the number of
// threads stays ours.
const (
	gonumRows = 64
	gonumCols = 3 * 64
)

func gonumEngine() *engineType {
	return splitting(&engineType{name: "gonum", serial: func(o operands) {
		for i := 0; i < o.m; i += gonumRows {
			for j := 0; j < o.n; j += gonumCols {
				p := o.part(i, min(o.m, i+gonumRows), j, min(o.n, j+gonumCols))
				var beta float32
				if p.add {
					beta = 1
				}
				gonum.Implementation{}.Sgemm(transpose(p.ta), transpose(p.tb), p.m, p.n, p.k, 1, p.a, p.lda, p.b, p.ldb, beta, p.c, p.ldc)
			}
		}
	}})
}

func transpose(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}
