package objectives_test

import (
	"context"
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

// said are small shapes with their captions.
func said(t testing.TB, split string, n int) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: split, Size: 8, Count: n, Captions: "made", Length: 9})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// clip has the defaults, smaller and changed.
func clip(t testing.TB, change func(o *objectives.CLIP)) *objectives.CLIP {
	t.Helper()
	made, err := objectives.New("clip")
	if err != nil {
		t.Fatal(err)
	}
	o := made.(*objectives.CLIP)
	o.Projection, o.TextDim, o.TextDepth, o.TextHeads = 12, 64, 1, 2
	if change != nil {
		change(o)
	}
	return o
}

func clipTask(src data.Source, batch int) objectives.Task {
	// The shapes are small and dark: see TestSimCLR.
	contrast := objectives.Scaling{Mean: slices.Repeat([]float32{0.2}, 192), Std: slices.Repeat([]float32{0.2}, 192)}
	return objectives.Task{Encoder: &nets.MLP{Hidden: []int{32}, Code: 16, Activation: "tanh"}, Spec: src.Spec(), Batch: batch, Seed: 5, Pixels: contrast}
}

func TestCLIP(t *testing.T) {
	src := said(t, "train", 40)
	refused := map[string]objectives.Objective{}
	for want, change := range map[string]func(o *objectives.CLIP){
		"temperature: is 0, want 0.01 to 100":                       func(o *objectives.CLIP) { o.Temperature = 0 },
		"temperature: is NaN":                                       func(o *objectives.CLIP) { o.Temperature = math.NaN() },
		"projection: is 0, want 1 to":                               func(o *objectives.CLIP) { o.Projection = 0 },
		`text_pool: is "max", want mean or last`:                    func(o *objectives.CLIP) { o.TextPool = "max" },
		"text_dim: is 0, want 1 to 4096\ntext_depth: is 99":         func(o *objectives.CLIP) { o.TextDim, o.TextDepth = 0, 99 },
		"text_heads: is 3, want a number that divides text_dim, 64": func(o *objectives.CLIP) { o.TextHeads = 3 },
		"crop: is [0 1], want":                                      func(o *objectives.CLIP) { o.Crop = [2]float64{0, 1} },
		`prompts[1]: is "a thing", want a place for what is asked`:  func(o *objectives.CLIP) { o.Prompts = []string{"a {shape}", "a thing"} },
		`prompts[0]: is "a {shape", and its braces do not match`:    func(o *objectives.CLIP) { o.Prompts = []string{"a {shape"} },
		"prompts[0]: asks for {size}; of shapes there are {class},": func(o *objectives.CLIP) { o.Prompts = []string{"a {size} thing"} },
		"prompts[0]: stands for more than 10000 texts": func(o *objectives.CLIP) {
			o.Prompts = []string{"{shape} {colour} {colour} {colour} {colour} {colour}"}
		},
	} {
		refused[want] = clip(t, change)
	}
	for name, o := range map[string]*objectives.CLIP{
		"mean": clip(t, func(o *objectives.CLIP) { o.Temperature = 0.5 }),
		"last, augmented": clip(t, func(o *objectives.CLIP) {
			o.TextPool, o.Crop, o.Ratio, o.Flip, o.Temperature = "last", [2]float64{0.5, 1}, [2]float64{0.8, 1.25}, 0.5, 0.2
		}),
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: o, Task: clipTask(src, 10), Source: src,
				Steps: 60, Rate: 0.05, Fall: 0.9, Bounds: true, Refused: refused,
			})
		})
	}
}

