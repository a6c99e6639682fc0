package nets

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
)

func init() {
	Register("mlp", func() Encoder {
		return &MLP{Hidden: []int{512, 256}, Code: 32, Activation: "relu"}
	})
}

// MLP is a multilayer perceptron: the values of an example as one row, hidden
// layers with an activation, and a linear code. With no hidden layer it is the
// linear encoder.
//
// Decode mirrors it: the hidden layers in reverse, then a linear output.
type MLP struct {
	Hidden     []int   `toml:"hidden"`     // widths of the hidden layers, from the input on; may be empty
	Code       int     `toml:"code"`       // width of the code
	Activation string  `toml:"activation"` // of the hidden layers; layers.Activations lists them
	LayerNorm  bool    `toml:"layer_norm"` // before each activation
	Dropout    float32 `toml:"dropout"`    // chance of each hidden value to be dropped in training; 0 to below 1
}

// What a run file can ask for is bounded: a slip of the keyboard must not take
// all memory of the machine.
const (
	maxWidth   = 1 << 20 // of a layer
	maxValues  = 1 << 28 // of an example
	maxWeights = 1 << 31 // of encoder and decoder each: 8 GiB, and twice that for Adam
)

// Check implements Encoder.
func (e *MLP) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, h := range e.Hidden {
		if h < 1 || h > maxWidth {
			bad("hidden[%d]: is %d, want 1 to %d", i, h, maxWidth)
		}
	}
	if e.Code < 1 || e.Code > maxWidth {
		bad("code: is %d, want 1 to %d", e.Code, maxWidth)
	}
	if _, err := layers.Activation(e.Activation); err != nil {
		bad("activation: %w", err)
	}
	if !(e.Dropout >= 0 && e.Dropout < 1) { // NaN too
		bad("dropout: is %v, want 0 to below 1", e.Dropout)
	}
	if n := size(shape); n < 1 || n > maxValues {
		bad("an example of shape %v has %d values, an mlp takes 1 to %d", shape, n, maxValues)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	weights, in := 0, size(shape)
	for i, h := range append(slices.Clone(e.Hidden), e.Code) {
		if weights += in * h; weights > maxWeights {
			return fmt.Errorf("hidden, code: layer fc%d of %d to %d values brings the encoder to %d weights, want at most %d", i, in, h, weights, maxWeights)
		}
		in = h
	}
	return nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// CodeSize implements Encoder.
func (e *MLP) CodeSize([]int) int { return e.Code }

// Encode implements Encoder. The parameters are fc0/weight, fc0/bias and so on,
// the code's last; the taps fc0 … and code.
func (e *MLP) Encode(s *graph.Scope, x *G.Node) *G.Node {
	x = layers.Flatten(s, x)                              // (B, D)
	return s.Tap("code", e.stack(s, x, e.Hidden, e.Code)) // (B, Code)
}

// Decode implements Mirrored.
func (e *MLP) Decode(s *graph.Scope, code *G.Node, shape []int) *G.Node {
	hidden := slices.Clone(e.Hidden)
	slices.Reverse(hidden)
	y := e.stack(s, code, hidden, size(shape)) // (B, D)
	return layers.Reshape(s, y, append([]int{code.Shape()[0]}, shape...)...)
}

// stack is a tapped layer for each of hidden and a linear one for out.
func (e *MLP) stack(s *graph.Scope, x *G.Node, hidden []int, out int) *G.Node {
	act, err := layers.Activation(e.Activation)
	if err != nil {
		s.Fail("activation: %w", err)
	}
	for i, h := range hidden {
		name := fmt.Sprintf("fc%d", i)
		if e.LayerNorm {
			x = layers.Linear(s, name, x, h) // (B, h)
			x = layers.LayerNorm(s, fmt.Sprintf("norm%d", i), x)
			x = layers.Activate(s, x, act)
		} else {
			x = layers.Linear(s, name, x, h, layers.Act(act)) // (B, h)
		}
		x = layers.Dropout(s.In(name), x, e.Dropout)
		s.Tap(name, x)
	}
	return layers.Linear(s, fmt.Sprintf("fc%d", len(hidden)), x, out) // (B, out)
}

var _ Mirrored = (*MLP)(nil)
