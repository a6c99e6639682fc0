package objectives_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/readers"
	"x2vec/data/text"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

// marked is a source whose examples have two labels and two numbers beside their
// class, some of them unknown.
type marked struct{ data.Source }

func (m marked) Spec() data.Spec {
	s := m.Source.Spec()
	s.Factors = []data.Factor{{Name: "large", Values: 2}, {Name: "left", Values: 2}, {Name: "x"}, {Name: "y", Mean: 0.5, Std: 0.25},
		{Name: "third", Values: 3, Names: []string{"a", "b", "c"}}}
	return s
}

func (m marked) Read(i int, into *data.Example) error {
	own := data.Example{Pixels: into.Pixels, Factors: make([]float32, len(m.Source.Spec().Factors))}
	if err := m.Source.Read(i, &own); err != nil {
		return err
	}
	x, y, size := own.Factors[1], own.Factors[2], own.Factors[3]
	bit := func(b bool) float32 {
		if b {
			return 1
		}
		return 0
	}
	unknown := float32(math.NaN())
	into.Label = own.Label
	into.Factors = append(into.Factors[:0], bit(size > 0.25), bit(x < 0.5), x, y, float32(i%3))
	switch i % 7 {
	case 1:
		into.Label, into.Factors[0], into.Factors[2] = -1, unknown, unknown
	case 2:
		into.Factors[1], into.Factors[4] = unknown, unknown
	}
	return nil
}

func TestClassify(t *testing.T) {
	src := marked{tiny(t)}
	refused := map[string]objectives.Objective{
		"smoothing: is 1, want at least 0 and less than 1": &objectives.Classify{Target: "class", Smoothing: 1},
		"dropout: is NaN": &objectives.Classify{Target: "class", Dropout: math.NaN()},
		"shift: is 8, want less than the 8x8 pixels":                &objectives.Classify{Target: "class", Shift: 8},
		"only a class can be smoothed":                              &objectives.Classify{Target: "labels", Smoothing: 0.1},
		`target: is "klass", want class, labels or values`:          &objectives.Classify{Target: "klass"},
		`has no factor "z"; its factors are large, left, x, y`:      &objectives.Classify{Target: "values", Factors: []string{"z"}},
		"large is none of the real factors that values asks for":    &objectives.Classify{Target: "values", Factors: []string{"large"}},
		`x is a real number, no class; want target = "values"`:      &objectives.Classify{Target: "class", Factors: []string{"x"}},
		"smoothing: is -1, want at least 0 and less than 1\nshift:": &objectives.Classify{Target: "class", Smoothing: -1, Shift: -1},
	}
	for name, o := range map[string]*objectives.Classify{
		"class":    {Target: data.Class},
		"smoothed": {Target: data.Class, Smoothing: 0.1, Flip: true, Shift: 2},
		"factor":   {Target: data.Class, Factors: []string{"third"}},
		"labels":   {Target: data.Labels},
		"values":   {Target: data.Values, Factors: []string{"y", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: o,
				Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 6, Activation: "tanh"}, Batch: 12, Seed: 5},
				Source:    src,
				Steps:     150, Rate: 0.5, Fall: 0.9,
				Refused: refused,
			})
		})
	}
}

// What is asked for is what the source knows, in units of its deviation.
func TestClassifyAnswers(t *testing.T) {
	src := marked{tiny(t)}
	enc := &nets.MLP{Code: 2, Activation: "relu"}
	f, b := prepared(t, &objectives.Classify{Target: data.Class}, objectives.Task{Encoder: enc, Batch: 14}, src, 0)
	if !slices.Equal(f.I["class"], b.Labels) || b.Labels[1] != -1 {
		t.Errorf("classes are %v, want %v", f.I["class"], b.Labels)
	}
	f, _ = prepared(t, &objectives.Classify{Target: data.Class, Factors: []string{"third"}}, objectives.Task{Encoder: enc, Batch: 5}, src, 0)
	if want := []int{0, 1, -1, 0, 1}; !slices.Equal(f.I["class"], want) {
		t.Errorf("classes by a factor are %v, want %v", f.I["class"], want)
	}
	f, b = prepared(t, &objectives.Classify{Target: data.Values}, objectives.Task{Encoder: enc, Batch: 14}, src, 0)
	for i := range 14 {
		x, y := b.Factors[i*5+2], b.Factors[i*5+3]
		known := []float32{1, 1}
		if i%7 == 1 {
			x, known[0] = 0, 0
		}
		if got, want := f.F["answer"][2*i:2*i+2], []float32{x, (y - 0.5) / 0.25}; !slices.Equal(got, want) || !slices.Equal(f.F["known"][2*i:2*i+2], known) {
			t.Errorf("example %d: numbers %v known %v, want %v known %v", i, got, f.F["known"][2*i:2*i+2], want, known)
		}
	}
}

