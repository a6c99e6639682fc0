package objectives_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/text"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

// prose is a text of n words out of v, each of which is followed by one of two
// others.
func prose(t testing.TB, n, v, length int) *text.Corpus {
	t.Helper()
	r := draw.New(1)
	var b strings.Builder
	for w := 0; n > 0; n-- {
		b.WriteString(strings.Repeat(string(rune('a'+w%26)), 1+w/26))
		b.WriteByte(' ')
		w = (3*w + r.IntN(2)) % v
	}
	path := filepath.Join(t.TempDir(), "prose")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := text.Read(context.Background(), text.Options{Split: "words", MinCount: 1, Length: length}, path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSkipgram(t *testing.T) {
	with := func(change func(o *objectives.Skipgram)) *objectives.Skipgram {
		o, err := objectives.New("skipgram")
		if err != nil {
			t.Fatal(err)
		}
		s := o.(*objectives.Skipgram)
		change(s)
		return s
	}
	for name, c := range map[string]struct {
		change     func(o *objectives.Skipgram)
		maxN       int
		rate       float32
		length, nb int
	}{
		"negative sampling": {func(o *objectives.Skipgram) { o.Subsample, o.Shared = 0.02, 8 }, 0, 0.002, 24, 12},
		"cbow":              {func(o *objectives.Skipgram) { o.CBOW, o.Subsample, o.Shared = true, 0.02, 8 }, 0, 0.05, 24, 12},
		"parts of words":    {func(o *objectives.Skipgram) { o.Subsample, o.Shared = 0.02, 8 }, 3, 0.002, 24, 12},
		"tree":              {func(o *objectives.Skipgram) { o.Loss, o.Subsample = "hierarchical-softmax", 0.02 }, 0, 0.05, 24, 12},
		"tree, cbow":        {func(o *objectives.Skipgram) { o.Loss, o.CBOW, o.Subsample = "hierarchical-softmax", true, 0.02 }, 3, 0.05, 24, 12},
		"softmax":           {func(o *objectives.Skipgram) { o.Loss, o.Window = "softmax", 2 }, 0, 2, 24, 12},
		"softmax, cbow":     {func(o *objectives.Skipgram) { o.Loss, o.Window, o.CBOW = "softmax", 2, true }, 3, 2, 24, 12},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: with(c.change),
				Task:      objectives.Task{Encoder: &nets.Embedding{Dim: 8, MinN: c.maxN, MaxN: c.maxN, Buckets: 30}, Batch: c.nb, Seed: 5},
				Source:    prose(t, 600, 40, c.length),
				Steps:     150, Rate: c.rate, Fall: 0.9,
				Refused: map[string]objectives.Objective{
					`loss: is "nce", want negative-sampling, hierarchical-softmax or softmax`: with(func(o *objectives.Skipgram) { o.Loss = "nce" }),
					"most: is -1, want 0":                with(func(o *objectives.Skipgram) { o.Most = -1 }),
					"window: is 0, want 1 to":            with(func(o *objectives.Skipgram) { o.Window = 0 }),
					"negatives: is -1, want more than 0": with(func(o *objectives.Skipgram) { o.Negatives = -1 }),
					"subsample: is 2, want 0":            with(func(o *objectives.Skipgram) { o.Subsample = 2 }),
					"power: is NaN, want 0":              with(func(o *objectives.Skipgram) { o.Power = math.NaN() }),
					"block: is 0":                        with(func(o *objectives.Skipgram) { o.Block = 0 }),
					"shared: is 99999":                   with(func(o *objectives.Skipgram) { o.Shared = 99999 }),
				},
			})
		})
	}
	src := prose(t, 3000, 40, 1000)
	large := objectives.Task{Encoder: &nets.Embedding{Dim: 8}, Spec: src.Spec(), Batch: 8000}
	if err := with(func(o *objectives.Skipgram) { o.Loss = "softmax" }).Check(large); err == nil || !strings.Contains(err.Error(), "for the 8000000 words of a batch takes 320000000 values, want at most") {
		t.Errorf("a large softmax: %v", err)
	}
	task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: data.Spec{Name: "mnist", Shape: []int{1, 28, 28}}, Batch: 1}
	if err := with(func(*objectives.Skipgram) {}).Check(task); err == nil || !strings.Contains(err.Error(), "learns from text, and an example of mnist has shape [1 28 28]") {
		t.Errorf("pictures: %v", err)
	}
	task.Spec = src.Spec()
	if err := with(func(*objectives.Skipgram) {}).Check(task); err == nil || !strings.Contains(err.Error(), `give encoder.type = "embedding"`) {
		t.Errorf("an encoder of values: %v", err)
	}
}

// What is drawn has the shares that are asked for: words that stay, windows and
// negatives.
func TestSkipgramDraws(t *testing.T) {
	src := prose(t, 60_000, 40, 1000)
	v := src.Spec().Words
	o := &objectives.Skipgram{Loss: "negative-sampling", Window: 4, Negatives: 5, Subsample: 0.01, Power: 0.75, Block: 16, Shared: 64}
	task := objectives.Task{Encoder: &nets.Embedding{Dim: 2}, Spec: src.Spec(), Batch: src.Len(), Seed: 3}
	p, err := graph.Compile(graph.NewParams(1), graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	for b, err := range data.Sequential(src, src.Len()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Prepare(task, b, f); err != nil {
			t.Fatal(err)
		}
	}
	stayed, windows, drawn := make([]float64, v.Len()), make([]float64, o.Window+1), make([]float64, v.Len())
	for i, w := range f.I["words"] {
		if w >= 0 {
			stayed[w]++
			windows[f.I["reach"][i]]++
		}
	}
	words := 0.0
	for _, n := range windows {
		words += n
	}
	// Only the blocks with words have negatives.
	blocks := (1000 + o.Block - 1) / o.Block
	negatives := 0.0
	for run := range task.Batch {
		n := 0
		for _, w := range f.I["words"][run*1000 : (run+1)*1000] {
			if w >= 0 {
				n++
			}
		}
		for _, w := range f.I["negatives"][run*blocks*o.Shared:][:(n+o.Block-1)/o.Block*o.Shared] {
			drawn[w]++
			negatives++
		}
	}
	within := func(what string, i int, got, n, p float64) {
		if d := math.Abs(got - n*p); d > 5*math.Sqrt(n*p*(1-p))+1e-9 {
			t.Errorf("%s %d: %v of %v, want about %.1f", what, i, got, n, n*p)
		}
	}
	sum := 0.0
	for _, n := range v.Counts {
		sum += math.Pow(float64(n), 0.75)
	}
	for i, n := range v.Counts {
		share := float64(n) / float64(v.Total)
		within("word that stays", i, stayed[i], float64(n), min(1, math.Sqrt(0.01/share)+0.01/share))
		within("negative", i, drawn[i], negatives, math.Pow(float64(n), 0.75)/sum)
	}
	for i := 1; i <= o.Window; i++ {
		within("window", i, windows[i], words, 1/float64(o.Window))
	}
	if windows[0] > 0 {
		t.Errorf("%v windows of no reach", windows[0])
	}
}
