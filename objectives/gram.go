package objectives

import (
	"gonum.org/v1/gonum/mat"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
)

// Gram adds up, over rows x of D values, Σ x and Σ x xᵀ in bounded memory: blocks
// of rows are multiplied in float32 and the products added in float64.
//
// For rows of whole numbers in 0..255 both sums are exact: within a block no
// product sum reaches 2²⁴.
type Gram struct {
	D, N     int
	sum      []float64 // (D)
	products []float64 // (D, D)
	block    []float32 // (D, D) products of one block
}

// gramRows is how many rows are multiplied at a time: 256·255² < 2²⁴.
const gramRows = 256

// NewGram makes empty sums for rows of d values.
func NewGram(d int) *Gram {
	return &Gram{D: d, sum: make([]float64, d), products: make([]float64, d*d), block: make([]float32, d*d)}
}

// Add counts the rows of x, (n, D).
func (g *Gram) Add(x []float32) {
	d := g.D
	for n := len(x) / d; n > 0; n = len(x) / d {
		n = min(n, gramRows)
		blas.Gemm(true, false, d, d, n, x, d, x, d, g.block, d, false)
		par.For(d*d, 1<<14, func(lo, hi int) {
			to := g.products[lo:hi]
			for i, v := range g.block[lo:hi] {
				to[i] += float64(v)
			}
		})
		for i := range n {
			for j, v := range x[i*d : (i+1)*d] {
				g.sum[j] += float64(v)
			}
		}
		g.N += n
		x = x[n*d:]
	}
}

// Mean is Σ x / N, (D).
func (g *Gram) Mean() []float64 {
	m := make([]float64, g.D)
	for i, v := range g.sum {
		m[i] = v / float64(g.N)
	}
	return m
}

// SecondMoment is Σ x xᵀ / N, (D, D).
func (g *Gram) SecondMoment() *mat.SymDense {
	c := mat.NewSymDense(g.D, nil)
	for i := range g.D {
		for j := i; j < g.D; j++ {
			c.SetSym(i, j, g.products[i*g.D+j]/float64(g.N))
		}
	}
	return c
}

// Covariance is Σ (x−mean)(x−mean)ᵀ / N, (D, D).
func (g *Gram) Covariance() *mat.SymDense {
	mean, c := g.Mean(), mat.NewSymDense(g.D, nil)
	for i := range g.D {
		for j := i; j < g.D; j++ {
			c.SetSym(i, j, g.products[i*g.D+j]/float64(g.N)-mean[i]*mean[j])
		}
	}
	return c
}
