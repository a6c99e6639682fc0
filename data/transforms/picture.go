// Package transforms turns pictures into the bytes a source holds, bytes into
// the numbers a network sees, and both back into pictures to look at.
package transforms

import (
	"fmt"
	"image"
	"image/color"
	stddraw "image/draw"

	"golang.org/x/image/draw"
)

// A Fit is how a picture of any size becomes a square one.
type Fit string

const (
	Crop    Fit = "crop"    // scale the shorter side, keep the middle square
	Stretch Fit = "stretch" // scale both sides, whatever the shape
)

// Check says what is accepted where f is neither Crop nor Stretch.
func (f Fit) Check() error {
	if f != Crop && f != Stretch {
		return fmt.Errorf("resize: is %q, want %q (scale the shorter side, keep the middle) or %q", string(f), Crop, Stretch)
	}
	return nil
}

// Planes writes img as size x size bytes in the order (channels, size, size):
// 1 channel is luma (ITU-R BT.601), 3 are red, green, blue. Transparent parts
// are shown over white. Scaling is bilinear with the filter widened when a
// picture is made smaller, so that it does not alias. dst has room for
// channels·size² bytes; it panics otherwise.
func Planes(dst []byte, img image.Image, channels, size int, fit Fit) {
	r := img.Bounds()
	if fit == Crop {
		side := min(r.Dx(), r.Dy())
		r.Min.X += (r.Dx() - side) / 2
		r.Min.Y += (r.Dy() - side) / 2
		r.Max = r.Min.Add(image.Pt(side, side))
	}
	out := image.NewRGBA(image.Rect(0, 0, size, size))
	switch o, ok := img.(interface{ Opaque() bool }); {
	case ok && o.Opaque() && r.Dx() == size && r.Dy() == size:
		stddraw.Draw(out, out.Rect, img, r.Min, stddraw.Src)
	case ok && o.Opaque():
		draw.BiLinear.Scale(out, out.Rect, img, r, draw.Src, nil)
	default:
		stddraw.Draw(out, out.Rect, image.NewUniform(color.White), image.Point{}, stddraw.Src)
		draw.BiLinear.Scale(out, out.Rect, img, r, draw.Over, nil)
	}
	n := size * size
	dst = dst[:channels*n]
	for i := range n {
		p := out.Pix[4*i : 4*i+3 : 4*i+3]
		if channels == 1 {
			dst[i] = byte((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
			continue
		}
		dst[i], dst[n+i], dst[2*n+i] = p[0], p[1], p[2]
	}
}

// Picture shows the (C, H, W) bytes of one example: 1 channel as grey, 3 as
// colour; of any other number only the first is shown.
func Picture(pixels []byte, shape []int) (image.Image, error) {
	if len(shape) != 3 {
		return nil, fmt.Errorf("a picture has the shape (channels, height, width), not %v", shape)
	}
	c, h, w := shape[0], shape[1], shape[2]
	if c < 1 || h < 1 || w < 1 || len(pixels) != c*h*w {
		return nil, fmt.Errorf("%d bytes are no picture of %v", len(pixels), shape)
	}
	if c != 3 {
		return &image.Gray{Pix: pixels[:h*w], Stride: w, Rect: image.Rect(0, 0, w, h)}, nil
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range h * w {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = pixels[i], pixels[h*w+i], pixels[2*h*w+i], 255
	}
	return img, nil
}

// Sheet lays pictures of one shape (C, H, W) side by side, columns to a row,
// each pixel drawn as scale x scale (nearest neighbour) and a gap of 2 between
// the tiles. It is where originals and reconstructions are compared: give them
// in turns. A nil picture leaves its place empty, and a column of nothing else is
// narrow.
func Sheet(pictures [][]byte, shape []int, columns, scale int) (*image.RGBA, error) {
	const gap = 2
	if len(pictures) == 0 {
		return nil, fmt.Errorf("a sheet of no pictures")
	}
	if columns < 1 || scale < 1 {
		return nil, fmt.Errorf("a sheet of %d columns at scale %d: both are at least 1", columns, scale)
	}
	if len(shape) != 3 {
		return nil, fmt.Errorf("a picture has the shape (channels, height, width), not %v", shape)
	}
	columns = min(columns, len(pictures))
	h, w := shape[1]*scale, shape[2]*scale
	left := make([]int, columns+1) // of each column, and the end of the last
	for j := range columns {
		left[j+1] = left[j] + max(1, w/4) + gap
		for i := j; i < len(pictures); i += columns {
			if pictures[i] != nil {
				left[j+1] = left[j] + w + gap
				break
			}
		}
	}
	rows := (len(pictures) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, gap+left[columns], gap+rows*(h+gap)))
	for i, p := range pictures {
		if p == nil {
			continue
		}
		img, err := Picture(p, shape)
		if err != nil {
			return nil, fmt.Errorf("picture %d: %w", i, err)
		}
		at := image.Pt(gap+left[i%columns], gap+i/columns*(h+gap))
		tile := image.Rect(at.X, at.Y, at.X+w, at.Y+h)
		stddraw.Draw(sheet, tile.Inset(-gap), image.NewUniform(color.Gray{128}), image.Point{}, stddraw.Src)
		draw.NearestNeighbor.Scale(sheet, tile, img, img.Bounds(), draw.Src, nil)
	}
	return sheet, nil
}
