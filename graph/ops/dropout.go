package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops/par"
)

// Dropout sets each value to zero with chance P and divides the others by the
// chance to be kept (Srivastava et al. 2014, JMLR 15, section 10: inverted
// dropout). It belongs in training programs only.
//
// Which values are dropped is a function of the step's key and the value's
// index: nothing is kept for the gradient, which draws again. A draw has 16 bits,
// so that P is rounded to a multiple of 2⁻¹⁶; the division is by what is left of
// the rounded one.
type Dropout struct {
	P float32 // 0 ≤ P < 1

	key       uint64
	threshold int32 // draws below it are dropped
	scale     float32

	dst, src []float32 // of the loop that runs
	part     func(lo, hi int)
}

const dropoutDraws = 1 << 16

// Name implements Kernel.
func (k *Dropout) Name() string { return "dropout" }

// SetKey implements Stepper.
func (k *Dropout) SetKey(key uint64) { k.key = key }

// Shape implements Kernel.
func (k *Dropout) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if !(k.P >= 0 && k.P < 1) {
		return nil, fmt.Errorf("p is %v, want 0 to below 1", k.P)
	}
	k.threshold = min(int32(math.Round(float64(k.P)*dropoutDraws)), dropoutDraws-1)
	k.scale = dropoutDraws / float32(dropoutDraws-k.threshold)
	k.part = k.mask
	return in[0].Clone(), nil
}

// Grads implements Kernel.
func (k *Dropout) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Dropout) Forward(in []Arg, out []float32) { k.apply(out, in[0].F) }

// Backward implements Kernel.
func (k *Dropout) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		k.apply(din[0], dout)
	}
}

func (k *Dropout) apply(dst, src []float32) {
	k.dst, k.src = dst, src
	par.For(len(dst), elements, k.part) // elements is a multiple of 4, as mask wants
	k.dst, k.src = nil, nil
}

// mask takes four values from one draw. Which are kept is decided without a
// branch: a processor would guess it wrong half of the time.
func (k *Dropout) mask(lo, hi int) {
	dst, src := k.dst[lo:hi], k.src[lo:hi]
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		h := draw.At(k.key, uint64(lo+i)/4)
		d, s := dst[i:i+4:i+4], src[i:i+4:i+4]
		d[0] = k.keep(h, s[0])
		d[1] = k.keep(h>>16, s[1])
		d[2] = k.keep(h>>32, s[2])
		d[3] = k.keep(h>>48, s[3])
	}
	for ; i < len(dst); i++ {
		h := draw.At(k.key, uint64(lo+i)/4)
		dst[i] = k.keep(h>>(16*uint((lo+i)%4)), src[i])
	}
}

// keep is x·scale, or 0 where the lowest 16 bits of h are below the threshold.
func (k *Dropout) keep(h uint64, x float32) float32 {
	kept := (k.threshold - 1 - int32(h&(dropoutDraws-1))) >> 31 // all ones, or 0
	return math.Float32frombits(math.Float32bits(x*k.scale) & uint32(kept))
}
