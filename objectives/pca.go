package objectives

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops/vec"
)

func init() {
	Register("pca", func() Objective { return &PCA{} })
}

// PCA is the linear autoencoder of least squared error, found in closed form:
// code = V(x−μ), reconstruction = Vᵀcode + μ, with the mean μ of the examples and
// the D directions V, (D, values), of their greatest variance (Baldi and Hornik
// 1989, "Neural networks and principal component analysis", doi:10.1016/0893-6080(89)90014-2).
//
// On top of the code of a trained encoder the examples are its codes.
//
// It wants a linear encoder (an mlp with hidden = []) and fills its weights; the
// directions are in the order of their variance, the largest entry of each
// positive.
type PCA struct{}

// linear is the method that PCA solves.
var linear = Autoencoder{Loss: "l2"}

// Stacks implements Stacking.
func (o *PCA) Stacks() {}

// parts are the linear map that is found, nil where there is none, and what lies below
// it, nil where those are the examples, with the number of values of a point.
func (o *PCA) parts(t Task) (net *nets.MLP, base *nets.Stacked, d int) {
	e := t.Encoder
	d = t.Spec.Size()
	if s, ok := e.(*nets.Stacked); ok {
		e, base, d = s.Top, s, s.Base.CodeSize(t.Seen())
	}
	net, _ = e.(*nets.MLP)
	return net, base, d
}

// Check implements Objective.
func (o *PCA) Check(t Task) error {
	net, _, size := o.parts(t)
	if net == nil || len(net.Hidden) > 0 || net.LayerNorm {
		return errors.New(`type: pca has a linear encoder; want encoder.type = "mlp" with hidden = [] and no layer_norm`)
	}
	if size > maxPrincipal {
		return fmt.Errorf("type: pca takes examples of at most %d values, and these have %d", maxPrincipal, size)
	}
	if net.Code > size {
		return fmt.Errorf("type: pca finds as many directions as an example has values, %d; the code has %d", size, net.Code)
	}
	return nil
}

// Prepare implements Objective.
func (o *PCA) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	t.See(into.F["x"], b.Pixels)
	return nil
}

// Build implements Objective: the loss is that of the autoencoder, and so are the
// taps. The variance along each direction is kept with the weights as
// "pca/variance", (D), that of all values together as "pca/total", (1).
func (o *PCA) Build(t Task, s *graph.Scope) *G.Node {
	net, base, d := o.parts(t)
	s.In("pca").Buffer("variance", graph.Constant(0), net.Code)
	s.In("pca").Buffer("total", graph.Constant(0), 1)
	if base == nil {
		return linear.Build(t, s)
	}
	e := s.In("encoder")
	z := base.Under(e, s.Input("x", append([]int{t.Batch}, t.Seen()...)...)) // (B, D)
	y := net.Decode(s.In("decoder"), net.Encode(e, z), []int{d})             // (B, D)
	return layers.MSE(s, s.Tap("reconstruction", y), z)                      // ()
}

// LatentShape implements Decoding.
func (o *PCA) LatentShape(t Task) []int { return linear.LatentShape(t) }

// EncodeLatent implements Decoding.
func (o *PCA) EncodeLatent(t Task, s *graph.Scope) { linear.EncodeLatent(t, s) }

// DecodeLatent implements Decoding.
func (o *PCA) DecodeLatent(t Task, s *graph.Scope) { linear.DecodeLatent(t, s) }

// Fit implements Fitter. There is one pass; report gets the optimum, which is the
// loss over the examples of src.
func (o *PCA) Fit(ctx context.Context, t Task, src data.Source, ps *graph.Params, report func(step int, loss float64) error) error {
	// Make the parameters where no program has been built yet.
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(t, s) })
	if err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	net, base, d := o.parts(t)
	var pc *Principal
	if base == nil {
		pc, err = PrincipalOf(ctx, src, t.Pixels, net.Code)
	} else {
		pc, err = principalOfCodes(ctx, t, src, ps, base, d, net.Code)
	}
	if err != nil {
		return err
	}
	if pc.Total <= 0 {
		return fmt.Errorf("pca: all %d examples of %s are the same; there are no directions in which they differ", src.Len(), src.Spec().Name)
	}
	at := func(path string) []float32 { return ps.Get(path).Data }
	copy32(at("encoder/fc0/weight"), pc.Directions.RawMatrix().Data)                      // (code, values)
	copy32(at("decoder/fc0/weight"), mat.DenseCopyOf(pc.Directions.T()).RawMatrix().Data) // (values, code)
	copy32(at("decoder/fc0/bias"), pc.Mean)
	var shift mat.VecDense
	shift.MulVec(pc.Directions, mat.NewVecDense(len(pc.Mean), pc.Mean))
	shift.ScaleVec(-1, &shift)
	copy32(at("encoder/fc0/bias"), shift.RawVector().Data)
	copy32(at("pca/variance"), pc.Variance)
	copy32(at("pca/total"), []float64{pc.Total})
	return report(1, pc.Optimum(net.Code))
}

// principalOfCodes finds the first k directions of the codes, of d values, that the
// encoder below gives all examples of src.
func principalOfCodes(ctx context.Context, t Task, src data.Source, ps *graph.Params, base *nets.Stacked, d, k int) (*Principal, error) {
	under := &runner{t: t, ps: ps, build: base.Under, programs: map[int]*run{}}
	defer under.close()
	g := NewGram(d)
	block := make([]float32, gramRows*d)
	for b, err := range data.Sequential(src, gramRows) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		z := block[:b.N()*d]
		if err := under.encode(z, b.Pixels); err != nil {
			return nil, err
		}
		if !vec.Finite(z) {
			return nil, fmt.Errorf("among the codes of examples %d to %d of %s is a value that is not a finite number", b.Index[0], b.Index[b.N()-1], t.Spec.Name)
		}
		g.Add(z)
	}
	return NewPrincipal(g.Mean(), g.Covariance(), k)
}

func copy32(dst []float32, src []float64) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}

// Compare implements Compared: how much the code holds.
func (o *PCA) Compare(_ context.Context, t Task, ps *graph.Params, train data.Source, _ func() (float64, error)) ([]Figure, error) {
	held, n := o.held(ps)
	return []Figure{{"variance held", held, "higher", fmt.Sprintf("share of that of %d training examples which lies in the %d directions of the code", train.Len(), n)}}, nil
}

// held is the share of the variance in the n directions of the code.
func (o *PCA) held(ps *graph.Params) (share float64, n int) {
	variance := ps.Get("pca/variance").Data
	for _, v := range variance {
		share += float64(v)
	}
	return share / float64(ps.Get("pca/total").Data[0]), len(variance)
}

// Pictures implements Pictured: reconstructions, and the first directions.
func (o *PCA) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	if _, base, _ := o.parts(t); base != nil {
		return nil, nil
	}
	pictures, err := linear.Pictures(ctx, t, p, b, fed)
	if err != nil || pictures == nil {
		return nil, err
	}
	weight := p.Params().Get("encoder/fc0/weight")
	size, n := t.Spec.Size(), min(weight.Shape[0], 32)
	sheet, err := sheetOfDirections(t, weight.Data[:n*size])
	if err != nil {
		return nil, err
	}
	held, all := o.held(p.Params())
	caption := fmt.Sprintf("The first %d directions of greatest variance: grey is zero, white above, black below. The %d of the code hold %.1f %% of the variance.", n, all, 100*held)
	return append(pictures, Picture{Name: "directions", Caption: caption, Image: sheet}), nil
}
