package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// Sphere measures how rows, taken at unit length, lie on the sphere: a scalar
// without a gradient, to watch a contrastive method by. The input is (N, D).
type Sphere struct {
	Measure Measure

	z     units
	pairs []float32 // (N, N): products of the rows, then exponentials
	sums  []float64 // (N)
	rows  func(blas.Block)
}

// A Measure is one number of Sphere.
type Measure int

const (
	// Alignment is the mean of |u−v|² over rows i and i+N/2, two views of one example
	// (Wang and Isola 2020, arXiv:2005.10242, eq. 5 with α = 2): 0 where they agree, 2
	// where they have nothing to do with each other.
	Alignment Measure = iota
	// Uniformity is log mean exp(−2|u−v|²) over all pairs of rows (the same, eq. 6
	// with t = 2): −4 at best, 0 where all rows are equal.
	Uniformity
	// Deviation is the mean standard deviation of the D values, times √D: 1 where the
	// rows are spread evenly over the sphere, 0 where all are equal (Chen and He 2021,
	// arXiv:2011.10566, figure 2).
	Deviation
)

// Name implements Kernel.
func (k *Sphere) Name() string { return [...]string{"alignment", "uniformity", "deviation"}[k.Measure] }

// Shape implements Kernel.
func (k *Sphere) Shape(in []tensor.Shape) (tensor.Shape, error) {
	z := in[0]
	if z.Dims() != 2 || k.Measure == Uniformity && z[0] < 2 {
		return nil, fmt.Errorf("rows are %v, want (N, D), of at least two for a uniformity", z)
	}
	if k.Measure == Alignment && z[0]%2 != 0 {
		return nil, fmt.Errorf("rows are %v, want (2N, D)", z)
	}
	k.z.size(z)
	if k.Measure == Uniformity {
		k.pairs, k.sums = make([]float32, z[0]*z[0]), make([]float64, z[0])
		k.rows = k.kernels
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Sphere) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *Sphere) Forward(in []Arg, out []float32) {
	k.z.normalize(in[0].F)
	n, d, u := k.z.n, k.z.d, k.z.u
	switch k.Measure {
	case Alignment: // |u−v|² = 2 − 2u·v
		var s float64
		for i := range n / 2 {
			s += vec.Dot(u[i*d:(i+1)*d], u[(i+n/2)*d:][:d])
		}
		out[0] = float32(2 - 4*s/float64(n))
	case Uniformity:
		blas.GemmRows(false, true, n, n, d, u, d, u, d, k.pairs, n, false, k.rows)
		out[0] = float32(math.Log(total(k.sums) / float64(n*(n-1))))
	case Deviation:
		var s float64
		for j := range d {
			var sum, squares float64
			for i := range n {
				x := float64(u[i*d+j])
				sum += x
				squares += x * x
			}
			s += math.Sqrt(max(0, squares/float64(n)-sum*sum/float64(n*n)))
		}
		out[0] = float32(s / math.Sqrt(float64(d)))
	}
}

// kernels sums exp(−2|u−v|²) = exp(4u·v − 4) over the other rows v, for each u.
func (k *Sphere) kernels(b blas.Block) {
	n := k.z.n
	for i := b.I0; i < b.I1; i++ {
		row := k.pairs[i*n : (i+1)*n]
		for j := range row {
			row[j] = 4*row[j] - 4
		}
		row[i] = float32(math.Inf(-1)) // itself
		vec.Exp(row, row)
		k.sums[i] = vec.Sum(row)
	}
}

// Backward implements Kernel. There is no gradient.
func (k *Sphere) Backward(in []Arg, out, dout []float32, din [][]float32) {}
