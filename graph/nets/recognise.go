package nets

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Recognised is an encoder that a file of another library's weights is of.
type Recognised struct {
	Type    string // as in run files
	Encoder Portable
	Scheme  string
	Example []int    // the shape of an example
	Guessed []string // settings that no weight tells, with what was taken, for people
}

// Recognise finds the encoder that arrays are of, by their names and shapes. example is
// the shape of an example where no array tells it; nil = the usual one.
func Recognise(shapes map[string][]int, example []int) (*Recognised, error) {
	for _, try := range []func(shapes map[string][]int) (*Recognised, error){recogniseViT, recogniseResNet, recogniseMLP} {
		r, err := try(shapes)
		if err != nil {
			return nil, err
		}
		if r != nil {
			return r, r.take(example)
		}
	}
	return nil, errors.New("these are the names of no encoder that is known: want those of a vision transformer (timm, torchvision), a residual network (torchvision, timm) or a multilayer perceptron (nn.Sequential)")
}

// take sets the shape of an example, where the weights allow it.
func (r *Recognised) take(example []int) error {
	if example == nil {
		return nil
	}
	fits := slices.Equal(example, r.Example)
	switch r.Encoder.(type) {
	case *ResNet:
		fits = len(example) == 3 && example[0] == r.Example[0]
	case *MLP:
		fits = size(example) == size(r.Example)
	}
	if !fits {
		return fmt.Errorf("shape: is %v, but these weights are for examples of %v", example, r.Example)
	}
	r.Example = example
	return nil
}

// count is how many of the numbered names prefix0suffix, prefix1suffix … there are.
func count(shapes map[string][]int, format string) int {
	n := 0
	for n < maxLayers && shapes[fmt.Sprintf(format, n)] != nil {
		n++
	}
	return n
}

func recogniseViT(shapes map[string][]int) (*Recognised, error) {
	scheme, patch, class, pos, block, fc1 := "timm", "patch_embed.proj.weight", "cls_token", "pos_embed", "blocks.%d.attn.qkv.weight", "blocks.0.mlp.fc1.weight"
	if shapes[patch] == nil {
		scheme, patch, class, pos = "torchvision", "conv_proj.weight", "class_token", "encoder.pos_embedding"
		block, fc1 = "encoder.layers.encoder_layer_%d.self_attention.in_proj_weight", "encoder.layers.encoder_layer_0.mlp.0.weight"
	}
	w := shapes[patch]
	if w == nil {
		return nil, nil
	}
	if len(w) != 4 || w[2] != w[3] || slices.Min(w) < 1 {
		return nil, fmt.Errorf("%s: is %v, want (width, channels, patch, patch)", patch, w)
	}
	e := &ViT{Patch: w[2], Dim: w[0], Depth: count(shapes, block), ClassToken: shapes[class] != nil, Pooling: "mean", Positions: "learned"}
	p, hidden := shapes[pos], shapes[fc1]
	if e.Depth == 0 || len(p) != 3 || len(hidden) != 2 {
		return nil, fmt.Errorf("%s: is that of a vision transformer, but %s, %s and %s are not all there", patch, pos, fmt.Sprintf(block, 0), fc1)
	}
	lead := 0
	if e.ClassToken {
		e.Pooling, lead = "class", 1
	}
	e.MLPRatio = float64(hidden[0]) / float64(e.Dim)
	rows := int(math.Sqrt(float64(p[1] - lead)))
	if rows < 1 || rows*rows != p[1]-lead {
		return nil, fmt.Errorf("%s: holds %d positions, which are no square of patches and %d more", pos, p[1], lead)
	}
	if e.Heads = e.Dim / 64; e.Heads == 0 || e.Dim%64 != 0 {
		e.Heads = 1
		for h := 2; h <= 16 && e.Dim%h == 0 && e.Dim/h >= 16; h++ {
			e.Heads = h
		}
	}
	r := &Recognised{Type: "vit", Encoder: e, Scheme: scheme, Example: []int{w[1], rows * e.Patch, rows * e.Patch}}
	r.Guessed = append(r.Guessed, fmt.Sprintf("heads = %d", e.Heads), fmt.Sprintf("pool = %q", e.Pooling))
	return r, nil
}

