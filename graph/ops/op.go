package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"runtime/debug"
	"unsafe"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"x2vec/graph/ops/mem"
)

// An Op is a kernel in a graph. How Gorgonia's TapeMachine treats it:
//
//   - Do returns the op's own tensor every time, so a step allocates nothing.
//     ReturnsPtr and CallsExtern are false and nothing is overwritten: then the
//     compiler gives the op a register of its own and never aliases it.
//   - There are no tuples in Gorgonia: the gradients come from one backward op
//     that computes them all into buffers of this Op and yields a token, and a
//     pick op per gradient that hands out its buffer. The edges
//     y → backward → pick give the order and keep y alive.
//   - Gorgonia merges nodes whose 32-bit hashes are equal, so every op carries
//     an identity of its own in its hash.
type Op struct {
	kernel Kernel
	id     uint64
	path   string
	need   []bool // which inputs get a gradient

	in    []tensor.Shape
	ints  []bool
	args  []Arg
	shape tensor.Shape

	out    *tensor.Dense
	scalar G.F32
	outF   []float32

	grads   []*tensor.Dense // nil for an input that is a scalar
	scalars []G.F32         // the gradients of those
	gradF   [][]float32
	token   G.F32

	view  *views // where the kernel is a Viewer
	lease *lease // where the output is in memory that others use too: see Share
}

// Apply puts a kernel into the graph of its inputs. id must be unique in the
// graph, path names the place in errors, and need says which of the inputs
// depend on a parameter.
func Apply(id uint64, path string, k Kernel, need []bool, in ...*G.Node) (*G.Node, error) {
	can := k.Grads()
	if len(can) != len(in) {
		return nil, fmt.Errorf("%s: got %d inputs, want %d", k.Name(), len(in), len(can))
	}
	ints := make([]bool, len(in))
	if x, ok := k.(Indexer); ok {
		copy(ints, x.Ints())
	}
	for i, n := range in {
		want := tensor.Float32
		if ints[i] {
			want = tensor.Int
		}
		if n.Dtype() != want {
			return nil, fmt.Errorf("%s: input %d is of type %v, want %v", k.Name(), i, n.Dtype(), want)
		}
	}
	op := &Op{ints: ints, kernel: k, id: id, path: path, need: make([]bool, len(in)), args: make([]Arg, len(in))}
	for i, n := range in {
		op.in = append(op.in, n.Shape().Clone())
		op.args[i].Shape = op.in[i]
		op.need[i] = can[i] && need[i] && !op.ints[i]
	}
	shape, err := k.Shape(op.in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name(), err)
	}
	op.shape = shape
	if _, ok := k.(Viewer); ok {
		op.view = &views{shape: shape}
	}
	return G.ApplyOp(op, in...)
}

// Of returns the Op of a node, or nil where the node is not one of ours.
func Of(n *G.Node) *Op {
	op, _ := n.Op().(*Op)
	return op
}

// Picked says which op's gradient, for which of its inputs, a node hands out;
// false where the node is anything else, such as a sum of two gradients.
func Picked(n *G.Node) (op *Op, input int, ok bool) {
	p, ok := n.Op().(*pick)
	if !ok {
		return nil, 0, false
	}
	return p.op, p.i, true
}

// Gradient is the buffer of the gradient of input i, valid after a run.
func (op *Op) Gradient(i int) []float32 { return op.gradF[i] }

// Kernel is what the op computes.
func (op *Op) Kernel() Kernel { return op.kernel }

// Path names the op's place in the model.
func (op *Op) Path() string { return op.path }

// NeedsGrad reports whether any input of the op has a gradient, and so whether
// its output depends on a parameter.
func (op *Op) NeedsGrad() bool {
	for _, n := range op.need {
		if n {
			return true
		}
	}
	return false
}

// Output is the op's own output, valid after a run: row-major, of Shape(). Of operations
// that share their memory it is that of the kept ones, and of those that none reads.
func (op *Op) Output() []float32 { return op.outF }

// Bytes is the memory of the op's output and gradient buffers. It is known once
// the graph is differentiated, before anything is allocated.
func (op *Op) Bytes() int64 {
	if op.view != nil {
		return 0
	}
	n := int64(size(op.shape))
	if op.grads != nil {
		for i, need := range op.need {
			if need {
				n += int64(size(op.gradShape(i)))
			}
		}
	}
	return 4 * n
}

func size(s tensor.Shape) int {
	if len(s) == 0 {
		return 1
	}
	return s.TotalSize()
}

// allocate makes the output buffer at the first run and not while the graph is
// built, so that looking at a graph costs no memory.
func (op *Op) allocate() {
	if op.outF != nil {
		return
	}
	if len(op.shape) == 0 {
		op.outF = scalarData(&op.scalar)
		return
	}
	if op.lease != nil {
		op.lease.allocate(op)
		return
	}
	op.out = tensor.New(tensor.WithShape(op.shape...), tensor.WithBacking(mem.Floats(size(op.shape))))
	op.outF = op.out.Float32s()
}

