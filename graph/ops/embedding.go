package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Embedding looks rows up in a table: the table is (V, E), the indices (...), and
// the result (..., E).
//
// The gradient of the table has a row for each index and not for each row of the
// table: (n, E), and Rows says which rows they belong to, some perhaps more than
// once. Dense makes it (V, E), for a table that the graph uses more than once.
//
// With Absent a negative index stands for no row: its result is 0.
type Embedding struct {
	HasPadding bool
	Padding    int // with HasPadding: this row gets no gradient
	Dense      bool
	Absent     bool // only with Dense

	n, v, e, chunk int
	rows           []int

	call
	forward, backward, dense func(lo, hi int)
}

// Name implements Kernel.
func (k *Embedding) Name() string { return "embedding" }

// Shape implements Kernel.
func (k *Embedding) Shape(in []tensor.Shape) (tensor.Shape, error) {
	table, ids := in[0], in[1]
	if table.Dims() != 2 || ids.Dims() < 1 {
		return nil, fmt.Errorf("the table is %v and the indices %v; want (V, E) and (...)", table, ids)
	}
	if k.Absent && !k.Dense {
		return nil, fmt.Errorf("a gradient by rows has none for an absent index")
	}
	k.v, k.e, k.n = table[0], table[1], ids.TotalSize()
	k.rows = make([]int, k.n)
	k.chunk = rowChunk(k.n, k.e)
	k.forward, k.backward, k.dense = k.forwardRows, k.backwardRows, k.addColumns
	return append(ids.Clone(), k.e), nil
}

// Grads implements Kernel.
func (k *Embedding) Grads() []bool { return []bool{true, false} }

// Ints implements Indexer.
func (k *Embedding) Ints() []bool { return []bool{false, true} }

// GradShape implements GradShaper.
func (k *Embedding) GradShape(i int) tensor.Shape {
	if k.Dense || i > 0 {
		return nil
	}
	return tensor.Shape{k.n, k.e}
}

// Rows says which row of the table each row of its gradient belongs to; it is nil
// where the gradient has them all.
func (k *Embedding) Rows() []int {
	if k.Dense {
		return nil
	}
	return k.rows
}

// Check implements Checker.
func (k *Embedding) Check(in []Arg) error {
	for i, id := range in[1].I {
		if id < 0 && !k.Absent || id >= k.v {
			return fmt.Errorf("index %d is %d, and the table has rows 0 to %d", i, id, k.v-1)
		}
	}
	return nil
}

// Forward implements Kernel.
func (k *Embedding) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	copy(k.rows, in[1].I)
	par.For(k.n, k.chunk, k.forward)
	k.call = call{}
}

func (k *Embedding) forwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		y := k.out[i*k.e : (i+1)*k.e]
		if r := k.rows[i]; r < 0 {
			clear(y)
		} else {
			copy(y, k.in[0].F[r*k.e:])
		}
	}
}

// Backward implements Kernel.
func (k *Embedding) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	if k.Dense {
		par.For(k.e, tokenColumns, k.dense)
	} else {
		par.For(k.n, k.chunk, k.backward)
	}
	k.call = call{}
}

func (k *Embedding) backwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		d := k.din[0][i*k.e : (i+1)*k.e]
		if k.padding(i) {
			clear(d)
		} else {
			copy(d, k.dout[i*k.e:])
		}
	}
}

// addColumns sums columns lo to hi-1 of the rows in the order of their indices.
func (k *Embedding) addColumns(lo, hi int) {
	for r := range k.v {
		clear(k.din[0][r*k.e+lo : r*k.e+hi])
	}
	for i, r := range k.rows {
		if r >= 0 && !k.padding(i) {
			d := k.din[0][r*k.e+lo : r*k.e+hi]
			vec.Add(d, d, k.dout[i*k.e+lo:i*k.e+hi])
		}
	}
}

func (k *Embedding) padding(i int) bool { return k.HasPadding && k.rows[i] == k.Padding }
