package ops_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/golden"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
	"x2vec/graph/ops/vec"
)

// slowNegativeSampling is eq. 4 of arXiv:1310.4546 for every pair, one after the
// other, with the negatives of the center's block.
func slowNegativeSampling(k ops.NegativeSampling, in []opstest.Value) []float64 {
	w, c := bagged(k.Bags, in[0].Rows()), in[1].Rows()
	t, negatives := in[2].Shape[1], in[4].Shape[1]
	score := func(x []float64, b int) (s float64) {
		for i, v := range x {
			s += v * c[b][i]
		}
		return s
	}
	softplus := func(s float64) float64 { return max(s, 0) + math.Log1p(math.Exp(-math.Abs(s))) }
	var loss, pairs float64
	for run := range in[2].Shape[0] {
		words, reach := in[2].I[run*t:(run+1)*t], in[3].I[run*t:(run+1)*t]
		for i, center := range words {
			if center < 0 {
				break
			}
			block := run*((t+k.Block-1)/k.Block) + i/k.Block
			if k.CBOW {
				mean, n := make([]float64, len(w[0])), 0.0
				for j, context := range words {
					if d := j - i; d != 0 && d <= reach[i] && -d <= reach[i] && context >= 0 {
						n++
						for l, v := range w[context] {
							mean[l] += v
						}
					}
				}
				if n == 0 {
					continue
				}
				for l := range mean {
					mean[l] /= n
				}
				pairs++
				loss += softplus(-score(mean, center))
				for _, neg := range in[4].I[block*negatives : (block+1)*negatives] {
					loss += float64(k.K) / float64(negatives) * softplus(score(mean, neg))
				}
				continue
			}
			for j, context := range words {
				if context < 0 {
					break
				}
				if d := j - i; d == 0 || d > reach[i] || -d > reach[i] {
					continue
				}
				pairs++
				loss += softplus(-score(w[center], context))
				for _, neg := range in[4].I[block*negatives : (block+1)*negatives] {
					loss += float64(k.K) / float64(negatives) * softplus(score(w[center], neg))
				}
			}
		}
	}
	if k.Mean && pairs > 0 {
		loss /= pairs
	}
	return []float64{loss}
}

// runs draws the inputs of a case: lengths are those of the runs of words.
func runs(r *draw.Rand, v, d, t, block, window, n int, lengths ...int) []opstest.Value {
	b := len(lengths)
	words, reach := opstest.Ints(r, v, b, t), opstest.Ints(r, window+1, b, t)
	for i, l := range lengths {
		for j := l; j < t; j++ {
			words.I[i*t+j] = -1
		}
	}
	return []opstest.Value{opstest.Normal(r, v, d), opstest.Normal(r, v, d), words, reach,
		opstest.Ints(r, v, b*((t+block-1)/block), n)}
}

func TestNegativeSampling(t *testing.T) {
	for i, c := range []struct {
		k          ops.NegativeSampling
		v, d, t, n int
		lengths    []int
	}{
		{ops.NegativeSampling{Windows: ops.Windows{Block: 4, Window: 2}, K: 5}, 9, 3, 11, 6, []int{11, 0, 1, 5}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 8, Window: 5, Mean: true}, K: 2}, 30, 17, 30, 4, []int{30, 23}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 32, Window: 5}, K: 5}, 500, 100, 80, 32, []int{80, 61}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 1, Window: 1}, K: 0.5}, 2, 1, 2, 1, []int{2}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 4, Window: 2, Mean: true}, K: 5}, 9, 3, 4, 2, []int{0, 1}}, // no pair
		{ops.NegativeSampling{Windows: ops.Windows{Block: 4, Window: 2, CBOW: true}, K: 5}, 9, 3, 11, 6, []int{11, 0, 1, 5}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 8, Window: 5, Mean: true, CBOW: true}, K: 2}, 30, 17, 30, 4, []int{30, 23}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 4, Window: 2, Bags: bags(9, 14)}, K: 5}, 9, 3, 11, 6, []int{11, 0, 1, 5}},
		{ops.NegativeSampling{Windows: ops.Windows{Block: 8, Window: 5, CBOW: true, Bags: bags(30, 50)}, K: 2}, 30, 17, 30, 4, []int{30, 23}},
	} {
		in := runs(draw.New(uint64(i)), c.v, c.d, c.t, c.k.Block, c.k.Window, c.n, c.lengths...)
		if c.k.Bags != nil {
			in[0] = opstest.Normal(draw.New(uint64(i)), rowsOf(c.k.Bags), c.d)
		}
		slow := func(in []opstest.Value) []float64 { return slowNegativeSampling(c.k, in) }
		name := fmt.Sprintf("case %d", i)
		opstest.Run(t, name, opstest.Case{New: func() ops.Kernel { k := c.k; return &k }, In: in, Slow: slow})
		t.Run(name+" gradient", func(t *testing.T) { k := c.k; tableDerivatives(t, &k, in, slow) })
	}
}

