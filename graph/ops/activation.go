package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// A Func is an elementwise function between layers. Formulas and sources stand
// with the kernels in package vec.
type Func int

// The functions.
const (
	Identity Func = iota
	ReLU
	LeakyReLU
	ELU
	GELU     // exact, by erf
	GELUTanh // the approximation by tanh
	SiLU
	Softplus
	Tanh
	Sigmoid
	funcs // their number
)

var funcNames = [funcs]string{"none", "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "softplus", "tanh", "sigmoid"}

// Funcs lists all functions.
func Funcs() []Func {
	all := make([]Func, funcs)
	for i := range all {
		all[i] = Func(i)
	}
	return all
}

// String is the name used in run files.
func (f Func) String() string {
	if f < 0 || f >= funcs {
		return fmt.Sprintf("function %d", int(f))
	}
	return funcNames[f]
}

// An Activation is a function with its parameter. The zero value is none.
type Activation struct {
	Func  Func
	Slope float32 // of LeakyReLU below zero; the alpha of ELU
}

func (a Activation) check() error {
	if a.Func < 0 || a.Func >= funcs {
		return fmt.Errorf("there is no %s", a.Func)
	}
	return nil
}

// fromOutput reports whether the gradient needs the output alone. Then the input
// may be overwritten by it.
func (a Activation) fromOutput() bool {
	switch a.Func {
	case Identity, ReLU, Tanh, Sigmoid:
		return true
	case LeakyReLU:
		return a.Slope > 0 // the output has the sign of the input
	}
	return false
}

// apply writes dst = f(x). dst may be x.
func (a Activation) apply(dst, x []float32) {
	switch a.Func {
	case Identity:
		copy(dst, x)
	case ReLU:
		vec.ReLU(dst, x)
	case LeakyReLU:
		vec.LeakyReLU(dst, x, a.Slope)
	case ELU:
		vec.ELU(dst, x, a.Slope)
	case GELU:
		vec.GELU(dst, x)
	case GELUTanh:
		vec.GELUTanh(dst, x)
	case SiLU:
		vec.SiLU(dst, x)
	case Softplus:
		vec.Softplus(dst, x)
	case Tanh:
		vec.Tanh(dst, x)
	case Sigmoid:
		vec.Sigmoid(dst, x)
	}
}

// grad writes dx = dy·f′, with x the input and y the output; x is not looked at
// if fromOutput.
func (a Activation) grad(dx, dy, x, y []float32) {
	switch a.Func {
	case Identity:
		copy(dx, dy)
	case ReLU:
		vec.ReLUGrad(dx, dy, y)
	case LeakyReLU:
		if a.fromOutput() {
			x = y
		}
		vec.LeakyReLUGrad(dx, dy, x, a.Slope)
	case ELU:
		vec.ELUGrad(dx, dy, x, a.Slope)
	case GELU:
		vec.GELUGrad(dx, dy, x)
	case GELUTanh:
		vec.GELUTanhGrad(dx, dy, x)
	case SiLU:
		vec.SiLUGrad(dx, dy, x)
	case Softplus:
		vec.SoftplusGrad(dx, dy, x)
	case Tanh:
		vec.TanhGrad(dx, dy, y)
	case Sigmoid:
		vec.SigmoidGrad(dx, dy, y)
	}
}

// Activate applies an activation to x, of any shape. Behind a Linear, its own
// Act is faster.
type Activate struct {
	Act Activation

	call
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *Activate) Name() string { return k.Act.Func.String() }

// Shape implements Kernel.
func (k *Activate) Shape(in []tensor.Shape) (tensor.Shape, error) {
	k.forward, k.backward = k.forwardPart, k.backwardPart
	return in[0].Clone(), k.Act.check()
}

// Grads implements Kernel.
func (k *Activate) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Activate) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(len(out), elements, k.forward)
	k.call = call{}
}

func (k *Activate) forwardPart(lo, hi int) {
	k.Act.apply(k.out[lo:hi], k.in[0].F[lo:hi])
}

// Backward implements Kernel.
func (k *Activate) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(len(out), elements, k.backward)
	k.call = call{}
}

func (k *Activate) backwardPart(lo, hi int) {
	k.Act.grad(k.din[0][lo:hi], k.dout[lo:hi], k.in[0].F[lo:hi], k.out[lo:hi])
}
