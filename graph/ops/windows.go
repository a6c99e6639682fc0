package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Windows are the pairs of words that stand near each other in a few runs of text,
// for the losses that tell such pairs from others: NegativeSampling,
// HierarchicalSoftmax and FullSoftmax. A center is paired with each word at most its window away, or
// with CBOW the mean of those words with the center (continuous bag of words; Mikolov
// et al. 2013, arXiv:1301.3781, section 3.1); a center without such words is no pair.
//
// The inputs begin with the table of vectors, in (V, D), that of what they are held
// against, out (·, D), the words, (B, T), each of the B runs ended by its first
// negative number, and the reach of the window of each word, (B, T), from 0 to Window.
//
// Centers are taken in blocks that follow each other; all scores of a block are one
// matrix product (Ji et al. 2016, arXiv:1604.04661, section 3).
//
// The gradients have a row for each use of a row of a table; RowsOf says which.
type Windows struct {
	Block  int  // centers of a block
	Window int  // the largest reach
	Mean   bool // the loss is the mean over pairs, in place of their sum
	CBOW   bool
	Bags   *Bags // of which rows of in a word's vector is made; nil: of its own

	with         pairing
	v, d, b, t   int
	most         int // rows of out in a block
	blocks       []block
	pairs        int
	rows         [2][]int  // by table
	x, z         []float32 // word vectors (words, D), and rows of out (rows, D)
	dx           []float32 // gradients by x, where they are not those of rows of in
	h, dh, share []float32 // with CBOW: means (centers, D), their gradient, the share (size, width) of each word
	g, soft      []float32 // of each block (size, rows): gradients by the scores; room for the pairing
	loss         []float64 // by block
	scale        float32   // of the loss: 1, or 1/pairs

	call
	forward, backward func(lo, hi int)
}

// A pairing says what the centers of a block are held against.
type pairing interface {
	// outRows appends the rows of out that a block needs.
	outRows(rows []int, b *block) []int
	// score turns the scores of a block, (size, rows), into the gradient of the loss by
	// them, and returns the loss. soft has the size of g.
	score(b *block, g, soft []float32) float64
}

// A block is a few centers that follow each other, with their contexts.
type block struct {
	words       []int // of the whole run
	reach       []int
	number      int // of the block, in all runs
	from, size  int // centers in the run
	left, width int // words of the run within reach of them
	x, in       int // its first word vector in x, and its first row of in in rows
	out, rows   int // its first row of out in z, and how many there are
	scores      int // where those begin in g
	means       int // with CBOW: the first row of its means in h
	shares      int // with CBOW: where its part of share begins
}

// read are the words whose vectors the block reads.
func (b *block) read(cbow bool) []int {
	if cbow {
		return b.words[b.left : b.left+b.width]
	}
	return b.words[b.from : b.from+b.size]
}

// window gives the first, the own and the last place of the words in reach of
// center c of the block, counted from its left.
func (b *block) window(c int) (lo, own, hi int) {
	at := b.from + c
	reach := b.reach[at]
	return max(0, at-reach) - b.left, at - b.left, min(len(b.words)-1, at+reach) - b.left
}

