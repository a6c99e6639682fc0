package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"slices"

	pixels "golang.org/x/image/draw"

	"x2vec/trainers/runs"
)

// Limits of a page that carries its pictures.
const (
	maxAll    = 3 << 20  // bytes of all pictures together, so that a page has less than 5 MB
	maxRead   = 64 << 20 // bytes of a file that is drawn anew in less
	maxPixels = 16 << 20 // of a picture that is drawn anew
	minSide   = 64       // pixels of its longer side
)

// A carried is a picture as a page carries it.
type carried struct {
	URI           template.URL
	Width, Height int  // of the file
	Size          int  // bytes that the page carries
	Reduced       bool // it is drawn with less detail than the file has
}

// readPNG reads a picture for a page that has so many bytes left for it: as it is or,
// where that is too much, with less detail.
func readPNG(files fs.FS, name string, room int) (p carried, err error) {
	b, err := runs.ReadFile(files, name, maxRead)
	if err != nil {
		return p, err
	}
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return p, fmt.Errorf("%s: is no whole PNG: %w", name, err)
	}
	p = carried{Width: c.Width, Height: c.Height}
	kind := "png"
	if len(b) > room {
		if c.Width > maxPixels/max(1, c.Height) {
			return p, fmt.Errorf("%s: %d by %d pixels are too many for this page", name, c.Width, c.Height)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			return p, fmt.Errorf("%s: is no whole PNG: %w", name, err)
		}
		if b, err = reduce(img, room); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		kind, p.Reduced = "jpeg", true
	}
	p.Size = len(b)
	p.URI = template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b))
	return p, nil
}

// reduce draws a picture as a JPEG of at most room bytes: first with less detail, then
// with fewer pixels.
func reduce(img image.Image, room int) ([]byte, error) {
	// What is see-through becomes grey, which stands on light pages and on dark ones.
	opaque := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	pixels.Draw(opaque, opaque.Rect, image.NewUniform(color.Gray{128}), image.Point{}, pixels.Src)
	pixels.Draw(opaque, opaque.Rect, img, img.Bounds().Min, pixels.Over)
	quality := 85
	for {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, opaque, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() <= room {
			return b.Bytes(), nil
		}
		if quality > 65 {
			quality -= 10
			continue
		}
		size := opaque.Rect.Size()
		if max(size.X, size.Y)*2/3 < minSide {
			return nil, errors.New("there is no room for it on this page")
		}
		next := image.NewRGBA(image.Rect(0, 0, max(1, size.X*2/3), max(1, size.Y*2/3)))
		pixels.ApproxBiLinear.Scale(next, next.Rect, opaque, opaque.Rect, pixels.Src, nil)
		opaque = next
	}
}

// shareOut gives the most bytes that a file may take so that all fit into room: those
// that are smaller leave what they do not need to the others.
func shareOut(sizes []int, room int) int {
	sizes = slices.Sorted(slices.Values(sizes))
	for i, size := range sizes {
		each := room / (len(sizes) - i)
		if size > each {
			return each
		}
		room -= size
	}
	return math.MaxInt
}
