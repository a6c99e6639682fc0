package nets

import (
	"fmt"
	"strconv"
	"strings"
)

// A Layered encoder says how deep in it a parameter lies, so that finetuning can give
// layers near the input a lower rate (Bao et al. 2022, arXiv:2106.08254, appendix H).
type Layered interface {
	Encoder
	// Layer is the depth of the parameter at a path within the encoder, from 0 for what
	// touches the input, and the number of layers, which is the depth of a head.
	Layer(path string) (layer, layers int)
}

// numbered is the number at the end of the first name of a path that begins with
// prefix: 3 of conv3/weight.
func numbered(path, prefix string) (int, bool) {
	name, _, _ := strings.Cut(path, "/")
	digits, ok := strings.CutPrefix(name, prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil
}

// Layer implements Layered: one for each linear layer.
func (e *MLP) Layer(path string) (layer, layers int) {
	layers = len(e.Hidden) + 1
	for _, prefix := range []string{"fc", "norm"} {
		if n, ok := numbered(path, prefix); ok {
			return n, layers
		}
	}
	return 0, layers
}

// Layer implements Layered: one for each convolution, and one for the code.
func (e *Conv) Layer(path string) (layer, layers int) {
	layers = len(e.Channels) + 1
	for _, prefix := range []string{"conv", "norm"} {
		if n, ok := numbered(path, prefix); ok {
			return n, layers
		}
	}
	return layers - 1, layers
}

// Layer implements Layered: the stem, one for each block, one for the code where it has
// a layer of its own.
func (e *ResNet) Layer(path string) (layer, layers int) {
	layers = 1
	for i, n := range e.Blocks {
		if rest, ok := strings.CutPrefix(path, fmt.Sprintf("layer%d/", i+1)); ok {
			j, _, _ := strings.Cut(rest, "/")
			block, _ := strconv.Atoi(j)
			layer = layers + block
		}
		layers += n
	}
	if strings.HasPrefix(path, "fc/") {
		layer = layers
	}
	if e.Code > 0 {
		layers++
	}
	return layer, layers
}

// Layer implements Layered: the embedding of patches with their positions and the class
// token, one for each block, and the last norm with the head.
func (e *ViT) Layer(path string) (layer, layers int) {
	layers = e.Depth + 1
	if rest, ok := strings.CutPrefix(path, "blocks/"); ok {
		i, _, _ := strings.Cut(rest, "/")
		block, _ := strconv.Atoi(i)
		return block + 1, layers
	}
	if strings.HasPrefix(path, "norm/") {
		return layers, layers
	}
	return 0, layers
}

var (
	_ Layered = (*MLP)(nil)
	_ Layered = (*Conv)(nil)
	_ Layered = (*ResNet)(nil)
	_ Layered = (*ViT)(nil)
)
