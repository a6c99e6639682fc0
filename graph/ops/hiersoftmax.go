package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/vec"
)

// HierarchicalSoftmax is the loss −Σ log p(o | c) over all pairs of Windows, where p
// is a product over the nodes n on the path of word o down a binary tree (Morin and
// Bengio 2005; Mikolov et al. 2013, arXiv:1310.4546, eq. 3):
//
//	p(o | c) = Π_n σ(±in[c]·out[n]),  + where the path goes left
//
// With CBOW the mean of the words of a window stands for c, and the center for o.
// Beside the inputs of Windows, with out (nodes, D), it has none. The output is a
// scalar.
type HierarchicalSoftmax struct {
	Windows
	Tree *Tree
	// Most bounds the gradient of a node: where more than so many pairs of a step
	// pass it, as all do at the root, it is scaled down to that of so many. Such a sum
	// would overshoot, where steps of one pair each do not. 0 = no bound.
	Most float32

	wide int
	seen []int     // by node: the block it was last seen in, of all that ever were
	laid int       // blocks that ever were
	at   []int     // by node: its place in that block
	path []int32   // places on the paths of the words of all blocks, one after the other
	from []int     // by block and word: where its path begins in path
	used []float32 // by node: pairs that pass it in this step
	over []int     // the nodes that used is not 0 of
	// By score, as g: pairs that pass, and those of them that go left.
	all, left []float32
	touched   []int32   // by block and row: the rows that a center passes
	packed    []float32 // their scores; then losses
}

// Name implements Kernel.
func (k *HierarchicalSoftmax) Name() string { return "hierarchical softmax" }

// Shape implements Kernel.
func (k *HierarchicalSoftmax) Shape(in []tensor.Shape) (tensor.Shape, error) {
	nodes := in[1][0]
	longest, err := k.Tree.check(nodes)
	if err != nil {
		return nil, err
	}
	if err := k.shape(in, k, func(width int) int { k.wide = width; return min(nodes, width*longest) }); err != nil {
		return nil, err
	}
	if k.Tree.Len() != k.v {
		return nil, fmt.Errorf("the tree has %d leaves and the table %d words", k.Tree.Len(), k.v)
	}
	m := cap(k.blocks)
	k.seen, k.at, k.used = make([]int, nodes), make([]int, nodes), make([]float32, nodes)
	k.from = make([]int, m*(k.wide+1))
	k.path = make([]int32, 0, m*k.wide*longest)
	k.all, k.left = make([]float32, len(k.g)), make([]float32, len(k.g))
	k.touched, k.packed = make([]int32, m*k.most), make([]float32, 2*m*k.most)
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *HierarchicalSoftmax) Grads() []bool { return []bool{true, true, false, false} }

// Ints implements Indexer.
func (k *HierarchicalSoftmax) Ints() []bool { return []bool{false, false, true, true} }

// Check implements Checker.
func (k *HierarchicalSoftmax) Check(in []Arg) error { return k.check(in) }

// Forward implements Kernel.
func (k *HierarchicalSoftmax) Forward(in []Arg, out []float32) {
	for _, n := range k.over {
		k.used[n] = 0
	}
	k.over, k.path = k.over[:0], k.path[:0]
	k.Windows.Forward(in, out)
}

// outRows implements pairing: the nodes on the paths of the words that are asked for,
// each once.
func (k *HierarchicalSoftmax) outRows(rows []int, b *block) []int {
	first := len(rows)
	k.laid++
	times := k.from[b.number*(k.wide+1):][:b.width+1] // how often each word is asked for; then where its path begins
	clear(times)
	for c := range b.size {
		lo, own, hi := b.window(c)
		if k.CBOW {
			times[own] += k.pairsOf(hi - lo)
			continue
		}
		for j := lo; j <= hi; j++ {
			times[j]++
		}
		times[own]--
	}
	for j, n := range times[:b.width] {
		times[j] = len(k.path)
		if n == 0 {
			continue
		}
		nodes, _ := k.Tree.Path(b.words[b.left+j])
		for _, node := range nodes {
			if k.used[node] == 0 {
				k.over = append(k.over, int(node))
			}
			k.used[node] += float32(n)
			if k.seen[node] != k.laid {
				k.seen[node], k.at[node] = k.laid, len(rows)-first
				rows = append(rows, int(node))
			}
			k.path = append(k.path, int32(k.at[node]))
		}
	}
	return rows
}

