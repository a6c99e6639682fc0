package ops_test

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func TestToChannels(t *testing.T) {
	r := draw.New(1)
	for _, s := range [][]int{{2, 3, 4, 5}, {1, 20, 6, 7}, {3, 1, 2, 2}} {
		last := func(in []opstest.Value) []float64 {
			var y []float64
			for b := range s[0] {
				for p := range s[2] * s[3] {
					for c := range s[1] {
						y = append(y, in[0].F[(b*s[1]+c)*s[2]*s[3]+p])
					}
				}
			}
			return y
		}
		x := opstest.Normal(r, s...)
		opstest.Run(t, "last", opstest.Case{New: func() ops.Kernel { return &ops.ToChannelsLast{} }, In: []opstest.Value{x}, Slow: last})
		y := opstest.Value{Shape: []int{s[0], s[2], s[3], s[1]}, F: last([]opstest.Value{x})}
		opstest.Run(t, "first", opstest.Case{New: func() ops.Kernel { return &ops.ToChannelsFirst{} }, In: []opstest.Value{y},
			Slow: func(in []opstest.Value) []float64 {
				// The inverse of last, by the places that values come from.
				at := opstest.Value{F: make([]float64, len(y.F))}
				for i := range at.F {
					at.F[i] = float64(i)
				}
				out := make([]float64, len(y.F))
				for i, from := range last([]opstest.Value{at}) {
					out[int(from)] = in[0].F[i]
				}
				return out
			}})
	}
}

