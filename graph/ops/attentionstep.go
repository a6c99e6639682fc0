package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// AttentionStep is causal Attention one token at a time: of each of B sequences the
// token at one place looks at itself and at those before it, of which the keys and
// values were kept when they were the token. The inputs are its projection, (B, 1,
// 3D) as for Attention, and its place, integers (B, 1) below Length; the result is
// (B, 1, D). A sequence begins at place 0 and goes on place by place, or any number
// of places back. There is no gradient.
type AttentionStep struct {
	Heads  int
	Length int // tokens of the longest sequence

	b, h, d    int // h = D, the values of a token over all heads; d those of one head
	scale      float32
	keys, vals []float32 // (B, Heads, Length, d)
	scores     []float32 // (B, Heads, Length)

	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *AttentionStep) Name() string { return "attention step" }

// Shape implements Kernel.
func (k *AttentionStep) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x := in[0]
	if x.Dims() != 3 || x[1] != 1 || x[2]%3 != 0 || !slices.Equal(in[1], tensor.Shape{x[0], 1}) {
		return nil, fmt.Errorf("the inputs are %v and %v; want (B, 1, 3D) and (B, 1)", x, in[1])
	}
	k.b, k.h = x[0], x[2]/3
	if k.Heads < 1 || k.h%k.Heads != 0 {
		return nil, fmt.Errorf("%d values cannot be shared by %d heads", k.h, k.Heads)
	}
	if k.Length < 1 {
		return nil, fmt.Errorf("a sequence has %d tokens, want at least 1", k.Length)
	}
	k.d = k.h / k.Heads
	k.scale = attentionScale(k.d)
	k.keys = make([]float32, k.b*k.Length*k.h)
	k.vals = make([]float32, len(k.keys))
	k.scores = make([]float32, k.b*k.Heads*k.Length)
	k.forward = k.forwardHeads
	return tensor.Shape{k.b, 1, k.h}, nil
}

// Grads implements Kernel.
func (k *AttentionStep) Grads() []bool { return []bool{false, false} }

// Ints implements Indexer.
func (k *AttentionStep) Ints() []bool { return []bool{false, true} }

// Check implements Checker.
func (k *AttentionStep) Check(in []Arg) error { return inRange(in[1].I, 1, k.Length) }

// Forward implements Kernel.
func (k *AttentionStep) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b*k.Heads, k.Heads, k.forward)
	k.call = call{}
}

func (k *AttentionStep) forwardHeads(lo, hi int) {
	for i := lo; i < hi; i++ {
		b, head := i/k.Heads, i%k.Heads
		place := k.in[1].I[b]
		x := k.in[0].F[b*3*k.h+head*k.d:]
		keys, vals := k.keys[i*k.Length*k.d:], k.vals[i*k.Length*k.d:]
		copy(keys[place*k.d:(place+1)*k.d], x[k.h:])
		copy(vals[place*k.d:(place+1)*k.d], x[2*k.h:])
		p := k.scores[i*k.Length:][:place+1]
		for t := range p {
			p[t] = float32(vec.Dot(x[:k.d], keys[t*k.d:(t+1)*k.d]))
		}
		vec.SoftmaxRow(p, p, k.scale)
		y := k.out[b*k.h+head*k.d:][:k.d]
		clear(y)
		for t, w := range p {
			vec.Axpy(y, w, vals[t*k.d:(t+1)*k.d])
		}
	}
}

// Backward implements Kernel; there is nothing to do.
func (k *AttentionStep) Backward([]Arg, []float32, []float32, [][]float32) {}
