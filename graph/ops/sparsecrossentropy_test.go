package ops_test

import (
	"fmt"
	"math"
	"slices"
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

// sparseTargets are classes, shares above 0 and, if weighted, weights of classes with
// a zero among them.
func sparseTargets(r *draw.Rand, rows []int, classes, k int, weighted bool) []opstest.Value {
	shares := opstest.Normal(r, append(slices.Clone(rows), k)...)
	for i, v := range shares.F {
		shares.F[i] = math.Abs(v)
	}
	in := []opstest.Value{opstest.Ints(r, classes, append(slices.Clone(rows), k)...), shares}
	if weighted {
		weights := opstest.Normal(r, classes)
		for i, v := range weights.F {
			weights.F[i] = math.Abs(v)
		}
		weights.F[in[0].I[0]] = 0
		in = append(in, weights)
	}
	return in
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
		targets := sparseTargets(r, c.shape, c.classes, c.k, c.weighted)
		in := append([]opstest.Value{opstest.Normal(r, append(slices.Clone(c.shape), c.classes)...)}, targets...)
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New:  func() ops.Kernel { return &ops.SparseCrossEntropy{Weighted: c.weighted} },
			In:   in,
			Slow: slowSparse,
		})
	}
}

func TestSparseLinearCrossEntropy(t *testing.T) {
	r := draw.New(42)
	for _, c := range []struct {
		shape         []int
		d, classes, k int
		weighted      bool
	}{
		{[]int{1}, 1, 2, 1, false},
		{[]int{7}, 3, 5, 5, false},
		{[]int{2, 4, 3}, 8, 33, 3, true},
		{[]int{2, 8, 8}, 16, 313, 5, true},
	} {
		targets := sparseTargets(r, c.shape, c.classes, c.k, c.weighted)
		x, w, b := opstest.Normal(r, append(slices.Clone(c.shape), c.d)...), opstest.Normal(r, c.classes, c.d), opstest.Normal(r, c.classes)
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New: func() ops.Kernel { return &ops.SparseLinearCrossEntropy{Weighted: c.weighted} },
			In:  append([]opstest.Value{x, w, b}, targets...),
			Slow: func(in []opstest.Value) []float64 {
				logits := opstest.Value{Shape: append(slices.Clone(c.shape), c.classes), F: slowLinear(ops.Activation{}, in[:3])}
				return slowSparse(append([]opstest.Value{logits}, in[3:]...))
			},
			Tol: 3e-5,
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
	for want, s := range map[string][]tensor.Shape{
		"want (..., D), (C, D), (C), (..., K) and (..., K)": shapes([]int{2, 3}, []int{4, 2}, []int{4}, []int{2, 1}, []int{2, 1}),
		"classes (3, 1) and shares (3, 1); want":            shapes([]int{2, 3}, []int{4, 3}, []int{4}, []int{3, 1}, []int{3, 1}),
		"class weights are (3), want (4)":                   shapes([]int{2, 3}, []int{4, 3}, []int{4}, []int{2, 1}, []int{2, 1}, []int{3}),
	} {
		if _, err := (&ops.SparseLinearCrossEntropy{Weighted: len(s) == 6}).Shape(s); err == nil || !strings.Contains(err.Error(), want) {
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