// slowPool folds what each window sees of each channel.
func slowPool(w ops.Window, x opstest.Value, fold func(seen []float64) float64) []float64 {
	b, h, wd, c := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	var y []float64
	for n := range b {
		for i := range (h+2*w.Pad[0]-w.Kernel[0])/w.Stride[0] + 1 {
			for j := range (wd+2*w.Pad[1]-w.Kernel[1])/w.Stride[1] + 1 {
				for q := range c {
					var seen []float64
					for a := range w.Kernel[0] {
						for e := range w.Kernel[1] {
							yy, xx := i*w.Stride[0]-w.Pad[0]+a, j*w.Stride[1]-w.Pad[1]+e
							if yy >= 0 && yy < h && xx >= 0 && xx < wd {
								seen = append(seen, x.F[((n*h+yy)*wd+xx)*c+q])
							}
						}
					}
					y = append(y, fold(seen))
				}
			}
		}
	}
	return y
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

func TestPool(t *testing.T) {
	r := draw.New(2)
	for _, w := range []ops.Window{square(2, 2, 0), square(3, 2, 1), square(3, 1, 1), window(2, 3, 1, 2, 1, 0, 1, 1)} {
		x := opstest.Normal(r, 2, 7, 6, 5)
		opstest.Run(t, "max", opstest.Case{New: func() ops.Kernel { return &ops.MaxPool2D{Window: w} }, In: []opstest.Value{x},
			Slow: func(in []opstest.Value) []float64 {
				return slowPool(w, in[0], func(seen []float64) float64 {
					m := math.Inf(-1)
					for _, v := range seen {
						m = max(m, v)
					}
					return m
				})
			}})
		opstest.Run(t, "average", opstest.Case{New: func() ops.Kernel { return &ops.AvgPool2D{Window: w} }, In: []opstest.Value{x},
			Slow: func(in []opstest.Value) []float64 {
				return slowPool(w, in[0], func(seen []float64) float64 { return sum(seen) / float64(w.Kernel[0]*w.Kernel[1]) })
			}})
		opstest.Run(t, "average of the real", opstest.Case{New: func() ops.Kernel { return &ops.AvgPool2D{Window: w, OnlyReal: true} }, In: []opstest.Value{x},
			Slow: func(in []opstest.Value) []float64 {
				return slowPool(w, in[0], func(seen []float64) float64 { return sum(seen) / float64(len(seen)) })
			}})
	}
	x := opstest.Normal(r, 3, 4, 5, 6)
	opstest.Run(t, "global", opstest.Case{New: func() ops.Kernel { return &ops.GlobalAvgPool{} }, In: []opstest.Value{x},
		Slow: func(in []opstest.Value) []float64 {
			return slowPool(window(4, 5, 1, 1, 0, 0, 1, 1), in[0], func(seen []float64) float64 { return sum(seen) / 20 })
		}})
}

// Of equal values the first one gets the gradient, and NaN is not lost.
func TestMaxPoolTies(t *testing.T) {
	k := &ops.MaxPool2D{Window: square(2, 2, 0)}
	if _, err := k.Shape([]tensor.Shape{{1, 2, 4, 1}}); err != nil {
		t.Fatal(err)
	}
	k.Save()
	nan := float32(math.NaN())
	in := []ops.Arg{{F: []float32{3, 3, 1, nan, 3, 2, 5, 0}}}
	out, dx := make([]float32, 2), make([]float32, 8)
	k.Forward(in, out)
	if out[0] != 3 || out[1] == out[1] {
		t.Errorf("maxima are %v, want 3 and NaN", out)
	}
	k.Backward(in, out, []float32{1, 2}, [][]float32{dx})
	for i, want := range []float32{1, 0, 0, 2, 0, 0, 0, 0} {
		if dx[i] != want {
			t.Errorf("gradient is %v, want 1 at 0 and 2 at 3", dx)
			break
		}
	}
}

func TestUpsample(t *testing.T) {
	r := draw.New(3)
	for _, f := range [][2]int{{2, 2}, {1, 3}, {3, 2}} {
		x := opstest.Normal(r, 2, 3, 4, 5)
		for _, bilinear := range []bool{false, true} {
			opstest.Run(t, "", opstest.Case{New: func() ops.Kernel { return &ops.Upsample{Factor: f, Bilinear: bilinear} }, In: []opstest.Value{x},
				Slow: func(in []opstest.Value) []float64 {
					at := func(n, y, x, c int) float64 {
						return in[0].F[((n*3+min(2, max(0, y)))*4+min(3, max(0, x)))*5+c]
					}
					var y []float64
					for n := range 2 {
						for i := range 3 * f[0] {
							for j := range 4 * f[1] {
								for c := range 5 {
									if !bilinear {
										y = append(y, at(n, i/f[0], j/f[1], c))
										continue
									}
									// The place of the pixel's centre; beyond the border the border goes on.
									u, v := (float64(i)+0.5)/float64(f[0])-0.5, (float64(j)+0.5)/float64(f[1])-0.5
									a, b := math.Floor(u), math.Floor(v)
									p, q := u-a, v-b
									ia, ib := int(a), int(b)
									y = append(y, (1-p)*(1-q)*at(n, ia, ib, c)+(1-p)*q*at(n, ia, ib+1, c)+
										p*(1-q)*at(n, ia+1, ib, c)+p*q*at(n, ia+1, ib+1, c))
								}
							}
						}
					}
					return y
				}})
		}
	}
}

// slowNorm normalises the values of each set by their mean and variance; gain
// and bias follow the channel.
func slowNorm(x, g, b opstest.Value, eps float64, set func(i int) int) []float64 {
	sets := map[int][]float64{}
	for i, v := range x.F {
		sets[set(i)] = append(sets[set(i)], v)
	}
	c := len(g.F)
	y := make([]float64, len(x.F))
	for i, v := range x.F {
		s := sets[set(i)]
		mean, variance := sum(s)/float64(len(s)), 0.0
		for _, u := range s {
			variance += (u - mean) * (u - mean) / float64(len(s))
		}
		y[i] = g.F[i%c]*(v-mean)/math.Sqrt(variance+eps) + b.F[i%c]
	}
	return y
}

func TestBatchNorm(t *testing.T) {
	r := draw.New(4)
	for _, s := range [][]int{{9, 5}, {3, 4, 5, 7}, {300, 70}} {
		c := s[len(s)-1]
		x := opstest.Normal(r, s...)
		for i := range x.F {
			x.F[i] = float64(float32(x.F[i] + 3*float64(i%c)))
		}
		in := []opstest.Value{x, opstest.Normal(r, c), opstest.Normal(r, c)}
		opstest.Run(t, "training", opstest.Case{
			New: func() ops.Kernel {
				return &ops.BatchNorm{Eps: 1e-5, Momentum: 0.1, Mean: make([]float32, c), Var: make([]float32, c)}
			},
			In:  in,
			Tol: 1e-4, // of (x − mean)/√variance in float32 with means up to 200
			Slow: func(in []opstest.Value) []float64 {
				return slowNorm(in[0], in[1], in[2], 1e-5, func(i int) int { return i % c })
			},
		})
		mean, variance := opstest.Normal(r, c), opstest.Normal(r, c)
		for i, v := range variance.F {
			variance.F[i] = float64(float32(math.Abs(v) + 0.5))
		}
		opstest.Run(t, "fixed", opstest.Case{
			New: func() ops.Kernel { return &ops.BatchNorm{Eps: 1e-5, Fixed: true} },
			In:  append(in[:3:3], mean, variance),
			Tol: 1e-4,
			Slow: func(in []opstest.Value) []float64 {
				y := make([]float64, len(in[0].F))
				for i, v := range in[0].F {
					j := i % c
					y[i] = in[1].F[j]*(v-in[3].F[j])/math.Sqrt(in[4].F[j]+1e-5) + in[2].F[j]
				}
				return y
			},
		})
	}
}

// One value, far from zero, a channel: the variance is small beside the mean.
func TestBatchNormRunning(t *testing.T) {
	k := &ops.BatchNorm{Eps: 1e-5, Momentum: 0.1, Mean: []float32{1}, Var: []float32{1}}
	if _, err := k.Shape([]tensor.Shape{{4, 1}, {1}, {1}}); err != nil {
		t.Fatal(err)
	}
	k.Forward([]ops.Arg{{F: []float32{1001, 1002, 1003, 1004}}, {F: []float32{1}}, {F: []float32{0}}}, make([]float32, 4))
	// mean 1002.5, unbiased variance 5/3
	if want := float32(0.9 + 100.25); math.Abs(float64(k.Mean[0]-want)) > 1e-4 {
		t.Errorf("running mean is %v, want %v", k.Mean[0], want)
	}
	if want := float32(0.9 + 0.1*5.0/3); math.Abs(float64(k.Var[0]-want)) > 1e-6 {
		t.Errorf("running variance is %v, want %v", k.Var[0], want)
	}
}

func TestGroupNorm(t *testing.T) {
	r := draw.New(5)
	for _, groups := range []int{1, 2, 6} {
		x := opstest.Normal(r, 3, 4, 5, 6)
		opstest.Run(t, "", opstest.Case{
			New: func() ops.Kernel { return &ops.GroupNorm{Groups: groups, Eps: 1e-5} },
			In:  []opstest.Value{x, opstest.Normal(r, 6), opstest.Normal(r, 6)},
			Slow: func(in []opstest.Value) []float64 {
				return slowNorm(in[0], in[1], in[2], 1e-5, func(i int) int { return i/(4*5*6)*groups + i%6/(6/groups) })
			},
		})
	}
}

// Wrong shapes and settings are refused with a sentence, none with a panic.
func TestPictureFaults(t *testing.T) {
	x := tensor.Shape{2, 4, 4, 3}
	for _, c := range []struct {
		k  ops.Kernel
		in []tensor.Shape
	}{
		{&ops.Conv2D{Window: square(5, 1, 0), NoBias: true}, []tensor.Shape{x, {2, 3, 5, 5}}},
		{&ops.Conv2D{Window: square(3, 1, 0), NoBias: true}, []tensor.Shape{x, {2, 4, 3, 3}}},
		{&ops.Conv2D{Window: square(3, 0, 0), NoBias: true}, []tensor.Shape{x, {2, 3, 3, 3}}},
		{&ops.Conv2D{Window: square(3, 1, 0)}, []tensor.Shape{x, {2, 3, 3, 3}, {3}}},
		{&ops.Conv2D{Window: square(3, 1, 0), NoBias: true}, []tensor.Shape{{2, 3}, {2, 3, 3, 3}}},
		{&ops.Conv2D{Window: square(3, 1, 0), Groups: -1, NoBias: true}, []tensor.Shape{x, {2, 3, 3, 3}}},
		{&ops.ConvTranspose2D{Window: square(1, 1, 2), NoBias: true}, []tensor.Shape{x, {3, 2, 1, 1}}},
		{&ops.ConvTranspose2D{Window: square(3, 2, 1), OutPad: [2]int{2, 0}, NoBias: true}, []tensor.Shape{x, {3, 2, 3, 3}}},
		{&ops.MaxPool2D{Window: square(2, 2, 2)}, []tensor.Shape{x}},
		{&ops.MaxPool2D{Window: square(5, 2, 0)}, []tensor.Shape{x}},
		{&ops.AvgPool2D{Window: window(2, 2, 1, 1, 0, 0, 2, 2)}, []tensor.Shape{x}},
		{&ops.Upsample{}, []tensor.Shape{x}},
		{&ops.GlobalAvgPool{}, []tensor.Shape{{2, 3}}},
		{&ops.GroupNorm{Groups: 2, Eps: 1e-5}, []tensor.Shape{x, {3}, {3}}},
		{&ops.BatchNorm{Eps: 1e-5}, []tensor.Shape{{1, 3}, {3}, {3}}},
		{&ops.ToChannelsLast{}, []tensor.Shape{{2, 3}}},
	} {
		if _, err := c.k.Shape(c.in); err == nil {
			t.Errorf("%s accepts %v with %+v", c.k.Name(), c.in, c.k)
		}
	}
}
