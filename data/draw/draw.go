// Package draw makes chance reproducible: every draw is a pure function of
// (seed, stream, epoch, index).
//
// A stream is the name of what is drawn: "order", "mask", "dropout". Two streams
// never influence each other, no draw depends on how many were made before it,
// and so a run is the same whatever the number of workers, and going to its
// middle costs nothing. The values are frozen by a test: what was drawn by one
// version of the program is drawn by the next.
package draw

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// golden is 2^64 divided by the golden ratio, the increment of SplitMix64
// (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
const golden = 0x9e3779b97f4a7c15

// mix is a bijection of 64 bits in which every input bit reaches every output
// bit: Stafford's variant 13 of MurmurHash3's finalizer, as SplitMix64 uses it.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Key is the key of the draws that belong to one (seed, stream, epoch, index).
func Key(seed uint64, stream string, epoch, index int) uint64 {
	// FNV-1a over the name; mix then spreads it over all the bits.
	h := uint64(14695981039346656037)
	for i := 0; i < len(stream); i++ {
		h = (h ^ uint64(stream[i])) * 1099511628211
	}
	k := mix(seed + golden)
	k = mix((k ^ h) + golden)
	k = mix((k ^ uint64(epoch)) + golden)
	return mix((k ^ uint64(index)) + golden)
}

// At is the i-th value of the sequence that belongs to key (SplitMix64, which is
// random access). It suits kernels that draw one value an element, in any order.
func At(key, i uint64) uint64 { return mix(key + (i+1)*golden) }

// Rand draws one value after the other. It is a math/rand/v2 Source (PCG-DXSM
// with 128 bits of state) with its own conversions, so that the values do not
// change with the standard library. It is not for concurrent use.
type Rand struct{ pcg rand.PCG }

// New is the generator of key. The same key gives the same values.
func New(key uint64) *Rand {
	r := new(Rand)
	r.Seed(key)
	return r
}

// Seed makes r the generator of key, in place of a new one.
func (r *Rand) Seed(key uint64) { r.pcg.Seed(At(key, 0), At(key, 1)) }

// Uint64 is uniform over 64 bits.
func (r *Rand) Uint64() uint64 { return r.pcg.Uint64() }

// Float64 is uniform in [0, 1), a multiple of 2⁻⁵³.
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) * 0x1p-53 }

// Float32 is uniform in [0, 1), a multiple of 2⁻²⁴.
func (r *Rand) Float32() float32 { return float32(r.Uint64()>>40) * 0x1p-24 }

// IntN is uniform in 0..n-1, without bias (Lemire 2019, arXiv:1805.10941).
// It panics unless n > 0.
func (r *Rand) IntN(n int) int {
	if n <= 0 {
		panic("draw: IntN of a number below 1")
	}
	hi, lo := bits.Mul64(r.Uint64(), uint64(n))
	if lo < uint64(n) {
		for reject := -uint64(n) % uint64(n); lo < reject; {
			hi, lo = bits.Mul64(r.Uint64(), uint64(n))
		}
	}
	return int(hi)
}

// Shuffle orders n items at random by swapping them (Fisher and Yates).
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.IntN(i+1))
	}
}

// Perm is a random order of 0..n-1. NewPerm gives one that needs no memory.
func (r *Rand) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	r.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// The ziggurat of the normal density: layers boxes of equal area, the lowest of
// which has the tail beyond zigTail (Marsaglia and Tsang 2000, "The ziggurat
// method for generating random variables", section 3: 128 boxes, r and area as
// printed there).
const (
	zigLayers = 128
	zigTail   = 3.442619855899
	zigArea   = 9.91256303526217e-3
)

// zigX holds the right edges of the boxes, from the widest to 0; zigY the
// density exp(-x²/2) there.
var zigX, zigY = ziggurat()

func ziggurat() (x, y [zigLayers + 1]float64) {
	density := func(x float64) float64 { return math.Exp(-x * x / 2) }
	x[0] = zigArea / density(zigTail) // as if the tail were part of a box
	x[1] = zigTail
	for i := 2; i < zigLayers; i++ {
		x[i] = math.Sqrt(-2 * math.Log(zigArea/x[i-1]+density(x[i-1])))
	}
	for i := range y {
		y[i] = density(x[i])
	}
	return x, y
}

// Norm is normal with mean 0 and variance 1.
func (r *Rand) Norm() float64 {
	for {
		u := r.Uint64()
		layer := u & (zigLayers - 1)
		sign := 1 - 2*float64(u>>7&1)
		x := float64(u>>11) * 0x1p-53 * zigX[layer]
		if x < zigX[layer+1] {
			return sign * x
		}
		if layer == 0 {
			// The tail, by Marsaglia's method; 1-u is never 0.
			for {
				x := -math.Log(1-r.Float64()) / zigTail
				y := -math.Log(1 - r.Float64())
				if 2*y > x*x {
					return sign * (zigTail + x)
				}
			}
		}
		if zigY[layer]+r.Float64()*(zigY[layer+1]-zigY[layer]) < math.Exp(-x*x/2) {
			return sign * x
		}
	}
}
