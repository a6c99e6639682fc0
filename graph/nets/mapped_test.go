package nets

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
)

// The map of every encoder that has one is of the size that MapSize says, it depends
// on the same parameters as the code, and the code is what Encode makes.
func TestMapped(t *testing.T) {
	for name, c := range map[string]struct {
		e     Mapped
		shape []int
		ok    bool
	}{
		"conv":           {&Conv{Channels: []int{4, 6, 8}, Kernel: 3, Stride: 1, Strides: []int{1, 2, 2}, Pad: 1, Activation: "relu", Norm: "none"}, []int{1, 9, 16}, true},
		"conv with code": {&Conv{Channels: []int{4, 6}, Kernel: 4, Stride: 2, Pad: 1, Code: 5, Activation: "relu", Norm: "none"}, []int{1, 8, 8}, false},
		"resnet":         {&ResNet{Blocks: []int{1, 1, 1}, Width: 4, Stem: "small", Block: "basic"}, []int{3, 9, 8}, true},
		"resnet, large":  {&ResNet{Blocks: []int{1, 1}, Width: 4, Stem: "large", Block: "bottleneck", Code: 3}, []int{3, 33, 32}, false},
		"vit":            {&ViT{Patch: 4, Dim: 8, Depth: 1, Heads: 2, MLPRatio: 2, ClassToken: true, Pooling: "mean", Positions: "sincos"}, []int{1, 8, 12}, true},
		"residual":       {&Residual{Hidden: 4, Halvings: 1, Blocks: 1, BlockHidden: 3, Dim: 5, Activation: "relu"}, []int{3, 9, 8}, true},
		"residual, flat": {&Residual{Hidden: 4, Halvings: 2, Blocks: 0, BlockHidden: 1, Dim: 5, Activation: "relu"}, []int{1, 4, 12}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, w, ch, ok := c.e.MapSize(c.shape)
			if ok != c.ok {
				t.Errorf("MapSize says %v, want %v", ok, c.ok)
			}
			in := append([]int{4}, c.shape...)
			ps := graph.NewParams(3)
			run := func(build func(s *graph.Scope)) []float32 {
				p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { build(s); return nil })
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				f := p.NewFeed()
				for i := range f.F["x"] {
					f.F["x"][i] = float32(i%7) - 3
				}
				if err := p.Run(f, 0); err != nil {
					t.Fatal(err)
				}
				if code, ok := p.Tap("encoder/code"); ok {
					return append([]float32(nil), code.Data...)
				}
				return nil
			}
			var m layers.Map
			first := run(func(s *graph.Scope) { m = c.e.EncodeMap(s.In("encoder"), s.Input("x", in...)) })
			if mh, mw := m.Size(); mh != h || mw != w || m.Channels() != ch {
				t.Errorf("the map is %v, MapSize says %dx%dx%d", m.N.Shape(), h, w, ch)
			}
			if !ok {
				return
			}
			count := len(ps.All())
			second := run(func(s *graph.Scope) { c.e.Encode(s.In("encoder"), s.Input("x", in...)) })
			if len(ps.All()) != count {
				t.Errorf("Encode has %d arrays, EncodeMap %d", len(ps.All()), count)
			}
			if len(first) != 4*c.e.CodeSize(c.shape) || len(second) != len(first) {
				t.Fatalf("codes of %d and %d values for 4 examples, want %d each", len(first), len(second), c.e.CodeSize(c.shape))
			}
			for i, v := range first {
				if math.Abs(float64(v-second[i])) > 1e-6 {
					t.Fatalf("value %d of the code is %v by the map and %v without", i, v, second[i])
				}
			}
		})
	}
}
