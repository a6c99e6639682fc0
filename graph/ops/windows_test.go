package ops_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/golden"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// bags make each of v words of its own row and of some of the others, of a table of
// so many rows.
func bags(v, rows int) *ops.Bags {
	r := draw.New(9)
	b := &ops.Bags{Start: []int{0}}
	for w := range v {
		b.Rows = append(b.Rows, int32(w))
		for range r.IntN(4) {
			b.Rows = append(b.Rows, int32(v+r.IntN(rows-v)))
		}
		b.Start = append(b.Start, len(b.Rows))
	}
	b.Rows[len(b.Rows)-1] = int32(rows - 1)
	return b
}

func rowsOf(b *ops.Bags) int { return int(slices.Max(b.Rows)) + 1 }

// bagged are the vectors of words by the definition of Bags.
func bagged(b *ops.Bags, table [][]float64) [][]float64 {
	if b == nil {
		return table
	}
	var words [][]float64
	for w := range b.Len() {
		sum := make([]float64, len(table[0]))
		for _, r := range b.Of(w) {
			for j, v := range table[r] {
				sum[j] += v / math.Sqrt(float64(len(b.Of(w))))
			}
		}
		words = append(words, sum)
	}
	return words
}

func TestBagsRefuses(t *testing.T) {
	for want, b := range map[string]*ops.Bags{
		"not whole":         {Start: []int{0, 2}, Rows: []int32{1}},
		"word 1 has no row": {Start: []int{0, 1, 1}, Rows: []int32{1}},
		"word 0 has row 5, and the table has rows 0 to 4": {Start: []int{0, 1, 2}, Rows: []int32{5, 0}},
	} {
		k := &ops.NegativeSampling{Windows: ops.Windows{Block: 2, Window: 1, Bags: b}, K: 1}
		in := []tensor.Shape{{5, 2}, {2, 2}, {1, 4}, {1, 4}, {2, 1}}
		if _, err := k.Shape(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// slowHierarchical is eq. 3 of arXiv:1310.4546 for every pair, one after the other.
func slowHierarchical(k ops.HierarchicalSoftmax, in []opstest.Value) []float64 {
	nodes := in[1].Rows()
	return slowWindows(k.Windows, in, func(x []float64, word int) (s float64) {
		path, left := k.Tree.Path(word)
		for i, n := range path {
			dot := inner(x, nodes[n])
			if left[i] {
				dot = -dot
			}
			s += math.Log1p(math.Exp(dot))
		}
		return s
	})
}

// slowFullSoftmax is eq. 2 of arXiv:1310.4546 for every pair, one after the other.
func slowFullSoftmax(k ops.FullSoftmax, in []opstest.Value) []float64 {
	out := in[1].Rows()
	return slowWindows(k.Windows, in, func(x []float64, word int) float64 {
		sum := 0.0
		for _, o := range out {
			sum += math.Exp(inner(x, o))
		}
		return math.Log(sum) - inner(x, out[word])
	})
}

func inner(a, b []float64) (s float64) {
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// slowWindows adds up how surprising the word of each pair is, beside the vector that it
// is paired with.
func slowWindows(w ops.Windows, in []opstest.Value, surprise func(x []float64, word int) float64) []float64 {
	vectors := bagged(w.Bags, in[0].Rows())
	t := in[2].Shape[1]
	var loss, pairs float64
	for run := range in[2].Shape[0] {
		words, reach := in[2].I[run*t:(run+1)*t], in[3].I[run*t:(run+1)*t]
		if end := slices.IndexFunc(words, func(w int) bool { return w < 0 }); end >= 0 {
			words = words[:end]
		}
		for i, center := range words {
			mean, n := make([]float64, len(vectors[0])), 0.0
			for j := max(0, i-reach[i]); j <= min(len(words)-1, i+reach[i]); j++ {
				switch {
				case j == i:
				case w.CBOW:
					n++
					for l, v := range vectors[words[j]] {
						mean[l] += v
					}
				default:
					pairs++
					loss += surprise(vectors[center], words[j])
				}
			}
			if n > 0 {
				for l := range mean {
					mean[l] /= n
				}
				pairs++
				loss += surprise(mean, center)
			}
		}
	}
	if w.Mean && pairs > 0 {
		loss /= pairs
	}
	return []float64{loss}
}

func TestFullSoftmax(t *testing.T) {
	for i, c := range []struct {
		k       ops.FullSoftmax
		v, d, t int
		lengths []int
	}{
		{ops.FullSoftmax{Windows: ops.Windows{Block: 4, Window: 2}}, 9, 3, 11, []int{11, 0, 1, 5}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 8, Window: 5, Mean: true}}, 30, 17, 30, []int{30, 23}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 32, Window: 5}}, 200, 100, 80, []int{80, 61}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 1, Window: 1}}, 2, 1, 2, []int{2}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 4, Window: 2, Mean: true}}, 9, 3, 4, []int{0, 1}}, // no pair
		{ops.FullSoftmax{Windows: ops.Windows{Block: 4, Window: 2}}, 9, 3, 4, []int{0, 0}},             // no word
		{ops.FullSoftmax{Windows: ops.Windows{Block: 8, Window: 5, Mean: true, CBOW: true}}, 30, 17, 30, []int{30, 23}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 4, Window: 2, CBOW: true}}, 9, 3, 11, []int{11, 0, 1, 5}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 8, Window: 3, Bags: bags(30, 50)}}, 30, 17, 30, []int{30, 1}},
		{ops.FullSoftmax{Windows: ops.Windows{Block: 8, Window: 3, CBOW: true, Bags: bags(30, 50)}}, 30, 17, 30, []int{30, 1}},
	} {
		r := draw.New(uint64(i))
		in := runs(r, c.v, c.d, c.t, c.k.Block, c.k.Window, 1, c.lengths...)[:4]
		if c.k.Bags != nil {
			in[0] = opstest.Normal(r, rowsOf(c.k.Bags), c.d)
		}
		slow := func(in []opstest.Value) []float64 { return slowFullSoftmax(c.k, in) }
		name := fmt.Sprintf("case %d", i)
		opstest.Run(t, name, opstest.Case{New: func() ops.Kernel { k := c.k; return &k }, In: in, Slow: slow})
		t.Run(name+" gradient", func(t *testing.T) { k := c.k; tableDerivatives(t, &k, in, slow) })
	}
}

