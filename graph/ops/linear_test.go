package ops_test

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowFunc is each function as its paper writes it.
func slowFunc(a ops.Activation, x float64) float64 {
	slope := float64(a.Slope)
	switch a.Func {
	case ops.Identity:
		return x
	case ops.ReLU:
		return max(x, 0)
	case ops.LeakyReLU:
		if x > 0 {
			return x
		}
		return slope * x
	case ops.ELU:
		if x > 0 {
			return x
		}
		return slope * math.Expm1(x)
	case ops.GELU:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case ops.GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case ops.SiLU:
		return x / (1 + math.Exp(-x))
	case ops.Softplus:
		return math.Log1p(math.Exp(x))
	case ops.Tanh:
		return math.Tanh(x)
	case ops.Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	panic("no such function")
}

// activations are all functions, with parameters that differ from any default.
func activations() []ops.Activation {
	var all []ops.Activation
	for _, f := range ops.Funcs() {
		all = append(all, ops.Activation{Func: f, Slope: 0.3})
	}
	return append(all,
		ops.Activation{Func: ops.LeakyReLU, Slope: -0.5}, // then the output does not tell the sign of the input
		ops.Activation{Func: ops.LeakyReLU, Slope: 0})
}

func slowLinear(a ops.Activation, in []opstest.Value) []float64 {
	var y []float64
	for _, x := range in[0].Rows() {
		for j, w := range in[1].Rows() {
			var z float64
			for i := range x {
				z += x[i] * w[i]
			}
			if len(in) > 2 {
				z += in[2].F[j]
			}
			y = append(y, slowFunc(a, z))
		}
	}
	return y
}

func TestLinear(t *testing.T) {
	r := draw.New(11)
	type size struct{ rows, in, out int }
	sizes := []size{{1, 1, 1}, {5, 7, 3}, {33, 17, 65}}
	for range 3 {
		sizes = append(sizes, size{1 + r.IntN(40), 1 + r.IntN(40), 1 + r.IntN(40)})
	}
	for i, a := range activations() {
		for j, z := range sizes {
			if i > 2 && j > 2 {
				continue // the sizes have been seen with three functions
			}
			for _, noBias := range []bool{false, true} {
				in := []opstest.Value{
					opstest.Normal(r, z.rows, z.in), opstest.Normal(r, z.out, z.in), opstest.Normal(r, z.out)}
				if noBias {
					in = in[:2]
				}
				opstest.Run(t, fmt.Sprintf("%s %v/%v no bias %t", a.Func, a.Slope, z, noBias), opstest.Case{
					New:  func() ops.Kernel { return &ops.Linear{Act: a, NoBias: noBias} },
					In:   in,
					Slow: func(in []opstest.Value) []float64 { return slowLinear(a, in) },
				})
			}
		}
	}
	// Several chunks of rows, and leading axes.
	for _, a := range []ops.Activation{{}, {Func: ops.ReLU}, {Func: ops.GELU}} {
		opstest.Run(t, a.Func.String()+" large", opstest.Case{
			New:  func() ops.Kernel { return &ops.Linear{Act: a} },
			In:   []opstest.Value{opstest.Normal(r, 3, 131, 20), opstest.Normal(r, 150, 20), opstest.Normal(r, 150)},
			Slow: func(in []opstest.Value) []float64 { return slowLinear(a, in) },
			Tol:  2e-5,
		})
	}
}

func TestActivate(t *testing.T) {
	r := draw.New(12)
	for _, a := range activations() {
		for _, shape := range [][]int{{1}, {3, 5, 7}, {2, 8211}} {
			opstest.Run(t, fmt.Sprintf("%s %v/%v", a.Func, a.Slope, shape), opstest.Case{
				New: func() ops.Kernel { return &ops.Activate{Act: a} },
				In:  []opstest.Value{opstest.Normal(r, shape...)},
				Slow: func(in []opstest.Value) []float64 {
					y := make([]float64, len(in[0].F))
					for i, x := range in[0].F {
						y[i] = slowFunc(a, x)
					}
					return y
				},
			})
		}
	}
}