func TestCLIPRefusesTasks(t *testing.T) {
	src := said(t, "train", 40)
	bare, flat, alone, unnamed := clipTask(src, 8), clipTask(src, 8), clipTask(src, 1), clipTask(src, 8)
	bare.Spec.Captions = nil
	flat.Spec.Shape = []int{64}
	unnamed.Spec.Classes, unnamed.Spec.Factors = nil, nil
	for want, task := range map[string]objectives.Task{
		`data.captions: is not set, and clip learns from pictures with captions; want captions = "made"`: bare,
		"objective.type: clip needs pictures, and an example of shapes has the shape [64]":               flat,
		"train.batch: is 1, but clip tells the pairs":                                                    alone,
		"prompts[0]: asks for {class}, but of shapes nothing is known by name: it has no classes":        unnamed,
	} {
		err := clip(t, func(o *objectives.CLIP) { o.Prompts = []string{"a {class}"} }).Check(task)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := clip(t, nil).Check(unnamed); err != nil { // nothing is asked for
		t.Error(err)
	}
}

// The temperature is learned, as the loss says, and stays where the paper keeps it.
func TestCLIPTemperature(t *testing.T) {
	src := said(t, "train", 20)
	o, task := clip(t, nil), clipTask(src, 20)
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed, _ := prepared(t, o, task, src, 0)
	read := func() float64 {
		t.Helper()
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		v, ok := p.Tap("metric/temperature")
		if !ok {
			t.Fatal("no temperature is tapped")
		}
		return float64(v.Data[0])
	}
	if got := read(); math.Abs(got-0.07) > 1e-6 {
		t.Errorf("it begins at %g, want 0.07", got)
	}
	scale := ps.Get("head/scale")
	for _, c := range []struct{ set, want float64 }{{math.Log(1000), 0.01}, {math.Log(2), 0.5}} {
		scale.Data[0] = float32(c.set)
		if err := o.AfterStep(task, p, ps); err != nil {
			t.Fatal(err)
		}
		if got := read(); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("1/temperature %g is kept as a temperature of %g, want %g", math.Exp(c.set), got, c.want)
		}
	}
}

func TestCLIPAlarm(t *testing.T) {
	o := clip(t, nil)
	if s := o.Alarm(map[string]float64{"spread": 0.01}); !strings.Contains(s, "collapsing") {
		t.Errorf("a spread of 0.01: %q", s)
	}
	if s := o.Alarm(map[string]float64{"spread": 0.9, "text spread": 0.01}); !strings.Contains(s, "the text projections are collapsing") {
		t.Errorf("texts all alike: %q", s)
	}
	if s := o.Alarm(map[string]float64{"spread": 0.9}); s != "" {
		t.Errorf("a spread of 0.9: %q", s)
	}
}

// trainedCLIP is a small CLIP that has learnt for a while.
func trainedCLIP(t *testing.T, o *objectives.CLIP, src data.Source, steps int) (objectives.Task, *graph.Params) {
	t.Helper()
	task := clipTask(src, 64)
	task.Encoder = &nets.Conv{Channels: []int{8, 16}, Kernel: 4, Stride: 2, Pad: 1, Code: 16, Activation: "relu", Norm: "batch"}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed := p.NewFeed()
	type moments struct{ m, v []float64 } // Adam's
	state := map[string]*moments{}
	for step := 0; step < steps; {
		for b, err := range data.Sequential(src, task.Batch) {
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Prepare(task, b, feed); err != nil {
				t.Fatal(err)
			}
			if err := p.Run(feed, step); err != nil {
				t.Fatal(err)
			}
			for _, g := range p.Gradients() {
				s := state[g.Param.Path]
				if s == nil {
					s = &moments{make([]float64, len(g.Data)), make([]float64, len(g.Data))}
					state[g.Param.Path] = s
				}
				for i, d := range g.Data {
					s.m[i] += 0.1 * (float64(d) - s.m[i])
					s.v[i] += 0.01 * (float64(d)*float64(d) - s.v[i])
					g.Param.Data[i] -= float32(0.003 * s.m[i] / (math.Sqrt(s.v[i]) + 1e-8))
				}
			}
			step++
		}
	}
	return task, ps
}

