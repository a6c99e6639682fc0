package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"x2vec/data"
	"x2vec/data/draw"
)

// SGD fits the linear model of a probe as the papers on pictures do: stochastic
// gradient descent with Nesterov's momentum, a rate that falls to zero along a cosine,
// and no penalty (Chen et al. 2020, arXiv:2002.05709, appendix B.6). Codes are to be
// standardised, which stands for the batch norm without weights of He et al. 2021
// (arXiv:2111.06377, appendix A).
type SGD struct {
	Kind     data.TargetKind // empty = data.Class
	Epochs   int
	Batch    int
	Rate     float64 // at the start, of batches of 256; it goes with the size of the batch
	Momentum float64
	Seed     uint64 // of the order of the codes
	Classes  int    // at least; 0 = as many as the labels say
}

// PaperSGD are the settings of SimCLR's linear evaluation with smaller batches.
var PaperSGD = SGD{Epochs: 90, Batch: 256, Rate: 0.1, Momentum: 0.9}

// Fit finds the map of the codes in x of which an answer is known.
func (o SGD) Fit(ctx context.Context, x Features) (*LinearMap, error) {
	if err := x.check("training"); err != nil {
		return nil, err
	}
	if o.Kind == "" {
		o.Kind = data.Class
	}
	if o.Epochs < 1 || o.Batch < 1 || !(o.Rate > 0) || !(o.Momentum >= 0 && o.Momentum < 1) {
		return nil, fmt.Errorf("sgd: is %+v; want epochs and batch 1 or more, rate above 0, momentum from 0 to below 1", o)
	}
	x, k, err := Linear{Kind: o.Kind, Classes: o.Classes}.known(x)
	if err != nil {
		return nil, err
	}
	n, batch := x.N(), min(o.Batch, x.N())
	steps := o.Epochs * (n / batch) // the rest of an epoch is left out, as in the papers
	r := newRegression(Features{X: make([]float32, batch*x.D), D: x.D}, o.Kind, k, 0)
	if o.Kind == data.Values {
		r.units = unitsOf(x)
	}
	p, grad, speed := make([]float64, k*(x.D+1)), make([]float64, k*(x.D+1)), make([]float64, k*(x.D+1))
	var loss float64
	for step := range steps {
		if err := ended(ctx); err != nil {
			return nil, err
		}
		Tell(ctx, "linear model", step, steps, "steps")
		epoch, at := step/(n/batch), step%(n/batch)*batch
		order := draw.NewPerm(draw.Key(o.Seed, "probe/sgd", epoch, 0), n)
		index := make([]int, batch)
		for i := range index {
			index[i] = order.At(at + i)
		}
		r.x = x.Pick(index)
		loss = r.value(p, grad)
		rate := o.Rate * float64(batch) / 256 * (1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2
		for i, g := range grad {
			speed[i] = o.Momentum*speed[i] + g
			p[i] -= rate * (g + o.Momentum*speed[i])
		}
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return nil, errors.New("sgd: the loss is no finite number; the codes want a smaller rate")
	}
	r.units.scaled(p, k, x.D, true)
	return &LinearMap{Kind: o.Kind, K: k, D: x.D, W: p[:k*x.D], B: p[k*x.D:], Objective: loss * float64(n), Iterations: steps, Converged: true}, nil
}
