package objectives

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/nets"

	G "gorgonia.org/gorgonia"
)

func TestGoldenPCA(t *testing.T) {
	golden.Each(t, "pca", func(t *testing.T, c *golden.Case) {
		var set struct{ Keep int }
		c.Settings(&set)
		shape := c.Shape("in.x")
		n, d := shape[0], shape[1]
		x := mat.NewDense(n, d, c.Array("in.x").F64)
		mean := make([]float64, d)
		for j := range mean {
			mean[j] = stat.Mean(mat.Col(nil, j, x), nil)
		}
		var cov mat.SymDense
		stat.CovarianceMatrix(&cov, x, nil) // over n−1
		cov.ScaleSym(float64(n-1)/float64(n), &cov)

		p, err := NewPrincipal(mean, &cov, d)
		if err != nil {
			t.Fatal(err)
		}
		variance, root := make([]float64, d), make([]float64, d)
		for i, v := range p.Variance {
			variance[i] = v * float64(n) / float64(n-1)
			root[i] = math.Sqrt(v * float64(n))
		}
		c.Check64("out.mean", p.Mean)
		c.Check64("out.components", p.Directions.RawMatrix().Data)
		c.Check64("out.explained_variance", variance)
		c.Check64("out.singular_values", root)
		c.Check64("out.mse", []float64{p.Optimum(set.Keep)})

		var centred, scores, y mat.Dense
		centred.Apply(func(_, j int, v float64) float64 { return v - mean[j] }, x)
		v := p.Directions.Slice(0, set.Keep, 0, d)
		scores.Mul(&centred, v.T())
		y.Mul(&scores, v)
		y.Apply(func(_, j int, v float64) float64 { return v + mean[j] }, &y)
		c.Check64("out.scores", scores.RawMatrix().Data)
		c.Check64("out.reconstruction", y.RawMatrix().Data)
	})
}

// covariance of d values whose variances fall slowly, turned at random.
func covariance(d int) *mat.SymDense {
	r := draw.New(draw.Key(uint64(d), "test", 0, 0))
	a := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			a.Set(i, j, r.Norm()/math.Sqrt(float64(1+j)))
		}
	}
	var c mat.SymDense
	c.SymOuterK(1/float64(d), a)
	return &c
}

// Subspace iteration finds what the whole decomposition finds.
func TestLeadingEigen(t *testing.T) {
	for _, c := range []struct{ d, k int }{{5, 5}, {130, 3}, {200, 10}, {300, 30}} {
		cov := covariance(c.d)
		values, vectors, err := leadingEigen(cov, c.k)
		if err != nil {
			t.Fatal(err)
		}
		want, all, err := eigen(cov)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.k {
			if math.Abs(values[i]-want[i]) > 1e-10*want[0] {
				t.Errorf("%+v: eigenvalue %d is %g, want %g", c, i, values[i], want[i])
			}
		}
		angles, err := PrincipalAngles(vectors, all.Slice(0, c.d, 0, c.k))
		if err != nil || angles[c.k-1] > 1e-6 {
			t.Errorf("%+v: angles %v, %v", c, angles, err)
		}
	}
	// Rank one, and nothing at all.
	one := mat.NewSymDense(200, nil)
	one.SetSym(3, 3, 2)
	for want, cov := range map[float64]*mat.SymDense{2: one, 0: mat.NewSymDense(200, nil)} {
		if values, _, err := leadingEigen(cov, 4); err != nil || math.Abs(values[0]-want) > 1e-12 || math.Abs(values[3]) > 1e-12 {
			t.Errorf("eigenvalues %v, %v, want %g and zeros", values, err, want)
		}
	}
}

func TestPrincipalAngles(t *testing.T) {
	// Two planes in space that share one line and stand at 30 degrees, and at a
	// millionth of one.
	for _, deg := range []float64{0, 1e-6, 30, 90} {
		a := deg * math.Pi / 180
		plane := mat.NewDense(3, 2, []float64{1, 1, 0, 2, 0, 0})
		other := mat.NewDense(3, 2, []float64{3, 0, 0, math.Cos(a), 0, math.Sin(a)})
		got, err := PrincipalAngles(plane, other)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[0]) > 1e-12 || math.Abs(got[1]-a) > 1e-12 {
			t.Errorf("%g degrees: angles %v, want 0 and %g", deg, got, a)
		}
	}
	flat := mat.NewDense(3, 2, []float64{1, 2, 1, 2, 1, 2})
	if _, err := PrincipalAngles(flat, flat); err == nil {
		t.Error("columns along one line span a plane")
	}
	if _, err := PrincipalAngles(flat, mat.NewDense(3, 1, nil)); err == nil {
		t.Error("a plane and a line have angles")
	}
}

