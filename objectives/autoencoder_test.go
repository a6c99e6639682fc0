package objectives_test

import (
	"cmp"
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

func tiny(t testing.TB) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 1, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestAutoencoder(t *testing.T) {
	src := tiny(t)
	for name, o := range map[string]*objectives.Autoencoder{
		"l2":      {Loss: "l2"},
		"l1":      {Loss: "l1"},
		"bce":     {Loss: "bce"},
		"denoise": {Loss: "l2", Noise: 0.3, Mask: 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: o,
				Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 4, Activation: "tanh"}, Batch: 12, Seed: 5},
				Source:    src,
				Steps:     150, Rate: 0.5, Fall: 0.9,
				Refused: map[string]objectives.Objective{
					`loss: is "mse", want l2, l1 or bce`:                                  &objectives.Autoencoder{Loss: "mse"},
					"noise: is -1, want a standard deviation":                             &objectives.Autoencoder{Loss: "l2", Noise: -1},
					"mask: is 1, want a share":                                            &objectives.Autoencoder{Loss: "l2", Mask: 1},
					"noise: is NaN, want a standard deviation of at least 0\nmask: is -1": &objectives.Autoencoder{Loss: "l2", Noise: math.NaN(), Mask: -1},
				},
			})
		})
	}
}

func TestPCA(t *testing.T) {
	objectivetest.Run(t, objectivetest.Case{
		Objective: &objectives.PCA{},
		Task:      objectives.Task{Encoder: &nets.MLP{Code: 6, Activation: "relu"}, Batch: 12},
		Source:    tiny(t),
		Steps:     150, Rate: 0.5, Fall: 0.9,
	})
}

// onlyForward is an encoder that cannot be turned round.
type onlyForward struct{ nets.Encoder }

func TestAutoencoderRefusesTasks(t *testing.T) {
	spec := tiny(t).Spec()
	net := &nets.MLP{Code: 2, Activation: "relu"}
	for want, c := range map[string]struct {
		o    objectives.Autoencoder
		task objectives.Task
	}{
		"type: an autoencoder needs an encoder that can be turned round": {objectives.Autoencoder{Loss: "l2"}, objectives.Task{Encoder: onlyForward{net}, Spec: spec}},
		`want data.normalize = "unit", or loss = "l2"`: {objectives.Autoencoder{Loss: "bce"}, objectives.Task{Encoder: net, Spec: spec,
			Pixels: objectives.Scaling{Mean: make([]float32, spec.Size())}}},
	} {
		if err := c.o.Check(c.task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The damage has the asked-for strength, another one each epoch, and what is not
// damaged is the target.
func TestDamage(t *testing.T) {
	src := tiny(t)
	size := src.Spec().Size()
	b := &data.Batch{Spec: src.Spec(), Pixels: make([]byte, 40*size)}
	for i := range 40 {
		b.Index = append(b.Index, i)
	}
	for i := range b.Pixels {
		b.Pixels[i] = 128
	}
	prepare := func(o objectives.Autoencoder, epoch int) *graph.Feed {
		task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: src.Spec(), Batch: 40}
		p, err := graph.Compile(graph.NewParams(0), graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		f := p.NewFeed()
		b.Epoch = epoch
		if err := o.Prepare(task, b, f); err != nil {
			t.Fatal(err)
		}
		return f
	}

	if f := prepare(objectives.Autoencoder{Loss: "l2"}, 0); f.F["noisy"] != nil {
		t.Error("a plain autoencoder has a noisy input")
	}
	f := prepare(objectives.Autoencoder{Loss: "l2", Noise: 0.25}, 0)
	var sum, square float64
	for i, v := range f.F["noisy"] {
		d := float64(v - f.F["x"][i])
		sum, square = sum+d, square+d*d
	}
	n := float64(len(f.F["noisy"]))
	if m, s := sum/n, math.Sqrt(square/n); math.Abs(m) > 0.02 || math.Abs(s-0.25) > 0.02 {
		t.Errorf("noise of deviation 0.25 over %g values has mean %g and deviation %g", n, m, s)
	}

	zeros := func(f *graph.Feed) (at []int) {
		for i, v := range f.F["noisy"] {
			if v == 0 {
				at = append(at, i)
			} else if v != f.F["x"][i] {
				t.Fatalf("value %d is %g, neither masked nor %g", i, v, f.F["x"][i])
			}
		}
		return at
	}
	o := objectives.Autoencoder{Loss: "l2", Mask: 0.4}
	a, z := zeros(prepare(o, 0)), zeros(prepare(o, 1))
	if share := float64(len(a)) / n; math.Abs(share-0.4) > 0.05 {
		t.Errorf("%g of the values are masked, want 0.4", share)
	}
	same := 0
	for _, i := range z {
		if slices.Contains(a, i) {
			same++
		}
	}
	if share := float64(same) / float64(len(z)); math.Abs(share-0.4) > 0.06 {
		t.Errorf("%g of the values masked in one epoch are so in the other, want chance, 0.4", share)
	}
}

func TestKMeans(t *testing.T) {
	src := tiny(t)
	for name, c := range map[string]struct {
		encoder nets.Encoder
		o       objectives.KMeans
	}{
		"examples": {&nets.Clusters{K: 6, Form: "triangle"}, objectives.KMeans{}},
		"one-hot":  {&nets.Clusters{K: 6, Form: "one-hot"}, objectives.KMeans{Restarts: 2}},
		"batches":  {&nets.Clusters{K: 6, Form: "distance"}, objectives.KMeans{Batch: 10, Iterations: 5}},
		"random":   {&nets.Clusters{K: 6, Form: "distance"}, objectives.KMeans{Start: "random"}},
		"patches":  {&nets.PatchClusters{K: 6, Patch: 3, Stride: 1, Pool: 2, Form: "triangle", Contrast: 10}, objectives.KMeans{Patches: 300, Whiten: 0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.o
			o.Start, o.Restarts, o.Iterations = cmp.Or(o.Start, "k-means++"), max(1, o.Restarts), max(20, o.Iterations)
			o.Sample, o.Memory = 1000, 1
			objectivetest.Run(t, objectivetest.Case{
				Objective: &o,
				Task:      objectives.Task{Encoder: c.encoder, Batch: 12, Seed: 5},
				Source:    src,
				Steps:     30, Rate: 20, Fall: 0.9,
			})
		})
	}
}
