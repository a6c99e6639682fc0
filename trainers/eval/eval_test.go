package eval

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph/ops/par"
)

// clusters are n codes around one centre a class, wide apart if gap is large.
func clusters(seed uint64, n, d, k int, gap float64) Features {
	f := Features{X: make([]float32, n*d), D: d, Labels: make([]int, n)}
	for i := range n {
		r := draw.New(draw.Key(seed, "test", 0, i))
		f.Labels[i] = r.IntN(k)
		c := draw.New(draw.Key(99, "centre", 0, f.Labels[i]))
		for j := range d {
			f.X[i*d+j] = float32(gap*c.Norm() + r.Norm())
		}
	}
	return f
}

// slowNearest sorts the whole base by its distance to one query.
func slowNearest(q []float32, base Features, k int, m Metric, self int) (index []int, distance []float64) {
	dist := func(b []float32) float64 {
		var ab, aa, bb, diff float64
		for j := range q {
			x, y := float64(q[j]), float64(b[j])
			ab, aa, bb, diff = ab+x*y, aa+x*x, bb+y*y, diff+(x-y)*(x-y)
		}
		if m == Euclidean {
			return math.Sqrt(diff)
		}
		if aa == 0 || bb == 0 {
			return 1
		}
		return 1 - ab/math.Sqrt(aa*bb)
	}
	for i := range base.N() {
		if i != self {
			index = append(index, i)
		}
	}
	sort.SliceStable(index, func(a, b int) bool { return dist(base.Row(index[a])) < dist(base.Row(index[b])) })
	index = index[:k]
	for _, i := range index {
		distance = append(distance, dist(base.Row(i)))
	}
	return index, distance
}

