package nets

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("conv", func() Encoder {
		return &Conv{Channels: []int{32, 64, 128}, Kernel: 4, Stride: 2, Pad: 1, Code: 128, Activation: "relu", Norm: "none"}
	})
}

// Conv is a stack of convolutions with an activation after each, and a linear
// layer from the last feature map to the code; with Code 0 the code is the mean of
// that map over its places.
//
// Decode mirrors it: a linear layer with the activation, and transposed
// convolutions back to the picture, the last one without activation or norm.
type Conv struct {
	Channels   []int  `toml:"channels"`   // of the convolutions, from the input on; at least one
	Kernel     int    `toml:"kernel"`     // height and width
	Stride     int    `toml:"stride"`     // by which each convolution makes the map smaller
	Strides    []int  `toml:"strides"`    // of each convolution, where they differ; empty: stride, for all
	Pad        int    `toml:"pad"`        // zeros on each side, less than the kernel
	Code       int    `toml:"code"`       // width of the code; 0: as many as the last convolution has channels
	Activation string `toml:"activation"` // layers.Activations lists them
	Norm       string `toml:"norm"`       // before each activation: none, batch or group
}

// What a run file can ask of pictures is bounded.
const (
	maxChannels = 1 << 14
	maxKernel   = 64
	maxLayers   = 64
	normGroups  = 8 // of group norm: as many as divide the channels, at most
)

// picture checks that examples are pictures (C, H, W).
func picture(shape []int) error {
	if len(shape) != 3 {
		return fmt.Errorf("an example has shape %v; convolutions take pictures of (channels, height, width)", shape)
	}
	if n := size(shape); n < 1 || n > maxValues {
		return fmt.Errorf("a picture of %v has %d values, want 1 to %d", shape, n, maxValues)
	}
	return nil
}

// stride is that of convolution i.
func (e *Conv) stride(i int) int {
	if len(e.Strides) > 0 {
		return e.Strides[i]
	}
	return e.Stride
}

func (e *Conv) window(i int) ops.Window { return ops.Square(e.Kernel, e.stride(i), e.Pad) }

// smaller is the height or width after convolution i; below 1 if nothing is left.
func (e *Conv) smaller(i, n int) int {
	if n+2*e.Pad < e.Kernel {
		return 0
	}
	return (n+2*e.Pad-e.Kernel)/e.stride(i) + 1
}

// Check implements Encoder.
func (e *Conv) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := len(e.Channels); n < 1 || n > maxLayers {
		bad("channels: has %d values, want 1 to %d, one for each convolution", n, maxLayers)
	}
	for i, c := range e.Channels {
		if c < 1 || c > maxChannels {
			bad("channels[%d]: is %d, want 1 to %d", i, c, maxChannels)
		}
	}
	if e.Kernel < 1 || e.Kernel > maxKernel {
		bad("kernel: is %d, want 1 to %d", e.Kernel, maxKernel)
	} else {
		if e.Stride < 1 || e.Stride > e.Kernel {
			bad("stride: is %d, want 1 to the kernel's %d", e.Stride, e.Kernel)
		}
		for i, n := range e.Strides {
			if n < 1 || n > e.Kernel {
				bad("strides[%d]: is %d, want 1 to the kernel's %d", i, n, e.Kernel)
			}
		}
		if e.Pad < 0 || e.Pad >= e.Kernel {
			bad("pad: is %d, want 0 to below the kernel's %d", e.Pad, e.Kernel)
		}
	}
	if n := len(e.Strides); n > 0 && n != len(e.Channels) {
		bad("strides: has %d values, want one for each of the %d channels, or none", n, len(e.Channels))
	}
	if e.Code < 0 || e.Code > maxWidth {
		bad("code: is %d, want 0 (the mean of the last map) to %d", e.Code, maxWidth)
	}
	if _, err := layers.Activation(e.Activation); err != nil {
		bad("activation: %w", err)
	}
	if err := checkNorm(e.Norm); err != nil {
		bad("norm: %w", err)
	}
	if err := picture(shape); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	in, h, w, weights := shape[0], shape[1], shape[2], 0
	for i, c := range e.Channels {
		nh, nw := e.smaller(i, h), e.smaller(i, w)
		if nh < 1 || nw < 1 {
			return fmt.Errorf("channels: convolution %d gets a map of %dx%d, too small for a kernel of %d with a pad of %d; want fewer convolutions, a smaller stride or larger pictures", i, h, w, e.Kernel, e.Pad)
		}
		if weights += in * c * e.Kernel * e.Kernel; weights > maxWeights {
			return fmt.Errorf("channels: convolution %d of %d to %d channels brings the encoder to %d weights, want at most %d", i, in, c, weights, maxWeights)
		}
		in, h, w = c, nh, nw
	}
	if weights += in * h * w * e.Code; weights > maxWeights {
		return fmt.Errorf("code: a linear layer from a map of %dx%dx%d brings the encoder to %d weights, want at most %d", in, h, w, weights, maxWeights)
	}
	return nil
}

func checkNorm(name string) error {
	switch name {
	case "none", "batch", "group":
		return nil
	}
	return fmt.Errorf("is %q, want one of none, batch, group", name)
}

