package objectives_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"

	G "gorgonia.org/gorgonia"
)

// colored are pictures of coloured shapes.
func colored(t testing.TB, size int) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: size, Channels: 3, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func color(change func(o *objectives.Color)) *objectives.Color {
	o, err := objectives.New("color")
	if err != nil {
		panic(err)
	}
	c := o.(*objectives.Color)
	c.Decoder, c.Activation = []int{6}, "tanh"
	change(c)
	return c
}

func smallConv() *nets.Conv {
	return &nets.Conv{Channels: []int{6, 8}, Kernel: 3, Stride: 2, Pad: 1, Activation: "tanh", Norm: "none"}
}

func TestColor(t *testing.T) {
	src := colored(t, 8)
	for name, c := range map[string]struct {
		o    *objectives.Color
		enc  nets.Encoder
		fall float64
	}{
		"soft, map of a conv":  {color(func(o *objectives.Color) {}), smallConv(), 0.8},
		"l2, code of an mlp":   {color(func(o *objectives.Color) { o.Loss = "l2" }), &nets.MLP{Hidden: []int{12}, Code: 4, Activation: "tanh"}, 0.9},
		"soft, map of a vit":   {color(func(o *objectives.Color) { o.Lambda, o.Decoder = 1, nil }), smallViT(), 0.9},
		"l2, code after a map": {color(func(o *objectives.Color) { o.Loss, o.Decoder = "l2", []int{6, 4} }), &nets.Conv{Channels: []int{6}, Kernel: 4, Stride: 2, Pad: 1, Code: 5, Activation: "tanh", Norm: "none"}, 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			spec := src.Spec()
			objectivetest.Run(t, objectivetest.Case{
				Objective: c.o,
				Task:      objectives.Task{Encoder: c.enc, Batch: 6, Seed: 5, Spec: spec, Pixels: objectives.Scaling{Lightness: true}},
				Source:    src,
				Steps:     80, Rate: 0.2, Fall: c.fall,
				Refused: map[string]objectives.Objective{
					`loss: is "l1", want soft or l2`:             color(func(o *objectives.Color) { o.Loss = "l1" }),
					"lambda: is 0, want a share above 0":         color(func(o *objectives.Color) { o.Lambda = 0 }),
					"lambda: is NaN":                             color(func(o *objectives.Color) { o.Lambda = math.NaN() }),
					`activation: is "rleu"`:                      color(func(o *objectives.Color) { o.Activation = "rleu" }),
					"neighbours: is 17, want 1 to 16":            color(func(o *objectives.Color) { o.Neighbours = 17 }),
					"sigma: is -5, want 0.1 to 1000":             color(func(o *objectives.Color) { o.Sigma = -5 }),
					"temperature: is 0, want 0.01 to 1000":       color(func(o *objectives.Color) { o.Temperature = 0 }),
					"decoder[1]: is 0, want 1 to 16384":          color(func(o *objectives.Color) { o.Decoder = []int{4, 0} }),
					"decoder: has 9 values, want at most 8":      color(func(o *objectives.Color) { o.Decoder = make([]int, 9) }),
					"by which pictures of 8x8 cannot be divided": color(func(o *objectives.Color) { o.Decoder = []int{4, 4, 4, 4} }),
				},
			})
		})
	}
}

