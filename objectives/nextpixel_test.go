package objectives_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func smallIGPT() *nets.IGPT { return &nets.IGPT{Dim: 8, Depth: 2, Heads: 2, MLPRatio: 2} }

// paletted is a task with the palette that the objective chooses.
func paletted(t *testing.T, o *objectives.NextPixel, src data.Source, batch int) objectives.Task {
	t.Helper()
	palette, err := o.ChoosePalette(src, 3)
	if err != nil {
		t.Fatal(err)
	}
	return objectives.Task{Encoder: smallIGPT(), Spec: src.Spec(), Batch: batch, Seed: 5, Pixels: objectives.Scaling{Palette: palette}}
}

func coloured(t *testing.T) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 6, Channels: 3, Count: 60})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestNextPixel(t *testing.T) {
	for name, c := range map[string]struct {
		o   *objectives.NextPixel
		src data.Source
	}{
		"greys":   {&objectives.NextPixel{Colours: 4, Palette: "uniform"}, tiny(t)},
		"colours": {&objectives.NextPixel{Colours: 5, Palette: "kmeans"}, coloured(t)},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: c.o, Task: paletted(t, c.o, c.src, 6), Source: c.src,
				Steps: 60, Rate: 0.3, Fall: 0.7,
				Refused: map[string]objectives.Objective{
					"colours: is 1, want 2 to 4096":             &objectives.NextPixel{Colours: 1, Palette: "kmeans"},
					`palette: is "web", want uniform or kmeans`: &objectives.NextPixel{Colours: 4, Palette: "web"},
					"there are no more than 256 greys":          &objectives.NextPixel{Colours: 300, Palette: "uniform"},
				},
			})
		})
	}
}

