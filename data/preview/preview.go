// Package preview shows a batch as a network will see it.
package preview

import (
	"fmt"
	"image/png"
	"os"

	"x2vec/data"
	"x2vec/data/internal/durable"
	"x2vec/data/transforms"
)

// Options say how a sheet is laid out; the zero value of each is its default.
type Options struct {
	Columns int // pictures a row; 0 = 10
	Scale   int // each pixel is drawn as Scale x Scale; 0 = small pictures become about 64 wide
}

// Write draws the pictures of a batch, (N, C, H, W) bytes, and writes them to
// the PNG file path, which is complete or not there at all.
func Write(path string, b *data.Batch, o Options) error {
	if !b.Spec.Image() {
		return fmt.Errorf("%s holds no pictures: an example has the shape %v", b.Spec.Name, b.Spec.Shape)
	}
	if o.Columns == 0 {
		o.Columns = 10
	}
	if o.Scale == 0 {
		o.Scale = max(1, 64/b.Spec.Shape[2])
	}
	size := b.Spec.Size()
	pictures := make([][]byte, b.N())
	for i := range pictures {
		pictures[i] = b.Pixels[i*size : (i+1)*size]
	}
	sheet, err := transforms.Sheet(pictures, b.Spec.Shape, o.Columns, o.Scale)
	if err != nil {
		return err
	}
	return durable.Write(path, func(f *os.File) error { return png.Encode(f, sheet) })
}