// Data without colours, of other channels or sizes are refused with a sentence.
func TestColorRefusesTasks(t *testing.T) {
	o := color(func(*objectives.Color) {})
	spec := func(shape ...int) data.Spec { return data.Spec{Name: "things", Split: "train", Shape: shape} }
	for want, task := range map[string]objectives.Task{
		"color needs pictures, and an example of things has the shape [12]":                   {Spec: spec(12)},
		"color needs pictures in colour, and those of things have one channel, which is grey": {Spec: spec(1, 8, 8)},
		"color needs pictures in red, green and blue, and those of things have 4 channels":    {Spec: spec(4, 8, 8)},
		"make a map of 3x3 into one of 6x6, by which pictures of 9x9 cannot be divided":       {Spec: spec(3, 9, 9), Encoder: smallConv()},
		`color turns bytes into Lab by itself; want "unit"`:                                   {Spec: spec(3, 8, 8), Pixels: objectives.Scaling{Mean: make([]float32, 192)}},
		"convolution 0 gets a map of 1x1":                                                     {Spec: spec(3, 1, 1), Encoder: &nets.Conv{Channels: []int{2}, Kernel: 4, Stride: 2, Pad: 1, Activation: "relu", Norm: "none"}},
	} {
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	bare := color(func(o *objectives.Color) { o.Decoder = nil })
	if err := bare.Check(objectives.Task{Spec: spec(3, 8, 8), Encoder: &nets.MLP{Code: 2, Activation: "relu"}}); err == nil || !strings.Contains(err.Error(), "decoder: is empty, but the encoder gives a code and no map") {
		t.Errorf("got %v", err)
	}
}

// plain pictures are of one colour each.
type plain [][3]byte

func (p plain) Spec() data.Spec {
	return data.Spec{Name: "plain", Split: "train", Shape: []int{3, 4, 4}}
}
func (p plain) Len() int { return len(p) }

func (p plain) Read(i int, into *data.Example) error {
	for j := range into.Pixels {
		into.Pixels[j] = p[i][j/16]
	}
	into.Label = -1
	return nil
}

// started is the model of an objective after it has looked at the examples.
func started(t *testing.T, o *objectives.Color, src data.Source) (objectives.Task, *graph.Params, error) {
	t.Helper()
	task := objectives.Task{Encoder: smallConv(), Spec: src.Spec(), Batch: src.Len(), Pixels: objectives.Scaling{Lightness: true}}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	return task, ps, o.Start(context.Background(), task, src, ps)
}

// Of constant pictures the prior is that of their few colours; the weights have a
// mean of 1 over it, and rarer colours weigh more.
func TestColorPrior(t *testing.T) {
	red, green := [3]byte{255, 0, 0}, [3]byte{0, 255, 0}
	o := color(func(o *objectives.Color) { o.Neighbours = 1 })
	_, ps, err := started(t, o, plain{red, red, red, green})
	if err != nil {
		t.Fatal(err)
	}
	prior, weights := ps.Get("color/prior").Data, ps.Get("color/weights").Data
	var mean float64
	found := map[float32]float32{}
	for i, p := range prior {
		mean += float64(p * weights[i])
		if p > 0 {
			found[p] = weights[i]
		}
	}
	if len(found) != 2 || found[0.75] == 0 || found[0.25] == 0 {
		t.Fatalf("weights by prior are %v, want those of 0.75 and 0.25", found)
	}
	if math.Abs(mean-1) > 1e-5 {
		t.Errorf("the weights have a mean of %v over the prior, want 1", mean)
	}
	// Eq. 4: w ∝ 1/(p/2 + 1/(2·313)).
	q := 1 / 313.0
	if got, want := float64(found[0.25]/found[0.75]), (0.75+q)/(0.25+q); math.Abs(got-want) > 1e-5 {
		t.Errorf("the rarer colour weighs %v times the other, want %v", got, want)
	}
}

func TestColorRefusesGrey(t *testing.T) {
	for _, loss := range []string{"soft", "l2"} {
		o := color(func(o *objectives.Color) { o.Loss = loss })
		_, _, err := started(t, o, plain{{0, 0, 0}, {128, 128, 128}, {255, 255, 255}})
		if want := "color: all 3 pictures of plain (train) are grey; there are no colours to learn from them"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", loss, err, want)
		}
	}
}

// survey gives the figures of an answer put in the place of the model's.
func survey(t *testing.T, o *objectives.Color, src data.Source, answer func(ab []float32)) map[string]float64 {
	t.Helper()
	task, ps, err := started(t, o, src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	feed, b := prepared(t, o, task, src, 0)
	if err := p.Run(feed, 0); err != nil {
		t.Fatal(err)
	}
	ab, _ := p.Tap("ab")
	answer(ab.Data)
	s := o.NewSurvey(task)
	if err := s.Add(p, b, feed); err != nil {
		t.Fatal(err)
	}
	figures := map[string]float64{}
	for _, f := range s.Figures() {
		figures[f.Name] = f.Value
	}
	return figures
}

// The figures of the right answer are the best there are; those of an answer that is
// off by a known distance follow from it.
func TestColorFigures(t *testing.T) {
	src := plain{{255, 0, 0}, {255, 0, 0}, {0, 0, 255}, {90, 90, 90}}
	o := color(func(o *objectives.Color) { o.Loss = "l2" })
	truth := func(ab []float32, off float32) {
		for i, c := range src {
			lab := transforms.LabOfRGB([3]float64{float64(c[0]) / 255, float64(c[1]) / 255, float64(c[2]) / 255})
			for j := range 16 {
				ab[2*(16*i+j)] = (float32(lab[1]) + off) / 110
				ab[2*(16*i+j)+1] = float32(lab[2]) / 110
			}
		}
	}
	close := func(name string, got, want, tol float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tol) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	f := survey(t, o, src, func(ab []float32) { truth(ab, 0) })
	for name, want := range map[string]float64{"pixels within 10": 1, "pixels within 20": 1, "colour AUC": 1, "colour AUC, balanced": 1, "chroma": 1} {
		close(name, f[name], want, 1e-5)
	}
	close("ab error", f["ab error"], 0, 1e-3)
	if f["PSNR"] < 90 {
		t.Errorf("PSNR of the right answer is %v", f["PSNR"])
	}

	f = survey(t, o, src, func(ab []float32) { truth(ab, 15) })
	for name, want := range map[string]float64{"ab error": 15, "pixels within 10": 0, "pixels within 20": 1, "colour AUC": 0.9, "colour AUC, balanced": 0.9} {
		close(name, f[name], want, 1e-3)
	}

	// Right in half of the pictures, all of one colour: balanced, that is a third.
	f = survey(t, o, src, func(ab []float32) {
		truth(ab, 0)
		for i := 2 * 2 * 16; i < len(ab); i++ {
			ab[i] = 1e6
		}
	})
	close("pixels within 20", f["pixels within 20"], 0.5, 0)
	close("colour AUC", f["colour AUC"], 0.5, 1e-5)
	if got := f["colour AUC, balanced"]; !(got > 0.1 && got < 0.45) {
		t.Errorf("balanced AUC is %v, want about a third", got)
	}

	// An answer that is no number ends nothing.
	f = survey(t, o, src, func(ab []float32) { ab[0] = float32(math.NaN()) })
	if !math.IsNaN(f["ab error"]) || math.IsNaN(f["PSNR"]) {
		t.Errorf("figures of NaN are %v", f)
	}
}