func TestNearestAgainstSort(t *testing.T) {
	for _, c := range []struct{ queries, base, d, k int }{
		{1, 1, 1, 1}, {3, 7, 2, 7}, {130, 600, 5, 3}, {20, 1100, 33, 20}, {129, 513, 8, 1},
	} {
		for _, m := range []Metric{Cosine, Euclidean} {
			t.Run(fmt.Sprintf("%v/%+v", m, c), func(t *testing.T) {
				q, b := clusters(1, c.queries, c.d, 3, 2), clusters(2, c.base, c.d, 3, 2)
				if c.base > 100 {
					clear(b.Row(50)) // a code of zeros has no direction
				}
				got, err := Nearest(q, b, c.k, m, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := range c.queries {
					want, far := slowNearest(q.Row(i), b, c.k, m, -1)
					index, distance := got.Of(i)
					for j := range want {
						if math.Abs(float64(distance[j])-far[j]) > 1e-5*(1+far[j]) {
							t.Fatalf("query %d, neighbour %d: distance %g, want %g", i, j, distance[j], far[j])
						}
						// Where two are as far to six digits, either may come first.
						if index[j] != want[j] {
							if _, d := slowNearest(q.Row(i), Features{X: b.Row(index[j]), D: c.d}, 1, m, -1); math.Abs(d[0]-far[j]) > 1e-5*(1+far[j]) {
								t.Fatalf("query %d, neighbour %d: %d, want %d", i, j, index[j], want[j])
							}
						}
					}
				}
			})
		}
	}
}

func TestNearestLeavesSelfOut(t *testing.T) {
	b := clusters(3, 300, 4, 3, 1)
	copy(b.Row(200), b.Row(10)) // a twin of 10
	self := make([]int, b.N())
	for i := range self {
		self[i] = i
	}
	got, err := Nearest(b, b, 5, Euclidean, self)
	if err != nil {
		t.Fatal(err)
	}
	for i := range self {
		if index, _ := got.Of(i); slices.Contains(index, i) {
			t.Fatalf("code %d is its own neighbour: %v", i, index)
		}
	}
	index, distance := got.Of(10)
	if index[0] != 200 || distance[0] != 0 {
		t.Errorf("nearest to 10 is %d at %g, want its twin 200 at 0", index[0], distance[0])
	}
}

func TestNearestTies(t *testing.T) {
	// All codes equal: the lowest positions win.
	b := Features{X: slices.Repeat([]float32{1, 2, 3}, 700), D: 3}
	got, err := Nearest(Features{X: []float32{1, 2, 3}, D: 3}, b, 4, Cosine, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 3}; !slices.Equal(got.Index, want) {
		t.Errorf("neighbours %v, want %v", got.Index, want)
	}
}

func TestKNNVotes(t *testing.T) {
	train := Features{D: 2, X: []float32{1, 0, 1, .1, 1, .2, 1, .3, 1, .4}, Labels: []int{1, 2, 2, 1, -1}}
	test := Features{D: 2, X: []float32{2, 0}, Labels: []int{1}}
	for _, c := range []struct {
		o    KNN
		want int
	}{
		{KNN{K: 1}, 1},
		{KNN{K: 3}, 2},
		{KNN{K: 4}, 1}, // two against two: the lower class; the unlabelled code has no vote
		{KNN{K: 3, Temperature: 0.001}, 1},
		{KNN{K: 3, Temperature: 10}, 2},
		{KNN{K: 3, Metric: Euclidean}, 2},
	} {
		got, err := c.o.Predict(t.Context(), train, test)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != c.want {
			t.Errorf("%+v: class %d, want %d", c.o, got[0], c.want)
		}
	}
}

// slowObjective is the formula of Linear for classes, and its gradient, as it is written there.
func slowObjective(x Features, k int, l2 float64, p []float64) (f float64, grad []float64) {
	d := x.D
	grad = make([]float64, len(p))
	for i, v := range p[:k*d] {
		f += l2 / 2 * v * v
		grad[i] = l2 * v
	}
	for i := range x.N() {
		logit := make([]float64, k)
		var sum float64
		for c := range k {
			logit[c] = p[k*d+c]
			for j, v := range x.Row(i) {
				logit[c] += p[c*d+j] * float64(v)
			}
			sum += math.Exp(logit[c])
		}
		f += math.Log(sum) - logit[x.Labels[i]]
		for c := range k {
			e := math.Exp(logit[c]) / sum
			if c == x.Labels[i] {
				e--
			}
			grad[k*d+c] += e
			for j, v := range x.Row(i) {
				grad[c*d+j] += e * float64(v)
			}
		}
	}
	return f, grad
}

func TestRegressionAgainstFormula(t *testing.T) {
	for _, n := range []int{1, 17, 1024, 2500} {
		x := clusters(uint64(n), n, 6, 4, 1)
		x.Labels[0] = 3
		p := make([]float64, 4*7)
		r := draw.New(5)
		for i := range p {
			p[i] = r.Norm()
		}
		reg := newRegression(x, data.Class, 4, 0.7)
		wantF, wantG := slowObjective(x, 4, 0.7, p)
		g := make([]float64, len(p))
		if f := reg.value(p, g) * float64(n); math.Abs(f-wantF) > 1e-5*wantF {
			t.Errorf("n=%d: objective %g, want %g", n, f, wantF)
		}
		for i := range g {
			if got := g[i] * float64(n); math.Abs(got-wantG[i]) > 1e-5*(1+float64(n)) {
				t.Errorf("n=%d: gradient %d is %g, want %g", n, i, got, wantG[i])
			}
		}
	}
}

// The gradient of the exact objective vanishes where Fit ends.
func TestProbeFindsTheMinimum(t *testing.T) {
	x := clusters(7, 3000, 6, 4, 0.6)
	x.Labels[5] = -1
	c, err := Linear{L2: 1}.Fit(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Converged {
		t.Errorf("not converged after %d iterations", c.Iterations)
	}
	f, g := slowObjective(x.Labelled(), 4, 1, append(slices.Clone(c.W), c.B...))
	for i, v := range g {
		if math.Abs(v) > 1e-4*3000 {
			t.Errorf("gradient %d is %g at the minimum", i, v)
		}
	}
	if math.Abs(f-c.Objective) > 1e-5*f {
		t.Errorf("objective is %g, the formula gives %g", c.Objective, f)
	}
}

// Standardizing makes the probe blind to scale and shift of the codes.
func TestProbeIsScaleFree(t *testing.T) {
	x, y := clusters(8, 2000, 5, 3, 0.7), clusters(9, 1000, 5, 3, 0.7)
	a := probe(t, x, y)
	for _, f := range []Features{x, y} {
		for i := range f.X {
			f.X[i] = f.X[i]*float32(math.Pow(10, float64(i%f.D-2))) + 5
		}
	}
	b := probe(t, x, y)
	if math.Abs(a-b) > 0.005 || a < 0.6 {
		t.Errorf("accuracy %g, and %g with other units", a, b)
	}
}

func probe(t *testing.T, train, test Features) float64 {
	t.Helper()
	c, err := LinearProbe.Fit(t.Context(), train)
	if err != nil {
		t.Fatal(err)
	}
	acc, err := c.Accuracy(test)
	if err != nil {
		t.Fatal(err)
	}
	return acc
}

func TestSpread(t *testing.T) {
	one := Features{D: 3, X: []float32{1, 2, 0, 2, 4, 0, 3, 6, 0, -1, -2, 0}}
	s, err := SpreadOf(one)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(s.EffectiveRank-1) > 1e-3 || s.Dead != 1 {
		t.Errorf("codes on a line: %+v, want effective rank 1 and one dead value", s)
	}
	all := clusters(11, 4000, 8, 1, 0)
	if s, err = SpreadOf(all); err != nil {
		t.Fatal(err)
	}
	if s.EffectiveRank < 7.9 || s.EffectiveRank > 8 || s.Dead != 0 || math.Abs(s.Std-1) > 0.05 {
		t.Errorf("white codes of 8 values: %+v, want effective rank nearly 8 and deviation 1", s)
	}
	if s, err = SpreadOf(Features{D: 2, X: make([]float32, 10)}); err != nil || s != (Spread{Dead: 2, Of: 5}) {
		t.Errorf("collapsed codes: %+v, %v", s, err)
	}
}

// Wide codes are looked at through the products of some examples: those of 40 values,
// each of which stands 25 times, say what the 40 do.
func TestSpreadOfWideCodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes eigenvalues for seconds")
	}
	narrow := clusters(12, 1000, 40, 3, 1)
	narrow.X, narrow.Labels = narrow.X[:maxSpread*40], nil
	wide := Features{D: 25 * 40}
	for i := range narrow.N() {
		for range 25 {
			wide.X = append(wide.X, narrow.Row(i)...)
		}
	}
	want, err := CompactnessOf(narrow)
	if err != nil {
		t.Fatal(err)
	}
	got, err := CompactnessOf(wide)
	if err != nil {
		t.Fatal(err)
	}
	if got.Of != maxSpread || math.Abs(got.EffectiveRank-want.EffectiveRank) > 0.05 || math.Abs(got.RankMe-want.RankMe) > 0.05 || got.Directions(0.9) != want.Directions(0.9) {
		t.Errorf("effective rank %g, RankMe %g, 90 %% in %d, of %d; want %g, %g, %d", got.EffectiveRank, got.RankMe, got.Directions(0.9), got.Of,
			want.EffectiveRank, want.RankMe, want.Directions(0.9))
	}
	wide.X = append(wide.X, wide.X...)
	if s, err := SpreadOf(wide); err != nil || s.Of != maxSpread || math.Abs(s.EffectiveRank-want.EffectiveRank) > 1 {
		t.Errorf("of twice as many: %+v, %v", s, err)
	}
}