// shapes is a small source of pictures; 8 x 8 in colour.
func shapes(t testing.TB, n int) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Count: n})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// PrincipalOf against gonum's covariance of the scaled values in float64.
func TestPrincipalOfSource(t *testing.T) {
	src := shapes(t, 600) // more than two blocks
	d := src.Spec().Size()
	z := Scaling{Mean: make([]float32, d), Std: make([]float32, d)}
	for i := range d {
		z.Mean[i], z.Std[i] = 0.2+float32(i)/1000, 0.5
	}
	x := mat.NewDense(src.Len(), d, nil)
	for b, err := range data.Sequential(src, 100) {
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range b.Pixels {
			x.Set(b.Index[i/d], i%d, (float64(v)/255-float64(z.Mean[i%d]))/float64(z.Std[i%d]))
		}
	}
	var cov mat.SymDense
	stat.CovarianceMatrix(&cov, x, nil)
	p, err := PrincipalOf(context.Background(), src, z, 7)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := eigen(&cov)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range p.Variance {
		if w := want[i] * 599 / 600; math.Abs(v-w) > 1e-12*want[0] {
			t.Errorf("variance %d is %.17g, want %.17g", i, v, w)
		}
	}
	for j, m := range p.Mean {
		if w := stat.Mean(mat.Col(nil, j, x), nil); math.Abs(m-w) > 1e-12 {
			t.Errorf("mean %d is %g, want %g", j, m, w)
		}
	}
}

// What the program reconstructs with the fitted weights has the error that was
// reported, and the variances are those of the codes.
func TestPCAFit(t *testing.T) {
	src := shapes(t, 300)
	o, err := New("pca")
	if err != nil {
		t.Fatal(err)
	}
	task := Task{Encoder: &nets.MLP{Code: 5, Activation: "relu"}, Spec: src.Spec(), Batch: 300}
	if err := o.Check(task); err != nil {
		t.Fatal(err)
	}
	ps := graph.NewParams(1)
	var reported float64
	err = o.(Fitter).Fit(context.Background(), task, src, ps, func(step int, loss float64) error {
		reported = loss
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed := p.NewFeed()
	for b, err := range data.Sequential(src, 300) {
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Prepare(task, b, feed); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		if got := float64(p.Loss()); math.Abs(got-reported) > 1e-5*reported {
			t.Errorf("loss of the program is %g, reported was %g", got, reported)
		}
		code, _ := p.Tap("encoder/code")
		for j := range 5 {
			var column []float64
			for i := range 300 {
				column = append(column, float64(code.Data[i*5+j]))
			}
			m, v := stat.PopMeanVariance(column, nil)
			if want := float64(ps.Get("pca/variance").Data[j]); math.Abs(m) > 1e-5 || math.Abs(v-want) > 1e-4*want {
				t.Errorf("code %d has mean %g and variance %g, want 0 and %g", j, m, v, want)
			}
		}
		pictures, err := o.(Pictured).Pictures(t.Context(), task, p, b, feed)
		if err != nil || len(pictures) != 2 {
			t.Errorf("pictures: %v, %v", pictures, err)
		}
	}
}

func TestPCARefusals(t *testing.T) {
	spec := data.Spec{Shape: []int{1, 2, 2}}
	for _, c := range []struct {
		net  nets.Encoder
		spec data.Spec
		want string
	}{
		{&nets.MLP{Hidden: []int{3}, Code: 2}, spec, `type: pca has a linear encoder; want encoder.type = "mlp" with hidden = [] and no layer_norm`},
		{&nets.MLP{Code: 5}, spec, "type: pca finds as many directions as an example has values, 4; the code has 5"},
		{&nets.MLP{Code: 5}, data.Spec{Shape: []int{3, 64, 64}}, "type: pca takes examples of at most 4096 values, and these have 12288"},
	} {
		if err := (&PCA{}).Check(Task{Encoder: c.net, Spec: c.spec}); fmt.Sprint(err) != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := PrincipalOf(ctx, shapes(t, 10), Scaling{}, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}
