package ops

import (
	"sync"

	"x2vec/graph/ops/par"
)

// lanes gives each goroutine of a loop scratch memory of its own, while the
// chunks of the loop stay independent of how many goroutines there are.
type lanes struct {
	mu   sync.Mutex
	buf  []float32
	size int
	free []int
}

// open makes room of size values for each goroutine of the next loop.
func (l *lanes) open(size int) {
	n := par.Threads()
	l.buf, l.size = borrow(n*size), size
	l.free = l.free[:0]
	for i := range n {
		l.free = append(l.free, i)
	}
}

// take returns a lane that nobody else has, and its memory, of any content.
func (l *lanes) take() (lane int, mem []float32) {
	l.mu.Lock()
	last := len(l.free) - 1
	lane = l.free[last]
	l.free = l.free[:last]
	l.mu.Unlock()
	return lane, l.buf[lane*l.size:][:l.size:l.size]
}

// release hands a lane on to the next chunk.
func (l *lanes) release(lane int) {
	l.mu.Lock()
	l.free = append(l.free, lane)
	l.mu.Unlock()
}

// close gives the memory back.
func (l *lanes) close() {
	giveBack(l.buf)
	l.buf = nil
}
