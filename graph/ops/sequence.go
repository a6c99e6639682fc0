package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Present says which places of a sequence hold a token: the indices are (B, T),
// negative ones standing for padding, and the result is (B, Lead+T), 1 for a token
// and 0 for none. The first Lead places, such as that of a class token, hold one.
// It is the mask that Attention takes.
type Present struct {
	Lead int

	b, t int
}

// Name implements Kernel.
func (k *Present) Name() string { return "presence of tokens" }

// Shape implements Kernel.
func (k *Present) Shape(in []tensor.Shape) (tensor.Shape, error) {
	ids := in[0]
	if ids.Dims() != 2 || k.Lead < 0 {
		return nil, fmt.Errorf("the indices are %v, after %d other tokens; want (B, T)", ids, k.Lead)
	}
	k.b, k.t = ids[0], ids[1]
	return tensor.Shape{k.b, k.Lead + k.t}, nil
}

// Grads implements Kernel.
func (k *Present) Grads() []bool { return []bool{false} }

// Ints implements Indexer.
func (k *Present) Ints() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Present) Forward(in []Arg, out []float32) {
	vec.Fill(out, 1)
	for i, id := range in[0].I {
		if id < 0 {
			out[i/k.t*(k.Lead+k.t)+k.Lead+i%k.t] = 0
		}
	}
}

// Backward implements Kernel: there is no gradient.
func (k *Present) Backward([]Arg, []float32, []float32, [][]float32) {}

// PoolTokens makes one vector of the tokens of a sequence: x is (B, Lead+T, D), the
// indices are (B, T), negative ones standing for padding, and the result is (B, D):
// the mean of the tokens that are there, the first Lead left out, or with Last the
// last one of them. Where there is none it is 0.
type PoolTokens struct {
	Lead int
	Last bool

	b, t, d, chunk int

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *PoolTokens) Name() string {
	if k.Last {
		return "last token"
	}
	return "mean of the tokens that are there"
}

// Shape implements Kernel.
func (k *PoolTokens) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, ids := in[0], in[1]
	if x.Dims() != 3 || k.Lead < 0 || !slices.Equal(ids, tensor.Shape{x[0], x[1] - k.Lead}) {
		return nil, fmt.Errorf("tokens are %v and indices %v; want (B, %d+T, D) and (B, T)", x, ids, k.Lead)
	}
	k.b, k.t, k.d = x[0], ids[1], x[2]
	k.chunk = rowChunk(k.b, k.t*k.d)
	k.forward, k.backward = k.forwardExamples, k.backwardExamples
	return tensor.Shape{k.b, k.d}, nil
}

// Grads implements Kernel.
func (k *PoolTokens) Grads() []bool { return []bool{true, false} }

// Ints implements Indexer.
func (k *PoolTokens) Ints() []bool { return []bool{false, true} }

// share is what each token of example b counts, and which of them count: those
// from first on that are there.
func (k *PoolTokens) share(b int) (first int, share float32) {
	n, last := 0, -1
	for t, id := range k.in[1].I[b*k.t : (b+1)*k.t] {
		if id >= 0 {
			n, last = n+1, t
		}
	}
	switch {
	case n == 0:
		return k.t, 0
	case k.Last:
		return last, 1
	}
	return 0, 1 / float32(n)
}

// Forward implements Kernel.
func (k *PoolTokens) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *PoolTokens) forwardExamples(lo, hi int) {
	d := k.d
	for b := lo; b < hi; b++ {
		y := k.out[b*d : (b+1)*d]
		clear(y)
		first, share := k.share(b)
		x := k.in[0].F[(b*(k.Lead+k.t)+k.Lead)*d:]
		for t := first; t < k.t; t++ {
			if k.in[1].I[b*k.t+t] >= 0 {
				vec.Add(y, y, x[t*d:(t+1)*d])
			}
		}
		if share != 1 {
			vec.Scale(y, y, share)
		}
	}
}

// Backward implements Kernel.
func (k *PoolTokens) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.b, k.chunk, k.backward)
	k.call = call{}
}

func (k *PoolTokens) backwardExamples(lo, hi int) {
	d := k.d
	for b := lo; b < hi; b++ {
		dx := k.din[0][b*(k.Lead+k.t)*d:][:(k.Lead+k.t)*d]
		clear(dx)
		dx = dx[k.Lead*d:]
		first, share := k.share(b)
		for t := first; t < k.t; t++ {
			if k.in[1].I[b*k.t+t] >= 0 {
				vec.Scale(dx[t*d:(t+1)*d], k.dout[b*d:(b+1)*d], share)
			}
		}
	}
}