// shape readies the memory. A block needs at most so many rows of out; with is nil where
// centers are held against all of them.
func (k *Windows) shape(in []tensor.Shape, with pairing, most func(width int) int) error {
	w, o, words, reach := in[0], in[1], in[2], in[3]
	if w.Dims() != 2 || o.Dims() != 2 || w[1] != o[1] || words.Dims() != 2 || !slices.Equal(words, reach) {
		return fmt.Errorf("tables are %v and %v, words %v, windows %v; want (V, D), (·, D), (B, T) twice", w, o, words, reach)
	}
	if k.Block < 1 || k.Window < 1 {
		return fmt.Errorf("blocks of %d, window %d; want at least 1 each", k.Block, k.Window)
	}
	k.with, k.v, k.d, k.b, k.t = with, w[0], w[1], words[0], words[1]
	of := 1 // rows of in that a word needs at most
	if k.Bags != nil {
		if err := k.Bags.check(k.v); err != nil {
			return err
		}
		k.v, of = k.Bags.Len(), k.Bags.Longest()
	}
	wide := min(k.t, k.Block+2*k.Window)
	k.most = most(wide)
	m := k.b * parts(k.t, k.Block)
	k.blocks, k.loss = make([]block, 0, m), make([]float64, m)
	read := k.b * k.t // word vectors that a step can need
	if k.CBOW {
		read = m * wide
		k.h, k.dh = make([]float32, k.b*k.t*k.d), make([]float32, k.b*k.t*k.d)
		k.share = make([]float32, m*min(k.t, k.Block)*wide)
	}
	k.rows[0], k.rows[1] = make([]int, 0, read*of), make([]int, 0, m*k.most)
	k.x, k.z = make([]float32, read*k.d), make([]float32, m*k.most*k.d)
	if k.Bags != nil {
		k.dx = make([]float32, len(k.x))
	}
	k.g = make([]float32, m*min(k.t, k.Block)*k.most)
	k.soft = make([]float32, len(k.g))
	k.forward, k.backward = k.forwardBlocks, k.backwardBlocks
	return nil
}

// GradShape implements GradShaper: the most rows that a step can have.
func (k *Windows) GradShape(i int) tensor.Shape {
	if i > 1 {
		return nil
	}
	return tensor.Shape{cap(k.rows[i]), k.d}
}

// RowsOf says which rows of table i those of its gradient belong to; the gradient
// has no more rows than these.
func (k *Windows) RowsOf(i int) []int { return k.rows[i] }

// check looks at the words and their windows.
func (k *Windows) check(in []Arg) error {
	for i, w := range in[2].I {
		if w >= k.v {
			return fmt.Errorf("word %d of run %d is %d, and there are 0 to %d", i%k.t, i/k.t, w, k.v-1)
		}
		if r := in[3].I[i]; w >= 0 && (r < 0 || r > k.Window) {
			return fmt.Errorf("the window of word %d of run %d is %d, want 0 to %d", i%k.t, i/k.t, r, k.Window)
		}
	}
	return nil
}

// Forward implements Kernel. It also finds the gradient by the scores.
func (k *Windows) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.lay(in[2].I, in[3].I)
	par.For(len(k.blocks), 1, k.forward)
	k.call = call{}
	k.setScale()
	out[0] = float32(total(k.loss[:len(k.blocks)]) * float64(k.scale))
}

// setScale finds the scale of the loss of the step that is laid.
func (k *Windows) setScale() {
	k.scale = 1
	if k.Mean && k.pairs > 0 {
		k.scale = 1 / float32(k.pairs)
	}
}

// lay finds the blocks of a step and the rows of the tables that they need.
func (k *Windows) lay(words, reach []int) {
	k.blocks, k.pairs = k.blocks[:0], 0
	k.rows[0], k.rows[1] = k.rows[0][:0], k.rows[1][:0]
	per := parts(k.t, k.Block)
	var x, scores, means, shares int
	for run := range k.b {
		words := words[run*k.t : (run+1)*k.t]
		if end := slices.IndexFunc(words, func(w int) bool { return w < 0 }); end >= 0 {
			words = words[:end]
		}
		reach := reach[run*k.t:][:len(words)]
		for i, r := range reach {
			k.pairs += k.pairsOf(min(i+r, len(words)-1) - max(i-r, 0))
		}
		for from := 0; from < len(words); from += k.Block {
			size, left := min(k.Block, len(words)-from), max(0, from-k.Window)
			k.blocks = append(k.blocks, block{
				words: words, reach: reach, number: run*per + from/k.Block,
				from: from, size: size, left: left, width: min(len(words), from+size+k.Window) - left,
				x: x, in: len(k.rows[0]), out: len(k.rows[1]), scores: scores, means: means, shares: shares,
			})
			b := &k.blocks[len(k.blocks)-1]
			read := b.read(k.CBOW)
			k.rows[0] = k.Bags.append(k.rows[0], read)
			if k.with != nil {
				k.rows[1] = k.with.outRows(k.rows[1], b)
			}
			b.rows = len(k.rows[1]) - b.out
			x += len(read)
			scores += size * b.rows
			if k.CBOW {
				means, shares = means+size, shares+size*b.width
			}
		}
	}
}