// tableDerivatives holds the gradients, put together from their rows, against
// finite differences of the twin.
func tableDerivatives(t *testing.T, k tabled, in []opstest.Value, slow func(in []opstest.Value) []float64) {
	_, g := tableGradients(t, k, in, 1.5)
	r := draw.New(77)
	for table := range 2 {
		for range 25 {
			at := r.IntN(len(in[table].F))
			const h = 1e-5
			was := in[table].F[at]
			in[table].F[at] = was + h
			up := slow(in)[0]
			in[table].F[at] = was - h
			down := slow(in)[0]
			in[table].F[at] = was
			if want := 1.5 * (up - down) / (2 * h); !(math.Abs(float64(g[table][at])-want) <= 2e-4*(1+math.Abs(want))) {
				t.Errorf("derivative by value %d of table %d is %.6g, finite differences give %.6g", at, table, g[table][at], want)
			}
		}
	}
}

// tabled is a kernel whose first two inputs are tables with gradients by rows.
type tabled interface {
	ops.Kernel
	ops.Checker
	ops.GradShaper
	RowsOf(input int) []int
}

// tableGradients runs the kernel and adds up its rows; those beyond RowsOf are not
// looked at.
func tableGradients(t *testing.T, k tabled, in []opstest.Value, dout float32) (loss float32, g [2][]float32) {
	t.Helper()
	var args []ops.Arg
	var shapes []tensor.Shape
	for _, v := range in {
		a := ops.Arg{Shape: v.Shape, I: v.I}
		for _, x := range v.F {
			a.F = append(a.F, float32(x))
		}
		args, shapes = append(args, a), append(shapes, v.Shape)
	}
	if _, err := k.Shape(shapes); err != nil {
		t.Fatal(err)
	}
	if err := k.Check(args); err != nil {
		t.Fatal(err)
	}
	out := []float32{0}
	din := append([][]float32{make([]float32, k.GradShape(0).TotalSize()), nil}, make([][]float32, len(in)-2)...)
	if shape := k.GradShape(1); shape != nil {
		din[1] = make([]float32, shape.TotalSize())
	} else {
		din[1] = make([]float32, len(args[1].F))
	}
	k.Forward(args, out)
	k.Backward(args, out, []float32{dout}, din)
	d := in[0].Shape[1]
	for table := range g {
		if g[table] = make([]float32, len(in[table].F)); k.RowsOf(table) == nil { // a gradient for each row
			copy(g[table], din[table])
		}
		for i, row := range k.RowsOf(table) {
			for j := range d {
				g[table][row*d+j] += din[table][i*d+j]
			}
		}
	}
	return out[0], g
}

// goldenPairs are the tables, words and windows of a golden case: each pair a run of two
// words, of which the first alone has a window.
func goldenPairs(c *golden.Case) (in []opstest.Value, loss string, negatives int) {
	var set struct {
		Loss                  string
		Negatives, Vocab, Dim int
	}
	c.Settings(&set)
	value := func(name string) opstest.Value {
		v := opstest.Value{Shape: c.Shape(name)}
		for _, x := range c.Floats(name) {
			v.F = append(v.F, float64(x))
		}
		return v
	}
	centers, contexts := c.Ints("in.center"), c.Ints("in.context")
	words := opstest.Value{Shape: []int{len(centers), 2}}
	reach := opstest.Value{Shape: words.Shape}
	for i := range centers {
		words.I = append(words.I, centers[i], contexts[i])
		reach.I = append(reach.I, 1, 0)
	}
	return []opstest.Value{value("w.in"), value("w.out"), words, reach}, set.Loss, set.Negatives
}

