package nets

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/ops"
)

func init() {
	Register("resnet", func() Encoder {
		return &ResNet{Blocks: []int{2, 2, 2, 2}, Width: 64, Stem: "small"}
	})
}

// ResNet is the residual network of basic blocks (He et al. 2016,
// arXiv:1512.03385, figure 5 left and table 1): stages of blocks, each stage of
// twice the channels and half the size of the one before, and the mean over all
// pixels. The defaults are ResNet-18 with the stem that is usual for CIFAR.
//
// Parameters have torchvision's names with / for the dot.
type ResNet struct {
	Blocks []int  `toml:"blocks"` // in each stage; [2, 2, 2, 2] is ResNet-18, [3, 4, 6, 3] ResNet-34
	Width  int    `toml:"width"`  // channels of the first stage
	Stem   string `toml:"stem"`   // small: one 3x3 convolution; large: 7x7 by 2, then a max pool by 2
	Code   int    `toml:"code"`   // width of a linear layer to the code; 0: the mean of the last stage is the code
}

// Check implements Encoder.
func (e *ResNet) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := len(e.Blocks); n < 1 || n > 8 {
		bad("blocks: has %d values, want 1 to 8, one for each stage", n)
	}
	for i, b := range e.Blocks {
		if b < 1 || b > maxLayers {
			bad("blocks[%d]: is %d, want 1 to %d", i, b, maxLayers)
		}
	}
	if e.Width < 1 || e.Width > 1024 {
		bad("width: is %d, want 1 to 1024", e.Width)
	}
	if e.Stem != "small" && e.Stem != "large" {
		bad("stem: is %q, want small or large", e.Stem)
	}
	if e.Code < 0 || e.Code > maxWidth {
		bad("code: is %d, want 0 to %d", e.Code, maxWidth)
	}
	if err := picture(shape); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// CodeSize implements Encoder.
func (e *ResNet) CodeSize([]int) int {
	if e.Code > 0 {
		return e.Code
	}
	return e.Width << (len(e.Blocks) - 1)
}

// heOut draws from N(0, 2/out), with out the values that one input value goes to
// (He et al. 2015, arXiv:1502.01852, eq. 14): torchvision's for residual networks.
func heOut() graph.Init {
	return func(r *draw.Rand, shape []int, w []float32) {
		_, out := layers.Fans(shape)
		layers.Normal(math.Sqrt(2/float64(out)))(r, shape, w)
	}
}

var relu = ops.Activation{Func: ops.ReLU}

// MapSize implements Mapped.
func (e *ResNet) MapSize(shape []int) (h, w, c int, ok bool) {
	h, w = shape[1], shape[2]
	halvings := len(e.Blocks) - 1
	if e.Stem == "large" {
		halvings += 2
	}
	for range halvings {
		h, w = (h+1)/2, (w+1)/2
	}
	return h, w, e.Width << (len(e.Blocks) - 1), e.Code == 0
}

// Encode implements Encoder. The taps are stem, layer1/0 …, (B, H, W, C), and code.
func (e *ResNet) Encode(s *graph.Scope, x *G.Node) *G.Node {
	code := layers.GlobalAvgPool(s, e.stages(s, x)) // (B, Width·2ⁿ⁻¹)
	if e.Code > 0 {
		code = layers.Linear(s, "fc", code, e.Code) // (B, Code)
	}
	return s.Tap("code", code)
}

// EncodeMap implements Mapped.
func (e *ResNet) EncodeMap(s *graph.Scope, x *G.Node) layers.Map { return pooled(s, e.stages(s, x)) }

func (e *ResNet) stages(s *graph.Scope, x *G.Node) layers.Map {
	m := layers.Images(s, x) // (B, H, W, C)
	window := ops.Square(3, 1, 1)
	if e.Stem == "large" {
		window = ops.Square(7, 2, 3)
	}
	m = convNorm(s, "conv1", "bn1", m, e.Width, window) // (B, H, W, Width)
	m = layers.ActivateMap(s, m, relu)
	if e.Stem == "large" {
		m = layers.MaxPool(s, m, ops.Square(3, 2, 1)) // (B, H/4, W/4, Width)
	}
	s.Tap("stem", m.N)
	for i, n := range e.Blocks {
		for j := range n {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			name := fmt.Sprintf("layer%d/%d", i+1, j)
			m = basicBlock(s.In(name), m, e.Width<<i, stride) // (B, H/2ⁱ, W/2ⁱ, Width·2ⁱ)
			s.Tap(name, m.N)
		}
	}
	return m
}

// convNorm is a convolution without bias and its batch norm.
func convNorm(s *graph.Scope, conv, norm string, x layers.Map, out int, w ops.Window) layers.Map {
	x = layers.Conv2D(s, conv, x, out, w, layers.NoBias(), layers.Weight(heOut()))
	return layers.BatchNorm2D(s, norm, x)
}

// basicBlock is relu(x + norm(conv(relu(norm(conv(x)))))), with a convolution of
// 1x1 and its norm on x where the shapes differ.
func basicBlock(s *graph.Scope, x layers.Map, out, stride int) layers.Map {
	y := convNorm(s, "conv1", "bn1", x, out, ops.Square(3, stride, 1))
	y = layers.ActivateMap(s, y, relu)
	y = convNorm(s, "conv2", "bn2", y, out, ops.Square(3, 1, 1))
	if stride != 1 || x.Channels() != out {
		x = convNorm(s, "downsample/0", "downsample/1", x, out, ops.Square(1, stride, 0))
	}
	return layers.ActivateMap(s, layers.AddMaps(s, x, y), relu)
}

// SizeFree implements the interface of that name.
func (e *ResNet) SizeFree() bool { return true }

var (
	_ SizeFree = (*ResNet)(nil)
	_ Mapped   = (*ResNet)(nil)
)
