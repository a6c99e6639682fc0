package draw

import "math/bits"

// An Alias draws from a fixed distribution over 0..n-1 in constant time (Walker
// 1977; built as in Vose 1991, "A linear algorithm for generating random numbers
// with a given distribution"). It is safe for concurrent use.
type Alias struct{ places []place }

// A place is left at this value with a chance of stay/2³², and otherwise at other.
type place struct{ stay, other uint32 }

// NewAlias is the distribution in proportion to weights. It panics unless they are
// finite, none is negative, and one is positive.
func NewAlias(weights []float64) *Alias {
	n, sum := len(weights), 0.0
	for _, w := range weights {
		if !(w >= 0) {
			panic("draw: NewAlias of a weight that is negative or NaN")
		}
		sum += w
	}
	if !(sum > 0 && sum*0 == 0) || uint64(n) >= 1<<32 {
		panic("draw: NewAlias of weights that have no positive, finite sum")
	}
	a := &Alias{make([]place, n)}
	share := make([]float64, n) // of a place, 1 on average
	var small, large []uint32
	for i, w := range weights {
		share[i] = w / sum * float64(n)
		if share[i] < 1 {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.places[s] = place{uint32(min(share[s]*0x1p32, 0xffffffff)), l}
		if share[l] -= 1 - share[s]; share[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// What rounding has left is full.
	for _, i := range append(small, large...) {
		a.places[i] = place{0xffffffff, i}
	}
	return a
}

// Draw draws one value.
func (a *Alias) Draw(r *Rand) int {
	i, low := bits.Mul64(r.Uint64(), uint64(len(a.places)))
	if p := a.places[i]; uint32(low>>32) >= p.stay {
		return int(p.other)
	}
	return int(i)
}
