package draw

import (
	"math"
	"testing"
)

// The table draws what the weights say: within 5 deviations, over many draws, and
// never a value of weight 0.
func TestAlias(t *testing.T) {
	for name, weights := range map[string][]float64{
		"one":     {3},
		"equal":   {1, 1, 1, 1},
		"uneven":  {0, 1000, 1, 10, 0, 0.5, 100},
		"Zipf":    {1, 1. / 2, 1. / 3, 1. / 4, 1. / 5, 1. / 6, 1. / 7, 1. / 8, 1. / 9},
		"extreme": {1e-300, 1e300},
	} {
		a, r := NewAlias(weights), New(Key(1, name, 0, 0))
		const n = 200_000
		counts, sum := make([]float64, len(weights)), 0.0
		for range n {
			counts[a.Draw(r)]++
		}
		for _, w := range weights {
			sum += w
		}
		for i, w := range weights {
			p := w / sum
			if d := math.Abs(counts[i] - n*p); d > 5*math.Sqrt(n*p*(1-p)) || p == 0 && counts[i] > 0 {
				t.Errorf("%s: value %d came %v times of %d, want about %.1f", name, i, counts[i], n, n*p)
			}
		}
	}
}

func TestAliasPanics(t *testing.T) {
	for name, weights := range map[string][]float64{
		"none": {}, "all zero": {0, 0}, "negative": {1, -1}, "NaN": {math.NaN()}, "infinite": {1, math.Inf(1)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			NewAlias(weights)
		}()
	}
}

func BenchmarkAlias(b *testing.B) {
	weights := make([]float64, 70_000)
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -0.75)
	}
	a, r := NewAlias(weights), New(1)
	for b.Loop() {
		sink += uint64(a.Draw(r))
	}
}
