package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/vec"
)

// Upsample makes pictures (B, H, W, C) larger by whole factors: each pixel
// repeated, or, with Bilinear, a mean of the nearest four by their distance. The
// centres of the pixels are what is spread (PyTorch's align_corners=False).
type Upsample struct {
	Factor   [2]int // rows, columns
	Bilinear bool

	pooling
	rows, cols []between
}

// between is a place between two pixels, or on the first one.
type between struct {
	a, b int
	wb   float32 // weight of b; that of a is 1 − wb
}

// Name implements Kernel.
func (k *Upsample) Name() string { return "upsample" }

// Shape implements Kernel.
func (k *Upsample) Shape(in []tensor.Shape) (s tensor.Shape, err error) {
	if k.Factor[0] < 1 || k.Factor[1] < 1 {
		return nil, fmt.Errorf("factor is %v; want at least 1", k.Factor)
	}
	if k.batch, k.src, err = pictures(in[0]); err != nil {
		return nil, err
	}
	k.dst = picture{k.src.h * k.Factor[0], k.src.w * k.Factor[1], k.src.c}
	k.rows, k.cols = k.places(k.src.h, k.Factor[0]), k.places(k.src.w, k.Factor[1])
	k.forward, k.backward = k.forwardPictures, k.backwardPictures
	return k.dst.shape(k.batch), nil
}

// places says where the pixels of the result lie along n pixels.
func (k *Upsample) places(n, factor int) []between {
	p := make([]between, n*factor)
	for i := range p {
		p[i] = between{a: i / factor, b: i / factor}
		if at := (float64(i)+0.5)/float64(factor) - 0.5; k.Bilinear && at > 0 {
			p[i].a = int(at)
			p[i].b = min(n-1, p[i].a+1)
			p[i].wb = float32(at - float64(p[i].a))
		} else if k.Bilinear {
			p[i] = between{}
		}
	}
	return p
}

// corners are the four pixels that a result is made of, and their weights.
func (k *Upsample) corners(y, x between) (at [4]int, w [4]float32) {
	for i, r := range [2]int{y.a, y.b} {
		for j, c := range [2]int{x.a, x.b} {
			at[2*i+j] = (r*k.src.w + c) * k.src.c
		}
	}
	w = [4]float32{(1 - y.wb) * (1 - x.wb), (1 - y.wb) * x.wb, y.wb * (1 - x.wb), y.wb * x.wb}
	return at, w
}

func (k *Upsample) forwardPictures(lo, hi int) {
	c := k.src.c
	for i := lo; i < hi; i++ {
		x, y := k.in[0].F[i*k.src.size():][:k.src.size()], k.out[i*k.dst.size():][:k.dst.size()]
		for r, row := range k.rows {
			for q, col := range k.cols {
				at, w := k.corners(row, col)
				d := y[(r*k.dst.w+q)*c:][:c]
				vec.Scale(d, x[at[0]:at[0]+c], w[0])
				for n := 1; n < 4; n++ {
					if w[n] != 0 {
						vec.Axpy(d, w[n], x[at[n]:at[n]+c])
					}
				}
			}
		}
	}
}

func (k *Upsample) backwardPictures(lo, hi int) {
	c := k.src.c
	for i := lo; i < hi; i++ {
		dx, dy := k.din[0][i*k.src.size():][:k.src.size()], k.dout[i*k.dst.size():][:k.dst.size()]
		clear(dx)
		for r, row := range k.rows {
			for q, col := range k.cols {
				at, w := k.corners(row, col)
				for n := range at {
					if w[n] != 0 {
						vec.Axpy(dx[at[n]:at[n]+c], w[n], dy[(r*k.dst.w+q)*c:][:c])
					}
				}
			}
		}
	}
}
