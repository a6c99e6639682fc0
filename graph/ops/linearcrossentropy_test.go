package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func TestLinearCrossEntropy(t *testing.T) {
	r := draw.New(91)
	for _, c := range []struct {
		rows    []int
		d, c    int
		ignored bool
	}{{[]int{1}, 1, 2, false}, {[]int{3, 4}, 5, 17, true}, {[]int{40}, 16, 130, true}, {[]int{70, 2}, 9, 33, false}} {
		targets := opstest.Ints(r, c.c, c.rows...)
		if c.ignored {
			absent(r, targets)
		}
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New: func() ops.Kernel { return &ops.LinearCrossEntropy{} },
			In:  []opstest.Value{opstest.Normal(r, append(c.rows, c.d)...), opstest.Normal(r, c.c, c.d), opstest.Normal(r, c.c), targets},
			Slow: func(in []opstest.Value) []float64 {
				var sum, n float64
				for i, x := range in[0].Rows() {
					target := in[3].I[i]
					if target < 0 {
						continue
					}
					logits := append([]float64{}, in[2].F...)
					for j, w := range in[1].Rows() {
						for k := range w {
							logits[j] += w[k] * x[k]
						}
					}
					_, norm := slowSoftmax(logits)
					sum += norm - logits[target]
					n++
				}
				return []float64{sum / n}
			},
			Tol: 3e-5,
		})
	}
}

// Rows that do not count have no gradient, and an accuracy of nothing is 0.
func TestLinearCrossEntropyCounts(t *testing.T) {
	k := &ops.LinearCrossEntropy{}
	if _, err := k.Shape(shapes([]int{3, 2}, []int{4, 2}, []int{4}, []int{3})); err != nil {
		t.Fatal(err)
	}
	k.Save()
	in := []ops.Arg{
		{F: []float32{1, 0, 0, 1, 1, 1}},
		{F: []float32{2, 0, 0, 2, -1, -1, 0, 0}}, // class 0 wins the first row, 1 the second, and 0 ties with 1 in the third
		{F: make([]float32, 4)},
		{I: []int{0, 0, -1}},
	}
	a := &ops.Hits{Of: k}
	run := func() (loss, accuracy float32, grads [][]float32) {
		y, share := make([]float32, 1), make([]float32, 1)
		k.Forward(in, y)
		a.Forward(nil, share)
		grads = [][]float32{make([]float32, 6), make([]float32, 8), make([]float32, 4), nil}
		k.Backward(in, y, []float32{1}, grads)
		return y[0], share[0], grads
	}
	_, share, grads := run()
	if share != 0.5 {
		t.Errorf("accuracy %g of one right and one wrong", share)
	}
	if g := grads[0]; g[4] != 0 || g[5] != 0 || g[0] == 0 {
		t.Errorf("gradient of the rows is %v, want none for the last", g)
	}
	in[3].I = []int{-1, -1, -1}
	loss, share, grads := run()
	if loss != 0 || share != 0 {
		t.Errorf("of no rows: loss %g, accuracy %g", loss, share)
	}
	for i, g := range grads {
		for _, v := range g {
			if v != 0 {
				t.Errorf("of no rows: gradient %d is %v", i, g)
			}
		}
	}
	in[3].I = []int{0, 4, 0}
	if err := k.Check(in); err == nil || !strings.Contains(err.Error(), "target 1 is class 4; there are 4 classes") {
		t.Errorf("got %v", err)
	}
	if _, err := (&ops.LinearCrossEntropy{}).Shape(shapes([]int{3, 2}, []int{4, 2}, []int{4}, []int{4})); err == nil || !strings.Contains(err.Error(), "want (..., D), (C, D), (C) and (...)") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkLinearCrossEntropy(b *testing.B) {
	r := draw.New(92)
	const rows, d, c = 608, 256, 8192
	step, _ := opstest.Step(b, &ops.LinearCrossEntropy{}, []opstest.Value{
		opstest.Normal(r, rows, d), opstest.Normal(r, c, d), opstest.Normal(r, c), opstest.Ints(r, c, rows)})
	for b.Loop() {
		step()
	}
	b.ReportMetric(6*rows*d*c*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
}
