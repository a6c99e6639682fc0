package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// tokenSizes are examples, tokens, picked tokens and values of a token: more
// columns than are summed at a time, more examples than a chunk holds.
var tokenSizes = [][4]int{{1, 1, 1, 1}, {3, 5, 2, 7}, {2, 9, 9, 130}, {90, 6, 4, 65}}

// distinct is (b, n) indices below t, those of an example distinct.
func distinct(r *draw.Rand, b, n, t int) opstest.Value {
	v := opstest.Value{Shape: []int{b, n}}
	for range b {
		v.I = append(v.I, r.Perm(t)[:n]...)
	}
	return v
}

// absent makes some of the indices negative.
func absent(r *draw.Rand, v opstest.Value) {
	for i := range v.I {
		if r.IntN(3) == 0 {
			v.I[i] = -1
		}
	}
}

func TestPresent(t *testing.T) {
	r := draw.New(69)
	for _, lead := range []int{0, 1, 3} {
		ids := opstest.Ints(r, 5, 4, 6)
		absent(r, ids)
		opstest.Run(t, fmt.Sprint(lead), opstest.Case{
			New: func() ops.Kernel { return &ops.Present{Lead: lead} },
			In:  []opstest.Value{ids},
			Slow: func(in []opstest.Value) (y []float64) {
				for i, id := range in[0].I {
					if i%6 == 0 {
						for range lead {
							y = append(y, 1)
						}
					}
					if id < 0 {
						y = append(y, 0)
					} else {
						y = append(y, 1)
					}
				}
				return y
			},
		})
	}
}

func TestPoolTokens(t *testing.T) {
	r := draw.New(70)
	for _, c := range tokenSizes {
		b, n, d := c[0], c[1], c[3]
		for lead := range 2 {
			for _, last := range []bool{false, true} {
				ids := opstest.Ints(r, 9, b, n)
				absent(r, ids)
				for i := range n { // an example of nothing
					ids.I[i] = -1
				}
				opstest.Run(t, fmt.Sprint(c, lead, last), opstest.Case{
					New: func() ops.Kernel { return &ops.PoolTokens{Lead: lead, Last: last} },
					In:  []opstest.Value{opstest.Normal(r, b, lead+n, d), ids},
					Slow: func(in []opstest.Value) (y []float64) {
						for e := range b {
							mean, end, there := make([]float64, d), make([]float64, d), 0.0
							for i, id := range in[1].I[e*n : (e+1)*n] {
								if id < 0 {
									continue
								}
								there++
								end = in[0].Rows()[e*(lead+n)+lead+i]
								for j, v := range end {
									mean[j] += v
								}
							}
							for j := range d {
								if last || there == 0 {
									y = append(y, end[j])
								} else {
									y = append(y, mean[j]/there)
								}
							}
						}
						return y
					},
					Tol: 2e-5,
				})
			}
		}
	}
}

func TestPosition(t *testing.T) {
	r := draw.New(61)
	for _, c := range tokenSizes {
		b, all, n, d := c[0], c[1], c[2], c[3]
		for _, k := range []ops.Position{{}, {Class: true}, {Picked: true}, {Class: true, Picked: true}} {
			lead := 0
			if k.Class {
				lead = 1
			}
			in := []opstest.Value{opstest.Normal(r, b, n, d), opstest.Normal(r, lead+all, d)}
			if k.Class {
				in = append(in, opstest.Normal(r, d))
			}
			if k.Picked {
				in = append(in, opstest.Ints(r, all, b, n)) // repeated ones too
			}
			opstest.Run(t, fmt.Sprintf("%v,class=%v,picked=%v", c, k.Class, k.Picked), opstest.Case{
				New: func() ops.Kernel { return &ops.Position{Class: k.Class, Picked: k.Picked} },
				In:  in,
				Slow: func(in []opstest.Value) (y []float64) {
					for e := range b {
						for i := range lead + n {
							for j := range d {
								switch at := i - lead; {
								case i < lead:
									y = append(y, in[2].F[j]+in[1].F[j])
								case k.Picked:
									y = append(y, in[0].F[(e*n+at)*d+j]+in[1].F[(lead+in[len(in)-1].I[e*n+at])*d+j])
								default:
									y = append(y, in[0].F[(e*n+at)*d+j]+in[1].F[i*d+j])
								}
							}
						}
					}
					return y
				},
				Tol: 2e-5,
			})
		}
	}
}

