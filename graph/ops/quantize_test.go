package ops_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/golden"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowNearest is the definition: the code of least squared distance, one value at a
// time, and among equals the first.
func slowNearest(x, codes [][]float64) []float64 {
	var out []float64
	for _, row := range x {
		best, at := math.Inf(1), 0
		for j, e := range codes {
			var d float64
			for i, v := range row {
				d += (v - e[i]) * (v - e[i])
			}
			if d < best {
				best, at = d, j
			}
		}
		out = append(out, float64(at))
	}
	return out
}

// quantized are z, a codebook and the nearest codes.
func quantized(r *draw.Rand, k int, shape ...int) []opstest.Value {
	z := opstest.Normal(r, shape...)
	book := opstest.Normal(r, k, shape[len(shape)-1])
	codes := opstest.Value{Shape: shape[:len(shape)-1], F: slowNearest(z.Rows(), book.Rows())}
	return []opstest.Value{z, book, codes}
}

func TestNearest(t *testing.T) {
	r := draw.New(91)
	for _, s := range []struct {
		shape []int
		k     int
	}{{[]int{1, 1}, 1}, {[]int{5, 3}, 7}, {[]int{2, 3, 4, 8}, 64}, {[]int{3, 5}, 65}, {[]int{300, 16}, 130}, {[]int{2, 7, 7, 64}, 512}} {
		in := quantized(r, s.k, s.shape...)
		opstest.Run(t, fmt.Sprint(s), opstest.Case{
			New: func() ops.Kernel { return &ops.Nearest{} },
			In:  in[:2],
			Slow: func(in []opstest.Value) []float64 {
				return slowNearest(in[0].Rows(), in[1].Rows())
			},
		})
	}
}

// Of codes that are the same the first is taken; NaN gives a code that there is.
func TestNearestTies(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		x, codes []float32
		k        int
		want     []float32
	}{
		{[]float32{0, 0, 5, 5}, []float32{1, 1, 1, 1, 5, 5, 5, 5}, 4, []float32{0, 2}},
		{[]float32{1, 0, 2, 0}, slices.Repeat([]float32{3, 0}, 200), 200, []float32{0, 0}},
		{[]float32{nan, 0, 1, 1}, []float32{0, 0, 1, 1}, 2, []float32{0, 1}},
		{[]float32{0, 0, 1, 1}, append(slices.Repeat([]float32{7, 7}, 99), nan, nan), 100, []float32{0, 0}},
	} {
		k := &ops.Nearest{}
		if _, err := k.Shape(shapes([]int{len(c.x) / 2, 2}, []int{c.k, 2})); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(c.want))
		k.Forward([]ops.Arg{{F: c.x}, {F: c.codes}}, got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v among %v: %v, want %v", c.x, c.codes[:4], got, c.want)
		}
	}
}

// Finite differences step past the stops in the gradients if the twin takes what is
// behind them as it was.
func TestQuantize(t *testing.T) {
	r := draw.New(92)
	for _, shape := range [][]int{{1, 1}, {6, 5}, {2, 3, 4, 8}, {700, 64}} {
		in := quantized(r, 9, shape...)
		// pairs are the rows of z and their codes.
		pairs := func(in []opstest.Value) (z, e [][]float64) {
			z, book := in[0].Rows(), in[1].Rows()
			for _, c := range in[2].F {
				e = append(e, book[int(c)])
			}
			return z, e
		}
		z0, e0 := pairs(in)
		opstest.Run(t, fmt.Sprint("quantize ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.Quantize{} },
			In:  in,
			Slow: func(in []opstest.Value) []float64 { // z + sg[e − z]
				var out []float64
				z, _ := pairs(in)
				for i := range z {
					for j := range z[i] {
						out = append(out, z[i][j]+(e0[i][j]-z0[i][j]))
					}
				}
				return out
			},
		})
		for _, trained := range []bool{false, true} {
			opstest.Run(t, fmt.Sprint("loss ", shape, trained), opstest.Case{
				New: func() ops.Kernel { return &ops.CodeLoss{Beta: 0.25, Trained: trained} },
				In:  in,
				Slow: func(in []opstest.Value) []float64 {
					var book, commitment, n float64
					z, e := pairs(in)
					for i := range z {
						for j := range z[i] {
							book += (z0[i][j] - e[i][j]) * (z0[i][j] - e[i][j])
							commitment += (z[i][j] - e0[i][j]) * (z[i][j] - e0[i][j])
							n++
						}
					}
					if !trained {
						book = 0
					}
					return []float64{(book + 0.25*commitment) / n}
				},
			})
		}
	}
}