// A pair is a run of two words, of which the first alone has a window.
func TestFullSoftmaxGolden(t *testing.T) {
	golden.Each(t, "skipgram", func(t *testing.T, c *golden.Case) {
		in, loss, _ := goldenPairs(c)
		if loss != "full_softmax" {
			t.Skip("negative sampling is another operation")
		}
		k := &ops.FullSoftmax{Windows: ops.Windows{Block: 2, Window: 1, Mean: true}}
		l, g := tableGradients(t, k, in, 1)
		c.Check("grad.w.in", g[0])
		c.Check("grad.w.out", g[1])
		c.Check("out.loss", []float32{l})
	})
}

func huffman(v int) *ops.Tree {
	counts := make([]int64, v)
	for i := range counts {
		counts[i] = int64(1 + 1000/(i+1))
	}
	return ops.NewHuffman(counts)
}

func TestHierarchicalSoftmax(t *testing.T) {
	for i, c := range []struct {
		k       ops.HierarchicalSoftmax
		v, d, t int
		lengths []int
	}{
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 4, Window: 2}, Tree: huffman(9)}, 9, 3, 11, []int{11, 0, 1, 5}},
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 8, Window: 5, Mean: true}, Tree: huffman(30)}, 30, 17, 30, []int{30, 23}},
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 32, Window: 5}, Tree: huffman(500)}, 500, 100, 80, []int{80, 61}},
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 1, Window: 1}, Tree: huffman(2)}, 2, 1, 2, []int{2}},
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 8, Window: 5, Mean: true, CBOW: true}, Tree: huffman(30)}, 30, 17, 30, []int{30, 23}},
		{ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 8, Window: 3, Bags: bags(30, 50)}, Tree: huffman(30)}, 30, 17, 30, []int{30, 1}},
	} {
		r := draw.New(uint64(i))
		in := runs(r, c.v, c.d, c.t, c.k.Block, c.k.Window, 1, c.lengths...)[:4]
		in[1] = opstest.Normal(r, c.v-1, c.d)
		if c.k.Bags != nil {
			in[0] = opstest.Normal(r, rowsOf(c.k.Bags), c.d)
		}
		slow := func(in []opstest.Value) []float64 { return slowHierarchical(c.k, in) }
		name := fmt.Sprintf("case %d", i)
		opstest.Run(t, name, opstest.Case{New: func() ops.Kernel { k := c.k; return &k }, In: in, Slow: slow})
		t.Run(name+" gradient", func(t *testing.T) { k := c.k; tableDerivatives(t, &k, in, slow) })
	}
}

