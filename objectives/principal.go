package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph/ops/par"
)

// Principal are the directions of greatest variance of a data set (Pearson 1901;
// Jolliffe 2002, "Principal component analysis", section 1.1).
type Principal struct {
	Mean []float64 // (D)
	// Variance along each direction, falling: the mean square over the examples,
	// (K).
	Variance []float64
	// Total is the variance in all D directions together.
	Total float64
	// Directions are orthonormal rows, (K, D). The entry of largest absolute value
	// of each is positive.
	Directions *mat.Dense
}

// maxPrincipal bounds D: the covariance has D² values of 8 bytes, and is
// multiplied many times.
const maxPrincipal = 4096

// PrincipalOf finds the first k directions of all examples of src, their values
// scaled by z, in one pass and bounded memory. The sums over the examples are
// exact.
func PrincipalOf(ctx context.Context, src data.Source, z Scaling, k int) (*Principal, error) {
	d := src.Spec().Size()
	if d > maxPrincipal {
		return nil, fmt.Errorf("pca: an example has %d values, want at most %d", d, maxPrincipal)
	}
	g := NewGram(d)
	block := make([]float32, gramRows*d)
	for b, err := range data.Sequential(src, gramRows) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		x := block[:len(b.Pixels)]
		par.For(len(x), 1<<14, func(lo, hi int) {
			for i, v := range b.Pixels[lo:hi] {
				x[lo+i] = float32(v)
			}
		})
		g.Add(x)
	}
	if g.N == 0 {
		return nil, errors.New("pca: there are no examples")
	}
	mean, cov := g.Mean(), g.Covariance()
	scale := make([]float64, d) // x = byte·scale − shift
	for i := range d {
		scale[i] = 1.0 / 255
		mean[i] *= scale[i]
		if len(z.Mean) > 0 {
			mean[i] -= float64(z.Mean[i])
		}
		if len(z.Std) > 0 {
			scale[i] /= float64(z.Std[i])
			mean[i] /= float64(z.Std[i])
		}
	}
	for i := range d {
		for j := i; j < d; j++ {
			cov.SetSym(i, j, cov.At(i, j)*scale[i]*scale[j])
		}
	}
	return NewPrincipal(mean, cov, k)
}

// NewPrincipal finds the first k directions of data with that mean, (D), and
// covariance, (D, D).
func NewPrincipal(mean []float64, cov *mat.SymDense, k int) (*Principal, error) {
	d := cov.SymmetricDim()
	if len(mean) != d || k < 1 || k > d {
		return nil, fmt.Errorf("pca: asked for %d directions of data of %d values with a mean of %d; want 1 to %d directions", k, d, len(mean), d)
	}
	values, vectors, err := leadingEigen(cov, k)
	if err != nil {
		return nil, err
	}
	p := &Principal{Mean: mean, Variance: values, Total: mat.Trace(cov), Directions: mat.DenseCopyOf(vectors.T())}
	for i := range k {
		row := p.Directions.RawRowView(i)
		largest := 0.0
		for _, v := range row {
			if math.Abs(v) > math.Abs(largest) {
				largest = v
			}
		}
		if largest < 0 {
			for j := range row {
				row[j] = -row[j]
			}
		}
	}
	return p, nil
}

// Optimum is the least mean squared error a value that any linear encoder and
// decoder with a code of k values reaches on this data (Eckart and Young 1936):
// the variance in the other directions, over D. k is at most len(Variance).
func (p *Principal) Optimum(k int) float64 {
	rest := p.Total
	for _, v := range p.Variance[:k] {
		rest -= v
	}
	return max(rest, 0) / float64(len(p.Mean))
}

// PrincipalAngles are the angles, in radians and ascending, between the spaces
// that the columns of a, (D, k), and b, (D, k), span (Björck and Golub 1973,
// "Numerical methods for computing angles between linear subspaces"). Small ones
// are taken by their sine, large ones by their cosine, so that both are exact.
func PrincipalAngles(a, b mat.Matrix) ([]float64, error) {
	d, k := a.Dims()
	if d2, k2 := b.Dims(); d2 != d || k2 != k || k > d {
		return nil, fmt.Errorf("angles between spaces: (%d, %d) and (%d, %d); want two of one shape, taller than wide", d, k, d2, k2)
	}
	qa, err := orthonormal(a)
	if err != nil {
		return nil, err
	}
	qb, err := orthonormal(b)
	if err != nil {
		return nil, err
	}
	var m, off mat.Dense
	m.Mul(qa.T(), qb) // (k, k): its singular values are the cosines
	off.Mul(qa, &m)   // (D, k)
	off.Sub(qb, &off) // what of b lies outside of a: the sines
	cos, err := singular(&m)
	if err != nil {
		return nil, err
	}
	sin, err := singular(&off)
	if err != nil {
		return nil, err
	}
	slices.Reverse(sin)
	angles := make([]float64, k)
	for i := range angles {
		angles[i] = math.Acos(min(1, cos[i]))
		if cos[i] > math.Sqrt2/2 {
			angles[i] = math.Asin(min(1, sin[i]))
		}
	}
	return angles, nil
}

