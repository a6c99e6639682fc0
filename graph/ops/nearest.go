package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Nearest says which row of a codebook each row of x is nearest to, by Euclidean
// distance: x is (..., D), the codebook (K, D), and the result (...), numbers from 0
// to K−1 as float32, which are exact up to maxCodes. Of rows that are equally near
// the first is taken. It has no gradient.
//
// The nearest row has the largest x·e − |e|²/2, for all of which together one matrix
// product is taken.
type Nearest struct {
	d, k, rows int
	half       []float32 // |e|²/2, (K)
	scratch    lanes

	call
	forward func(lo, hi int)
}

// maxCodes bounds K: float32 has every integer up to there.
const maxCodes = 1 << 24

// nearestRows is how many rows of x one product takes: few enough that their K
// products each stay in the cache, enough to make packing the codebook worth it.
const nearestRows = 128

// Name implements Kernel.
func (k *Nearest) Name() string { return "nearest code" }

// Shape implements Kernel.
func (k *Nearest) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, codes := in[0], in[1]
	if codes.Dims() != 2 || x.Dims() < 2 || x[x.Dims()-1] != codes[1] {
		return nil, fmt.Errorf("x is %v and the codebook %v; want (..., D) and (K, D)", x, codes)
	}
	if codes[0] > maxCodes {
		return nil, fmt.Errorf("the codebook has %d rows, want at most %d", codes[0], maxCodes)
	}
	k.k, k.d = codes[0], codes[1]
	k.rows = x.TotalSize() / k.d
	k.half = make([]float32, k.k)
	k.forward = k.forwardRows
	return x[:x.Dims()-1].Clone(), nil
}

// Grads implements Kernel.
func (k *Nearest) Grads() []bool { return []bool{false, false} }

// Forward implements Kernel.
func (k *Nearest) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	for i := range k.half {
		k.half[i] = float32(vec.SumSquares(in[1].F[i*k.d:(i+1)*k.d]) / 2)
	}
	k.scratch.open(nearestRows * k.k)
	par.For(k.rows, nearestRows, k.forward)
	k.scratch.close()
	k.call = call{}
}

func (k *Nearest) forwardRows(lo, hi int) {
	lane, scores := k.scratch.take()
	blas.Serial(false, true, hi-lo, k.k, k.d, k.in[0].F[lo*k.d:hi*k.d], k.d, k.in[1].F, k.d, scores, k.k, false)
	for i := lo; i < hi; i++ {
		s := scores[(i-lo)*k.k:][:k.k]
		vec.Sub(s, s, k.half)
		k.out[i] = float32(largest(s))
	}
	k.scratch.release(lane)
}

// largest is the place of the largest value, the first of equal ones; where there is
// NaN, any place.
func largest(s []float32) int {
	const block = 64
	best, at := vec.Max(s[:min(block, len(s))]), 0
	for i := block; i < len(s); i += block {
		if m := vec.Max(s[i:min(i+block, len(s))]); m > best {
			best, at = m, i
		}
	}
	return at + max(0, slices.Index(s[at:min(at+block, len(s))], best))
}

// Backward implements Kernel; there is none.
func (k *Nearest) Backward([]Arg, []float32, []float32, [][]float32) {}

// CountCodes counts how often each of Codes codes occurs in its input, (...), as
// Nearest gives it: (Codes). It has no gradient.
type CountCodes struct {
	Codes int
}

// Name implements Kernel.
func (k *CountCodes) Name() string { return "count of codes" }

// Shape implements Kernel.
func (k *CountCodes) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if k.Codes < 1 || in[0].Dims() < 1 || in[0].TotalSize() > maxCodes {
		return nil, fmt.Errorf("%d codes in %v; want at least one, and at most %d places", k.Codes, in[0], maxCodes)
	}
	return tensor.Shape{k.Codes}, nil
}

// Grads implements Kernel.
func (k *CountCodes) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *CountCodes) Forward(in []Arg, out []float32) {
	clear(out)
	for _, c := range in[0].F {
		out[int(c)]++
	}
}

// Backward implements Kernel; there is none.
func (k *CountCodes) Backward([]Arg, []float32, []float32, [][]float32) {}

// SumByCode adds up the rows of x, (..., D), that belong to each of Codes codes,
// (...), as Nearest gives them: (Codes, D). The rows are added in their order,
// whatever the number of threads. It has no gradient.
type SumByCode struct {
	Codes int

	d int
	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *SumByCode) Name() string { return "sum by code" }

// Shape implements Kernel.
func (k *SumByCode) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, codes := in[0], in[1]
	if k.Codes < 1 || x.Dims() < 2 || !slices.Equal(codes, x[:x.Dims()-1]) {
		return nil, fmt.Errorf("x is %v and the codes %v, of %d; want (..., D) and (...), of at least one", x, codes, k.Codes)
	}
	k.d = x[x.Dims()-1]
	k.forward = k.forwardColumns
	return tensor.Shape{k.Codes, k.d}, nil
}

// Grads implements Kernel.
func (k *SumByCode) Grads() []bool { return []bool{false, false} }

// Forward implements Kernel.
func (k *SumByCode) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.d, tokenColumns, k.forward)
	k.call = call{}
}

func (k *SumByCode) forwardColumns(lo, hi int) {
	for at := 0; at < len(k.out); at += k.d {
		clear(k.out[at+lo : at+hi])
	}
	for i, c := range k.in[1].F {
		s := k.out[int(c)*k.d:][lo:hi]
		vec.Add(s, s, k.in[0].F[i*k.d:][lo:hi])
	}
}

// Backward implements Kernel; there is none.
func (k *SumByCode) Backward([]Arg, []float32, []float32, [][]float32) {}