// Where more pairs pass a node than Most, its gradient is that of the sum, scaled.
func TestHierarchicalSoftmaxMost(t *testing.T) {
	in := runs(draw.New(1), 9, 3, 12, 4, 2, 1, 12, 7)[:4]
	in[1] = opstest.Normal(draw.New(2), 8, 3)
	k := ops.HierarchicalSoftmax{Windows: ops.Windows{Block: 4, Window: 2}, Tree: huffman(9)}
	free, bound := k, k
	bound.Most = 20
	_, want := tableGradients(t, &free, in, 1)
	_, got := tableGradients(t, &bound, in, 1)
	passed := make([]float32, 8)
	for run, n := range []int{12, 7} {
		words, reach := in[2].I[run*12:][:n], in[3].I[run*12:][:n]
		for i := range words {
			for j := max(0, i-reach[i]); j <= min(n-1, i+reach[i]); j++ {
				if path, _ := k.Tree.Path(words[j]); j != i {
					for _, node := range path {
						passed[node]++
					}
				}
			}
		}
	}
	if !slices.Equal(got[0], want[0]) {
		t.Error("the gradient by the words changes too")
	}
	scaled := 0
	for node, n := range passed {
		c := float32(1)
		if n > bound.Most {
			c = bound.Most / n
			scaled++
		}
		for j := range 3 {
			if g, w := got[1][node*3+j], c*want[1][node*3+j]; math.Abs(float64(g-w)) > 1e-5 {
				t.Errorf("node %d, which %v pairs pass: %v, want %v", node, n, g, w)
			}
		}
	}
	if scaled == 0 || scaled == len(passed) {
		t.Errorf("%d of %d nodes are passed more often than %v: that tests nothing", scaled, len(passed), bound.Most)
	}
}

// The paths of a Huffman tree by hand: 5 4 2 1 1 has codes of 1, 2, 3, 4 and 4 steps,
// and no code begins another.
func TestHuffman(t *testing.T) {
	tree := ops.NewHuffman([]int64{5, 4, 2, 1, 1})
	codes := map[string]int{}
	for w, want := range []int{1, 2, 3, 4, 4} {
		nodes, left := tree.Path(w)
		if len(nodes) != want || nodes[0] != 3 {
			t.Errorf("word %d has the nodes %v, want %d from the root 3", w, nodes, want)
		}
		var code strings.Builder
		for _, l := range left {
			fmt.Fprint(&code, map[bool]int{true: 0, false: 1}[l])
		}
		codes[code.String()] = w
	}
	for a := range codes {
		for b := range codes {
			if a != b && strings.HasPrefix(b, a) {
				t.Errorf("code %s begins with %s", b, a)
			}
		}
	}
	if len(codes) != 5 {
		t.Errorf("codes %v", codes)
	}
}

// No tree has shorter paths on average: the entropy is at most one step less.
func TestHuffmanIsShort(t *testing.T) {
	r := draw.New(4)
	for range 20 {
		counts := make([]int64, 2+r.IntN(300))
		for i := range counts {
			counts[i] = 1 + int64(1e6*math.Pow(r.Float64(), 8))
		}
		slices.SortFunc(counts, func(a, b int64) int { return int(b - a) })
		tree := ops.NewHuffman(counts)
		var total, entropy, length float64
		for _, n := range counts {
			total += float64(n)
		}
		kraft := 0.0
		for w, n := range counts {
			nodes, _ := tree.Path(w)
			p := float64(n) / total
			entropy -= p * math.Log2(p)
			length += p * float64(len(nodes))
			kraft += math.Pow(2, -float64(len(nodes)))
		}
		if !(length >= entropy-1e-9 && length < entropy+1) || math.Abs(kraft-1) > 1e-9 {
			t.Errorf("%d words: %.3f steps on average, entropy %.3f, Kraft's sum %v", len(counts), length, entropy, kraft)
		}
	}
}
