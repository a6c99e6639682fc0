package ops

import (
	"fmt"

	"gorgonia.org/tensor"
)

// A Window is how a kernel moves over a picture, each in rows and columns.
type Window struct {
	Kernel   [2]int // its size
	Stride   [2]int // from one position to the next
	Pad      [2]int // zeros on each side of the picture
	Dilation [2]int // from one value under the kernel to the next; 0 stands for 1
}

// Square is a window of the same size, stride and padding in both directions.
func Square(kernel, stride, pad int) Window {
	return Window{Kernel: [2]int{kernel, kernel}, Stride: [2]int{stride, stride}, Pad: [2]int{pad, pad}}
}

// normal checks a window and fills in its defaults.
func (w Window) normal() (Window, error) {
	for i := range 2 {
		if w.Dilation[i] == 0 {
			w.Dilation[i] = 1
		}
		if w.Kernel[i] < 1 || w.Stride[i] < 1 || w.Pad[i] < 0 || w.Dilation[i] < 1 {
			return w, fmt.Errorf("kernel %v, stride %v, padding %v, dilation %v; want at least 1, 1, 0 and 1", w.Kernel, w.Stride, w.Pad, w.Dilation)
		}
	}
	return w, nil
}

// span is the size of the picture's part that is under the kernel.
func (w Window) span(i int) int { return w.Dilation[i]*(w.Kernel[i]-1) + 1 }

// positions is how many places the kernel takes along a picture of that size.
func (w Window) positions(size, i int) int {
	room := size + 2*w.Pad[i] - w.span(i)
	if room < 0 {
		return 0
	}
	return room/w.Stride[i] + 1
}

// over is the size (height, width) of what a window makes of a picture (height, width).
func (w Window) over(h, width int) (oh, ow int, err error) {
	oh, ow = w.positions(h, 0), w.positions(width, 1)
	if oh < 1 || ow < 1 {
		err = fmt.Errorf("a picture of %dx%d is too small for kernel %v with padding %v and dilation %v", h, width, w.Kernel, w.Pad, w.Dilation)
	}
	return oh, ow, err
}

// taps is the number of values under the kernel.
func (w Window) taps() int { return w.Kernel[0] * w.Kernel[1] }

// A picture is the size of one, its channels innermost.
type picture struct{ h, w, c int }

func (p picture) size() int { return p.h * p.w * p.c }

func (p picture) shape(batch int) tensor.Shape { return tensor.Shape{batch, p.h, p.w, p.c} }

// pictures takes the shape of a batch of pictures (B, H, W, C) apart.
func pictures(s tensor.Shape) (batch int, p picture, err error) {
	if s.Dims() != 4 {
		return 0, p, fmt.Errorf("input is %v; want pictures (B, H, W, C)", s)
	}
	return s[0], picture{s[1], s[2], s[3]}, nil
}