// normed is a convolution's result through norm and activation.
func normed(s *graph.Scope, name, norm string, x layers.Map, act ops.Activation) layers.Map {
	switch norm {
	case "batch":
		x = layers.BatchNorm2D(s, name, x)
	case "group":
		groups := normGroups
		for x.Channels()%groups != 0 {
			groups--
		}
		x = layers.GroupNorm(s, name, x, groups)
	}
	return layers.ActivateMap(s, x, act)
}

// CodeSize implements Encoder.
func (e *Conv) CodeSize([]int) int {
	if e.Code > 0 {
		return e.Code
	}
	return e.Channels[len(e.Channels)-1]
}

// SizeFree implements the interface of that name.
func (e *Conv) SizeFree() bool { return e.Code == 0 }

// MapSize implements Mapped.
func (e *Conv) MapSize(shape []int) (h, w, c int, ok bool) {
	c, h, w = shape[0], shape[1], shape[2]
	for i := range e.Channels {
		c, h, w = e.Channels[i], e.smaller(i, h), e.smaller(i, w)
	}
	return h, w, c, e.Code == 0
}

func (e *Conv) act(s *graph.Scope) ops.Activation {
	act, err := layers.Activation(e.Activation)
	if err != nil {
		s.Fail("activation: %w", err)
	}
	return act
}

// layer is one convolution, or transposed one, with norm and activation. A norm
// has a bias of its own.
func (e *Conv) layer(s *graph.Scope, i int, act ops.Activation, conv func(name string, opts ...layers.Option) layers.Map) layers.Map {
	name := fmt.Sprintf("conv%d", i)
	var x layers.Map
	if e.Norm == "none" {
		x = conv(name, layers.Act(act))
	} else {
		x = normed(s, fmt.Sprintf("norm%d", i), e.Norm, conv(name, layers.NoBias()), act)
	}
	s.Tap(name, x.N)
	return x
}

// Encode implements Encoder. The parameters are conv0/weight, conv0/bias and so
// on, norm0 … where there is a norm, and fc/weight, fc/bias where there is a Code;
// the taps conv0 …, (B, H, W, C), and code.
func (e *Conv) Encode(s *graph.Scope, x *G.Node) *G.Node {
	m := e.convolve(s, x) // (B, H, W, C)
	if e.Code == 0 {
		return s.Tap("code", layers.GlobalAvgPool(s, m)) // (B, C)
	}
	return s.Tap("code", layers.Linear(s, "fc", m.Flat(s), e.Code)) // (B, Code)
}

func (e *Conv) convolve(s *graph.Scope, x *G.Node) layers.Map {
	m, act := layers.Images(s, x), e.act(s) // (B, H, W, C)
	for i, c := range e.Channels {
		m = e.layer(s, i, act, func(name string, opts ...layers.Option) layers.Map {
			return layers.Conv2D(s, name, m, c, e.window(i), opts...) // (B, H/stride, W/stride, c)
		})
	}
	return m
}

// EncodeMap implements Mapped.
func (e *Conv) EncodeMap(s *graph.Scope, x *G.Node) layers.Map { return pooled(s, e.convolve(s, x)) }

// Decode implements Mirrored. The parameters are fc/weight, fc/bias, conv0/weight,
// (in, out, kh, kw), and so on.
func (e *Conv) Decode(s *graph.Scope, code *G.Node, shape []int) *G.Node {
	h, w, c, _ := e.MapSize(shape)
	y := layers.Linear(s, "fc", code, c*h*w, layers.Act(e.act(s)))        // (B, c·h·w)
	m := layers.Images(s, layers.Reshape(s, y, code.Shape()[0], c, h, w)) // (B, h, w, c)
	return e.DecodeMap(s, m, shape)                                       // (B, C, H, W)
}

// DecodeMap implements MirroredMap: Decode without the linear layer.
func (e *Conv) DecodeMap(s *graph.Scope, m layers.Map, shape []int) *G.Node {
	type side struct{ c, h, w int }
	sides := []side{{shape[0], shape[1], shape[2]}} // what the encoder sees at each layer
	for i, c := range e.Channels {
		last := sides[len(sides)-1]
		sides = append(sides, side{c, e.smaller(i, last.h), e.smaller(i, last.w)})
	}
	n, act := len(e.Channels), e.act(s)
	for i := range n {
		from, to, window := sides[n-i], sides[n-i-1], e.window(n-1-i)
		// Rows and columns that the encoder's windows did not reach.
		rest := func(large, small int) int { return large - ((small-1)*window.Stride[0] - 2*e.Pad + e.Kernel) }
		up := func(name string, opts ...layers.Option) layers.Map {
			opts = append(opts, layers.OutPad(rest(to.h, from.h), rest(to.w, from.w)))
			return layers.ConvTranspose2D(s, name, m, to.c, window, opts...) // (B, to.h, to.w, to.c)
		}
		if i < n-1 {
			m = e.layer(s, i, act, up)
		} else {
			m = up(fmt.Sprintf("conv%d", i))
		}
	}
	return m.Images(s) // (B, C, H, W)
}

var (
	_ Mirrored    = (*Conv)(nil)
	_ MirroredMap = (*Conv)(nil)
)
