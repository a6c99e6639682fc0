package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// NegativeSampling is the loss of the skip-gram with negative sampling (Mikolov
// et al. 2013, arXiv:1310.4546, eq. 4) over all pairs of a few runs of text:
//
//	−Σ log σ(in[c]·out[o]) − Σ K/N·Σ_n log σ(−in[c]·out[n])
//
// over the pairs of a center c and a word o at most its window away. The N
// negatives n belong to a block of Block centers and not to one pair, and count
// K/N each, so that a pair has K of them in all; then the work is matrix products
// (Ji et al. 2016, arXiv:1604.04661, section 3). With N = K and blocks of one pair
// it is the formula of the paper.
//
// Its inputs are the tables of word vectors, in and out, (V, D) both; the words,
// (B, T), each of the B runs ended by its first negative number; the reach of the
// window of each word, (B, T), from 0 to Window; and the negatives (M, N), where
// block j of run b has row b·⌈T/Block⌉ + j. The output is a scalar: the sum over
// pairs, or with Mean their mean.
//
// With CBOW it is the loss of the continuous bag of words (Mikolov et al. 2013,
// arXiv:1301.3781, section 3.1): what is paired is the mean of in over the words at
// most a center's window away, and the center as the word o; a center with no such
// word is no pair.
//
// The gradients have a row for each word and, for out, for each block's context
// and negatives; RowsOf says which rows of the tables they belong to.
type NegativeSampling struct {
	Block  int     // centers that share negatives
	Window int     // the largest reach
	K      float32 // negatives of a pair
	Mean   bool
	CBOW   bool

	v, d, b, t, n int
	most          int     // rows of out in a block
	blocks        []block // of this step
	pairs         int
	rows          [2][]int  // by table
	x, z          []float32 // rows of in (words, D) and of out (rows, D)
	h, dh, a      []float32 // with CBOW: means (centers, D), their gradient, and the share (size, width) of each word in them
	g, soft       []float32 // of each block (size, rows): gradients by the scores; losses
	loss          []float64 // by block
	scale         float32   // of the loss: 1, or 1/pairs

	call
	forward, backward func(lo, hi int)
}

// A block is a few centers that follow each other, with their contexts.
type block struct {
	words       []int // of the whole run
	reach       []int
	from, size  int // centers in the run
	left, width int // words of the run within reach of them
	negatives   []int
	in, out     int // their first rows in x and z
	scores      int // where those begin in g
	means       int // with CBOW: the first row of its means in h
	shares      int // with CBOW: where its part of a begins
}

// Name implements Kernel.
func (k *NegativeSampling) Name() string { return "negative sampling" }

// Shape implements Kernel.
func (k *NegativeSampling) Shape(in []tensor.Shape) (tensor.Shape, error) {
	w, o, words, reach, neg := in[0], in[1], in[2], in[3], in[4]
	if w.Dims() != 2 || !slices.Equal(w, o) || words.Dims() != 2 || !slices.Equal(words, reach) || neg.Dims() != 2 {
		return nil, fmt.Errorf("tables are %v and %v, words %v, windows %v, negatives %v; want (V, D) twice, (B, T) twice, (M, N)", w, o, words, reach, neg)
	}
	if k.Block < 1 || k.Window < 1 || !(k.K > 0) {
		return nil, fmt.Errorf("blocks of %d, window %d, %v negatives a pair; want at least 1, at least 1, more than 0", k.Block, k.Window, k.K)
	}
	k.v, k.d, k.b, k.t, k.n = w[0], w[1], words[0], words[1], neg[1]
	if m := k.b * parts(k.t, k.Block); neg[0] != m {
		return nil, fmt.Errorf("negatives are %v; %d runs of %d words in blocks of %d want %d rows of them", neg, k.b, k.t, k.Block, m)
	}
	k.most = min(k.t, k.Block+2*k.Window) + k.n
	m := neg[0]
	k.blocks = make([]block, 0, m)
	k.loss = make([]float64, m)
	inputs := k.b * k.t // rows of in that a step can need
	if k.CBOW {
		wide := k.most - k.n
		inputs = m * wide
		k.h, k.dh = make([]float32, k.b*k.t*k.d), make([]float32, k.b*k.t*k.d)
		k.a = make([]float32, m*min(k.t, k.Block)*wide)
	}
	k.rows[0], k.rows[1] = make([]int, 0, inputs), make([]int, 0, m*k.most)
	k.x, k.z = make([]float32, inputs*k.d), make([]float32, m*k.most*k.d)
	k.g = make([]float32, m*min(k.t, k.Block)*k.most)
	k.soft = make([]float32, len(k.g))
	k.forward, k.backward = k.forwardBlocks, k.backwardBlocks
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *NegativeSampling) Grads() []bool { return []bool{true, true, false, false, false} }

