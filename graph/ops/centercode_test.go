package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowCenterCode is section 3.2.1 of Coates et al. for one row after the other.
func slowCenterCode(form ops.CenterForm, p, cols, pool int) func(in []opstest.Value) []float64 {
	return func(in []opstest.Value) []float64 {
		x, c := in[0].Rows(), in[1].Rows()
		out := make([]float64, len(x)/p*pool*pool*len(c))
		for i, row := range x {
			z, mean, nearest := make([]float64, len(c)), 0.0, 0
			for j := range c {
				for l, v := range row {
					z[j] += (v - c[j][l]) * (v - c[j][l])
				}
				z[j] = math.Sqrt(z[j])
				mean += z[j] / float64(len(c))
				if z[j] < z[nearest] {
					nearest = j
				}
			}
			at := i % p
			region := at/cols*pool/(p/cols)*pool + at%cols*pool/cols
			to := out[(i/p*pool*pool+region)*len(c):][:len(c)]
			for j, d := range z {
				switch form {
				case ops.Distances:
					to[j] += d
				case ops.Triangle:
					to[j] += math.Max(0, mean-d)
				}
			}
			if form == ops.OneHot {
				to[nearest]++
			}
		}
		return out
	}
}

func TestCenterCode(t *testing.T) {
	r := draw.New(17)
	for _, c := range []struct{ b, p, cols, pool, k, d int }{
		{1, 1, 1, 1, 1, 1}, {5, 1, 1, 1, 7, 3}, {300, 1, 1, 1, 65, 20}, {2, 12, 4, 2, 9, 5}, {3, 25, 5, 2, 70, 4}, {2, 9, 3, 3, 4, 2},
	} {
		for _, form := range []ops.CenterForm{ops.Distances, ops.Triangle, ops.OneHot} {
			shape := []int{c.b, c.p, c.d}
			if c.p == 1 {
				shape = []int{c.b, c.d}
			}
			opstest.Run(t, fmt.Sprint(c, form), opstest.Case{
				New:  func() ops.Kernel { return &ops.CenterCode{Form: form, Cols: c.cols, Pool: c.pool} },
				In:   []opstest.Value{opstest.Normal(r, shape...), opstest.Normal(r, c.k, c.d)},
				Slow: slowCenterCode(form, c.p, c.cols, c.pool),
				Tol:  1e-4, // a difference of squares, under a root
			})
		}
	}
}

func TestLocalPatches(t *testing.T) {
	r := draw.New(18)
	for _, c := range []struct{ b, ch, h, w, size, stride int }{{1, 1, 3, 3, 3, 1}, {2, 3, 7, 9, 3, 2}, {1, 2, 5, 4, 2, 1}} {
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New: func() ops.Kernel { return &ops.LocalPatches{Size: c.size, Stride: c.stride, Eps: 0.5} },
			In:  []opstest.Value{opstest.Normal(r, c.b, c.ch, c.h, c.w)},
			Slow: func(in []opstest.Value) (out []float64) {
				for b := range c.b {
					for y := 0; y+c.size <= c.h; y += c.stride {
						for x := 0; x+c.size <= c.w; x += c.stride {
							var patch []float64
							for ch := range c.ch {
								for i := range c.size {
									for j := range c.size {
										patch = append(patch, in[0].F[((b*c.ch+ch)*c.h+y+i)*c.w+x+j])
									}
								}
							}
							var mean, variance float64
							for _, v := range patch {
								mean += v / float64(len(patch))
							}
							for _, v := range patch {
								variance += (v - mean) * (v - mean) / float64(len(patch)-1)
							}
							for _, v := range patch {
								out = append(out, (v-mean)/math.Sqrt(variance+0.5))
							}
						}
					}
				}
				return out
			},
		})
	}
	// A patch of one colour has no contrast.
	flat := []float32{3, 3, 3, 3}
	if ops.NormalizePatch(flat, 0); flat[0] != 0 || flat[3] != 0 {
		t.Errorf("a flat patch becomes %v", flat)
	}
}

func TestCenterShapes(t *testing.T) {
	for want, c := range map[string]struct {
		k  ops.Kernel
		in [][]int
	}{
		"want (B, D) or (B, P, D) and (K, D)":              {&ops.CenterCode{}, [][]int{{4, 3}, {2, 4}}},
		"a grid of 9 rows in 3 columns has no 4x4 regions": {&ops.CenterCode{Cols: 3, Pool: 4}, [][]int{{1, 9, 2}, {2, 2}}},
		"want (B, C, H, W) and at least 0":                 {&ops.LocalPatches{Size: 2, Stride: 1, Eps: -1}, [][]int{{1, 1, 3, 3}}},
		"pictures of 3x5 are smaller than a patch of 4x4":  {&ops.LocalPatches{Size: 4, Stride: 1}, [][]int{{1, 1, 3, 5}}},
		"patches of 4x4, 0 apart: want at least 1":         {&ops.LocalPatches{Size: 4}, [][]int{{1, 1, 5, 5}}},
	} {
		if _, err := c.k.Shape(shapes(c.in...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
