package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Tokens are rows of D values, T to an example: (B, T, D). Sums over the examples
// of a batch are taken by columns, tokenColumns at a time, in the order of the
// examples.
const tokenColumns = 64

// inRange says which of the indices, n to an example, does not lie below limit.
func inRange(ids []int, n, limit int) error {
	for i, id := range ids {
		if id < 0 || id >= limit {
			return fmt.Errorf("token %d of example %d has index %d, want 0 to %d", i%n, i/n, id, limit-1)
		}
	}
	return nil
}

// Position adds to each token the row of its position: x is (B, N, D), the
// positions are (T, D) and the result is (B, N, D), with N at most T.
//
// With Class there is a third input, a token (D) that stands before all others in
// every example: it takes the first row of the positions, (1+T, D), and the result
// is (B, 1+N, D). With Picked the last input holds indices (B, N), below T: which
// of the T positions the tokens come from.
type Position struct {
	Class, Picked bool

	b, n, t, d, lead int // lead = 1 with Class
	chunk            int

	call
	forward, backward, columns func(lo, hi int)
}

// Name implements Kernel.
func (k *Position) Name() string { return "positions" }

// Shape implements Kernel.
func (k *Position) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, pos := in[0], in[1]
	if k.Class {
		k.lead = 1
	}
	if x.Dims() != 3 || pos.Dims() != 2 || pos[1] != x[2] || pos[0] < k.lead {
		return nil, fmt.Errorf("tokens are %v and positions %v; want (B, N, D) and (T, D)", x, pos)
	}
	k.b, k.n, k.d, k.t = x[0], x[1], x[2], pos[0]-k.lead
	switch {
	case k.Class && !slices.Equal(in[2], tensor.Shape{k.d}):
		return nil, fmt.Errorf("the class token is %v, want (%d)", in[2], k.d)
	case k.Picked && !slices.Equal(in[len(in)-1], tensor.Shape{k.b, k.n}):
		return nil, fmt.Errorf("the indices are %v, want (%d, %d)", in[len(in)-1], k.b, k.n)
	case !k.Picked && k.n > k.t:
		return nil, fmt.Errorf("there are %d tokens and %d positions", k.n, k.t)
	}
	k.chunk = rowChunk(k.b, (k.lead+k.n)*k.d)
	k.forward, k.backward, k.columns = k.forwardExamples, k.backwardExamples, k.sumColumns
	return tensor.Shape{k.b, k.lead + k.n, k.d}, nil
}

// Grads implements Kernel.
func (k *Position) Grads() []bool {
	g := []bool{true, true}
	if k.Class {
		g = append(g, true)
	}
	if k.Picked {
		g = append(g, false)
	}
	return g
}

// Ints implements Indexer.
func (k *Position) Ints() []bool {
	g := make([]bool, len(k.Grads()))
	g[len(g)-1] = k.Picked
	return g
}

// Check implements Checker.
func (k *Position) Check(in []Arg) error {
	if !k.Picked {
		return nil
	}
	return inRange(in[len(in)-1].I, k.n, k.t)
}

// position is the row of token i of example b.
func (k *Position) position(b, i int) int {
	if k.Picked {
		i = k.in[len(k.in)-1].I[b*k.n+i]
	}
	return k.lead + i
}

// Forward implements Kernel.
func (k *Position) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *Position) forwardExamples(lo, hi int) {
	d, pos := k.d, k.in[1].F
	for b := lo; b < hi; b++ {
		y := k.out[b*(k.lead+k.n)*d:]
		if k.Class {
			vec.Add(y[:d], k.in[2].F, pos[:d])
			y = y[d:]
		}
		x := k.in[0].F[b*k.n*d:]
		for i := range k.n {
			vec.Add(y[i*d:(i+1)*d], x[i*d:(i+1)*d], pos[k.position(b, i)*d:][:d])
		}
	}
}

// Backward implements Kernel.
func (k *Position) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	if din[0] != nil {
		par.For(k.b, k.chunk, k.backward)
	}
	if din[1] != nil || k.Class && din[2] != nil {
		par.For(k.d, tokenColumns, k.columns)
	}
	k.call = call{}
}