// Ints implements Indexer.
func (k *NegativeSampling) Ints() []bool { return []bool{false, false, true, true, true} }

// GradShape implements GradShaper: the most rows that a step can have.
func (k *NegativeSampling) GradShape(i int) tensor.Shape {
	switch i {
	case 0:
		return tensor.Shape{cap(k.rows[0]), k.d}
	case 1:
		return tensor.Shape{cap(k.rows[1]), k.d}
	}
	return nil
}

// RowsOf says which rows of table i those of its gradient belong to; the gradient
// has no more rows than these.
func (k *NegativeSampling) RowsOf(i int) []int { return k.rows[i] }

// Check implements Checker.
func (k *NegativeSampling) Check(in []Arg) error {
	for i, w := range in[2].I {
		if w >= k.v {
			return fmt.Errorf("word %d of run %d is %d, and the tables have rows 0 to %d", i%k.t, i/k.t, w, k.v-1)
		}
		if r := in[3].I[i]; w >= 0 && (r < 0 || r > k.Window) {
			return fmt.Errorf("the window of word %d of run %d is %d, want 0 to %d", i%k.t, i/k.t, r, k.Window)
		}
	}
	for i, w := range in[4].I {
		if w < 0 || w >= k.v {
			return fmt.Errorf("negative %d of block %d is %d, and the tables have rows 0 to %d", i%k.n, i/k.n, w, k.v-1)
		}
	}
	return nil
}

// Forward implements Kernel. It also finds the gradient by the scores.
func (k *NegativeSampling) Forward(in []Arg, out []float32) {
	k.lay(in[2].I, in[3].I, in[4].I)
	k.call = call{in: in, out: out}
	par.For(len(k.blocks), 1, k.forward)
	k.call = call{}
	k.scale = 1
	if k.Mean && k.pairs > 0 {
		k.scale = 1 / float32(k.pairs)
	}
	out[0] = float32(total(k.loss[:len(k.blocks)]) * float64(k.scale))
}

// lay finds the blocks of a step and the rows of the tables that they need.
func (k *NegativeSampling) lay(words, reach, negatives []int) {
	k.blocks, k.pairs = k.blocks[:0], 0
	k.rows[0], k.rows[1] = k.rows[0][:0], k.rows[1][:0]
	per, scores, means, shares := parts(k.t, k.Block), 0, 0, 0
	for b := range k.b {
		run := words[b*k.t : (b+1)*k.t]
		if end := slices.IndexFunc(run, func(w int) bool { return w < 0 }); end >= 0 {
			run = run[:end]
		}
		for i, r := range reach[b*k.t:][:len(run)] {
			n := min(i+r, len(run)-1) - max(i-r, 0)
			if k.CBOW {
				n = min(n, 1)
			}
			k.pairs += n
		}
		for from := 0; from < len(run); from += k.Block {
			size := min(k.Block, len(run)-from)
			left := max(0, from-k.Window)
			width := min(len(run), from+size+k.Window) - left
			j := b*per + from/k.Block
			k.blocks = append(k.blocks, block{
				words: run, reach: reach[b*k.t:][:len(run)], from: from, size: size, left: left, width: width,
				negatives: negatives[j*k.n : (j+1)*k.n], in: len(k.rows[0]), out: len(k.rows[1]), scores: scores,
				means: means, shares: shares,
			})
			last := &k.blocks[len(k.blocks)-1]
			if k.CBOW {
				k.rows[0] = append(k.rows[0], run[left:left+width]...)
				means, shares = means+size, shares+size*width
			} else {
				k.rows[0] = append(k.rows[0], run[from:from+size]...)
			}
			k.rows[1] = append(k.rows[1], run[left:left+width]...)
			k.rows[1] = append(k.rows[1], last.negatives...)
			scores += size * (width + k.n)
		}
	}
}

func (k *NegativeSampling) forwardBlocks(lo, hi int) {
	for i := lo; i < hi; i++ {
		b := &k.blocks[i]
		r := b.width + k.n
		x, z := k.input(b), k.z[b.out*k.d:][:r*k.d]      // (size, D)
		gather(z, k.in[1].F, k.rows[1][b.out:][:r], k.d) // (width+N, D)
		g := k.g[b.scores:][:b.size*r]
		blas.Serial(false, true, b.size, r, k.d, x, k.d, z, k.d, g, r, false) // (size, width+N)
		k.loss[i] = k.score(b, g, k.soft[b.scores:][:b.size*r])
	}
}

