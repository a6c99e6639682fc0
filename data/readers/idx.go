package readers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	// Unpacking is most of what a run on MNIST needs to start; this takes 0.6 of
	// the standard library's time.
	"github.com/klauspost/compress/gzip"

	"x2vec/data"
)

// The IDX format (Y. LeCun, yann.lecun.com/exdb/mnist): two zero bytes, the type
// of the values (8 = unsigned byte), the number of dimensions, each dimension as
// a big-endian uint32, and the values.

// maxUnpacked bounds what one file may unpack to; the largest set that is known,
// EMNIST by class, has 0.55 GB.
const maxUnpacked = 4 << 30

// deflateRatio is the most that a byte of DEFLATE can unpack to (RFC 1951: 258
// bytes from 2 bits).
const deflateRatio = 1032

// readIDX reads a whole IDX file of unsigned bytes, packed by gzip or not.
func readIDX(name string, dims int) (shape []int, values []byte, err error) {
	f, size, err := openFileOf(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	shape, values, err = parseIDX(f, size, dims)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return shape, values, nil
}

// parseIDX reads size bytes of r. Nothing is allocated on the word of a header
// that the bytes themselves do not bear out.
func parseIDX(r io.Reader, size int64, dims int) (shape []int, values []byte, err error) {
	var first [2]byte
	n, err := io.ReadFull(r, first[:])
	if err != nil {
		return nil, nil, fmt.Errorf("is cut off: %d bytes are no IDX file", n)
	}
	r = io.MultiReader(bytes.NewReader(first[:]), r)
	limit := size
	packed := first == [2]byte{0x1f, 0x8b}
	if packed {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fmt.Errorf("gzip header: %w", cutOff(err))
		}
		r, limit = z, size*deflateRatio
	}
	header := make([]byte, 4+4*dims)
	if n, err := io.ReadFull(r, header[:4]); err != nil {
		return nil, nil, fmt.Errorf("is cut off in the header, after %d bytes: %w", n, cutOff(err))
	}
	switch {
	case header[0] != 0 || header[1] != 0:
		return nil, nil, fmt.Errorf("is no IDX file: it begins with % x, want 00 00 08 %02x", header[:4], dims)
	case header[2] != 8:
		return nil, nil, fmt.Errorf("holds values of type %#02x; only unsigned bytes (0x08) are read", header[2])
	case int(header[3]) != dims:
		return nil, nil, fmt.Errorf("has %d dimensions (magic %d), want %d (magic %d)", header[3], binary.BigEndian.Uint32(header), dims, 0x800+dims)
	}
	if n, err := io.ReadFull(r, header[4:]); err != nil {
		return nil, nil, fmt.Errorf("is cut off in the header, after %d bytes: %w", 4+n, cutOff(err))
	}
	total := int64(1)
	for i := range dims {
		d := int64(binary.BigEndian.Uint32(header[4+4*i:]))
		if d == 0 {
			return nil, nil, fmt.Errorf("dimension %d is 0: there is nothing in it", i)
		}
		shape = append(shape, int(d))
		if total > maxUnpacked/d {
			return nil, nil, fmt.Errorf("its header promises %v values, more than %d GB", shape, maxUnpacked>>30)
		}
		total *= d
	}
	if have := limit - int64(len(header)); total > have && !packed {
		return nil, nil, fmt.Errorf("is cut off: its header promises %v = %d values, there are %d", shape, total, max(have, 0))
	} else if total > have {
		return nil, nil, fmt.Errorf("is damaged: its header promises %v = %d values, which %d packed bytes cannot hold", shape, total, size)
	}
	values, err = readUpTo(r, make([]byte, 0, min(total, max(8*size, 1<<16))), total)
	if err != nil {
		return nil, nil, fmt.Errorf("is damaged after %d of %d values: %w", len(values), total, cutOff(err))
	}
	if int64(len(values)) < total {
		return nil, nil, fmt.Errorf("is cut off: its header promises %v = %d values, there are %d", shape, total, len(values))
	}
	// Reading on to the end also has gzip check its sum.
	switch n, err := io.CopyN(io.Discard, r, 1); {
	case n > 0:
		return nil, nil, fmt.Errorf("has bytes after the %d values that its header promises", total)
	case err != io.EOF:
		return nil, nil, fmt.Errorf("is damaged at its end: %w", cutOff(err))
	}
	return shape, values, nil
}

// readUpTo appends to buf until it has n bytes or r ends; its memory grows with
// what comes.
func readUpTo(r io.Reader, buf []byte, n int64) ([]byte, error) {
	for int64(len(buf)) < n {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(n, max(1<<16, 2*int64(cap(buf))))), buf...)
		}
		m, err := r.Read(buf[len(buf):min(int64(cap(buf)), n)])
		buf = buf[:len(buf)+m]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// cutOff says "the file is cut off" where the standard library says EOF.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends too early")
	}
	return err
}

// idxSet is what is known of a data set in IDX form.
type idxSet struct {
	classes   []string
	mean, std float32 // of the training pixels
}

var digits = strings.Fields("0 1 2 3 4 5 6 7 8 9")

// Means and deviations: MNIST, Fashion-MNIST by their files; KMNIST as published
// with the set (github.com/rois-codh/kmnist). Others are not known.
var idxSets = map[string]idxSet{
	"mnist":         {digits, 0.1307, 0.3081},
	"fashion-mnist": {fashionClasses, 0.2860, 0.3530},
	"kmnist":        {strings.Fields("o ki su tsu na ha ma ya re wo"), 0.1918, 0.3483},
}

