package ops_test

import (
	"fmt"
	"math"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// slowAttention is eq. 1 of arXiv:1706.03762 for each head, one query at a time.
func slowAttention(k ops.Attention, in []opstest.Value) []float64 {
	b, t, h := in[0].Shape[0], in[0].Shape[1], in[0].Shape[2]/3
	s := t
	query := func(e, i, c int) float64 { return in[0].F[(e*t+i)*3*h+c] }
	key := func(e, j, c int) float64 { return in[0].F[(e*t+j)*3*h+h+c] }
	value := func(e, j, c int) float64 { return in[0].F[(e*t+j)*3*h+2*h+c] }
	if k.Cross {
		h, s = in[0].Shape[2], in[1].Shape[1]
		query = func(e, i, c int) float64 { return in[0].F[(e*t+i)*h+c] }
		key = func(e, j, c int) float64 { return in[1].F[(e*s+j)*2*h+c] }
		value = func(e, j, c int) float64 { return in[1].F[(e*s+j)*2*h+h+c] }
	}
	d := h / k.Heads
	y := make([]float64, b*t*h)
	for e := range b {
		for head := range k.Heads {
			for i := range t {
				p, sum := make([]float64, s), 0.0
				for j := range s {
					if k.Causal && j > i || k.Masked && in[len(in)-1].F[e*s+j] == 0 {
						continue
					}
					var dot float64
					for c := head * d; c < (head+1)*d; c++ {
						dot += query(e, i, c) * key(e, j, c)
					}
					p[j] = math.Exp(dot / math.Sqrt(float64(d)))
					sum += p[j]
				}
				for j := range s {
					for c := head * d; c < (head+1)*d && sum > 0; c++ {
						y[(e*t+i)*h+c] += p[j] / sum * value(e, j, c)
					}
				}
			}
		}
	}
	return y
}

// keysThere is a mask: examples with all keys, a prefix, holes at both ends and in
// the middle, one key, and none.
func keysThere(r *draw.Rand, b, s int) opstest.Value {
	m := opstest.Value{Shape: []int{b, s}, F: make([]float64, b*s)}
	for e := range b {
		for j := range s {
			there := false
			switch e % 5 {
			case 0:
				there = true
			case 1:
				there = j < (s+1)/2
			case 2:
				there = j > 0 && j%3 != 2 && j < s-1
			case 3:
				there = j == s/2
			}
			if there {
				m.F[e*s+j] = 1
			}
		}
	}
	return m
}

func TestAttention(t *testing.T) {
	r := draw.New(51)
	for _, c := range []struct{ b, t, s, heads, d int }{
		{1, 1, 1, 1, 1},
		{5, 4, 7, 2, 3},
		{5, 17, 16, 3, 16},
		{5, 33, 5, 1, 20},
		{5, 2, 130, 2, 4},
		{2, 150, 260, 1, 5}, // in blocks; so many keys are computed again
		{1, 140, 20, 1, 40}, // in blocks, kept
	} {
		for _, k := range []ops.Attention{{}, {Causal: true}, {Masked: true}, {Causal: true, Masked: true}, {Cross: true}, {Cross: true, Masked: true}} {
			k.Heads = c.heads
			h, s := c.heads*c.d, c.t
			var in []opstest.Value
			if k.Cross {
				s = c.s
				in = append(in, opstest.Normal(r, c.b, c.t, h), opstest.Normal(r, c.b, s, 2*h))
			} else {
				in = append(in, opstest.Normal(r, c.b, c.t, 3*h))
			}
			if k.Masked {
				in = append(in, keysThere(r, c.b, s))
			}
			name := fmt.Sprintf("%v,cross=%v,masked=%v,causal=%v", c, k.Cross, k.Masked, k.Causal)
			opstest.Run(t, name, opstest.Case{
				New: func() ops.Kernel { k := k; return &k },
				In:  in,
				Slow: func(in []opstest.Value) []float64 {
					return slowAttention(k, in)
				},
				Tol: 3e-5,
			})
		}
	}
}

// A long sequence of its own is cut into blocks of queries, and its probabilities
// are computed again: what is kept must not change the result.
func TestAttentionLong(t *testing.T) {
	r := draw.New(52)
	for _, causal := range []bool{false, true} {
		opstest.Run(t, fmt.Sprint("causal=", causal), opstest.Case{
			New:  func() ops.Kernel { return &ops.Attention{Heads: 1, Causal: causal} },
			In:   []opstest.Value{opstest.Normal(r, 1, 300, 3*2)},
			Slow: func(in []opstest.Value) []float64 { return slowAttention(ops.Attention{Heads: 1, Causal: causal}, in) },
			Tol:  3e-5,
		})
	}
}

// Scores of many hundreds overflow no exponential.
func TestAttentionLargeScores(t *testing.T) {
	in := opstest.Normal(draw.New(53), 1, 20, 3*8)
	for i := range in.F {
		in.F[i] = float64(float32(30 * in.F[i]))
	}
	k := &ops.Attention{Heads: 1}
	if _, err := k.Shape(shapes(in.Shape)); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(in.F))
	for i, v := range in.F {
		x[i] = float32(v)
	}
	y := make([]float32, 20*8)
	k.Forward([]ops.Arg{{F: x}}, y)
	for i, v := range y {
		if !(math.Abs(float64(v)) <= 30*6) {
			t.Fatalf("value %d is %v", i, v)
		}
	}
}

// The probabilities of a head, times the values, are what attention gives.
func TestAttentionOf(t *testing.T) {
	const tokens, dim, heads = 6, 8, 2
	r := draw.New(21)
	x := opstest.Value{Shape: []int{1, tokens, 3 * dim}}
	var x32 []float32
	for range tokens * 3 * dim {
		v := float32(r.Norm())
		x.F, x32 = append(x.F, float64(v)), append(x32, v)
	}
	want := slowAttention(ops.Attention{Heads: heads}, []opstest.Value{x})
	for head := range heads {
		p := ops.AttentionOf(x32, tokens, heads, head)
		for i := range tokens {
			for c := head * dim / heads; c < (head+1)*dim/heads; c++ {
				var y float64
				for j := range tokens {
					y += float64(p[i*tokens+j]) * x.F[j*3*dim+2*dim+c]
				}
				if math.Abs(y-want[i*dim+c]) > 1e-5 {
					t.Fatalf("head %d: value %d of token %d is %v, want %v", head, c, i, y, want[i*dim+c])
				}
			}
		}
	}
}
