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
	Register("residual", func() Encoder {
		return &Residual{Hidden: 128, Halvings: 2, Blocks: 2, BlockHidden: 32, Dim: 64, Activation: "relu"}
	})
}

// Residual is the net of the VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937,
// section 4.1, in the sizes of DeepMind's published example): convolutions of 4x4
// that halve the picture, one of 3x3, residual blocks, and one of 1x1 to a map of Dim
// values at each place. Its code is the mean of that map over each quarter of the
// picture. DecodeMap mirrors it with transposed convolutions.
//
// Shapes: B pictures (C, H, W), a map of (h, w) with h = H/2 for each halving.
type Residual struct {
	Hidden      int    `toml:"hidden"`       // channels between; the first convolution has half of them
	Halvings    int    `toml:"halvings"`     // convolutions by 2
	Blocks      int    `toml:"blocks"`       // residual blocks, each of 3x3 and 1x1
	BlockHidden int    `toml:"block_hidden"` // channels within a block
	Dim         int    `toml:"dim"`          // values at a place of the map
	Activation  string `toml:"activation"`   // layers.Activations lists them
}

// Check implements Encoder.
func (e *Residual) Check(shape []int) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.Hidden < 2 || e.Hidden > maxChannels || e.Hidden%2 != 0 {
		bad("hidden: is %d, want an even number from 2 to %d", e.Hidden, maxChannels)
	}
	if e.Halvings < 1 || e.Halvings > 8 {
		bad("halvings: is %d, want 1 to 8", e.Halvings)
	}
	if e.Blocks < 0 || e.Blocks > maxLayers {
		bad("blocks: is %d, want 0 to %d", e.Blocks, maxLayers)
	}
	if e.BlockHidden < 1 || e.BlockHidden > maxChannels {
		bad("block_hidden: is %d, want 1 to %d", e.BlockHidden, maxChannels)
	}
	if e.Dim < 1 || e.Dim > maxChannels {
		bad("dim: is %d, want 1 to %d", e.Dim, maxChannels)
	}
	if _, err := layers.Activation(e.Activation); err != nil {
		bad("activation: %w", err)
	}
	if err := picture(shape); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if h, w := e.sizes(shape[1])[e.Halvings], e.sizes(shape[2])[e.Halvings]; h < 1 || w < 1 {
		return fmt.Errorf("halvings: is %d, and pictures of %dx%d cannot be halved so often; want pictures of at least %d pixels each way, or fewer halvings",
			e.Halvings, shape[1], shape[2], 1<<e.Halvings)
	}
	weights := (shape[0]+e.Hidden*e.Halvings)*e.Hidden*16 + 9*e.Hidden*e.Hidden + 10*e.Blocks*e.Hidden*e.BlockHidden + e.Hidden*e.Dim
	if weights > maxWeights {
		return fmt.Errorf("hidden: is %d, which brings the encoder to some %d weights, want at most %d", e.Hidden, weights, maxWeights)
	}
	return nil
}

// halving is the window by which a side of n pixels becomes one of ⌊n/2⌋.
var halving = ops.Square(4, 2, 1)

// sizes are those of a side of n pixels before the first and after each halving.
func (e *Residual) sizes(n int) []int {
	list := []int{n}
	for range e.Halvings {
		n /= 2
		list = append(list, n)
	}
	return list
}

// CodeSize implements Encoder.
func (e *Residual) CodeSize(shape []int) int {
	h, w, _, _ := e.MapSize(shape)
	return min(h, 2) * min(w, 2) * e.Dim
}

// MapSize implements Mapped.
func (e *Residual) MapSize(shape []int) (h, w, c int, ok bool) {
	return e.sizes(shape[1])[e.Halvings], e.sizes(shape[2])[e.Halvings], e.Dim, true
}

// quarters is the code of a map: its mean over each quarter, (B, Dim·2·2). Quarters
// of an odd side share its middle; a side of one is not divided.
func quarters(s *graph.Scope, m layers.Map) *G.Node {
	h, w := m.Size()
	m = layers.AvgPool(s, m, ops.Window{Kernel: [2]int{(h + 1) / 2, (w + 1) / 2}, Stride: [2]int{max(1, h/2), max(1, w/2)}}) // (B, 2, 2, Dim)
	return s.Tap("code", m.Flat(s))                                                                                          // (B, Dim·2·2)
}

