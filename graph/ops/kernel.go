// Package ops turns kernels, plain functions on slices, into operations of a
// Gorgonia graph: forward, and one backward that yields all gradients at once.
//
// Every hot layer is one such fused op. The adapter in op.go is the only place
// that knows how Gorgonia's machine calls an operation; a kernel is a small
// struct with sizes, a Forward and a Backward, tested without any graph.
package ops

import "gorgonia.org/tensor"

// An Arg is one input of a kernel while it runs. F is set for float32 inputs,
// I for integer ones (indices, labels); both are row-major and belong to the
// graph: a kernel reads them and keeps no reference after it returns.
type Arg struct {
	F     []float32
	I     []int
	Shape tensor.Shape
}

// A Kernel is all that a new operation has to write.
//
// An instance serves one place in one graph: Shape is called once, before
// anything else, and may size the kernel's private memory (masks, means,
// probabilities), which then lives as long as the graph. Forward and Backward
// are called in turn, never at the same time.
type Kernel interface {
	// Name is the operation's name in errors: "linear", "layer norm".
	Name() string

	// Shape checks the shapes of the inputs and gives that of the output; an
	// empty shape is a scalar. Its error says what does not fit what.
	Shape(in []tensor.Shape) (tensor.Shape, error)

	// Grads says which inputs have a gradient at all. Targets, indices and masks
	// say false. An input that depends on no parameter gets none either way.
	Grads() []bool

	// Forward writes all of out. It may keep whatever Backward needs.
	Forward(in []Arg, out []float32)

	// Backward writes (does not add to) din[i] for every input that needs its
	// gradient; din[i] is nil for the others. in and out are those of the last
	// Forward, dout is the gradient of out.
	Backward(in []Arg, out, dout []float32, din [][]float32)
}

// An Indexer kernel has integer inputs. Ints says which, with a value for each
// input; kernels without it take float32 only.
type Indexer interface {
	Ints() []bool
}

// A Checker is a kernel that looks at its inputs before Forward, such as
// indices that must lie inside a table. Its error ends the run of the graph.
type Checker interface {
	Check(in []Arg) error
}

// A Stepper is a kernel that draws at random (dropout). The draw must be a
// function of the key alone; the program sets a new one before every run, made
// of the run's seed, the kernel's path and the step.
type Stepper interface {
	SetKey(key uint64)
}

// A PassThrough kernel has an output whose gradient is also that of each of its
// inputs, unchanged (a sum): no backward operation is made for it.
type PassThrough interface {
	PassThrough()
}

// A GradShaper gives input i a gradient of another shape than the input has:
// rows only for a table of which a step reads a few rows. Such an input must
// have one consumer in the graph.
type GradShaper interface {
	GradShape(i int) tensor.Shape
}

// A Saver is told while the graph is built that Backward will be called. A
// kernel that is not told (evaluation) need keep nothing for it.
type Saver interface {
	Save()
}

// A Viewer kernel has its input for an output, in another shape: the two share
// their memory, and so do their gradients. Forward and Backward are not called.
type Viewer interface {
	View()
}
