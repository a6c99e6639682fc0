package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Attention is scaled dot-product attention over several heads (Vaswani et al.
// 2017, arXiv:1706.03762, eq. 1 and section 3.2.2): for each head, with d = D/Heads,
// y = softmax(q kᵀ/√d) v.
//
// The input is one projection, (B, T, 3D): the queries of all heads, then the
// keys, then the values, head h being columns h·d to (h+1)·d−1 of each. With Cross
// it is two, queries (B, T, D) and keys with values (B, S, 2D). With Masked a last
// input (B, S) says which keys are there: 0 leaves a key out. The result is
// (B, T, D). A query that may look at no key at all gets zeros.
//
// The heads are multiplied where they lie, without being copied or transposed.
// Queries are taken in blocks, so that the scores of one block are all that a
// goroutine needs: memory grows as T+S, not as T·S. The probabilities of short
// sequences are kept for the gradient, those of long ones computed again.
type Attention struct {
	Heads  int
	Cross  bool
	Masked bool
	Causal bool // query t looks at keys 0 to t only; not with Cross

	b, t, s, h int // h = D, the values of a token over all heads
	d          int // values of one head
	ldq, ldkv  int // from one token to the next
	ld         int // from one row of scores to the next: s in whole vectors
	block      int // queries taken at a time
	chunk      int // heads taken at a time
	scale      float32

	saved, keeps bool
	p            []float32 // (B·Heads, T, ld), where they are kept
	first, end   []int     // (B) the first key that is there, and one more than the last
	gaps         []bool    // (B) whether one between them is not

	call
	lanes             *lanes
	forward, backward func(lo, hi int)
}

const (
	// scoreVector is what rows of scores are a multiple of: a product whose columns
	// fill the vectors is faster than one with a remainder.
	scoreVector = 16
	// attentionBlock is the number of queries in a block, but for short sequences,
	// which are not cut: up to maxAttentionBlock.
	attentionBlock, maxAttentionBlock = 64, 128
	// keptScores bounds the probabilities that are kept for the gradient, in values a
	// key for each value of a head: 4 is the memory of a hidden layer of a usual
	// block. Computing them again costs attention 10 to 15 % of its time, whatever
	// the length (measured from 65 to 1000 tokens).
	keptScores = 4
	// attentionWork is how many multiplications a chunk of heads should have.
	attentionWork = 1 << 18
)

// Name implements Kernel.
func (k *Attention) Name() string { return "attention" }

// Save implements Saver.
func (k *Attention) Save() { k.saved = true }

// Shape implements Kernel.
func (k *Attention) Shape(in []tensor.Shape) (tensor.Shape, error) {
	for i, x := range in {
		if k.Grads()[i] && x.Dims() != 3 {
			return nil, fmt.Errorf("the inputs are %v; want (B, T, 3D), or (B, T, D) and (B, S, 2D)", in)
		}
	}
	q := in[0]
	k.b, k.t = q[0], q[1]
	if k.Cross {
		kv := in[1]
		if kv[0] != k.b || kv[2] != 2*q[2] {
			return nil, fmt.Errorf("queries are %v and keys with values %v; want (B, T, D) and (B, S, 2D)", q, kv)
		}
		k.s, k.h, k.ldq, k.ldkv = kv[1], q[2], q[2], kv[2]
		if k.Causal {
			return nil, fmt.Errorf("a causal mask is for attention of a sequence to itself")
		}
	} else {
		if q[2]%3 != 0 {
			return nil, fmt.Errorf("the input is %v; want (B, T, 3D)", q)
		}
		k.s, k.h, k.ldq, k.ldkv = k.t, q[2]/3, q[2], q[2]
	}
	if k.Heads < 1 || k.h%k.Heads != 0 {
		return nil, fmt.Errorf("%d values cannot be shared by %d heads", k.h, k.Heads)
	}
	if k.Masked && !slices.Equal(in[len(in)-1], tensor.Shape{k.b, k.s}) {
		return nil, fmt.Errorf("the mask is %v; want (%d, %d), one value for each key", in[len(in)-1], k.b, k.s)
	}
	k.d = k.h / k.Heads
	k.scale = attentionScale(k.d)
	k.ld = (k.s + scoreVector - 1) / scoreVector * scoreVector
	k.block = k.t
	if k.t > maxAttentionBlock {
		k.block = attentionBlock
	}
	k.chunk = max(1, attentionWork/(k.t*k.ld*k.d))
	k.keeps = k.ld <= keptScores*k.d
	k.first, k.end, k.gaps = make([]int, k.b), make([]int, k.b), make([]bool, k.b)
	k.lanes = new(lanes)
	k.forward, k.backward = k.forwardHeads, k.backwardHeads
	return tensor.Shape{k.b, k.t, k.h}, nil
}

// attentionScale is 1/√d (Vaswani et al., eq. 1).
func attentionScale(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }

// Grads implements Kernel.
func (k *Attention) Grads() []bool {
	g := []bool{true}
	if k.Cross {
		g = append(g, true)
	}
	if k.Masked {
		g = append(g, false)
	}
	return g
}

// Forward implements Kernel.
func (k *Attention) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	if k.saved && k.keeps && k.p == nil {
		k.p = mem.Floats(k.b * k.Heads * k.t * k.ld)
	}
	k.bounds()
	k.lanes.open(k.room())
	par.For(k.b*k.Heads, k.chunk, k.forward)
	k.lanes.close()
	k.call = call{}
}

