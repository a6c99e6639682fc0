package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// TokenRange is tokens From to To-1 of each example: x is (B, T, D) and the result
// (B, To−From, D). With Mean it is their mean, (B, D).
type TokenRange struct {
	From, To int
	Mean     bool

	b, t, d, chunk int

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *TokenRange) Name() string {
	if k.Mean {
		return "mean of tokens"
	}
	return "range of tokens"
}

// Shape implements Kernel.
func (k *TokenRange) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x := in[0]
	if x.Dims() != 3 {
		return nil, fmt.Errorf("the input is %v; want tokens (B, T, D)", x)
	}
	if k.From < 0 || k.From >= k.To || k.To > x[1] {
		return nil, fmt.Errorf("there are no tokens %d to %d of %d", k.From, k.To-1, x[1])
	}
	k.b, k.t, k.d = x[0], x[1], x[2]
	k.chunk = rowChunk(k.b, k.t*k.d)
	k.forward, k.backward = k.forwardExamples, k.backwardExamples
	if k.Mean {
		return tensor.Shape{k.b, k.d}, nil
	}
	return tensor.Shape{k.b, k.To - k.From, k.d}, nil
}

// Grads implements Kernel.
func (k *TokenRange) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *TokenRange) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *TokenRange) forwardExamples(lo, hi int) {
	d, n := k.d, k.To-k.From
	for b := lo; b < hi; b++ {
		x := k.in[0].F[(b*k.t+k.From)*d:][:n*d]
		if !k.Mean {
			copy(k.out[b*n*d:], x)
			continue
		}
		y := k.out[b*d : (b+1)*d]
		clear(y)
		vec.ColSum(y, x, n, d)
		vec.Scale(y, y, 1/float32(n))
	}
}

// Backward implements Kernel.
func (k *TokenRange) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.b, k.chunk, k.backward)
	k.call = call{}
}

func (k *TokenRange) backwardExamples(lo, hi int) {
	d, n := k.d, k.To-k.From
	for b := lo; b < hi; b++ {
		dx := k.din[0][b*k.t*d:][:k.t*d]
		clear(dx[:k.From*d])
		clear(dx[k.To*d:])
		dx = dx[k.From*d : k.To*d]
		if !k.Mean {
			copy(dx, k.dout[b*n*d:])
			continue
		}
		first := dx[:d]
		vec.Scale(first, k.dout[b*d:(b+1)*d], 1/float32(n))
		for i := 1; i < n; i++ {
			copy(dx[i*d:(i+1)*d], first)
		}
	}
}

// ConcatTokens puts the tokens of its inputs after each other: (B, T₁, D),
// (B, T₂, D) … become (B, T₁+T₂+…, D).
type ConcatTokens struct {
	Inputs int // how many

	b, d, total, chunk int
	t                  []int // tokens of each input

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *ConcatTokens) Name() string { return "concatenation of tokens" }

// Shape implements Kernel.
func (k *ConcatTokens) Shape(in []tensor.Shape) (tensor.Shape, error) {
	for _, x := range in {
		if x.Dims() != 3 || x[0] != in[0][0] || x[2] != in[0][2] {
			return nil, fmt.Errorf("the inputs are %v; want tokens (B, T, D) of one B and one D", in)
		}
		k.t = append(k.t, x[1])
		k.total += x[1]
	}
	k.b, k.d = in[0][0], in[0][2]
	k.chunk = rowChunk(k.b, k.total*k.d)
	k.forward, k.backward = k.forwardExamples, k.backwardExamples
	return tensor.Shape{k.b, k.total, k.d}, nil
}

// Grads implements Kernel.
func (k *ConcatTokens) Grads() []bool {
	g := make([]bool, k.Inputs)
	for i := range g {
		g[i] = true
	}
	return g
}

// Forward implements Kernel.
func (k *ConcatTokens) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *ConcatTokens) forwardExamples(lo, hi int) {
	for b := lo; b < hi; b++ {
		at := b * k.total * k.d
		for i, t := range k.t {
			at += copy(k.out[at:], k.in[i].F[b*t*k.d:(b+1)*t*k.d])
		}
	}
}

// Backward implements Kernel.
func (k *ConcatTokens) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	par.For(k.b, k.chunk, k.backward)
	k.call = call{}
}

func (k *ConcatTokens) backwardExamples(lo, hi int) {
	for b := lo; b < hi; b++ {
		at := b * k.total * k.d
		for i, t := range k.t {
			if d := k.din[i]; d != nil {
				copy(d[b*t*k.d:(b+1)*t*k.d], k.dout[at:])
			}
			at += t * k.d
		}
	}
}
