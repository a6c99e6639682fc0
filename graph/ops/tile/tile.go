// Package tile holds the inner loops of convolution: a few pixels by a few
// channels, with all sums in registers. It is assembly, AVX-512 or AVX2 with FMA
// as package vec has chosen, written by the generator in graph/ops/asmgen/conv.
//
// Other machines do without: Available is false there, and convolution becomes
// matrix products of package blas.
//
// The functions trust their caller with what they read: offsets are not compared
// with the lengths of slices, only the plain sizes are.
package tile

import "fmt"

//go:generate go run -C ../asmgen ./conv -o ../tile

const (
	// Pixels is the size of a group: output pixels that follow each other in a line.
	Pixels = 4
	// Groups is how many groups one call of Gather takes at most.
	Groups = 3
	// Cols is how many columns a vector has; a call takes one or two.
	Cols = 16
	// Rows is how many rows one call of Outer takes at most.
	Rows = 12
)

// Gather computes groups of pixels of a convolution by vecs × 16 channels:
//
//	y[out[g] + r·ldc + j] = max(floor, bias[j] + Σ_s Σ_{i<k} x[in[g] + r·lda + seg[s] + i] · w[s·k+i][j])
//
// for r < Pixels, g < len(in) ≤ Groups and j < 16·vecs. w has rows of 16·vecs
// values. Up to the largest offset above, x and y must be readable and writable.
func Gather(vecs int, x []float32, in []int, lda int, seg []int, k int, w, y []float32, out []int, ldc int, bias []float32, floor float32) {
	n := vecs * Cols
	if vecs < 1 || vecs > 2 || len(in) < 1 || len(in) > Groups || len(out) < len(in) || len(bias) < n || len(w) < len(seg)*k*n {
		panic(fmt.Sprintf("tile: %d groups, %d offsets, %d vectors, %d weights, %d biases", len(in), len(out), vecs, len(w), len(bias)))
	}
	gather(vecs, x, in, lda, seg, k, w, y, out, ldc, bias, floor)
}

// Outer adds products of the channels of pixels with the windows that the pixels
// see:
//
//	c[r·ldc + 16·v + j] += Σ_l Σ_{p<n} a[(l·n+p)·lda + r] · x[line[l] + p·ldx + at[v] + j]
//
// for r < rows ≤ Rows, v < len(at) ≤ 2 and j < 16.
func Outer(rows int, a []float32, lda int, x []float32, at []int, ldx int, line []int, n int, c []float32, ldc int) {
	if rows < 1 || rows > Rows || len(at) < 1 || len(at) > 2 || n < 1 || len(c) < (rows-1)*ldc+len(at)*Cols ||
		len(a) < (len(line)*n-1)*lda+rows {
		panic(fmt.Sprintf("tile: %d rows, %d vectors, %d lines of %d in %d values, %d sums", rows, len(at), len(line), n, len(a), len(c)))
	}
	outer(rows, a, lda, x, at, ldx, line, n, c, ldc)
}
