package ops

import "x2vec/graph/ops/vec"

// In a map the classes of a row are apart, and its neighbours lie side by side.
// So the loops of this file take a block of neighbours through one class after
// the other; a vector has one value for each neighbour.
//
// A target distribution is the sum of a point at the target's class,
// (1−Smoothing)·w(t), which is added row by row, and of a share q of every class:
// Smoothing/C·w(c), or all of it for soft targets.

// mapBlock is how many neighbours a block has at most: few enough for all their
// classes to stay in the cache.
const mapBlock = 256

// mapVectors are those of one block.
type mapVectors struct {
	norm, share []float32 // log Σeˣ and Σq over the classes; they outlive the loop
	largest     []float32 // max x
	dot         []float32 // Σ q·(x − largest)
	q, t        []float32 // for one class
}

const mapScratch = 4 * mapBlock // values that mapVectors takes from the scratch

func (k *CrossEntropy) vectors(lo, r, n int) mapVectors {
	s := k.scratch[lo/k.chunk*k.room:][:k.room]
	at := func(i int) []float32 { return s[i*mapBlock:][:n] }
	return mapVectors{k.norms[r:][:n], k.shares[r:][:n], at(0), at(1), at(2), at(3)}
}

// block is how many rows from r on, and before hi, lie side by side.
func (k *CrossEntropy) block(r, hi int) int {
	return min(mapBlock, hi-r, k.inner-r%k.inner)
}

// class is class c of the n rows from row r on, in x or an array of its shape.
func (k *CrossEntropy) class(x []float32, c, r, n int) []float32 {
	return x[(r/k.inner*k.classes+c)*k.inner+r%k.inner:][:n]
}

// share writes q for class c of the rows from row r on.
func (k *CrossEntropy) share(q []float32, c, r int) {
	w := float32(1)
	if k.Weighted {
		w = k.in[2].F[c]
	}
	vec.Fill(q, w*k.Smoothing/float32(k.classes))
	if k.Soft {
		vec.Axpy(q, w*(1-k.Smoothing), k.class(k.in[1].F, c, r, len(q)))
	}
}

// point is what the target distribution has at the target t besides its share.
func (k *CrossEntropy) point(t int) float64 {
	return (1 - float64(k.Smoothing)) * k.weight(t)
}

func (k *CrossEntropy) forwardMap(lo, hi int) {
	x := k.in[0].F
	var sum, weight float64
	for r := lo; r < hi; {
		n := k.block(r, hi)
		v := k.vectors(lo, r, n)
		k.normalise(v, r)
		// The loss of a row is Σ q·(norm − x) and the same for the point.
		if k.Soft {
			sum += vec.Dot(v.share, v.norm) - vec.Sum(v.dot)
			weight += float64(n)
		} else {
			for i := range n {
				t := k.in[1].I[r+i]
				if k.ignored(t) {
					continue
				}
				logit := k.class(x, t, r, n)[i] - v.largest[i]
				sum += k.point(t)*float64(v.norm[i]-logit) + float64(v.share[i])*float64(v.norm[i]) - float64(v.dot[i])
				weight += k.weight(t)
			}
		}
		vec.Add(v.norm, v.norm, v.largest)
		r += n
	}
	k.sums[lo/k.chunk], k.weights[lo/k.chunk] = sum, weight
}

// normalise writes the vectors of a block; norm still without largest, so that
// large logits cancel exactly.
func (k *CrossEntropy) normalise(v mapVectors, r int) {
	x, n := k.in[0].F, len(v.norm)
	copy(v.largest, k.class(x, 0, r, n))
	for c := 1; c < k.classes; c++ {
		for i, z := range k.class(x, c, r, n) {
			if z > v.largest[i] {
				v.largest[i] = z
			}
		}
	}
	clear(v.norm)
	clear(v.share)
	clear(v.dot)
	for c := range k.classes {
		vec.Sub(v.t, k.class(x, c, r, n), v.largest)
		if !k.plain() {
			k.share(v.q, c, r)
			vec.Add(v.share, v.share, v.q)
			vec.Mul(v.q, v.q, v.t)
			vec.Add(v.dot, v.dot, v.q)
		}
		vec.Exp(v.t, v.t)
		vec.Add(v.norm, v.norm, v.t)
	}
	vec.Log(v.norm, v.norm)
}

// backwardMap writes dx = p·Σq·c − q·c, with c the gradient of a row's loss.
func (k *CrossEntropy) backwardMap(lo, hi int) {
	x, dx := k.in[0].F, k.din[0]
	for r := lo; r < hi; {
		n := k.block(r, hi)
		v := k.vectors(lo, r, n)
		scale, mass := v.largest, v.dot // c and Σq·c
		for i := range n {
			c, q := k.c, float64(v.share[i])
			if !k.Soft {
				if t := k.in[1].I[r+i]; k.ignored(t) {
					c = 0
				} else {
					q += k.point(t)
				}
			}
			scale[i], mass[i] = float32(c), float32(c*q)
		}
		for c := range k.classes {
			d := k.class(dx, c, r, n)
			vec.Sub(d, k.class(x, c, r, n), v.norm)
			vec.Exp(d, d)
			vec.Mul(d, d, mass)
			if !k.plain() {
				k.share(v.q, c, r)
				vec.Mul(v.q, v.q, scale)
				vec.Sub(d, d, v.q)
			}
		}
		if !k.Soft {
			for i := range n {
				if t := k.in[1].I[r+i]; !k.ignored(t) {
					k.class(dx, t, r, n)[i] -= float32(k.c * k.point(t))
				}
			}
		}
		r += n
	}
}
