package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/vec"
)

// NegativeSampling is the loss of the skip-gram with negative sampling (Mikolov
// et al. 2013, arXiv:1310.4546, eq. 4) over all pairs of Windows:
//
//	−Σ log σ(in[c]·out[o]) − Σ K/N·Σ_n log σ(−in[c]·out[n])
//
// over the pairs of a center c and a word o at most its window away. The N
// negatives n belong to a block of centers and not to one pair, and count K/N each,
// so that a pair has K of them in all. With N = K and blocks of one pair it is the
// formula of the paper. With CBOW what is paired is the mean of the words of a window,
// and the center is o.
//
// Beside those of Windows, with out (V, D), its input are the negatives (M, N), where
// block j of run b has row b·⌈T/Block⌉ + j. The output is a scalar.
type NegativeSampling struct {
	Windows
	K float32 // negatives of a pair

	n, words int
}

// Name implements Kernel.
func (k *NegativeSampling) Name() string { return "negative sampling" }

// Shape implements Kernel.
func (k *NegativeSampling) Shape(in []tensor.Shape) (tensor.Shape, error) {
	neg := in[4]
	if neg.Dims() != 2 || !(k.K > 0) {
		return nil, fmt.Errorf("negatives are %v, %v a pair; want (M, N), more than 0", neg, k.K)
	}
	k.n = neg[1]
	if err := k.shape(in, k, func(width int) int { return width + k.n }); err != nil {
		return nil, err
	}
	if k.words = in[1][0]; k.words != k.v {
		return nil, fmt.Errorf("tables are %v and %v, of %d and %d words; want as many", in[0], in[1], k.v, k.words)
	}
	if m := k.b * parts(k.t, k.Block); neg[0] != m {
		return nil, fmt.Errorf("negatives are %v; %d runs of %d words in blocks of %d want %d rows of them", neg, k.b, k.t, k.Block, m)
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *NegativeSampling) Grads() []bool { return []bool{true, true, false, false, false} }

// Ints implements Indexer.
func (k *NegativeSampling) Ints() []bool { return []bool{false, false, true, true, true} }

// Check implements Checker.
func (k *NegativeSampling) Check(in []Arg) error {
	if err := k.check(in); err != nil {
		return err
	}
	for i, w := range in[4].I {
		if w < 0 || w >= k.words {
			return fmt.Errorf("negative %d of block %d is %d, and the tables have rows 0 to %d", i%k.n, i/k.n, w, k.words-1)
		}
	}
	return nil
}

// outRows implements pairing: the words within reach, and the negatives.
func (k *NegativeSampling) outRows(rows []int, b *block) []int {
	rows = append(rows, b.words[b.left:b.left+b.width]...)
	return append(rows, k.in[4].I[b.number*k.n:(b.number+1)*k.n]...)
}

// score implements pairing.
func (k *NegativeSampling) score(b *block, g, soft []float32) (loss float64) {
	r := b.rows
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

// weight is what each negative counts for a center with so many words in its window.
func (k *NegativeSampling) weight(words int) float32 {
	return float32(k.pairsOf(words)) * k.K / float32(k.n)
}

var _ pairing = (*NegativeSampling)(nil)