func recogniseResNet(shapes map[string][]int) (*Recognised, error) {
	w := shapes["conv1.weight"]
	if w == nil || shapes["layer1.0.conv1.weight"] == nil {
		return nil, nil
	}
	if len(w) != 4 || slices.Min(w) < 1 {
		return nil, fmt.Errorf("conv1.weight: is %v, want (width, channels, kernel, kernel)", w)
	}
	e := &ResNet{Width: w[0], Stem: "small", Block: basic}
	if shapes["layer1.0.conv3.weight"] != nil {
		e.Block = bottleneck
		if inner := shapes["layer1.0.conv1.weight"]; len(inner) == 4 && inner[0] != e.Width {
			return nil, fmt.Errorf("layer1.0.conv1.weight: is %v: blocks of %d channels behind a stem of %d are those of a wide or grouped network (Wide ResNet, ResNeXt), which is not known; ResNet-50, -101 and -152 are", inner, inner[0], e.Width)
		}
	}
	if w[2] == 7 {
		e.Stem = "large"
	}
	for stage := 1; ; stage++ {
		n := count(shapes, fmt.Sprintf("layer%d.%%d.conv1.weight", stage))
		if n == 0 {
			break
		}
		e.Blocks = append(e.Blocks, n)
	}
	if fc := shapes["fc.weight"]; fc != nil && shapes["head.weight"] != nil {
		if len(fc) != 2 {
			return nil, fmt.Errorf("fc.weight: is %v, want (code, width)", fc)
		}
		e.Code = fc[0]
	}
	side := map[string]int{"small": 32, "large": 224}[e.Stem]
	return &Recognised{Type: "resnet", Encoder: e, Scheme: "torchvision", Example: []int{w[1], side, side}}, nil
}

func recogniseMLP(shapes map[string][]int) (*Recognised, error) {
	type module struct{ at, dims, rows, cols int }
	var list []module
	for name, s := range shapes {
		var at int
		var rest string
		if n, _ := fmt.Sscanf(name, "%d.%s", &at, &rest); n != 2 || rest != "weight" || len(s) < 1 || len(s) > 2 || at < 0 {
			continue
		}
		list = append(list, module{at, len(s), s[0], s[len(s)-1]})
	}
	slices.SortFunc(list, func(a, b module) int { return a.at - b.at })
	if len(list) == 0 || list[0].at != 0 || list[0].dims != 2 {
		return nil, nil
	}
	e := &MLP{Activation: "relu", LayerNorm: len(list) > 1 && list[1].dims == 1}
	var linear []module
	for _, m := range list {
		if m.dims == 2 {
			linear = append(linear, m)
		}
	}
	for i, m := range linear[:len(linear)-1] {
		if linear[i+1].cols != m.rows {
			return nil, fmt.Errorf("%d.weight: takes %d values, and the layer before gives %d", linear[i+1].at, linear[i+1].cols, m.rows)
		}
		e.Hidden = append(e.Hidden, m.rows)
	}
	e.Code = linear[len(linear)-1].rows
	scheme := "torch"
	if len(linear) > 1 {
		each := 2
		if e.LayerNorm {
			each++
		}
		if linear[1].at == each+1 {
			scheme = "torchvision"
		} else if linear[1].at != each {
			return nil, fmt.Errorf("%d.weight: is %d modules after the layer before, want %d (with its activation) or %d (and a dropout)", linear[1].at, linear[1].at, each, each+1)
		}
	}
	in := linear[0].cols
	return &Recognised{Type: "mlp", Encoder: e, Scheme: scheme, Example: []int{in}, Guessed: []string{`activation = "relu"`}}, nil
}

// Nearest are up to n of names that are most like a name: by the parts that they share
// from the beginning and from the end.
func Nearest(name string, names []string, n int) []string {
	like := func(other string) int {
		a, b := strings.Split(name, "."), strings.Split(other, ".")
		score := 0
		for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
			score += 2
		}
		for i := 1; i <= min(len(a), len(b)) && a[len(a)-i] == b[len(b)-i]; i++ {
			score++
		}
		for _, part := range a {
			if slices.Contains(b, part) {
				score++
			}
		}
		return score
	}
	list := slices.Clone(names)
	slices.SortStableFunc(list, func(a, b string) int { return like(b) - like(a) })
	return list[:min(n, len(list))]
}
