package objectives

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
)

// A Figure is a number that a method has to say about a trained model.
type Figure struct {
	Name   string // in words: "loss over PCA's"
	Value  float64
	Better string // "lower" or "higher"; empty where neither is
	Note   string // how it was taken
}

// Compared objectives know, for some models, how good one can be at best. Compare
// is called after training, and at evaluations that look at codes; loss is that over all examples of train. It
// returns nothing where there is nothing to compare with.
type Compared interface {
	Compare(ctx context.Context, t Task, ps *graph.Params, train data.Source, loss func() (float64, error)) ([]Figure, error)
}

// Compare implements Compared: a linear autoencoder of squared error does at best
// what PCA does, in the same subspace (Baldi and Hornik 1989).
func (o *Autoencoder) Compare(ctx context.Context, t Task, ps *graph.Params, train data.Source, loss func() (float64, error)) ([]Figure, error) {
	net, ok := t.Encoder.(*nets.MLP)
	size := t.Spec.Size()
	if !ok || len(net.Hidden) > 0 || net.LayerNorm || o.Loss != "l2" || o.damages() || size > maxPrincipal || net.Code > size {
		return nil, nil
	}
	reached, err := loss()
	if err != nil {
		return nil, err
	}
	best, err := PrincipalOf(ctx, train, t.Pixels, net.Code)
	if err != nil {
		return nil, err
	}
	weight := ps.Get("decoder/fc0/weight") // (D, Code): its columns span the reconstructions
	columns := mat.NewDense(size, net.Code, nil)
	for i, v := range weight.Data {
		columns.Set(i/net.Code, i%net.Code, float64(v))
	}
	angles, err := PrincipalAngles(columns, best.Directions.T())
	if err != nil {
		return nil, err
	}
	var mean float64
	for _, a := range angles {
		mean += a * 180 / math.Pi / float64(len(angles))
	}
	optimum := best.Optimum(net.Code)
	return []Figure{
		{"loss over PCA's", reached / optimum, "lower", fmt.Sprintf("on the %d training examples: %.8g against %.8g, the least any linear code of %d reaches", train.Len(), reached, optimum, net.Code)},
		{"mean angle to PCA's subspace", mean, "lower", fmt.Sprintf("in degrees, of %d principal angles", len(angles))},
		{"largest angle to PCA's subspace", angles[len(angles)-1] * 180 / math.Pi, "lower", "in degrees; large where the last directions kept and left out have nearly the same variance"},
	}, nil
}
