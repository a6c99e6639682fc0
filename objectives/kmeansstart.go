package objectives

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/mat"

	"x2vec/data/draw"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// seeding draws the centers of a start by k-means++ (Arthur and Vassilvitskii 2007,
// "k-means++: the advantages of careful seeding"): each is a point drawn with a
// chance in proportion to its squared distance to the nearest one so far. Of
// 2 + ln K such draws the one is kept that leaves the least sum of them (the greedy
// variant of section 5 there, which scikit-learn takes too).
//
// Most distances need not be taken: in a few numbers of each point, sketch, their
// distance can only be less, and where it is no less than that to the nearest
// center the point stays with its own. The draws are the same.
type seeding struct {
	n, d     int
	segments [][]float32 // the points: all segments of per rows, but for the last
	per      int

	e      int       // numbers of a sketch; D where points are their own
	sketch []float32 // (n, e), nil where points are their own
	norm   []float32 // (n) squared length of a sketch

	distance []float32   // (n) squared, to the nearest center so far
	trial    [][]float32 // (n) the same with each candidate
	part     []float64   // (chunks, candidates) sums of those
}

// Of the seeding: how many rows a goroutine takes at a time, the numbers of a
// sketch, the points from which its directions are found, and the share of the
// variance that those must hold to be worth it.
const (
	seedChunk   = 1024
	sketchSize  = 64
	sketchFrom  = 2048
	sketchWorth = 0.4
)

func (s *seeding) row(i int) []float32 {
	return s.segments[i/s.per][i%s.per*s.d:][:s.d]
}

// draw gives the positions of k points.
func (s *seeding) draw(k int, r *draw.Rand) []int {
	s.sketches(r)
	s.distance = make([]float32, s.n)
	vec.Fill(s.distance, math.MaxFloat32)
	candidates := 2 + int(math.Log(float64(k)))
	chunks := (s.n + seedChunk - 1) / seedChunk
	s.part = make([]float64, chunks*candidates)
	for range candidates {
		s.trial = append(s.trial, make([]float32, s.n))
	}
	first := r.IntN(s.n)
	chosen := []int{first}
	s.try(chosen)
	s.distance, s.trial[0] = s.trial[0], s.distance
	sums := make([]float64, s.n) // cumulative
	at := make([]int, candidates)
	for len(chosen) < k {
		total := 0.0
		for i, v := range s.distance {
			total += float64(v)
			sums[i] = total
		}
		for c := range at {
			if total > 0 {
				u := r.Float64() * total
				at[c] = min(sort.Search(s.n, func(i int) bool { return sums[i] > u }), s.n-1)
			} else { // fewer different points than centers
				at[c] = r.IntN(s.n)
			}
		}
		left := s.try(at)
		best := 0
		for c, v := range left {
			if v < left[best] {
				best = c
			}
		}
		s.distance, s.trial[best] = s.trial[best], s.distance
		chosen = append(chosen, at[best])
	}
	return chosen
}

// try writes the distances with each candidate as a further center, and gives their
// sums.
func (s *seeding) try(at []int) (left []float64) {
	l := len(at)
	centers := make([]float32, l*s.e)
	norms := make([]float32, l)
	for c, i := range at {
		copy(centers[c*s.e:(c+1)*s.e], s.sketchOf(i))
		norms[c] = s.norm[i]
	}
	par.For(s.n, seedChunk, func(lo, hi int) {
		dots, diff := make([]float32, (hi-lo)*l), make([]float32, s.d)
		for a := lo; a < hi; { // segments end within a chunk
			b := hi
			if s.sketch == nil {
				b = min(hi, (a/s.per+1)*s.per)
			}
			blas.Serial(false, true, b-a, l, s.e, s.sketchesFrom(a), s.e, centers, s.e, dots[(a-lo)*l:], l, false)
			a = b
		}
		for c := range l {
			y, to, sum := s.row(at[c]), s.trial[c], 0.0
			for i := lo; i < hi; i++ {
				v := s.distance[i]
				size := s.norm[i] + norms[c]
				d := size - 2*dots[(i-lo)*l+c]
				switch {
				case s.sketch == nil && i == at[c]:
					v = 0
				case s.sketch == nil:
					v = min(v, max(d, 0))
				case d-1e-5*size < v: // the sum of squares has six digits
					v = min(v, float32(vec.SquaredError(diff, s.row(i), y)))
				}
				to[i] = v
				sum += float64(v)
			}
			s.part[lo/seedChunk*l+c] = sum
		}
	})
	left = make([]float64, l)
	for i := range (s.n + seedChunk - 1) / seedChunk * l {
		left[i%l] += s.part[i]
	}
	return left
}

func (s *seeding) sketchOf(i int) []float32 { return s.sketchesFrom(i)[:s.e] }