func TestRestore(t *testing.T) {
	r := draw.New(62)
	for _, c := range tokenSizes {
		b, all, n, d := c[0], c[1], c[2], c[3]
		for lead := range 3 {
			opstest.Run(t, fmt.Sprint(c, lead), opstest.Case{
				New: func() ops.Kernel { return &ops.Restore{Tokens: all, Lead: lead} },
				In:  []opstest.Value{opstest.Normal(r, b, lead+n, d), opstest.Normal(r, d), distinct(r, b, n, all)},
				Slow: func(in []opstest.Value) (y []float64) {
					x := in[0].Rows()
					for e := range b {
						y = append(y, in[0].F[e*(lead+n)*d:][:lead*d]...)
						for place := range all {
							row := in[1].F
							for j := range n {
								if in[2].I[e*n+j] == place {
									row = x[e*(lead+n)+lead+j]
								}
							}
							y = append(y, row...)
						}
					}
					return y
				},
				Tol: 2e-5,
			})
		}
	}
}

func TestGather(t *testing.T) {
	r := draw.New(63)
	for _, c := range append(tokenSizes, [4]int{1, 40, 900, 130}) {
		b, all, n, d := c[0], c[1], c[2], c[3]
		for lead := range min(2, all) {
			opstest.Run(t, fmt.Sprint(c, lead), opstest.Case{
				New: func() ops.Kernel { return &ops.Gather{Lead: lead} },
				In:  []opstest.Value{opstest.Normal(r, b, all, d), opstest.Ints(r, all-lead, b, n)},
				Slow: func(in []opstest.Value) (y []float64) {
					for i, id := range in[1].I {
						y = append(y, in[0].F[(i/n*all+lead+id)*d:][:d]...)
					}
					return y
				},
				Tol: 2e-5,
			})
		}
	}
}

func TestTokenRange(t *testing.T) {
	r := draw.New(64)
	for _, c := range tokenSizes {
		b, n, d := c[0], c[1], c[3]
		for _, mean := range []bool{false, true} {
			for _, from := range []int{0, n / 2, n - 1} {
				for _, to := range []int{from + 1, n} {
					opstest.Run(t, fmt.Sprint(c, mean, from, to), opstest.Case{
						New: func() ops.Kernel { return &ops.TokenRange{From: from, To: to, Mean: mean} },
						In:  []opstest.Value{opstest.Normal(r, b, n, d)},
						Slow: func(in []opstest.Value) (y []float64) {
							for e := range b {
								if !mean {
									y = append(y, in[0].F[(e*n+from)*d:][:(to-from)*d]...)
									continue
								}
								for j := range d {
									var s float64
									for i := from; i < to; i++ {
										s += in[0].F[(e*n+i)*d+j]
									}
									y = append(y, s/float64(to-from))
								}
							}
							return y
						},
					})
				}
			}
		}
	}
}

func TestConcatTokens(t *testing.T) {
	r := draw.New(65)
	for _, lengths := range [][]int{{3}, {1, 4}, {2, 1, 5}} {
		b, d := 70, 33
		var in []opstest.Value
		for _, n := range lengths {
			in = append(in, opstest.Normal(r, b, n, d))
		}
		opstest.Run(t, fmt.Sprint(lengths), opstest.Case{
			New: func() ops.Kernel { return &ops.ConcatTokens{Inputs: len(lengths)} },
			In:  in,
			Slow: func(in []opstest.Value) (y []float64) {
				for e := range b {
					for i, n := range lengths {
						y = append(y, in[i].F[e*n*d:(e+1)*n*d]...)
					}
				}
				return y
			},
		})
	}
}

// slowPatches is the order in words: patch by patch, row by row, column by column,
// channel by channel.
func slowPatches(x []float64, b, c, h, w, p int) (y []float64) {
	for e := range b {
		for py := 0; py < h; py += p {
			for px := 0; px < w; px += p {
				for i := range p {
					for j := range p {
						for ch := range c {
							y = append(y, x[((e*c+ch)*h+py+i)*w+px+j])
						}
					}
				}
			}
		}
	}
	return y
}

func TestPatchify(t *testing.T) {
	r := draw.New(66)
	for _, c := range [][5]int{{1, 1, 1, 1, 1}, {2, 3, 4, 6, 2}, {9, 3, 32, 32, 4}, {2, 5, 9, 3, 3}} {
		b, ch, h, w, p := c[0], c[1], c[2], c[3], c[4]
		opstest.Run(t, fmt.Sprint("cut ", c), opstest.Case{
			New:  func() ops.Kernel { return &ops.Patchify{Size: p} },
			In:   []opstest.Value{opstest.Normal(r, b, ch, h, w)},
			Slow: func(in []opstest.Value) []float64 { return slowPatches(in[0].F, b, ch, h, w, p) },
		})
		// Where each value of the picture goes, turned round.
		place := make([]float64, b*ch*h*w)
		for i := range place {
			place[i] = float64(i)
		}
		place = slowPatches(place, b, ch, h, w, p)
		opstest.Run(t, fmt.Sprint("join ", c), opstest.Case{
			New: func() ops.Kernel { return &ops.Unpatchify{Grid: ops.PatchGrid{C: ch, H: h, W: w, Size: p}} },
			In:  []opstest.Value{opstest.Normal(r, b, h/p*(w/p), p*p*ch)},
			Slow: func(in []opstest.Value) []float64 {
				y := make([]float64, len(place))
				for i, at := range place {
					y[int(at)] = in[0].F[i]
				}
				return y
			},
		})
	}
}

