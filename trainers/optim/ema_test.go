package optim

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestEMA(t *testing.T) {
	for _, warmup := range []bool{false, true} {
		r := rand.New(rand.NewPCG(31, 32))
		params := model(r, []int{2, chunk + 5}, []int{3})
		e, err := NewEMA(0.9, warmup, params)
		if err != nil {
			t.Fatal(err)
		}
		want := make([][]float64, len(params))
		for i, p := range params {
			for _, x := range p.W {
				want[i] = append(want[i], float64(x))
			}
		}
		for step := range 20 {
			decay := 0.9
			if warmup {
				decay = min(0.9, float64(1+step)/float64(10+step))
			}
			for i, p := range params {
				normal(r, p.W)
				for j, x := range p.W {
					want[i][j] = decay*want[i][j] + (1-decay)*float64(x)
				}
			}
			e.Update(params)
		}
		before := clone(params)
		e.Swap(params)
		for i, p := range params {
			for j, x := range p.W {
				if math.Abs(float64(x)-want[i][j]) > 1e-6 {
					t.Fatalf("warmup %v: %s[%d] is %v, want %v", warmup, p.Path, j, x, want[i][j])
				}
			}
		}
		e.Swap(params)
		sameBits(t, "swapped back", params, before)
	}
}

// The average of weights that stand still is those weights, to the bit.
func TestEMAOfConstant(t *testing.T) {
	params := model(rand.New(rand.NewPCG(33, 34)), []int{10, 10})
	before := clone(params)
	e, err := NewEMA(0.9999, false, params)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		e.Update(params)
	}
	e.Swap(params)
	sameBits(t, "average", params, before)
}

func TestEMAState(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	params := model(r, []int{3, 4}, []int{4})
	run := func(e *EMA, params []Param, from, to int) {
		for i := from; i < to; i++ {
			r := rand.New(rand.NewPCG(37, uint64(i)))
			for _, p := range params {
				normal(r, p.W)
			}
			e.Update(params)
		}
	}
	e, err := NewEMA(0.99, true, params)
	if err != nil {
		t.Fatal(err)
	}
	run(e, params, 0, 4)
	resumed := clone(params)
	again, err := NewEMA(0.99, true, resumed)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Load(e.State()); err != nil {
		t.Fatal(err)
	}
	run(e, params, 4, 9)
	run(again, resumed, 4, 9)
	e.Swap(params)
	again.Swap(resumed)
	sameBits(t, "resumed", resumed, params)

	state := e.State()
	err = again.Load(state[:len(state)-1])
	if err == nil || !strings.Contains(err.Error(), "averages of the weights: layer1/weight [4]: is not in the checkpoint") {
		t.Errorf("got %v", err)
	}
	state[0].I64 = []int64{-3}
	if err := again.Load(state); err == nil {
		t.Error("a negative count of updates was taken")
	}
	if !slices.Equal(again.State()[0].I64, []int64{9}) {
		t.Error("a refused state has changed the average")
	}
	for _, decay := range []float64{-0.1, 1, math.NaN()} {
		if _, err := NewEMA(decay, false, params); err == nil {
			t.Errorf("decay %v was taken", decay)
		}
	}
}
