package eval

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Compactness says in how few directions codes say what they say.
type Compactness struct {
	// EffectiveRank is that of Spread: of the singular values of the centred codes.
	EffectiveRank float64 `json:"effective_rank"`
	// RankMe is the same of the codes as they are, not centred (Garrido et al. 2023,
	// arXiv:2210.02885, eq. 1).
	RankMe float64 `json:"rankme"`
	// Explained are the shares of the variance along the principal directions, largest
	// first.
	Explained []float64 `json:"explained_variance"`
	Dead      int       `json:"dead"` // values that are the same for every code
	Size      int       `json:"size"`
	// Of is how many examples it was taken of: where codes are wide, not of all.
	Of int `json:"examples"`
}

// CompactnessOf takes the compactness of the codes.
func CompactnessOf(f Features) (*Compactness, error) {
	if err := f.check("test"); err != nil {
		return nil, err
	}
	p, s := f.products()
	values, err := eigenvalues(p.centred)
	if err != nil {
		return nil, err
	}
	c := &Compactness{EffectiveRank: entropyRank(roots(values)), Dead: s.Dead, Size: f.D, Of: s.Of}
	total := 0.0
	for _, v := range values {
		total += v
	}
	if total > 0 {
		for _, v := range values {
			c.Explained = append(c.Explained, v/total)
		}
	}
	if values, err = eigenvalues(p.whole()); err != nil {
		return nil, err
	}
	c.RankMe = entropyRank(roots(values))
	return c, nil
}

// Directions is how many principal directions hold a share of the variance.
func (c *Compactness) Directions(share float64) int {
	sum := 0.0
	for i, v := range c.Explained {
		if sum += v; sum >= share-1e-12 {
			return i + 1
		}
	}
	return len(c.Explained)
}

// eigenvalues are those of a covariance, largest first, none below zero.
func eigenvalues(m mat.Symmetric) ([]float64, error) {
	var e mat.EigenSym
	if !e.Factorize(m, false) {
		return nil, fmt.Errorf("effective rank: the eigenvalues of the covariance were not found")
	}
	values := e.Values(nil)
	slices.Reverse(values)
	for i := range values {
		values[i] = max(values[i], 0)
	}
	return values, nil
}

// entropyRank is the exponential of the entropy of values as shares of their sum; 0
// where all are 0.
func entropyRank(values []float64) float64 {
	var total, entropy float64
	for _, v := range values {
		total += v
	}
	if total == 0 {
		return 0
	}
	for _, v := range values {
		if p := v / total; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy)
}