// Backward implements Kernel.
func (k *Attention) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	k.bounds()
	k.lanes.open(k.room())
	par.For(k.b*k.Heads, k.chunk, k.backward)
	k.lanes.close()
	k.call = call{}
}

// bounds finds the keys that are there.
func (k *Attention) bounds() {
	for b := range k.b {
		k.first[b], k.end[b] = 0, k.s
		if !k.Masked {
			continue
		}
		there := k.mask(b)
		for k.end[b] > 0 && there[k.end[b]-1] == 0 {
			k.end[b]--
		}
		for k.first[b] < k.end[b] && there[k.first[b]] == 0 {
			k.first[b]++
		}
		k.gaps[b] = slices.Contains(there[:k.end[b]], 0)
	}
}

func (k *Attention) mask(b int) []float32 { return k.in[len(k.in)-1].F[b*k.s:][:k.s] }

// room is the memory of one goroutine: keys, values, probabilities, and the
// gradient of scores.
func (k *Attention) room() int { return 2*k.ld*k.d + 2*k.block*k.ld }

// head is one head of one example.
type head struct {
	k      *Attention
	b, i   int       // example; head, counted through the examples
	n      int       // keys that may be looked at
	q      []float32 // (T, d), ldq from row to row
	kk, v  []float32 // (S, d), ldkv from row to row
	y      int       // where the output begins, h from row to row
	lane   int
	kp, vp padded // the keys and values in whole vectors
	p, ds  []float32
}

// padded are rows in whole vectors: those beyond the last are zero.
type padded struct {
	room []float32
	x    []float32
	ld   int
}

// of copies n rows, unless they fill the vectors where they are.
func (p *padded) of(x []float32, ld, n, d int) {
	if n%scoreVector == 0 {
		p.x, p.ld = x, ld
		return
	}
	for r := range n {
		copy(p.room[r*d:(r+1)*d], x[r*ld:])
	}
	clear(p.room[n*d : wholeVectors(n)*d])
	p.x, p.ld = p.room, d
}

func wholeVectors(n int) int { return (n + scoreVector - 1) / scoreVector * scoreVector }

// at readies h for head i.
func (h *head) at(i int) {
	k := h.k
	h.i, h.b = i, i/k.Heads
	h.n = k.end[h.b]
	col := i % k.Heads * k.d
	h.q = k.in[0].F[h.b*k.t*k.ldq+col:]
	if k.Cross {
		h.kk = k.in[1].F[h.b*k.s*k.ldkv+col:]
		h.v = h.kk[k.h:]
	} else {
		h.kk = h.q[k.h:]
		h.v = h.q[2*k.h:]
	}
	h.y = h.b*k.t*k.h + col
}

// begin takes a lane.
func (h *head) begin(k *Attention) {
	var mem []float32
	h.k = k
	h.lane, mem = k.lanes.take()
	n := k.ld * k.d
	h.kp.room, h.vp.room = mem[:n], mem[n:2*n]
	h.p, h.ds = mem[2*n:2*n+k.block*k.ld], mem[2*n+k.block*k.ld:]
}

// keys is how many of the keys query t may look at.
func (h *head) keys(t int) int {
	if h.k.Causal {
		return min(h.n, t+1)
	}
	return h.n
}

