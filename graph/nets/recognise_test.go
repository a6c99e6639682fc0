package nets

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// foreignShapes are arrays of small models of other libraries, as "name=2x3 name=".
var foreignShapes = map[string]string{
	"vit":    "patch_embed.proj.weight=8x3x4x4 cls_token=1x1x8 pos_embed=1x5x8 blocks.0.attn.qkv.weight=24x8 blocks.0.mlp.fc1.weight=32x8",
	"resnet": "conv1.weight=8x3x3x3 layer1.0.conv1.weight=8x8x3x3 layer1.0.conv3.weight=32x8x1x1 layer2.0.conv1.weight=16x32x1x1 fc.weight=10x16 head.weight=2x10",
	"mlp":    "0.weight=6x4 0.bias=6 1.weight=6 3.weight=2x6 3.bias=2",
}

// parseShapes reads such a list; what is no size is left out, and so is a shape whose
// sizes are none that a file can have.
func parseShapes(s string) map[string][]int {
	shapes := map[string][]int{}
	for _, field := range strings.Fields(s) {
		name, sizes, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		shape := []int{} // a scalar
		for d := range strings.SplitSeq(sizes, "x") {
			if n, err := strconv.Atoi(d); err == nil && n >= 0 {
				shape = append(shape, n)
			}
		}
		shapes[name] = shape
	}
	return shapes
}

// recognised is whether arrays are those of an encoder that can be made.
func recognised(shapes map[string][]int) (string, bool) {
	r, err := Recognise(shapes, nil)
	if err != nil {
		return "", false
	}
	return r.Type, r.Encoder.Check(r.Example) == nil
}

// Whatever shape one array of a file has, the model is known or refused.
func TestRecogniseAnyShape(t *testing.T) {
	for want, list := range foreignShapes {
		shapes := parseShapes(list)
		if got, ok := recognised(shapes); got != want || !ok {
			t.Errorf("%s: taken for %q, %v", want, got, ok)
		}
		for _, name := range slices.Sorted(maps.Keys(shapes)) {
			for _, shape := range [][]int{{}, {0}, {7}, {0, 0}, {3, 0}, {1 << 40, 0}, {1, 1 << 40, 0}, {2, 3, 4}, {0, 0, 0, 0}, {1 << 20, 3, 4, 4}, {1, 2, 3, 4, 5}} {
				other := maps.Clone(shapes)
				other[name] = shape
				recognised(other)
			}
		}
	}
	if _, err := Recognise(parseShapes(strings.Replace(foreignShapes["resnet"], "fc.weight=10x16", "fc.weight=", 1)), nil); err == nil ||
		!strings.Contains(err.Error(), "fc.weight: is [], want (code, width)") {
		t.Errorf("a scalar for the layer to the code: %v", err)
	}
}

func FuzzRecognise(f *testing.F) {
	for _, list := range foreignShapes {
		f.Add(list)
	}
	f.Add("conv_proj.weight=8x3x4x4 class_token=1x1x8 encoder.pos_embedding=1x5x8 encoder.layers.encoder_layer_0.self_attention.in_proj_weight=24x8 encoder.layers.encoder_layer_0.mlp.0.weight=32x8")
	f.Fuzz(func(t *testing.T, list string) { recognised(parseShapes(list)) }) // an error or not, never a panic
}