// score implements pairing.
func (k *HierarchicalSoftmax) score(b *block, g, _ []float32) (loss float64) {
	r := b.rows
	from := k.from[b.number*(k.wide+1):]
	touched, packed := k.touched[b.out:][:0:r], k.packed[2*b.out:]
	for c := range b.size {
		lo, own, hi := b.window(c)
		s := g[c*r : (c+1)*r]
		all, left := k.all[b.scores+c*r:][:r], k.left[b.scores+c*r:][:r]
		clear(all)
		clear(left)
		touched = touched[:0]
		pass := func(j int) {
			nodes, goes := k.Tree.Path(b.words[b.left+j])
			for i, at := range k.path[from[j]:][:len(nodes)] {
				if all[at] == 0 {
					touched = append(touched, at)
				}
				all[at]++
				if goes[i] {
					left[at]++
				}
			}
		}
		switch {
		case !k.CBOW:
			for j := lo; j <= hi; j++ {
				if j != own {
					pass(j)
				}
			}
		case hi > lo:
			pass(own)
		}
		n := len(touched)
		score, soft := packed[:n], packed[n:2*n]
		for i, at := range touched {
			score[i] = s[at]
		}
		vec.Softplus(soft, score) // −log σ(−s); and −log σ(s) is this less s
		for i, at := range touched {
			loss += float64(all[at])*float64(soft[i]) - float64(left[at])*float64(score[i])
		}
		vec.Sigmoid(score, score)
		clear(s)
		for i, at := range touched {
			s[at] = all[at]*score[i] - left[at]
		}
	}
	return loss
}

// Backward implements Kernel.
func (k *HierarchicalSoftmax) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.Windows.Backward(in, out, dout, din)
	if din[1] == nil || k.Most <= 0 {
		return
	}
	for i, node := range k.rows[1] {
		if n := k.used[node]; n > k.Most {
			d := din[1][i*k.d : (i+1)*k.d]
			vec.Scale(d, d, k.Most/n)
		}
	}
}

// A Tree has words for leaves; its inner nodes are numbered.
type Tree struct {
	start []int // word w has steps start[w] to start[w+1]-1
	nodes []int32
	left  []bool
}

// Len is the number of words.
func (t *Tree) Len() int { return len(t.start) - 1 }

// Path gives the nodes from the root down to a word, and which way it goes at each.
func (t *Tree) Path(word int) (nodes []int32, left []bool) {
	lo, hi := t.start[word], t.start[word+1]
	return t.nodes[lo:hi], t.left[lo:hi]
}

func (t *Tree) check(nodes int) (longest int, err error) {
	if t == nil || t.Len() < 2 {
		return 0, fmt.Errorf("there is no tree of two words or more")
	}
	if nodes != t.Len()-1 {
		return 0, fmt.Errorf("the table has %d rows for the %d nodes of the tree", nodes, t.Len()-1)
	}
	for w := range t.Len() {
		longest = max(longest, t.start[w+1]-t.start[w])
	}
	return longest, nil
}

// NewHuffman is the tree in which the paths are as short as they can be on average,
// of two or more words of those counts, each at least 1, in falling order (Huffman
// 1952). Of words that are counted alike the later ones stand lower, as in word2vec.
func NewHuffman(counts []int64) *Tree {
	v := len(counts)
	weight := make([]int64, 2*v-1) // of the words, then of the inner nodes as they are made
	copy(weight, counts)
	parent, left := make([]int, 2*v-1), make([]bool, 2*v-1)
	word, node := v-1, v // the lightest of each that has no parent yet; both rise in weight
	lightest := func(made int) int {
		if word >= 0 && (node >= made || weight[word] < weight[node]) {
			word--
			return word + 1
		}
		node++
		return node - 1
	}
	for made := v; made < 2*v-1; made++ {
		a := lightest(made)
		b := lightest(made)
		weight[made] = weight[a] + weight[b]
		parent[a], parent[b], left[a] = made, made, true
	}
	t := &Tree{start: make([]int, v+1)}
	var up []int
	for w := range v {
		up = up[:0]
		for n := w; n != 2*v-2; n = parent[n] {
			up = append(up, n)
		}
		for i := len(up) - 1; i >= 0; i-- {
			t.nodes = append(t.nodes, int32(parent[up[i]]-v))
			t.left = append(t.left, left[up[i]])
		}
		t.start[w+1] = len(t.nodes)
	}
	return t
}

var _ pairing = (*HierarchicalSoftmax)(nil)
