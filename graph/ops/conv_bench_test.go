package ops_test

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
)

// layer is a convolution of one of the networks that are compared with PyTorch.
type layer struct {
	name       string
	transposed bool
	batch, h   int
	in, out    int
	k, s, p    int
}

var layers = []layer{
	{"ae-conv/0", false, 128, 32, 3, 32, 4, 2, 1},
	{"ae-conv/1", false, 128, 16, 32, 64, 4, 2, 1},
	{"ae-conv/2", false, 128, 8, 64, 128, 4, 2, 1},
	{"ae-conv/t0", true, 128, 4, 128, 64, 4, 2, 1},
	{"ae-conv/t1", true, 128, 8, 64, 32, 4, 2, 1},
	{"ae-conv/t2", true, 128, 16, 32, 3, 4, 2, 1},
	{"vqvae/0", false, 128, 32, 3, 64, 4, 2, 1},
	{"vqvae/1", false, 128, 16, 64, 128, 4, 2, 1},
	{"vqvae/2", false, 128, 8, 128, 128, 3, 1, 1},
	{"vqvae/res3", false, 128, 8, 128, 32, 3, 1, 1},
	{"vqvae/res1", false, 128, 8, 32, 128, 1, 1, 0},
	{"vqvae/t0", true, 128, 8, 128, 64, 4, 2, 1},
	{"vqvae/t1", true, 128, 16, 64, 3, 4, 2, 1},
	{"color/0", false, 64, 32, 1, 64, 3, 1, 1},
	{"color/1", false, 64, 32, 64, 128, 3, 2, 1},
	{"color/2", false, 64, 16, 128, 128, 3, 1, 1},
	{"color/3", false, 64, 16, 128, 256, 3, 2, 1},
	{"color/4", false, 64, 8, 256, 256, 3, 1, 1},
	{"color/t0", true, 64, 8, 256, 128, 4, 2, 1},
	{"color/5", false, 64, 16, 128, 313, 1, 1, 0},
}

// BenchmarkConv reports GFLOPS of the forward pass (f), the gradient by the input
// (x) and that by the weights (w).
func BenchmarkConv(b *testing.B) {
	for _, l := range layers {
		var k ops.Kernel
		w := tensor.Shape{l.out, l.in, l.k, l.k}
		if l.transposed {
			k = &ops.ConvTranspose2D{Window: ops.Square(l.k, l.s, l.p), NoBias: true}
			w[0], w[1] = l.in, l.out
		} else {
			k = &ops.Conv2D{Window: ops.Square(l.k, l.s, l.p), NoBias: true}
		}
		x := tensor.Shape{l.batch, l.h, l.h, l.in}
		y, err := k.Shape([]tensor.Shape{x, w})
		if err != nil {
			b.Fatal(err)
		}
		random := func(s tensor.Shape) []float32 {
			r := draw.New(draw.Key(1, "bench", 0, s.TotalSize()))
			v := make([]float32, s.TotalSize())
			for i := range v {
				v[i] = float32(r.Norm())
			}
			return v
		}
		in := []ops.Arg{{F: random(x), Shape: x}, {F: random(w), Shape: w}}
		out, dout := random(y), random(y)
		dx, dw := random(x), random(w)
		small := y
		if l.transposed {
			small = x
		}
		flops := 2 * float64(small.TotalSize()/small[3]) * float64(w.TotalSize())
		for _, part := range []string{"f", "x", "w"} {
			b.Run(fmt.Sprintf("%s/%s", l.name, part), func(b *testing.B) {
				for range b.N {
					switch part {
					case "f":
						k.Forward(in, out)
					case "x":
						k.Backward(in, out, dout, [][]float32{dx, nil})
					case "w":
						k.Backward(in, out, dout, [][]float32{nil, dw})
					}
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}
