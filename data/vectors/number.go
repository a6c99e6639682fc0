package vectors

import (
	"encoding/binary"
	"math"
	"strconv"
)

// whole reads a positive whole number.
func whole(b []byte) (int, bool) {
	n, err := strconv.ParseInt(string(b), 10, 48)
	return int(n), err == nil && n > 0
}

// number reads a finite number.
func number(b []byte) (float32, bool) {
	x, err := strconv.ParseFloat(string(b), 32)
	return float32(x), err == nil && !math.IsInf(x, 0) && !math.IsNaN(x)
}

// appendNumber writes the shortest text that reads back as the same number.
func appendNumber(b []byte, x float32) []byte { return strconv.AppendFloat(b, float64(x), 'g', -1, 32) }

func decode(dst []float32, b []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
}

func encode(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}
