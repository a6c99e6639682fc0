package optim

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// scattered is the dense gradient that a gradient of rows stands for.
func scattered(p Param) []float32 {
	g, n := make([]float32, len(p.W)), p.width()
	for i, r := range p.Rows {
		for j := range n {
			g[r*n+j] += p.G[i*n+j]
		}
	}
	return g
}

// asRows gives params[0] a gradient of some rows, each of which may come twice.
func asRows(r *rand.Rand, p *Param, rows int) {
	p.Rows = make([]int, rows)
	for i := range p.Rows {
		p.Rows[i] = r.IntN(p.Shape[0])
	}
	p.G = make([]float32, rows*p.width())
	normal(r, p.G)
}

// Where rows without a gradient stay put by the formula too, a gradient of rows makes the same steps as the dense one, to the bit.
func TestRowsEqualDense(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		o.WeightDecay = 0
		r := rand.New(rand.NewPCG(21, 22))
		rows := model(r, []int{50, 6})
		dense := clone(rows)
		a, b := create(t, o, rows), create(t, o, dense)
		steps := 8
		if o.Momentum != 0 || o.Type != "sgd" && o.Type != "adagrad" {
			steps = 1 // from then on, running means of rows not touched would decay
		}
		for range steps {
			asRows(r, &rows[0], 30)
			dense[0].G = scattered(rows[0])
			a.Step(rows, 0.1, 1)
			b.Step(dense, 0.1, 1)
		}
		// LARS sums the squares of the gradient in another order.
		if o.Type == "lars" {
			for i, x := range rows[0].W {
				if y := dense[0].W[i]; math.Abs(float64(x-y)) > 1e-6 {
					t.Fatalf("weight %d is %v, want %v", i, x, y)
				}
			}
			return
		}
		sameBits(t, "rows", rows, dense)
	})
}

// Where every row has a gradient at every step the two agree for all optimizers,
// weight decay and running means included.
func TestAllRowsEqualDense(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(23, 24))
		rows := model(r, []int{40, 5})
		dense := clone(rows)
		a, b := create(t, o, rows), create(t, o, dense)
		for range 6 {
			asRows(r, &rows[0], 80)
			copy(rows[0].Rows[20:], r.Perm(40))
			dense[0].G = scattered(rows[0])
			a.Step(rows, 0.1, 0.5)
			b.Step(dense, 0.1, 0.5)
		}
		for i, x := range rows[0].W {
			if y := dense[0].W[i]; math.Abs(float64(x-y)) > 1e-6 {
				t.Fatalf("weight %d is %v, want %v", i, x, y)
			}
		}
	})
}

// Rows without a gradient keep weights and state.
func TestOtherRowsAreLeftAlone(t *testing.T) {
	eachVariant(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(25, 26))
		params := model(r, []int{9, 4})
		opt := create(t, o, params)
		drawGradients(r, params)
		opt.Step(params, 0.1, 1)
		before := clone(params)
		var state [][]float32
		for _, a := range opt.State() {
			state = append(state, slices.Clone(a.F32))
		}
		params[0].Rows, params[0].G = []int{7, 2, 7}, []float32{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4}
		opt.Step(params, 0.1, 1)
		for i := range params[0].W {
			touched := i/4 == 7 || i/4 == 2
			if moved := params[0].W[i] != before[0].W[i]; moved != touched {
				t.Errorf("weight %d: moved is %v, want %v", i, moved, touched)
			}
			for j, a := range opt.State() {
				if a.F32 != nil && !touched && a.F32[i] != state[j][i] {
					t.Errorf("%s[%d] has changed", a.Name, i)
				}
			}
		}
	})
}

