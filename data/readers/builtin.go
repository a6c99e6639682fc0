package readers

import (
	"bytes"
	"embed"
	"fmt"

	"x2vec/data"
)

// fashion holds a part of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017,
// arXiv:1708.07747; MIT licence, in the folder): its first 9,000 training and
// its first 2,000 test images in the original order.
//
//go:generate go run ./fashion/gen -from $X2VEC_DATA/fashion-mnist -to fashion
//go:embed fashion/*.gz
var fashion embed.FS

func openBuiltin(o Options) (data.Source, error) {
	shape, pixels, err := embedded(o.Split+"-images-idx3-ubyte.gz", 3)
	if err != nil {
		return nil, err
	}
	n, labels, err := embedded(o.Split+"-labels-idx1-ubyte.gz", 1)
	if err != nil {
		return nil, err
	}
	if n[0] != shape[0] {
		return nil, fmt.Errorf("the built-in data holds %d images and %d labels", shape[0], n[0])
	}
	set := idxSets["fashion-mnist"]
	return newMemory(data.Spec{
		Name: "builtin (a part of fashion-mnist)", Split: o.Split, Shape: []int{1, shape[1], shape[2]},
		Classes: set.classes, Mean: []float32{set.mean}, Std: []float32{set.std},
	}, pixels, labels), nil
}

func embedded(name string, dims int) ([]int, []byte, error) {
	raw, err := fashion.ReadFile("fashion/" + name)
	if err != nil {
		return nil, nil, err
	}
	shape, values, err := parseIDX(bytes.NewReader(raw), int64(len(raw)), dims)
	if err != nil {
		return nil, nil, fmt.Errorf("built-in %s: %w", name, err)
	}
	return shape, values, nil
}