func TestCountCodes(t *testing.T) {
	r := draw.New(93)
	for _, shape := range [][]int{{1, 3}, {40, 5}, {2, 9, 9, 130}} {
		in := quantized(r, 11, shape...)
		count := func(in []opstest.Value) []float64 {
			out := make([]float64, 11)
			for _, c := range in[0].F {
				out[int(c)]++
			}
			return out
		}
		opstest.Run(t, fmt.Sprint("count ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.CountCodes{Codes: 11} }, In: in[2:], Slow: count,
		})
		opstest.Run(t, fmt.Sprint("sum ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.SumByCode{Codes: 11} },
			In:  []opstest.Value{in[0], in[2]},
			Slow: func(in []opstest.Value) []float64 {
				d := len(in[0].F) / len(in[1].F)
				out := make([]float64, 11*d)
				for i, row := range in[0].Rows() {
					for j, v := range row {
						out[int(in[1].F[i])*d+j] += v
					}
				}
				return out
			},
		})
		opstest.Run(t, fmt.Sprint("perplexity ", shape), opstest.Case{
			New: func() ops.Kernel { return &ops.Perplexity{} },
			In:  []opstest.Value{{Shape: []int{11}, F: count(in[2:])}},
			Slow: func(in []opstest.Value) []float64 {
				var n, h float64
				for _, c := range in[0].F {
					n += c
				}
				for _, c := range in[0].F {
					if c > 0 {
						h -= c / n * math.Log(c/n)
					}
				}
				return []float64{math.Exp(h)}
			},
		})
	}
	for _, c := range []struct {
		counts []float32
		want   float32
	}{{[]float32{7, 0, 0}, 1}, {[]float32{4, 4, 4, 4}, 4}, {[]float32{0, 0}, 0}} {
		out := make([]float32, 1)
		(&ops.Perplexity{}).Forward([]ops.Arg{{F: c.counts}}, out)
		if math.Abs(float64(out[0]-c.want)) > 1e-6 {
			t.Errorf("perplexity of %v is %v, want %v", c.counts, out[0], c.want)
		}
	}
}

