package layers

import (
	"math"

	"x2vec/data/draw"
	"x2vec/graph"
)

// Fans returns how many values a unit of a weight reads and how many units read
// one value. The shape is (out, in), or (out, in, kernel...).
func Fans(shape []int) (in, out int) {
	if len(shape) < 2 {
		return 1, 1
	}
	kernel := 1
	for _, d := range shape[2:] {
		kernel *= d
	}
	return shape[1] * kernel, shape[0] * kernel
}

// Uniform draws from U(−bound, bound).
func Uniform(bound float64) graph.Init {
	return func(r *draw.Rand, _ []int, w []float32) {
		for i := range w {
			w[i] = float32((2*r.Float64() - 1) * bound)
		}
	}
}

// Normal draws from N(0, std²).
func Normal(std float64) graph.Init {
	return func(r *draw.Rand, _ []int, w []float32) {
		for i := range w {
			w[i] = float32(r.Norm() * std)
		}
	}
}

// LeCun draws from U(−1/√in, 1/√in), PyTorch's default for weights and biases
// of linear and convolution layers; its variance is a third of that in LeCun et
// al. 1998, "Efficient BackProp", eq. 16.
func LeCun() graph.Init {
	return func(r *draw.Rand, shape []int, w []float32) {
		in, _ := Fans(shape)
		Uniform(1/math.Sqrt(float64(in)))(r, shape, w)
	}
}

// Xavier draws from U(−√(6/(in+out)), √(6/(in+out))) (Glorot and Bengio 2010,
// "Understanding the difficulty of training deep feedforward neural networks",
// eq. 16).
func Xavier() graph.Init {
	return func(r *draw.Rand, shape []int, w []float32) {
		in, out := Fans(shape)
		Uniform(math.Sqrt(6/float64(in+out)))(r, shape, w)
	}
}