// orthonormal is a basis, (D, k), of what the columns of a, (D, k), span.
func orthonormal(a mat.Matrix) (*mat.Dense, error) {
	q, diagonal := factorQR(a)
	if floor := 1e-12 * slices.Max(diagonal); !(slices.Min(diagonal) > floor) {
		return nil, fmt.Errorf("the %d columns span fewer dimensions than that", len(diagonal))
	}
	return q, nil
}

// factorQR gives Q, (D, k), of a = QR by Householder's reflections, and the
// absolute values on the diagonal of R. Q is orthonormal whatever the rank of a.
// (mat.QR would make the whole (D, D) Q.)
func factorQR(a mat.Matrix) (q *mat.Dense, diagonal []float64) {
	q = mat.DenseCopyOf(a)
	_, k := q.Dims()
	raw, tau, size := q.RawMatrix(), make([]float64, k), make([]float64, 1)
	lapack64.Geqrf(raw, tau, size, -1)
	work := make([]float64, int(size[0]))
	lapack64.Geqrf(raw, tau, work, len(work))
	for i := range k {
		diagonal = append(diagonal, math.Abs(q.At(i, i)))
	}
	lapack64.Orgqr(raw, tau, size, -1)
	work = make([]float64, int(size[0]))
	lapack64.Orgqr(raw, tau, work, len(work))
	return q, diagonal
}

// singular are the singular values, falling.
func singular(a mat.Matrix) ([]float64, error) {
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDNone) {
		return nil, errors.New("the singular values of a matrix were not found")
	}
	return svd.Values(nil), nil
}

// leadingEigen are the k largest eigenvalues of a covariance, falling, and their
// eigenvectors as columns, (D, k).
//
// A whole decomposition of 1,000 values takes ten seconds; where far fewer
// directions are asked for, subspace iteration with Rayleigh-Ritz is used
// (Halko, Martinsson and Tropp 2011, "Finding structure with randomness",
// doi:10.1137/090771806, algorithms 4.4 and 5.3).
func leadingEigen(c *mat.SymDense, k int) ([]float64, *mat.Dense, error) {
	d := c.SymmetricDim()
	width := k + max(k, 16) // the further the dropped ones, the faster
	if d <= 128 || width > d/4 {
		values, vectors, err := eigen(c)
		if err != nil {
			return nil, nil, err
		}
		return values[:k], mat.DenseCopyOf(vectors.Slice(0, d, 0, k)), nil
	}
	// A fixed start: the same covariance gives the same bytes.
	r := draw.New(draw.Key(0, "pca/start", 0, 0))
	full := mat.DenseCopyOf(c) // whose products are faster than a symmetric matrix's
	z := mat.NewDense(d, width, nil)
	for i := range d {
		for j := range width {
			z.Set(i, j, r.Norm())
		}
	}
	var cq, small, vectors, next mat.Dense
	for range 300 {
		q, _ := factorQR(z)
		cq.Mul(full, q)       // (D, width)
		small.Mul(q.T(), &cq) // (width, width)
		values, turn, err := eigen(symmetric(&small))
		if err != nil {
			return nil, nil, err
		}
		vectors.Mul(q, turn) // (D, width) the best eigenvectors within q
		next.Mul(&cq, turn)  // (D, width) the covariance times these
		if residual(&next, &vectors, values[:k]) <= 1e-11*values[0] {
			return values[:k], mat.DenseCopyOf(vectors.Slice(0, d, 0, k)), nil
		}
		z = &next
	}
	return nil, nil, fmt.Errorf("pca: the first %d of %d directions were not found within 300 iterations", k, d)
}

// residual is the largest entry of Cv − λv over the eigenpairs.
func residual(cv, v *mat.Dense, values []float64) (largest float64) {
	d, _ := v.Dims()
	for i := range d {
		for j, l := range values {
			largest = max(largest, math.Abs(cv.At(i, j)-l*v.At(i, j)))
		}
	}
	return largest
}

// symmetric is the mean of a square matrix and its transpose.
func symmetric(a *mat.Dense) *mat.SymDense {
	n, _ := a.Dims()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

// eigen are all eigenvalues, falling, and their eigenvectors as columns.
func eigen(c *mat.SymDense) ([]float64, *mat.Dense, error) {
	n := c.SymmetricDim()
	var e mat.EigenSym
	if !e.Factorize(c, true) {
		return nil, nil, errors.New("pca: the eigenvalues of the covariance were not found")
	}
	var up mat.Dense
	e.VectorsTo(&up)
	values, vectors := e.Values(nil), mat.NewDense(n, n, nil)
	slices.Reverse(values)
	for i := range n {
		for j := range n {
			vectors.Set(i, j, up.At(i, n-1-j))
		}
	}
	return values, vectors, nil
}