// After some training captions find their pictures and colours are told by their names,
// far more often than by chance; the evaluation of one fresh model has neither.
func TestCLIPExamine(t *testing.T) {
	o := clip(t, func(o *objectives.CLIP) {
		o.TextDim, o.Prompts = 32, []string{"a small {colour} {shape} in the upper left", "a large {colour} {shape} in the middle"}
	})
	options := readers.Options{Name: "shapes", Split: "train", Size: 8, Count: 512, Captions: "made", Length: 9}
	forTest := options
	forTest.Split, forTest.Count = "test", 100
	src, test, err, testErr := readers.OpenSplits(options, forTest)
	if err != nil || testErr != nil {
		t.Fatal(err, testErr)
	}
	task, ps := trainedCLIP(t, o, src, 160)
	figures := func(ps *graph.Params) map[string]float64 {
		t.Helper()
		e, err := o.Examine(context.Background(), task, ps, test)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]float64{}
		for _, f := range e.Figures {
			if f.Better != "higher" || f.Note == "" || !(f.Value >= 0 && f.Value <= 1) {
				t.Errorf("%+v", f)
			}
			m[f.Name] = f.Value
		}
		if len(m) != len(e.Figures) || len(m) != 6 {
			t.Errorf("figures %+v", e.Figures)
		}
		for _, p := range e.Pictures {
			if p.Name == "" || !strings.HasSuffix(p.Caption, ".") || p.Image.Bounds().Empty() {
				t.Errorf("picture %q: %q", p.Name, p.Caption)
			}
		}
		if len(e.Pictures) != 2 {
			t.Errorf("%d pictures", len(e.Pictures))
		}
		return m
	}
	_, fresh := trainedCLIP(t, o, src, 0)
	before, after := figures(fresh), figures(ps)
	t.Logf("before %v, after %v", before, after)
	for name, least := range map[string]float64{
		"image to text recall@1": 0.06, "image to text recall@5": 0.3, "text to image recall@1": 0.06, "text to image recall@5": 0.3,
		"zero-shot accuracy of colour": 0.3, "zero-shot accuracy of shape": 0.15,
	} {
		if after[name] < least {
			t.Errorf("%s is %g after training, want %g at least", name, after[name], least)
		}
	}
	if before["zero-shot accuracy of colour"] > 0.25 || before["image to text recall@1"] > 0.1 {
		t.Errorf("without training: %v", before)
	}

	// Where all codes are the same nothing is found.
	for _, name := range []string{"head/image/weight", "head/text/weight"} {
		clear(ps.Get(name).Data)
	}
	if m := figures(ps); m["image to text recall@5"] != 0 || m["text to image recall@5"] != 0 {
		t.Errorf("a model that tells nothing apart: %v", m)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := o.Examine(ctx, task, ps, test); err == nil {
		t.Error("it goes on after its context is done")
	}
}

// The answer to a question is the mean of its texts, and is found for pictures of any
// batch: a picture's projection does not depend on which stand beside it.
func TestCLIPEmbeds(t *testing.T) {
	o := clip(t, nil)
	src := said(t, "train", 70)
	task, ps := trainedCLIP(t, o, src, 0)
	texts := []string{"a red circle", "a small blue star in the middle", "a red circle"}
	u, err := o.EmbedTexts(task, ps, texts)
	if err != nil {
		t.Fatal(err)
	}
	p := o.Projection
	if len(u) != 3*p || !slices.Equal(u[:p], u[2*p:]) || slices.Equal(u[:p], u[p:2*p]) {
		t.Errorf("three texts, two of them equal, are %v", u)
	}
	if one, err := o.EmbedTexts(task, ps, texts[1:2]); err != nil || len(one) != p || math.Abs(dot(one, u[p:2*p])-1) > 1e-5 {
		t.Errorf("alone a text is %v (%v), among others %v", one, err, u[p:2*p])
	}
	if _, err := o.EmbedTexts(task, ps, []string{"?"}); err == nil || !strings.Contains(err.Error(), `"?" holds no word`) {
		t.Errorf("a text without words: %v", err)
	}
	all := func(batch int) (out []float32) {
		task := task
		task.Batch = batch
		if err := o.EachPicture(context.Background(), task, ps, src, func(_ *data.Batch, u []float32) error { out = append(out, u...); return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	a, b := all(64), all(9)
	if len(a) != 70*p || len(b) != len(a) {
		t.Fatalf("%d and %d values of 70 pictures", len(a), len(b))
	}
	for i := range 70 {
		if d := dot(a[i*p:(i+1)*p], b[i*p:(i+1)*p]); math.Abs(d-1) > 1e-5 {
			t.Errorf("picture %d: cosine %g between two batches", i, d)
		}
	}
}

func dot(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
