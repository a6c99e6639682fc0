package objectives_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func smallViT() *nets.ViT {
	return &nets.ViT{Patch: 2, Dim: 8, Depth: 1, Heads: 2, MLPRatio: 2, ClassToken: true, Pooling: "mean", Positions: "sincos"}
}

func TestMAE(t *testing.T) {
	src := tiny(t)
	bare := smallViT()
	bare.ClassToken = false
	for name, c := range map[string]struct {
		o   *objectives.MAE
		enc nets.Encoder
	}{
		"random":               {&objectives.MAE{Mask: 0.75, Masking: "random", NormalizePixels: true, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2}, smallViT()},
		"block, raw, no class": {&objectives.MAE{Mask: 0.5, Masking: "block", DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1}, bare},
	} {
		t.Run(name, func(t *testing.T) {
			good := *c.o
			with := func(change func(o *objectives.MAE)) objectives.Objective {
				o := good
				change(&o)
				return &o
			}
			objectivetest.Run(t, objectivetest.Case{
				Objective: c.o,
				Task:      objectives.Task{Encoder: c.enc, Batch: 6, Seed: 5},
				Source:    src,
				Steps:     60, Rate: 0.1, Fall: 0.97,
				Refused: map[string]objectives.Objective{
					"mask: is 1, want a share above 0 and below 1": with(func(o *objectives.MAE) { o.Mask = 1 }),
					"mask: is NaN":                                                       with(func(o *objectives.MAE) { o.Mask = math.NaN() }),
					"leaves 0 of 16 patches visible":                                     with(func(o *objectives.MAE) { o.Mask, o.Masking = 0.99, "block" }),
					"mask: is 0.5, and masking by a grid hides 0.75":                     with(func(o *objectives.MAE) { o.Mask, o.Masking = 0.5, "grid" }),
					`masking: is "stripes", want random, block or grid`:                  with(func(o *objectives.MAE) { o.Masking = "stripes" }),
					"decoder_dim: is 6, want a multiple of 4":                            with(func(o *objectives.MAE) { o.DecoderDim = 6 }),
					"decoder_depth: is 0, want 1 to 1000\nobjective.decoder_heads: is 3": with(func(o *objectives.MAE) { o.DecoderDepth, o.DecoderHeads = 0, 3 }),
				},
			})
		})
	}
}

