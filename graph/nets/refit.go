package nets

import (
	"fmt"
	"math"
	"slices"

	"x2vec/graph/ops"
)

// A Refitter is an encoder that can use its weights for pictures of another size or
// number of channels.
type Refitter interface {
	Encoder
	// Refit makes of the parameter at a path within the encoder, w of shape have, one
	// of shape want for examples of that shape, and says how. It returns nil where the
	// parameter cannot be carried over; how is empty then, or says why none has to be.
	Refit(path string, w []float32, have, want, shape []int) (out []float32, how string)
}

// Refit implements Refitter: the first layer takes another number of channels.
func (e *MLP) Refit(path string, w []float32, have, want, shape []int) ([]float32, string) {
	if path != "fc0/weight" || len(have) != 2 || len(want) != 2 || have[0] != want[0] || len(shape) != 3 {
		return nil, ""
	}
	plane := shape[1] * shape[2]
	if have[1]%plane != 0 {
		return nil, ""
	}
	return rechannel(w, have[0], have[1]/plane, shape[0], plane)
}

// Refit implements Refitter: the first convolution takes another number of channels.
func (e *Conv) Refit(path string, w []float32, have, want, _ []int) ([]float32, string) {
	return rechannelConv(path == "conv0/weight", w, have, want)
}

// Refit implements Refitter: the first convolution takes another number of channels.
func (e *ResNet) Refit(path string, w []float32, have, want, _ []int) ([]float32, string) {
	return rechannelConv(path == "conv1/weight", w, have, want)
}

// Refit implements Refitter: patches take another number of channels, and learned
// positions are interpolated to another number of patches.
func (e *ViT) Refit(path string, w []float32, have, want, shape []int) ([]float32, string) {
	if len(have) != 2 || len(want) != 2 {
		return nil, ""
	}
	switch path {
	case "patch_embed/weight": // (D, P·P·C)
		pixels := e.Patch * e.Patch
		if have[0] != want[0] || have[1]%pixels != 0 {
			return nil, ""
		}
		return rechannel(w, have[0]*pixels, have[1]/pixels, shape[0], 1)
	case "pos_embed": // (lead+T, D)
		grid, err := ops.NewPatchGrid(shape, e.Patch)
		if err != nil || have[1] != want[1] {
			return nil, ""
		}
		if e.Positions != "learned" {
			return nil, "fixed positions, made anew"
		}
		lead := want[0] - grid.Patches()
		side := int(math.Sqrt(float64(have[0] - lead)))
		if side < 1 || side*side != have[0]-lead {
			return nil, ""
		}
		d := have[1]
		out := slices.Clone(w[:lead*d])
		out = append(out, resample(w[lead*d:], side, side, grid.Rows(), grid.Cols(), d)...)
		return out, fmt.Sprintf("positions of %dx%d patches interpolated to %dx%d", side, side, grid.Rows(), grid.Cols())
	}
	return nil, ""
}

func rechannelConv(first bool, w []float32, have, want []int) ([]float32, string) {
	if !first || len(have) != 4 || len(want) != 4 || have[0] != want[0] || !slices.Equal(have[2:], want[2:]) {
		return nil, ""
	}
	return rechannel(w, have[0], have[1], want[1], have[2]*have[3])
}

// rechannel makes of weights (outer, from, inner) those of (outer, to, inner), so that
// what they give is of the same size: the sum over channels for one; equal shares of it
// for many; and else the channels in turn, scaled, as timm does.
func rechannel(w []float32, outer, from, to, inner int) ([]float32, string) {
	if len(w) != outer*from*inner {
		return nil, ""
	}
	out := make([]float32, outer*to*inner)
	for o := range outer {
		source, target := w[o*from*inner:(o+1)*from*inner], out[o*to*inner:(o+1)*to*inner]
		switch {
		case to == 1:
			for c := range from {
				for i := range inner {
					target[i] += source[c*inner+i]
				}
			}
		default:
			scale := float32(from) / float32(to)
			for c := range to {
				for i := range inner {
					target[c*inner+i] = source[c%from*inner+i] * scale
				}
			}
		}
	}
	return out, fmt.Sprintf("channels from %d to %d", from, to)
}

// resample brings a grid of vectors, (h, w, d), to another size by cubic convolution
// (Keys 1981, doi:10.1109/TASSP.1981.1163711, with a = −0.75), as PyTorch's bicubic
// interpolation does with align_corners=False.
func resample(x []float32, h, w, newH, newW, d int) []float32 {
	across := make([]float32, h*newW*d)
	for y := range h {
		cubic(across[y*newW*d:(y+1)*newW*d], x[y*w*d:(y+1)*w*d], w, newW, 1, d)
	}
	out := make([]float32, newH*newW*d)
	cubic(out, across, h, newH, newW, d)
	return out
}

// cubic resamples the first axis of x, (n, inner, d), to (m, inner, d).
func cubic(out, x []float32, n, m, inner, d int) {
	const a = -0.75
	near := func(t float64) float64 { return ((a+2)*t-(a+3))*t*t + 1 }  // |t| ≤ 1
	far := func(t float64) float64 { return ((a*t-5*a)*t+8*a)*t - 4*a } // 1 < |t| < 2
	row := inner * d
	for i := range m {
		at := (float64(i)+0.5)*float64(n)/float64(m) - 0.5
		first := math.Floor(at)
		t := at - first
		weights := [4]float64{far(t + 1), near(t), near(1 - t), far(2 - t)}
		for j := range row {
			var sum float64
			for k, weight := range weights {
				from := min(max(int(first)-1+k, 0), n-1)
				sum += weight * float64(x[from*row+j])
			}
			out[i*row+j] = float32(sum)
		}
	}
}

var (
	_ Refitter = (*MLP)(nil)
	_ Refitter = (*Conv)(nil)
	_ Refitter = (*ResNet)(nil)
	_ Refitter = (*ViT)(nil)
)