var fashionClasses = []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}

// EMNIST's variants and their classes (Cohen et al. 2017, arXiv:1702.05373,
// table II; "merge" has those lower-case letters alone that look different from
// the capital).
const upper, lower = "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z", "a b c d e f g h i j k l m n o p q r s t u v w x y z"

var emnistClasses = map[string][]string{
	"balanced": strings.Fields("0 1 2 3 4 5 6 7 8 9 " + upper + " a b d e f g h n q r t"),
	"bymerge":  strings.Fields("0 1 2 3 4 5 6 7 8 9 " + upper + " a b d e f g h n q r t"),
	"byclass":  strings.Fields("0 1 2 3 4 5 6 7 8 9 " + upper + " " + lower),
	"letters":  strings.Fields(lower),
	"digits":   digits,
	"mnist":    digits,
}

// openIDX reads the images and labels of one split from a folder.
func openIDX(dir string, o Options) (data.Source, error) {
	images, variant, err := findIDX(dir, "images-idx3", o)
	if err != nil {
		return nil, err
	}
	labelFile, _, err := findIDX(dir, "labels-idx1", o)
	if err != nil {
		return nil, err
	}
	shape, pixels, err := readIDX(images, 3)
	if err != nil {
		return nil, err
	}
	n, labels, err := readIDX(labelFile, 1)
	if err != nil {
		return nil, err
	}
	if n[0] != shape[0] {
		return nil, fmt.Errorf("%s: holds %d images, but %s %d labels; they are not of one set", images, shape[0], filepath.Base(labelFile), n[0])
	}
	spec := data.Spec{Name: o.Name, Split: o.Split, Shape: []int{1, shape[1], shape[2]}}
	set, known := idxSets[o.Name]
	switch {
	case o.Name == "emnist":
		spec.Name, spec.Classes = "emnist-"+variant, emnistClasses[variant]
		if variant == "letters" { // counted from 1 in the files
			if i := slices.Index(labels, 0); i >= 0 {
				return nil, fmt.Errorf("%s: label of example %d is 0, want 1 to 26", labelFile, i)
			}
			for i := range labels {
				labels[i]--
			}
		}
		if !o.AsStored { // the files hold every image transposed
			transpose(pixels, shape[0], shape[1], shape[2])
			spec.Shape[1], spec.Shape[2] = shape[2], shape[1]
		}
	case known:
		spec.Classes, spec.Mean, spec.Std = set.classes, []float32{set.mean}, []float32{set.std}
	default:
		for i := range int(slices.Max(labels)) + 1 {
			spec.Classes = append(spec.Classes, strconv.Itoa(i))
		}
	}
	if err := checkLabels(labelFile, labels, len(spec.Classes)); err != nil {
		return nil, err
	}
	return newMemory(spec, pixels, labels), nil
}

// transpose turns each of n images of (h, w) into its mirror along the diagonal.
func transpose(pixels []byte, n, h, w int) {
	from := make([]byte, h*w)
	for i := range n {
		image := pixels[i*h*w : (i+1)*h*w]
		copy(from, image)
		for y := range h {
			for x := range w {
				image[x*h+y] = from[y*w+x]
			}
		}
	}
}

// findIDX finds the file of a split by the names that are in use: train- and
// t10k- or test-, with "-idx" or ".idx", packed or not, EMNIST's with the
// variant in front. An unpacked file is preferred, being quicker to read.
func findIDX(dir, kind string, o Options) (file, variant string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", "", err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	found := map[string]string{} // by variant
	look := func(names []string) {
		for _, name := range names {
			v, ok := idxName(path.Base(name), kind, o.Split)
			if !ok || o.Name == "emnist" && (emnistClasses[v] == nil || o.Variant != "" && v != o.Variant) || o.Name != "emnist" && v != "" {
				continue
			}
			if old, twice := found[v]; !twice || strings.HasSuffix(old, ".gz") {
				found[v] = name
			}
		}
	}
	if look(names); len(found) == 0 && o.Name == "emnist" && slices.Contains(names, emnistArchive) {
		inside, err := namesIn(filepath.Join(dir, emnistArchive))
		if err != nil {
			return "", "", err
		}
		look(inside)
	}
	variants := make([]string, 0, len(found))
	for v := range found {
		variants = append(variants, v)
	}
	slices.Sort(variants)
	switch len(variants) {
	case 0:
		name := map[string]string{"train": "train-", "test": "t10k-"}[o.Split] + kind + "-ubyte"
		if o.Name == "emnist" {
			name = "emnist-" + o.Variant + "-" + o.Split + "-" + kind + "-ubyte"
		}
		return "", "", fmt.Errorf("%s: no %s or %s.gz in it", dir, name, name)
	case 1:
		return filepath.Join(dir, filepath.FromSlash(found[variants[0]])), variants[0], nil
	}
	return "", "", fmt.Errorf("%s holds several sets; variant is one of %s", dir, strings.Join(variants, ", "))
}

// idxName reports whether a file name is of the kind and split, and which
// variant it names.
func idxName(name, kind, split string) (variant string, ok bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	name, ok = strings.CutSuffix(strings.ReplaceAll(name, ".", "-"), kind+"-ubyte")
	if !ok {
		return "", false
	}
	for _, s := range map[string][]string{"train": {"train-"}, "test": {"t10k-", "test-"}}[split] {
		if v, ok := strings.CutSuffix(name, s); ok {
			v = strings.TrimSuffix(v, "-")
			return strings.TrimPrefix(v, "emnist-"), true
		}
	}
	return "", false
}
