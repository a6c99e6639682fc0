package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// Convolution works on pictures with their channels innermost, (B, H, W, C),
// and so do pooling, upsampling and batch norm; package layers converts at both
// ends of a stack (ToChannelsLast, ToChannelsFirst). Weights keep PyTorch's
// shapes. In this layout the window of a pixel is a few runs of values that
// follow each other: the multiplications read them where they are, and no copy
// of all windows (im2col) or of padded pictures is made. convsweep.go says how.

// Conv2D is y = act(w ∗ x + b): x is (B, H, W, C), w (O, C/Groups, kh, kw), b (O)
// and y (B, OH, OW, O) with OH = ⌊(H + 2·pad − dilation·(kh−1) − 1) / stride⌋ + 1.
// The kernel is not flipped: a correlation, as everywhere in the field.
type Conv2D struct {
	Window
	Groups int  // 0 stands for 1
	NoBias bool // the inputs are x and w only
	Act    Activation

	convolution
}

// Name implements Kernel.
func (k *Conv2D) Name() string { return "conv2d" }

// Grads implements Kernel.
func (k *Conv2D) Grads() []bool { return biased(k.NoBias) }

// Shape implements Kernel.
func (k *Conv2D) Shape(in []tensor.Shape) (tensor.Shape, error) {
	l, err := newLink(k.Window, k.Groups)
	if err != nil {
		return nil, err
	}
	if l.batch, l.large, err = pictures(in[0]); err != nil {
		return nil, err
	}
	w := in[1]
	if w.Dims() != 4 || w[1]*l.groups != l.large.c || w[0]%l.groups != 0 || w[2] != l.Kernel[0] || w[3] != l.Kernel[1] {
		return nil, fmt.Errorf("x is %v and the weight %v with kernel %v and %d groups; want (B, H, W, C) and (out, C/groups, kh, kw)", in[0], w, l.Kernel, l.groups)
	}
	l.small.c = w[0]
	if l.small.h, l.small.w, err = l.over(l.large.h, l.large.w); err != nil {
		return nil, err
	}
	if err := k.begin(l, false, k.NoBias, k.Act, in); err != nil {
		return nil, err
	}
	return l.small.shape(l.batch), nil
}

// ConvTranspose2D is the transposed convolution, the one that has a
// convolution's forward for its gradient and the other way round: x is
// (B, H, W, C), w (C, O/Groups, kh, kw), b (O) and y (B, OH, OW, O) with
// OH = (H−1)·stride − 2·pad + dilation·(kh−1) + OutPad + 1
// (Dumoulin and Visin 2016, arXiv:1603.07285, section 4).
type ConvTranspose2D struct {
	Window
	OutPad [2]int // rows and columns more, of the sizes that the convolution maps to one; < stride or dilation
	Groups int    // 0 stands for 1
	NoBias bool   // the inputs are x and w only
	Act    Activation

	convolution
}

// Name implements Kernel.
func (k *ConvTranspose2D) Name() string { return "conv_transpose2d" }

// Grads implements Kernel.
func (k *ConvTranspose2D) Grads() []bool { return biased(k.NoBias) }

// Shape implements Kernel.
func (k *ConvTranspose2D) Shape(in []tensor.Shape) (tensor.Shape, error) {
	l, err := newLink(k.Window, k.Groups)
	if err != nil {
		return nil, err
	}
	if l.batch, l.small, err = pictures(in[0]); err != nil {
		return nil, err
	}
	w := in[1]
	if w.Dims() != 4 || w[0] != l.small.c || w[0]%l.groups != 0 || w[2] != l.Kernel[0] || w[3] != l.Kernel[1] {
		return nil, fmt.Errorf("x is %v and the weight %v with kernel %v and %d groups; want (B, H, W, C) and (C, out/groups, kh, kw)", in[0], w, l.Kernel, l.groups)
	}
	size := [2]int{}
	for i, n := range [2]int{l.small.h, l.small.w} {
		if o := k.OutPad[i]; o < 0 || o > 0 && o >= max(l.Stride[i], l.Dilation[i]) {
			return nil, fmt.Errorf("output padding is %v; want less than stride %v or dilation %v", k.OutPad, l.Stride, l.Dilation)
		}
		if size[i] = (n-1)*l.Stride[i] - 2*l.Pad[i] + l.span(i) + k.OutPad[i]; size[i] < 1 {
			return nil, fmt.Errorf("nothing is left of %v with kernel %v, stride %v and padding %v", in[0], l.Kernel, l.Stride, l.Pad)
		}
	}
	l.large = picture{size[0], size[1], w[1] * l.groups}
	if err := k.begin(l, true, k.NoBias, k.Act, in); err != nil {
		return nil, err
	}
	return l.large.shape(l.batch), nil
}

