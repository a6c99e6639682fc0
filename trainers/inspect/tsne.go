package inspect

import (
	"fmt"
	"math"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
	"x2vec/trainers/eval"
)

// A TSNE places codes in the plane so that those that are near to each other stay so
// (van der Maaten and Hinton 2008, "Visualizing data using t-SNE", JMLR 9): exactly,
// in time and memory that grow with the square of their number.
type TSNE struct {
	Perplexity float64 // about how many neighbours of a code count
	Rounds     int     // of gradient descent
}

// The course of the descent (Kobak and Berens 2019, doi:10.1038/s41467-019-13056-x):
// from the principal components, the attraction exaggerated at first.
const (
	exaggeration  = 12
	exaggerated   = 0.4  // share of the rounds
	startSpread   = 1e-4 // standard deviation of the first coordinates
	tsneDims      = 50   // principal components that are looked at
	tsneChunk     = 64
	perplexityTry = 50 // bisections for the width of a kernel
)

// Place gives each code a place, (N, 2).
func (o TSNE) Place(f eval.Features) ([]float32, error) {
	n := f.N()
	if !(o.Perplexity >= 1) || float64(n) < 3*o.Perplexity+1 {
		return nil, fmt.Errorf("t-SNE: perplexity is %g, want 1 to a third of the %d codes", o.Perplexity, n)
	}
	scores, dims, err := Principal(f, tsneDims)
	if err != nil {
		return nil, err
	}
	p := o.affinities(scores, n, dims)
	y := make([]float32, 2*n)
	var spread float64
	for i := range n {
		spread += float64(scores[i*dims]) * float64(scores[i*dims])
	}
	scale := float32(startSpread / max(math.Sqrt(spread/float64(n)), 1e-20))
	for i := range n {
		for j := range min(2, dims) {
			y[2*i+j] = scores[i*dims+j] * scale
		}
	}
	o.descend(p, y, n)
	return y, nil
}

// affinities are the joint chances (N, N) of equations 1 and 2: a Gaussian about each
// code whose width gives the perplexity, made symmetric.
func (o TSNE) affinities(x []float32, n, d int) []float32 {
	p := make([]float32, n*n)
	half := make([]float32, n)
	for i := range half {
		half[i] = float32(vec.SumSquares(x[i*d:(i+1)*d]) / 2)
	}
	blas.Gemm(false, true, n, n, d, x, d, x, d, p, n, false)
	entropy := math.Log(o.Perplexity)
	par.For(n, tsneChunk, func(lo, hi int) {
		distance := make([]float64, n)
		for i := lo; i < hi; i++ {
			row, nearest := p[i*n:(i+1)*n], math.Inf(1)
			for j, v := range row {
				distance[j] = max(0, 2*float64(half[i]+half[j]-v))
				if j != i {
					nearest = min(nearest, distance[j])
				}
			}
			kernel(row, distance, i, nearest, entropy)
		}
	})
	for i := range n {
		for j := range i {
			v := max((p[i*n+j]+p[j*n+i])/float32(2*n), 1e-12)
			p[i*n+j], p[j*n+i] = v, v
		}
	}
	return p
}

// kernel writes the chances of one code's neighbours: exp(−β·distance), with β such
// that their entropy is as asked.
func kernel(p []float32, distance []float64, self int, nearest, entropy float64) {
	low, high, beta := 0.0, math.Inf(1), 1/max(nearest, 1e-12)
	for range perplexityTry {
		var sum, dot float64
		for j, v := range distance {
			if j != self {
				e := math.Exp(-beta * (v - nearest))
				sum += e
				dot += e * (v - nearest)
				p[j] = float32(e)
			}
		}
		h := math.Log(sum) + beta*dot/sum
		vec.Scale(p, p, float32(1/sum))
		p[self] = 0
		if math.Abs(h-entropy) < 1e-5 {
			return
		}
		if h > entropy {
			low = beta
			if math.IsInf(high, 1) {
				beta *= 2
			} else {
				beta = (beta + high) / 2
			}
		} else {
			high = beta
			beta = (beta + low) / 2
		}
	}
}

// descend moves y, (N, 2), down the divergence, equation 5, with momentum and gains.
func (o TSNE) descend(p, y []float32, n int) {
	rate := max(float64(n)/exaggeration/4, 50)
	attract, repel := make([]float64, 2*n), make([]float64, 2*n)
	sums := make([]float64, n)
	speed, gain := make([]float64, 2*n), make([]float64, 2*n)
	for i := range gain {
		gain[i] = 1
	}
	forces := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			xi, yi := y[2*i], y[2*i+1]
			var ax, ay, rx, ry, sum float32
			row := p[i*n : (i+1)*n]
			for j, pij := range row {
				dx, dy := xi-y[2*j], yi-y[2*j+1]
				q := 1 / (1 + dx*dx + dy*dy)
				sum += q
				ax += pij * q * dx
				ay += pij * q * dy
				rx += q * q * dx
				ry += q * q * dy
			}
			attract[2*i], attract[2*i+1] = float64(ax), float64(ay)
			repel[2*i], repel[2*i+1] = float64(rx), float64(ry)
			sums[i] = float64(sum) - 1 // without itself
		}
	}
	for round := range o.Rounds {
		exaggerate, momentum := 1.0, 0.8
		if float64(round) < exaggerated*float64(o.Rounds) {
			exaggerate, momentum = exaggeration, 0.5
		}
		par.For(n, tsneChunk, forces)
		var z float64
		for _, s := range sums {
			z += s
		}
		for i := range y {
			g := 4 * (exaggerate*attract[i] - repel[i]/z)
			if (g > 0) == (speed[i] > 0) {
				gain[i] = max(gain[i]*0.8, 0.01)
			} else {
				gain[i] += 0.2
			}
			speed[i] = momentum*speed[i] - rate*gain[i]*g
			y[i] += float32(speed[i])
		}
	}
}
