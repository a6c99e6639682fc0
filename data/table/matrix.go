package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// maxMatrix bounds the values of an array that is read whole.
const maxMatrix = 1 << 26

// ReadNPY reads an array of NumPy: float or whole numbers of 4 or 8 bytes, row-major.
func ReadNPY(path string) (x []float64, shape []int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if x, shape, err = decodeNPY(f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, shape, nil
}

var (
	npyType  = regexp.MustCompile(`'descr': *'([<|=])(f4|f8|i4|i8)'`)
	npyOrder = regexp.MustCompile(`'fortran_order': *False`)
	npyShape = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

func decodeNPY(r io.Reader) ([]float64, []int, error) {
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:6]) != "\x93NUMPY" {
		return nil, nil, errors.New("is no .npy file")
	}
	length := int(binary.LittleEndian.Uint16(head[8:]))
	switch head[6] {
	case 1:
	case 2, 3: // two more bytes of the length
		more := make([]byte, 2)
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, nil, errors.New("ends in its header")
		}
		length |= int(binary.LittleEndian.Uint16(more)) << 16
	default:
		return nil, nil, fmt.Errorf("is of version %d of the format, want 1 to 3", head[6])
	}
	if length > 1<<16 {
		return nil, nil, fmt.Errorf("has a header of %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, nil, errors.New("ends in its header")
	}
	kind, dims := npyType.FindSubmatch(text), npyShape.FindSubmatch(text)
	if kind == nil || dims == nil || !npyOrder.Match(text) {
		return nil, nil, fmt.Errorf("its header is %.100q; want numbers of type f4, f8, i4 or i8, little-endian, in C order", text)
	}
	n, shape := 1, []int{}
	for d := range strings.SplitSeq(string(dims[1]), ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		size, err := strconv.Atoi(d)
		if err != nil || size < 0 || size > maxMatrix || size > 0 && n > maxMatrix/size {
			return nil, nil, fmt.Errorf("its shape is (%s); want at most %d values", dims[1], maxMatrix)
		}
		n *= size
		shape = append(shape, size)
	}
	width := int(kind[2][1] - '0')
	var x []float64
	for raw := make([]byte, 4096*width); len(x) < n; { // what is not there takes no memory
		some := raw[:min(len(raw), (n-len(x))*width)]
		if _, err := io.ReadFull(r, some); err != nil {
			return nil, nil, fmt.Errorf("ends after %d of its %d values", len(x), n)
		}
		for ; len(some) > 0; some = some[width:] {
			x = append(x, npyValue(string(kind[2]), some))
		}
	}
	return x, shape, nil
}

func npyValue(kind string, b []byte) float64 {
	switch kind {
	case "f4":
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case "f8":
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case "i4":
		return float64(int32(binary.LittleEndian.Uint32(b)))
	}
	return float64(int64(binary.LittleEndian.Uint64(b)))
}