func (k *Position) backwardExamples(lo, hi int) {
	for b := lo; b < hi; b++ {
		copy(k.din[0][b*k.n*k.d:(b+1)*k.n*k.d], k.dout[(b*(k.lead+k.n)+k.lead)*k.d:])
	}
}

// sumColumns sums columns lo to hi-1 over the examples.
func (k *Position) sumColumns(lo, hi int) {
	d := k.d
	dpos := k.din[1]
	if dpos != nil {
		for r := range k.lead + k.t {
			clear(dpos[r*d+lo : r*d+hi])
		}
	}
	if k.Class {
		if dclass := k.din[2]; dclass != nil {
			clear(dclass[lo:hi])
			for b := range k.b {
				vec.Add(dclass[lo:hi], dclass[lo:hi], k.dout[b*(1+k.n)*d:][lo:hi])
			}
			if dpos != nil {
				copy(dpos[lo:hi], dclass[lo:hi])
			}
		} else {
			for b := range k.b {
				vec.Add(dpos[lo:hi], dpos[lo:hi], k.dout[b*(1+k.n)*d:][lo:hi])
			}
		}
	}
	if dpos == nil {
		return
	}
	for b := range k.b {
		dy := k.dout[(b*(k.lead+k.n)+k.lead)*d:]
		for i := range k.n {
			at := k.position(b, i) * d
			vec.Add(dpos[at+lo:at+hi], dpos[at+lo:at+hi], dy[i*d+lo:i*d+hi])
		}
	}
}

// Restore puts tokens back to where they come from, and a common one in all the
// other places: x is (B, Lead+K, D), the common token (D), the indices (B, K),
// distinct within an example and below T. The result is (B, Lead+T, D): the first
// Lead tokens as they are, then token j of x at the place that index j names (He et
// al. 2022, arXiv:2111.06377, section 3: mask tokens).
type Restore struct {
	Tokens int // T
	Lead   int // tokens before the others that keep their place, such as a class token

	b, n, d int
	chunk   int
	from    []int // (B, T) where in x the token of a place is, or -1

	call
	forward, backward, columns func(lo, hi int)
}

// Name implements Kernel.
func (k *Restore) Name() string { return "restore tokens" }

// Shape implements Kernel.
func (k *Restore) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, common, ids := in[0], in[1], in[2]
	if x.Dims() != 3 || k.Lead < 0 || x[1] < k.Lead || !slices.Equal(common, x[2:]) || !slices.Equal(ids, tensor.Shape{x[0], x[1] - k.Lead}) {
		return nil, fmt.Errorf("tokens are %v, the common one %v and indices %v; want (B, %d+K, D), (D) and (B, K)", x, common, ids, k.Lead)
	}
	if k.Tokens < ids[1] {
		return nil, fmt.Errorf("there are %d tokens for %d places", ids[1], k.Tokens)
	}
	k.b, k.n, k.d = x[0], ids[1], x[2]
	k.from = make([]int, k.b*k.Tokens)
	k.chunk = rowChunk(k.b, (k.Lead+k.Tokens)*k.d)
	k.forward, k.backward, k.columns = k.forwardExamples, k.backwardExamples, k.sumColumns
	return tensor.Shape{k.b, k.Lead + k.Tokens, k.d}, nil
}

// Grads implements Kernel.
func (k *Restore) Grads() []bool { return []bool{true, true, false} }

// Ints implements Indexer.
func (k *Restore) Ints() []bool { return []bool{false, false, true} }

// Check implements Checker.
func (k *Restore) Check(in []Arg) error {
	ids := in[2].I
	if err := inRange(ids, k.n, k.Tokens); err != nil {
		return err
	}
	for i := range k.from {
		k.from[i] = -1
	}
	for i, id := range ids {
		b := i / k.n
		f := &k.from[b*k.Tokens+id]
		if *f >= 0 {
			return fmt.Errorf("tokens %d and %d of example %d have the same index, %d", *f-k.Lead, i%k.n, b, id)
		}
		*f = k.Lead + i%k.n
	}
	return nil
}

