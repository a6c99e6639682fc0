package checkpoints

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

const (
	// maxDims bounds the dimensions of a tensor; PyTorch allows 64.
	maxDims = 64
	// maxMembers bounds the tensors of a file, and with them the time that its
	// header takes: a second or two. The format has no such limit.
	maxMembers = 1 << 17
)

// A File is what a safetensors file holds.
type File struct {
	// Meta is the __metadata__ of the file; nil where there is none.
	Meta map[string]string
	// Arrays stand in the order of their data in the file.
	Arrays []Array
	index  map[string]int
}

// Array gives the array of that name, and whether there is one. It shares its
// memory with the File.
func (f *File) Array(name string) (Array, bool) {
	i, ok := f.index[name]
	if !ok {
		return Array{}, false
	}
	return f.Arrays[i], true
}

// Names are those of the arrays, in the order of the file.
func (f *File) Names() []string {
	names := make([]string, len(f.Arrays))
	for i, a := range f.Arrays {
		names[i] = a.Name
	}
	return names
}

// ReadSafetensors reads a whole safetensors file into memory. F16 and BF16
// become float32. The file need not be trusted: a fault is an error that says
// where it is, and no more memory is asked for than the file's size calls for.
func ReadSafetensors(path string) (*File, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := DecodeSafetensors(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// DecodeSafetensors reads the size bytes of a safetensors file from r, from the
// first to the last in order.
func DecodeSafetensors(r io.Reader, size int64) (*File, error) {
	layout, meta, err := readLayout(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Meta: meta, Arrays: make([]Array, len(layout)), index: make(map[string]int, len(layout))}
	for i, t := range layout {
		if f.Arrays[i], err = t.read(r); err != nil {
			return nil, fmt.Errorf("tensor %.100q: %w", t.name, err)
		}
		f.index[t.name] = i
	}
	return f, nil
}

// openRegular opens a file for reading and gives its size. Anything but a plain
// file is refused before it is opened: opening a pipe would wait.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a plain file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, cause(err))
	}
	return f, info.Size(), nil
}

// A tensorInfo is one entry of the header. Offsets count from its end.
type tensorInfo struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int64
}

// readLayout reads the header and holds it against the size of the file: the
// tensors, in the order of their data, fill it without gap or overlap.
func readLayout(r io.Reader, size int64) ([]tensorInfo, map[string]string, error) {
	var length [8]byte
	if size < 8 {
		return nil, nil, fmt.Errorf("not a safetensors file: %d bytes, want at least 8", size)
	}
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, nil, fmt.Errorf("header: %w", cutOff(err))
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, nil, fmt.Errorf("not a safetensors file: its header would have %d bytes, the format allows %d", n, maxHeader)
	}
	if int64(n) > size-8 {
		return nil, nil, fmt.Errorf("cut off: the header has %d bytes, but %d follow", n, size-8)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, fmt.Errorf("header: %w", cutOff(err))
	}
	tensors, meta, err := parseHeader(header)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	slices.SortStableFunc(tensors, func(a, b tensorInfo) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	data, at := size-8-int64(n), int64(0)
	for _, t := range tensors {
		switch elements, ok := elements(t.shape); {
		case !ok:
			return nil, nil, fmt.Errorf("tensor %.100q: shape %v is negative or too large", t.name, t.shape)
		case t.end < t.begin || t.end-t.begin != int64(elements)*int64(t.dtype.size()):
			return nil, nil, fmt.Errorf("tensor %.100q: offsets %d to %d do not hold %v of %s", t.name, t.begin, t.end, t.shape, t.dtype)
		case t.begin < at:
			return nil, nil, fmt.Errorf("tensor %.100q: begins at %d, inside the one before it, which ends at %d", t.name, t.begin, at)
		case t.begin > at:
			return nil, nil, fmt.Errorf("tensor %.100q: begins at %d, leaving a gap after %d", t.name, t.begin, at)
		case t.end > data:
			return nil, nil, fmt.Errorf("cut off: tensor %.100q ends at %d, the data at %d", t.name, t.end, data)
		}
		at = t.end
	}
	if at != data {
		return nil, nil, fmt.Errorf("the tensors end at %d, the data at %d", at, data)
	}
	return tensors, meta, nil
}

// read reads the tensor's data, which are the next of r.
func (t tensorInfo) read(r io.Reader) (Array, error) {
	a := Array{Name: t.name, Shape: t.shape}
	n := int((t.end - t.begin) / int64(t.dtype.size()))
	var err error
	switch t.dtype {
	case F32:
		a.F32, err = readSlice[float32](r, n)
	case F64:
		a.F64, err = readSlice[float64](r, n)
	case I64:
		a.I64, err = readSlice[int64](r, n)
	case I32:
		a.I32, err = readSlice[int32](r, n)
	case U8:
		a.U8, err = readSlice[byte](r, n)
	case Bool:
		var raw []byte
		raw, err = readSlice[byte](r, n)
		a.Bool = make([]bool, len(raw))
		for i, b := range raw {
			if b > 1 {
				return a, fmt.Errorf("a BOOL is %d at index %d, want 0 or 1", b, i)
			}
			a.Bool[i] = b == 1
		}
	case f16, bf16:
		var raw []uint16
		raw, err = readSlice[uint16](r, n)
		a.F32 = make([]float32, len(raw))
		for i, h := range raw {
			if t.dtype == f16 {
				a.F32[i] = halfToFloat(h)
			} else {
				a.F32[i] = math.Float32frombits(uint32(h) << 16)
			}
		}
	}
	return a, err
}

// readSlice reads n little-endian numbers.
func readSlice[T uint8 | uint16 | int32 | int64 | float32 | float64](r io.Reader, n int) ([]T, error) {
	x := make([]T, n)
	b := memory(x)
	for block := range slices.Chunk(b, blockSize) {
		if _, err := io.ReadFull(r, block); err != nil {
			return nil, cutOff(err)
		}
	}
	if bigEndian && n > 0 {
		swapBytes(b, len(b)/n)
	}
	return x, nil
}

// cutOff says in plain words that a file ended early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut off")
	}
	return err
}
