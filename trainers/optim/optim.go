// Package optim moves weights: optimizers with their state, clipping by the
// global norm, accumulation of gradients, averages of weights, and schedules of
// the learning rate.
//
// Formulas, names and default values are those of torch.optim. One step of
// training is
//
//	sum, full := gradients.Add(params)
//	norm := gradients.Norm()
//	optimizer.Step(sum, lr, gradients.Scale(norm, clip))
//	average.Update(params)
//
// of which the first line alone runs for every batch and the others when full is
// true. All work is spread over par.For in chunks of a fixed size, and sums are
// taken in the order of the chunks: a result never depends on the number of
// threads. After the first step nothing is allocated, but for tables whose
// batches touch more rows than before.
package optim

import (
	"fmt"
	"math"

	"x2vec/checkpoints"
)

// A Param is one array of weights with its gradient.
type Param struct {
	// Path names it in the model and in the checkpoint: encoder/fc0/weight.
	Path string
	// Shape of W; the optimizer's state for it has the same one.
	Shape []int
	// W are the weights, changed in place.
	W []float32
	// G is their gradient, len(W) values. Nil means none this time: then nothing
	// happens to the weights or their state.
	G []float32
	// Rows is set where the gradient is that of a few rows of a table (Shape[0]
	// of them): G then has one row for each of Rows, and rows named twice count
	// as their sum. All other rows, and the state that belongs to them, are left
	// entirely alone: no decay of weights or of running means reaches them
	// (PyTorch's SparseAdam). The count of steps is that of the optimizer.
	Rows []int
	// Decay says whether weight decay applies. Weights it does not apply to are
	// also left out of LARS's layer-wise rates.
	Decay bool
	// Factor multiplies the learning rate, for layers that are to move slower or
	// faster than the rest; 0 stands for 1.
	Factor float32

	merged bool // Rows are known to be distinct
}

// rate is the learning rate of this parameter.
func (p *Param) rate(lr float32) float64 {
	if p.Factor == 0 {
		return float64(lr)
	}
	return float64(lr) * float64(p.Factor)
}

// width is the number of values in a row of a table.
func (p *Param) width() int { return len(p.W) / p.Shape[0] }

// An Optimizer changes weights by their gradients and keeps what it must
// remember between steps. It is for use by one goroutine; it spreads its own work
// over all threads.
type Optimizer interface {
	// Step makes one step at learning rate lr for gradients that are to be
	// multiplied by scale (1 where they are meant as they are). params are those
	// given to New, in the same order; G and Rows may be others at each step.
	Step(params []Param, lr, scale float32)

	// State is all that Load needs to go on as if nothing had happened. The
	// arrays are the optimizer's own memory: they are written or copied before
	// the next step.
	State() []checkpoints.Array

	// Load sets the state to what State gave, and copies it. On an error, which
	// says what does not fit, nothing has changed.
	Load(state []checkpoints.Array) error
}

// check panics where the gradient of a parameter cannot be one: a fault of the
// program, never of data.
func (p *Param) check() {
	if p.Rows == nil {
		if p.G != nil && len(p.G) != len(p.W) {
			panic(fmt.Sprintf("optim: %s: gradient of %d values for %d weights", p.Path, len(p.G), len(p.W)))
		}
		return
	}
	if len(p.G) != len(p.Rows)*p.width() {
		panic(fmt.Sprintf("optim: %s: gradient of %d values for %d rows of %d", p.Path, len(p.G), len(p.Rows), p.width()))
	}
	for _, r := range p.Rows {
		if uint(r) >= uint(p.Shape[0]) {
			panic(fmt.Sprintf("optim: %s: gradient for row %d of %d", p.Path, r, p.Shape[0]))
		}
	}
}

// describe says what is wrong with the parameters of a model.
func describe(params []Param) error {
	seen := make(map[string]bool, len(params))
	for i := range params {
		p := &params[i]
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		switch {
		case p.Path == "":
			return fmt.Errorf("parameter %d has no path", i)
		case seen[p.Path]:
			return fmt.Errorf("%s: is there twice", p.Path)
		case len(p.W) == 0 || n != len(p.W):
			return fmt.Errorf("%s: shape %v for %d weights", p.Path, p.Shape, len(p.W))
		case p.Rows != nil && len(p.Shape) == 0:
			return fmt.Errorf("%s: a single number has no rows", p.Path)
		case !(p.Factor >= 0 && p.Factor <= math.MaxFloat32):
			return fmt.Errorf("%s: factor of the learning rate is %g, want at least 0", p.Path, p.Factor)
		}
		seen[p.Path] = true
	}
	return nil
}
