package ops_test

import (
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
)

// BenchmarkCenterCode is the code of 64 pictures by 1,600 clusters of their patches.
func BenchmarkCenterCode(b *testing.B) {
	const batch, p, k, d = 64, 27 * 27, 1600, 108
	o := &ops.CenterCode{Form: ops.Triangle, Cols: 27, Pool: 2}
	in := []tensor.Shape{{batch, p, d}, {k, d}}
	out, err := o.Shape(in)
	if err != nil {
		b.Fatal(err)
	}
	r := draw.New(1)
	var args []ops.Arg
	for _, s := range in {
		x := make([]float32, s.TotalSize())
		for i := range x {
			x[i] = float32(r.Norm())
		}
		args = append(args, ops.Arg{F: x, Shape: s})
	}
	y := make([]float32, out.TotalSize())
	for b.Loop() {
		o.Forward(args, y)
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
	b.ReportMetric(2*batch*p*k*d*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
}
