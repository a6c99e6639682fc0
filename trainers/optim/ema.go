package optim

import (
	"errors"
	"fmt"
	"slices"

	"x2vec/checkpoints"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// EMA is an exponential moving average of weights (Polyak and Juditsky 1992, in
// the form of torch.optim.swa_utils.AveragedModel):
//
//	average = average + (1 − decay)·(w − average)
//
// It starts as the weights are. It is for use by one goroutine.
type EMA struct {
	decay    float64
	warmup   bool
	updates  int64
	paths    []string
	shapes   [][]int
	averages [][]float32

	// Of the call that runs.
	params       []Param
	fresh        float32
	spans        []span
	update, swap func(lo, hi int)
}

// NewEMA starts an average of the weights of params. With warmup the rate of
// decay at update t, from 0, is the smaller of decay and (1 + t)/(10 + t)
// (TensorFlow's ExponentialMovingAverage with num_updates), so that the average
// soon forgets the weights it started from.
func NewEMA(decay float64, warmup bool, params []Param) (*EMA, error) {
	if !(decay >= 0 && decay < 1) {
		return nil, fmt.Errorf("optimizer.ema: is %g, want at least 0 and less than 1", decay)
	}
	if err := describe(params); err != nil {
		return nil, fmt.Errorf("ema: %w", err)
	}
	e := &EMA{decay: decay, warmup: warmup, spans: cutWeights(params)}
	for i := range params {
		p := &params[i]
		e.paths = append(e.paths, p.Path)
		e.shapes = append(e.shapes, slices.Clone(p.Shape))
		a := mem.Floats(len(p.W))
		copy(a, p.W)
		e.averages = append(e.averages, a)
	}
	e.update, e.swap = e.updateSpans, e.swapSpans
	return e, nil
}

// Update takes the weights as they are after a step into the average. params are
// those of NewEMA, in the same order.
func (e *EMA) Update(params []Param) {
	decay := e.decay
	if e.warmup {
		decay = min(decay, float64(1+e.updates)/float64(10+e.updates))
	}
	e.updates++
	e.fresh = float32(1 - decay)
	e.run(params, e.update)
}

// Swap exchanges the weights for their averages, in place: once before an
// evaluation and once after it. Nothing may be updated or saved between the two.
func (e *EMA) Swap(params []Param) { e.run(params, e.swap) }

func (e *EMA) run(params []Param, f func(lo, hi int)) {
	if len(params) != len(e.paths) {
		panic(fmt.Sprintf("optim: %d parameters for an average of %d", len(params), len(e.paths)))
	}
	for i := range params {
		if p := &params[i]; p.Path != e.paths[i] || len(p.W) != len(e.averages[i]) {
			panic(fmt.Sprintf("optim: parameter %d is %s with %d weights, its average is of %s with %d", i, p.Path, len(p.W), e.paths[i], len(e.averages[i])))
		}
	}
	e.params = params
	par.For(len(e.spans), 1, f)
	e.params = nil
}

func (e *EMA) updateSpans(lo, hi int) {
	// The difference is taken first, so that weights which stand still are their
	// average to the last bit; a block of it stays on the stack.
	var block [1024]float32
	for _, s := range e.spans[lo:hi] {
		w, a := e.params[s.param].W[s.lo:s.hi], e.averages[s.param][s.lo:s.hi]
		for len(w) > 0 {
			n := min(len(w), len(block))
			vec.Sub(block[:n], w[:n], a[:n])
			vec.Axpy(a[:n], e.fresh, block[:n])
			w, a = w[n:], a[n:]
		}
	}
}

func (e *EMA) swapSpans(lo, hi int) {
	for _, s := range e.spans[lo:hi] {
		w, a := e.params[s.param].W[s.lo:s.hi], e.averages[s.param][s.lo:s.hi]
		for i, x := range w {
			w[i], a[i] = a[i], x
		}
	}
}

// State is the averages, each by the path of its parameter, and the count of
// updates, (), as "ema/updates". The arrays are the average's own memory.
func (e *EMA) State() []checkpoints.Array {
	state := []checkpoints.Array{{Name: "ema/updates", I64: []int64{e.updates}}}
	for i, path := range e.paths {
		state = append(state, checkpoints.Array{Name: path, Shape: e.shapes[i], F32: e.averages[i]})
	}
	return state
}

// Load sets the averages to what State gave, and copies them. On an error, which
// says what does not fit, nothing has changed.
func (e *EMA) Load(state []checkpoints.Array) error {
	want := e.State()
	given, err := matched(want, state)
	if err == nil && given[0].I64[0] < 0 {
		err = errors.New("ema/updates: is below 0")
	}
	if err != nil {
		return fmt.Errorf("averages of the weights: %w", err)
	}
	for i := 1; i < len(want); i++ {
		copy(want[i].F32, given[i].F32)
	}
	e.updates = given[0].I64[0]
	return nil
}
