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
	// Size is the size of a group of results: one pixel in pictures that follow
	// each other.
	Size = 4
	// Groups is how many groups one call of Gather takes at most.
	Groups = 3
	// Cols is how many columns a vector has; a call takes one or two.
	Cols = 16
	// Rows is how many rows one call of Outer takes at most.
	Rows = 12
)

// A Segment is a run of values of the source that meet rows of the weights: X is
// where it begins, beyond the group's own begin, and W its first row.
type Segment struct{ X, W int }

// Gather computes groups of results of a convolution by vecs × 16 channels:
//
//	y[out[g] + r·ldc + j] = max(floor, bias[j] + Σ_s Σ_{i<k} x[in[g] + r·lda + s.X + i] · w[s.W+i][j])
//
// for r < Size, g < len(in) ≤ Groups, j < 16·vecs and all segments s. w has rows
// of 16·vecs values. Up to the largest offset above, x, w and y must be there.
func Gather(vecs int, x []float32, in []int, lda int, seg []Segment, k int, w, y []float32, out []int, ldc int, bias []float32, floor float32) {
	if vecs < 1 || vecs > 2 || len(in) < 1 || len(in) > Groups || len(out) < len(in) || len(bias) < vecs*Cols {
		panic(fmt.Sprintf("tile: %d groups, %d offsets, %d vectors, %d biases", len(in), len(out), vecs, len(bias)))
	}
	gather(vecs, x, in, lda, seg, k, w, y, out, ldc, bias, floor)
}

// A Line is where a run of pixels begins on both sides of a convolution.
type Line struct{ A, X int }

// Outer adds products of the channels of pixels of one side with those of the
// pixels of the other:
//
//	c[r·ldc + 16·v + j] += Σ_l Σ_{p<n} a[l.A + p·lda + r] · x[l.X + p·ldx + at[v] + j]
//
// for r < rows, v < len(at) ≤ 2, j < 16 and all lines l. Up to the largest offset
// above, a and x must be there.
func Outer(rows int, a []float32, lda int, x []float32, at []int, ldx int, line []Line, n int, c []float32, ldc int) {
	if rows < 1 || len(at) < 1 || len(at) > 2 || n < 1 || len(c) < (rows-1)*ldc+len(at)*Cols {
		panic(fmt.Sprintf("tile: %d rows, %d vectors, lines of %d, %d sums", rows, len(at), n, len(c)))
	}
	outer(rows, a, lda, x, at, ldx, line, n, c, ldc)
}
