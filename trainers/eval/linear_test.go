package eval

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"x2vec/data"
	"x2vec/data/draw"
)

// asked is codes with two answers each, linear in them but for noise; every fifth
// second answer is not known.
func asked(n, d int, yes bool) Features {
	f := Features{X: make([]float32, n*d), D: d, Targets: make([]float32, 2*n), T: 2}
	r := draw.New(3)
	for i := range n {
		row := f.Row(i)
		a, b := 100.0, -3.0
		for j := range row {
			row[j] = float32(r.Norm())
			a += float64(row[j]) * float64(j+1) * 10
			b += float64(row[j]) * float64(j%2)
		}
		a, b = a+5*r.Norm(), b+0.3*r.Norm()
		if yes {
			a, b = bit(a > 100), bit(b > -3)
		}
		if i%5 == 0 {
			b = math.NaN()
		}
		f.Targets[2*i], f.Targets[2*i+1] = float32(a), float32(b)
	}
	return f
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Values in units of their deviation are ridge regression, which has a closed form.
func TestLinearValuesAgainstRidge(t *testing.T) {
	const n, d, l2 = 1500, 4, 30.0
	x := asked(n, d, false)
	got, err := Linear{Kind: data.Values, L2: l2}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	u := unitsOf(x)
	for k := range 2 {
		a := mat.NewDense(d+1, d+1, nil) // the normal equations, the bias last
		b := mat.NewVecDense(d+1, nil)
		for i := range n {
			y := float64(x.Target(i)[k])
			if math.IsNaN(y) {
				continue
			}
			row := make([]float64, d+1)
			for j, v := range x.Row(i) {
				row[j] = float64(v)
			}
			row[d] = 1
			for p, v := range row {
				for q, w := range row {
					a.Set(p, q, a.At(p, q)+v*w)
				}
				b.SetVec(p, b.AtVec(p)+v*(y-u.mean[k])/u.std[k])
			}
		}
		for j := range d {
			a.Set(j, j, a.At(j, j)+l2)
		}
		var w mat.VecDense
		if err := w.SolveVec(a, b); err != nil {
			t.Fatal(err)
		}
		for j := range d {
			if want := w.AtVec(j) * u.std[k]; math.Abs(got.W[k*d+j]-want) > 1e-4*u.std[k] {
				t.Errorf("weight %d of value %d is %g, want %g", j, k, got.W[k*d+j], want)
			}
		}
		if want := w.AtVec(d)*u.std[k] + u.mean[k]; math.Abs(got.B[k]-want) > 1e-4*u.std[k] {
			t.Errorf("bias of value %d is %g, want %g", k, got.B[k], want)
		}
	}
}

// The gradient for labels and values is that of their objective.
func TestLinearGradients(t *testing.T) {
	for _, kind := range []data.TargetKind{data.Labels, data.Values} {
		const d = 3
		x := asked(300, d, kind == data.Labels)
		r := newRegression(x, kind, 2, 0.5)
		p, g := make([]float64, 2*(d+1)), make([]float64, 2*(d+1))
		random := draw.New(4)
		for i := range p {
			p[i] = random.Norm()
		}
		r.value(p, g)
		other := make([]float64, len(p))
		for i := range p {
			const h = 1e-2
			keep := p[i]
			p[i] = keep + h
			up := r.value(p, other)
			p[i] = keep - h
			down := r.value(p, other)
			p[i] = keep
			if want := (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("%s: gradient %d is %g, differences say %g", kind, i, g[i], want)
			}
		}
	}
}

// The minimum is reached from any start, and a map of another penalty is a good one.
func TestLinearFromAnother(t *testing.T) {
	x := asked(800, 4, false)
	far, err := Linear{Kind: data.Values, L2: 1000}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Linear{Kind: data.Values, L2: 1}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Linear{Kind: data.Values, L2: 1, From: far}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a.Objective-b.Objective) > 1e-6*a.Objective {
		t.Errorf("objective is %.9g, and %.9g from another map", a.Objective, b.Objective)
	}
	again, err := Linear{Kind: data.Values, L2: 1, From: a}.Fit(t.Context(), x)
	if err != nil || again.Iterations > 6 {
		t.Errorf("from the minimum itself it takes %d iterations, %v", again.Iterations, err)
	}
}

// minimize finds the floor of a narrow curved valley (Rosenbrock 1960).
func TestMinimize(t *testing.T) {
	evaluations := 0
	rosenbrock := func(x, g []float64) float64 {
		evaluations++
		a, b := 1-x[0], x[1]-x[0]*x[0]
		g[0], g[1] = -2*a-400*x[0]*b, 200*b
		return a*a + 100*b*b
	}
	x := []float64{-1.2, 1}
	end, err := minimize(t.Context(), rosenbrock, x, 1e-8, 200)
	if err != nil || !end.converged || math.Abs(x[0]-1)+math.Abs(x[1]-1) > 1e-6 {
		t.Errorf("ends at %v: %+v", x, end)
	}
	if evaluations > 100 {
		t.Errorf("takes %d evaluations", evaluations)
	}
	if end, err := minimize(t.Context(), rosenbrock, []float64{-1.2, 1}, 1e-8, 5); err != nil || end.converged || end.iterations != 5 {
		t.Errorf("5 iterations end as %+v", end)
	}
}
