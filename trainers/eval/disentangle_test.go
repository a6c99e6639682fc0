package eval

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"x2vec/data/draw"
)

// grid is every pair of two factors, one of four values and one a real number of ten
// places, and codes that code makes of them.
func grid(times int, code func(a, b float64) []float32) Factored {
	f := Factored{Factors: []Cause{{Name: "a", Values: 4}, {Name: "b"}}}
	for range times {
		for a := range 4 {
			for b := range 10 {
				z := code(float64(a), float64(b)/9)
				f.X, f.D = append(f.X, z...), len(z)
				f.Factors[0].Of = append(f.Factors[0].Of, float64(a))
				f.Factors[1].Of = append(f.Factors[1].Of, float64(b)/9)
			}
		}
	}
	return f
}

func nearly(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if !(math.Abs(got-want) <= by) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// Closed forms: codes that are the factors have every measure at its greatest; codes of
// which two say the same have no gap; one that says nothing of any factor, none at all.
func TestDisentanglement(t *testing.T) {
	pure := grid(3, func(a, b float64) []float32 { return []float32{float32(b), float32(a), 0} })
	mig, gaps, err := MIG(t.Context(), pure)
	if err != nil {
		t.Fatal(err)
	}
	nearly(t, "MIG of the factors themselves", mig, 1, 1e-9)
	if gaps[0].Which != 1 || gaps[1].Which != 0 {
		t.Errorf("the factors are found in %+v", gaps)
	}
	twice := grid(3, func(a, b float64) []float32 { return []float32{float32(b), float32(a), float32(b), float32(-a)} })
	mig, gaps, _ = MIG(t.Context(), twice)
	nearly(t, "MIG where everything is there twice", mig, 0, 1e-9)
	nearly(t, "information there", gaps[1].First, 1, 1e-9)
	// One of four values in two of the four bins that it could be told by: half of its
	// information, log 2 of log 4.
	half := grid(3, func(a, b float64) []float32 { return []float32{float32(b), float32(math.Floor(a / 2))} })
	mig, _, _ = MIG(t.Context(), half)
	nearly(t, "MIG where half of one factor is told", mig, (1+0.5)/2, 1e-9)

	sap, gaps, err := SAP(t.Context(), pure, pure)
	if err != nil {
		t.Fatal(err)
	}
	// Of four values alike the best that nothing can tell is one in four.
	nearly(t, "SAP of the factors themselves", sap, (0.75+1)/2, 1e-9)
	nearly(t, "accuracy of a", gaps[0].First, 1, 1e-9)
	sap, _, _ = SAP(t.Context(), twice, twice)
	nearly(t, "SAP where everything is there twice", sap, 0, 1e-9)

	d, err := DCIOf(t.Context(), pure, pure)
	if err != nil {
		t.Fatal(err)
	}
	nearly(t, "disentanglement of the factors themselves", d.Disentanglement, 1, 1e-6)
	// Of the values of a, 0 and 3 lie on a line with the others and 1 and 2 do not: R² of
	// each by a line is 9/15, 1/15, 1/15, 9/15 of the variance (3/16 of each); b is known
	// but for the penalty.
	nearly(t, "informativeness", d.Informativeness, ((0.6+0.2/3+0.2/3+0.6)/4+1)/2, 0.02)
	mixed := grid(3, func(a, b float64) []float32 { // both factors alike in both values
		x, y := (a-1.5)/math.Sqrt(1.25), (b-0.5)/math.Sqrt(11.0/108)
		return []float32{float32(x + y), float32(x - y)}
	})
	mixed.Factors[0].Values = 0 // as a number
	d, _ = DCIOf(t.Context(), mixed, mixed)
	nearly(t, "disentanglement of mixed codes", d.Disentanglement, 0, 1e-3)
	nearly(t, "completeness of mixed codes", d.Completeness, 0, 1e-3)
	nearly(t, "informativeness of mixed codes", d.Informativeness, 1, 0.01)

	for name, f := range map[string]Factored{
		"no factor": {Features: pure.Features},
		"not known": {Features: pure.Features, Factors: []Cause{{Name: "a", Of: append([]float64{math.NaN()}, pure.Factors[1].Of[1:]...)}}},
		"constant":  {Features: pure.Features, Factors: []Cause{{Name: "a", Of: make([]float64, pure.N())}}},
		"too large": {Features: pure.Features, Factors: []Cause{{Name: "a", Values: 2, Of: pure.Factors[0].Of}}},
	} {
		if _, _, err := MIG(t.Context(), f); err == nil {
			t.Errorf("%s is measured", name)
		}
	}
}

// slowMutual is Σ p(a,b) log p(a,b)/(p(a)p(b)), term by term.
func slowMutual(a, b []int) float64 {
	pa, pb, pab := map[int]float64{}, map[int]float64{}, map[[2]int]float64{}
	for i := range a {
		w := 1 / float64(len(a))
		pa[a[i]] += w
		pb[b[i]] += w
		pab[[2]int{a[i], b[i]}] += w
	}
	sum := 0.0
	for k, p := range pab {
		sum += p * math.Log(p/pa[k[0]]/pb[k[1]])
	}
	return sum
}

func TestMutualInformation(t *testing.T) {
	for seed := range uint64(20) {
		r := draw.New(seed)
		n, na, nb := 1+r.IntN(200), 1+r.IntN(6), 1+r.IntN(6)
		a, b := make([]int, n), make([]int, n)
		for i := range a {
			a[i] = r.IntN(na)
			b[i] = (a[i] + r.IntN(nb)) % nb
		}
		if got, want := mutual(a, na, b, nb), slowMutual(a, b); math.Abs(got-want) > 1e-9 {
			t.Errorf("seed %d: %g, want %g", seed, got, want)
		}
		if d := mutual(a, na, b, nb) - mutual(b, nb, a, na); math.Abs(d) > 1e-9 {
			t.Errorf("seed %d: it is not the same both ways round", seed)
		}
	}
}

// At the minimum of the lasso the slope of the smooth part is the strength against the
// sign of a weight, and at most that where a weight is 0 (Karush, Kuhn and Tucker).
func TestLasso(t *testing.T) {
	for seed := range uint64(10) {
		r := draw.New(seed)
		n, d := 80, 6
		f := Features{X: make([]float32, n*d), D: d}
		y := make([]float64, n)
		for i := range y {
			for j := range d {
				f.X[i*d+j] = float32(r.Norm())
			}
			y[i] = 2*float64(f.X[i*d]) - float64(f.X[i*d+3]) + r.Norm()
		}
		s := f.Scale()
		x := s.Applied(f)
		mean, std := meanAndStd(y)
		g, c := x.covariance(make([]float64, d), 1), x.along(y, mean, std)
		const strength = 0.1
		w, err := lasso(t.Context(), g, c, strength)
		if err != nil {
			t.Fatal(err)
		}
		var gw mat.VecDense
		gw.MulVec(g, mat.NewVecDense(d, w))
		zeros := 0
		for j, v := range w {
			slope := gw.AtVec(j) - c[j]
			if v == 0 {
				zeros++
				if math.Abs(slope) > strength+1e-6 {
					t.Errorf("seed %d: weight %d is 0 with slope %g", seed, j, slope)
				}
			} else if math.Abs(slope+math.Copysign(strength, v)) > 1e-5 {
				t.Errorf("seed %d: weight %d is %g with slope %g", seed, j, v, slope)
			}
		}
		if zeros == 0 || w[0] <= 0 || w[3] >= 0 {
			t.Errorf("seed %d: %v", seed, w)
		}
	}
}

// By hand: one value about both factors alike and one about one of them.
func TestDCIScores(t *testing.T) {
	d, c := dciScores([][]float64{{1, 1}, {0, 2}})
	nearly(t, "disentanglement", d, 0.5*0+0.5*1, 1e-12)
	third := math.Log(3) - 2.0/3*math.Log(2) // entropy of 1/3 and 2/3
	nearly(t, "completeness", c, (1+1-third/math.Log(2))/2, 1e-12)
	if d, c := dciScores([][]float64{{0, 0}}); d != 0 || c != 0 {
		t.Errorf("of nothing: %g, %g", d, c)
	}
}

func TestCompactness(t *testing.T) {
	// Four corners of a square and of a line, far from the origin or about it.
	square := Features{X: []float32{1, 1, 1, -1, -1, 1, -1, -1}, D: 2}
	c, err := CompactnessOf(square)
	if err != nil {
		t.Fatal(err)
	}
	nearly(t, "effective rank of a square", c.EffectiveRank, 2, 1e-6)
	nearly(t, "RankMe of a square", c.RankMe, 2, 1e-6)
	if c.Directions(0.5) != 1 || c.Directions(0.9) != 2 {
		t.Errorf("explained variance %v", c.Explained)
	}
	line := Features{X: []float32{1, 2, 2, 4, 3, 6, 4, 8}, D: 2}
	if c, err = CompactnessOf(line); err != nil {
		t.Fatal(err)
	}
	nearly(t, "effective rank of a line", c.EffectiveRank, 1, 1e-3)
	nearly(t, "RankMe of a line", c.RankMe, 1, 1e-3)
	nearly(t, "variance along it", c.Explained[0], 1, 1e-6)
	// All alike but for a little, far away: one direction as they are, two centred.
	far := Features{D: 2}
	for _, v := range square.X {
		far.X = append(far.X, 1000+v)
	}
	if c, err = CompactnessOf(far); err != nil {
		t.Fatal(err)
	}
	nearly(t, "effective rank far away", c.EffectiveRank, 2, 1e-3)
	nearly(t, "RankMe far away", c.RankMe, 1, 0.02)
	same := Features{X: []float32{3, 4, 3, 4}, D: 2}
	if c, err = CompactnessOf(same); err != nil || c.EffectiveRank != 0 || math.Abs(c.RankMe-1) > 1e-9 || c.Dead != 2 {
		t.Errorf("of one code: %+v, %v", c, err)
	}
}

// Pixels that are a linear map of the codes come back whole, half of the variance where
// half of the causes is in the codes.
func TestReconstruction(t *testing.T) {
	make2 := func(seed uint64, n int) (codes, pixels Features) {
		r := draw.New(seed)
		codes, pixels = Features{D: 2}, Features{D: 4}
		for range n {
			a, b := float32(r.Norm()), float32(r.Norm())
			codes.X = append(codes.X, 3*a+5, a-b)
			pixels.X = append(pixels.X, a, b, a+b, a-b+100)
		}
		return codes, pixels
	}
	a, x := make2(1, 3000)
	b, y := make2(2, 3000)
	got, err := Reconstruction(a, x, b, y)
	if err != nil {
		t.Fatal(err)
	}
	nearly(t, "share explained", got, 1, 1e-3)
	one := func(f Features) Features {
		g := Features{D: 1}
		for i := range f.N() {
			g.X = append(g.X, f.Row(i)[0])
		}
		return g
	}
	got, err = Reconstruction(one(a), x, one(b), y)
	if err != nil {
		t.Fatal(err)
	}
	nearly(t, "share explained by a alone", got, 0.5, 0.02)
	if _, err := Reconstruction(a, x, b, Features{X: make([]float32, 4*3000), D: 4}); err != nil {
		t.Errorf("pixels that are 0 differ from the mean of training: %v", err)
	}
	if _, err := Reconstruction(a, y, Features{X: b.X[:20], D: 2}, y); err == nil {
		t.Error("codes of other examples are taken")
	}
}
