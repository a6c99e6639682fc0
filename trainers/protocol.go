package trainers

import (
	"fmt"

	"x2vec/data"
	"x2vec/trainers/eval"
)

// protocol says how the numbers were taken, in sentences.
func (p *prober) protocol() []string {
	counts := "all training labels"
	switch {
	case p.Labels.PerClass > 0 && p.Target.Kind == data.Class:
		counts = fmt.Sprintf("%d training labels of each class, drawn by the seed", p.Labels.PerClass)
	case p.Labels.PerClass > 0:
		counts = fmt.Sprintf("%d labelled training examples, drawn by the seed", p.Labels.PerClass)
	case p.Labels.Share > 0:
		counts = fmt.Sprintf("%s of the training labels, of each class, drawn by the seed", p.Labels)
	}
	list := []string{
		fmt.Sprintf("encoder frozen, in evaluation mode; %s; test set of %d looked at once", counts, p.r.Test),
		"linear: " + p.fitting(),
	}
	list = append(list, "knn: "+p.voting())
	if p.Seeds > 1 {
		list = append(list, fmt.Sprintf("mean and 95 %% interval (Student's t) over %d seeds, which draw the labels, the part held out and the weights of the untrained net", p.Seeds))
	}
	if p.r.Doubles > 0 {
		list = append(list, fmt.Sprintf("%d training examples left out, as the same bytes are in the test set", p.r.Doubles))
	}
	return list
}

// fitting says how the linear model is fitted.
func (o ProbeOptions) fitting() string {
	model := map[data.TargetKind]string{data.Class: "softmax regression", data.Labels: "a logistic regression for each label", data.Values: "ridge regression"}[o.Target.Kind]
	if o.SGD {
		s := eval.PaperSGD
		return fmt.Sprintf("%s by SGD on codes standardised by all training codes: %d epochs, batches of %d, Nesterov momentum %g, rate %g falling to 0 along a cosine, no penalty", model, s.Epochs, s.Batch, s.Momentum, s.Rate)
	}
	return fmt.Sprintf("%s by L-BFGS on codes standardised by all training codes; L2 chosen from 1 to 1e-6 (over the number of examples) on %.0f %% of the labelled ones, at most 10,000, then fitted to all of them", model, 100*heldOut)
}

// voting says how neighbours decide.
func (o ProbeOptions) voting() string {
	votes := "one vote each"
	if o.KNN.Temperature > 0 {
		votes = fmt.Sprintf("votes weighted by exp(cosine/%g)", o.KNN.Temperature)
	}
	return fmt.Sprintf("%d nearest by %v, %s", o.KNN.K, o.KNN.Metric, votes)
}