func TestQuantizeShapes(t *testing.T) {
	for name, err := range map[string]error{
		"a codebook of another width": shapeError(&ops.Nearest{}, []int{4, 3}, []int{8, 2}),
		"a row alone":                 shapeError(&ops.Nearest{}, []int{3}, []int{8, 3}),
		"codes of other places":       shapeError(&ops.Quantize{}, []int{4, 3}, []int{8, 3}, []int{5}),
		"a negative beta":             shapeError(&ops.CodeLoss{Beta: -1}, []int{4, 3}, []int{8, 3}, []int{4}),
		"no codes":                    shapeError(&ops.CountCodes{}, []int{4}),
		"sums of other places":        shapeError(&ops.SumByCode{Codes: 2}, []int{4, 3}, []int{5}),
		"counts in two axes":          shapeError(&ops.Perplexity{}, []int{4, 3}),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func shapeError(k ops.Kernel, in ...[]int) error {
	_, err := k.Shape(shapes(in...))
	return err
}

// The cases' maps are (N, D, H, W); the kernels have D last.
func TestGoldenQuantize(t *testing.T) {
	golden.Each(t, "vector_quantiser", func(t *testing.T, c *golden.Case) {
		var h struct {
			Codes, Dim int
			Beta       float32
			EMA        bool
			Decay, Eps float64
		}
		c.Settings(&h)
		name := "w.codebook"
		if h.EMA {
			name = "s.codebook"
		}
		shape := c.Shape("in.z") // (N, D, H, W)
		last := func(x []float32) []float32 {
			out := make([]float32, len(x))
			k := &ops.ToChannelsLast{}
			if err := shapeError(k, shape); err != nil {
				t.Fatal(err)
			}
			k.Forward([]ops.Arg{{F: x, Shape: shape}}, out)
			return out
		}
		z, book := last(c.Floats("in.z")), c.Floats(name)
		rows := []int{shape[0], shape[2], shape[3]}
		run := func(k ops.Kernel, size int, in ...ops.Arg) []float32 {
			t.Helper()
			var dims [][]int
			for _, a := range in {
				dims = append(dims, a.Shape)
			}
			if err := shapeError(k, dims...); err != nil {
				t.Fatal(err)
			}
			out := make([]float32, size)
			k.Forward(in, out)
			return out
		}
		zArg := ops.Arg{F: z, Shape: append(slices.Clone(rows), h.Dim)}
		bookArg := ops.Arg{F: book, Shape: []int{h.Codes, h.Dim}}
		codes := run(&ops.Nearest{}, len(z)/h.Dim, zArg, bookArg)
		for i, want := range c.Ints("out.idx") {
			if int(codes[i]) != want {
				t.Fatalf("code %d is %v, want %d", i, codes[i], want)
			}
		}
		codesArg := ops.Arg{F: codes, Shape: rows}
		in := []ops.Arg{zArg, bookArg, codesArg}
		first := func(x []float32) []float32 { // back to (N, D, H, W)
			out := make([]float32, len(x))
			k := &ops.ToChannelsFirst{}
			if err := shapeError(k, zArg.Shape); err != nil {
				t.Fatal(err)
			}
			k.Forward([]ops.Arg{{F: x, Shape: zArg.Shape}}, out)
			return out
		}
		q := run(&ops.Quantize{}, len(z), in...)
		c.Check("out.q", first(q))
		c.Check("out.commitment", run(&ops.CodeLoss{Beta: 1}, 1, in...))
		if !h.EMA {
			c.Check("out.codebook_loss", run(&ops.CodeLoss{Trained: true}, 1, in...))
		}
		counts := run(&ops.CountCodes{Codes: h.Codes}, h.Codes, codesArg)
		c.Check("out.perplexity", run(&ops.Perplexity{}, 1, ops.Arg{F: counts, Shape: []int{h.Codes}}))

		k := &ops.CodeLoss{Beta: h.Beta, Trained: !h.EMA}
		loss := run(k, 1, in...)
		gy := last(c.Floats("in.gy"))
		for i, v := range q {
			loss[0] += gy[i] * v
		}
		c.Check("out.loss", loss)
		dz, dbook := make([]float32, len(z)), make([]float32, len(book))
		din := [][]float32{dz, dbook, nil}
		if h.EMA {
			din[1] = nil
		}
		k.Backward(in, loss, []float32{1}, din)
		for i, g := range gy {
			dz[i] += g
		}
		c.Check("grad.in.z", first(dz))
		if !h.EMA {
			c.Check("grad.w.codebook", dbook)
			return
		}
		// The sums behind the moving averages.
		sums := run(&ops.SumByCode{Codes: h.Codes}, len(book), zArg, codesArg)
		n, m := c.Floats("s.n"), c.Floats("s.m")
		for i := range n {
			n[i] += float32(1-h.Decay) * (counts[i] - n[i])
		}
		for i := range m {
			m[i] += float32(1-h.Decay) * (sums[i] - m[i])
		}
		c.Check("after.s.n", n)
		c.Check("after.s.m", m)
	})
}
