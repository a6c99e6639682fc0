package eval

import (
	"math"
	"testing"

	"x2vec/data/draw"
)

// LLᵀ is the matrix, L⁻¹L one, in sizes of one block and of several.
func TestCholesky(t *testing.T) {
	for _, d := range []int{1, 5, choleskyBlock, choleskyBlock + 1, 3*choleskyBlock + 7} {
		r := draw.New(uint64(d))
		x := Features{X: make([]float32, 2*d*d), D: d}
		for i := range x.X {
			x.X[i] = float32(r.Norm())
		}
		a := curvatureOf(x).m
		for i := 0; i < d*d; i += d + 1 {
			a[i] += 0.1
		}
		l := append([]float32(nil), a...)
		m, err := cholesky(t.Context(), l, d, 1e-9)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			for j := range d {
				var product, one float64
				for k := range d {
					product += float64(l[i*d+k]) * float64(l[j*d+k])
					one += float64(m[i*d+k]) * float64(l[k*d+j])
				}
				want := 0.0
				if i == j {
					want = 1
				}
				if math.Abs(product-float64(a[i*d+j])) > 1e-4 || math.Abs(one-want) > 1e-3 {
					t.Fatalf("%d: at %d, %d the product is %g, want %g; the inverse gives %g, want %g", d, i, j, product, a[i*d+j], one, want)
				}
			}
		}
	}
}

// Codes whose values vary a thousand times as much in some directions as in others take
// few iterations.
func TestRounding(t *testing.T) {
	x := clusters(5, 3000, 60, 4, 0.1)
	for i := range x.N() {
		row := x.Row(i)
		shared := row[0]
		for j := range row {
			row[j] = 0.03*row[j] + shared + 5*row[1]*float32(j%2)
		}
	}
	if err := Standardize(x, Features{X: x.X[:60], D: 60}); err != nil {
		t.Fatal(err)
	}
	round, err := Linear{L2: 3}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Linear{L2: 3, Iterations: 3000, curve: &curvature{60, make([]float32, 3600)}}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d iterations to %.9g, plainly %d to %.9g", round.Iterations, round.Objective, plain.Iterations, plain.Objective)
	if !round.Converged || round.Iterations > 40 || round.Iterations*3 > plain.Iterations || round.Objective > plain.Objective*(1+1e-6) {
		t.Errorf("takes %d iterations to %.9g, and %d to %.9g as it is", round.Iterations, round.Objective, plain.Iterations, plain.Objective)
	}
}
