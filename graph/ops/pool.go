package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// pooling is what windows that keep the channels apart have in common: pictures
// (B, H, W, C) become (B, OH, OW, C), one picture at a time.
type pooling struct {
	batch    int
	src, dst picture

	call
	forward, backward func(lo, hi int)
}

// begin checks the input; padding of more than half a kernel would make windows
// of nothing.
func (k *pooling) begin(w Window, in tensor.Shape) (n Window, s tensor.Shape, err error) {
	if n, err = w.normal(); err != nil {
		return n, nil, err
	}
	if 2*n.Pad[0] > n.Kernel[0] || 2*n.Pad[1] > n.Kernel[1] {
		return n, nil, fmt.Errorf("padding is %v and kernel %v; want at most half of it", n.Pad, n.Kernel)
	}
	if k.batch, k.src, err = pictures(in); err != nil {
		return n, nil, err
	}
	k.dst.c = k.src.c
	if k.dst.h, k.dst.w, err = n.over(k.src.h, k.src.w); err != nil {
		return n, nil, err
	}
	return n, k.dst.shape(k.batch), nil
}

// Grads implements Kernel.
func (k *pooling) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *pooling) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(k.batch, max(1, elements/k.src.size()), k.forward)
	k.call = call{}
}

// Backward implements Kernel.
func (k *pooling) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.call = call{in, out, dout, din}
	par.For(k.batch, max(1, elements/k.src.size()), k.backward)
	k.call = call{}
}

// windows lists for each result of a picture where in it the pixels are that it
// sees: those of result i are list[from[i]:from[i+1]].
func (k *pooling) windows(w Window) (list, from []int) {
	from = []int{0}
	for oy := range k.dst.h {
		for ox := range k.dst.w {
			for a := range w.Kernel[0] {
				for b := range w.Kernel[1] {
					y, x := oy*w.Stride[0]-w.Pad[0]+a*w.Dilation[0], ox*w.Stride[1]-w.Pad[1]+b*w.Dilation[1]
					if y >= 0 && y < k.src.h && x >= 0 && x < k.src.w {
						list = append(list, (y*k.src.w+x)*k.src.c)
					}
				}
			}
			from = append(from, len(list))
		}
	}
	return list, from
}

// MaxPool2D is the largest value under each window; zeros of the padding do not
// count. The gradient goes to the first of equal ones, in reading order, as in
// PyTorch. A NaN under the window wins.
type MaxPool2D struct {
	Window

	pooling
	seen, from []int
	kept       bool
	winner     []int32 // where in its picture each result comes from
}

// Name implements Kernel.
func (k *MaxPool2D) Name() string { return "max pool" }

// Save implements Saver.
func (k *MaxPool2D) Save() { k.kept = true }

// Shape implements Kernel.
func (k *MaxPool2D) Shape(in []tensor.Shape) (tensor.Shape, error) {
	w, s, err := k.begin(k.Window, in[0])
	if err != nil {
		return nil, err
	}
	k.seen, k.from = k.windows(w)
	for i := range k.dst.h * k.dst.w {
		if k.from[i] == k.from[i+1] {
			return nil, fmt.Errorf("a window of kernel %v, dilation %v and padding %v sees nothing of %v", w.Kernel, w.Dilation, w.Pad, in[0])
		}
	}
	k.forward, k.backward = k.forwardPictures, k.backwardPictures
	return s, nil
}

func (k *MaxPool2D) forwardPictures(lo, hi int) {
	c := k.src.c
	for i := lo; i < hi; i++ {
		x, y := k.in[0].F[i*k.src.size():][:k.src.size()], k.out[i*k.dst.size():][:k.dst.size()]
		for o := range k.dst.h * k.dst.w {
			seen := k.seen[k.from[o]:k.from[o+1]]
			best := y[o*c : (o+1)*c]
			copy(best, x[seen[0]:])
			if !k.kept {
				for _, at := range seen[1:] {
					for j, v := range x[at : at+c] {
						if v > best[j] || v != v {
							best[j] = v
						}
					}
				}
				continue
			}
			won := k.winner[i*k.dst.size()+o*c:][:c]
			for j := range won {
				won[j] = int32(seen[0] + j)
			}
			for _, at := range seen[1:] {
				for j, v := range x[at : at+c] {
					if v > best[j] || v != v {
						best[j], won[j] = v, int32(at+j)
					}
				}
			}
		}
	}
}

