package ops_test

import (
	"fmt"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowConv is the definition of a convolution on pictures (B, H, W, C), one
// product at a time; bias may be nil.
func slowConv(w ops.Window, groups int, x, k opstest.Value, bias []float64) (y opstest.Value) {
	b, h, wd, c := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	o, cg, kh, kw := k.Shape[0], k.Shape[1], k.Shape[2], k.Shape[3]
	oh := (h+2*w.Pad[0]-w.Dilation[0]*(kh-1)-1)/w.Stride[0] + 1
	ow := (wd+2*w.Pad[1]-w.Dilation[1]*(kw-1)-1)/w.Stride[1] + 1
	y = opstest.Value{Shape: []int{b, oh, ow, o}}
	for n := range b {
		for i := range oh {
			for j := range ow {
				for f := range o {
					s := 0.0
					if bias != nil {
						s = bias[f]
					}
					for a := range kh {
						for e := range kw {
							yy, xx := i*w.Stride[0]-w.Pad[0]+a*w.Dilation[0], j*w.Stride[1]-w.Pad[1]+e*w.Dilation[1]
							if yy < 0 || yy >= h || xx < 0 || xx >= wd {
								continue
							}
							for q := range cg {
								s += x.F[((n*h+yy)*wd+xx)*c+f/(o/groups)*cg+q] * k.F[((f*cg+q)*kh+a)*kw+e]
							}
						}
					}
					y.F = append(y.F, s)
				}
			}
		}
	}
	return y
}

// slowTransposed scatters every pixel of x over its window of y.
func slowTransposed(w ops.Window, out [2]int, groups int, x, k opstest.Value, bias []float64) (y opstest.Value) {
	b, h, wd, c := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	og, kh, kw := k.Shape[1], k.Shape[2], k.Shape[3]
	oh := (h-1)*w.Stride[0] - 2*w.Pad[0] + w.Dilation[0]*(kh-1) + out[0] + 1
	ow := (wd-1)*w.Stride[1] - 2*w.Pad[1] + w.Dilation[1]*(kw-1) + out[1] + 1
	o := og * groups
	y = opstest.Value{Shape: []int{b, oh, ow, o}, F: make([]float64, b*oh*ow*o)}
	for i := range y.F {
		if bias != nil {
			y.F[i] = bias[i%o]
		}
	}
	for n := range b {
		for i := range h {
			for j := range wd {
				for q := range c {
					for a := range kh {
						for e := range kw {
							yy, xx := i*w.Stride[0]-w.Pad[0]+a*w.Dilation[0], j*w.Stride[1]-w.Pad[1]+e*w.Dilation[1]
							if yy < 0 || yy >= oh || xx < 0 || xx >= ow {
								continue
							}
							for f := range og {
								y.F[((n*oh+yy)*ow+xx)*o+q/(c/groups)*og+f] += x.F[((n*h+i)*wd+j)*c+q] * k.F[((q*og+f)*kh+a)*kw+e]
							}
						}
					}
				}
			}
		}
	}
	return y
}

func window(kh, kw, sh, sw, ph, pw, dh, dw int) ops.Window {
	return ops.Window{Kernel: [2]int{kh, kw}, Stride: [2]int{sh, sw}, Pad: [2]int{ph, pw}, Dilation: [2]int{dh, dw}}
}

func square(k, s, p int) ops.Window { return window(k, k, s, s, p, p, 1, 1) }

type convCase struct {
	w            ops.Window
	batch, h, wd int
	in, out      int
	groups       int
	act          ops.Func
	noBias       bool
}

// convCases are sizes that meet every special case: batches that are no multiple
// of four, and smaller; channels that are no multiple of a vector, one panel of
// weights and several, windows with and without gaps, pixels that no tap reaches,
// few channels on the large side, groups down to one channel.
var convCases = []convCase{
	{square(4, 2, 1), 3, 8, 8, 3, 32, 1, ops.ReLU, false},
	{square(4, 2, 1), 2, 8, 8, 32, 48, 1, ops.ReLU, false},
	{square(3, 1, 1), 2, 5, 7, 5, 6, 1, ops.Identity, false},
	{square(3, 1, 1), 1, 4, 4, 17, 33, 1, ops.Tanh, true},
	{square(3, 2, 1), 2, 7, 6, 2, 70, 1, ops.GELU, false},
	{square(3, 2, 0), 2, 8, 6, 3, 4, 1, ops.Identity, false},
	{square(3, 3, 2), 2, 7, 7, 2, 3, 1, ops.Identity, false},
	{square(1, 1, 0), 2, 3, 3, 16, 20, 1, ops.ReLU, false},
	{square(1, 2, 0), 2, 5, 5, 3, 4, 1, ops.Identity, false},
	{square(2, 3, 0), 2, 8, 8, 3, 4, 1, ops.Identity, false},
	{square(5, 1, 2), 1, 6, 6, 2, 3, 1, ops.Identity, true},
	{square(3, 1, 1), 2, 5, 5, 8, 12, 4, ops.ReLU, false},
	{square(3, 1, 1), 2, 5, 5, 6, 6, 6, ops.Identity, false},
	{window(3, 2, 2, 1, 1, 0, 2, 3), 2, 9, 8, 3, 5, 1, ops.Identity, false},
	{window(2, 3, 2, 3, 0, 2, 3, 2), 2, 9, 10, 4, 6, 2, ops.SiLU, false},
	{window(1, 4, 1, 2, 0, 1, 1, 1), 17, 1, 9, 2, 4, 1, ops.Identity, false},
	{square(4, 1, 0), 2, 4, 4, 3, 5, 1, ops.Identity, false},
}

// randomCases are sizes drawn by a fixed seed.
func randomCases(stream string) []convCase {
	var all []convCase
	for i := range 25 {
		r := draw.New(draw.Key(1, stream, 0, i))
		groups := 1
		if r.IntN(4) == 0 {
			groups = 1 + r.IntN(3)
		}
		w := window(1+r.IntN(4), 1+r.IntN(4), 1+r.IntN(3), 1+r.IntN(3), r.IntN(3), r.IntN(3), 1+r.IntN(2), 1+r.IntN(2))
		all = append(all, convCase{w, 1 + r.IntN(9), 7 + r.IntN(5), 7 + r.IntN(5), groups * (1 + r.IntN(9)), groups * (1 + r.IntN(20)), groups, ops.Func(r.IntN(3)), r.IntN(3) == 0})
	}
	return all
}

func TestConv2D(t *testing.T) {
	for i, c := range append(convCases, randomCases("conv/random")...) {
		r := draw.New(draw.Key(1, "conv", 0, i))
		in := []opstest.Value{
			opstest.Normal(r, c.batch, c.h, c.wd, c.in),
			opstest.Normal(r, c.out, c.in/c.groups, c.w.Kernel[0], c.w.Kernel[1]),
		}
		if !c.noBias {
			in = append(in, opstest.Normal(r, c.out))
		}
		opstest.Run(t, fmt.Sprintf("%d %v in %d out %d groups %d", i, c.w, c.in, c.out, c.groups), opstest.Case{
			New: func() ops.Kernel {
				return &ops.Conv2D{Window: c.w, Groups: c.groups, NoBias: c.noBias, Act: ops.Activation{Func: c.act}}
			},
			In: in,
			Slow: func(in []opstest.Value) []float64 {
				var bias []float64
				if !c.noBias {
					bias = in[2].F
				}
				y := slowConv(c.w, c.groups, in[0], in[1], bias).F
				for i := range y {
					y[i] = slowFunc(ops.Activation{Func: c.act}, y[i])
				}
				return y
			},
		})
	}
}

func TestConvTranspose2D(t *testing.T) {
	// One of 1x1 whose result has rows more than its input, that nothing reaches.
	more := convCase{window(1, 1, 1, 1, 0, 0, 2, 2), 2, 5, 6, 3, 4, 1, ops.Identity, false}
	for i, c := range append(append(convCases, randomCases("transposed/random")...), more) {
		if (c.h/2+1-1)*c.w.Stride[0]-2*c.w.Pad[0]+c.w.Dilation[0]*(c.w.Kernel[0]-1) < 0 ||
			(c.wd/2+1-1)*c.w.Stride[1]-2*c.w.Pad[1]+c.w.Dilation[1]*(c.w.Kernel[1]-1) < 0 {
			continue // nothing would be left
		}
		out := [2]int{}
		if c.w.Stride[0] > 1 && i%2 == 1 || c == more {
			out[0] = 1
		}
		r := draw.New(draw.Key(1, "transposed", 0, i))
		in := []opstest.Value{
			opstest.Normal(r, c.batch, c.h/2+1, c.wd/2+1, c.in),
			opstest.Normal(r, c.in, c.out/c.groups, c.w.Kernel[0], c.w.Kernel[1]),
		}
		if !c.noBias {
			in = append(in, opstest.Normal(r, c.out))
		}
		opstest.Run(t, fmt.Sprintf("%d %v in %d out %d groups %d", i, c.w, c.in, c.out, c.groups), opstest.Case{
			New: func() ops.Kernel {
				return &ops.ConvTranspose2D{Window: c.w, OutPad: out, Groups: c.groups, NoBias: c.noBias, Act: ops.Activation{Func: c.act}}
			},
			In: in,
			Slow: func(in []opstest.Value) []float64 {
				var bias []float64
				if !c.noBias {
					bias = in[2].F
				}
				y := slowTransposed(c.w, out, c.groups, in[0], in[1], bias).F
				for i := range y {
					y[i] = slowFunc(ops.Activation{Func: c.act}, y[i])
				}
				return y
			},
		})
	}
}