func TestEmbedding(t *testing.T) {
	r := draw.New(67)
	for _, c := range []struct {
		v, e int
		ids  []int
	}{{1, 1, []int{1}}, {7, 3, []int{4, 5}}, {30, 130, []int{900}}} {
		for _, k := range []ops.Embedding{{}, {Dense: true}, {Dense: true, Absent: true}} {
			ids := opstest.Ints(r, c.v, c.ids...)
			if k.Absent {
				absent(r, ids)
			}
			opstest.Run(t, fmt.Sprint(c, k.Dense, k.Absent), opstest.Case{
				New: func() ops.Kernel { return &ops.Embedding{Dense: k.Dense, Absent: k.Absent} },
				In:  []opstest.Value{opstest.Normal(r, c.v, c.e), ids},
				Slow: func(in []opstest.Value) (y []float64) {
					for _, id := range in[1].I {
						if id < 0 {
							y = append(y, make([]float64, c.e)...)
							continue
						}
						y = append(y, in[0].F[id*c.e:(id+1)*c.e]...)
					}
					return y
				},
				Tol: 2e-5,
			})
		}
	}
}

// The gradient by rows, added up, is the dense one; the padding row gets none.
func TestEmbeddingRows(t *testing.T) {
	r := draw.New(68)
	const v, e, n = 5, 3, 40
	ids := opstest.Ints(r, v, n).I
	in := []ops.Arg{{F: make([]float32, v*e)}, {I: ids}}
	dout := make([]float32, n*e)
	for i := range dout {
		dout[i] = float32(r.Norm())
	}
	var sums [2][]float32
	for i, dense := range []bool{true, false} {
		k := &ops.Embedding{Dense: dense, HasPadding: true, Padding: 2}
		if _, err := k.Shape(shapes([]int{v, e}, []int{n})); err != nil {
			t.Fatal(err)
		}
		k.Forward(in, make([]float32, n*e))
		sums[i] = make([]float32, v*e)
		if dense {
			k.Backward(in, nil, dout, [][]float32{sums[i], nil})
			continue
		}
		d := make([]float32, n*e)
		k.Backward(in, nil, dout, [][]float32{d, nil})
		for at, row := range k.Rows() {
			for j := range e {
				sums[i][row*e+j] += d[at*e+j]
			}
		}
	}
	for i, want := range sums[0] {
		if sums[1][i] != want || i/e == 2 && want != 0 {
			t.Errorf("value %d of row %d: %v by rows, %v dense", i%e, i/e, sums[1][i], want)
		}
	}
}

// Indices that do not fit end the run with a sentence.
func TestTokenIndices(t *testing.T) {
	for _, c := range []struct {
		k    ops.Kernel
		in   [][]int
		ids  []int
		want string
	}{
		{&ops.Gather{}, [][]int{{2, 3, 4}, {2, 2}}, []int{0, 1, 2, 3}, "token 1 of example 1 has index 3, want 0 to 2"},
		{&ops.Gather{}, [][]int{{2, 3, 4}, {2, 2}}, []int{-1, 1, 2, 2}, "token 0 of example 0 has index -1"},
		{&ops.Position{Class: true, Picked: true}, [][]int{{1, 2, 4}, {4, 4}, {4}, {1, 2}}, []int{2, 3}, "token 1 of example 0 has index 3, want 0 to 2"},
		{&ops.Restore{Tokens: 3, Lead: 1}, [][]int{{1, 3, 4}, {4}, {1, 2}}, []int{2, 2}, "tokens 0 and 1 of example 0 have the same index, 2"},
		{&ops.Restore{Tokens: 3}, [][]int{{1, 2, 4}, {4}, {1, 2}}, []int{0, 3}, "index 3, want 0 to 2"},
		{&ops.Embedding{}, [][]int{{5, 4}, {2}}, []int{4, 5}, "index 1 is 5, and the table has rows 0 to 4"},
	} {
		if _, err := c.k.Shape(shapes(c.in...)); err != nil {
			t.Fatal(err)
		}
		in := make([]ops.Arg, len(c.in))
		in[len(in)-1].I = c.ids
		if err := c.k.(ops.Checker).Check(in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.k.Name(), err, c.want)
		}
	}
}

