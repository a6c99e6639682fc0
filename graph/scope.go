// Package graph builds and runs models: a Scope names what a model is made of
// while its Gorgonia graph is built, a Program runs the graph many times.
package graph

import (
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/graph/ops"
)

// A Scope is a place in a model under construction. It makes parameters,
// inputs and operations whose paths begin with its own, so that a layer need
// not know where it stands:
//
//	h := layers.Linear(s.In("encoder"), "fc0", x, 512) // encoder/fc0/weight, (B, 512)
//
// A fault (a shape that does not fit, a name used twice) ends the building; the
// error carries the path and comes out of Compile. No function of a Scope
// returns after a fault, so models need no error handling of their own.
type Scope struct {
	b    *builder
	path string
}

// builder is what all scopes of one graph share.
type builder struct {
	g      *G.ExprGraph
	params *Params
	train  bool
	salt   uint64
	ids    uint64

	inputs  []Input
	nodes   map[string]*G.Node // inputs by name
	weights []*weight          // in the order of first use
	byPath  map[string]*weight
	taps    []Tap
	applied []*ops.Op
	from    map[*ops.Op][]*ops.Op // those whose outputs each one reads
	need    map[*G.Node]bool      // whether a node has a gradient
}

type weight struct {
	p    *Param
	node *G.Node
}

// A Tap is a named activation, or a figure such as a part of the loss.
type Tap struct {
	Name string
	Node *G.Node
}

// fault carries a building error up to Compile.
type fault struct{ err error }

// Fail ends the building with an error at this place.
func (s *Scope) Fail(format string, args ...any) {
	where := s.path
	if where == "" {
		where = "model"
	}
	panic(fault{fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...))})
}

// In returns the scope of a part of the model. A name of several steps
// ("block3/attn") is allowed.
func (s *Scope) In(name string) *Scope {
	if name == "" || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") {
		s.Fail("%q is not a name for a part of a model", name)
	}
	return &Scope{s.b, s.join(name)}
}

func (s *Scope) join(name string) string {
	if s.path == "" {
		return name
	}
	return s.path + "/" + name
}

// Path is where the scope stands.
func (s *Scope) Path() string { return s.path }

// Training reports whether the graph is built for training: dropout drops,
// batch norm uses the batch's own statistics.
func (s *Scope) Training() bool { return s.b.train }

// Param returns the parameter of that name here, made and drawn by init if no
// program had it before.
func (s *Scope) Param(name string, init Init, shape ...int) *G.Node {
	return s.array(name, init, false, shape)
}

// Buffer is Param for an array that is kept with the model but not trained.
func (s *Scope) Buffer(name string, init Init, shape ...int) *G.Node {
	return s.array(name, init, true, shape)
}

// Frozen reports whether the array of that name here is there and is frozen.
func (s *Scope) Frozen(name string) bool {
	p := s.b.params.Get(s.join(name))
	return p != nil && p.Frozen
}

// BufferData is the memory of a buffer, for a kernel that updates it.
func (s *Scope) BufferData(name string) []float32 {
	p := s.b.params.Get(s.join(name))
	if p == nil || !p.Buffer {
		s.Fail("no buffer %q here", name)
	}
	return p.Data
}

func (s *Scope) array(name string, init Init, buffer bool, shape []int) *G.Node {
	at := s.In(name)
	if w := s.b.byPath[at.path]; w != nil {
		if !slices.Equal(w.p.Shape, shape) {
			at.Fail("is used with shape %v and with %v", w.p.Shape, shape)
		}
		return w.node // shared on purpose: an encoder applied to two views
	}
	p, err := s.b.params.obtain(at.path, init, buffer, shape)
	if err != nil {
		at.Fail("%w", err)
	}
	w := &weight{p, p.node(s.b.g, s.b.name("param", at.path))}
	s.b.weights = append(s.b.weights, w)
	s.b.byPath[at.path] = w
	s.b.need[w.node] = p.Trained()
	return w.node
}

// name makes a leaf's name unique in Gorgonia's eyes; the salt moves its hash.
func (b *builder) name(kind, path string) string {
	return fmt.Sprintf("%s %s #%d", kind, path, b.salt)
}

// Input declares a float32 input of the graph. Its name is the same wherever
// in the model it is asked for; asking again for the same shape gives the same
// node.
func (s *Scope) Input(name string, shape ...int) *G.Node {
	return s.input(name, tensor.Float32, shape)
}

// Ints declares an input of integers: labels, indices, token ids.
func (s *Scope) Ints(name string, shape ...int) *G.Node {
	return s.input(name, tensor.Int, shape)
}

func (s *Scope) input(name string, dt tensor.Dtype, shape []int) *G.Node {
	b := s.b
	if n := b.nodes[name]; n != nil {
		if !slices.Equal([]int(n.Shape()), shape) || n.Dtype() != dt {
			s.Fail("input %q is asked for as %v%v and as %v%v", name, n.Dtype(), n.Shape(), dt, shape)
		}
		return n
	}
	if len(shape) == 0 || slices.Min(shape) < 1 {
		s.Fail("input %q has shape %v; every size must be at least 1", name, shape)
	}
	n := G.NewTensor(b.g, dt, len(shape), G.WithShape(shape...), G.WithName(b.name("input", name)))
	b.nodes[name] = n
	b.inputs = append(b.inputs, Input{Name: name, Ints: dt == tensor.Int, Shape: slices.Clone(shape)})
	b.need[n] = false
	return n
}

// Apply puts a fused operation into the graph.
func (s *Scope) Apply(k ops.Kernel, in ...*G.Node) *G.Node {
	need := make([]bool, len(in))
	for i, n := range in {
		if n == nil {
			s.Fail("%s: input %d is missing", k.Name(), i)
		}
		d, known := s.b.need[n]
		need[i] = s.b.train && (d || !known) // a stock op's output may depend on anything
	}
	s.b.ids++
	id := s.b.salt<<32 | s.b.ids
	n, err := ops.Apply(id, s.path, k, need, in...)
	if err != nil {
		s.Fail("%w", err)
	}
	op := ops.Of(n)
	s.b.applied = append(s.b.applied, op)
	for _, n := range in {
		if reads := ops.Of(n); reads != nil {
			s.b.from[op] = append(s.b.from[op], reads)
		}
	}
	s.b.need[n] = op.NeedsGrad()
	return n
}

// Tap names an activation, so that it can be read after a run, probed and
// looked into. It returns the node. Where an encoder is applied to several views
// the same names come again: the last view's are kept.
func (s *Scope) Tap(name string, n *G.Node) *G.Node {
	at := s.In(name)
	if ops.Of(n) == nil {
		at.Fail("only the output of a fused operation can be tapped")
	}
	for i, t := range s.b.taps {
		if t.Name == at.path {
			s.b.taps[i].Node = n
			return n
		}
	}
	s.b.taps = append(s.b.taps, Tap{at.path, n})
	return n
}
