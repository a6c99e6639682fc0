package nets_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
)

// vocabulary has n words.
func vocabulary(n int) *data.Vocabulary {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("word%02d", i))
	}
	return data.NewVocabulary(words, make([]int64, n))
}

func TestEmbedding(t *testing.T) {
	e := &nets.Embedding{Dim: 4}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		e.EncodeWords(s.In("encoder"), s.Ints("x", 2, 3), vocabulary(5))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	copy(f.I["x"], []int{1, 3, -1, -1, -1, -1})
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	w := ps.Get("encoder/weight").Data
	for _, v := range w {
		if !(v >= -0.125 && v < 0.125) {
			t.Errorf("a vector begins with %v, want -1/8 to 1/8", v)
		}
	}
	code, ok := p.Tap("encoder/code")
	if !ok || len(code.Data) != 8 {
		t.Fatalf("code %v of shape %v", ok, code.Shape)
	}
	for j := range 4 {
		if want := (w[4+j] + w[12+j]) / 2; math.Abs(float64(code.Data[j]-want)) > 1e-7 || code.Data[4+j] != 0 {
			t.Errorf("value %d is %v and %v, want the mean %v and 0 of no words", j, code.Data[j], code.Data[4+j], want)
		}
	}
}

// A word that is made of parts shares them with those that are written alike, known or
// not.
func TestEmbeddingParts(t *testing.T) {
	e := &nets.Embedding{Dim: 3, MinN: 3, MaxN: 3, Buckets: 50}
	v := data.NewVocabulary([]string{"walk", "walked"}, []int64{9, 3})
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		e.EncodeWords(s.In("encoder"), s.Ints("x", 2, 1), v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	copy(f.I["x"], []int{0, 1})
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	w := ps.Get("encoder/weight")
	if !slices.Equal(w.Shape, []int{52, 3}) {
		t.Fatalf("the table is %v", w.Shape)
	}
	code, _ := p.Tap("encoder/code")
	for i, word := range v.Words {
		rows := append([]int32{int32(i)}, e.Parts(word, v)...)
		if want := map[string]int{"walk": 5, "walked": 7}[word]; len(rows) != want {
			t.Fatalf("%s is made of %d rows, want %d", word, len(rows), want)
		}
		for j := range 3 {
			sum := 0.0
			for _, r := range rows {
				sum += float64(w.Data[int(r)*3+j])
			}
			if want := sum / math.Sqrt(float64(len(rows))); math.Abs(float64(code.Data[i*3+j])-want) > 1e-6 {
				t.Errorf("value %d of %s is %v, want %v", j, word, code.Data[i*3+j], want)
			}
		}
	}
	if got := e.Parts("walks", v); len(got) != 5 || !slices.Equal(got[:3], e.Parts("walked", v)[:3]) {
		t.Errorf("walks is made of %v, walked of %v", got, e.Parts("walked", v))
	}
	if got := (&nets.Embedding{Dim: 3}).Parts("walks", v); got != nil {
		t.Errorf("a word without parts is made of %v", got)
	}
}

func TestEmbeddingRefuses(t *testing.T) {
	for want, err := range map[string]error{
		"dim: is 0, want 1 to":                     (&nets.Embedding{}).Check([]int{10}),
		"max_n: is 40, want 0":                     (&nets.Embedding{Dim: 3, MinN: 3, MaxN: 40, Buckets: 1}).Check([]int{10}),
		"min_n: is 4, want 1 to max_n, which is 3": (&nets.Embedding{Dim: 3, MinN: 4, MaxN: 3, Buckets: 1}).Check([]int{10}),
		"min_n: is 0, want 1 to max_n, which is 3": (&nets.Embedding{Dim: 3, MaxN: 3, Buckets: 1}).Check([]int{10}),
		"buckets: is 0, want 1":                    (&nets.Embedding{Dim: 3, MinN: 3, MaxN: 3}).Check([]int{10}),
		"takes runs of words":                      (&nets.Embedding{Dim: 3}).Check([]int{1, 28, 28}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	_, err := graph.Compile(graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node {
		return (&nets.Embedding{Dim: 3}).Encode(s, s.Input("x", 2, 3))
	})
	if err == nil || !strings.Contains(err.Error(), "takes words, and the input is of type float32") {
		t.Errorf("values: %v", err)
	}
}
