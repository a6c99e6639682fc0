package ops

import "x2vec/graph/ops/vec"

// call holds the arguments of one Forward or Backward while its loops run. A
// function literal that captures them would be allocated at every step; instead
// a kernel binds its loop bodies once, in Shape, and they find these here.
type call struct {
	in   []Arg
	out  []float32
	dout []float32
	din  [][]float32
}

// elements is how many values one call of an elementwise loop takes: enough to
// be worth a fork, few enough for the cache of one core.
const elements = 1 << 14

// maxParts bounds how many partial sums a reduction makes.
const maxParts = 64

// rowChunk is how many of the rows, of cols values each, one call of a loop
// takes. It depends on the shape alone, and so do all sums taken by chunk.
func rowChunk(rows, cols int) int {
	return max(1, (rows+maxParts-1)/maxParts, elements/max(1, cols))
}

// parts is the number of chunks of n.
func parts(n, chunk int) int { return (n + chunk - 1) / chunk }

// addParts writes to dst the sum of the n partial sums that begin every stride
// values in part, in their order.
func addParts(dst, part []float32, n, stride int) {
	copy(dst, part[:len(dst)])
	for i := 1; i < n; i++ {
		vec.Add(dst, dst, part[i*stride:][:len(dst)])
	}
}

// total adds partial sums in their order.
func total(part []float64) (s float64) {
	for _, p := range part {
		s += p
	}
	return s
}
