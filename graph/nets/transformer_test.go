package nets

import (
	"fmt"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/golden"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// blockNames are the parameters of a block by the names that PyTorch's have in
// the reference values.
var blockNames = strings.NewReplacer(
	"norm1/", "n1.", "norm2/", "n2.", "mlp/fc1/", "fc1.", "mlp/fc2/", "fc2.",
	"attn/qkv/", "attn.in_proj_", "attn/proj/", "attn.out_proj.")

func TestGoldenTransformerBlock(t *testing.T) {
	golden.Each(t, "transformer_block", func(t *testing.T, c *golden.Case) {
		var h struct {
			Dim, Heads, MLP   int
			Eps               float32
			Order, Activation string
		}
		c.Settings(&h)
		act, err := layers.Activation(h.Activation)
		if err != nil {
			t.Fatal(err)
		}
		name := func(path string) string {
			return "w." + blockNames.Replace(strings.TrimPrefix(path, "blocks/0/"))
		}
		ps := graph.NewParams(0)
		p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
			b := Blocks{Depth: 1, Heads: h.Heads, Hidden: h.MLP, Post: h.Order == "post", Act: act, Eps: h.Eps}
			if c.Has("in.pad") {
				b.Mask = s.Input("mask", c.Shape("in.pad")...)
			}
			given := func(_ *draw.Rand, _ []int, w []float32) { copy(w, c.Floats("in.x")) }
			y := s.Tap("y", b.Apply(s, s.Param("x", given, c.Shape("in.x")...)))
			return s.Apply(opstest.Dot{}, y, s.Input("gy", c.Shape("in.gy")...))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, w := range ps.All() {
			if w.Path != "x" {
				copy(w.Data, c.Floats(name(w.Path)))
			}
		}
		feed := p.NewFeed()
		copy(feed.F["gy"], c.Floats("in.gy"))
		if c.Has("in.pad") {
			for i, pad := range c.Array("in.pad").Bool {
				if feed.F["mask"][i] = 1; pad {
					feed.F["mask"][i] = 0
				}
			}
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		y, _ := p.Tap("y")
		c.Check("out.y", y.Data)
		c.Check("out.loss", []float32{p.Loss()})
		if got, want := len(p.Gradients()), len(c.Names("grad.")); got != want {
			t.Errorf("%d gradients, want %d", got, want)
		}
		for _, g := range p.Gradients() {
			if g.Param.Path == "x" {
				c.Check("grad.in.x", g.Data)
			} else {
				c.Check("grad."+name(g.Param.Path), g.Data)
			}
		}
	})
}

func TestGoldenSinCos2D(t *testing.T) {
	golden.Each(t, "sincos2d", func(t *testing.T, c *golden.Case) {
		var h struct {
			Dim, Rows, Cols int
			ClassToken      bool `json:"class_token"`
		}
		c.Settings(&h)
		lead := 0
		if h.ClassToken {
			lead = 1
		}
		table, err := SinCos2D(h.Dim, h.Rows, h.Cols, lead)
		if err != nil {
			t.Fatal(err)
		}
		c.Check("out.table", table)
	})
	for _, dim := range []int{0, -4, 6} {
		if _, err := SinCos2D(dim, 2, 2, 0); err == nil {
			t.Errorf("%d values are accepted", dim)
		}
	}
}

// smallViT is a vision transformer on pictures of 2x6x4.
func smallViT() ViT {
	return ViT{Patch: 2, Dim: 8, Depth: 2, Heads: 2, MLPRatio: 2, ClassToken: true, Pooling: "mean", Positions: "sincos"}
}

// Given all patches in another order, with their positions, the tokens are the
// same in that order, and the code of the picture is the mean of them.
func TestViTPatchesInAnyOrder(t *testing.T) {
	for _, e := range []ViT{
		smallViT(),
		{Patch: 2, Dim: 8, Depth: 1, Heads: 4, MLPRatio: 4, Pooling: "mean", Positions: "learned"},
		{Patch: 2, Dim: 8, Depth: 1, Heads: 1, MLPRatio: 1, ClassToken: true, Pooling: "class", Positions: "learned"},
	} {
		shape := []int{2, 6, 4}
		if err := e.Check(shape); err != nil {
			t.Fatal(err)
		}
		grid, err := e.Grid(shape)
		if err != nil {
			t.Fatal(err)
		}
		const b = 3
		n := grid.Patches()
		lead := 0
		p, err := graph.Compile(graph.NewParams(4), graph.Eval, func(s *graph.Scope) *G.Node {
			x := s.Input("x", b, 2, 6, 4)
			e.Encode(s.In("encoder"), x)
			s.Tap("all", s.Apply(&ops.TokenRange{To: n}, layers.Patchify(s, x, 2)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		q, err := graph.Compile(graph.NewParams(4), graph.Eval, func(s *graph.Scope) *G.Node {
			_, lead = e.EncodePatches(s.In("encoder"), grid, s.Input("patches", b, n, grid.Values()), s.Ints("ids", b, n))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		r := draw.New(9)
		feed := p.NewFeed()
		for i := range feed.F["x"] {
			feed.F["x"][i] = float32(r.Norm())
		}
		if err := p.Run(feed, 0); err != nil {
			t.Fatal(err)
		}
		all, _ := p.Tap("all")
		part := q.NewFeed()
		v := grid.Values()
		for i := range b {
			for j, id := range r.Perm(n) {
				part.I["ids"][i*n+j] = id
				copy(part.F["patches"][(i*n+j)*v:(i*n+j+1)*v], all.Data[(i*n+id)*v:])
			}
		}
		if err := q.Run(part, 0); err != nil {
			t.Fatal(err)
		}
		want, _ := p.Tap("encoder/tokens")
		got, _ := q.Tap("encoder/tokens")
		code, _ := p.Tap("encoder/code")
		for i := range b {
			mean := make([]float64, e.Dim)
			for j := range n {
				at, from := (i*(lead+n)+lead+j)*e.Dim, (i*(lead+n)+lead+part.I["ids"][i*n+j])*e.Dim
				for k := range e.Dim {
					if d := got.Data[at+k] - want.Data[from+k]; !(d*d < 1e-10) {
						t.Fatalf("%+v: token %d of example %d is %v, want %v", e, j, i, got.Data[at+k], want.Data[from+k])
					}
					mean[k] += float64(got.Data[at+k]) / float64(n)
				}
			}
			for k := range e.Dim {
				w := mean[k]
				if e.Pooling == "class" {
					w = float64(want.Data[i*(lead+n)*e.Dim+k])
				}
				if d := float64(code.Data[i*e.Dim+k]) - w; !(d*d < 1e-10) {
					t.Errorf("%+v: value %d of code %d is %v, want %v", e, k, i, code.Data[i*e.Dim+k], w)
				}
			}
		}
	}
}

// Names of parameters and taps are those that a checkpoint holds.
func TestViTNames(t *testing.T) {
	e := smallViT()
	e.Depth = 1
	ps := graph.NewParams(0)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
		code := e.Encode(s.In("encoder"), s.Input("x", 2, 1, 4, 4))
		return layers.MSE(s, code, s.Input("t", 2, 8))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var got []string
	for _, w := range ps.All() {
		got = append(got, fmt.Sprint(w.Path, w.Shape, w.Trained()))
	}
	want := `encoder/class_token[8] true encoder/pos_embed[5 8] false
encoder/patch_embed/weight[8 4] true encoder/patch_embed/bias[8] true
encoder/blocks/0/norm1/weight[8] true encoder/blocks/0/norm1/bias[8] true
encoder/blocks/0/attn/qkv/weight[24 8] true encoder/blocks/0/attn/qkv/bias[24] true
encoder/blocks/0/attn/proj/weight[8 8] true encoder/blocks/0/attn/proj/bias[8] true
encoder/blocks/0/norm2/weight[8] true encoder/blocks/0/norm2/bias[8] true
encoder/blocks/0/mlp/fc1/weight[16 8] true encoder/blocks/0/mlp/fc1/bias[16] true
encoder/blocks/0/mlp/fc2/weight[8 16] true encoder/blocks/0/mlp/fc2/bias[8] true
encoder/norm/weight[8] true encoder/norm/bias[8] true`
	if g := strings.Join(got, " "); g != strings.ReplaceAll(want, "\n", " ") {
		t.Errorf("parameters are\n%s, want\n%s", strings.Join(got, "\n"), want)
	}
	if g := strings.Join(p.Taps(), " "); g != "encoder/blocks/0 encoder/tokens encoder/code" {
		t.Errorf("taps are %s", g)
	}
}

// All faults of the settings are told at once.
func TestViTCheck(t *testing.T) {
	e, err := New("vit")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check([]int{3, 32, 32}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := ViT{Patch: 5, Dim: 6, Depth: 0, Heads: 4, MLPRatio: -1, Pooling: "class", Positions: "sincos", Dropout: 1}
	got := bad.Check([]int{3, 32, 32})
	want := []string{
		"patch: pictures of 32x32 cannot be cut into patches of 5x5",
		"depth: is 0, want 1 to 1000",
		"heads: is 4, want a divisor of the 6 values of a token",
		"mlp_ratio: makes a hidden layer of 0 values, want 1 to 1048576",
		`pool: is "class", which needs class_token = true`,
		"dim: is 6, want a multiple of 4 for sincos positions",
		"dropout: is 1, want 0 to below 1",
	}
	if got == nil || got.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", got, strings.Join(want, "\n"))
	}
	worse := ViT{Patch: 4, Dim: -8, Pooling: "max", Positions: "none"}
	for _, want := range []string{"dim: is -8", `pool: is "max", want mean or class`, `positions: is "none", want sincos or learned`} {
		if err := worse.Check([]int{3, 32, 32}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := e.Check([]int{100}); err == nil || !strings.Contains(err.Error(), "no picture") {
		t.Errorf("vectors: %v", err)
	}
}

// Dropout drops in training only, and differently at each step.
func TestBlocksDropout(t *testing.T) {
	e := smallViT()
	e.Dropout = 0.5
	codes := map[graph.Mode][2][]float32{}
	for _, mode := range []graph.Mode{graph.Train, graph.Eval} {
		p, err := graph.Compile(graph.NewParams(0), mode, func(s *graph.Scope) *G.Node {
			code := e.Encode(s.In("encoder"), s.Input("x", 2, 1, 4, 4))
			return layers.MSE(s, code, s.Input("t", 2, 8))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		feed := p.NewFeed()
		for i := range feed.F["x"] {
			feed.F["x"][i] = float32(i % 5)
		}
		var two [2][]float32
		for step := range two {
			if err := p.Run(feed, step); err != nil {
				t.Fatal(err)
			}
			v, _ := p.Tap("encoder/code")
			two[step] = append([]float32{}, v.Data...)
		}
		codes[mode] = two
	}
	same := func(a, b []float32) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
	if !same(codes[graph.Eval][0], codes[graph.Eval][1]) || same(codes[graph.Train][0], codes[graph.Train][1]) {
		t.Errorf("codes of two steps are equal in training: %v, in evaluation: %v",
			same(codes[graph.Train][0], codes[graph.Train][1]), same(codes[graph.Eval][0], codes[graph.Eval][1]))
	}
}
