package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// CrossEntropy is the softmax cross-entropy of logits x against targets, a
// scalar. Its inputs are x, the targets and, if Weighted, class weights (C).
//
// x is (..., C) and the targets, integers below C, are (...). With Map, x is
// (N, C, ...) as PyTorch lays out maps, and the targets are (N, ...). Soft targets
// are distributions over the classes: float32 values of the shape of x.
//
// With log p the log-softmax of a row, the target distribution of class t is
// q(c) = w(c)·((1−Smoothing)·[c=t] + Smoothing/C), w being the class weights or 1
// (label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7). The loss is
// −Σ q(c)·log p(c) summed over rows and divided by Σ w(t), or by the number of
// rows for soft targets, as in PyTorch. Where no row counts it is 0.
type CrossEntropy struct {
	Soft      bool    // the targets are distributions
	Map       bool    // classes are the second axis
	Weighted  bool    // there is a third input
	Smoothing float32 // 0 ≤ Smoothing < 1
	Ignores   bool    // rows with the target Ignore do not count
	Ignore    int

	n, classes, inner int // x is (n, classes, inner); inner is 1 but for maps
	rows, chunk       int
	sums, weights     []float64
	norm              float64
	norms, shares     []float32 // of maps: see mapVectors

	call
	scratch           []float32 // per chunk, k.room values
	room              int
	c                 float64
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *CrossEntropy) Name() string { return "cross-entropy" }

// Shape implements Kernel.
func (k *CrossEntropy) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, t := in[0], in[1]
	axis := x.Dims() - 1
	if k.Map {
		axis = 1
	}
	if axis < 0 || axis >= x.Dims() {
		return nil, fmt.Errorf("logits are %v; want (..., C), or (N, C, ...) for maps", x)
	}
	k.classes = x[axis]
	k.n, k.inner = 1, 1
	want := tensor.Shape{}
	for i, d := range x {
		switch {
		case i < axis:
			k.n *= d
		case i > axis:
			k.inner *= d
		}
		if i != axis || k.Soft {
			want = append(want, d)
		}
	}
	if !slices.Equal(t, want) {
		return nil, fmt.Errorf("logits are %v and targets %v, want %v", x, t, want)
	}
	if k.Weighted && !slices.Equal(in[2], tensor.Shape{k.classes}) {
		return nil, fmt.Errorf("class weights are %v, want (%d)", in[2], k.classes)
	}
	if !(k.Smoothing >= 0 && k.Smoothing < 1) {
		return nil, fmt.Errorf("smoothing is %v, want 0 to below 1", k.Smoothing)
	}
	k.rows = k.n * k.inner
	k.chunk = rowChunk(k.rows, k.classes)
	if k.inner > 1 { // whole blocks: a map is then read from its first value to its last
		b := min(k.inner, mapBlock)
		k.chunk = parts(k.chunk, b) * b
	}
	k.sums = make([]float64, parts(k.rows, k.chunk))
	k.weights = make([]float64, len(k.sums))
	k.forward, k.backward, k.room = k.forwardRows, k.backwardRows, 2*k.classes
	if k.inner > 1 {
		k.forward, k.backward, k.room = k.forwardMap, k.backwardMap, mapScratch
		k.norms, k.shares = make([]float32, k.rows), make([]float32, k.rows)
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *CrossEntropy) Grads() []bool {
	if k.Weighted {
		return []bool{true, false, false}
	}
	return []bool{true, false}
}

// Ints implements Indexer.
func (k *CrossEntropy) Ints() []bool { return []bool{false, !k.Soft, false}[:len(k.Grads())] }

// Check implements Checker.
func (k *CrossEntropy) Check(in []Arg) error {
	for i, t := range in[1].I {
		if (t < 0 || t >= k.classes) && !(k.Ignores && t == k.Ignore) {
			return fmt.Errorf("target %d is class %d; there are %d classes", i, t, k.classes)
		}
	}
	return nil
}

