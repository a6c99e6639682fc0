package eval

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Dissimilarities are the measures of NewRDM: 1 − Pearson's correlation of two codes,
// 1 − the cosine of their angle, or the length of their difference.
var Dissimilarities = []string{"pearson", "cosine", "euclid"}

// An RDM is a representational dissimilarity matrix: how different N stimuli are to
// an encoder (Kriegeskorte, Mur and Bandettini 2008, "Representational similarity
// analysis", doi:10.3389/neuro.06.004.2008). Two of the same stimuli can be compared,
// whatever they were taken from.
type RDM struct {
	N int
	D []float64 // the upper triangle without the diagonal, row by row
}

// maxStimuli bounds N: the matrix grows with its square.
const maxStimuli = 4096

// NewRDM takes the dissimilarities of the codes of stimuli. A code without variation
// (for cosine: of zeros) is as different as uncorrelated ones from everything.
func NewRDM(f Features, measure string) (RDM, error) {
	n := f.N()
	if err := f.check("stimuli's"); err != nil {
		return RDM{}, err
	}
	if n < 3 || n > maxStimuli {
		return RDM{}, fmt.Errorf("an RDM of %d stimuli: want 3 to %d", n, maxStimuli)
	}
	x := make([]float32, len(f.X))
	copy(x, f.X)
	r := RDM{N: n, D: make([]float64, n*(n-1)/2)}
	switch measure {
	case "pearson", "cosine":
		par.For(n, rowChunk, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				row := x[i*f.D : (i+1)*f.D]
				if measure == "pearson" {
					centre(row)
				}
				unitRow(row, row)
			}
		})
	case "euclid":
	default:
		return RDM{}, fmt.Errorf("dissimilarity %q: want one of %s", measure, strings.Join(Dissimilarities, ", "))
	}
	products := make([]float32, n*n)
	blas.Gemm(false, true, n, n, f.D, x, f.D, x, f.D, products, n, false)
	for i := range n {
		a := x[i*f.D : (i+1)*f.D]
		for j := i + 1; j < n; j++ {
			d := 1 - float64(products[i*n+j])
			if measure == "euclid" {
				d = distance(a, x[j*f.D:(j+1)*f.D])
			}
			r.D[r.at(i, j)] = d
		}
	}
	return r, nil
}

// centre takes the mean of the values from each; what rounding leaves of a row without
// variation becomes 0.
func centre(row []float32) {
	var sum float64
	for _, v := range row {
		sum += float64(v)
	}
	mean := sum / float64(len(row))
	largest := 0.0
	for i, v := range row {
		row[i] = float32(float64(v) - mean)
		largest = max(largest, math.Abs(float64(row[i])))
	}
	if largest <= 1e-6*math.Abs(mean) {
		clear(row)
	}
}

func distance(a, b []float32) float64 {
	d := make([]float32, len(a))
	return math.Sqrt(vec.SquaredError(d, a, b))
}

// at is where the dissimilarity of stimuli i < j stands.
func (r RDM) at(i, j int) int { return i*r.N - i*(i+1)/2 + j - i - 1 }

// At is the dissimilarity of two stimuli.
func (r RDM) At(i, j int) float64 {
	switch {
	case i == j:
		return 0
	case i > j:
		i, j = j, i
	}
	return r.D[r.at(i, j)]
}

// Rows is the whole matrix.
func (r RDM) Rows() [][]float64 {
	rows := make([][]float64, r.N)
	for i := range rows {
		rows[i] = make([]float64, r.N)
		for j := range rows[i] {
			rows[i][j] = r.At(i, j)
		}
	}
	return rows
}

// RDMOf makes an RDM of a whole matrix, (n, n), whose two halves must agree.
func RDMOf(x []float64, n int) (RDM, error) {
	if n < 3 || n > maxStimuli || len(x) != n*n {
		return RDM{}, fmt.Errorf("%d values are no dissimilarity matrix of 3 to %d stimuli", len(x), maxStimuli)
	}
	r := RDM{N: n, D: make([]float64, n*(n-1)/2)}
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b := x[i*n+j], x[j*n+i]
			switch {
			case math.IsNaN(a) || math.IsInf(a, 0):
				return RDM{}, fmt.Errorf("the dissimilarity of stimuli %d and %d is %v", i, j, a)
			case math.Abs(a-b) > 1e-5*(1+math.Abs(a)):
				return RDM{}, fmt.Errorf("stimuli %d and %d are %g apart, and %d and %d are %g: no dissimilarity matrix", i, j, a, j, i, b)
			}
			r.D[r.at(i, j)] = a
		}
	}
	return r, nil
}

// errStimuli says that two matrices are not of the same stimuli.
func errStimuli(a, b RDM) error {
	return fmt.Errorf("one RDM is of %d stimuli and the other of %d; only RDMs of the same stimuli can be compared", a.N, b.N)
}

var errConstant = errors.New("all stimuli are as different as each other: there is no order to compare")
