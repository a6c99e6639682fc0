package ops

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// backward computes all gradients of an Op and returns a token.
type backward struct{ op *Op }

func (b *backward) Do(in ...G.Value) (v G.Value, err error) {
	op := b.op
	defer op.guard(&err)
	op.allocateGrads()
	n := len(op.in)
	if err := op.load(in[:n]); err != nil {
		return nil, err
	}
	var dout []float32
	switch t := in[n+1].(type) {
	case *tensor.Dense:
		dout = t.Float32s()
	case *G.F32:
		dout = scalarData(t)
	default:
		return nil, fmt.Errorf("gradient of %s: is a %T", op, t)
	}
	op.kernel.Backward(op.args, op.outF, dout, op.gradF)
	return &op.token, nil
}

func (b *backward) Type() hm.Type {
	out := typeOf(len(b.op.shape), false)
	return hm.NewFnType(append(b.op.inTypes(), out, out, tensor.Float32)...)
}

func (b *backward) Arity() int            { return len(b.op.in) + 2 }
func (b *backward) ReturnsPtr() bool      { return false }
func (b *backward) CallsExtern() bool     { return false }
func (b *backward) OverwritesInput() int  { return -1 }
func (b *backward) WriteHash(h hash.Hash) { fmt.Fprintf(h, "x2vec/%d/backward", b.op.id) }
func (b *backward) Hashcode() uint32      { return hashOf(b) }
func (b *backward) String() string        { return "gradient of " + b.op.String() }
func (b *backward) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return tensor.ScalarShape(), nil
}

// pick hands out the gradient of input i without copying it.
type pick struct {
	op *Op
	i  int
}

func (p *pick) Do(...G.Value) (G.Value, error) {
	if t := p.op.grads[p.i]; t != nil {
		return t, nil
	}
	return &p.op.scalars[p.i], nil
}

func (p *pick) Type() hm.Type {
	return hm.NewFnType(tensor.Float32, typeOf(p.op.gradShape(p.i).Dims(), false))
}

func (p *pick) InferShape(...G.DimSizer) (tensor.Shape, error) {
	return p.op.gradShape(p.i).Clone(), nil
}

func (p *pick) Arity() int            { return 1 }
func (p *pick) ReturnsPtr() bool      { return false }
func (p *pick) CallsExtern() bool     { return false }
func (p *pick) OverwritesInput() int  { return -1 }
func (p *pick) WriteHash(h hash.Hash) { fmt.Fprintf(h, "x2vec/%d/d%d", p.op.id, p.i) }
func (p *pick) Hashcode() uint32      { return hashOf(p) }
func (p *pick) String() string        { return fmt.Sprintf("gradient %d of %s", p.i, p.op) }
