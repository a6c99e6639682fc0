package transforms

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// An AB is a colour without its lightness: a and b of CIE Lab.
type AB [2]float32

// abRows are the bins: for each a the first and the last b.
var abRows = [][3]int{
	{-90, 50, 90}, {-80, 20, 90}, {-70, 0, 90}, {-60, -20, 100}, {-50, -30, 100}, {-40, -40, 100}, {-30, -40, 100},
	{-20, -50, 100}, {-10, -60, 100}, {0, -70, 100}, {10, -80, 90}, {20, -80, 90}, {30, -90, 90}, {40, -100, 80},
	{50, -100, 80}, {60, -110, 80}, {70, -110, 80}, {80, -120, 80}, {90, -110, 70}, {100, -80, -10}, {110, -60, -60},
}

// ABStep is the distance of neighbouring bins.
const ABStep = 10

// ABBins are the 313 colours of which colorization picks (Zhang, Isola and Efros
// 2016, arXiv:1603.08511, section 2.1): the points of a grid of 10 that lie nearest
// to the colours of sRGB, by a and then b.
func ABBins() []AB {
	var bins []AB
	for _, r := range abRows {
		for b := r[1]; b <= r[2]; b += ABStep {
			bins = append(bins, AB{float32(r[0]), float32(b)})
		}
	}
	return bins
}

// A SoftEncoder describes a colour by the K bins nearest to it, each with the share
// exp(−d²/2σ²) of its distance d, all shares adding up to 1 (Zhang, Isola and Efros
// 2016, section 2.2). It is safe for use by several goroutines.
//
// The few bins that can be among the nearest anywhere in a cell of the plane are
// listed beforehand; the result is the same as from a search through all bins.
type SoftEncoder struct {
	bins  []AB
	k     int
	scale float64 // 1/2σ²
	list  []near  // of all cells, one after the other
	first []int32 // where those of each cell begin, and the end
	all   []near  // for colours beyond the cells
}

// near is a bin that may be near.
type near struct {
	at  AB
	bin int
}

// MaxNear is the most bins that can describe a colour.
const MaxNear = 16

// The cells cover [−cellBound, cellBound]²: all colours of sRGB, which reach from
// −108 to 99.
const (
	cellSize  = 2
	cellBound = 112
	cellsSide = 2 * cellBound / cellSize
)

// NewSoftEncoder lists the bins of every cell: 1 ≤ k ≤ 16 and at most as many as
// there are bins, sigma above 0.
func NewSoftEncoder(bins []AB, k int, sigma float64) (*SoftEncoder, error) {
	switch {
	case k < 1 || k > min(MaxNear, len(bins)):
		return nil, fmt.Errorf("the nearest %d of %d bins: want 1 to %d", k, len(bins), min(MaxNear, len(bins)))
	case !(sigma > 0) || math.IsInf(sigma, 0):
		return nil, fmt.Errorf("sigma is %g, want more than 0", sigma)
	}
	e := &SoftEncoder{bins: bins, k: k, scale: 1 / (2 * sigma * sigma), first: []int32{0}}
	for i, c := range bins {
		e.all = append(e.all, near{c, i})
	}
	nearest, kth := make([]float64, len(bins)), make([]float64, k+1)
	for c := range cellsSide * cellsSide {
		lowA, lowB := float64(c/cellsSide*cellSize-cellBound), float64(c%cellsSide*cellSize-cellBound)
		for i := range kth {
			kth[i] = math.Inf(1)
		}
		for i, bin := range bins {
			nearA, farA := span(float64(bin[0]), lowA)
			nearB, farB := span(float64(bin[1]), lowB)
			nearest[i] = nearA*nearA + nearB*nearB
			j := k
			for far := farA*farA + farB*farB; j > 0 && far < kth[j-1]; j-- {
				kth[j] = kth[j-1]
				kth[j-1] = far
			}
		}
		// Whatever the colour, k bins are no farther than the k-th greatest distance.
		limit := kth[k-1] + 1e-2 // float32 distances round
		from := len(e.list)
		for i, d := range nearest {
			if d <= limit {
				e.list = append(e.list, near{bins[i], i})
			}
		}
		// Those that are near to the middle first: most often they stay there.
		middle := AB{float32(lowA) + cellSize/2, float32(lowB) + cellSize/2}
		slices.SortFunc(e.list[from:], func(m, n near) int { return cmp.Compare(m.distance(middle), n.distance(middle)) })
		e.first = append(e.first, int32(len(e.list)))
	}
	return e, nil
}

