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
		return &ResNet{Blocks: []int{2, 2, 2, 2}, Width: 64, Stem: "small", Block: basic}
	})
}

// ResNet is the residual network (He et al. 2016, arXiv:1512.03385, figure 5 and
// table 1): stages of blocks, each stage of twice the channels and half the size of
// the one before, and the mean over all pixels. Bottleneck blocks halve the size in
// their 3x3 convolution, as torchvision and timm do (the paper: in the one before
// it). The defaults are ResNet-18 with the stem that is usual for CIFAR.
//
// Parameters have torchvision's names with / for the dot.
type ResNet struct {
	Blocks []int  `toml:"blocks"` // in each stage; [2, 2, 2, 2] is ResNet-18, [3, 4, 6, 3] ResNet-34, and of bottlenecks ResNet-50
	Width  int    `toml:"width"`  // channels of the first stage; bottlenecks give four times as many
	Block  string `toml:"block"`  // basic: two convolutions of 3x3; bottleneck: 1x1, 3x3 and 1x1
	Stem   string `toml:"stem"`   // small: one 3x3 convolution; large: 7x7 by 2, then a max pool by 2
	Code   int    `toml:"code"`   // width of a linear layer to the code; 0: the mean of the last stage is the code
}

// The kinds of blocks.
const (
	basic      = "basic"
	bottleneck = "bottleneck"
)

// expansion is how many times its width a bottleneck gives.
const expansion = 4

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
	if e.Block != basic && e.Block != bottleneck {
		bad("block: is %q, want %s or %s", e.Block, basic, bottleneck)
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
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if n := e.weights(shape[0]); n > maxWeights {
		return fmt.Errorf("blocks, width: bring the encoder to %d weights, want at most %d", n, maxWeights)
	}
	return nil
}

// weights counts those of the convolutions, and of the layer to the code.
func (e *ResNet) weights(channels int) int {
	stem := 3 * 3
	if e.Stem == "large" {
		stem = 7 * 7
	}
	n, in := stem*channels*e.Width, e.Width
	for i, blocks := range e.Blocks {
		w, out := e.Width<<i, e.channels(i)
		for range blocks {
			if e.Block == bottleneck {
				n += in*w + 3*3*w*w + w*out
			} else {
				n += 3 * 3 * (in*w + w*w)
			}
			if in != out {
				n += in * out // the shortcut's
			}
			in = out
		}
	}
	return n + in*e.Code
}

// CodeSize implements Encoder.
func (e *ResNet) CodeSize([]int) int {
	if e.Code > 0 {
		return e.Code
	}
	return e.channels(len(e.Blocks) - 1)
}

// channels are those that a stage gives.
func (e *ResNet) channels(stage int) int {
	if e.Block == bottleneck {
		return expansion * e.Width << stage
	}
	return e.Width << stage
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
	return h, w, e.channels(len(e.Blocks) - 1), e.Code == 0
}

// Encode implements Encoder. The taps are stem, layer1/0 …, (B, H, W, C), and code.
func (e *ResNet) Encode(s *graph.Scope, x *G.Node) *G.Node {
	code := layers.GlobalAvgPool(s, e.stages(s, x)) // (B, D): Width·2ⁿ⁻¹, of bottlenecks four times as many
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
			block := basicBlock
			if e.Block == bottleneck {
				block = bottleneckBlock
			}
			m = block(s.In(name), m, e.Width<<i, stride) // (B, H/2ⁱ, W/2ⁱ, Width·2ⁱ or four times as many)
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
	return shortcut(s, x, y, stride)
}

// bottleneckBlock is a basic block with a convolution of 1x1 to width channels before
// that of 3x3, and one of 1x1 to four times as many after it.
func bottleneckBlock(s *graph.Scope, x layers.Map, width, stride int) layers.Map {
	y := convNorm(s, "conv1", "bn1", x, width, ops.Square(1, 1, 0))
	y = layers.ActivateMap(s, y, relu)
	y = convNorm(s, "conv2", "bn2", y, width, ops.Square(3, stride, 1))
	y = layers.ActivateMap(s, y, relu)
	y = convNorm(s, "conv3", "bn3", y, expansion*width, ops.Square(1, 1, 0))
	return shortcut(s, x, y, stride)
}

// shortcut is relu(x + y), x made to fit.
func shortcut(s *graph.Scope, x, y layers.Map, stride int) layers.Map {
	if stride != 1 || x.Channels() != y.Channels() {
		x = convNorm(s, "downsample/0", "downsample/1", x, y.Channels(), ops.Square(1, stride, 0))
	}
	return layers.ActivateMap(s, layers.AddMaps(s, x, y), relu)
}

// SizeFree implements the interface of that name.
func (e *ResNet) SizeFree() bool { return true }

var (
	_ SizeFree = (*ResNet)(nil)
	_ Mapped   = (*ResNet)(nil)
)
