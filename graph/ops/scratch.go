package ops

import (
	"sync"

	"x2vec/graph/ops/mem"
)

// scratch holds memory that kernels need only while they run. The operations of
// a graph run one after the other, so that one buffer as large as the largest
// need serves them all, and stays in the cache between them.
var scratch struct {
	sync.Mutex
	free [][]float32
}

// borrow returns n values of any content, until they are given back.
func borrow(n int) []float32 {
	scratch.Lock()
	defer scratch.Unlock()
	best, largest := -1, -1
	for i, b := range scratch.free {
		if cap(b) >= n && (best < 0 || cap(b) < cap(scratch.free[best])) {
			best = i
		}
		if largest < 0 || cap(b) > cap(scratch.free[largest]) {
			largest = i
		}
	}
	if best >= 0 {
		return take(best)[:n]
	}
	if largest >= 0 {
		take(largest) // too small for this step, so for every later one too: let it go
	}
	return mem.Floats(n)
}

func take(i int) []float32 {
	f := scratch.free
	b := f[i]
	last := len(f) - 1
	f[i], f[last] = f[last], nil
	scratch.free = f[:last]
	return b
}

func giveBack(b []float32) {
	scratch.Lock()
	scratch.free = append(scratch.free, b)
	scratch.Unlock()
}
