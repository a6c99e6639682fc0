package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// MeanRows gives the mean of a few rows of a table: the table is (V, E), the
// indices (B, T), of which negative ones count for nothing, and the result (B, E).
// Where no index counts it is 0.
//
// The gradient of the table has a row for each index that counts; RowsOf says
// which rows those belong to, some perhaps more than once.
type MeanRows struct {
	v, e, b, t, chunk int
	rows, from        []int // from[i] is where the rows of run i begin; len B+1

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *MeanRows) Name() string { return "mean of rows" }

// Shape implements Kernel.
func (k *MeanRows) Shape(in []tensor.Shape) (tensor.Shape, error) {
	table, ids := in[0], in[1]
	if table.Dims() != 2 || ids.Dims() != 2 {
		return nil, fmt.Errorf("the table is %v and the indices %v; want (V, E) and (B, T)", table, ids)
	}
	k.v, k.e, k.b, k.t = table[0], table[1], ids[0], ids[1]
	k.rows, k.from = make([]int, 0, k.b*k.t), make([]int, k.b+1)
	k.chunk = rowChunk(k.b, k.t*k.e)
	k.forward, k.backward = k.forwardRuns, k.backwardRuns
	return tensor.Shape{k.b, k.e}, nil
}

// Grads implements Kernel.
func (k *MeanRows) Grads() []bool { return []bool{true, false} }

// Ints implements Indexer.
func (k *MeanRows) Ints() []bool { return []bool{false, true} }

// GradShape implements GradShaper: the most rows that a step can have.
func (k *MeanRows) GradShape(i int) tensor.Shape {
	if i > 0 {
		return nil
	}
	return tensor.Shape{k.b * k.t, k.e}
}

// RowsOf says which row of the table each row of its gradient belongs to.
func (k *MeanRows) RowsOf(int) []int { return k.rows }

// Check implements Checker.
func (k *MeanRows) Check(in []Arg) error {
	for i, id := range in[1].I {
		if id >= k.v {
			return fmt.Errorf("index %d is %d, and the table has rows 0 to %d", i, id, k.v-1)
		}
	}
	return nil
}

// Forward implements Kernel.
func (k *MeanRows) Forward(in []Arg, out []float32) {
	k.rows = k.rows[:0]
	for i, id := range in[1].I {
		if i%k.t == 0 {
			k.from[i/k.t] = len(k.rows)
		}
		if id >= 0 {
			k.rows = append(k.rows, id)
		}
	}
	k.from[k.b] = len(k.rows)
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

func (k *MeanRows) forwardRuns(lo, hi int) {
	for i := lo; i < hi; i++ {
		mean := k.out[i*k.e : (i+1)*k.e]
		clear(mean)
		rows := k.rows[k.from[i]:k.from[i+1]]
		for _, r := range rows {
			vec.Add(mean, mean, k.in[0].F[r*k.e:(r+1)*k.e])
		}
		if len(rows) > 1 {
			vec.Scale(mean, mean, 1/float32(len(rows)))
		}
	}
}

// Backward implements Kernel.
func (k *MeanRows) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.b, k.chunk, k.backward)
	k.call = call{}
}

func (k *MeanRows) backwardRuns(lo, hi int) {
	for i := lo; i < hi; i++ {
		n := k.from[i+1] - k.from[i]
		for j := k.from[i]; j < k.from[i+1]; j++ {
			vec.Scale(k.din[0][j*k.e:(j+1)*k.e], k.dout[i*k.e:(i+1)*k.e], 1/float32(n))
		}
	}
}