// pairsOf is how many pairs a center with so many words in its window has.
func (k *Windows) pairsOf(words int) int {
	if k.CBOW {
		return min(words, 1)
	}
	return words
}

func (k *Windows) forwardBlocks(lo, hi int) {
	for i := lo; i < hi; i++ {
		b := &k.blocks[i]
		x, z := k.input(b), k.z[b.out*k.d:][:b.rows*k.d]      // (size, D)
		gather(z, k.in[1].F, k.rows[1][b.out:][:b.rows], k.d) // (rows, D)
		g := k.g[b.scores:][:b.size*b.rows]
		blas.Serial(false, true, b.size, b.rows, k.d, x, k.d, z, k.d, g, b.rows, false) // (size, rows)
		k.loss[i] = k.with.score(b, g, k.soft[b.scores:][:b.size*b.rows])
	}
}

// input gives what is paired with the words, (size, D): the vectors of the centers,
// or with CBOW the means over their windows.
func (k *Windows) input(b *block) []float32 {
	read := b.read(k.CBOW)
	x := k.x[b.x*k.d:][:len(read)*k.d]
	if k.Bags != nil {
		k.Bags.Sum(x, k.in[0].F, read, k.d)
	} else {
		gather(x, k.in[0].F, read, k.d)
	}
	if !k.CBOW {
		return x
	}
	a := k.share[b.shares:][:b.size*b.width]
	clear(a)
	for c := range b.size {
		lo, own, hi := b.window(c)
		if hi > lo {
			vec.Fill(a[c*b.width+lo:c*b.width+hi+1], 1/float32(hi-lo))
			a[c*b.width+own] = 0
		}
	}
	h := k.h[b.means*k.d:][:b.size*k.d]
	blas.Serial(false, false, b.size, k.d, b.width, a, b.width, x, k.d, h, k.d, false) // (size, D)
	return h
}

func gather(dst, table []float32, rows []int, d int) {
	for i, r := range rows {
		copy(dst[i*d:(i+1)*d], table[r*d:(r+1)*d])
	}
}

// Backward implements Kernel.
func (k *Windows) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	par.For(len(k.blocks), 1, k.backward)
	k.call = call{}
}

func (k *Windows) backwardBlocks(lo, hi int) {
	for i := lo; i < hi; i++ {
		b := &k.blocks[i]
		x, z := k.x[b.x*k.d:], k.z[b.out*k.d:][:b.rows*k.d]
		if k.CBOW {
			x = k.h[b.means*k.d:]
		}
		x = x[:b.size*k.d]
		g := k.g[b.scores:][:b.size*b.rows]
		if k.din[0] != nil {
			k.backwardInput(b, g, z)
		}
		if dz := k.din[1]; dz != nil {
			dz = dz[b.out*k.d:][:b.rows*k.d]
			blas.Serial(true, false, b.rows, k.d, b.size, g, b.rows, x, k.d, dz, k.d, false) // (rows, D)
			k.rescale(dz)
		}
	}
}

// backwardInput writes the gradient by the rows of in that a block reads.
func (k *Windows) backwardInput(b *block, g, z []float32) {
	_, d := k.inputGradients(b)
	blas.Serial(false, false, b.size, k.d, b.rows, g, b.rows, z, k.d, d, k.d, false) // (size, D)
	k.finishInput(b)
}

// inputGradients is room for the gradients by the word vectors that a block reads, and
// by what is paired: the same where that is the vectors themselves. Both begin with the
// block's and go on with those of the blocks after it.
func (k *Windows) inputGradients(b *block) (dx, d []float32) {
	if k.Bags != nil {
		dx = k.dx[b.x*k.d:]
	} else {
		dx = k.din[0][b.in*k.d:]
	}
	if k.CBOW {
		return dx, k.dh[b.means*k.d:]
	}
	return dx, dx
}

