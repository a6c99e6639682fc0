package objectives

import (
	"cmp"
	"math"
	"slices"
)

// AveragePrecision is the average precision of answers z to labels y: the mean, over the
// examples whose label is 1, of the share of ones among those answered as high or
// higher (Everingham et al. 2010, "The Pascal visual object classes challenge", without
// its interpolation). NaN where no label, or every one, is 1.
func AveragePrecision(z, y []float64) float64 {
	order := make([]int, len(z))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
	var ones, sum float64
	for at := 0; at < len(order); {
		end := at + 1 // of those answered alike; NaN is like nothing
		for ; end < len(order) && z[order[end]] == z[order[at]]; end++ {
		}
		var here float64
		for _, i := range order[at:end] {
			here += y[i]
		}
		ones += here
		sum += here * ones / float64(end)
		at = end
	}
	if ones == 0 || ones == float64(len(y)) {
		return math.NaN()
	}
	return sum / ones
}