// A pair has negatives of its own.
func TestNegativeSamplingGolden(t *testing.T) {
	golden.Each(t, "skipgram", func(t *testing.T, c *golden.Case) {
		in, loss, negatives := goldenPairs(c)
		if loss != "negative_sampling" {
			t.Skip("the full softmax is another operation")
		}
		in = append(in, opstest.Value{Shape: c.Shape("in.negative"), I: c.Ints("in.negative")})
		for _, path := range vec.Paths() {
			if err := vec.ForcePath(path); err != nil {
				t.Fatal(err)
			}
			k := &ops.NegativeSampling{Windows: ops.Windows{Block: 2, Window: 1, Mean: true}, K: float32(negatives)}
			loss, g := tableGradients(t, k, in, 1)
			c.Check("grad.w.in", g[0])
			c.Check("grad.w.out", g[1])
			c.Check("out.loss", []float32{loss})
		}
		if err := vec.ForcePath(""); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNegativeSamplingRefuses(t *testing.T) {
	in := runs(draw.New(1), 5, 2, 6, 3, 2, 4, 6)
	for want, change := range map[string]func(in []ops.Arg){
		"word 1 of run 0 is 5, and there are 0 to 4":                   func(in []ops.Arg) { in[2].I[1] = 5 },
		"the window of word 0 of run 0 is 3, want 0 to 2":              func(in []ops.Arg) { in[3].I[0] = 3 },
		"negative 1 of block 1 is -1, and the tables have rows 0 to 4": func(in []ops.Arg) { in[4].I[5] = -1 },
	} {
		k := &ops.NegativeSampling{Windows: ops.Windows{Block: 3, Window: 2}, K: 1}
		var shapes []tensor.Shape
		var args []ops.Arg
		for _, v := range in {
			shapes = append(shapes, v.Shape)
			args = append(args, ops.Arg{Shape: v.Shape, I: append([]int(nil), v.I...)})
		}
		if _, err := k.Shape(shapes); err != nil {
			t.Fatal(err)
		}
		change(args)
		if err := k.Check(args); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	shapes := func(s ...tensor.Shape) []tensor.Shape { return s }
	for want, c := range map[string]struct {
		k  ops.NegativeSampling
		in []tensor.Shape
	}{
		"want (V, D), (·, D)": {ops.NegativeSampling{Windows: ops.Windows{Block: 3, Window: 2}, K: 1},
			shapes(tensor.Shape{5, 2}, tensor.Shape{5, 3}, tensor.Shape{1, 6}, tensor.Shape{1, 6}, tensor.Shape{2, 4})},
		"want 2 rows of them": {ops.NegativeSampling{Windows: ops.Windows{Block: 3, Window: 2}, K: 1},
			shapes(tensor.Shape{5, 2}, tensor.Shape{5, 2}, tensor.Shape{1, 6}, tensor.Shape{1, 6}, tensor.Shape{3, 4})},
		"blocks of 0, window 2": {ops.NegativeSampling{Windows: ops.Windows{Window: 2}, K: 1},
			shapes(tensor.Shape{5, 2}, tensor.Shape{5, 2}, tensor.Shape{1, 6}, tensor.Shape{1, 6}, tensor.Shape{2, 4})},
	} {
		if _, err := c.k.Shape(c.in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a sentence with %q", err, want)
		}
	}
}

func BenchmarkNegativeSampling(b *testing.B) {
	k := &ops.NegativeSampling{Windows: ops.Windows{Block: 32, Window: 5}, K: 5}
	const words = 380 // of 512, the rest left out by subsampling
	step, _ := opstest.Step(b, k, runs(draw.New(1), 20000, 100, 256, 32, 5, 32, words/2, words/2))
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(b.N)*words/b.Elapsed().Seconds(), "words/s")
}
