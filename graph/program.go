package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/mem"
)

// An Input is one array that a program reads at every run.
type Input struct {
	Name  string
	Ints  bool // integers instead of float32
	Shape []int
}

// Size is the number of values.
func (in Input) Size() int { return tensor.Shape(in.Shape).TotalSize() }

// A Program is a compiled graph: built once, run many times. It owns the
// buffers of all its operations, so that a run after the first ones allocates
// next to nothing. A Program is not safe for use by several goroutines; it
// spreads its own work over all threads.
type Program struct {
	b       *builder
	machine G.VM
	loss    *G.Node
	grads   []Gradient
	gradsAt []*G.Node
	random  []stepper
	bound   *Feed
	engine  *engine
	ran     bool
}

type stepper struct {
	stream string
	k      ops.Stepper
}

// A Gradient is that of the loss by one trained parameter, valid from one run
// to the next.
type Gradient struct {
	Param *Param
	// Data has the parameter's shape, but for a table of which a step reads a few
	// rows (Rows is not nil): then it has one row for each of Rows.
	Data []float32
	Rows []int
}

// RowsGrad is a kernel whose gradient for an input holds some rows only.
type RowsGrad interface{ Rows() []int }

// RowsOfGrad is a kernel whose gradients for several inputs hold some rows only,
// and a number of them that differs from step to step.
type RowsOfGrad interface{ RowsOf(input int) []int }

// Mode says what a program is compiled for.
type Mode int

const (
	// Eval runs forward only: nothing is dropped, statistics are the kept ones.
	Eval Mode = iota
	// Train runs forward and backward.
	Train
)

// Compile builds the graph and readies it. build returns the loss, a scalar; in
// Eval mode it may return nil where only taps are wanted. In that mode operations share
// their memory: of activations the taps alone can be read after a run. An error carries the
// path of the place in the model.
func Compile(ps *Params, mode Mode, build func(s *Scope) *G.Node) (*Program, error) {
	// Two nodes whose 32-bit hashes collide would be merged into one by the
	// compiler. With a fresh salt all hashes change; three tries in a row failing
	// has a chance of about 1e-12.
	var err error
	for salt := uint64(0); salt < 3; salt++ {
		var p *Program
		if p, err = compile(ps, mode, salt, build); err == nil || !errors.Is(err, errCollision) {
			return p, err
		}
	}
	return nil, err
}

var errCollision = errors.New("two nodes of the graph have one hash")

func compile(ps *Params, mode Mode, salt uint64, build func(s *Scope) *G.Node) (p *Program, err error) {
	b := &builder{g: G.NewGraph(), params: ps, train: mode == Train, salt: salt,
		nodes: map[string]*G.Node{}, byPath: map[string]*weight{}, need: map[*G.Node]bool{}, from: map[*ops.Op][]*ops.Op{}}
	p = &Program{b: b, engine: &engine{}}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(r)
			}
			p, err = nil, f.err
		}
	}()
	p.loss = build(&Scope{b: b})

	if mode == Train {
		if err := p.differentiate(); err != nil {
			return nil, err
		}
	} else {
		p.share()
	}
	seen := map[uint32]bool{}
	for _, n := range b.g.AllNodes() {
		if h := n.Hashcode(); seen[h] {
			return nil, fmt.Errorf("%v: %w", n, errCollision)
		} else {
			seen[h] = true
		}
	}
	times := map[string]int{}
	for _, op := range b.applied {
		if k, ok := op.Kernel().(ops.Stepper); ok {
			// An encoder that is applied to two views draws for each of them.
			stream := fmt.Sprintf("%s#%d", op.Path(), times[op.Path()])
			times[op.Path()]++
			p.random = append(p.random, stepper{stream, k})
		}
	}
	prog, places, err := G.Compile(b.g)
	if err != nil {
		return nil, err
	}
	p.machine = G.NewTapeMachine(b.g, G.WithPrecompiled(prog, places), G.WithEngine(p.engine))
	return p, nil
}

// share lets activations that nothing needs any more make room for others: in evaluation
// no gradient will ask for them. The taps, the loss, and what a stock operation reads are
// kept.
func (p *Program) share() {
	kept := map[*ops.Op]bool{}
	keep := func(n *G.Node) {
		if n != nil && ops.Of(n) != nil {
			kept[ops.Of(n)] = true
		}
	}
	keep(p.loss)
	for _, t := range p.b.taps {
		keep(t.Node)
	}
	for _, n := range p.b.g.AllNodes() {
		if ops.Of(n) != nil {
			continue
		}
		for children := p.b.g.From(n.ID()); children.Next(); {
			keep(children.Node().(*G.Node))
		}
	}
	ops.Share(p.b.applied, p.b.from, kept)
}

func (p *Program) differentiate() error {
	if p.loss == nil {
		return errors.New("the model gives no loss to train on")
	}
	if !p.loss.IsScalar() {
		return fmt.Errorf("the loss has shape %v; it must be a scalar", p.loss.Shape())
	}
	var wrt G.Nodes
	var idle []string
	used := ancestors(p.b.g, p.loss)
	for _, w := range p.b.weights {
		switch {
		case !w.p.Trained():
		case !used[w.node]:
			idle = append(idle, w.p.Path)
		default:
			wrt = append(wrt, w.node)
			p.grads = append(p.grads, Gradient{Param: w.p})
		}
	}
	switch {
	case len(idle) > 0:
		return fmt.Errorf("the loss does not depend on %s", strings.Join(idle, ", "))
	case len(wrt) == 0:
		return errors.New("the model has no parameter to train")
	}
	var err error
	if p.gradsAt, err = G.Grad(p.loss, wrt...); err != nil {
		return fmt.Errorf("differentiating the loss: %w", err)
	}
	return nil
}

