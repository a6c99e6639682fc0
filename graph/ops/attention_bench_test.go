package ops_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
)

// BenchmarkAttention reports GFLOPS forward (f) and backward (b), counting two
// products forward and four backward. The first two shapes are the encoder's and
// the decoder's of a masked autoencoder on 8x8 patches.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []struct{ b, t, heads, d int }{
		{128, 17, 3, 64}, {128, 65, 3, 32}, {32, 128, 4, 64}, {4, 512, 4, 64}, {1, 2048, 4, 64},
	} {
		for _, causal := range []bool{false, true} {
			k := &ops.Attention{Heads: c.heads, Causal: causal}
			h := c.heads * c.d
			if _, err := k.Shape([]tensor.Shape{{c.b, c.t, 3 * h}}); err != nil {
				b.Fatal(err)
			}
			k.Save()
			x := opsArg(c.b, c.t, 3*h)
			y, dy := make([]float32, c.b*c.t*h), opsArg(c.b, c.t, h).F
			dx := [][]float32{make([]float32, len(x.F))}
			in := []ops.Arg{x}
			k.Forward(in, y)
			flops := 4 * float64(c.b*c.heads*c.t*c.t*c.d)
			name := fmt.Sprintf("%dx%dx%dx%d,causal=%v", c.b, c.t, c.heads, c.d, causal)
			b.Run(name+"/f", func(b *testing.B) { fastest(b, flops, func() { k.Forward(in, y) }) })
			b.Run(name+"/b", func(b *testing.B) { fastest(b, 2*flops, func() { k.Backward(in, y, dy, dx) }) })
		}
	}
}

// fastest reports GFLOPS of the fastest run: the mean would tell what else the
// machine was doing.
func fastest(b *testing.B, flops float64, f func()) {
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(flops/best.Seconds()/1e9, "GFLOPS")
	b.ReportMetric(float64(best.Microseconds()), "min-µs")
}

// opsArg is an input of normally distributed values.
func opsArg(shape ...int) ops.Arg {
	a := ops.Arg{Shape: shape, F: make([]float32, tensor.Shape(shape).TotalSize())}
	r := draw.New(7)
	for i := range a.F {
		a.F[i] = float32(r.Norm())
	}
	return a
}
