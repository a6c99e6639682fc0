package graph

import (
	G "gorgonia.org/gorgonia"

	"x2vec/graph/ops"
)

// A Field is the part of a picture that one place of a map depends on, in rows and
// columns: that at place p begins at pixel Start + p·Stride, and is Size pixels long.
// It may reach beyond the picture, where there is padding.
type Field struct {
	Start, Stride, Size [2]int
}

// At is where the field of a place begins and ends, the end not included, in rows or
// columns (axis 0 or 1).
func (f Field) At(place, axis int) (from, to int) {
	from = f.Start[axis] + place*f.Stride[axis]
	return from, from + f.Size[axis]
}

// Field is the receptive field of a tapped map, (B, H, W, C), over an input of pictures,
// (B, C, H, W). ok is false where a value may depend on all of the picture, or is no
// map. The statistics of a group norm, which do depend on all, are left out of account.
func (p *Program) Field(tap, input string) (f Field, ok bool) {
	for _, t := range p.b.taps {
		if t.Name == tap && t.Node.Dims() == 4 {
			s := fields{p: p, input: p.b.nodes[input], known: map[*G.Node]seen{}}
			r := s.of(t.Node)
			return r.Field, r.part
		}
	}
	return Field{}, false
}

// seen is what a node depends on of the input: nothing, all of it, or a part.
type seen struct {
	Field
	any, part bool
}

type fields struct {
	p     *Program
	input *G.Node
	known map[*G.Node]seen
}

func (s *fields) of(n *G.Node) seen {
	if n == s.input {
		one := [2]int{1, 1}
		return seen{Field{Stride: one, Size: one}, true, n.Dims() == 4}
	}
	if r, ok := s.known[n]; ok {
		return r
	}
	var all []seen
	var from []*G.Node
	for children := s.p.b.g.From(n.ID()); children.Next(); {
		c := children.Node().(*G.Node)
		if r := s.of(c); r.any {
			all, from = append(all, r), append(from, c)
		}
	}
	var r seen
	for i, one := range all {
		if one.part {
			one.Field, one.part = through(n, from[i], one.Field)
		}
		if i == 0 {
			r = one
		} else {
			r.Field, r.part = both(r.Field, one.Field), r.part && one.part && r.Stride == one.Stride
		}
	}
	s.known[n] = r
	return r
}

// through is the field of an operation's output by that of its input; ok is false
// where it looks at all places.
func through(n, from *G.Node, f Field) (Field, bool) {
	op := ops.Of(n)
	if op == nil || n.Dims() != 4 {
		return f, false
	}
	var w ops.Window
	switch k := op.Kernel().(type) {
	case *ops.Conv2D:
		w = k.Window
	case *ops.MaxPool2D:
		w = k.Window
	case *ops.AvgPool2D:
		w = k.Window
	case *ops.ToChannelsLast:
		return f, true
	case *ops.Reshape: // grey pictures have their one channel last as well as first
		a, b := from.Shape(), n.Shape()
		return f, len(a) == 4 && a[1] == 1 && a[2] == b[1] && a[3] == b[2]
	default: // what keeps the size of a map looks at each place by itself
		a, b := from.Shape(), n.Shape()
		return f, len(a) == 4 && a[1] == b[1] && a[2] == b[2]
	}
	for i := range 2 {
		span := max(w.Dilation[i], 1) * (w.Kernel[i] - 1)
		f.Start[i] -= w.Pad[i] * f.Stride[i]
		f.Size[i] += span * f.Stride[i]
		f.Stride[i] *= w.Stride[i]
	}
	return f, true
}

// both is the smallest field that holds two of the same stride.
func both(a, b Field) Field {
	for i := range 2 {
		end := max(a.Start[i]+a.Size[i], b.Start[i]+b.Size[i])
		a.Start[i] = min(a.Start[i], b.Start[i])
		a.Size[i] = end - a.Start[i]
	}
	return a
}
