package optim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// New makes the optimizer of o for the parameters of a model, with the state of
// one that has not made a step. Gradients in params are not looked at.
func New(o Options, params []Param) (Optimizer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := describe(params); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	m, err := find(o.Type)
	if err != nil {
		return nil, err
	}
	e := &engine{o: o, rule: m.rule(o, len(params)), kept: make([]kept, len(params)), merge: newMerger(params)}
	var start float32
	e.names, start = e.rule.arrays()
	for i := range params {
		p := &params[i]
		k := kept{path: p.Path, shape: slices.Clone(p.Shape), size: len(p.W)}
		for j := range e.names {
			k.arrays[j] = mem.Floats(len(p.W))
			vec.Fill(k.arrays[j], start)
		}
		e.kept[i] = k
	}
	if o.Type == "lars" {
		e.layers = &layers{w: make([]float64, len(params)), g: make([]float64, len(params)), spans: cutWeights(params)}
		e.layers.ofW = newNorms(func(s span) []float32 { return e.params[s.param].W[s.lo:s.hi] })
		e.layers.ofG = newNorms(func(s span) []float32 { return gradient(&e.params[s.param], s) })
	}
	e.parallel = e.steps
	return e, nil
}

// kept is what the optimizer remembers of a parameter.
type kept struct {
	path   string
	shape  []int
	size   int
	late   int64 // steps before its first gradient: those in which it was frozen
	arrays [2][]float32
}

// layers holds the norms of each parameter and of its gradient.
type layers struct {
	w, g     []float64
	spans    []span // of all weights
	ofW, ofG *norms
}

// engine is every Optimizer: it walks over the parameters and leaves the
// arithmetic to a rule.
type engine struct {
	o      Options
	rule   rule
	names  []string // of the arrays in kept
	kept   []kept
	taken  int64 // steps
	layers *layers
	merge  *merger

	// Of the step that runs.
	params   []Param
	spans    []span
	parallel func(lo, hi int)
}

// Step implements Optimizer.
func (e *engine) Step(params []Param, lr, scale float32) {
	if len(params) != len(e.kept) {
		panic(fmt.Sprintf("optim: %d parameters at a step, %d at the start", len(params), len(e.kept)))
	}
	for i := range params {
		if p, k := &params[i], &e.kept[i]; p.Path != k.path || len(p.W) != k.size {
			panic(fmt.Sprintf("optim: parameter %d is %s with %d weights, at the start it was %s with %d", i, p.Path, len(p.W), k.path, k.size))
		}
		params[i].check()
	}
	e.params = e.merge.rows(params)
	e.spans = cut(e.spans, e.params)
	if l := e.layers; l != nil {
		l.ofW.each(l.spans, l.w)
		l.ofG.each(e.spans, l.g)
	}
	e.taken++
	for i := range e.params {
		p, k := &e.params[i], &e.kept[i]
		if p.G == nil && p.Rows == nil {
			if k.late == e.taken-1 {
				k.late = e.taken
			}
			continue
		}
		u := update{t: int(e.taken - k.late), lr: p.rate(lr), scale: float64(scale), adapt: p.Decay}
		if p.Decay {
			u.decay = e.o.WeightDecay
		}
		if e.layers != nil {
			u.w, u.g = e.layers.w[i], e.layers.g[i]*math.Abs(u.scale)
		}
		e.rule.prepare(i, u)
	}
	par.For(len(e.spans), 1, e.parallel)
	e.params = nil
}

// steps makes the step on some spans.
func (e *engine) steps(lo, hi int) {
	for _, s := range e.spans[lo:hi] {
		p, a := &e.params[s.param], &e.kept[s.param].arrays
		if p.Rows == nil {
			e.rule.apply(s.param, p.W[s.lo:s.hi], p.G[s.lo:s.hi], part(a[0], s.lo, s.hi), part(a[1], s.lo, s.hi))
			continue
		}
		n := p.width()
		for i := s.lo; i < s.hi; i++ {
			at := p.Rows[i] * n
			e.rule.apply(s.param, p.W[at:at+n], p.G[i*n:(i+1)*n], part(a[0], at, at+n), part(a[1], at, at+n))
		}
	}
}

