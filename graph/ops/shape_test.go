package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func TestAdd(t *testing.T) {
	r := draw.New(41)
	for _, shape := range [][]int{{1}, {3, 5, 7}, {3, 8192}} {
		opstest.Run(t, fmt.Sprint(shape), opstest.Case{
			New: func() ops.Kernel { return &ops.Add{} },
			In:  []opstest.Value{opstest.Normal(r, shape...), opstest.Normal(r, shape...)},
			Slow: func(in []opstest.Value) (y []float64) {
				for i, a := range in[0].F {
					y = append(y, a+in[1].F[i])
				}
				return y
			},
		})
	}
}

func TestReshape(t *testing.T) {
	opstest.Run(t, "2,3 to 3,1,2", opstest.Case{
		New:  func() ops.Kernel { return &ops.Reshape{To: []int{3, 1, 2}} },
		In:   []opstest.Value{opstest.Normal(draw.New(42), 2, 3)},
		Slow: func(in []opstest.Value) []float64 { return in[0].F },
	})
}

func TestDropout(t *testing.T) {
	r := draw.New(43)
	for _, p := range []float32{0, 0.1, 0.5, 0.99} {
		for _, shape := range [][]int{{1}, {3}, {7, 11}, {2, 16387}} {
			key := uint64(77)
			opstest.Run(t, fmt.Sprint(p, shape), opstest.Case{
				New: func() ops.Kernel { return &ops.Dropout{P: p} },
				In:  []opstest.Value{opstest.Normal(r, shape...)},
				Key: key,
				Slow: func(in []opstest.Value) (y []float64) {
					threshold := math.Round(float64(p) * 65536)
					for i, x := range in[0].F {
						if draws := draw.At(key, uint64(i/4)) >> (16 * (i % 4)) & 0xffff; float64(draws) < threshold {
							x = 0
						}
						y = append(y, x/(1-threshold/65536))
					}
					return y
				},
			})
		}
	}
}

// The share of dropped values is P, the mean stays, other keys drop others, and
// neighbours are independent.
func TestDropoutDraws(t *testing.T) {
	const n = 1 << 20
	in := []ops.Arg{{F: make([]float32, n)}}
	for i := range in[0].F {
		in[0].F[i] = 1
	}
	for _, p := range []float64{0.1, 0.5, 0.9} {
		k := &ops.Dropout{P: float32(p)}
		if _, err := k.Shape(shapes([]int{n})); err != nil {
			t.Fatal(err)
		}
		run := func(key uint64) []float32 {
			out := make([]float32, n)
			k.SetKey(key)
			k.Forward(in, out)
			return out
		}
		a, b := run(1), run(2)
		var mean float64
		var dropped, both, next int
		for i := range a {
			mean += float64(a[i]) / n
			if a[i] == 0 {
				dropped++
				if b[i] == 0 {
					both++
				}
				if a[(i+1)%n] == 0 {
					next++
				}
			}
		}
		sigma := math.Sqrt(p * (1 - p) * n)
		pair := math.Sqrt(p * p * (1 - p*p) * n)
		switch {
		case math.Abs(float64(dropped)-p*n) > 5*sigma:
			t.Errorf("p %v: %d of %d dropped", p, dropped, n)
		case math.Abs(mean-1) > 5*sigma/n/(1-p):
			t.Errorf("p %v: the mean became %v", p, mean)
		case math.Abs(float64(both)-p*p*n) > 6*pair:
			t.Errorf("p %v: two keys both drop %d of %d", p, both, n)
		case math.Abs(float64(next)-p*p*n) > 8*pair:
			t.Errorf("p %v: %d of %d are dropped with their neighbour", p, next, n)
		}
	}
}

// Every shape that does not fit is refused with a sentence, never with a panic.
func TestShapeErrors(t *testing.T) {
	for _, c := range []struct {
		k    ops.Kernel
		in   [][]int
		want string
	}{
		{&ops.Linear{}, [][]int{{4, 3}, {5, 2}, {5}}, "x is (4, 3) and the weight (5, 2); want (..., in) and (out, in)"},
		{&ops.Linear{}, [][]int{{4, 3}, {5}, {5}}, "want (..., in) and (out, in)"},
		{&ops.Linear{}, [][]int{{}, {5, 2}, {5}}, "want (..., in) and (out, in)"},
		{&ops.Linear{}, [][]int{{4, 2}, {5, 2}, {2}}, "bias is (2) and the weight (5, 2)"},
		{&ops.Linear{NoBias: true, Act: ops.Activation{Func: 99}}, [][]int{{4, 2}, {5, 2}}, "there is no function 99"},
		{&ops.Activate{Act: ops.Activation{Func: -1}}, [][]int{{4, 2}}, "there is no function -1"},
		{&ops.Softmax{}, [][]int{{}}, "got a scalar"},
		{&ops.L2Normalize{}, [][]int{{}}, "got a scalar"},
		{&ops.LayerNorm{Eps: 1}, [][]int{{4, 3}, {4}, {4}}, "want (..., D), (D) and (D)"},
		{&ops.LayerNorm{Eps: 1}, [][]int{{}, {4}, {4}}, "want (..., D), (D) and (D)"},
		{&ops.LayerNorm{}, [][]int{{4}, {4}, {4}}, "eps is 0, want more than 0"},
		{&ops.LayerNorm{Eps: float32(math.NaN())}, [][]int{{4}, {4}, {4}}, "eps is NaN"},
		{&ops.Dropout{P: 1}, [][]int{{4}}, "p is 1, want 0 to below 1"},
		{&ops.Dropout{P: float32(math.NaN())}, [][]int{{4}}, "p is NaN"},
		{&ops.Add{}, [][]int{{4}, {4, 1}}, "differ"},
		{&ops.WeightedSum{Weights: []float32{1, 1}}, [][]int{{}, {2}}, "input 1 has shape (2), want scalars"},
		{&ops.Reshape{To: []int{7}}, [][]int{{2, 3}}, "(2, 3) cannot become (7)"},
		{&ops.Reshape{}, [][]int{{2, 3}}, "cannot become"},
		{&ops.PointLoss{}, [][]int{{2, 3}, {3, 2}}, "want one shape"},
		{&ops.PointLoss{}, [][]int{{}, {}}, "want one shape"},
		{&ops.PointLoss{Masked: true}, [][]int{{2, 3}, {2, 3}, {3}}, "must begin as the other"},
		{&ops.PointLoss{Masked: true}, [][]int{{2, 3}, {2, 3}, {2, 3, 1}}, "must begin as the other"},
		{&ops.CrossEntropy{}, [][]int{{2, 3}, {3}}, "logits are (2, 3) and targets (3), want (2)"},
		{&ops.CrossEntropy{}, [][]int{{}, {}}, "want (..., C)"},
		{&ops.CrossEntropy{Map: true}, [][]int{{2}, {2}}, "(N, C, ...) for maps"},
		{&ops.CrossEntropy{Soft: true}, [][]int{{2, 3}, {2}}, "want (2, 3)"},
		{&ops.CrossEntropy{Weighted: true}, [][]int{{2, 3}, {2}, {2}}, "class weights are (2), want (3)"},
		{&ops.CrossEntropy{Smoothing: 1}, [][]int{{2, 3}, {2}}, "smoothing is 1, want 0 to below 1"},
	} {
		_, err := c.k.Shape(shapes(c.in...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v: got %v, want %q", c.k.Name(), c.in, err, c.want)
		}
	}
}