// Encode implements Encoder. The parameters are conv0/weight, conv0/bias and so on,
// the last of them of 3x3; block0/conv0/weight, block0/conv1/weight …; out/weight and
// out/bias. The taps are conv0 …, block0 … and map, (B, h, w, …), and code.
func (e *Residual) Encode(s *graph.Scope, x *G.Node) *G.Node {
	return quarters(s, e.encode(s, x))
}

// EncodeMap implements Mapped.
func (e *Residual) EncodeMap(s *graph.Scope, x *G.Node) layers.Map {
	m := e.encode(s, x)
	if !s.Training() {
		quarters(s, m)
	}
	return m
}

func (e *Residual) act(s *graph.Scope) ops.Activation {
	act, err := layers.Activation(e.Activation)
	if err != nil {
		s.Fail("activation: %w", err)
	}
	return act
}

func (e *Residual) encode(s *graph.Scope, x *G.Node) layers.Map {
	m, act := layers.Images(s, x), e.act(s) // (B, H, W, C)
	for i := range e.Halvings {
		width := e.Hidden
		if i == 0 {
			width = e.Hidden / 2
		}
		name := fmt.Sprintf("conv%d", i)
		m = layers.Conv2D(s, name, m, width, halving, layers.Act(act)) // (B, H/2, W/2, width)
		s.Tap(name, m.N)
	}
	m = layers.Conv2D(s, fmt.Sprintf("conv%d", e.Halvings), m, e.Hidden, ops.Square(3, 1, 1)) // (B, h, w, Hidden)
	m = e.blocks(s, m, act)                                                                   // (B, h, w, Hidden)
	m = layers.Conv2D(s, "out", m, e.Dim, ops.Square(1, 1, 0))                                // (B, h, w, Dim)
	s.Tap("map", m.N)
	return m
}

// blocks are x + conv(act(conv(act(x)))) after each other, without biases, and an
// activation at the end.
func (e *Residual) blocks(s *graph.Scope, m layers.Map, act ops.Activation) layers.Map {
	for i := range e.Blocks {
		b := s.In(fmt.Sprintf("block%d", i))
		y := layers.ActivateMap(b, m, act)
		y = layers.Conv2D(b, "conv0", y, e.BlockHidden, ops.Square(3, 1, 1), layers.NoBias(), layers.Act(act)) // (B, h, w, BlockHidden)
		y = layers.Conv2D(b, "conv1", y, m.Channels(), ops.Square(1, 1, 0), layers.NoBias())                   // (B, h, w, Hidden)
		m = layers.AddMaps(b, m, y)
		s.Tap(fmt.Sprintf("block%d", i), m.N)
	}
	return layers.ActivateMap(s, m, act)
}

// DecodeMap implements MirroredMap. The parameters are conv/weight, conv/bias;
// block0/conv0/weight …; up0/weight, (in, out, 4, 4), up0/bias and so on.
func (e *Residual) DecodeMap(s *graph.Scope, m layers.Map, shape []int) *G.Node {
	act := e.act(s)
	hs, ws := e.sizes(shape[1]), e.sizes(shape[2])
	m = layers.Conv2D(s, "conv", m, e.Hidden, ops.Square(3, 1, 1)) // (B, h, w, Hidden)
	m = e.blocks(s, m, act)                                        // (B, h, w, Hidden)
	for i := range e.Halvings {
		width, opts := e.Hidden, []layers.Option{layers.Act(act)}
		switch i {
		case e.Halvings - 1:
			width, opts = shape[0], nil
		case e.Halvings - 2:
			width = e.Hidden / 2
		}
		at := e.Halvings - 1 - i
		opts = append(opts, layers.OutPad(hs[at]%2, ws[at]%2))
		m = layers.ConvTranspose2D(s, fmt.Sprintf("up%d", i), m, width, halving, opts...) // (B, 2h, 2w, width)
	}
	return m.Images(s) // (B, C, H, W)
}

var _ MirroredMap = (*Residual)(nil)