func TestMAERefusesTasks(t *testing.T) {
	spec := tiny(t).Spec()
	o, err := objectives.New("mae")
	if err != nil {
		t.Fatal(err)
	}
	odd := spec
	odd.Shape = []int{1, 6, 8}
	one := smallViT()
	one.Patch = 1
	for want, c := range map[string]struct {
		o    objectives.Objective
		task objectives.Task
	}{
		"objective.type: mae needs an encoder of patches, such as vit": {o, objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: spec}},
		"patch: pictures of 6x8 cannot be cut into patches of 5x5":     {o, objectives.Task{Encoder: &nets.ViT{Patch: 5}, Spec: odd}},
		"a patch of one value has no deviation":                        {o, objectives.Task{Encoder: one, Spec: spec}},
		"leaves 1 of 1 patches visible":                                {&objectives.MAE{Mask: 0.75, Masking: "grid"}, objectives.Task{Encoder: &nets.ViT{Patch: 8}, Spec: spec}},
	} {
		if err := c.o.Check(c.task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// prepared runs Prepare on the first n examples of a source, with room for whatever
// the objective's program asks for.
func prepared(t *testing.T, o objectives.Objective, task objectives.Task, src data.Source, epoch int) (*graph.Feed, *data.Batch) {
	t.Helper()
	task.Spec = src.Spec()
	p, err := graph.Compile(graph.NewParams(0), graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := &data.Batch{Spec: task.Spec, Epoch: epoch}
	for i := range task.Batch {
		e := data.Example{Pixels: make([]byte, task.Spec.Size()), Factors: make([]float32, len(task.Spec.Factors))}
		if err := src.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		b.Index = append(b.Index, i)
		b.Pixels = append(b.Pixels, e.Pixels...)
		b.Labels = append(b.Labels, e.Label)
		b.Factors = append(b.Factors, e.Factors...)
	}
	f := p.NewFeed()
	if err := o.Prepare(task, b, f); err != nil {
		t.Fatal(err)
	}
	return f, b
}

// Every masking hides as many patches as it says, gives the visible ones as they
// are, and asks for all of them, each normalised by itself.
func TestMAEPrepare(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 16, Channels: 3, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	const n, v = 64, 12 // patches, values of one
	for _, o := range []objectives.MAE{
		{Mask: 0.75, Masking: "random", NormalizePixels: true},
		{Mask: 0.4, Masking: "random"},
		{Mask: 0.5, Masking: "block"},
		{Mask: 0.98, Masking: "block", NormalizePixels: true},
		{Mask: 0.75, Masking: "grid"},
	} {
		o.DecoderDim, o.DecoderDepth, o.DecoderHeads = 4, 1, 1
		task := objectives.Task{Encoder: smallViT(), Batch: 40, Seed: 3}
		f, b := prepared(t, &o, task, src, 2)
		again, _ := prepared(t, &o, task, src, 3)
		k := int(n * (1 - o.Mask))
		times := make([]int, n) // how often each patch is visible
		for i := range task.Batch {
			where := f.I["visible"][i*k : (i+1)*k]
			for j := range n {
				seen := slices.Index(where, j)
				if h := f.F["hidden"][i*n+j]; (h == 1) != (seen < 0) || h != 0 && h != 1 {
					t.Fatalf("%s: patch %d of example %d is hidden: %v, and visible as %d", o.Masking, j, i, h, seen)
				}
				var patch [v]float64
				var mean, variance float64
				for c := range v { // row, column, channel
					y, x := j/8*2+c/6, j%8*2+c/3%2
					patch[c] = float64(b.Pixels[((i*3+c%3)*16+y)*16+x]) / 255
					mean += patch[c] / v
				}
				for _, x := range patch {
					variance += (x - mean) * (x - mean) / (v - 1)
				}
				for c, want := range patch {
					if seen >= 0 {
						if got := f.F["patches"][(i*k+seen)*v+c]; math.Abs(float64(got)-want) > 1e-6 {
							t.Fatalf("%s: value %d of visible patch %d is %v, want %v", o.Masking, c, j, got, want)
						}
					}
					if o.NormalizePixels {
						want = (want - mean) / math.Sqrt(variance+1e-6)
					}
					if got := f.F["target"][(i*n+j)*v+c]; math.Abs(float64(got)-want) > 1e-3*(1+math.Abs(want)) {
						t.Fatalf("%s: value %d of target %d is %v, want %v", o.Masking, c, j, got, want)
					}
				}
			}
			for _, j := range where {
				times[j]++
			}
		}
		if o.Masking == "grid" {
			continue
		}
		if slices.Equal(f.I["visible"], again.I["visible"]) {
			t.Errorf("%s: two epochs hide the same patches", o.Masking)
		}
		// No patch is always hidden or always visible, but where few are visible.
		if want := 40 * k / n; want > 4 && (slices.Min(times) == 0 || slices.Max(times) == 40) {
			t.Errorf("%s: of 40 examples the patches are visible in %v", o.Masking, times)
		}
	}
}

// A grid leaves the first of every 2x2 visible, of those at an odd side too.
func TestMAEGrid(t *testing.T) {
	for _, c := range []struct {
		size, side int // pixels and patches each way
		visible    []int
	}{
		{8, 4, []int{0, 2, 8, 10}},
		{10, 5, []int{0, 2, 4, 10, 12, 14, 20, 22, 24}},
		{6, 3, []int{0, 2, 6, 8}},
	} {
		src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: c.size, Channels: 1, Count: 4})
		if err != nil {
			t.Fatal(err)
		}
		o := &objectives.MAE{Mask: 0.75, Masking: "grid", DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1}
		task := objectives.Task{Encoder: smallViT(), Spec: src.Spec(), Batch: 3}
		if err := o.Check(task); err != nil {
			t.Errorf("%dx%d patches: %v", c.side, c.side, err)
			continue
		}
		f, _ := prepared(t, o, task, src, 0)
		if got, want := f.I["visible"], slices.Repeat(c.visible, 3); !slices.Equal(got, want) {
			t.Errorf("of %dx%d patches %v are visible, want %v", c.side, c.side, got, want)
		}
		for i, h := range f.F["hidden"] {
			if (h == 0) != slices.Contains(c.visible, i%(c.side*c.side)) {
				t.Errorf("of %dx%d patches, patch %d is hidden: %v", c.side, c.side, i%(c.side*c.side), h)
			}
		}
	}
}

// Blocks leave fewer borders between hidden and visible patches than chance does.
func TestMAEBlocks(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 16, Channels: 1, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	borders := map[string]int{}
	for _, masking := range []string{"random", "block"} {
		o := &objectives.MAE{Mask: 0.5, Masking: masking, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1}
		f, _ := prepared(t, o, objectives.Task{Encoder: smallViT(), Batch: 40}, src, 0)
		for i := range 40 {
			h := f.F["hidden"][i*64:]
			for j := range 64 {
				if j%8 < 7 && h[j] != h[j+1] {
					borders[masking]++
				}
				if j < 56 && h[j] != h[j+8] {
					borders[masking]++
				}
			}
		}
	}
	if borders["block"]*2 > borders["random"] {
		t.Errorf("%v", borders)
	}
}

// The encoder of a trained mae is the encoder of pictures: all its parameters are
// found by objectives.Encode, and no new one is made.
func TestMAEFeatures(t *testing.T) {
	o, err := objectives.New("mae")
	if err != nil {
		t.Fatal(err)
	}
	task := objectives.Task{Encoder: smallViT(), Spec: tiny(t).Spec(), Batch: 4}
	ps := graph.NewParams(0)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before := len(ps.All())
	f, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		objectives.Encode(task, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := len(ps.All()); n != before {
		t.Errorf("features need %d parameters more", n-before)
	}
	if v, ok := f.Tap("encoder/code"); !ok || fmt.Sprint(v.Shape) != "[4 8]" {
		t.Errorf("code is %v", v.Shape)
	}
}

// A share is taken at its word: 0.8 of 100 patches leaves 20.
func TestMAEShare(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 20, Channels: 1, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	o := &objectives.MAE{Mask: 0.8, Masking: "random", DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1}
	f, _ := prepared(t, o, objectives.Task{Encoder: smallViT(), Batch: 2}, src, 0)
	if n := len(f.I["visible"]); n != 40 {
		t.Errorf("of 2 examples %d patches are visible, want 40", n)
	}
}

// A step gives the same bits on any number of threads.
func TestMAEThreads(t *testing.T) {
	defer par.SetThreads(par.Threads())
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 16, Channels: 3, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	o := &objectives.MAE{Mask: 0.75, Masking: "random", NormalizePixels: true, DecoderDim: 24, DecoderDepth: 1, DecoderHeads: 3}
	enc := &nets.ViT{Patch: 2, Dim: 48, Depth: 2, Heads: 3, MLPRatio: 4, ClassToken: true, Pooling: "mean", Positions: "sincos"}
	task := objectives.Task{Encoder: enc, Spec: src.Spec(), Batch: 40, Seed: 5}
	f, _ := prepared(t, o, task, src, 0)
	p, err := graph.Compile(graph.NewParams(0), graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var loss float32
	var want [][]float32
	for _, n := range []int{1, 2, 5} {
		par.SetThreads(n)
		if err := p.Run(f, 0); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			loss = p.Loss()
			for _, g := range p.Gradients() {
				want = append(want, slices.Clone(g.Data))
			}
			continue
		}
		if p.Loss() != loss {
			t.Errorf("on %d threads the loss is %v, on one %v", n, p.Loss(), loss)
		}
		for i, g := range p.Gradients() {
			if !slices.Equal(g.Data, want[i]) {
				t.Errorf("on %d threads the gradient of %s is another than on one", n, g.Param.Path)
			}
		}
	}
}
