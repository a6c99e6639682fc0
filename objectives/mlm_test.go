package objectives_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func smallTransformer(change func(e *nets.Transformer)) *nets.Transformer {
	e := &nets.Transformer{Dim: 8, Depth: 1, Heads: 2, MLPRatio: 2, Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"}
	if change != nil {
		change(e)
	}
	return e
}

func TestMLM(t *testing.T) {
	mlm := func(change func(o *objectives.MLM)) *objectives.MLM {
		o, err := objectives.New("mlm")
		if err != nil {
			t.Fatal(err)
		}
		m := o.(*objectives.MLM)
		if change != nil {
			change(m)
		}
		return m
	}
	for name, change := range map[string]func(e *nets.Transformer){
		"pre":         nil,
		"class token": func(e *nets.Transformer) { e.ClassToken, e.Pooling = true, "class" },
		"post":        func(e *nets.Transformer) { e.Norm, e.Positions = "post", "sincos" },
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: mlm(nil),
				Task:      objectives.Task{Encoder: smallTransformer(change), Batch: 6, Seed: 5},
				Source:    prose(t, 70, 12, 13), // the last example is short
				Steps:     40, Rate: 0.3, Fall: 0.9,
				Refused: map[string]objectives.Objective{
					"mask: is 0, want a share above 0":                 mlm(func(o *objectives.MLM) { o.Mask = 0 }),
					"hidden: is NaN, want a share of 0 to 1":           mlm(func(o *objectives.MLM) { o.Hidden = math.NaN() }),
					"random: is -1, want":                              mlm(func(o *objectives.MLM) { o.Random = -1 }),
					"short: is 2, want a share of 0 to 1":              mlm(func(o *objectives.MLM) { o.Short = 2 }),
					"random: is 0.3 and hidden 0.8, more than 1":       mlm(func(o *objectives.MLM) { o.Random = 0.3 }),
					"whole_words: is true, but each token of prose is": mlm(func(o *objectives.MLM) { o.WholeWords = true }),
				},
			})
		})
	}
	pictures := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: data.Spec{Name: "mnist", Shape: []int{1, 28, 28}}, Batch: 1}
	if err := mlm(nil).Check(pictures); err == nil || !strings.Contains(err.Error(), "mlm learns from text, and an example of mnist has shape [1 28 28]") {
		t.Errorf("pictures: %v", err)
	}
	pictures.Spec = prose(t, 70, 12, 13).Spec()
	if err := mlm(nil).Check(pictures); err == nil || !strings.Contains(err.Error(), `mlp has none; want "transformer"`) {
		t.Errorf("an encoder of values: %v", err)
	}
}