// The same bytes come out whatever the number of threads.
func TestThreads(t *testing.T) {
	defer par.SetThreads(par.Threads())
	train, test := clusters(21, 3000, 7, 5, 0.5), clusters(22, 700, 7, 5, 0.5)
	var first []Figure
	for _, n := range []int{1, 2, 3, 5} {
		par.SetThreads(n)
		got, skipped, err := Code(t.Context(), train, test)
		if err != nil || len(skipped) > 0 {
			t.Fatal(err, skipped)
		}
		if first == nil {
			first = got
		}
		if !reflect.DeepEqual(got, first) {
			t.Errorf("%d threads: %v, want %v", n, got, first)
		}
	}
	if len(first) != 3 || first[0].Value < 0.4 {
		t.Errorf("figures %v", first)
	}
}

func TestCodeWithoutLabels(t *testing.T) {
	f := clusters(1, 50, 3, 2, 1)
	f.Labels = nil
	got, skipped, err := Code(t.Context(), f, f)
	if err != nil || len(skipped) != 0 || len(got) != 1 || got[0].Name != "effective rank" {
		t.Errorf("%v, %v, %v", got, skipped, err)
	}
	alone, _, err := Code(t.Context(), Features{D: f.D}, f)
	if err != nil || !slices.Equal(alone, got) {
		t.Errorf("without training codes: %v, %v, want %v", alone, err, got)
	}
	f.Labels = make([]int, f.N()) // one class only
	_, skipped, _ = Code(t.Context(), f, f)
	if len(skipped) != 1 || !strings.Contains(skipped[0], "two classes") {
		t.Errorf("skipped: %q", skipped)
	}
}