// Training pictures are mirrored and moved, each by its own chance and another one in
// the next epoch; those of a test are left alone.
func TestClassifyAugments(t *testing.T) {
	o := &objectives.Classify{Target: data.Class, Flip: true, Shift: 2}
	task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Batch: 12, Seed: 2}
	f, b := prepared(t, o, task, tiny(t), 0)
	again, _ := prepared(t, o, task, tiny(t), 1)
	if slices.Equal(f.F["x"], again.F["x"]) {
		t.Error("two epochs see the same pictures")
	}
	moves := map[[3]int]bool{}
	for i := range 12 {
		picture, got := b.Pixels[i*64:(i+1)*64], f.F["x"][i*64:(i+1)*64]
		found := false
		for flip := range 2 {
			for dy := -2; dy <= 2; dy++ {
				for dx := -2; dx <= 2; dx++ {
					want := make([]float32, 64)
					for y := range 8 {
						for x := range 8 {
							if fy, fx := y+dy, x+dx; fy >= 0 && fy < 8 && fx >= 0 && fx < 8 {
								if flip == 1 {
									fx = 7 - fx
								}
								want[y*8+x] = float32(picture[fy*8+fx]) / 255
							}
						}
					}
					if slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
						found, moves[[3]int{flip, dy, dx}] = true, true
					}
				}
			}
		}
		if !found {
			t.Errorf("example %d is no picture of the source, mirrored and moved", i)
		}
	}
	if len(moves) < 6 {
		t.Errorf("12 pictures are moved in %d ways", len(moves))
	}
	test, err := readers.Open(readers.Options{Name: "shapes", Split: "test", Size: 8, Channels: 1, Count: 12})
	if err != nil {
		t.Fatal(err)
	}
	f, b = prepared(t, o, task, test, 0)
	clean, _ := prepared(t, &objectives.Classify{Target: data.Class}, task, test, 0)
	if !slices.Equal(f.F["x"], clean.F["x"]) || bytes.Count(b.Pixels, []byte{0}) == len(b.Pixels) {
		t.Error("pictures of a test are changed")
	}
}

// The score counts by hand what the answers say.
func TestClassifyScore(t *testing.T) {
	src := marked{tiny(t)}
	for target, want := range map[data.TargetKind]objectives.Score{
		data.Class:  {Name: "accuracy", N: 12, Better: "higher"},
		data.Labels: {Name: "accuracy", N: 2*14 - 4, Better: "higher"},
		data.Values: {Name: "mean absolute error", N: 2*14 - 2, Better: "lower"},
	} {
		o := &objectives.Classify{Target: target}
		task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: src.Spec(), Batch: 14}
		f, b := prepared(t, o, task, src, 0)
		p, err := graph.Compile(graph.NewParams(0), graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Run(f, 0); err != nil {
			t.Fatal(err)
		}
		got, err := o.Score(task, p, b)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		y, _ := p.Tap("answer")
		k := y.Shape[1]
		for i := range 14 {
			switch row := y.Data[i*k : (i+1)*k]; target {
			case data.Class:
				if b.Labels[i] >= 0 && row[b.Labels[i]] == slices.Max(row) {
					want.Sum++
				}
			case data.Labels:
				for j := range 2 {
					if v := b.Factors[i*5+j]; v == v && (row[j] > 0) == (v == 1) {
						want.Sum++
					}
				}
			case data.Values:
				if x := b.Factors[i*5+2]; x == x {
					want.Sum += math.Abs(float64(row[0] - x))
				}
				want.Sum += math.Abs(float64(row[1])*0.25 + 0.5 - float64(b.Factors[i*5+3]))
			}
		}
		if g := got[0]; g.Name != want.Name || g.N != want.N || g.Better != want.Better || math.Abs(g.Sum-want.Sum) > 1e-4 {
			t.Errorf("%s: score is %+v, want %+v", target, g, want)
		}
	}
}

func TestClassifyNeedsLabels(t *testing.T) {
	spec := data.Spec{Name: "photos", Shape: []int{1, 8, 8}}
	enc := &nets.MLP{Code: 2, Activation: "relu"}
	o := &objectives.Classify{Target: data.Class}
	if err := o.Check(objectives.Task{Encoder: enc, Spec: spec}); err == nil || !strings.Contains(err.Error(), "labels of two classes at least, and photos has 0") {
		t.Errorf("got %v", err)
	}
	if err := o.Check(objectives.Task{Encoder: enc, Spec: spec, Unread: true}); err != nil {
		t.Errorf("before the data are read: %v", err)
	}
}

// Texts are classified by an encoder of words.
func TestClassifyText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.tsv")
	var table strings.Builder
	table.WriteString("label\ttext\n")
	r := draw.New(3)
	for range 60 {
		class := r.IntN(2)
		fmt.Fprintf(&table, "%s\t", []string{"low", "high"}[class])
		for range 2 + r.IntN(4) {
			fmt.Fprintf(&table, "%c ", 'a'+3*class+r.IntN(4)) // "d" is in both
		}
		table.WriteString("\n")
	}
	if err := os.WriteFile(path, []byte(table.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	src, _, err := text.ReadLines(context.Background(), text.LineOptions{Options: text.Options{Split: "words", MinCount: 1, Length: 6}}, path)
	if err != nil {
		t.Fatal(err)
	}
	for name, enc := range map[string]nets.Encoder{
		"embedding":   &nets.Embedding{Dim: 6},
		"transformer": &nets.Transformer{Dim: 8, Depth: 1, Heads: 2, MLPRatio: 2, Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: &objectives.Classify{Target: data.Class},
				Task:      objectives.Task{Encoder: enc, Batch: 12, Seed: 5},
				Source:    src, Steps: 150, Rate: 0.5, Fall: 0.8,
				Refused: map[string]objectives.Objective{
					"flip: only pictures can be mirrored": &objectives.Classify{Target: data.Class, Flip: true},
					"shift: only pictures can be moved":   &objectives.Classify{Target: data.Class, Shift: 1},
				},
			})
		})
	}
	task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: src.Spec(), Batch: 1}
	if err := (&objectives.Classify{Target: data.Class}).Check(task); err == nil || !strings.Contains(err.Error(), `are words; want "transformer" or "embedding"`) {
		t.Errorf("an encoder of values: %v", err)
	}
}
