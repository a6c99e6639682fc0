package objectives_test

import (
	"math"
	"reflect"
	"slices"
	"strconv"
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

func bouncing(t testing.TB, size, channels int) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "bouncing-shapes", Size: size, Channels: channels, Count: 24, Frames: 6, Objects: 1})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestNextFrame(t *testing.T) {
	src := bouncing(t, 8, 1)
	signed := make([]float32, 6*64)
	for i := range signed {
		signed[i] = 0.5
	}
	for name, c := range map[string]struct {
		o      *objectives.NextFrame
		enc    nets.Encoder
		pixels objectives.Scaling
	}{
		"residual map":    {&objectives.NextFrame{Past: 3, Loss: "l2"}, &nets.Residual{Hidden: 8, Halvings: 1, Blocks: 1, BlockHidden: 4, Dim: 4, Activation: "tanh"}, objectives.Scaling{}},
		"map of a conv":   {&objectives.NextFrame{Past: 2, Loss: "l1", Change: true}, smallConv(), objectives.Scaling{Mean: signed}},
		"map of a vit":    {&objectives.NextFrame{Past: 1, Loss: "bce"}, smallViT(), objectives.Scaling{}},
		"code of an mlp":  {&objectives.NextFrame{Past: 5, Loss: "l2"}, &nets.MLP{Hidden: []int{12}, Code: 6, Activation: "tanh"}, objectives.Scaling{}},
		"code of a conv":  {&objectives.NextFrame{Past: 2, Loss: "bce"}, &nets.Conv{Channels: []int{6}, Kernel: 4, Stride: 2, Pad: 1, Code: 5, Activation: "tanh", Norm: "none"}, objectives.Scaling{}},
		"change, by code": {&objectives.NextFrame{Past: 2, Loss: "l2", Change: true}, &nets.MLP{Hidden: []int{12}, Code: 6, Activation: "tanh"}, objectives.Scaling{Mean: signed}},
	} {
		t.Run(name, func(t *testing.T) {
			c.pixels.Past = c.o.Past
			objectivetest.Run(t, objectivetest.Case{
				Objective: c.o, Source: src, Task: objectives.Task{Encoder: c.enc, Batch: 6, Seed: 3, Pixels: c.pixels},
				Steps: 80, Rate: 0.2, Fall: 0.95,
				Refused: map[string]objectives.Objective{
					`loss: is "l3", want l2, l1 or bce`:  &objectives.NextFrame{Past: 1, Loss: "l3"},
					"past: is 0, want 1 to 5":            &objectives.NextFrame{Loss: "l2"},
					"past: is 6, want 1 to 5":            &objectives.NextFrame{Past: 6, Loss: "l2"},
					"a change of the last frame has no ": &objectives.NextFrame{Past: 1, Loss: "bce", Change: true},
				},
			})
		})
	}
}

