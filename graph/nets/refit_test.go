package nets

import (
	"math"
	"slices"
	"testing"
)

// Values of torch.nn.functional.interpolate(x, mode="bicubic", align_corners=False) of
// PyTorch 1.13, x being i^1.5 for i from 0 to 8.
func TestResample(t *testing.T) {
	x := make([]float32, 9)
	for i := range x {
		x[i] = float32(math.Pow(float64(i), 1.5))
	}
	for _, c := range []struct {
		h, w int
		want []float32
	}{
		{4, 5, []float32{-0.45653635263442993, -0.1598619669675827, 0.4975586533546448, 1.6198471784591675, 2.39516282081604,
			2.0839080810546875, 2.88557505607605, 4.321749687194824, 6.054668426513672, 7.161872386932373,
			8.867180824279785, 10.234241485595703, 12.560036659240723, 15.044293403625488, 16.57451629638672,
			15.004817962646484, 16.5902156829834, 19.27537727355957, 22.110219955444336, 23.849735260009766}},
		{2, 2, []float32{1.080372929573059, 3.8902194499969482, 13.416671752929688, 19.562360763549805}},
		{3, 3, x},
	} {
		got := resample(x, 3, 3, c.h, c.w, 1)
		for i, v := range got {
			if math.Abs(float64(v-c.want[i])) > 1e-4 {
				t.Errorf("%dx%d: value %d is %v, want %v", c.h, c.w, i, v, c.want[i])
			}
		}
	}
}

// A first layer of other channels gives the same where the new picture is the old one:
// grey in all three channels, or one channel that is their sum.
func TestRechannel(t *testing.T) {
	w := []float32{1, 2, 3, 4, 5, 6} // (1, 3, 2)
	if got, _ := rechannel(w, 1, 3, 1, 2); !slices.Equal(got, []float32{9, 12}) {
		t.Errorf("3 to 1: %v", got)
	}
	if got, how := rechannel([]float32{3, 6}, 1, 1, 3, 2); !slices.Equal(got, []float32{1, 2, 1, 2, 1, 2}) || how != "channels from 1 to 3" {
		t.Errorf("1 to 3: %v, %s", got, how)
	}
	if got, _ := rechannel([]float32{2, 4}, 1, 2, 4, 1); !slices.Equal(got, []float32{1, 2, 1, 2}) {
		t.Errorf("2 to 4: %v", got)
	}
}

func TestRefit(t *testing.T) {
	vit := &ViT{Patch: 2, Dim: 4, Depth: 2, ClassToken: true, Positions: "learned"}
	pos := make([]float32, 5*4)
	for i := range pos {
		pos[i] = float32(i % 4) // every place alike: so must be any other number of places
	}
	out, how := vit.Refit("pos_embed", pos, []int{5, 4}, []int{13, 4}, []int{1, 6, 8})
	if len(out) != 13*4 || how != "positions of 2x2 patches interpolated to 3x4" {
		t.Fatalf("%d positions, %s", len(out)/4, how)
	}
	for i, v := range out {
		if math.Abs(float64(v)-float64(i%4)) > 1e-5 {
			t.Fatalf("value %d is %v", i, v)
		}
	}
	for name, c := range map[string]struct {
		enc              Refitter
		path             string
		have, want, like []int
		ok               bool
	}{
		"patches":        {vit, "patch_embed/weight", []int{4, 12}, []int{4, 4}, []int{1, 6, 8}, true},
		"other width":    {vit, "patch_embed/weight", []int{5, 12}, []int{4, 4}, []int{1, 6, 8}, false},
		"a block":        {vit, "blocks/0/mlp/fc1/weight", []int{4, 12}, []int{4, 4}, []int{1, 6, 8}, false},
		"conv":           {&Conv{}, "conv0/weight", []int{8, 3, 4, 4}, []int{8, 1, 4, 4}, nil, true},
		"second conv":    {&Conv{}, "conv1/weight", []int{8, 3, 4, 4}, []int{8, 1, 4, 4}, nil, false},
		"other kernel":   {&Conv{}, "conv0/weight", []int{8, 3, 4, 4}, []int{8, 1, 3, 3}, nil, false},
		"resnet":         {&ResNet{}, "conv1/weight", []int{8, 1, 3, 3}, []int{8, 3, 3, 3}, nil, true},
		"mlp":            {&MLP{}, "fc0/weight", []int{7, 12}, []int{7, 4}, []int{1, 2, 2}, true},
		"mlp, size":      {&MLP{}, "fc0/weight", []int{7, 12}, []int{7, 9}, []int{1, 3, 3}, false},
		"fixed, no work": {&ViT{Patch: 2, Dim: 4}, "pos_embed", []int{4, 4}, []int{12, 4}, []int{1, 6, 8}, false},
	} {
		n := 1
		for _, d := range c.have {
			n *= d
		}
		want := 1
		for _, d := range c.want {
			want *= d
		}
		out, how := c.enc.Refit(c.path, make([]float32, n), c.have, c.want, c.like)
		if (out != nil) != c.ok || c.ok && (len(out) != want || how == "") {
			t.Errorf("%s: %d values, %q", name, len(out), how)
		}
	}
}

func TestLayers(t *testing.T) {
	for _, c := range []struct {
		enc           Layered
		path          string
		layer, layers int
	}{
		{&MLP{Hidden: []int{5, 4}}, "fc0/weight", 0, 3},
		{&MLP{Hidden: []int{5, 4}}, "norm1/weight", 1, 3},
		{&MLP{Hidden: []int{5, 4}}, "fc2/bias", 2, 3},
		{&Conv{Channels: []int{1, 2, 3}}, "conv2/weight", 2, 4},
		{&Conv{Channels: []int{1, 2, 3}}, "fc/weight", 3, 4},
		{&ResNet{Blocks: []int{2, 2}}, "bn1/weight", 0, 5},
		{&ResNet{Blocks: []int{2, 2}}, "layer1/1/conv2/weight", 2, 5},
		{&ResNet{Blocks: []int{2, 2}}, "layer2/0/downsample/0/weight", 3, 5},
		{&ResNet{Blocks: []int{2, 2}, Code: 4}, "fc/weight", 5, 6},
		{&ViT{Depth: 6}, "pos_embed", 0, 7},
		{&ViT{Depth: 6}, "blocks/5/norm1/bias", 6, 7},
		{&ViT{Depth: 6}, "norm/weight", 7, 7},
	} {
		if a, b := c.enc.Layer(c.path); a != c.layer || b != c.layers {
			t.Errorf("%T %s: layer %d of %d, want %d of %d", c.enc, c.path, a, b, c.layer, c.layers)
		}
	}
}