func TestRefusals(t *testing.T) {
	good := clusters(1, 10, 2, 2, 1)
	nan := Features{X: []float32{1, float32(math.NaN())}, D: 2}
	huge := Features{X: []float32{3e38, 3e38, 1, 1}, D: 2}
	nearest := func(q, b Features, k int, m Metric, self []int) error {
		_, err := Nearest(q, b, k, m, self)
		return err
	}
	fit := func(o Linear, f Features) error { _, err := o.Fit(t.Context(), f); return err }
	predict := func(o KNN) error { _, err := o.Predict(t.Context(), good, good); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nearest(good, good, 0, Cosine, nil), "neighbours: k is 0, want 1 to 10, the codes there are"},
		{nearest(good, good, 10, Cosine, make([]int, 10)), "neighbours: k is 10, want 1 to 9, the codes there are"},
		{nearest(good, good, 1, Cosine, make([]int, 3)), "neighbours: 10 queries, but 3 of them are said to be in the base"},
		{nearest(nan, good, 1, Cosine, nil), "test features: a value is not a finite number"},
		{nearest(good, huge, 1, Euclidean, nil), "neighbours: codes are too large for their distances to be taken in single precision"},
		{nearest(Features{X: make([]float32, 3), D: 3}, good, 1, Cosine, nil), "training codes have 2 values and test codes 3"},
		{nearest(Features{}, good, 1, Cosine, nil), "test features: a code has 0 values, want at least 1"},
		{predict(KNN{K: 3, Metric: Euclidean, Temperature: 1}), "knn: temperature is 1 with l2 distance; want 0, or more than 0 with cosine"},
		{fit(Linear{L2: 0}, good), "linear probe: l2 is 0 and iterations 0; want l2 above 0 and iterations 0 or more"},
		{fit(LinearProbe, Features{X: good.X, D: 2}), "linear probe: the training codes have no labels, or all the same one; want two classes at least"},
		{fit(LinearProbe, Features{X: good.X, D: 2, Labels: []int{1}}), "training features: 10 codes and 1 labels"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", c.err, c.want)
		}
	}
}

func TestHugeCosine(t *testing.T) {
	// Lengths beyond float32, both large and small, have a direction all the same.
	f := Features{X: []float32{3e38, 3e38, 1e-45, 1e-45, 1, -1}, D: 2}
	got, err := Nearest(f, f, 3, Cosine, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2}; !slices.Equal(got.Index[:3], want) || got.Distance[1] > 1e-6 {
		t.Errorf("neighbours of (3e38, 3e38): %v at %v, want %v", got.Index[:3], got.Distance[:3], want)
	}
}

func TestResultFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "step-00000012.json")
	want := Result{Step: 12, When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Figures: []Figure{
			{Name: "test loss", Value: 0.25, Better: "lower", Note: "l2"},
			{Name: "lost", Value: Number(math.Inf(1))},
		},
		Pictures: []Picture{{File: "samples/a.png", Caption: "c"}}}
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "{", `{"figures":[{"value":"x"}]}`} {
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%q: error is %v", bad, err)
		}
	}
	if _, err := Read(path + "x"); err == nil {
		t.Error("a missing file gives no error")
	}
}

func BenchmarkKNN(b *testing.B) {
	train, test := clusters(1, 60000, 32, 10, 0.5), clusters(2, 10000, 32, 10, 0.5)
	for b.Loop() {
		if _, err := (KNN{K: 20}).Accuracy(b.Context(), train, test); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProbe(b *testing.B) {
	train := clusters(1, 60000, 32, 10, 0.5)
	for b.Loop() {
		c, err := LinearProbe.Fit(b.Context(), train)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(c.Iterations), "iterations")
	}
}

// BenchmarkLinearGradient is one evaluation of the objective of wide codes.
func BenchmarkLinearGradient(b *testing.B) {
	for _, d := range []int{512, 6400} {
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			n := 10 << 20 / d
			x := clusters(1, n, d, 10, 1)
			r := newRegression(x, data.Class, 10, 1)
			p, g := make([]float64, 10*(d+1)), make([]float64, 10*(d+1))
			for b.Loop() {
				r.value(p, g)
			}
			b.ReportMetric(4*10*float64(n*d)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
		})
	}
}