// probabilities are those of queries t0 to t1-1, (t1−t0, keys(t1−1)), ld from row
// to row; beyond a row's own keys they are zero.
func (h *head) probabilities(t0, t1 int) []float32 {
	k := h.k
	p := h.p
	if k.p != nil {
		p = k.p[(h.i*k.t+t0)*k.ld:]
	}
	most := wholeVectors(h.keys(t1 - 1))
	blas.Serial(false, true, t1-t0, most, k.d, h.q[t0*k.ldq:], k.ldq, h.kp.x, h.kp.ld, p, k.ld, false)
	for t := t0; t < t1; t++ {
		row, n := p[(t-t0)*k.ld:][:most], h.keys(t)
		if n <= k.first[h.b] {
			clear(row)
			continue
		}
		if k.gaps[h.b] {
			for j, there := range k.mask(h.b)[:n] {
				if there == 0 {
					row[j] = float32(math.Inf(-1))
				}
			}
		}
		vec.SoftmaxRow(row[:n], row[:n], k.scale)
		clear(row[n:])
	}
	return p
}

func (k *Attention) forwardHeads(lo, hi int) {
	var h head
	h.begin(k)
	defer k.lanes.release(h.lane)
	for i := lo; i < hi; i++ {
		h.at(i)
		y := k.out[h.y:]
		if h.n == 0 {
			clearRows(y, k.h, 0, k.t, k.d)
			continue
		}
		h.kp.of(h.kk, k.ldkv, h.n, k.d)
		for t := 0; t < k.t; t += k.block {
			t1 := min(k.t, t+k.block)
			p := h.probabilities(t, t1)                                                                     // (t1−t, S)
			blas.Serial(false, false, t1-t, k.d, h.keys(t1-1), p, k.ld, h.v, k.ldkv, y[t*k.h:], k.h, false) // (t1−t, d)
		}
	}
}

// backwardHeads: with p the probabilities and s the scores, dv = pᵀ dy,
// ds = p∘(dy vᵀ − rowsum(p∘dy vᵀ))/√d, dq = ds k and dk = dsᵀ q.
func (k *Attention) backwardHeads(lo, hi int) {
	var h head
	h.begin(k)
	defer k.lanes.release(h.lane)
	for i := lo; i < hi; i++ {
		h.at(i)
		dq, dk, dv := h.gradients()
		written := h.keys(min(k.t, k.block) - 1) // by the first block; the others add
		if dk != nil {
			clearRows(dk, k.ldkv, written, k.s, k.d)
			clearRows(dv, k.ldkv, written, k.s, k.d)
		}
		if h.n == 0 {
			if dq != nil {
				clearRows(dq, k.ldq, 0, k.t, k.d)
			}
			continue
		}
		h.vp.of(h.v, k.ldkv, h.n, k.d)
		if k.p == nil {
			h.kp.of(h.kk, k.ldkv, h.n, k.d)
		}
		for t := 0; t < k.t; t += k.block {
			t1 := min(k.t, t+k.block)
			m, n := t1-t, h.keys(t1-1)
			var p []float32 // (m, n)
			if k.p != nil {
				p = k.p[(h.i*k.t+t)*k.ld:]
			} else {
				p = h.probabilities(t, t1)
			}
			dy := k.dout[h.y+t*k.h:]                                                                       // (m, d)
			blas.Serial(false, true, m, wholeVectors(n), k.d, dy, k.h, h.vp.x, h.vp.ld, h.ds, k.ld, false) // (m, n)
			for r := range m {
				own := h.keys(t + r)
				ds := h.ds[r*k.ld:][:n]
				vec.SoftmaxGradRow(ds[:own], ds[:own], p[r*k.ld:][:own], k.scale)
				clear(ds[own:])
			}
			if dq != nil {
				blas.Serial(false, false, m, k.d, n, h.ds, k.ld, h.kk, k.ldkv, dq[t*k.ldq:], k.ldq, false) // (m, d)
			}
			if dk != nil {
				blas.Serial(true, false, n, k.d, m, p, k.ld, dy, k.h, dv, k.ldkv, t > 0)                 // (n, d)
				blas.Serial(true, false, n, k.d, m, h.ds, k.ld, h.q[t*k.ldq:], k.ldq, dk, k.ldkv, t > 0) // (n, d)
			}
		}
	}
}

// gradients are where those of q, k and v belong, nil where nobody asks.
func (h *head) gradients() (dq, dk, dv []float32) {
	k, col := h.k, h.i%h.k.Heads*h.k.d
	if d := k.din[0]; d != nil {
		dq = d[h.b*k.t*k.ldq+col:]
		if !k.Cross {
			return dq, dq[k.h:], dq[2*k.h:]
		}
	}
	if k.Cross && k.din[1] != nil {
		dk = k.din[1][h.b*k.s*k.ldkv+col:]
		dv = dk[k.h:]
	}
	return dq, dk, dv
}

// clearRows sets d columns of rows from to to-1 to zero.
func clearRows(x []float32, ld, from, to, d int) {
	for r := from; r < to; r++ {
		clear(x[r*ld:][:d])
	}
}