// Forward implements Kernel. Check has found out what comes from where.
func (k *Restore) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *Restore) forwardExamples(lo, hi int) {
	d := k.d
	for b := lo; b < hi; b++ {
		x := k.in[0].F[b*(k.Lead+k.n)*d:]
		y := k.out[b*(k.Lead+k.Tokens)*d:]
		copy(y[:k.Lead*d], x)
		for t, from := range k.from[b*k.Tokens : (b+1)*k.Tokens] {
			row := y[(k.Lead+t)*d:][:d]
			if from < 0 {
				copy(row, k.in[1].F)
			} else {
				copy(row, x[from*d:])
			}
		}
	}
}

// Backward implements Kernel.
func (k *Restore) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	if din[0] != nil {
		par.For(k.b, k.chunk, k.backward)
	}
	if din[1] != nil {
		par.For(k.d, tokenColumns, k.columns)
	}
	k.call = call{}
}

func (k *Restore) backwardExamples(lo, hi int) {
	d := k.d
	for b := lo; b < hi; b++ {
		dx := k.din[0][b*(k.Lead+k.n)*d:]
		dy := k.dout[b*(k.Lead+k.Tokens)*d:]
		copy(dx[:k.Lead*d], dy)
		for j, id := range k.in[2].I[b*k.n : (b+1)*k.n] {
			copy(dx[(k.Lead+j)*d:][:d], dy[(k.Lead+id)*d:])
		}
	}
}

func (k *Restore) sumColumns(lo, hi int) {
	sum := k.din[1][lo:hi]
	clear(sum)
	for b := range k.b {
		dy := k.dout[(b*(k.Lead+k.Tokens)+k.Lead)*k.d:]
		for t, from := range k.from[b*k.Tokens : (b+1)*k.Tokens] {
			if from < 0 {
				vec.Add(sum, sum, dy[t*k.d+lo:t*k.d+hi])
			}
		}
	}
}

// Gather takes tokens of each example: x is (B, Lead+T, D), the indices are (B, N),
// below T and perhaps repeated, and the result is (B, N, D). The first Lead tokens
// are not counted.
type Gather struct {
	Lead int

	b, t, n, d     int
	chunk, columns int

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *Gather) Name() string { return "gather tokens" }

// Shape implements Kernel.
func (k *Gather) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, ids := in[0], in[1]
	if x.Dims() != 3 || ids.Dims() != 2 || ids[0] != x[0] || k.Lead < 0 || k.Lead > x[1] {
		return nil, fmt.Errorf("tokens are %v and indices %v; want (B, %d+T, D) and (B, N)", x, ids, k.Lead)
	}
	k.b, k.t, k.d, k.n = x[0], x[1], x[2], ids[1]
	k.chunk = rowChunk(k.b*k.n, k.d)
	k.columns = parts(k.d, tokenColumns)
	k.forward, k.backward = k.forwardRows, k.backwardColumns
	return tensor.Shape{k.b, k.n, k.d}, nil
}

// Grads implements Kernel.
func (k *Gather) Grads() []bool { return []bool{true, false} }

// Ints implements Indexer.
func (k *Gather) Ints() []bool { return []bool{false, true} }

// Check implements Checker.
func (k *Gather) Check(in []Arg) error { return inRange(in[1].I, k.n, k.t-k.Lead) }

// Forward implements Kernel.
func (k *Gather) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.b*k.n, k.chunk, k.forward)
	k.call = call{}
}

func (k *Gather) forwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		from := i/k.n*k.t + k.Lead + k.in[1].I[i]
		copy(k.out[i*k.d:(i+1)*k.d], k.in[0].F[from*k.d:])
	}
}

// Backward implements Kernel.
func (k *Gather) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.b*k.columns, max(1, elements/((k.t+k.n)*tokenColumns)), k.backward)
	k.call = call{}
}

// backwardColumns counts through the examples, and the blocks of columns of each.
func (k *Gather) backwardColumns(lo, hi int) {
	d := k.d
	for i := lo; i < hi; i++ {
		b, c0 := i/k.columns, i%k.columns*tokenColumns
		c1 := min(d, c0+tokenColumns)
		dx := k.din[0][b*k.t*d:]
		for t := range k.t {
			clear(dx[t*d+c0 : t*d+c1])
		}
		for j, id := range k.in[1].I[b*k.n : (b+1)*k.n] {
			row := dx[(k.Lead+id)*d+c0 : (k.Lead+id)*d+c1]
			vec.Add(row, row, k.dout[(b*k.n+j)*d:][c0:c1])
		}
	}
}
