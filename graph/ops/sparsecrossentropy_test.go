package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowSparse is the definition in the comment of ops.SparseCrossEntropy.
func slowSparse(in []opstest.Value) []float64 {
	per := in[1].Shape[len(in[1].Shape)-1]
	rows := in[0].Rows()
	var sum float64
	for r, x := range rows {
		var norm float64
		for _, v := range x {
			norm += math.Exp(v)
		}
		weight := 1.0
		if len(in) > 3 {
			weight = in[3].F[in[1].I[r*per]]
		}
		for i := r * per; i < (r+1)*per; i++ {
			sum -= weight * in[2].F[i] * math.Log(math.Exp(x[in[1].I[i]])/norm)
		}
	}
	return []float64{sum / float64(len(rows))}
}

func TestSparseCrossEntropy(t *testing.T) {
	r := draw.New(41)
	for _, c := range []struct {
		shape    []int
		classes  int
		k        int
		weighted bool
	}{
		{[]int{1}, 2, 1, false},
		{[]int{7}, 5, 5, false}, // classes come twice
		{[]int{2, 4, 3}, 33, 3, true},
		{[]int{3, 16, 16}, 313, 5, true},
	} {
		shares := opstest.Normal(r, append(c.shape, c.k)...)
		for i, v := range shares.F {
			shares.F[i] = math.Abs(v)
		}
		in := []opstest.Value{opstest.Normal(r, append(c.shape, c.classes)...), opstest.Ints(r, c.classes, append(c.shape, c.k)...), shares}
		if c.weighted {
			weights := opstest.Normal(r, c.classes)
			for i, v := range weights.F {
				weights.F[i] = math.Abs(v)
			}
			weights.F[in[1].I[0]] = 0
			in = append(in, weights)
		}
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New:  func() ops.Kernel { return &ops.SparseCrossEntropy{Weighted: c.weighted} },
			In:   in,
			Slow: slowSparse,
		})
	}
}

// Of logits as large as float32 goes nothing overflows.
func TestSparseCrossEntropyLarge(t *testing.T) {
	k := &ops.SparseCrossEntropy{}
	if _, err := k.Shape(shapes([]int{1, 3}, []int{1, 2}, []int{1, 2})); err != nil {
		t.Fatal(err)
	}
	in := []ops.Arg{{F: []float32{3e38, 3e38, -3e38}}, {I: []int{0, 1}}, {F: []float32{0.5, 0.5}}}
	out, dx := []float32{0}, make([]float32, 3)
	k.Forward(in, out)
	k.Backward(in, out, []float32{1}, [][]float32{dx, nil, nil})
	if math.IsNaN(float64(out[0])) || [3]float32(dx) != [3]float32{} {
		t.Errorf("loss %v, gradient %v", out[0], dx)
	}
}

func TestSparseCrossEntropyRefuses(t *testing.T) {
	for want, s := range map[string][]tensor.Shape{
		"want (..., C), (..., K) and (..., K)": shapes([]int{2, 3}, []int{3, 1}, []int{3, 1}),
		"shares (2, 2); want":                  shapes([]int{2, 3}, []int{2, 1}, []int{2, 2}),
		"class weights are (4), want (3)":      shapes([]int{2, 3}, []int{2, 1}, []int{2, 1}, []int{4}),
	} {
		if _, err := (&ops.SparseCrossEntropy{Weighted: len(s) == 4}).Shape(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	k := &ops.SparseCrossEntropy{}
	if _, err := k.Shape(shapes([]int{2, 3}, []int{2, 2}, []int{2, 2})); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []int{-1, 3} {
		err := k.Check([]ops.Arg{{}, {I: []int{0, 1, 2, bad}}})
		if want := fmt.Sprintf("target 1 of row 1 is class %d; there are 3 classes", bad); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAnnealedMean(t *testing.T) {
	r := draw.New(43)
	for _, c := range []struct {
		shape       []int
		classes, d  int
		temperature float32
	}{{[]int{1}, 3, 1, 1}, {[]int{3, 4, 5}, 313, 2, 0.38}, {[]int{300}, 7, 3, 20}} {
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New: func() ops.Kernel { return &ops.AnnealedMean{Temperature: c.temperature} },
			In:  []opstest.Value{opstest.Normal(r, append(c.shape, c.classes)...), opstest.Normal(r, c.classes, c.d)},
			Slow: func(in []opstest.Value) (y []float64) {
				points := in[1].Rows()
				for _, x := range in[0].Rows() {
					var norm float64
					sum := make([]float64, c.d)
					for i, v := range x {
						e := math.Exp(v / float64(c.temperature))
						norm += e
						for d, p := range points[i] {
							sum[d] += e * p
						}
					}
					for _, s := range sum {
						y = append(y, s/norm)
					}
				}
				return y
			},
		})
	}
	for want, k := range map[string]*ops.AnnealedMean{"want (..., C) and (C, D)": {Temperature: 1}, "the temperature is 0": {}} {
		points := []int{4, 2}
		if k.Temperature == 0 {
			points[0] = 3
		}
		if _, err := k.Shape(shapes([]int{2, 3}, points)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