// ancestors are the nodes that n is computed from, n included.
func ancestors(g *G.ExprGraph, n *G.Node) map[*G.Node]bool {
	seen := map[*G.Node]bool{n: true}
	for todo := []*G.Node{n}; len(todo) > 0; {
		children := g.From(todo[len(todo)-1].ID())
		todo = todo[:len(todo)-1]
		for children.Next() {
			if c := children.Node().(*G.Node); !seen[c] {
				seen[c] = true
				todo = append(todo, c)
			}
		}
	}
	return seen
}

// Inputs lists what has to be fed, in the order in which the model asked.
func (p *Program) Inputs() []Input { return slices.Clone(p.b.inputs) }

// A Feed is one set of input arrays of a program. Several feeds of one program
// let a loader fill the next batch while another one is being trained on.
type Feed struct {
	// F and I are the arrays by input name, row-major.
	F map[string][]float32
	I map[string][]int

	tensors map[string]*tensor.Dense
}

// NewFeed makes a Feed with room for every input.
func (p *Program) NewFeed() *Feed { return NewFeed(p.b.inputs) }

// NewFeed makes a Feed for those inputs.
func NewFeed(inputs []Input) *Feed {
	f := &Feed{F: map[string][]float32{}, I: map[string][]int{}, tensors: map[string]*tensor.Dense{}}
	for _, in := range inputs {
		var t *tensor.Dense
		if in.Ints {
			t = tensor.New(tensor.Of(tensor.Int), tensor.WithShape(in.Shape...))
			f.I[in.Name] = t.Ints()
		} else {
			f.F[in.Name] = mem.Floats(in.Size())
			t = tensor.New(tensor.WithShape(in.Shape...), tensor.WithBacking(f.F[in.Name]))
		}
		f.tensors[in.Name] = t
	}
	return f
}

// Run feeds the graph and runs it, forward and, in a training program,
// backward. step is the number of the training step: random operations draw
// from (seed, their place in the model, step).
func (p *Program) Run(feed *Feed, step int) error {
	if feed != p.bound {
		for _, in := range p.b.inputs {
			t := feed.tensors[in.Name]
			if t == nil {
				return fmt.Errorf("the batch has no %q", in.Name)
			}
			if err := G.Let(p.b.nodes[in.Name], t); err != nil {
				return fmt.Errorf("input %q: %w", in.Name, err)
			}
		}
		p.bound = feed
	}
	for _, r := range p.random {
		r.k.SetKey(draw.Key(p.b.params.seed, r.stream, 0, step))
	}
	// Reset before and not after: until the next run the values can be read.
	if p.ran {
		p.machine.Reset()
	}
	p.ran = true
	p.engine.reset()
	if err := p.machine.RunAll(); err != nil {
		return runError(err)
	}
	for i := range p.grads {
		if err := p.readGradient(i); err != nil {
			return err
		}
	}
	return nil
}

// runError drops what Gorgonia's machine wraps around an operation's error.
func runError(err error) error {
	for {
		inner := err
		switch e := err.(type) {
		case interface{ Err() error }: // the machine's own, with the instruction
			inner = e.Err()
		case interface{ Cause() error }: // github.com/pkg/errors
			inner = e.Cause()
		}
		if inner == nil || inner == err {
			return err
		}
		err = inner
	}
}

func (p *Program) readGradient(i int) error {
	n := p.gradsAt[i]
	if k, in, ok := ops.Picked(n); ok {
		g := &p.grads[i]
		g.Data = k.Gradient(in)
		switch r := k.Kernel().(type) {
		case RowsGrad:
			g.Rows = r.Rows()
		case RowsOfGrad:
			if g.Rows = r.RowsOf(in); g.Rows != nil {
				g.Data = g.Data[:len(g.Rows)*(len(g.Param.Data)/g.Param.Shape[0])]
			}
		}
		return nil
	}
	t, ok := n.Value().(*tensor.Dense)
	if !ok {
		return fmt.Errorf("%s: gradient is a %T", p.grads[i].Param.Path, n.Value())
	}
	p.grads[i].Data = t.Float32s()
	return nil
}

// Loss is that of the last run.
func (p *Program) Loss() float32 {
	if f, ok := p.loss.Value().(*G.F32); ok {
		return float32(*f)
	}
	return ops.Of(p.loss).Output()[0]
}

// Gradients are those of the last run, one for each trained parameter, in the
// order in which the model made them. The memory belongs to the program.
func (p *Program) Gradients() []Gradient { return p.grads }

// A View is an activation after a run. Data belongs to the program and holds
// until its next run.
type View struct {
	Name  string
	Shape []int
	Data  []float32
}

// Taps lists the named activations of the model, in the order of the forward
// pass.
func (p *Program) Taps() []string {
	var names []string
	for _, t := range p.b.taps {
		names = append(names, t.Name)
	}
	return names
}

// Tap returns a named activation of the last run.
func (p *Program) Tap(name string) (View, bool) {
	for _, t := range p.b.taps {
		if t.Name == name {
			return View{name, []int(t.Node.Shape()), ops.Of(t.Node).Output()}, true
		}
	}
	return View{}, false
}

// Params is the store of the model's arrays.
func (p *Program) Params() *Params { return p.b.params }

// Bytes is the memory of the program's own buffers: outputs and gradients of
// its operations, without what a kernel keeps for itself; of an evaluation program, whose
// operations share it, what it has come to in the runs so far.
func (p *Program) Bytes() int64 {
	var n int64
	for _, op := range p.b.applied {
		if bytes, ok := op.Shared(); ok {
			return bytes
		}
		n += op.Bytes()
	}
	return n
}

// Close frees the machine.
func (p *Program) Close() error { return p.machine.Close() }
