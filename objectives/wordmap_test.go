package objectives_test

import (
	colors "image/color"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
)

// A map of the words, the relations that the vocabulary has pairs for, and the
// neighbours of a few words: a word's twin is its nearest.
func TestIllustrate(t *testing.T) {
	words := strings.Fields("man woman king queen boy girl walk walked")
	for i := range 60 {
		words = append(words, strings.Repeat(string(rune('a'+i%26)), 3+i/26))
	}
	counts := make([]int64, len(words))
	for i := range counts {
		counts[i] = int64(1000 - i)
	}
	v := data.NewVocabulary(words, counts)
	const d = 10
	r := draw.New(3)
	x := make([]float32, v.Len()*d)
	for i := 0; i < v.Len(); i += 2 { // twins
		for j := range d {
			x[i*d+j] = float32(r.Norm())
			x[(i+1)*d+j] = x[i*d+j] + 0.01*float32(r.Norm())
		}
	}
	ps := graph.NewParams(1)
	task := objectives.Task{Encoder: &nets.Embedding{Dim: d}, Spec: data.Spec{Shape: []int{8}, Words: v}, Batch: 1}
	p, err := graph.Compile(ps, graph.Eval, encodeOnly(task))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	copy(ps.Get("encoder/weight").Data, x)
	o, err := objectives.New("skipgram")
	if err != nil {
		t.Fatal(err)
	}
	pictures, tables, err := o.(objectives.Illustrated).Illustrate(task, ps)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range pictures {
		names = append(names, p.Name)
		drawn := 0
		for y := range p.Image.Bounds().Dy() {
			for x := range p.Image.Bounds().Dx() {
				if p.Image.At(x, y) != (colors.RGBA{255, 255, 255, 255}) {
					drawn++
				}
			}
		}
		if drawn < 300 || !strings.HasSuffix(p.Caption, ".") {
			t.Errorf("%s: %d pixels are drawn, caption %q", p.Name, drawn, p.Caption)
		}
	}
	if got := strings.Join(names, " "); got != "words male-female" { // one verb is too few
		t.Errorf("pictures are %s", got)
	}
	rows := tables[0].Rows
	if len(tables) != 1 || len(rows) < 8 {
		t.Fatalf("tables %+v", tables)
	}
	for _, row := range rows {
		i, _ := v.Find(row[0])
		if twin := v.Words[i^1]; !strings.HasPrefix(row[2], twin+" 1.00, ") && !strings.HasPrefix(row[2], twin+" 0.99, ") {
			t.Errorf("nearest to %s are %s, want %s", row[0], row[2], twin)
		}
		if strings.Contains(", "+row[2], ", "+row[0]+" ") {
			t.Errorf("%s is its own neighbour: %s", row[0], row[2])
		}
	}
}

func encodeOnly(t objectives.Task) func(s *graph.Scope) *G.Node {
	return func(s *graph.Scope) *G.Node {
		objectives.Encode(t, s)
		return nil
	}
}
