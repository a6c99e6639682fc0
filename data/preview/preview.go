// Package preview shows a batch as a network will see it.
package preview

import (
	"fmt"
	"image/png"
	"os"
	"slices"

	"x2vec/data"
	"x2vec/data/internal/durable"
	"x2vec/data/transforms"
)

// Options say how a sheet is laid out; the zero value of each is its default.
type Options struct {
	Columns int // pictures a row; 0 = 10, or the frames of a clip
	Scale   int // each pixel is drawn as Scale x Scale; 0 = small pictures become about 64 wide
}

// Write draws the pictures of a batch, (N, C, H, W) bytes, or its clips, (N, F, C, H, W),
// one a row, and writes them to
// the PNG file path, which is complete or not there at all.
func Write(path string, b *data.Batch, o Options) error {
	shape := b.Spec.Shape
	if b.Spec.Clip() {
		if shape = shape[1:]; o.Columns == 0 {
			o.Columns = b.Spec.Shape[0]
		}
	} else if !b.Spec.Image() {
		return fmt.Errorf("%s holds no pictures: an example has the shape %v", b.Spec.Name, b.Spec.Shape)
	}
	if o.Columns == 0 {
		o.Columns = 10
	}
	if o.Scale == 0 {
		o.Scale = max(1, 64/shape[2])
	}
	pictures := slices.Collect(slices.Chunk(b.Pixels, shape[0]*shape[1]*shape[2]))
	sheet, err := transforms.Sheet(pictures, shape, o.Columns, o.Scale)
	if err != nil {
		return err
	}
	return durable.Write(path, func(f *os.File) error { return png.Encode(f, sheet) })
}
