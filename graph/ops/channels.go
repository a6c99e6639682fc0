package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
)

// ToChannelsLast turns pictures (B, C, H, W), as PyTorch and picture files have
// them, into (B, H, W, C), as convolutions here want them.
type ToChannelsLast struct{ flip }

// ToChannelsFirst turns (B, H, W, C) back into (B, C, H, W).
type ToChannelsFirst struct{ flip }

// Name implements Kernel.
func (k *ToChannelsLast) Name() string { return "to channels last" }

// Name implements Kernel.
func (k *ToChannelsFirst) Name() string { return "to channels first" }

// Shape implements Kernel.
func (k *ToChannelsLast) Shape(in []tensor.Shape) (tensor.Shape, error) {
	s := in[0]
	if s.Dims() != 4 {
		return nil, fmt.Errorf("input is %v; want pictures (B, C, H, W)", s)
	}
	k.begin(s[1], s[2]*s[3])
	return tensor.Shape{s[0], s[2], s[3], s[1]}, nil
}

// Shape implements Kernel.
func (k *ToChannelsFirst) Shape(in []tensor.Shape) (tensor.Shape, error) {
	b, p, err := pictures(in[0])
	if err != nil {
		return nil, err
	}
	k.begin(p.h*p.w, p.c)
	return tensor.Shape{b, p.c, p.h, p.w}, nil
}

// flip transposes the matrix (rows, cols) of every example.
type flip struct {
	rows, cols int

	call
	forward, backward func(lo, hi int)
}

func (k *flip) begin(rows, cols int) {
	k.rows, k.cols = rows, cols
	k.forward = func(lo, hi int) { flipAll(k.out, k.in[0].F, lo, hi, k.rows, k.cols) }
	k.backward = func(lo, hi int) { flipAll(k.din[0], k.dout, lo, hi, k.cols, k.rows) }
}

// Grads implements Kernel.
func (k *flip) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *flip) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	n := k.rows * k.cols
	par.For(len(out)/n, max(1, elements/n), k.forward)
	k.call = call{}
}

// Backward implements Kernel.
func (k *flip) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	n := k.rows * k.cols
	par.For(len(out)/n, max(1, elements/n), k.backward)
	k.call = call{}
}

// flipAll transposes examples lo to hi-1, (rows, cols) each in src.
func flipAll(dst, src []float32, lo, hi, rows, cols int) {
	n := rows * cols
	for i := lo; i < hi; i++ {
		d, s := dst[i*n:(i+1)*n], src[i*n:(i+1)*n]
		if rows < 8 { // colours: a few planes
			for r := range rows {
				to := d[r:]
				for x, v := range s[r*cols : (r+1)*cols] {
					to[x*rows] = v
				}
			}
			continue
		}
		if cols < 8 {
			for c := range cols {
				to, from := d[c*rows:(c+1)*rows], s[c:]
				for x := range to {
					to[x] = from[x*cols]
				}
			}
			continue
		}
		// In squares of 16: a line of the cache each way.
		for r := 0; r < rows; r += 16 {
			for c := 0; c < cols; c += 16 {
				for x := c; x < min(cols, c+16); x++ {
					to := d[x*rows+r : x*rows+min(rows, r+16)]
					from := s[r*cols+x:]
					for y := range to {
						to[y] = from[y*cols]
					}
				}
			}
		}
	}
}
