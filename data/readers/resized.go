package readers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"x2vec/data"
	"x2vec/data/transforms"
)

// resized gives the pictures of a source in another size.
type resized struct {
	data.Source
	spec data.Spec
	fit  transforms.Fit
}

// resize gives the pictures of src as size x size pixels; src itself where they are
// that already.
func resize(src data.Source, size int, fit transforms.Fit) (data.Source, error) {
	spec := src.Spec()
	switch {
	case !spec.Image() || spec.Shape[0] != 1 && spec.Shape[0] != 3:
		return nil, fmt.Errorf("size: is %d, but the examples of %s have shape %v; only grey or colour pictures can be brought to a size", size, spec.Name, spec.Shape)
	case spec.Shape[1] == size && spec.Shape[2] == size:
		return src, nil
	}
	spec.Shape = []int{spec.Shape[0], size, size}
	return &resized{src, spec, fit}, nil
}

func (r *resized) Spec() data.Spec { return r.spec }

func (r *resized) Read(index int, into *data.Example) error {
	from := r.Source.Spec()
	whole := *into
	whole.Pixels = make([]byte, from.Size())
	if err := r.Source.Read(index, &whole); err != nil {
		return err
	}
	img, err := transforms.Picture(whole.Pixels, from.Shape)
	if err != nil {
		return err
	}
	transforms.Planes(into.Pixels, img, r.spec.Shape[0], r.spec.Shape[1], r.fit)
	into.Label, into.Factors = whole.Label, whole.Factors
	return nil
}

// Checksum is over that of the source and the size.
func (r *resized) Checksum() (string, error) {
	c, ok := r.Source.(data.Checksummer)
	if !ok {
		return "", fmt.Errorf("%s has no checksum", r.spec.Name)
	}
	sum, err := c.Checksum()
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(fmt.Appendln(nil, sum, "resized", r.spec.Shape, r.fit))
	return hex.EncodeToString(h[:]), nil
}
