package ops

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// views makes tensors of one shape over memory that belongs to others. What is
// fed may lie elsewhere at each run, in one of a loader's few slots, so the last
// tensors are kept.
type views struct {
	shape  tensor.Shape
	recent []*tensor.Dense
	next   int
}

// maxViews is more than a loader has slots.
const maxViews = 64

func (v *views) of(x G.Value) (*tensor.Dense, error) {
	t, ok := x.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("got a %T", x)
	}
	if t.RequiresIterator() {
		return nil, fmt.Errorf("got a slice of a tensor, whose values do not follow each other")
	}
	data := t.Float32s()
	for _, r := range v.recent {
		if d := r.Float32s(); &d[0] == &data[0] {
			return r, nil
		}
	}
	r := tensor.New(tensor.WithShape(v.shape...), tensor.WithBacking(data))
	if len(v.recent) < maxViews {
		v.recent = append(v.recent, r)
	} else {
		v.recent[v.next] = r
		v.next = (v.next + 1) % maxViews
	}
	return r, nil
}

// unview is the gradient of a view: the gradient of the output in the shape of
// the input.
type unview struct {
	op   *Op
	view *views
}

func (u *unview) Do(in ...G.Value) (v G.Value, err error) {
	defer u.op.guard(&err)
	t, err := u.view.of(in[0])
	if err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", u.op, err)
	}
	return t, nil
}

func (u *unview) Type() hm.Type {
	return hm.NewFnType(typeOf(u.op.shape.Dims(), false), typeOf(u.view.shape.Dims(), false))
}

func (u *unview) InferShape(...G.DimSizer) (tensor.Shape, error) { return u.view.shape.Clone(), nil }

func (u *unview) Arity() int            { return 1 }
func (u *unview) ReturnsPtr() bool      { return false }
func (u *unview) CallsExtern() bool     { return false }
func (u *unview) OverwritesInput() int  { return -1 }
func (u *unview) WriteHash(h hash.Hash) { fmt.Fprintf(h, "x2vec/%d/view", u.op.id) }
func (u *unview) Hashcode() uint32      { return hashOf(u) }
func (u *unview) String() string        { return "gradient of " + u.op.String() }

var _ G.Op = (*unview)(nil)