// Forward implements Kernel.
func (k *CrossEntropy) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.scratch = borrow(len(k.sums) * k.room)
	par.For(k.rows, k.chunk, k.forward)
	giveBack(k.scratch)
	k.norm = total(k.weights)
	out[0] = 0
	if k.norm != 0 {
		out[0] = float32(total(k.sums) / k.norm)
	}
	k.call, k.scratch = call{}, nil
}

func (k *CrossEntropy) forwardRows(lo, hi int) {
	p, q := k.rowsOf(lo)
	var sum, weight float64
	for r := lo; r < hi; r++ {
		x := k.in[0].F[r*k.classes:][:k.classes]
		if k.plain() {
			if t := k.in[1].I[r]; !k.ignored(t) {
				w := k.weight(t)
				sum += w * float64(vec.SoftmaxRow(p, x, 1)-x[t])
				weight += w
			}
		} else if w, counts := k.target(q, r); counts {
			sum += vec.Sum(q)*float64(vec.SoftmaxRow(p, x, 1)) - vec.Dot(q, x)
			weight += w
		}
	}
	k.sums[lo/k.chunk], k.weights[lo/k.chunk] = sum, weight
}

// Backward implements Kernel: dx = (p·Σq − q)·dy/norm.
func (k *CrossEntropy) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	k.c = 0
	if k.norm != 0 {
		k.c = float64(dout[0]) / k.norm
	}
	k.scratch = borrow(len(k.sums) * k.room)
	par.For(k.rows, k.chunk, k.backward)
	giveBack(k.scratch)
	k.call, k.scratch = call{}, nil
}

func (k *CrossEntropy) backwardRows(lo, hi int) {
	_, q := k.rowsOf(lo)
	for r := lo; r < hi; r++ {
		x, dx := k.in[0].F[r*k.classes:][:k.classes], k.din[0][r*k.classes:][:k.classes]
		if k.plain() {
			t := k.in[1].I[r]
			if k.ignored(t) || k.c == 0 {
				clear(dx)
				continue
			}
			c := float32(k.c * k.weight(t))
			vec.SoftmaxRow(dx, x, 1)
			vec.Scale(dx, dx, c)
			dx[t] -= c
			continue
		}
		if _, counts := k.target(q, r); !counts || k.c == 0 {
			clear(dx)
			continue
		}
		vec.SoftmaxRow(dx, x, 1)
		vec.Scale(dx, dx, float32(vec.Sum(q)*k.c))
		vec.Axpy(dx, -float32(k.c), q)
	}
}

// plain reports whether a row's target is one class and nothing else.
func (k *CrossEntropy) plain() bool { return !k.Soft && k.Smoothing == 0 }

func (k *CrossEntropy) ignored(t int) bool { return k.Ignores && t == k.Ignore }

func (k *CrossEntropy) weight(t int) float64 {
	if k.Weighted {
		return float64(k.in[2].F[t])
	}
	return 1
}

// rowsOf is the scratch of the chunk that begins at row lo.
func (k *CrossEntropy) rowsOf(lo int) (p, q []float32) {
	s := k.scratch[lo/k.chunk*k.room:][:k.room]
	return s[:k.classes], s[k.classes:]
}

// target writes the target distribution of row r. It returns the row's weight,
// and whether it counts at all.
func (k *CrossEntropy) target(q []float32, r int) (weight float64, counts bool) {
	smooth := k.Smoothing / float32(k.classes)
	if k.Soft {
		t := k.in[1].F[r*k.classes:][:k.classes]
		if k.Smoothing == 0 {
			copy(q, t)
		} else {
			vec.Fill(q, smooth)
			vec.Axpy(q, 1-k.Smoothing, t)
		}
		weight = 1
	} else {
		t := k.in[1].I[r]
		if k.ignored(t) {
			return 0, false
		}
		vec.Fill(q, smooth)
		q[t] += 1 - k.Smoothing
		weight = k.weight(t)
	}
	if k.Weighted {
		vec.Mul(q, q, k.in[2].F)
	}
	return weight, true
}
