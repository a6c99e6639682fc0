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

func slowUnits(v opstest.Value) [][]float64 {
	var all [][]float64
	for _, row := range v.Rows() {
		var s float64
		for _, x := range row {
			s += x * x
		}
		u := make([]float64, len(row))
		for j, x := range row {
			u[j] = x / math.Sqrt(s)
		}
		all = append(all, u)
	}
	return all
}

// slowContrast is −log of the share of the target's exponential among the keys.
func slowContrast(q []float64, keys [][]float64, target, self int, scale float64) float64 {
	var sum, hit float64
	for j, k := range keys {
		if j == self {
			continue
		}
		var s float64
		for i, x := range q {
			s += x * k[i]
		}
		e := math.Exp(s * scale)
		sum += e
		if j == target {
			hit = e
		}
	}
	return -math.Log(hit / sum)
}

// slowNTXent is Algorithm 1 of Chen et al. 2020, one term at a time.
func slowNTXent(z opstest.Value, temperature float64) []float64 {
	u := slowUnits(z)
	var sum float64
	for i := range u {
		sum += slowContrast(u[i], u, (i+len(u)/2)%len(u), i, 1/temperature)
	}
	return []float64{sum / float64(len(u))}
}

func TestNTXent(t *testing.T) {
	r := draw.New(61)
	for _, c := range []struct {
		n, d int
		temp float32
	}{{1, 3, 0.5}, {2, 1, 0.5}, {3, 5, 0.1}, {17, 19, 0.25}, {80, 33, 1}} {
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New:  func() ops.Kernel { return &ops.NTXent{Temperature: c.temp} },
			In:   []opstest.Value{opstest.Normal(r, 2*c.n, c.d)},
			Slow: func(in []opstest.Value) []float64 { return slowNTXent(in[0], float64(c.temp)) },
		})
	}
}

// Closed forms of eq. 1.
func TestNTXentClosedForms(t *testing.T) {
	for _, c := range []struct {
		name string
		z    []float32 // (4, 2): views of two examples, then their other views
		want float64
	}{
		{"aligned views, orthogonal examples", []float32{1, 0, 0, 2, 3, 0, 0, 4}, math.Log(1 + 2*math.Exp(-2))},
		{"all rows equal", []float32{1, 1, 1, 1, 1, 1, 1, 1}, math.Log(3)},
		{"opposite views", []float32{1, 0, 0, 1, -1, 0, 0, -1}, math.Log(1 + 2*math.Exp(2))},
	} {
		k := &ops.NTXent{Temperature: 0.5}
		if _, err := k.Shape(shapes([]int{4, 2})); err != nil {
			t.Fatal(err)
		}
		out := make([]float32, 1)
		if k.Forward([]ops.Arg{{F: c.z, Shape: []int{4, 2}}}, out); math.Abs(float64(out[0])-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.name, out[0], c.want)
		}
	}
}

func TestInfoNCE(t *testing.T) {
	r := draw.New(62)
	for _, c := range []struct {
		n, d      int
		symmetric bool
		learned   bool
	}{{1, 2, false, false}, {5, 3, false, false}, {6, 5, true, false}, {6, 5, false, true}, {90, 17, true, true}} {
		in := []opstest.Value{opstest.Normal(r, c.n, c.d), opstest.Normal(r, c.n, c.d)}
		if c.learned {
			in = append(in, opstest.Value{Shape: []int{1}, F: []float64{1.25}})
		}
		opstest.Run(t, fmt.Sprint(c), opstest.Case{
			New: func() ops.Kernel {
				return &ops.InfoNCE{Temperature: 0.2, Symmetric: c.symmetric, Learned: c.learned}
			},
			In: in,
			Slow: func(in []opstest.Value) []float64 {
				scale := 1 / float64(float32(0.2))
				if c.learned {
					scale = math.Exp(in[2].F[0])
				}
				a, b := slowUnits(in[0]), slowUnits(in[1])
				var forth, back float64
				for i := range a {
					forth += slowContrast(a[i], b, i, -1, scale) / float64(c.n)
					back += slowContrast(b[i], a, i, -1, scale) / float64(c.n)
				}
				if c.symmetric {
					return []float64{(forth + back) / 2}
				}
				return []float64{forth}
			},
		})
	}
}

func TestContrastiveShapes(t *testing.T) {
	for _, c := range []struct {
		k    ops.Kernel
		in   [][]int
		want string
	}{
		{&ops.NTXent{Temperature: 1}, [][]int{{3, 2}}, "views are (3, 2), want (2N, D)"},
		{&ops.NTXent{}, [][]int{{4, 2}}, "temperature is 0, want above 0"},
		{&ops.InfoNCE{Temperature: 1}, [][]int{{4, 2}, {3, 2}}, "pairs are (4, 2) and (3, 2)"},
		{&ops.InfoNCE{Temperature: -1}, [][]int{{4, 2}, {4, 2}}, "temperature is -1"},
		{&ops.InfoNCE{Learned: true}, [][]int{{4, 2}, {4, 2}, {2}}, "the scale is (2), want (1)"},
	} {
		if _, err := c.k.Shape(shapes(c.in...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T of %v: %v, want %q", c.k, c.in, err, c.want)
		}
	}
}

func BenchmarkNTXent(b *testing.B) {
	r := draw.New(63)
	step, _ := opstest.Step(b, &ops.NTXent{Temperature: 0.5}, []opstest.Value{opstest.Normal(r, 512, 128)})
	for b.Loop() {
		step()
	}
}

// slowSphere has the formulas as printed.
func slowSphere(m ops.Measure, z opstest.Value) []float64 {
	u := slowUnits(z)
	n, d := len(u), len(u[0])
	squares := func(a, b []float64) (s float64) {
		for i := range a {
			s += (a[i] - b[i]) * (a[i] - b[i])
		}
		return s
	}
	var s float64
	switch m {
	case ops.Alignment:
		for i := range n / 2 {
			s += squares(u[i], u[i+n/2]) / float64(n/2)
		}
	case ops.Uniformity:
		for i := range u {
			for j := range i {
				s += math.Exp(-2*squares(u[i], u[j])) / float64(n*(n-1)/2)
			}
		}
		s = math.Log(s)
	case ops.Deviation:
		for j := range d {
			var mean, variance float64
			for i := range u {
				mean += u[i][j] / float64(n)
			}
			for i := range u {
				variance += (u[i][j] - mean) * (u[i][j] - mean) / float64(n)
			}
			s += math.Sqrt(variance) / float64(d) * math.Sqrt(float64(d))
		}
	}
	return []float64{s}
}

func TestSphere(t *testing.T) {
	r := draw.New(64)
	for _, m := range []ops.Measure{ops.Alignment, ops.Uniformity, ops.Deviation} {
		for _, s := range [][]int{{2, 3}, {6, 5}, {130, 33}} {
			opstest.Run(t, fmt.Sprint((&ops.Sphere{Measure: m}).Name(), s), opstest.Case{
				New:  func() ops.Kernel { return &ops.Sphere{Measure: m} },
				In:   []opstest.Value{opstest.Normal(r, s...)},
				Slow: func(in []opstest.Value) []float64 { return slowSphere(m, in[0]) },
			})
		}
	}
}