// The shares of what is hidden, replaced and left are those asked for, each example
// has as many as its length says, and other epochs have others.
func TestMLMDraws(t *testing.T) {
	const size, length = 40_000, 100
	src := prose(t, size+30, 40, length)
	o := &objectives.MLM{Mask: 0.15, Hidden: 0.8, Random: 0.1}
	task := objectives.Task{Encoder: smallTransformer(nil), Spec: src.Spec(), Batch: src.Len(), Seed: 3}
	p, err := graph.Compile(graph.NewParams(1), graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, other := p.NewFeed(), p.NewFeed()
	var clean []int32
	for b, err := range data.Sequential(src, src.Len()) {
		if err != nil {
			t.Fatal(err)
		}
		clean = slices.Clone(b.Tokens)
		if err := o.Prepare(task, b, f); err != nil {
			t.Fatal(err)
		}
		b.Epoch = 1
		if err := o.Prepare(task, b, other); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Equal(f.I["tokens"], other.I["tokens"]) {
		t.Error("two epochs hide the same words")
	}
	const k = 15
	v := task.Spec.Words.Len()
	var hidden, replaced, same float64
	by := make([]float64, length)
	for i := range task.Batch {
		asked := map[int]bool{}
		for j := i * k; j < (i+1)*k; j++ {
			place, target := f.I["places"][j], f.I["targets"][j]
			if target < 0 {
				continue
			}
			if asked[place] {
				t.Fatalf("example %d asks for place %d twice", i, place)
			}
			asked[place] = true
			by[place]++
			at := i*length + place
			if target != int(clean[at]) {
				t.Fatalf("example %d asks for %d at place %d, and there was %d", i, target, place, clean[at])
			}
			switch f.I["tokens"][at] {
			case v:
				hidden++
			case target:
				same++
			default:
				replaced++
			}
		}
		want := k
		if i == task.Batch-1 {
			want = 5 // of 30 words, 4.5
		}
		if len(asked) != want {
			t.Errorf("example %d asks for %d words, want %d", i, len(asked), want)
		}
		for j := range length {
			if at := i*length + j; !asked[j] && f.I["tokens"][at] != int(clean[at]) {
				t.Fatalf("example %d: place %d is not asked for and is %d, was %d", i, j, f.I["tokens"][at], clean[at])
			}
		}
	}
	n := hidden + replaced + same
	within := func(what string, got, n, p float64) {
		if math.Abs(got-n*p) > 5*math.Sqrt(n*p*(1-p)) {
			t.Errorf("%s: %v of %v, want about %.0f", what, got, n, n*p)
		}
	}
	within("hidden", hidden, n, 0.8)
	within("replaced", replaced, n, 0.1*float64(v-1)/float64(v))
	for place, got := range by[30:] {
		within("place "+string(rune('0'+place%10)), got, size/length, 0.15)
	}
}

// Some of the training examples are cut short, to any length, and ask for as many
// words as that says.
func TestMLMShort(t *testing.T) {
	const length, short = 20, 0.3
	src := prose(t, 40_000, 40, length)
	o := &objectives.MLM{Mask: 0.15, Hidden: 0.8, Random: 0.1, Short: short}
	task := objectives.Task{Encoder: smallTransformer(nil), Spec: src.Spec(), Batch: src.Len(), Seed: 3}
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
	lengths := make([]int, length+1)
	for i := range task.Batch {
		tokens := f.I["tokens"][i*length : (i+1)*length]
		n := slices.Index(tokens, -1)
		if n < 0 {
			n = length
		}
		lengths[n]++
		asked := 0
		for j, target := range f.I["targets"][i*3 : (i+1)*3] {
			if target >= 0 {
				asked++
				if place := f.I["places"][i*3+j]; place >= n {
					t.Fatalf("example %d of %d words asks for place %d", i, n, place)
				}
			}
		}
		if want := max(1, int(math.Round(0.15*float64(n)))); asked != want {
			t.Fatalf("example %d of %d words asks for %d, want %d", i, n, asked, want)
		}
	}
	if whole, want := float64(lengths[length]), float64(task.Batch)*(1-short); math.Abs(whole-want) > 5*math.Sqrt(want*short) {
		t.Errorf("%v of %d examples are whole, want about %.0f", whole, task.Batch, want)
	}
	for n := 2; n < length; n++ {
		if lengths[n] == 0 {
			t.Errorf("no example has %d words", n)
		}
	}
}

// With whole words the tokens of a word are asked for together.
func TestMLMWholeWords(t *testing.T) {
	src := prose(t, 3000, 40, 50)
	spec := src.Spec()
	inside := make([]bool, spec.Words.Len())
	for i := range inside {
		inside[i] = i%3 == 0
	}
	words := *spec.Words
	words.Inside = inside
	spec.Words = &words
	o := &objectives.MLM{Mask: 0.2, Hidden: 1, WholeWords: true}
	task := objectives.Task{Encoder: smallTransformer(nil), Spec: spec, Batch: src.Len(), Seed: 3}
	if err := o.Check(task); err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(graph.NewParams(1), graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	count := 0
	for b, err := range data.Sequential(src, src.Len()) {
		if err != nil {
			t.Fatal(err)
		}
		b.Spec = spec
		if err := o.Prepare(task, b, f); err != nil {
			t.Fatal(err)
		}
		for i, w := range b.Tokens {
			hidden := f.I["tokens"][i] == words.Len()
			if hidden {
				count++
			}
			if i%50 > 0 && inside[w] && hidden != (f.I["tokens"][i-1] == words.Len()) {
				t.Fatalf("token %d goes on with a word of which it does not share the fate", i)
			}
		}
	}
	if count < 500 || count > 600 {
		t.Errorf("%d of 3000 tokens are hidden, want nearly 600", count)
	}
}