func TestMergeSumsInOrder(t *testing.T) {
	// In float32 (1e8 + 1) − 1e8 is 0 but (1e8 − 1e8) + 1 is 1.
	p := []Param{{Path: "t", Shape: []int{5, 1}, W: make([]float32, 5)}}
	g, err := NewGradients(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rows     []int
		g        []float32
		wantRows []int
		want     []float32
	}{
		{[]int{3, 0, 3, 3}, []float32{1e8, 5, 1, -1e8}, []int{3, 0}, []float32{0, 5}},
		{[]int{3, 0, 3, 3}, []float32{1e8, 5, -1e8, 1}, []int{3, 0}, []float32{1, 5}},
		{[]int{0, 3, 4}, []float32{1, 2, 3}, []int{0, 3, 4}, []float32{1, 2, 3}},
		{[]int{4, 4}, []float32{1, 2}, []int{4}, []float32{3}},
		{[]int{}, []float32{}, []int{}, []float32{}},
	} {
		p[0].Rows, p[0].G = c.rows, slices.Clone(c.g)
		sum, full := g.Add(p)
		if !full || !slices.Equal(sum[0].Rows, c.wantRows) || !slices.Equal(sum[0].G, c.want) {
			t.Errorf("rows %v, gradient %v: got %v, %v; want %v, %v", c.rows, c.g, sum[0].Rows, sum[0].G, c.wantRows, c.want)
		}
		if !slices.Equal(p[0].G, c.g) {
			t.Error("the gradient itself has changed")
		}
		want := 0.0
		for _, x := range c.want {
			want += float64(x) * float64(x)
		}
		if got := g.Norm(); math.Abs(got-math.Sqrt(want)) > 1e-6 {
			t.Errorf("norm is %v, want %v", got, math.Sqrt(want))
		}
	}
}

// Steps over accumulated batches are steps with their mean gradient.
func TestAccumulation(t *testing.T) {
	const batches = 3
	r := rand.New(rand.NewPCG(27, 28))
	params := model(r, []int{4, chunk}, []int{30, 3}, []int{5}, []int{7})
	g, err := NewGradients(params, batches)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		mean := make([][]float64, len(params))
		for i, p := range params {
			mean[i] = make([]float64, len(p.W))
		}
		for batch := range batches {
			drawGradients(r, params)
			asRows(r, &params[1], 12)
			params[3].G = nil // never one
			if batch == 0 {
				params[2].G = nil // in some batches only
			}
			for i, p := range params {
				d := p.G
				if p.Rows != nil {
					d = scattered(p)
				}
				for j, x := range d {
					mean[i][j] += float64(x) / batches
				}
			}
			sum, full := g.Add(params)
			if full != (batch == batches-1) {
				t.Fatalf("after batch %d full is %v", batch, full)
			}
			if !full {
				continue
			}
			if sum[3].G != nil {
				t.Error("a gradient for a parameter that has none")
			}
			squares := 0.0
			for i, p := range sum {
				d := p.G
				if p.Rows != nil {
					d = scattered(p)
				}
				for j, x := range d {
					if want := mean[i][j]; math.Abs(float64(x*g.Scale(1, 0))-want) > 1e-6 {
						t.Fatalf("round %d: %s[%d] is %v, want %v", round, p.Path, j, x*g.Scale(1, 0), want)
					}
					squares += mean[i][j] * mean[i][j]
				}
			}
			if got, want := g.Norm(), math.Sqrt(squares); math.Abs(got-want) > 1e-5*want {
				t.Errorf("norm is %v, want %v", got, want)
			}
		}
	}
}

func TestClipFactor(t *testing.T) {
	for _, c := range []struct{ norm, most, want float64 }{
		{4, 1, 1 / 4.000001}, // torch.nn.utils.clip_grad_norm_
		{0.5, 1, 1},
		{1, 1, 1 / 1.000001},
		{0, 1, 1},
		{5, 0, 1}, // off
		{math.Inf(1), 1, 0},
	} {
		if got := ClipFactor(c.norm, c.most); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("ClipFactor(%v, %v) = %v, want %v", c.norm, c.most, got, c.want)
		}
	}
	if got := ClipFactor(math.NaN(), 1); !math.IsNaN(got) {
		t.Errorf("ClipFactor(NaN, 1) = %v, want NaN", got)
	}
}

func TestBadGradientsPanic(t *testing.T) {
	o, _ := Default("sgd")
	w := make([]float32, 6)
	for name, p := range map[string]Param{
		"size":     {G: make([]float32, 5)},
		"row":      {G: make([]float32, 3), Rows: []int{2}},
		"negative": {G: make([]float32, 3), Rows: []int{-1}},
		"rows":     {G: make([]float32, 5), Rows: []int{0, 1}},
	} {
		p.Path, p.Shape, p.W = "a", []int{2, 3}, w
		opt := create(t, o, []Param{p})
		g, err := NewGradients([]Param{p}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for what, f := range map[string]func(){
			"step": func() { opt.Step([]Param{p}, 1, 1) },
			"add":  func() { g.Add([]Param{p}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s takes it", name, what)
					}
				}()
				f()
			}()
		}
	}
}
