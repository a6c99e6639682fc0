package eval

import (
	"context"
	"math"
)

// A smooth function: it writes its gradient at x into g and returns its value.
type smooth func(x, g []float64) float64

// minimum is how minimize ended.
type minimum struct {
	f          float64
	iterations int
	// converged is false where the iterations ended before the value stood still.
	converged bool
}

// What the line search asks of a step (Nocedal and Wright 2006, "Numerical
// Optimization", equation 3.7), and how many steps L-BFGS remembers.
const (
	wolfeFall  = 1e-4 // of the value, as a share of what the slope promises
	wolfeSlope = 0.9  // of the slope that is left
	lbfgsMoves = 10
)

// minimize moves x to the minimum of f by L-BFGS (Liu and Nocedal 1989; Nocedal and
// Wright 2006, algorithms 7.4 and 7.5) with a line search for the strong Wolfe
// conditions. Nearly every step is taken at its first length, so that an iteration
// costs little more than one evaluation of f. It ends where no value of the gradient
// is above tolerance, where the value falls by less than a relative 1e-9 in each of 5
// iterations, or where rounding hides any fall. The error is that of the context, which
// is looked at before every evaluation of f.
func minimize(ctx context.Context, f smooth, x []float64, tolerance float64, iterations int) (minimum, error) {
	const still, stillFor = 1e-9, 5
	n := len(x)
	s := &lineSearch{ctx: ctx, f: f, x: x, at: make([]float64, n), grad: make([]float64, n), dir: make([]float64, n)}
	g := make([]float64, n)
	value := f(x, g)
	var moves []move
	quiet := 0
	for it := range iterations {
		if err := ended(ctx); err != nil {
			return minimum{}, err
		}
		Tell(ctx, "linear model", it, iterations, "iterations at most")
		if largestSize(g) <= tolerance {
			return minimum{value, it, true}, nil
		}
		direction(s.dir, g, moves)
		slope := dot(g, s.dir)
		if slope >= 0 { // rounding has spoilt what is remembered
			moves = moves[:0]
			direction(s.dir, g, nil)
			slope = dot(g, s.dir)
		}
		first := 1.0
		if len(moves) == 0 {
			first = 1 / math.Sqrt(-slope)
		}
		step, next, ok := s.search(value, slope, first)
		if err := ended(ctx); err != nil {
			return minimum{}, err
		}
		if !ok {
			return minimum{value, it, true}, nil
		}
		var m move
		if len(moves) == lbfgsMoves { // its memory is used again
			m = moves[0]
			moves = append(moves[:0], moves[1:]...)
		} else {
			m = move{make([]float64, n), make([]float64, n), 0}
		}
		for i := range x {
			m.x[i] = step * s.dir[i]
			m.g[i] = s.grad[i] - g[i]
			x[i] = s.at[i]
			g[i] = s.grad[i]
		}
		if m.curve = dot(m.x, m.g); m.curve > 0 {
			moves = append(moves, m)
		}
		if value-next <= still*math.Abs(value) {
			quiet++
		} else {
			quiet = 0
		}
		value = next
		if quiet == stillFor {
			return minimum{value, it + 1, true}, nil
		}
	}
	return minimum{value, iterations, largestSize(g) <= tolerance}, nil
}

// move is one step of L-BFGS: how x and the gradient changed, and their product.
type move struct {
	x, g  []float64
	curve float64
}

// direction writes minus the gradient times the inverse of the Hessian that the
// moves, the oldest first, stand for: the two loops of algorithm 7.4.
func direction(d, g []float64, moves []move) {
	for i, v := range g {
		d[i] = -v
	}
	if len(moves) == 0 {
		return
	}
	var alpha [lbfgsMoves]float64
	for i := len(moves) - 1; i >= 0; i-- {
		alpha[i] = dot(moves[i].x, d) / moves[i].curve
		addScaled(d, -alpha[i], moves[i].g)
	}
	last := moves[len(moves)-1]
	scale := last.curve / dot(last.g, last.g)
	for i := range d {
		d[i] *= scale
	}
	for i, m := range moves {
		addScaled(d, alpha[i]-dot(m.g, d)/m.curve, m.x)
	}
}

// lineSearch looks along dir from x. at and grad are the last point looked at.
type lineSearch struct {
	ctx           context.Context
	f             smooth
	x, dir        []float64
	at, grad      []float64
	value0, slope float64
}

// look evaluates at a step.
func (s *lineSearch) look(step float64) (value, slope float64) {
	for i, v := range s.x {
		s.at[i] = v + step*s.dir[i]
	}
	value = s.f(s.at, s.grad)
	return value, dot(s.grad, s.dir)
}

// point is a step with the value and the slope there.
type point struct{ step, value, slope float64 }

// search finds a step that satisfies the strong Wolfe conditions (algorithm 3.5), or
// says that there is none within rounding.
func (s *lineSearch) search(value, slope, first float64) (step, next float64, ok bool) {
	s.value0, s.slope = value, slope
	last := point{0, value, slope}
	const tries = 20
	for i, step := 0, first; i < tries && s.ctx.Err() == nil; i++ {
		v, d := s.look(step)
		p := point{step, v, d}
		switch {
		case math.IsNaN(v) || v > value+wolfeFall*step*slope || i > 0 && v >= last.value:
			return s.zoom(last, p)
		case math.Abs(d) <= -wolfeSlope*slope:
			return step, v, true
		case d >= 0:
			return s.zoom(p, last)
		}
		last = p
		step *= 4
	}
	return last.step, last.value, false
}

// zoom finds the step between two (algorithm 3.6): low has the lower value and its
// slope leads towards high.
func (s *lineSearch) zoom(low, high point) (step, next float64, ok bool) {
	const tries = 20
	for i := 0; i < tries && s.ctx.Err() == nil; i++ {
		at := cubic(low, high)
		v, d := s.look(at)
		p := point{at, v, d}
		if math.IsNaN(v) || v > s.value0+wolfeFall*at*s.slope || v >= low.value {
			high = p
			continue
		}
		if math.Abs(d) <= -wolfeSlope*s.slope {
			return at, v, true
		}
		if d*(high.step-low.step) >= 0 {
			high = low
		}
		low = p
	}
	return 0, 0, false
}

// cubic is the minimum of the cubic through two points and their slopes (equation
// 3.59), kept away from both ends.
func cubic(a, b point) float64 {
	at := math.NaN()
	if !math.IsNaN(b.value) {
		d1 := a.slope + b.slope - 3*(a.value-b.value)/(a.step-b.step)
		if q := d1*d1 - a.slope*b.slope; q >= 0 {
			d2 := math.Copysign(math.Sqrt(q), b.step-a.step)
			at = b.step - (b.step-a.step)*(b.slope+d2-d1)/(b.slope-a.slope+2*d2)
		}
	}
	lo, hi := min(a.step, b.step), max(a.step, b.step)
	if margin := 0.1 * (hi - lo); !(at >= lo+margin && at <= hi-margin) {
		return (lo + hi) / 2
	}
	return at
}

func dot(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// addScaled adds c·x to d.
func addScaled(d []float64, c float64, x []float64) {
	for i, v := range x {
		d[i] += c * v
	}
}

func largestSize(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}
