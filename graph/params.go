package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops/mem"
)

// A Param is one array of a model that outlives a step: a weight that is
// trained, or a buffer that is only kept (running statistics, a codebook).
type Param struct {
	// Path names it in the model and in the checkpoint: encoder/fc0/weight.
	Path string
	// Shape is PyTorch's: (out, in) for a linear weight.
	Shape []int
	// Data is the array, row-major. Programs read it in place: what is written
	// here is what the next run sees.
	Data []float32
	// Buffer marks an array that no gradient trains.
	Buffer bool
	// Frozen weights get no gradient either; finetuning sets this.
	Frozen bool

	value *tensor.Dense
}

// Trained reports whether the optimizer moves this parameter.
func (p *Param) Trained() bool { return !p.Buffer && !p.Frozen }

// Gain reports whether this is a bias or the gain of a norm: an array of rank
// one, which weight decay usually leaves alone.
func (p *Param) Gain() bool { return len(p.Shape) <= 1 }

// Params holds the arrays of a model by path. Several programs (training,
// evaluation, other batch sizes) share one Params: the first one that names a
// parameter makes it, the others find it.
type Params struct {
	seed   uint64
	list   []*Param
	byPath map[string]*Param
	values int // of all arrays
}

// maxValues bounds the values of a model, 16 GiB: a slip of the keyboard must not take
// all memory of the machine, and has a sentence for it.
const maxValues = 1 << 32

// NewParams makes an empty store. Initial weights are drawn from the seed and
// the path of the parameter alone, so that adding a layer changes no other.
func NewParams(seed uint64) *Params {
	return &Params{seed: seed, byPath: map[string]*Param{}}
}

// All lists the parameters in the order in which the model made them.
func (ps *Params) All() []*Param { return slices.Clone(ps.list) }

// Trained lists the parameters that the optimizer moves.
func (ps *Params) Trained() []*Param {
	var t []*Param
	for _, p := range ps.list {
		if p.Trained() {
			t = append(t, p)
		}
	}
	return t
}

// Get returns the parameter with that path, or nil.
func (ps *Params) Get(path string) *Param { return ps.byPath[path] }

// Count is the number of trained values.
func (ps *Params) Count() int {
	n := 0
	for _, p := range ps.Trained() {
		n += len(p.Data)
	}
	return n
}

// An Init fills the initial values of a parameter of that shape.
type Init func(r *draw.Rand, shape []int, w []float32)

// Constant starts a parameter at one value.
func Constant(v float32) Init {
	return func(_ *draw.Rand, _ []int, w []float32) {
		for i := range w {
			w[i] = v
		}
	}
}

func (ps *Params) obtain(path string, init Init, buffer bool, shape []int) (*Param, error) {
	if p := ps.byPath[path]; p != nil {
		if !slices.Equal(p.Shape, shape) {
			return nil, fmt.Errorf("has shape %v elsewhere and %v here", p.Shape, shape)
		}
		return p, nil
	}
	for _, d := range shape {
		if d < 1 {
			return nil, fmt.Errorf("has shape %v; every size must be at least 1", shape)
		}
	}
	n := 1
	for _, d := range shape {
		if d > (maxValues-ps.values)/n {
			return nil, fmt.Errorf("has shape %v, which is too large: the parameters made before it have %d values, and those of a model are at most %d", shape, ps.values, maxValues)
		}
		n *= d
	}
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(mem.Floats(n)))
	ps.values += n
	p := &Param{Path: path, Shape: slices.Clone(shape), Data: v.Float32s(), Buffer: buffer, value: v}
	r := draw.New(draw.Key(ps.seed, "init/"+path, 0, 0))
	init(r, shape, p.Data)
	ps.list = append(ps.list, p)
	ps.byPath[path] = p
	return p, nil
}

// node makes the parameter a leaf of a graph.
func (p *Param) node(g *G.ExprGraph, name string) *G.Node {
	return G.NewTensor(g, tensor.Float32, len(p.Shape),
		G.WithShape(p.Shape...), G.WithName(name), G.WithValue(p.value))
}
