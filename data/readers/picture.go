package readers

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // the formats that image.Decode knows
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"

	"x2vec/data"
	"x2vec/data/transforms"
)

// What one picture may take, so that no file can exhaust the memory: a photograph
// of 64 megapixels, and 256 MB of file.
const (
	maxPixels    = 64 << 20
	maxFileBytes = 256 << 20
)

var pictureNames = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}

func isPicture(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(pictureNames, strings.ToLower(filepath.Ext(name)))
}

// pictureSize reads no more than the header of a picture.
func pictureSize(path string) (w, h int, err error) {
	defer data.Recover(&err, "looking at "+path)
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	c, err := header(f)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return c.Width, c.Height, nil
}

func header(r io.Reader) (image.Config, error) {
	c, _, err := image.DecodeConfig(r)
	switch {
	case errors.Is(err, image.ErrFormat):
		return c, errors.New("is no png, jpeg, gif, webp or bmp picture")
	case err != nil:
		return c, fmt.Errorf("is damaged: %w", cutOff(err))
	case c.Width < 1 || c.Height < 1:
		return c, fmt.Errorf("is empty: %dx%d", c.Width, c.Height)
	case c.Width > maxPixels/c.Height:
		return c, fmt.Errorf("has %dx%d pixels, more than %d megapixels", c.Width, c.Height, maxPixels>>20)
	}
	return c, nil
}

// decode writes the picture in raw as (channels, size, size) bytes, turned as its camera
// says: a square from the middle can be turned as well after it was cut. Its header
// is checked before any memory is taken on its word.
func decode(dst, raw []byte, channels, size int, fit transforms.Fit) error {
	c, err := header(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("is damaged: %w", cutOff(err))
	}
	if b := img.Bounds(); b.Dx() > c.Width || b.Dy() > c.Height || b.Empty() {
		return fmt.Errorf("is damaged: a frame of %dx%d in a picture of %dx%d", b.Dx(), b.Dy(), c.Width, c.Height)
	}
	transforms.Planes(dst, img, channels, size, fit)
	turn(dst[:channels*size*size], size, orientation(raw))
	return nil
}

// decodeFile is decode of a file, whose name its errors begin with.
func decodeFile(dst []byte, path string, channels, size int, fit transforms.Fit) (err error) {
	defer data.Recover(&err, "decoding "+path)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxFileBytes {
		return fmt.Errorf("%s: has %d MB, more than %d", path, info.Size()>>20, maxFileBytes>>20)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := decode(dst, raw, channels, size, fit); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
