package inspect

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"x2vec/data/draw"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
	"x2vec/trainers/eval"
)

const (
	pcaRounds = 25
	pcaMore   = 8 // directions that are followed besides those asked for
)

// Principal gives the first k principal components of codes, (N, k), by falling
// variance, fewer where the codes have fewer dimensions. The largest weight of each
// direction is positive.
//
// The directions are found by iterating their subspace (Halko, Martinsson and Tropp
// 2011, arXiv:0909.4061, algorithm 4.4), in time that grows with N·D alone.
func Principal(f eval.Features, k int) (scores []float32, got int, err error) {
	p, err := planeOf(f, k)
	if err != nil {
		return nil, 0, err
	}
	return p.place(f), p.k, nil
}

// A plane is k directions in the space of codes of d values, from their mean.
type plane struct {
	mean []float64
	q    []float32 // (k, d)
	k, d int
}

// planeOf is the plane of the first k principal components.
func planeOf(f eval.Features, k int) (*plane, error) {
	n, d := f.N(), f.D
	if n < 2 {
		return nil, errors.New("principal components want at least two codes")
	}
	if !vec.Finite(f.X) {
		return nil, errors.New("a value of the codes is not a finite number")
	}
	p := &plane{mean: meanOf(f), d: d, k: min(k, d, n-1)}
	x := p.centred(f) // (N, D)
	m := min(p.k+pcaMore, d, n)
	q := make([]float32, m*d) // (m, D), rows of length one
	r := draw.New(draw.Key(0, "inspect/pca", 0, 0))
	for i := range q {
		q[i] = float32(r.Norm())
	}
	orthonormal(q, m, d)
	y := make([]float32, n*m)
	for range pcaRounds {
		blas.Gemm(false, true, n, m, d, x, d, q, d, y, m, false) // (N, m) = X Qᵀ
		blas.Gemm(true, false, m, d, n, y, m, x, d, q, d, false) // (m, D) = Yᵀ X
		orthonormal(q, m, d)
	}
	q, err := rotated(x, q, n, m, d)
	if err != nil {
		return nil, err
	}
	p.q = q[:p.k*d]
	for i := range p.k {
		row, largest := p.q[i*d:(i+1)*d], float32(0)
		for _, v := range row {
			if max(v, -v) > max(largest, -largest) {
				largest = v
			}
		}
		if largest < 0 {
			vec.Scale(row, row, -1)
		}
	}
	return p, nil
}

// place is where codes lie along the directions, (N, k).
func (p *plane) place(f eval.Features) []float32 {
	scores := make([]float32, f.N()*p.k)
	blas.Gemm(false, true, f.N(), p.k, p.d, p.centred(f), p.d, p.q, p.d, scores, p.k, false)
	return scores
}

func meanOf(f eval.Features) []float64 {
	mean := make([]float64, f.D)
	for i := range f.N() {
		for j, v := range f.Row(i) {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(f.N())
	}
	return mean
}

// centred is codes without the mean.
func (p *plane) centred(f eval.Features) []float32 {
	x := make([]float32, len(f.X))
	for i, v := range f.X {
		x[i] = float32(float64(v) - p.mean[i%f.D])
	}
	return x
}

// orthonormal makes the rows of q, (m, d), orthogonal and of length one, each in the
// span of those up to it; one that is nothing beside those before it becomes 0.
func orthonormal(q []float32, m, d int) {
	for i := range m {
		row := q[i*d : (i+1)*d]
		before := math.Sqrt(vec.SumSquares(row))
		for range 2 { // once more, for what rounding leaves
			for j := range i {
				vec.Axpy(row, float32(-vec.Dot(row, q[j*d:(j+1)*d])), q[j*d:(j+1)*d])
			}
		}
		if length := math.Sqrt(vec.SumSquares(row)); length > 1e-6*before {
			vec.Scale(row, row, float32(1/length))
		} else {
			clear(row)
		}
	}
}

// rotated turns the rows of q within their span to the directions of falling
// variance: the eigenvectors of Q XᵀX Qᵀ.
func rotated(x, q []float32, n, m, d int) ([]float32, error) {
	y := make([]float32, n*m)
	blas.Gemm(false, true, n, m, d, x, d, q, d, y, m, false)
	wide := mat.NewDense(n, m, nil)
	for i, v := range y {
		wide.Set(i/m, i%m, float64(v))
	}
	var gram mat.SymDense
	gram.SymOuterK(1, wide.T()) // (m, m)
	var eigen mat.EigenSym
	if !eigen.Factorize(&gram, true) {
		return nil, errors.New("the principal components of the codes cannot be found")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors) // by rising value
	out := make([]float32, m*d)
	for i := range m {
		for j := range m {
			vec.Axpy(out[i*d:(i+1)*d], float32(vectors.At(j, m-1-i)), q[j*d:(j+1)*d])
		}
	}
	return out, nil
}