func TestNextPixelRefusesTasks(t *testing.T) {
	o := &objectives.NextPixel{Colours: 4, Palette: "uniform"}
	for want, task := range map[string]objectives.Task{
		"next-pixel needs pictures":                      {Spec: data.Spec{Name: "x", Shape: []int{64}}},
		"equal steps are for greys":                      {Spec: data.Spec{Name: "x", Shape: []int{3, 8, 8}}},
		`give encoder.type = "igpt"`:                     {Spec: data.Spec{Name: "x", Shape: []int{1, 8, 8}}, Encoder: &nets.MLP{Code: 2, Activation: "relu"}},
		"fewer colours, a smaller batch or smaller pict": {Spec: data.Spec{Name: "x", Shape: []int{1, 100, 100}}, Batch: 1 << 14},
	} {
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Pixels become the nearest colours, and the symbol before the first is K.
func TestNextPixelSymbols(t *testing.T) {
	o := &objectives.NextPixel{Colours: 3, Palette: "uniform"}
	src := tiny(t)
	task := paletted(t, o, src, 4)
	if want := []byte{0, 128, 255}; !slices.Equal(task.Pixels.Palette, want) {
		t.Fatalf("three greys are %v, want %v", task.Pixels.Palette, want)
	}
	f, b := prepared(t, o, task, src, 0)
	for i, v := range b.Pixels {
		want := 0
		switch {
		case v >= 192:
			want = 2
		case v > 64:
			want = 1
		}
		if got := f.I["symbol"][i]; got != want {
			t.Errorf("a pixel of %d is symbol %d, want %d", v, got, want)
		}
		before := 3
		if i%64 > 0 {
			before = f.I["symbol"][i-1]
		}
		if got := f.I["before"][i]; got != before {
			t.Errorf("before place %d is %d, want %d", i, got, before)
		}
	}
}

// The palette of few colours has just these; of many it has those that come.
func TestPalette(t *testing.T) {
	src := two{}
	o := &objectives.NextPixel{Colours: 2, Palette: "kmeans"}
	palette, err := o.ChoosePalette(src, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{10, 20, 30, 200, 100, 0}; !slices.Equal(palette, want) {
		t.Errorf("the palette is %v, want %v", palette, want)
	}
	o.Colours = 3
	if _, err := o.ChoosePalette(src, 1); err == nil || !strings.Contains(err.Error(), "only 2 different colours") {
		t.Errorf("three colours of two: %v", err)
	}
	o.Colours = 6
	a, err := o.ChoosePalette(coloured(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := o.ChoosePalette(coloured(t), 1); len(a) != 18 || !slices.Equal(a, b) {
		t.Errorf("palettes %v and %v", a, b)
	}
}

// two is pictures of two colours.
type two struct{}

func (two) Spec() data.Spec { return data.Spec{Name: "two", Split: "train", Shape: []int{3, 2, 1}} }
func (two) Len() int        { return 9 }
func (two) Read(_ int, into *data.Example) error {
	copy(into.Pixels, []byte{10, 200, 20, 100, 30, 0})
	return nil
}

// trained is a model that has learned a few pictures by heart.
func trained(t *testing.T, o *objectives.NextPixel, task objectives.Task, src data.Source) (*graph.Params, []int) {
	t.Helper()
	f, _ := prepared(t, o, task, src, 0)
	ps := graph.NewParams(2)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed := p.NewFeed()
	copy(feed.I["before"], f.I["before"])
	copy(feed.I["symbol"], f.I["symbol"])
	square := map[string][]float32{}
	for step := range 300 {
		if err := p.Run(feed, step); err != nil {
			t.Fatal(err)
		}
		for _, g := range p.Gradients() {
			s := square[g.Param.Path]
			if s == nil {
				s = make([]float32, len(g.Data))
				square[g.Param.Path] = s
			}
			for i, d := range g.Data {
				s[i] = 0.9*s[i] + 0.1*d*d
				g.Param.Data[i] -= 0.01 * d / (float32(math.Sqrt(float64(s[i]))) + 1e-6)
			}
		}
	}
	return ps, f.I["symbol"]
}

func TestGenerate(t *testing.T) {
	o := &objectives.NextPixel{Colours: 3, Palette: "uniform"}
	src := tiny(t)
	task := paletted(t, o, src, 3)
	ps, known := trained(t, o, task, src)
	make := func(g objectives.Generation) []int {
		t.Helper()
		got, err := o.Generate(context.Background(), task, ps, g)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	// The rest of a picture that is known by heart follows from its beginning, where
	// the likeliest is taken: also with hardly any temperature.
	for name, g := range map[string]objectives.Generation{
		"top 1":       {N: 3, Temperature: 1, TopK: 1, Given: known, Keep: 40},
		"temperature": {N: 3, Temperature: 1e-3, Given: known, Keep: 40},
	} {
		got, wrong := make(g), 0
		for i := range got {
			if i%64 < 40 && got[i] != known[i] {
				t.Fatalf("%s: place %d was given as %d and is %d", name, i, known[i], got[i])
			}
			if got[i] != known[i] {
				wrong++
			}
		}
		if wrong > 8 {
			t.Errorf("%s: %d of %d symbols are other than those known by heart", name, wrong, 3*24)
		}
	}
	// A picture is the same however many are made, in batches of 64.
	free := objectives.Generation{N: 70, Seed: 3, Temperature: 1}
	many := make(free)
	free.N = 2
	if !slices.Equal(make(free), many[:128]) {
		t.Error("the first pictures depend on how many are made")
	}
	free.Seed = 4
	if slices.Equal(make(free), many[:128]) {
		t.Error("another seed makes the same pictures")
	}
	if slices.Equal(many[:64], many[64:128]) {
		t.Error("all pictures are the same")
	}
	for want, g := range map[string]objectives.Generation{
		"number: is 0":        {Temperature: 1},
		"temperature: is NaN": {N: 1, Temperature: math.NaN()},
		"top-k: is -1":        {N: 1, Temperature: 1, TopK: -1},
		"keep: is 5":          {N: 1, Temperature: 1, Keep: 5},
	} {
		if _, err := o.Generate(context.Background(), task, ps, g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := o.Generate(ctx, task, ps, free); !errors.Is(err, context.Canceled) {
		t.Errorf("a generation whose context ended gives %v", err)
	}
}
