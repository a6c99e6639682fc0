package ops_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func slowMeanRows(in []opstest.Value) []float64 {
	table, t := in[0].Rows(), in[1].Shape[1]
	var out []float64
	for ids := range slices.Chunk(in[1].I, t) {
		mean, n := make([]float64, in[0].Shape[1]), 0.0
		for _, id := range ids {
			if id >= 0 {
				n++
				for j, v := range table[id] {
					mean[j] += v
				}
			}
		}
		for j := range mean {
			mean[j] /= max(n, 1)
		}
		out = append(out, mean...)
	}
	return out
}

func TestMeanRows(t *testing.T) {
	for i, c := range []struct{ v, e, b, t int }{{5, 3, 4, 1}, {7, 17, 6, 5}, {100, 33, 50, 20}} {
		r := draw.New(uint64(i))
		in := []opstest.Value{opstest.Normal(r, c.v, c.e), opstest.Ints(r, c.v+2, c.b, c.t)}
		for j := range in[1].I {
			if in[1].I[j] -= 2; in[1].I[j] < 0 || j < c.t { // none of the first run
				in[1].I[j] = -1
			}
		}
		opstest.Run(t, fmt.Sprintf("case %d", i), opstest.Case{New: func() ops.Kernel { return &ops.MeanRows{} }, In: in, Slow: slowMeanRows})
	}
}

// A mean of words that are made of several rows is that of their vectors.
func TestMeanRowsBags(t *testing.T) {
	r, b := draw.New(5), bags(12, 20)
	in := []opstest.Value{opstest.Normal(r, rowsOf(b), 7), opstest.Ints(r, 12, 6, 5)}
	in[1].I[3], in[1].I[11] = -1, -1
	slow := func(in []opstest.Value) []float64 {
		var x []float64
		for _, row := range bagged(b, in[0].Rows()) {
			x = append(x, row...)
		}
		return slowMeanRows([]opstest.Value{{Shape: []int{12, 7}, F: x}, in[1]})
	}
	opstest.Run(t, "bags", opstest.Case{New: func() ops.Kernel { return &ops.MeanRows{Bags: b} }, In: in, Slow: slow})
}

// Every index that counts gets its share of the gradient of its run.
func TestMeanRowsGradient(t *testing.T) {
	k := &ops.MeanRows{}
	ids := []int{3, -1, 1, -1, -1, -1, 2, 2, 0}
	if _, err := k.Shape([]tensor.Shape{{4, 2}, {3, 3}}); err != nil {
		t.Fatal(err)
	}
	in := []ops.Arg{{F: []float32{1, 2, 3, 4, 5, 6, 7, 8}}, {I: ids}}
	out, din := make([]float32, 6), [][]float32{make([]float32, 18), nil}
	k.Forward(in, out)
	k.Backward(in, out, []float32{1, 2, 3, 4, 6, 9}, din)
	if want := []int{3, 1, 2, 2, 0}; !slices.Equal(k.RowsOf(0), want) {
		t.Fatalf("rows %v, want %v", k.RowsOf(0), want)
	}
	for i, want := range []float32{.5, 1, .5, 1, 2, 3, 2, 3, 2, 3} {
		if got := din[0][i]; math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("gradient %d is %v, want %v", i, got, want)
		}
	}
	if err := k.Check([]ops.Arg{{}, {I: []int{0, 4}}}); err == nil || err.Error() != "index 1 is 4, and the table has rows 0 to 3" {
		t.Errorf("an index beyond the table: %v", err)
	}
}