// part is x[lo:hi], or nil where there is no x.
func part(x []float32, lo, hi int) []float32 {
	if x == nil {
		return nil
	}
	return x[lo:hi]
}

// State implements Optimizer: TYPE/step, (), and for each array of the rule and
// each parameter TYPE/ARRAY/PATH, of the parameter's shape; where parameters were
// frozen at first, also TYPE/late, (parameters), for how many steps.
func (e *engine) State() []checkpoints.Array {
	state := e.state()
	late, any := make([]int64, len(e.kept)), false
	for i, k := range e.kept {
		late[i], any = k.late, any || k.late > 0
	}
	if any {
		state = append(state, checkpoints.Array{Name: e.late(), Shape: []int{len(late)}, I64: late})
	}
	return state
}

func (e *engine) late() string { return e.o.Type + "/late" }

// state is State without what only some have.
func (e *engine) state() []checkpoints.Array {
	state := []checkpoints.Array{{Name: e.o.Type + "/step", I64: []int64{e.taken}}}
	for j, name := range e.names {
		for i := range e.kept {
			k := &e.kept[i]
			state = append(state, checkpoints.Array{Name: e.o.Type + "/" + name + "/" + k.path, Shape: k.shape, F32: k.arrays[j]})
		}
	}
	return state
}

// Load implements Optimizer.
func (e *engine) Load(state []checkpoints.Array) error {
	want, late := e.state(), make([]int64, len(e.kept))
	if at := slices.IndexFunc(state, func(a checkpoints.Array) bool { return a.Name == e.late() }); at >= 0 {
		if given := state[at].I64; len(given) != len(late) || slices.Min(given) < 0 {
			return fmt.Errorf("optimizer state: %s: want %d numbers of at least 0", e.late(), len(late))
		}
		copy(late, state[at].I64)
		state = slices.Delete(slices.Clone(state), at, at+1)
	}
	given, err := matched(want, state)
	if err != nil {
		if other := typeOf(state); other != "" && other != e.o.Type {
			return fmt.Errorf("optimizer state: it is that of %s, this run's optimizer is %s", other, e.o.Type)
		}
		return fmt.Errorf("optimizer state: %w", err)
	}
	taken := given[0].I64[0]
	if taken < 0 {
		return fmt.Errorf("optimizer state: %s: is %d, want at least 0", want[0].Name, taken)
	}
	for i := 1; i < len(want); i++ {
		copy(want[i].F32, given[i].F32)
	}
	for i := range e.kept {
		e.kept[i].late = min(late[i], taken)
	}
	e.taken = taken
	return nil
}

// typeOf is the type of the optimizer that a state is of, by its counter.
func typeOf(state []checkpoints.Array) string {
	for _, a := range state {
		if name, ok := strings.CutSuffix(a.Name, "/step"); ok && a.I64 != nil && slices.Contains(Names(), name) {
			return name
		}
	}
	return ""
}

// matched finds the arrays of a state, in the order in which they are wanted, and
// says all that does not fit.
func matched(want, have []checkpoints.Array) ([]checkpoints.Array, error) {
	if err := checkpoints.Match(want, have).Err(); err != nil {
		return nil, err
	}
	byName := make(map[string]checkpoints.Array, len(have))
	for _, a := range have {
		byName[a.Name] = a
	}
	found := make([]checkpoints.Array, len(want))
	var errs []error
	for i, w := range want {
		a := byName[w.Name]
		if a.DType() != w.DType() || a.Len() != w.Len() {
			errs = append(errs, fmt.Errorf("%s: has %d values of type %s, want %d of %s", w.Name, a.Len(), a.DType(), w.Len(), w.DType()))
		}
		found[i] = a
	}
	return found, errors.Join(errs...)
}