func biased(no bool) []bool {
	if no {
		return []bool{true, true}
	}
	return []bool{true, true, true}
}

func newLink(w Window, groups int) (l link, err error) {
	if groups < 0 {
		return l, fmt.Errorf("groups is %d; want at least 1", groups)
	}
	l.groups = max(1, groups)
	l.Window, err = w.normal()
	return l, err
}

// convolution is what the two have in common: one side is the input, the other
// the output.
type convolution struct {
	link       link
	transposed bool
	bias       bool
	act        Activation
	forward    mover
	backward   mover
	weights    *weightGrad
	out        picture
	rows       int // pixels of the output
	chunk      int
	kept       bool
	z          []float32 // the output before the activation, where its gradient needs that

	call
	dst, dz, part    []float32
	finish, activity func(lo, hi int)
}

// Save implements Saver.
func (k *convolution) Save() { k.kept = true }

func (k *convolution) begin(l link, transposed, noBias bool, act Activation, in []tensor.Shape) error {
	k.link, k.transposed, k.bias, k.act = l, transposed, !noBias, act
	k.out = l.small
	if transposed {
		k.out = l.large
	}
	if k.bias && !in[2].Eq(tensor.Shape{k.out.c}) {
		return fmt.Errorf("bias is %v and the weight %v; want (%d)", in[2], in[1], k.out.c)
	}
	k.rows = l.batch * k.out.h * k.out.w
	k.chunk = rowChunk(k.rows, k.out.c)
	k.finish, k.activity = k.finishValues, k.backwardRows
	return act.check()
}

// Forward implements Kernel.
func (k *convolution) Forward(in []Arg, out []float32) {
	if k.forward == nil {
		if k.transposed {
			k.forward = k.link.up()
		} else {
			k.forward = k.link.down()
		}
	}
	k.call = call{in: in, out: out}
	k.dst = out
	if k.kept && !k.act.fromOutput() {
		if k.z == nil {
			k.z = mem.Floats(len(out))
		}
		k.dst = k.z
	}
	var bias []float32
	if k.bias {
		bias = in[2].F
	}
	after := k.finish
	if k.act.Func == Identity || k.act.Func == ReLU {
		after = nil
	}
	k.forward.compute(k.dst, in[0].F, in[1].F, bias, k.act.Func == ReLU, after)
	k.call, k.dst = call{}, nil
}

func (k *convolution) finishValues(lo, hi int) { k.act.apply(k.call.out[lo:hi], k.dst[lo:hi]) }

// Backward implements Kernel. With dz = dy·act′(z), dx is the sweep of dz the
// other way, and db the sum of dz over all pixels.
func (k *convolution) Backward(in []Arg, out, dout []float32, din [][]float32) {
	k.prepareBackward(din)
	k.call = call{in, out, dout, din}
	k.dz = dout
	if k.act.Func != Identity {
		k.dz = borrow(len(dout))
	}
	bias := k.bias && din[2] != nil
	if bias {
		k.part = borrow(parts(k.rows, k.chunk) * k.out.c)
	}
	if bias || k.act.Func != Identity {
		par.For(k.rows, k.chunk, k.activity)
	}
	if bias {
		addParts(din[2], k.part, parts(k.rows, k.chunk), k.out.c)
		giveBack(k.part)
	}
	if din[0] != nil {
		k.backward.compute(din[0], k.dz, in[1].F, nil, false, nil)
	}
	if din[1] != nil {
		small, large := k.dz, in[0].F
		if k.transposed {
			small, large = large, small
		}
		k.weights.compute(din[1], small, large)
	}
	if k.act.Func != Identity {
		giveBack(k.dz)
	}
	k.call, k.dz, k.part = call{}, nil, nil
}

// prepareBackward makes at the first run the tables that are needed.
func (k *convolution) prepareBackward(din [][]float32) {
	if din[0] != nil && k.backward == nil {
		if k.transposed {
			k.backward = k.link.down()
		} else {
			k.backward = k.link.up()
		}
	}
	if din[1] != nil && k.weights == nil {
		k.weights = k.link.weightGrad()
	}
}

// backwardRows passes the gradient of pixels lo to hi-1 through the activation
// and sums its channels.
func (k *convolution) backwardRows(lo, hi int) {
	c := k.out.c
	a, b := lo*c, hi*c
	if k.act.Func != Identity {
		z := k.z
		if z == nil {
			z = k.call.out // not looked at
		}
		k.act.grad(k.dz[a:b], k.dout[a:b], z[a:b], k.call.out[a:b])
	}
	if k.part != nil {
		p := k.part[lo/k.chunk*c:][:c]
		clear(p)
		vec.ColSum(p, k.dz[a:b], hi-lo, c)
	}
}
