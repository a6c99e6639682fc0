// Gen makes the built-in part of Fashion-MNIST from the original files: the
// first images and labels of each split, in their order, packed again. It writes
// the same bytes every time.
//
//	go run ./data/readers/fashion/gen -from FOLDER -to data/readers/fashion
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "folder with the four files of Fashion-MNIST, packed, as downloaded")
	to := flag.String("to", "fashion", "folder to write to")
	train := flag.Int("train", 9000, "training images to keep")
	test := flag.Int("test", 2000, "test images to keep")
	flag.Parse()
	for _, f := range []struct {
		in, out string
		header  int // bytes
		size    int // bytes of one item
		keep    int
	}{
		{"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz", 16, 28 * 28, *train},
		{"train-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz", 8, 1, *train},
		{"t10k-images-idx3-ubyte.gz", "test-images-idx3-ubyte.gz", 16, 28 * 28, *test},
		{"t10k-labels-idx1-ubyte.gz", "test-labels-idx1-ubyte.gz", 8, 1, *test},
	} {
		packed, err := part(filepath.Join(*from, f.in), f.header, f.size, f.keep)
		if err != nil {
			log.Fatal(err)
		}
		out := filepath.Join(*to, f.out)
		if err := os.WriteFile(out, packed, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d items, %d bytes\n", out, f.keep, len(packed))
	}
}

// part is the first keep items of an IDX file, as an IDX file packed by gzip.
func part(path string, header, size, keep int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	raw := make([]byte, header+keep*size)
	if _, err := io.ReadFull(z, raw); err != nil {
		return nil, fmt.Errorf("%s: has fewer than %d items: %w", path, keep, err)
	}
	binary.BigEndian.PutUint32(raw[4:], uint32(keep))
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
