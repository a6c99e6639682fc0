package checkpoints

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// A DType is the type of an array's elements, by its safetensors name.
type DType string

// The types that are written. F16 and BF16 are read too, as F32.
const (
	F32  DType = "F32"
	F64  DType = "F64"
	I64  DType = "I64"
	I32  DType = "I32"
	U8   DType = "U8"
	Bool DType = "BOOL"

	f16  DType = "F16"
	bf16 DType = "BF16"
)

// dtypes are all that are known, in the order of their data in a file: that of
// the reference writer, in which every element is aligned to its size.
var dtypes = []DType{I64, F64, F32, I32, bf16, f16, U8, Bool}

// size is the number of bytes of one element in a file, 0 for an unknown type.
func (d DType) size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case f16, bf16:
		return 2
	case U8, Bool:
		return 1
	}
	return 0
}

// An Array is a named, row-major block of numbers. Exactly one of the slices is
// set, also where the array is empty; it holds one value an element of Shape.
// An empty Shape is a single number.
type Array struct {
	Name  string
	Shape []int

	F32  []float32
	F64  []float64
	I64  []int64
	I32  []int32
	U8   []byte
	Bool []bool
}

// DType says which of the slices is set; it is empty where none is.
func (a Array) DType() DType {
	switch {
	case a.F32 != nil:
		return F32
	case a.F64 != nil:
		return F64
	case a.I64 != nil:
		return I64
	case a.I32 != nil:
		return I32
	case a.U8 != nil:
		return U8
	case a.Bool != nil:
		return Bool
	}
	return ""
}

// Len is the number of elements that are there.
func (a Array) Len() int {
	return len(a.F32) + len(a.F64) + len(a.I64) + len(a.I32) + len(a.U8) + len(a.Bool)
}

// check says what is wrong with an array that is to be written.
func (a Array) check() error {
	set := 0
	for _, is := range []bool{a.F32 != nil, a.F64 != nil, a.I64 != nil, a.I32 != nil, a.U8 != nil, a.Bool != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("array %q: %d of its slices are set, want exactly one", a.Name, set)
	}
	n, ok := elements(a.Shape)
	if !ok {
		return fmt.Errorf("array %q: shape %v is negative or too large", a.Name, a.Shape)
	}
	if n != a.Len() {
		return fmt.Errorf("array %q: shape %v has %d elements, but %d values are given", a.Name, a.Shape, n, a.Len())
	}
	return nil
}

// bytes is the array's memory as it stands in a little-endian file. Only on a
// big-endian machine is it a copy.
func (a Array) bytes() []byte {
	var b []byte
	switch a.DType() {
	case F32:
		b = memory(a.F32)
	case F64:
		b = memory(a.F64)
	case I64:
		b = memory(a.I64)
	case I32:
		b = memory(a.I32)
	case U8:
		return a.U8
	case Bool:
		return memory(a.Bool)
	}
	if bigEndian {
		b = slices.Clone(b)
		swapBytes(b, a.DType().size())
	}
	return b
}

// elements is the product of a shape, and whether it is one: no dimension below
// zero, no overflow (in bytes of the widest type).
func elements(shape []int) (n int, ok bool) {
	if slices.Min(append([]int{0}, shape...)) < 0 {
		return 0, false
	}
	if slices.Contains(shape, 0) {
		return 0, true
	}
	n = 1
	for _, d := range shape {
		if n > math.MaxInt/8/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// memory is the memory of x, seen as bytes in the machine's own order.
func memory[T any](x []T) []byte {
	var element T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(element)))
}

// bigEndian says that numbers in memory have their highest byte first.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// swapBytes turns round the bytes of each element.
func swapBytes(b []byte, size int) {
	for i := 0; i+size <= len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
}

// halfToFloat is the value of an IEEE 754 binary16 number.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero and subnormal: fraction · 2⁻²⁴, which a float32 holds exactly
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
