package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

func shapes(s ...[]int) []tensor.Shape {
	var all []tensor.Shape
	for _, d := range s {
		all = append(all, tensor.Shape(d))
	}
	return all
}

func slowError(e ops.Error, y, t float64) float64 {
	switch e {
	case ops.Squared:
		return (y - t) * (y - t)
	case ops.Absolute:
		return math.Abs(y - t)
	default:
		p := 1 / (1 + math.Exp(-y))
		return -t*math.Log(p) - (1-t)*math.Log(1-p)
	}
}

func TestPointLoss(t *testing.T) {
	r := draw.New(31)
	for _, e := range []ops.Error{ops.Squared, ops.Absolute, ops.BinaryCrossEntropy} {
		for _, shape := range [][]int{{1}, {3, 5}, {2, 3, 7}, {5, 7777}} {
			opstest.Run(t, fmt.Sprint(e, shape), opstest.Case{
				New: func() ops.Kernel { return &ops.PointLoss{Of: e} },
				In:  []opstest.Value{opstest.Normal(r, shape...), opstest.Normal(r, shape...)},
				Slow: func(in []opstest.Value) []float64 {
					var s float64
					for i, y := range in[0].F {
						s += slowError(e, y, in[1].F[i])
					}
					return []float64{s / float64(len(in[0].F))}
				},
			})
		}
		for _, s := range []struct{ shape, mask []int }{{[]int{3, 4, 5}, []int{3, 4}}, {[]int{6}, []int{6}}, {[]int{300, 130}, []int{300}}} {
			mask := opstest.Normal(r, s.mask...)
			for i, m := range mask.F {
				mask.F[i] = []float64{0, 1, math.Abs(m)}[i%3]
			}
			mask.F[len(mask.F)-1] = 1
			opstest.Run(t, fmt.Sprint("masked ", e, s), opstest.Case{
				New: func() ops.Kernel { return &ops.PointLoss{Of: e, Masked: true} },
				In:  []opstest.Value{opstest.Normal(r, s.shape...), opstest.Normal(r, s.shape...), mask},
				Slow: func(in []opstest.Value) []float64 {
					var sum, weights float64
					d := len(in[0].F) / len(in[2].F)
					for i, w := range in[2].F {
						for j := i * d; j < (i+1)*d; j++ {
							sum += w * slowError(e, in[0].F[j], in[1].F[j]) / float64(d)
						}
						weights += w
					}
					return []float64{sum / weights}
				},
			})
		}
	}
}

// Where the mask is zero nothing is looked at, and an empty mask gives 0.
func TestPointLossEmptyMask(t *testing.T) {
	k := &ops.PointLoss{Masked: true}
	if _, err := k.Shape(shapes([]int{2, 2}, []int{2, 2}, []int{2})); err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for _, c := range []struct {
		mask []float32
		want float32
		dy   [4]float32
	}{
		{[]float32{0, 1}, 2.5, [4]float32{0, 0, -1, -2}}, // mean of 1 and 4; (y−t)·2/2
		{[]float32{0, 0}, 0, [4]float32{}},
	} {
		in := []ops.Arg{{F: []float32{nan, 1, 1, 1}}, {F: []float32{1, nan, 2, 3}}, {F: c.mask}}
		out, dy := []float32{nan}, []float32{nan, nan, nan, nan}
		k.Forward(in, out)
		k.Backward(in, out, []float32{1}, [][]float32{dy, nil, nil})
		if out[0] != c.want || [4]float32(dy) != c.dy {
			t.Errorf("mask %v: loss %v and gradient %v, want %v and %v", c.mask, out[0], dy, c.want, c.dy)
		}
	}
}

// slowCrossEntropy is the definition in the comment of ops.CrossEntropy, term by
// term. inner is how far apart the classes of a row lie.
func slowCrossEntropy(k ops.CrossEntropy, classes, inner int, in []opstest.Value) []float64 {
	var sum, norm float64
	e := float64(k.Smoothing)
	for r := range len(in[0].F) / classes {
		at := func(c int) int { return (r/inner*classes+c)*inner + r%inner }
		w := func(c int) float64 {
			if k.Weighted {
				return in[2].F[c]
			}
			return 1
		}
		var total float64
		for c := range classes {
			total += math.Exp(in[0].F[at(c)])
		}
		var loss float64
		for c := range classes {
			target := 0.0
			switch {
			case k.Soft:
				target = in[1].F[at(c)]
			case in[1].I[r] == c:
				target = 1
			}
			q := w(c) * ((1-e)*target + e/float64(classes))
			loss -= q * math.Log(math.Exp(in[0].F[at(c)])/total)
		}
		switch {
		case k.Soft:
			norm++
		case k.Ignores && in[1].I[r] == k.Ignore:
			continue
		default:
			norm += w(in[1].I[r])
		}
		sum += loss
	}
	return []float64{sum / norm}
}