// Shapes that do not fit are refused with a sentence, never with a panic.
func TestTokenShapes(t *testing.T) {
	for _, c := range []struct {
		k    ops.Kernel
		in   [][]int
		want string
	}{
		{&ops.Attention{Heads: 2}, [][]int{{2, 3}}, "want (B, T, 3D)"},
		{&ops.Attention{Heads: 2}, [][]int{{2, 3, 4}}, "want (B, T, 3D)"},
		{&ops.Attention{Heads: 2}, [][]int{{2, 3, 9}}, "3 values cannot be shared by 2 heads"},
		{&ops.Attention{}, [][]int{{2, 3, 9}}, "3 values cannot be shared by 0 heads"},
		{&ops.Attention{Heads: 1, Cross: true}, [][]int{{2, 3, 4}, {2, 5, 4}}, "want (B, T, D) and (B, S, 2D)"},
		{&ops.Attention{Heads: 1, Cross: true}, [][]int{{2, 3, 4}, {2, 5}}, "want (B, T, 3D)"},
		{&ops.Attention{Heads: 1, Cross: true, Causal: true}, [][]int{{2, 3, 4}, {2, 5, 8}}, "causal"},
		{&ops.Attention{Heads: 1, Masked: true}, [][]int{{2, 3, 6}, {3, 2}}, "the mask is (3, 2); want (2, 3)"},
		{&ops.Position{}, [][]int{{2, 3, 4}, {3, 5}}, "want (B, N, D) and (T, D)"},
		{&ops.Position{}, [][]int{{2, 3, 4}, {2, 4}}, "there are 3 tokens and 2 positions"},
		{&ops.Position{Class: true}, [][]int{{2, 3, 4}, {4, 4}, {3}}, "the class token is (3), want (4)"},
		{&ops.Position{Picked: true}, [][]int{{2, 3, 4}, {9, 4}, {3, 2}}, "the indices are (3, 2), want (2, 3)"},
		{&ops.Restore{Tokens: 5}, [][]int{{2, 3, 4}, {4}, {2, 2}}, "want (B, 0+K, D), (D) and (B, K)"},
		{&ops.Restore{Tokens: 2}, [][]int{{2, 3, 4}, {4}, {2, 3}}, "there are 3 tokens for 2 places"},
		{&ops.Gather{}, [][]int{{2, 3, 4}, {3, 2}}, "want (B, 0+T, D) and (B, N)"},
		{&ops.Gather{Lead: 4}, [][]int{{2, 3, 4}, {2, 2}}, "want (B, 4+T, D) and (B, N)"},
		{&ops.PoolTokens{Lead: 1}, [][]int{{2, 3, 4}, {2, 3}}, "want (B, 1+T, D) and (B, T)"},
		{&ops.Present{}, [][]int{{3}}, "want (B, T)"},
		{&ops.Embedding{Absent: true}, [][]int{{5, 4}, {2}}, "a gradient by rows"},
		{&ops.TokenRange{From: 1, To: 4}, [][]int{{2, 3, 4}}, "there are no tokens 1 to 3 of 3"},
		{&ops.TokenRange{}, [][]int{{2, 3, 4}}, "there are no tokens"},
		{&ops.TokenRange{To: 1}, [][]int{{3, 4}}, "want tokens (B, T, D)"},
		{&ops.ConcatTokens{Inputs: 2}, [][]int{{2, 3, 4}, {2, 3, 5}}, "of one B and one D"},
		{&ops.Patchify{Size: 3}, [][]int{{2, 3, 4, 6}}, "pictures of 4x6 cannot be cut into patches of 3x3"},
		{&ops.Patchify{}, [][]int{{2, 3, 4, 6}}, "cannot be cut into patches of 0x0"},
		{&ops.Patchify{Size: 2}, [][]int{{2, 3, 4}}, "want pictures (B, C, H, W)"},
		{&ops.Unpatchify{Grid: ops.PatchGrid{C: 3, H: 4, W: 4, Size: 2}}, [][]int{{2, 3, 4}}, "want patches (B, 4, 12)"},
		{&ops.Unpatchify{}, [][]int{{2, 3, 4}}, "no picture"},
		{&ops.Embedding{}, [][]int{{5}, {2}}, "want (V, E) and (...)"},
	} {
		_, err := c.k.Shape(shapes(c.in...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v: got %v, want %q", c.k.Name(), c.in, err, c.want)
		}
	}
}