func TestNextFrameRefusesTasks(t *testing.T) {
	o := &objectives.NextFrame{Past: 3, Loss: "l2"}
	clip := data.Spec{Name: "clips", Shape: []int{6, 1, 12, 12}}
	uneven := make([]float32, clip.Size())
	uneven[7] = 1
	thirds := smallViT()
	thirds.Patch = 3
	for want, task := range map[string]objectives.Task{
		"next-frame needs clips":                {Spec: data.Spec{Name: "x", Shape: []int{1, 8, 8}}},
		"all must be scaled alike":              {Spec: clip, Pixels: objectives.Scaling{Mean: uneven}},
		"neither":                               {Spec: clip, Encoder: &nets.Clusters{K: 3, Form: "distance"}},
		"doubles the encoder's map of 4x4":      {Spec: clip, Encoder: thirds},
		"want an even number from 2":            {Spec: clip, Encoder: &nets.Residual{Hidden: 3, Halvings: 1, BlockHidden: 1, Dim: 1, Activation: "relu"}},
		"cannot be halved so often":             {Spec: clip, Encoder: &nets.Residual{Hidden: 4, Halvings: 5, BlockHidden: 1, Dim: 1, Activation: "relu"}},
		"too small for a kernel of 40 with a p": {Spec: clip, Encoder: &nets.Conv{Channels: []int{4}, Kernel: 40, Stride: 2, Pad: 1, Activation: "relu", Norm: "none"}},
	} {
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The frames asked for follow those seen, wherever in the clip that is, and the error of
// copying is that of the last one.
func TestNextFramePrepares(t *testing.T) {
	src := bouncing(t, 8, 3)
	o := &objectives.NextFrame{Past: 2, Loss: "l2"}
	task := objectives.Task{Encoder: smallConv(), Spec: src.Spec(), Batch: 20, Seed: 1, Pixels: objectives.Scaling{Past: 2}}
	const size = 3 * 64
	starts := map[int]bool{}
	f, b := prepared(t, o, task, src, 0)
	var copied float64
	for i := range task.Batch {
		clip := b.Pixels[i*6*size:]
		found := -1
		for start := range 4 {
			ok := true
			for j := range 2 * size {
				ok = ok && f.F["past"][i*2*size+j] == float32(clip[start*size+j])*(1.0/255)
			}
			if ok {
				found = start
			}
		}
		if found < 0 {
			t.Fatalf("clip %d: what is seen is no run of its frames", i)
		}
		starts[found] = true
		for j := range size {
			last, next := float32(clip[(found+1)*size+j])*(1.0/255), float32(clip[(found+2)*size+j])*(1.0/255)
			if f.F["last"][i*size+j] != last || f.F["next"][i*size+j] != next {
				t.Fatalf("clip %d, value %d: last %g, next %g; want %g, %g", i, j, f.F["last"][i*size+j], f.F["next"][i*size+j], last, next)
			}
			copied += float64(next-last) * float64(next-last)
		}
	}
	if len(starts) < 4 {
		t.Errorf("twenty clips are asked at %d of 4 places", len(starts))
	}
	p, err := graph.Compile(graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	v, ok := p.Tap("metric/squared error of copying")
	if want := copied / float64(task.Batch*size); !ok || math.Abs(float64(v.Data[0])-want) > 1e-6*want {
		t.Errorf("the error of copying is %v, want %g", v.Data, want)
	}
}

// What is drawn and said does not depend on which of both is asked for first: the model
// goes on by itself in each, and then stands where it stood.
func TestNextFrameShows(t *testing.T) {
	src := bouncing(t, 8, 1)
	o := &objectives.NextFrame{Past: 2, Loss: "l2"}
	task := objectives.Task{Encoder: smallConv(), Spec: src.Spec(), Batch: 5, Seed: 1, Pixels: objectives.Scaling{Past: 2}}
	f, b := prepared(t, o, task, src, 0)
	p, err := graph.Compile(graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	y, _ := p.Tap("prediction")
	before := slices.Clone(y.Data)
	first, err := o.Pictures(t.Context(), task, p, b, f)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := o.Tables(task, p, b, f)
	if err != nil {
		t.Fatal(err)
	}
	if y, _ = p.Tap("prediction"); !slices.Equal(y.Data, before) {
		t.Error("the predictions of the batch are others after a roll-out")
	}
	if rows := tables[0].Rows; len(rows) != 4 || len(rows[0]) != len(tables[0].Columns) {
		t.Errorf("the table has the rows %v", rows)
	}
	again, err := o.Pictures(t.Context(), task, p, b, f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if !reflect.DeepEqual(first[i].Image, again[i].Image) {
			t.Errorf("%s differs when it is drawn again", first[i].Name)
		}
	}
	// The first frame of a roll-out from the beginning of a clip is what the model says
	// of its first frames.
	size := 64
	for i := range task.Batch {
		copy(f.F["past"][i*2*size:(i+1)*2*size], scaled(b.Pixels[i*6*size:][:2*size]))
	}
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	y, _ = p.Tap("prediction")
	var want float64
	for i := range task.Batch {
		next := scaled(b.Pixels[(i*6+2)*size:][:size])
		for j, v := range next {
			d := float64(min(max(y.Data[i*size+j], 0), 1) - v)
			want += d * d / float64(task.Batch*size)
		}
	}
	if got, err := strconv.ParseFloat(tables[0].Rows[0][1], 64); err != nil || math.Abs(got-want) > 1e-5 {
		t.Errorf("one frame ahead the error is %v, want %.5f", tables[0].Rows[0][1], want)
	}
}

// scaled are bytes as numbers in 0..1.
func scaled(pixels []byte) []float32 {
	x := make([]float32, len(pixels))
	for i, v := range pixels {
		x[i] = float32(v) / 255
	}
	return x
}