// finishInput makes of a block's gradients by what is paired those by the rows of in.
func (k *Windows) finishInput(b *block) {
	read := b.read(k.CBOW)
	dx, d := k.inputGradients(b)
	dx, d = dx[:len(read)*k.d], d[:b.size*k.d]
	k.rescale(d)
	if k.CBOW {
		a := k.share[b.shares:][:b.size*b.width]
		blas.Serial(true, false, b.width, k.d, b.size, a, b.width, d, k.d, dx, k.d, false) // (width, D)
	}
	if k.Bags != nil {
		k.Bags.spread(k.din[0][b.in*k.d:], dx, read, k.d)
	}
}

func (k *Windows) rescale(d []float32) {
	if s := k.scale * k.dout[0]; s != 1 {
		vec.Scale(d, d, s)
	}
}

// Bags say of which rows of a table the vector of each word is made: of its own and
// those of parts of it. The vector is the sum of n rows over √n, so that a step moves
// it as far as it would move a row of its own. (fastText has the mean, and gives each
// row the whole gradient of it: the same step. Bojanowski et al. 2017,
// arXiv:1607.04606, section 3.2.)
type Bags struct {
	Start []int   // word w has rows Start[w] to Start[w+1]-1 of Rows; as many as words, and one
	Rows  []int32 // of the table
}

// Len is the number of words.
func (b *Bags) Len() int { return len(b.Start) - 1 }

// Of are the rows of a word.
func (b *Bags) Of(word int) []int32 { return b.Rows[b.Start[word]:b.Start[word+1]] }

// Longest is the most rows that a word has.
func (b *Bags) Longest() int {
	n := 0
	for w := range b.Len() {
		n = max(n, len(b.Of(w)))
	}
	return n
}

// check says what is wrong with them for a table of so many rows.
func (b *Bags) check(rows int) error {
	if len(b.Start) < 2 || b.Start[0] != 0 || b.Start[b.Len()] != len(b.Rows) {
		return fmt.Errorf("the bags of %d words are not whole", b.Len())
	}
	for w := range b.Len() {
		if b.Start[w+1] <= b.Start[w] {
			return fmt.Errorf("word %d has no row", w)
		}
		for _, r := range b.Of(w) {
			if r < 0 || int(r) >= rows {
				return fmt.Errorf("word %d has row %d, and the table has rows 0 to %d", w, r, rows-1)
			}
		}
	}
	return nil
}

// append appends the rows of words; nil bags have one each.
func (b *Bags) append(rows, words []int) []int {
	if b == nil {
		return append(rows, words...)
	}
	for _, w := range words {
		for _, r := range b.Of(w) {
			rows = append(rows, int(r))
		}
	}
	return rows
}

// Sum writes the vectors of words, (words, d), made of the rows of a table (·, d).
func (b *Bags) Sum(dst, table []float32, words []int, d int) {
	for i, w := range words {
		SumBag(dst[i*d:(i+1)*d], table, b.Of(w))
	}
}

// SumBag writes the vector that is made of some rows of a table of such vectors.
func SumBag(dst, table []float32, rows []int32) {
	d := len(dst)
	clear(dst)
	for _, r := range rows {
		vec.Add(dst, dst, table[int(r)*d:(int(r)+1)*d])
	}
	if n := len(rows); n > 1 {
		vec.Scale(dst, dst, bagScale(n))
	}
}

// spread writes the gradients by the rows of words, one after the other, of those by
// their vectors, dx (words, d).
func (b *Bags) spread(din, dx []float32, words []int, d int) {
	at := 0
	for i, w := range words {
		n := len(b.Of(w))
		for range n {
			vec.Scale(din[at*d:(at+1)*d], dx[i*d:(i+1)*d], bagScale(n))
			at++
		}
	}
}

func bagScale(n int) float32 { return float32(1 / math.Sqrt(float64(n))) }
