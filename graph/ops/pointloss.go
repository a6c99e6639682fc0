package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// An Error is the loss of one value y against its target t.
type Error int

// The errors.
const (
	Squared  Error = iota // (y − t)²
	Absolute              // |y − t|
	// BinaryCrossEntropy takes y for a logit and t in 0..1:
	// −t·log σ(y) − (1−t)·log(1−σ(y)) = log(1 + eʸ) − t·y
	BinaryCrossEntropy
)

func (e Error) String() string {
	return [...]string{"mean squared error", "mean absolute error", "binary cross-entropy"}[e]
}

// sum returns Σ error and writes d, its derivative by y (half of it, if Squared).
func (e Error) sum(d, y, t []float32) float64 {
	switch e {
	case Squared:
		return vec.SquaredError(d, y, t)
	case Absolute:
		return vec.AbsError(d, y, t)
	default:
		return vec.BCELogits(d, y, t)
	}
}

// PointLoss is the mean of an error over all values of y and t, of one shape: a
// scalar. The target gets its gradient too where it depends on a parameter.
//
// With Masked there is a third input, the weights w ≥ 0 of rows: its shape is
// how that of y begins, and a row is what is left. The loss is Σ w·mean(row) / Σ w,
// or 0 where all weights are (He et al. 2022, arXiv:2111.06377, section 3: the
// loss on masked patches only).
type PointLoss struct {
	Of     Error
	Masked bool

	rows, cols, chunk int
	sums, weights     []float64
	norm              float64 // what the sum is divided by

	call
	d                 []float32
	c                 float32
	forward, backward func(lo, hi int)
}

// Name implements Kernel.
func (k *PointLoss) Name() string { return k.Of.String() }

// Shape implements Kernel.
func (k *PointLoss) Shape(in []tensor.Shape) (tensor.Shape, error) {
	y, t := in[0], in[1]
	if !slices.Equal(y, t) || y.Dims() < 1 {
		return nil, fmt.Errorf("prediction is %v and target %v; want one shape", y, t)
	}
	k.rows, k.cols = y.TotalSize(), 1
	if k.Masked {
		w := in[2]
		if w.Dims() < 1 || w.Dims() > y.Dims() || !slices.Equal(w, y[:w.Dims()]) {
			return nil, fmt.Errorf("prediction is %v and mask %v; the one must begin as the other", y, w)
		}
		k.rows = w.TotalSize()
		k.cols = y.TotalSize() / k.rows
	}
	k.chunk = rowChunk(k.rows, k.cols)
	k.sums = make([]float64, parts(k.rows, k.chunk))
	k.weights = make([]float64, len(k.sums))
	k.forward, k.backward = k.forwardRows, k.backwardRows
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *PointLoss) Grads() []bool {
	if k.Masked {
		return []bool{true, true, false}
	}
	return []bool{true, true}
}

// Forward implements Kernel.
func (k *PointLoss) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	k.d = borrow(len(in[0].F))
	par.For(k.rows, k.chunk, k.forward)
	giveBack(k.d)
	k.norm = float64(len(in[0].F))
	if k.Masked {
		k.norm = total(k.weights) * float64(k.cols)
	}
	out[0] = 0
	if k.norm != 0 {
		out[0] = float32(total(k.sums) / k.norm)
	}
	k.call, k.d = call{}, nil
}

func (k *PointLoss) forwardRows(lo, hi int) {
	y, t := k.in[0].F, k.in[1].F
	if !k.Masked {
		k.sums[lo/k.chunk] = k.Of.sum(k.d[lo:hi], y[lo:hi], t[lo:hi])
		return
	}
	var sum, weight float64
	for r := lo; r < hi; r++ {
		if w := float64(k.in[2].F[r]); w != 0 {
			a, b := r*k.cols, (r+1)*k.cols
			sum += w * k.Of.sum(k.d[a:b], y[a:b], t[a:b])
			weight += w
		}
	}
	k.sums[lo/k.chunk], k.weights[lo/k.chunk] = sum, weight
}

// Backward implements Kernel.
func (k *PointLoss) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.call = call{in, out, dout, din}
	k.c = 0
	if k.norm != 0 {
		k.c = float32(float64(dout[0]) / k.norm)
	}
	if k.Of == Squared {
		k.c *= 2
	}
	par.For(k.rows, k.chunk, k.backward)
	k.call = call{}
}

func (k *PointLoss) backwardRows(lo, hi int) {
	if !k.Masked {
		k.gradient(lo, hi, k.c)
		return
	}
	for r := lo; r < hi; r++ {
		k.gradient(r*k.cols, (r+1)*k.cols, k.c*k.in[2].F[r])
	}
}

// gradient writes c times the derivatives by values a to b-1.
func (k *PointLoss) gradient(a, b int, c float32) {
	y, t := k.in[0].F[a:b], k.in[1].F[a:b]
	for i, d := range k.din[:2] {
		if d == nil {
			continue
		}
		d = d[a:b]
		switch {
		case c == 0:
			clear(d) // whatever stands under the mask, NaN too
		case i == 0:
			k.Of.sum(d, y, t)
			vec.Scale(d, d, c)
		case k.Of == BinaryCrossEntropy:
			vec.Scale(d, y, -c)
		default:
			k.Of.sum(d, y, t)
			vec.Scale(d, d, -c)
		}
	}
}
