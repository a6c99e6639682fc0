package blas

import (
	"sync"

	"x2vec/graph/ops/par"
)

// forkFlops is the size from which a product is worth waking other goroutines:
// about 10 µs of one core at 100 GFLOPS, against some 2 µs for the fork.
const forkFlops = 1 << 20

// blocks is one product split into blocks of rows, or of columns, of C; it serves
// the engines that have nothing better. The blocks depend on the shape alone: a
// library may sum in another order for another shape.
type blocks struct {
	operands
	engine *engineType
	then   then
	byRow  func(lo, hi int)
	byCol  func(lo, hi int)
}

var blocksPool = sync.Pool{New: func() any {
	s := new(blocks)
	s.byRow = func(lo, hi int) {
		p := s.part(lo, hi, 0, s.n)
		s.engine.serial(p)
		s.then.call(lo, hi, 0, s.n)
	}
	s.byCol = func(lo, hi int) {
		p := s.part(0, s.m, lo, hi)
		s.engine.serial(p)
		s.then.call(0, s.m, lo, hi)
	}
	return s
}}

// blockOf cuts n rows or columns into an even number of nearly equal blocks, up to
// 16: a library packs the other matrix anew for each, so they are 128 wide or more
// where that leaves two.
func blockOf(n int) int {
	blocks := min(16, max(2, n/128&^1))
	return max(1, ((n+blocks-1)/blocks+15)&^15)
}

// inBlocks runs the product on blocks of its rows or of its columns.
func inBlocks(e *engineType, o operands, t then) {
	if o.flops() < forkFlops {
		e.serial(o)
		t.call(0, o.m, 0, o.n)
		return
	}
	s := blocksPool.Get().(*blocks)
	s.operands, s.engine, s.then = o, e, t
	if t.columns() && o.n > o.m {
		par.For(o.n, blockOf(o.n), s.byCol)
	} else {
		par.For(o.m, blockOf(o.m), s.byRow)
	}
	s.operands, s.then = operands{}, then{}
	blocksPool.Put(s)
}
