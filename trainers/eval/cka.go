package eval

import (
	"fmt"
	"math"

	"x2vec/graph/ops/blas"
)

// A Gram is the products of the centred codes of N examples with each other, by which
// CKA compares sets of codes of any width.
type Gram struct {
	n  int
	k  []float64 // (N, N), the diagonal 0
	of float64   // HSIC with itself
}

// NewGram takes the products of codes. Memory grows with N·D and N².
func NewGram(f Features) (*Gram, error) {
	n := f.N()
	if err := f.check("examples'"); err != nil {
		return nil, err
	}
	if n < 4 || n > maxStimuli {
		return nil, fmt.Errorf("CKA of %d examples: want 4 to %d", n, maxStimuli)
	}
	mean, _ := f.moments()
	x := make([]float32, len(f.X))
	for i, v := range f.X {
		x[i] = float32(float64(v) - mean[i%f.D])
	}
	products := make([]float32, n*n)
	blas.Gemm(false, true, n, n, f.D, x, f.D, x, f.D, products, n, false)
	g := &Gram{n: n, k: make([]float64, n*n)}
	for i, v := range products {
		if i/n != i%n {
			g.k[i] = float64(v)
		}
	}
	g.of = hsic(g, g)
	return g, nil
}

// hsic is the unbiased estimate of the Hilbert-Schmidt independence criterion (Song
// et al. 2012, "Feature selection via dependence maximization", JMLR 13, equation 5).
func hsic(a, b *Gram) float64 {
	n := float64(a.n)
	var trace, sumA, sumB, rows float64
	for i := range a.n {
		var ra, rb float64
		for j := i * a.n; j < (i+1)*a.n; j++ {
			trace += a.k[j] * b.k[j]
			ra += a.k[j]
			rb += b.k[j]
		}
		sumA, sumB, rows = sumA+ra, sumB+rb, rows+ra*rb
	}
	return (trace + sumA*sumB/((n-1)*(n-2)) - 2*rows/(n-2)) / (n * (n - 3))
}

// CKA is the linear centred kernel alignment of two sets of codes of the same
// examples, 1 for codes that are rotations and scalings of each other, about 0 for
// unrelated ones (Kornblith et al. 2019, arXiv:1905.00414), with the unbiased estimate
// of HSIC, so that wide codes of few examples do not look alike. NaN where the codes
// of one set are all the same.
func CKA(a, b *Gram) (float64, error) {
	if a.n != b.n {
		return 0, fmt.Errorf("CKA of %d and of %d examples: want the same examples", a.n, b.n)
	}
	if a.of <= 0 || b.of <= 0 {
		return math.NaN(), nil
	}
	return hsic(a, b) / math.Sqrt(a.of*b.of), nil
}
