package nets

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"

	"x2vec/graph"
)

// A pixel changes the places of a map in whose field it lies, and no others; every
// field is as small as can be.
func TestField(t *testing.T) {
	shape := []int{1, 20, 20}
	for _, c := range []struct {
		name string
		net  Encoder
		tap  string
		want graph.Field
	}{
		{"conv0", &Conv{Channels: []int{3, 4}, Kernel: 4, Stride: 2, Pad: 1, Code: 3, Activation: "tanh", Norm: "none"}, "encoder/conv0",
			graph.Field{Start: [2]int{-1, -1}, Stride: [2]int{2, 2}, Size: [2]int{4, 4}}},
		{"conv1", &Conv{Channels: []int{3, 4}, Kernel: 4, Stride: 2, Pad: 1, Code: 3, Activation: "tanh", Norm: "batch"}, "encoder/conv1",
			graph.Field{Start: [2]int{-3, -3}, Stride: [2]int{4, 4}, Size: [2]int{10, 10}}},
		{"residual", &Residual{Hidden: 4, Halvings: 1, Blocks: 1, BlockHidden: 2, Dim: 4, Activation: "tanh"}, "encoder/map",
			graph.Field{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.net.Check(shape); err != nil {
				t.Fatal(err)
			}
			p, err := graph.Compile(graph.NewParams(3), graph.Eval, func(s *graph.Scope) *gorgonia.Node {
				c.net.Encode(s.In("encoder"), s.Input("x", append([]int{1}, shape...)...))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			f, ok := p.Field(c.tap, "x")
			if !ok || c.want != (graph.Field{}) && f != c.want {
				t.Fatalf("the field of %s is %+v, %v; want %+v", c.tap, f, ok, c.want)
			}
			feed := p.NewFeed()
			run := func() (out []float32, h, w int) {
				if err := p.Run(feed, 0); err != nil {
					t.Fatal(err)
				}
				v, _ := p.Tap(c.tap)
				return append([]float32(nil), v.Data...), v.Shape[1], v.Shape[2]
			}
			before, h, w := run()
			d := len(before) / (h * w)
			changed := map[[2]int]bool{} // offsets within a field that matter
			for y := range shape[1] {
				for x := range shape[2] {
					feed.F["x"][y*shape[2]+x] = 1
					after, _, _ := run()
					feed.F["x"][y*shape[2]+x] = 0
					for at := range h * w {
						differs := false
						for j := at * d; j < (at+1)*d; j++ {
							differs = differs || math.Abs(float64(after[j]-before[j])) > 1e-9
						}
						y0, y1 := f.At(at/w, 0)
						x0, x1 := f.At(at%w, 1)
						if within := y >= y0 && y < y1 && x >= x0 && x < x1; differs && !within {
							t.Fatalf("pixel %d, %d changes place %d, %d, whose field is %d to %d by %d to %d", y, x, at/w, at%w, y0, y1, x0, x1)
						}
						if differs {
							changed[[2]int{y - y0, x - x0}] = true
						}
					}
				}
			}
			for _, corner := range [][2]int{{0, 0}, {f.Size[0] - 1, f.Size[1] - 1}} {
				if !changed[corner] {
					t.Errorf("no pixel at %v of a field of %v matters: it is too large", corner, f.Size)
				}
			}
			if _, ok := p.Field("encoder/code", "x"); ok {
				t.Error("the code has a field")
			}
		})
	}
}