func (op *Op) allocateGrads() {
	if op.gradF != nil {
		return
	}
	op.gradF = make([][]float32, len(op.in))
	for i, need := range op.need {
		switch s := op.gradShape(i); {
		case !need:
		case len(s) == 0:
			op.gradF[i] = scalarData(&op.scalars[i])
		default:
			op.grads[i] = tensor.New(tensor.WithShape(s...), tensor.WithBacking(mem.Floats(size(s))))
			op.gradF[i] = op.grads[i].Float32s()
		}
	}
}

// scalarData is the memory of a scalar.
func scalarData(v *G.F32) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(v)), 1) }

func (op *Op) gradShape(i int) tensor.Shape {
	if gs, ok := op.kernel.(GradShaper); ok {
		if s := gs.GradShape(i); s != nil {
			return s
		}
	}
	return op.in[i]
}

// load points the kernel's arguments at this run's values.
func (op *Op) load(in []G.Value) error {
	for i, v := range in {
		a := &op.args[i]
		switch t := v.(type) {
		case *tensor.Dense:
			if op.ints[i] {
				a.I = t.Ints()
			} else {
				a.F = t.Float32s()
			}
		case *G.F32:
			a.F = scalarData(t)
		default:
			return fmt.Errorf("%s: input %d is a %T", op, i, v)
		}
	}
	return nil
}

// guard turns a panic into an error: the machine runs ops on a goroutine of its
// own, where a panic would end the process without a word.
func (op *Op) guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %v\n%s", op, r, debug.Stack())
	}
}

// Do implements G.Op.
func (op *Op) Do(in ...G.Value) (v G.Value, err error) {
	defer op.guard(&err)
	if op.view != nil {
		t, err := op.view.of(in[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		op.outF = t.Float32s()
		return t, nil
	}
	op.allocate()
	if err := op.load(in); err != nil {
		return nil, err
	}
	if c, ok := op.kernel.(Checker); ok {
		if err := c.Check(op.args); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	op.kernel.Forward(op.args, op.outF)
	if op.lease != nil {
		op.lease.ran()
	}
	if op.out == nil {
		return &op.scalar, nil
	}
	return op.out, nil
}

// Type implements G.Op. It builds a new type each time: Gorgonia gives the
// returned one back to a pool.
func (op *Op) Type() hm.Type {
	return hm.NewFnType(append(op.inTypes(), typeOf(len(op.shape), false))...)
}

func (op *Op) inTypes() []hm.Type {
	var t []hm.Type
	for i, s := range op.in {
		t = append(t, typeOf(s.Dims(), op.ints[i]))
	}
	return t
}

func typeOf(dims int, ints bool) hm.Type {
	var of hm.Type = tensor.Float32
	if ints {
		of = tensor.Int
	}
	if dims == 0 {
		return of
	}
	return G.TensorType{Dims: dims, Of: of}
}

// DiffWRT implements G.SDOp.
func (op *Op) DiffWRT(int) []bool { return op.need }

// SymDiff implements G.SDOp.
func (op *Op) SymDiff(in G.Nodes, out, grad *G.Node) (d G.Nodes, err error) {
	d = make(G.Nodes, len(in))
	if _, ok := op.kernel.(PassThrough); ok {
		for i, need := range op.need {
			if need {
				// The same node for each: two picks of one buffer would be two
				// registers over one memory.
				d[i] = grad
			}
		}
		return d, nil
	}
	if op.view != nil {
		d[0], err = G.ApplyOp(&unview{op, &views{shape: op.in[0]}}, grad)
		return d, err
	}
	if s, ok := op.kernel.(Saver); ok {
		s.Save()
	}
	op.grads = make([]*tensor.Dense, len(in))
	op.scalars = make([]G.F32, len(in))
	token, err := G.ApplyOp(&backward{op}, append(append(G.Nodes{}, in...), out, grad)...)
	if err != nil {
		return nil, err
	}
	for i, need := range op.need {
		if !need {
			continue
		}
		if d[i], err = G.ApplyOp(&pick{op, i}, token); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// InferShape implements G.Op.
func (op *Op) InferShape(...G.DimSizer) (tensor.Shape, error) {
	if len(op.shape) == 0 {
		return tensor.ScalarShape(), nil
	}
	return op.shape.Clone(), nil
}

func (op *Op) Arity() int            { return len(op.in) }
func (op *Op) ReturnsPtr() bool      { return false }
func (op *Op) CallsExtern() bool     { return false }
func (op *Op) OverwritesInput() int  { return -1 }
func (op *Op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "x2vec/%d", op.id) }
func (op *Op) Hashcode() uint32      { return hashOf(op) }
func (op *Op) String() string        { return op.path + ": " + op.kernel.Name() }

func hashOf(o interface{ WriteHash(hash.Hash) }) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

var (
	_ G.SDOp = (*Op)(nil)
	_ G.Op   = (*backward)(nil)
	_ G.Op   = (*pick)(nil)
)
