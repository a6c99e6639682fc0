package eval

import (
	"context"
	"fmt"
)

// The kNN figure of a code: that of the peers it is compared with.
const knnK = 20

// effectiveRank is the name of that figure.
const effectiveRank = "effective rank"

// The least effective rank that raises no alarm, of codes of as many values: an
// encoder that tells apart more than a line of examples has a higher one.
const (
	leastRank   = 2
	leastRankOf = 8
)

// Collapsed says so where the figures of codes of d values show that nearly all
// examples have one code or lie on one line (the effective rank as Garrido et al.
// 2023, "RankMe", arXiv:2210.02885, judge by it).
func Collapsed(figures []Figure, d int) string {
	for _, f := range figures {
		if f.Name == effectiveRank && d >= leastRankOf && f.Value < leastRank {
			return fmt.Sprintf("the codes have collapsed: their effective rank is %.3g of %d", float64(f.Value), d)
		}
	}
	return ""
}

// Code takes all figures of an encoder from its codes of training and test
// examples: kNN accuracy and linear probe where there are labels, and the spread
// of the test codes. What cannot be taken is left out, and skipped says why, in
// one sentence each. Where there are no labels training codes may be left out. It
// leaves, with the cause, when the context ends.
func Code(ctx context.Context, train, test Features) (figures []Figure, skipped []string, err error) {
	if len(train.X) == 0 && len(train.Labels) == 0 {
		err = test.check("test")
	} else {
		err = check2(train, test)
	}
	if err != nil {
		return nil, nil, err
	}
	skip := func(what string, why error) { skipped = append(skipped, fmt.Sprintf("%s: left out: %v", what, why)) }

	labelled, asked := train.Labelled(), test.Labelled()
	if labelled.N() > 0 && asked.N() > 0 {
		sizes := fmt.Sprintf("%d test codes against %d training codes", asked.N(), labelled.N())
		knn := KNN{K: min(knnK, labelled.N()), Metric: Cosine}
		if acc, err := knn.Accuracy(ctx, labelled, asked); ctx.Err() != nil {
			return nil, nil, ended(ctx)
		} else if err != nil {
			skip("kNN accuracy", err)
		} else {
			figures = append(figures, Figure{"kNN accuracy", Number(acc), "higher",
				fmt.Sprintf("k = %d, cosine; %s", knn.K, sizes)})
		}
		if c, err := LinearProbe.Fit(ctx, labelled); ctx.Err() != nil {
			return nil, nil, ended(ctx)
		} else if err != nil {
			skip("linear probe accuracy", err)
		} else if acc, err := c.Accuracy(asked); err != nil {
			skip("linear probe accuracy", err)
		} else {
			note := fmt.Sprintf("logistic regression on standardised codes, C = 1, %d iterations", c.Iterations)
			if !c.Converged {
				note += ", stopped there"
			}
			note += "; " + sizes
			figures = append(figures, Figure{"linear probe accuracy", Number(acc), "higher", note})
		}
	}
	if s, err := SpreadOf(test); err != nil {
		skip("effective rank", err)
	} else {
		note := fmt.Sprintf("of %d", test.D)
		if s.Of < test.N() {
			note += fmt.Sprintf("; over %d of the test examples, so that it can be %d at most", s.Of, s.Of-1)
		}
		if s.Dead > 0 {
			note += fmt.Sprintf("; %d values never change", s.Dead)
		}
		figures = append(figures, Figure{effectiveRank, Number(s.EffectiveRank), "", note})
	}
	return figures, skipped, nil
}
