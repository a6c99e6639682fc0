package layers

import (
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
	"x2vec/graph/ops"
)

// A Map is a batch of feature maps within a stack of convolutions: N is
// (B, H, W, C). Pictures are (B, C, H, W) at the borders of a net; having a type
// of their own, the two cannot be mixed up, and a stack is converted once at each
// end: Images in, Map.Images or Map.Flat out.
type Map struct{ N *G.Node }

// Images makes a Map of pictures x, (B, C, H, W).
func Images(s *graph.Scope, x *G.Node) Map {
	if x.Dims() != 4 {
		s.Fail("input is %v; want pictures (B, C, H, W)", x.Shape())
	}
	if d := x.Shape(); d[1] == 1 {
		return Map{Reshape(s, x, d[0], d[2], d[3], 1)} // (B, H, W, 1)
	}
	return Map{s.Apply(&ops.ToChannelsLast{}, x)} // (B, H, W, C)
}

// Images gives the map as pictures, (B, C, H, W).
func (m Map) Images(s *graph.Scope) *G.Node {
	if d := m.N.Shape(); d[3] == 1 {
		return Reshape(s, m.N, d[0], 1, d[1], d[2]) // (B, 1, H, W)
	}
	return s.Apply(&ops.ToChannelsFirst{}, m.N) // (B, C, H, W)
}

// Flat gives the map as rows, (B, C·H·W), in the order of PyTorch's flatten.
func (m Map) Flat(s *graph.Scope) *G.Node { return Flatten(s, m.Images(s)) }

// Channels is C.
func (m Map) Channels() int { return m.N.Shape()[3] }

// Size is H and W.
func (m Map) Size() (h, w int) { return m.N.Shape()[1], m.N.Shape()[2] }

// Groups divides the channels into groups, each of which sees its own input
// channels only.
func Groups(n int) Option { return func(o *options) { o.groups = n } }

// OutPad adds rows and columns to the result of a transposed convolution.
func OutPad(rows, cols int) Option { return func(o *options) { o.outPad = [2]int{rows, cols} } }

// Conv2D returns act(w ∗ x + b) with out channels: (B, H, W, C) to
// (B, OH, OW, out). The parameters are name/weight, (out, C/groups, kh, kw), and
// name/bias, (out), both drawn from U(−1/√n, 1/√n), with n = C/groups·kh·kw, as in
// PyTorch.
func Conv2D(s *graph.Scope, name string, x Map, out int, w ops.Window, opts ...Option) Map {
	s = s.In(name)
	o := convOptions(s, opts, out, x.Channels())
	args := convParams(s, x.N, o, out, []int{out, x.Channels() / o.groups, w.Kernel[0], w.Kernel[1]})
	return Map{s.Apply(&ops.Conv2D{Window: w, Groups: o.groups, NoBias: o.noBias, Act: o.act}, args...)} // (B, OH, OW, out)
}

// ConvTranspose2D is the transposed convolution with out channels: (B, H, W, C)
// to (B, OH, OW, out), OH = (H−1)·stride − 2·pad + dilation·(kh−1) + 1, plus OutPad.
// The parameters are name/weight, (C, out/groups, kh, kw), and name/bias, (out),
// drawn from U(−1/√n, 1/√n) with n = out/groups·kh·kw, as in PyTorch.
func ConvTranspose2D(s *graph.Scope, name string, x Map, out int, w ops.Window, opts ...Option) Map {
	s = s.In(name)
	o := convOptions(s, opts, out, x.Channels())
	args := convParams(s, x.N, o, out, []int{x.Channels(), out / o.groups, w.Kernel[0], w.Kernel[1]})
	return Map{s.Apply(&ops.ConvTranspose2D{Window: w, OutPad: o.outPad, Groups: o.groups, NoBias: o.noBias, Act: o.act}, args...)} // (B, OH, OW, out)
}

func convOptions(s *graph.Scope, opts []Option, out, in int) options {
	o := options{weight: LeCun(), groups: 1}
	for _, f := range opts {
		f(&o)
	}
	if out < 1 {
		s.Fail("has %d channels, want at least 1", out)
	}
	if o.groups < 1 || in%o.groups != 0 || out%o.groups != 0 {
		s.Fail("has %d groups, want a divisor of the %d channels that come in and the %d that go out", o.groups, in, out)
	}
	return o
}

func convParams(s *graph.Scope, x *G.Node, o options, out int, shape []int) []*G.Node {
	args := []*G.Node{x, s.Param("weight", o.weight, shape...)}
	if !o.noBias {
		if o.bias == nil {
			in, _ := Fans(shape)
			o.bias = Uniform(1 / math.Sqrt(float64(in)))
		}
		args = append(args, s.Param("bias", o.bias, out))
	}
	return args
}

// MaxPool is the largest value under each window: (B, H, W, C) to (B, OH, OW, C).
func MaxPool(s *graph.Scope, x Map, w ops.Window) Map {
	return Map{s.Apply(&ops.MaxPool2D{Window: w}, x.N)}
}

// AvgPool is the mean under each window, zeros of the padding included:
// (B, H, W, C) to (B, OH, OW, C).
func AvgPool(s *graph.Scope, x Map, w ops.Window) Map {
	return Map{s.Apply(&ops.AvgPool2D{Window: w}, x.N)}
}

// GlobalAvgPool is the mean over all pixels: (B, H, W, C) to (B, C).
func GlobalAvgPool(s *graph.Scope, x Map) *G.Node { return s.Apply(&ops.GlobalAvgPool{}, x.N) }

// Upsample repeats every pixel factor times in both directions:
// (B, H, W, C) to (B, factor·H, factor·W, C).
func Upsample(s *graph.Scope, x Map, factor int) Map {
	return Map{s.Apply(&ops.Upsample{Factor: [2]int{factor, factor}}, x.N)}
}

// UpsampleBilinear is Upsample with values between pixels interpolated.
func UpsampleBilinear(s *graph.Scope, x Map, factor int) Map {
	return Map{s.Apply(&ops.Upsample{Factor: [2]int{factor, factor}, Bilinear: true}, x.N)}
}

// ActivateMap applies an activation. Behind a convolution, the option Act is faster.
func ActivateMap(s *graph.Scope, x Map, a ops.Activation) Map { return Map{Activate(s, x.N, a)} }

// AddMaps is a + b, of one shape: a residual connection.
func AddMaps(s *graph.Scope, a, b Map) Map { return Map{Add(s, a.N, b.N)} }

// BatchNorm2D is BatchNorm over the pixels and the batch.
func BatchNorm2D(s *graph.Scope, name string, x Map) Map { return Map{BatchNorm(s, name, x.N)} }

// GroupNorm normalises each picture over its pixels and the channels of one of
// groups (Wu and He 2018, arXiv:1803.08494). The parameters are name/weight, (C),
// from one, and name/bias, (C), from zero.
func GroupNorm(s *graph.Scope, name string, x Map, groups int) Map {
	s = s.In(name)
	c := x.Channels()
	return Map{s.Apply(&ops.GroupNorm{Groups: groups, Eps: GroupNormEps}, x.N,
		s.Param("weight", graph.Constant(1), c), s.Param("bias", graph.Constant(0), c))} // (B, H, W, C)
}
