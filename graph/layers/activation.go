package layers

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"x2vec/data/naming"
	"x2vec/graph"
	"x2vec/graph/ops"
)

// Activation returns the activation of that name with PyTorch's parameters: a
// slope of 0.01 for leaky_relu, an alpha of 1 for elu.
func Activation(name string) (ops.Activation, error) {
	for _, f := range ops.Funcs() {
		if f.String() == name {
			switch f {
			case ops.LeakyReLU:
				return ops.Activation{Func: f, Slope: 0.01}, nil
			case ops.ELU:
				return ops.Activation{Func: f, Slope: 1}, nil
			}
			return ops.Activation{Func: f}, nil
		}
	}
	known := Activations()
	return ops.Activation{}, fmt.Errorf("is %q, want one of %s%s", name, strings.Join(known, ", "), naming.Hint(name, known))
}

// Activations lists the names that Activation accepts.
func Activations() []string {
	var names []string
	for _, f := range ops.Funcs() {
		names = append(names, f.String())
	}
	return names
}

// Activate applies an activation to x, of any shape. Behind a Linear, the
// option Act is faster.
func Activate(s *graph.Scope, x *G.Node, a ops.Activation) *G.Node {
	if a.Func == ops.Identity {
		return x
	}
	return s.Apply(&ops.Activate{Act: a}, x)
}
