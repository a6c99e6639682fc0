package ops_test

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func slowAccuracy(in []opstest.Value) []float64 {
	right, known := 0.0, 0.0
	for i, row := range in[0].Rows() {
		t := in[1].I[i]
		if t < 0 {
			continue
		}
		known++
		best := 0
		for j := range row {
			if row[j] > row[best] {
				best = j
			}
		}
		if best == t {
			right++
		}
	}
	if known == 0 {
		return []float64{0}
	}
	return []float64{right / known}
}

func TestAccuracy(t *testing.T) {
	for i, c := range []struct {
		shape   []int
		unknown bool
	}{{[]int{7, 3}, false}, {[]int{500, 10}, false}, {[]int{4, 30, 17}, false}, {[]int{5, 2}, true}} {
		r := draw.New(uint64(i))
		x := opstest.Normal(r, c.shape...)
		for j, v := range x.F {
			x.F[j] = math.Round(v) // the first of equal values counts
		}
		target := opstest.Ints(r, c.shape[len(c.shape)-1]+1, c.shape[:len(c.shape)-1]...)
		for j := range target.I {
			if target.I[j]--; c.unknown {
				target.I[j] = -1
			}
		}
		opstest.Run(t, fmt.Sprintf("case %d", i), opstest.Case{New: func() ops.Kernel { return &ops.Accuracy{} },
			In: []opstest.Value{x, target}, Slow: slowAccuracy})
	}
}
