package eval

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"x2vec/graph/ops/blas"
)

// maxReconstruct bounds the values of a code in Reconstruction: equations are solved
// in their cube.
const maxReconstruct = 1024

// ridge is added to the correlations of the codes, so that values that say the same can
// be told from nothing.
const ridge = 1e-4

// Reconstruction is the share of the variance of examples, (N, P) pixels, that a linear
// map of their codes explains, fitted to the training examples by least squares and
// measured on test examples: what is kept of them in a form that is easily read. 1 where
// all is, 0 where nothing is; PCA is the most that codes of the size can keep of the
// examples that they were fitted to.
func Reconstruction(train, trainPixels, test, testPixels Features) (float64, error) {
	if err := check2(train, test); err != nil {
		return 0, err
	}
	if err := check2(trainPixels, testPixels); err != nil {
		return 0, err
	}
	if train.N() != trainPixels.N() || test.N() != testPixels.N() {
		return 0, fmt.Errorf("reconstruction: %d and %d codes of %d and %d examples", train.N(), test.N(), trainPixels.N(), testPixels.N())
	}
	if train.D > maxReconstruct {
		return 0, fmt.Errorf("reconstruction: a code has %d values, want at most %d", train.D, maxReconstruct)
	}
	scale := train.Scale()
	x, z := scale.Applied(train), scale.Applied(test)
	pixelMean, _ := trainPixels.moments()
	d, p := train.D, trainPixels.D
	gram := x.covariance(make([]float64, d), 1)
	for j := range d {
		gram.SetSym(j, j, gram.At(j, j)+ridge)
	}
	cross := make([]float64, d*p) // of codes and pixels: (D, P)
	block := make([]float32, d*p)
	const rows = 512
	centred := make([]float32, rows*p)
	for at := 0; at < x.N(); at += rows {
		n := min(rows, x.N()-at)
		center(centred[:n*p], trainPixels.X[at*p:], pixelMean)
		blas.Gemm(true, false, d, p, n, x.X[at*d:], d, centred, p, block, p, false)
		for i, v := range block {
			cross[i] += float64(v) / float64(x.N())
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(gram) {
		return 0, fmt.Errorf("reconstruction: the equations of the codes cannot be solved")
	}
	var w mat.Dense // (D, P)
	if err := chol.SolveTo(&w, mat.NewDense(d, p, cross)); err != nil {
		return 0, fmt.Errorf("reconstruction: %w", err)
	}
	weights := make([]float32, d*p)
	for i := range d {
		for j, v := range w.RawRowView(i) {
			weights[i*p+j] = float32(v)
		}
	}
	var left, all float64
	answer := make([]float32, rows*p)
	for at := 0; at < z.N(); at += rows {
		n := min(rows, z.N()-at)
		center(centred[:n*p], testPixels.X[at*p:], pixelMean)
		blas.Gemm(false, false, n, p, d, z.X[at*d:], d, weights, p, answer, p, false)
		for i, v := range centred[:n*p] {
			e := float64(v) - float64(answer[i])
			left += e * e
			all += float64(v) * float64(v)
		}
	}
	if all == 0 {
		return 0, fmt.Errorf("reconstruction: all test examples are alike")
	}
	return 1 - left/all, nil
}

// center takes a mean from the rows of x.
func center(to, x []float32, mean []float64) {
	for i := range to {
		to[i] = float32(float64(x[i]) - mean[i%len(mean)])
	}
}
