package ops_test

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// rowShapes have tails of every vector width, a row of one value, and enough rows
// for several chunks.
var rowShapes = [][]int{{1, 1}, {3, 2}, {2, 3, 17}, {7, 64}, {4, 133}, {700, 50}}

func slowSoftmax(x []float64) (p []float64, norm float64) {
	for _, v := range x {
		norm += math.Exp(v)
	}
	for _, v := range x {
		p = append(p, math.Exp(v)/norm)
	}
	return p, math.Log(norm)
}

func TestSoftmax(t *testing.T) {
	r := draw.New(21)
	for _, shape := range rowShapes {
		in := []opstest.Value{opstest.Normal(r, shape...)}
		opstest.Run(t, fmt.Sprint("softmax ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.Softmax{} },
			In:  in,
			Slow: func(in []opstest.Value) (y []float64) {
				for _, x := range in[0].Rows() {
					p, _ := slowSoftmax(x)
					y = append(y, p...)
				}
				return y
			},
		})
		opstest.Run(t, fmt.Sprint("log-softmax ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.Softmax{Log: true} },
			In:  in,
			Slow: func(in []opstest.Value) (y []float64) {
				for _, x := range in[0].Rows() {
					_, norm := slowSoftmax(x)
					for _, v := range x {
						y = append(y, v-norm)
					}
				}
				return y
			},
		})
	}
}

func TestL2Normalize(t *testing.T) {
	r := draw.New(22)
	slow := func(in []opstest.Value) (y []float64) {
		for _, x := range in[0].Rows() {
			var s float64
			for _, v := range x {
				s += v * v
			}
			for _, v := range x {
				y = append(y, v/max(math.Sqrt(s), 1e-12))
			}
		}
		return y
	}
	for _, shape := range rowShapes {
		opstest.Run(t, fmt.Sprint(shape), opstest.Case{
			New:  func() ops.Kernel { return &ops.L2Normalize{} },
			In:   []opstest.Value{opstest.Normal(r, shape...)},
			Slow: slow,
		})
	}
}

// A row of zeros has no direction: it stays, and its gradient is dy/1e-12.
func TestL2NormalizeZero(t *testing.T) {
	k := &ops.L2Normalize{}
	if _, err := k.Shape(shapes([]int{1, 3})); err != nil {
		t.Fatal(err)
	}
	in := []ops.Arg{{F: make([]float32, 3)}}
	out, dx := make([]float32, 3), make([]float32, 3)
	k.Forward(in, out)
	k.Backward(in, out, []float32{1, -2, 0}, [][]float32{dx})
	for i, want := range []float32{1e12, -2e12, 0} {
		if out[i] != 0 || math.Abs(float64(dx[i]-want)) > 1e6 {
			t.Errorf("value %d: output %v, gradient %v, want 0 and %v", i, out[i], dx[i], want)
		}
	}
}

func TestLayerNorm(t *testing.T) {
	r := draw.New(23)
	for i, shape := range rowShapes[1:] {
		d := shape[len(shape)-1]
		eps := []float32{1e-5, 1e-2}[i%2]
		opstest.Run(t, fmt.Sprint(shape), opstest.Case{
			New: func() ops.Kernel { return &ops.LayerNorm{Eps: eps} },
			In:  []opstest.Value{opstest.Normal(r, shape...), opstest.Normal(r, d), opstest.Normal(r, d)},
			Slow: func(in []opstest.Value) (y []float64) {
				for _, x := range in[0].Rows() {
					var mean, variance float64
					for _, v := range x {
						mean += v / float64(d)
					}
					for _, v := range x {
						variance += (v - mean) * (v - mean) / float64(d)
					}
					for j, v := range x {
						y = append(y, in[1].F[j]*(v-mean)/math.Sqrt(variance+float64(eps))+in[2].F[j])
					}
				}
				return y
			},
			Tol: 3e-5,
		})
	}
}