// span is the least and the greatest distance of x from [low, low+cellSize].
func span(x, low float64) (near, far float64) {
	high := low + cellSize
	return max(0, low-x, x-high), max(math.Abs(x-low), math.Abs(x-high))
}

// distance is the square of that from a colour.
func (n near) distance(c AB) float32 {
	a, b := c[0]-n.at[0], c[1]-n.at[1]
	return a*a + b*b
}

// Bins are those of the encoder.
func (e *SoftEncoder) Bins() []AB { return e.bins }

// near lists the bins among which the nearest ones are.
func (e *SoftEncoder) near(c AB) []near {
	i, j := (c[0]+cellBound)/cellSize, (c[1]+cellBound)/cellSize
	if i >= 0 && i < cellsSide && j >= 0 && j < cellsSide { // false for NaN
		cell := int(i)*cellsSide + int(j)
		return e.list[e.first[cell]:e.first[cell+1]]
	}
	return e.all
}

// Encode writes the K bins nearest to a colour, the nearest first, and their
// shares. Of bins at one distance the first in the list counts as nearer. A colour
// that is not a number has shares that are not.
func (e *SoftEncoder) Encode(c AB, bins []int, shares []float32) {
	bins, shares = bins[:e.k], shares[:e.k]
	for j := range bins {
		bins[j], shares[j] = len(e.bins), float32(math.Inf(1))
	}
	for _, n := range e.near(c) {
		d := n.distance(c)
		// From the far end on, until one is nearer.
		for j := len(bins) - 1; j >= 0 && !(shares[j] < d) && (shares[j] != d || bins[j] > n.bin); j-- {
			if j+1 < len(bins) {
				bins[j+1], shares[j+1] = bins[j], shares[j]
			}
			bins[j], shares[j] = n.bin, d
		}
	}
	// Over the nearest one's, so that the shares of a colour far from all bins do not
	// vanish.
	least, sum := shares[0], float32(0)
	for j, d := range shares {
		shares[j] = float32(math.Exp(float64(least-d) * e.scale))
		sum += shares[j]
	}
	for j := range shares {
		shares[j] /= sum
	}
}

// Nearest is the bin nearest to a colour.
func (e *SoftEncoder) Nearest(c AB) int {
	best, least := 0, float32(math.Inf(1))
	for _, n := range e.near(c) {
		if d := n.distance(c); d < least || d == least && n.bin < best {
			best, least = n.bin, d
		}
	}
	return best
}

// Rebalance gives the weights of bins by how often they occur, so that rare colours
// count for more: w ∝ 1/((1−λ)·prior + λ/Q) for Q bins, with Σ prior·w = 1 (Zhang,
// Isola and Efros 2016, eq. 4). The prior adds up to 1; 0 ≤ lambda ≤ 1, and with 1
// all weights are 1. A bin that never occurs has the weight 0 where lambda is 0.
func Rebalance(prior []float64, lambda float64) []float32 {
	w := make([]float64, len(prior))
	var mean float64
	for i, p := range prior {
		if q := (1-lambda)*p + lambda/float64(len(prior)); q > 0 {
			w[i] = 1 / q
		}
		mean += p * w[i]
	}
	weights := make([]float32, len(w))
	for i, v := range w {
		weights[i] = float32(v / mean)
	}
	return weights
}
