package objectives

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
)

func init() {
	Register("pca", func() Objective { return &PCA{} })
}

// PCA is the linear autoencoder of least squared error, found in closed form:
// code = V(x−μ), reconstruction = Vᵀcode + μ, with the mean μ of the examples and
// the D directions V, (D, values), of their greatest variance (Baldi and Hornik
// 1989, "Neural networks and principal component analysis", doi:10.1016/0893-6080(89)90014-2).
//
// It wants a linear encoder (an mlp with hidden = []) and fills its weights; the
// directions are in the order of their variance, the largest entry of each
// positive.
type PCA struct{}

// linear is the method that PCA solves.
var linear = Autoencoder{Loss: "l2"}

// Check implements Objective.
func (o *PCA) Check(t Task) error {
	net, ok := t.Encoder.(*nets.MLP)
	if !ok || len(net.Hidden) > 0 || net.LayerNorm {
		return errors.New(`type: pca has a linear encoder; want encoder.type = "mlp" with hidden = [] and no layer_norm`)
	}
	size := t.Spec.Size()
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
	return linear.Prepare(t, b, into)
}

// Build implements Objective: the loss is that of the autoencoder, and so are the
// taps. The variance along each direction is kept with the weights as
// "pca/variance", (D), that of all values together as "pca/total", (1).
func (o *PCA) Build(t Task, s *graph.Scope) *G.Node {
	s.In("pca").Buffer("variance", graph.Constant(0), t.Encoder.CodeSize(t.Spec.Shape))
	s.In("pca").Buffer("total", graph.Constant(0), 1)
	return linear.Build(t, s)
}

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
	code := t.Encoder.CodeSize(t.Spec.Shape)
	pc, err := PrincipalOf(ctx, src, t.Pixels, code)
	if err != nil {
		return err
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
	return report(1, pc.Optimum(code))
}

func copy32(dst []float32, src []float64) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}

// Pictures implements Pictured: reconstructions, and the first directions.
func (o *PCA) Pictures(t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	pictures, err := linear.Pictures(t, p, b, fed)
	if err != nil || pictures == nil {
		return nil, err
	}
	weight, total := p.Params().Get("encoder/fc0/weight"), p.Params().Get("pca/total").Data[0]
	size, n := t.Spec.Size(), min(weight.Shape[0], 32)
	var sum float32
	for _, v := range p.Params().Get("pca/variance").Data {
		sum += v
	}
	sheet, err := sheetOfDirections(t, weight.Data[:n*size])
	if err != nil {
		return nil, err
	}
	caption := fmt.Sprintf("The first %d directions of greatest variance: grey is zero, white above, black below.", n)
	if total > 0 {
		caption += fmt.Sprintf(" The %d of the code hold %.1f %% of the variance.", weight.Shape[0], 100*sum/total)
	}
	return append(pictures, Picture{Name: "directions", Caption: caption, Image: sheet}), nil
}