// input gives what is paired with the words, (size, D): the vectors of the centers,
// or with CBOW the means over their windows.
func (k *NegativeSampling) input(b *block) []float32 {
	n := b.size
	if k.CBOW {
		n = b.width
	}
	x := k.x[b.in*k.d:][:n*k.d]
	gather(x, k.in[0].F, k.rows[0][b.in:][:n], k.d)
	if !k.CBOW {
		return x
	}
	a := k.a[b.shares:][:b.size*b.width]
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

// score turns the scores of a block, (size, width+N), into the gradient of the
// loss by them, and returns the loss. soft has the size of g.
func (k *NegativeSampling) score(b *block, g, soft []float32) (loss float64) {
	r := b.width + k.n
	vec.Softplus(soft, g) // −log σ(−s); and −log σ(s) is this less s
	for c := range b.size {
		lo, own, hi := b.window(c)
		s, f := g[c*r:(c+1)*r], soft[c*r:(c+1)*r]
		if k.CBOW {
			if hi > lo {
				loss += float64(f[own]) - float64(s[own])
			}
		} else {
			for j := lo; j <= hi; j++ {
				if j != own {
					loss += float64(f[j]) - float64(s[j])
				}
			}
		}
		if w := k.weight(hi - lo); w > 0 {
			loss += float64(w) * vec.Sum(f[b.width:])
		}
	}
	vec.Sigmoid(g, g)
	for c := range b.size {
		lo, own, hi := b.window(c)
		row := g[c*r : (c+1)*r]
		if k.CBOW {
			right := row[own] - 1
			clear(row[:b.width])
			if hi > lo {
				row[own] = right
			}
		} else {
			clear(row[:lo])
			for j := lo; j <= hi; j++ {
				row[j]--
			}
			row[own] = 0
			clear(row[hi+1 : b.width])
		}
		negatives := row[b.width:]
		vec.Scale(negatives, negatives, k.weight(hi-lo))
	}
	return loss
}

// window gives the first, the own and the last place of the words in reach of
// center c of the block, counted from its left.
func (b *block) window(c int) (lo, own, hi int) {
	at := b.from + c
	reach := b.reach[at]
	return max(0, at-reach) - b.left, at - b.left, min(len(b.words)-1, at+reach) - b.left
}

// weight is what each negative counts for a center with so many words in its window.
func (k *NegativeSampling) weight(words int) float32 {
	if k.CBOW {
		words = min(words, 1)
	}
	return float32(words) * k.K / float32(k.n)
}

// Backward implements Kernel.
func (k *NegativeSampling) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	par.For(len(k.blocks), 1, k.backward)
	k.call = call{}
}

func (k *NegativeSampling) backwardBlocks(lo, hi int) {
	for i := lo; i < hi; i++ {
		b := &k.blocks[i]
		r := b.width + k.n
		x, z := k.x[b.in*k.d:], k.z[b.out*k.d:][:r*k.d]
		if k.CBOW {
			x = k.h[b.means*k.d:]
		}
		x = x[:b.size*k.d]
		g := k.g[b.scores:][:b.size*r]
		if dx := k.din[0]; dx != nil {
			d := dx[b.in*k.d:]
			if k.CBOW {
				d = k.dh[b.means*k.d:]
			}
			d = d[:b.size*k.d]
			blas.Serial(false, false, b.size, k.d, r, g, r, z, k.d, d, k.d, false) // (size, D)
			k.rescale(d)
			if k.CBOW {
				a := k.a[b.shares:][:b.size*b.width]
				blas.Serial(true, false, b.width, k.d, b.size, a, b.width, d, k.d, dx[b.in*k.d:][:b.width*k.d], k.d, false) // (width, D)
			}
		}
		if dz := k.din[1]; dz != nil {
			dz = dz[b.out*k.d:][:r*k.d]
			blas.Serial(true, false, r, k.d, b.size, g, r, x, k.d, dz, k.d, false) // (width+N, D)
			k.rescale(dz)
		}
	}
}

func (k *NegativeSampling) rescale(d []float32) {
	if s := k.scale * k.dout[0]; s != 1 {
		vec.Scale(d, d, s)
	}
}