func TestCrossEntropy(t *testing.T) {
	r := draw.New(32)
	type size struct {
		x       []int
		classes int
		inner   int
		targets []int
	}
	sizes := []size{
		{[]int{1, 2}, 2, 1, []int{1}},
		{[]int{6, 9}, 9, 1, []int{6}},
		{[]int{3, 4, 33}, 33, 1, []int{3, 4}},
		{[]int{2, 5, 3, 4}, 5, 12, []int{2, 3, 4}},
		{[]int{20, 30, 40}, 30, 40, []int{20, 40}},
	}
	for _, k := range []ops.CrossEntropy{
		{}, {Weighted: true}, {Smoothing: 0.1}, {Smoothing: 0.2, Weighted: true}, {Ignores: true, Ignore: -100},
		{Ignores: true, Ignore: 1, Weighted: true, Smoothing: 0.1}, {Soft: true}, {Soft: true, Weighted: true, Smoothing: 0.1},
	} {
		for _, s := range sizes {
			k.Map = s.inner > 1
			in := []opstest.Value{opstest.Normal(r, s.x...), opstest.Ints(r, s.classes, s.targets...)}
			in[1].I[0] = 0 // at least one row counts
			for i := range in[1].I {
				if k.Ignores && i%4 == 3 {
					in[1].I[i] = k.Ignore
				}
			}
			if k.Soft {
				in[1] = opstest.Normal(r, s.x...) // need not be distributions for the formula to hold
			}
			if k.Weighted {
				w := opstest.Normal(r, s.classes)
				for i, v := range w.F {
					w.F[i] = float64(float32(0.5 + math.Abs(v)))
				}
				in = append(in, w)
			}
			opstest.Run(t, fmt.Sprintf("%+v/%v", settings(k), s.x), opstest.Case{
				New: func() ops.Kernel {
					return &ops.CrossEntropy{Soft: k.Soft, Map: k.Map, Weighted: k.Weighted, Smoothing: k.Smoothing, Ignores: k.Ignores, Ignore: k.Ignore}
				},
				In:   in,
				Slow: func(in []opstest.Value) []float64 { return slowCrossEntropy(k, s.classes, s.inner, in) },
			})
		}
	}
}

// settings names a case by what is set.
func settings(k ops.CrossEntropy) string {
	var s []string
	for _, o := range []struct {
		set  bool
		name string
	}{{k.Soft, "soft"}, {k.Map, "map"}, {k.Weighted, "weighted"}, {k.Smoothing > 0, "smoothing"}, {k.Ignores, "ignore"}} {
		if o.set {
			s = append(s, o.name)
		}
	}
	return strings.Join(append(s, "mean"), " ")
}

// Large logits neither overflow nor lose the loss, and a batch without a row that
// counts has loss 0 and no gradient.
func TestCrossEntropyExtremes(t *testing.T) {
	k := &ops.CrossEntropy{Ignores: true, Ignore: -100}
	if _, err := k.Shape(shapes([]int{2, 3}, []int{2})); err != nil {
		t.Fatal(err)
	}
	x := []float32{1e4, 0, -1e4, 0, 3e4, 0}
	for _, c := range []struct {
		targets []int
		want    float32
		dx      [6]float32
	}{
		{[]int{0, 1}, 0, [6]float32{}},
		{[]int{1, 1}, 5000, [6]float32{0.5, -0.5}},
		{[]int{-100, -100}, 0, [6]float32{}},
	} {
		in := []ops.Arg{{F: x}, {I: c.targets}}
		out, dx := []float32{-1}, []float32{9, 9, 9, 9, 9, 9}
		k.Forward(in, out)
		k.Backward(in, out, []float32{1}, [][]float32{dx, nil})
		if out[0] != c.want || [6]float32(dx) != c.dx {
			t.Errorf("targets %v: loss %v, gradient %v; want %v, %v", c.targets, out[0], dx, c.want, c.dx)
		}
	}
	if err := k.Check([]ops.Arg{{F: x}, {I: []int{0, 3}}}); err == nil || err.Error() != "target 1 is class 3; there are 3 classes" {
		t.Errorf("target out of range: %v", err)
	}
}

func TestOver(t *testing.T) {
	opstest.Run(t, "error over variance", opstest.Case{
		New:  func() ops.Kernel { return &ops.Over{} },
		In:   []opstest.Value{opstest.Scalar(3), {Shape: []int{1}, F: []float64{0.25}}},
		Slow: func(in []opstest.Value) []float64 { return []float64{in[0].F[0] / in[1].F[0]} },
	})
	if _, err := (&ops.Over{}).Shape(shapes([]int{}, []int{2})); err == nil {
		t.Error("two numbers are taken for one")
	}
}

func TestWeightedSum(t *testing.T) {
	opstest.Run(t, "three", opstest.Case{
		New: func() ops.Kernel { return &ops.WeightedSum{Weights: []float32{0.5, -2, 1}} },
		In:  []opstest.Value{opstest.Scalar(3), opstest.Scalar(-1.25), opstest.Scalar(7)},
		Slow: func(in []opstest.Value) []float64 {
			return []float64{0.5*in[0].F[0] - 2*in[1].F[0] + in[2].F[0]}
		},
	})
}
