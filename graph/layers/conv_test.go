package layers

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// convWeights are the case's names of layer "l".
func convWeights(c *golden.Case) (map[string]string, []Option) {
	if !c.Has("w.bias") {
		return map[string]string{"l/weight": "w.weight"}, []Option{NoBias()}
	}
	return map[string]string{"l/weight": "w.weight", "l/bias": "w.bias"}, nil
}

func TestGoldenConv2D(t *testing.T) {
	golden.Each(t, "conv2d", func(t *testing.T, c *golden.Case) {
		var h struct {
			In, Out, Kernel, Stride, Padding int
			Bias                             bool
		}
		c.Settings(&h)
		weights, opts := convWeights(c)
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node {
			return Conv2D(s, "l", Images(s, x), h.Out, ops.Square(h.Kernel, h.Stride, h.Padding), opts...).Images(s)
		}, weights)
	})
}

func TestGoldenConvTranspose2D(t *testing.T) {
	golden.Each(t, "conv_transpose2d", func(t *testing.T, c *golden.Case) {
		var h struct {
			In, Out, Kernel, Stride, Padding int
			OutputPadding                    int `json:"output_padding"`
		}
		c.Settings(&h)
		weights, opts := convWeights(c)
		opts = append(opts, OutPad(h.OutputPadding, h.OutputPadding))
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node {
			return ConvTranspose2D(s, "l", Images(s, x), h.Out, ops.Square(h.Kernel, h.Stride, h.Padding), opts...).Images(s)
		}, weights)
	})
}

func TestGoldenPool(t *testing.T) {
	golden.Each(t, "pool", func(t *testing.T, c *golden.Case) {
		var h struct {
			Pool                    string
			Kernel, Stride, Padding int
			CountIncludePad         *bool `json:"count_include_pad"`
		}
		c.Settings(&h)
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node {
			m, w := Images(s, x), ops.Square(h.Kernel, h.Stride, h.Padding)
			switch h.Pool {
			case "max":
				return MaxPool(s, m, w).Images(s)
			case "avg":
				if h.CountIncludePad != nil && !*h.CountIncludePad {
					return Map{s.Apply(&ops.AvgPool2D{Window: w, OnlyReal: true}, m.N)}.Images(s)
				}
				return AvgPool(s, m, w).Images(s)
			}
			return GlobalAvgPool(s, m)
		}, nil)
	})
}

func TestGoldenUpsample(t *testing.T) {
	golden.Each(t, "upsample", func(t *testing.T, c *golden.Case) {
		var h struct {
			Mode         string
			Scale        int
			AlignCorners bool `json:"align_corners"`
		}
		c.Settings(&h)
		if h.AlignCorners {
			t.Skip("corners are never aligned here")
		}
		check(t, c, func(s *graph.Scope, x *G.Node) *G.Node {
			if h.Mode == "bilinear" {
				return UpsampleBilinear(s, Images(s, x), h.Scale).Images(s)
			}
			return Upsample(s, Images(s, x), h.Scale).Images(s)
		}, nil)
	})
}

func TestGoldenBatchNorm(t *testing.T) {
	golden.Each(t, "batchnorm", func(t *testing.T, c *golden.Case) {
		var h struct {
			Channels      int
			Eps, Momentum float64
			Train         bool
		}
		c.Settings(&h)
		if h.Eps != BatchNormEps || h.Momentum != BatchNormMomentum {
			t.Skipf("eps %v and momentum %v are no settings of the layer", h.Eps, h.Momentum)
		}
		ps := graph.NewParams(0)
		if !h.Train { // what is frozen goes by the running statistics in training, too
			p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
				return s.Apply(opstest.Dot{}, BatchNorm(s, "l", s.Input("x", 1, h.Channels)), s.Input("gy", 1, h.Channels))
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			ps.Get("l/running_mean").Frozen, ps.Get("l/running_var").Frozen = true, true
		}
		var mean, variance []float32
		checkOn(t, ps, c, func(s *graph.Scope, x *G.Node) *G.Node {
			pictures := x.Dims() == 4
			if pictures {
				x = Images(s, x).N
			}
			y := BatchNorm(s, "l", x)
			mean, variance = s.In("l").BufferData("running_mean"), s.In("l").BufferData("running_var")
			copy(mean, c.Floats("s.running_mean"))
			copy(variance, c.Floats("s.running_var"))
			if pictures {
				y = Map{y}.Images(s)
			}
			return y
		}, map[string]string{"l/weight": "w.weight", "l/bias": "w.bias"})
		if h.Train {
			c.Check("after.s.running_mean", mean)
			c.Check("after.s.running_var", variance)
		} else if !slices.Equal(mean, c.Floats("s.running_mean")) || !slices.Equal(variance, c.Floats("s.running_var")) {
			t.Error("fixed statistics have changed")
		}
	})
}
