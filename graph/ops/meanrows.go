package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// MeanRows gives the mean of a few rows of a table: the table is (V, E), the
// indices (B, T), of which negative ones count for nothing, and the result (B, E).
// Where no index counts it is 0. With Bags an index is that of a word, and what counts
// is its vector, made of rows of the table.
//
// The gradient of the table has a row for each index that counts; RowsOf says
// which rows those belong to, some perhaps more than once.
type MeanRows struct {
	Bags *Bags // nil: the vector of an index is its row

	v, e, b, t, chunk int
	of                int       // rows of a word at most
	rows, from        []int     // from[i] is where the rows of run i begin; len B+1
	shares            []float32 // of each of rows in the mean

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
	k.of = 1
	if k.Bags != nil {
		if err := k.Bags.check(k.v); err != nil {
			return nil, err
		}
		k.v, k.of = k.Bags.Len(), k.Bags.Longest()
	}
	k.rows, k.from = make([]int, 0, k.b*k.t*k.of), make([]int, k.b+1)
	k.shares = make([]float32, 0, cap(k.rows))
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
	return tensor.Shape{k.b * k.t * k.of, k.e}
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
	k.rows, k.shares = k.rows[:0], k.shares[:0]
	for i := range k.b {
		k.from[i] = len(k.rows)
		count := 0
		for _, id := range in[1].I[i*k.t : (i+1)*k.t] {
			if id >= 0 {
				count++
			}
		}
		for _, id := range in[1].I[i*k.t : (i+1)*k.t] {
			if id >= 0 {
				k.add(id, 1/float32(count))
			}
		}
	}
	k.from[k.b] = len(k.rows)
	k.call = call{in: in, out: out}
	par.For(k.b, k.chunk, k.forward)
	k.call = call{}
}

// add notes the rows of a word that has that share in a mean.
func (k *MeanRows) add(word int, share float32) {
	if k.Bags == nil {
		k.rows, k.shares = append(k.rows, word), append(k.shares, share)
		return
	}
	of := k.Bags.Of(word)
	for _, r := range of {
		k.rows, k.shares = append(k.rows, int(r)), append(k.shares, share*bagScale(len(of)))
	}
}

func (k *MeanRows) forwardRuns(lo, hi int) {
	for i := lo; i < hi; i++ {
		mean := k.out[i*k.e : (i+1)*k.e]
		clear(mean)
		for j := k.from[i]; j < k.from[i+1]; j++ {
			r := k.rows[j]
			vec.Axpy(mean, k.shares[j], k.in[0].F[r*k.e:(r+1)*k.e])
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
		for j := k.from[i]; j < k.from[i+1]; j++ {
			vec.Scale(k.din[0][j*k.e:(j+1)*k.e], k.dout[i*k.e:(i+1)*k.e], k.shares[j])
		}
	}
}