// Forward implements Kernel.
func (k *MaxPool2D) Forward(in []Arg, out []float32) {
	if k.kept && k.winner == nil {
		k.winner = make([]int32, len(out))
	}
	k.pooling.Forward(in, out)
}

func (k *MaxPool2D) backwardPictures(lo, hi int) {
	for i := lo; i < hi; i++ {
		dx := k.din[0][i*k.src.size():][:k.src.size()]
		clear(dx)
		n := k.dst.size()
		won := k.winner[i*n : (i+1)*n]
		for j, d := range k.dout[i*n : (i+1)*n] {
			dx[won[j]] += d
		}
	}
}

// AvgPool2D is the mean of the values under each window, the zeros of the padding
// among them (PyTorch's count_include_pad); with OnlyReal, of those of the picture.
type AvgPool2D struct {
	Window
	OnlyReal bool

	pooling
	seen, from []int
	taps       int
}

// Name implements Kernel.
func (k *AvgPool2D) Name() string { return "average pool" }

// Shape implements Kernel.
func (k *AvgPool2D) Shape(in []tensor.Shape) (tensor.Shape, error) {
	w, s, err := k.begin(k.Window, in[0])
	if err != nil {
		return nil, err
	}
	if w.Dilation != [2]int{1, 1} {
		return nil, fmt.Errorf("dilation is %v; a mean has none", w.Dilation)
	}
	k.seen, k.from = k.windows(w)
	k.taps = w.taps()
	k.forward, k.backward = k.forwardPictures, k.backwardPictures
	return s, nil
}

// share is the weight of each value under a window that sees n of the picture.
func (k *AvgPool2D) share(n int) float32 {
	if k.OnlyReal {
		return 1 / float32(n)
	}
	return 1 / float32(k.taps)
}

func (k *AvgPool2D) forwardPictures(lo, hi int) {
	c := k.src.c
	for i := lo; i < hi; i++ {
		x, y := k.in[0].F[i*k.src.size():][:k.src.size()], k.out[i*k.dst.size():][:k.dst.size()]
		for o := range k.dst.h * k.dst.w {
			seen, sum := k.seen[k.from[o]:k.from[o+1]], y[o*c:(o+1)*c]
			clear(sum)
			for _, at := range seen {
				vec.Add(sum, sum, x[at:at+c])
			}
			vec.Scale(sum, sum, k.share(len(seen)))
		}
	}
}

func (k *AvgPool2D) backwardPictures(lo, hi int) {
	c := k.src.c
	for i := lo; i < hi; i++ {
		dx, dy := k.din[0][i*k.src.size():][:k.src.size()], k.dout[i*k.dst.size():][:k.dst.size()]
		clear(dx)
		for o := range k.dst.h * k.dst.w {
			seen := k.seen[k.from[o]:k.from[o+1]]
			for _, at := range seen {
				vec.Axpy(dx[at:at+c], k.share(len(seen)), dy[o*c:(o+1)*c])
			}
		}
	}
}

// GlobalAvgPool is the mean of each channel over its picture: (B, H, W, C) to (B, C).
type GlobalAvgPool struct {
	pooling
}

// Name implements Kernel.
func (k *GlobalAvgPool) Name() string { return "global average pool" }

// Shape implements Kernel.
func (k *GlobalAvgPool) Shape(in []tensor.Shape) (s tensor.Shape, err error) {
	if k.batch, k.src, err = pictures(in[0]); err != nil {
		return nil, err
	}
	k.forward, k.backward = k.forwardPictures, k.backwardPictures
	return tensor.Shape{k.batch, k.src.c}, nil
}

func (k *GlobalAvgPool) forwardPictures(lo, hi int) {
	c, pixels := k.src.c, k.src.h*k.src.w
	for i := lo; i < hi; i++ {
		y := k.out[i*c : (i+1)*c]
		clear(y)
		vec.ColSum(y, k.in[0].F[i*k.src.size():(i+1)*k.src.size()], pixels, c)
		vec.Scale(y, y, 1/float32(pixels))
	}
}

func (k *GlobalAvgPool) backwardPictures(lo, hi int) {
	c, pixels := k.src.c, k.src.h*k.src.w
	for i := lo; i < hi; i++ {
		for p := range pixels {
			vec.Scale(k.din[0][(i*pixels+p)*c:][:c], k.dout[i*c:(i+1)*c], 1/float32(pixels))
		}
	}
}
