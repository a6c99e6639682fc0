package eval

import (
	"math"
	"testing"

	"x2vec/graph/golden"
)

func TestGoldenLogReg(t *testing.T) {
	golden.Each(t, "logreg", func(t *testing.T, c *golden.Case) {
		var set struct {
			L2      float64
			Classes int
		}
		c.Settings(&set)
		x := Features{X: c.Floats("in.x"), D: c.Shape("in.x")[1], Labels: c.Ints("in.y")}
		got, err := Linear{L2: set.L2}.Fit(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		var mean float64
		for _, b := range got.B {
			mean += b / float64(len(got.B))
		}
		near := func(name string, v []float64) {
			for i, want := range c.Floats(name) {
				if math.Abs(v[i]-float64(want)) > 1e-3 {
					t.Errorf("%s[%d] is %g, want %g", name, i, v[i], want)
				}
			}
		}
		near("out.weight", got.W)
		bias := make([]float64, len(got.B))
		for i, b := range got.B {
			bias[i] = b - mean
		}
		near("out.bias_centred", bias)
		var prob []float64
		for i := range x.N() {
			row, sum := make([]float64, got.K), 0.0
			for k := range row {
				z := got.B[k]
				for j, v := range x.Row(i) {
					z += got.W[k*got.D+j] * float64(v)
				}
				row[k] = math.Exp(z)
				sum += row[k]
			}
			for _, p := range row {
				prob = append(prob, p/sum)
			}
		}
		near("out.prob", prob)
		if want := float64(c.Floats("out.objective")[0]); math.Abs(got.Objective-want) > 1e-6*want {
			t.Errorf("objective is %.9g, want %.9g", got.Objective, want)
		}
	})
}