// sketchesFrom is the memory from the sketch of point i on, to the end of its segment.
func (s *seeding) sketchesFrom(i int) []float32 {
	if s.sketch == nil {
		return s.segments[i/s.per][i%s.per*s.d:]
	}
	return s.sketch[i*s.e:]
}

// sketches readies the sketches: coordinates along the directions in which the
// points vary most, and the length of the rest. Two points are no nearer to each
// other than their sketches, whatever the orthonormal directions are; these are
// found roughly (Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4).
func (s *seeding) sketches(r *draw.Rand) {
	s.norm, s.e = make([]float32, s.n), s.d
	if s.d > 2*sketchSize && s.n > sketchFrom {
		s.project(r)
	}
	if s.sketch != nil {
		return
	}
	s.e = s.d
	par.For(s.n, seedChunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			s.norm[i] = float32(vec.SumSquares(s.row(i)))
		}
	})
}

func (s *seeding) project(r *draw.Rand) {
	const k = sketchSize - 1
	some := make([]float32, sketchFrom*s.d)
	mean := make([]float32, s.d)
	for i := range sketchFrom {
		x := s.row(r.IntN(s.n))
		copy(some[i*s.d:], x)
		vec.Axpy(mean, 1.0/sketchFrom, x)
	}
	for i := range sketchFrom {
		x := some[i*s.d : (i+1)*s.d]
		vec.Sub(x, x, mean)
	}
	directions := make([]float32, k*s.d)
	for i := range directions {
		directions[i] = float32(r.Norm())
	}
	along := make([]float32, sketchFrom*k)
	back := mat.NewDense(s.d, k, nil)
	for range 3 {
		blas.Gemm(false, true, sketchFrom, k, s.d, some, s.d, directions, s.d, along, k, false)
		blas.Gemm(true, false, k, s.d, sketchFrom, along, k, some, s.d, directions, s.d, false)
		for i := range k {
			for j, v := range directions[i*s.d : (i+1)*s.d] {
				back.Set(j, i, float64(v))
			}
		}
		q, _ := factorQR(back)
		for i := range k {
			for j := range s.d {
				directions[i*s.d+j] = float32(q.At(j, i))
			}
		}
	}
	blas.Gemm(false, true, sketchFrom, k, s.d, some, s.d, directions, s.d, along, k, false)
	if vec.SumSquares(along) < sketchWorth*vec.SumSquares(some) {
		return
	}
	s.e = sketchSize
	s.sketch = mem.Floats(s.n * s.e)
	par.For(s.n, seedChunk, func(lo, hi int) {
		x := make([]float32, (hi-lo)*s.d)
		for i := lo; i < hi; i++ {
			vec.Sub(x[(i-lo)*s.d:(i-lo+1)*s.d], s.row(i), mean)
		}
		blas.Serial(false, true, hi-lo, k, s.d, x, s.d, directions, s.d, s.sketch[lo*s.e:], s.e, false)
		for i := lo; i < hi; i++ {
			square := vec.SumSquares(x[(i-lo)*s.d : (i-lo+1)*s.d])
			y := s.sketch[i*s.e : (i+1)*s.e]
			y[k] = float32(math.Sqrt(max(0, square-vec.SumSquares(y[:k]))))
			s.norm[i] = float32(square)
		}
	})
}

// start draws the centers of a start, (K, D).
func (p *points) start(o *KMeans, restart int, centers []float32) error {
	k := len(centers) / p.d
	r := draw.New(draw.Key(p.t.Seed, "kmeans/start", restart, 0))
	among := min(p.n, max(o.Sample, k))
	sample := make([]int, 0, among) // positions among which is drawn
	if p.n > among {
		order := draw.NewPerm(r.Uint64(), p.n)
		for i := range among {
			sample = append(sample, order.At(i))
		}
		slices.Sort(sample)
	} else {
		for i := range p.n {
			sample = append(sample, i)
		}
	}
	chosen := make([]int, k)
	if o.Start == randomStart {
		order := draw.NewPerm(r.Uint64(), len(sample))
		for i := range chosen {
			chosen[i] = order.At(i)
		}
	} else {
		s := &seeding{n: len(sample), d: p.d, per: p.rows}
		if p.held != nil && len(sample) == p.n {
			for _, f := range p.held {
				s.segments = append(s.segments, f.F["x"])
			}
		} else {
			x := make([]float32, len(sample)*p.d)
			if err := p.pick(sample, x); err != nil {
				return err
			}
			s.segments, s.per = [][]float32{x}, len(sample)
		}
		chosen = s.draw(k, r)
	}
	for i, at := range chosen {
		chosen[i] = sample[at]
	}
	return p.pick(chosen, centers)
}
