package nets

import (
	"fmt"
	"slices"
	"strings"
)

// A Portable encoder has twins in other libraries, whose files keep the same weights
// under other names and in other shapes.
type Portable interface {
	Encoder
	// Schemes are the libraries by whose names the weights can go, the usual one first.
	Schemes() []string
	// Foreign says what a parameter of that path within the encoder and that shape is in
	// a library; shape is its own, example that of an example. ok is false where it has
	// no place there.
	Foreign(scheme, path string, shape, example []int) (f Foreign, ok bool)
	// Head is what a linear classifier on the code is called there, without .weight and
	// .bias.
	Head(scheme string) string
}

// Foreign is a parameter as another library keeps it. The values of View, the own array
// seen in more axes, stand there in the order of the axes Order, and in the shape Shape;
// without a View in the own order.
type Foreign struct {
	Name  string
	Shape []int
	View  []int
	Order []int
}

// Out gives own values in the other library's order.
func (f Foreign) Out(own []float32) []float32 {
	if f.View == nil {
		return slices.Clone(own)
	}
	out := make([]float32, len(own))
	f.walk(func(mine, theirs int) { out[theirs] = own[mine] })
	return out
}

// In gives the other library's values in the own order.
func (f Foreign) In(theirs []float32) []float32 {
	if f.View == nil {
		return slices.Clone(theirs)
	}
	own := make([]float32, len(theirs))
	f.walk(func(mine, other int) { own[mine] = theirs[other] })
	return own
}

// walk visits all values by their place in both orders.
func (f Foreign) walk(visit func(mine, theirs int)) {
	stride := make([]int, len(f.View)) // there, by own axis
	n := 1
	for _, axis := range slices.Backward(f.Order) {
		stride[axis] = n
		n *= f.View[axis]
	}
	at := make([]int, len(f.View))
	for mine := range n {
		theirs := 0
		for axis, i := range at {
			theirs += i * stride[axis]
		}
		visit(mine, theirs)
		for axis := len(at) - 1; axis >= 0; axis-- {
			if at[axis]++; at[axis] < f.View[axis] {
				break
			}
			at[axis] = 0
		}
	}
}

// dotted is a path with the dots that PyTorch has between names.
func dotted(path string) string { return strings.ReplaceAll(path, "/", ".") }

// Schemes implements Portable: timm's VisionTransformer, which is that of the authors'
// masked autoencoder too, and torchvision's.
func (e *ViT) Schemes() []string { return []string{"timm", "torchvision"} }

// Foreign implements Portable.
func (e *ViT) Foreign(scheme, path string, shape, example []int) (Foreign, bool) {
	f := Foreign{Name: dotted(path), Shape: shape}
	vision := scheme == "torchvision"
	switch path {
	case "class_token": // (D)
		f.Name, f.Shape = "cls_token", []int{1, 1, e.Dim}
		if vision {
			f.Name = "class_token"
		}
		return f, true
	case "pos_embed": // (lead+T, D)
		f.Shape = append([]int{1}, shape...)
		if vision {
			f.Name = "encoder.pos_embedding"
		}
		return f, true
	case "patch_embed/weight": // (D, P·P·C) of patches whose channel is fastest; a convolution there
		c := example[0]
		f.Name, f.Shape = "patch_embed.proj.weight", []int{e.Dim, c, e.Patch, e.Patch}
		f.View, f.Order = []int{e.Dim, e.Patch, e.Patch, c}, []int{0, 3, 1, 2}
		if vision {
			f.Name = "conv_proj.weight"
		}
		return f, true
	case "patch_embed/bias":
		f.Name = "patch_embed.proj.bias"
		if vision {
			f.Name = "conv_proj.bias"
		}
		return f, true
	}
	if vision {
		f.Name = visionBlock(path)
	}
	return f, true
}

// visionBlock is torchvision's name of a parameter of the blocks or of the last norm.
func visionBlock(path string) string {
	if rest, ok := strings.CutPrefix(path, "norm/"); ok {
		return "encoder.ln." + rest
	}
	names := strings.Split(path, "/") // blocks/0/attn/qkv/weight
	within := strings.Join(names[2:], ".")
	for own, theirs := range map[string]string{"norm1.": "ln_1.", "norm2.": "ln_2.", "attn.qkv.": "self_attention.in_proj_",
		"attn.proj.": "self_attention.out_proj.", "mlp.fc1.": "mlp.0.", "mlp.fc2.": "mlp.3."} {
		if rest, ok := strings.CutPrefix(within, own); ok {
			return fmt.Sprintf("encoder.layers.encoder_layer_%s.%s%s", names[1], theirs, rest)
		}
	}
	return dotted(path)
}

// Head implements Portable.
func (e *ViT) Head(scheme string) string {
	if scheme == "torchvision" {
		return "heads.head"
	}
	return "head"
}

// Schemes implements Portable. timm has the same names.
func (e *ResNet) Schemes() []string { return []string{"torchvision", "timm"} }

// Foreign implements Portable: the own names are torchvision's.
func (e *ResNet) Foreign(_, path string, shape, _ []int) (Foreign, bool) {
	return Foreign{Name: dotted(path), Shape: shape}, true
}

// Head implements Portable. With a layer to the code the classifier stands after it.
func (e *ResNet) Head(string) string {
	if e.Code > 0 {
		return "head"
	}
	return "fc"
}

// Schemes implements Portable: an nn.Sequential of linear layers, norms, activations and,
// where there is dropout, dropouts, each of which counts; and torchvision.ops.MLP, which
// has a dropout always.
func (e *MLP) Schemes() []string { return []string{"torch", "torchvision"} }

// Foreign implements Portable.
func (e *MLP) Foreign(scheme, path string, shape, _ []int) (Foreign, bool) {
	name, leaf, _ := strings.Cut(path, "/")
	each := 2 // modules of a hidden layer
	if e.LayerNorm {
		each++
	}
	if e.Dropout > 0 || scheme == "torchvision" {
		each++
	}
	at := -1
	if n, ok := numbered(path, "fc"); ok {
		at = n * each
	} else if n, ok := numbered(path, "norm"); ok {
		at = n*each + 1
	}
	return Foreign{Name: fmt.Sprintf("%d.%s", at, leaf), Shape: shape}, at >= 0 && name != ""
}

// Head implements Portable.
func (e *MLP) Head(string) string { return "head" }

var (
	_ Portable = (*ViT)(nil)
	_ Portable = (*ResNet)(nil)
	_ Portable = (*MLP)(nil)
)
