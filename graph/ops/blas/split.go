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
	after  func(lo, hi int)
	byRow  func(lo, hi int)
	byCol  func(lo, hi int)
}

var blocksPool = sync.Pool{New: func() any {
	s := new(blocks)
	s.byRow = func(lo, hi int) {
		p := s.part(lo, hi, 0, s.n)
		s.engine.serial(p)
		if s.after != nil {
			s.after(lo, hi)
		}
	}
	s.byCol = func(lo, hi int) {
		p := s.part(0, s.m, lo, hi)
		s.engine.serial(p)
	}
	return s
}}

// inBlocks runs the product on blocks of at least 64 rows or columns, at most 16 of them.
func inBlocks(e *engineType, o operands, after func(lo, hi int)) {
	if o.flops() < forkFlops {
		e.serial(o)
		if after != nil {
			after(0, o.m)
		}
		return
	}
	s := blocksPool.Get().(*blocks)
	s.operands, s.engine, s.after = o, e, after
	if after == nil && o.n > o.m {
		par.For(o.n, max(64, (o.n+15)/16), s.byCol)
	} else {
		par.For(o.m, max(64, (o.m+15)/16), s.byRow)
	}
	s.operands, s.after = operands{}, nil
	blocksPool.Put(s)
}

// batch is a set of products of one shape.
type batch struct {
	operands
	engine                    *engineType
	strideA, strideB, strideC int
	run                       func(lo, hi int)
}

var batchPool = sync.Pool{New: func() any {
	s := new(batch)
	s.run = func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p := s.operands
			p.a, p.b, p.c = from(s.a, i*s.strideA), from(s.b, i*s.strideB), s.c[i*s.strideC:]
			serial(s.engine, p)
		}
	}
	return s
}}

// forEachProduct runs the products of a batch: side by side where there are many,
// one after the other, each on all threads, where they are few and large.
func forEachProduct(o operands, n, strideA, strideB, strideC int) {
	s := batchPool.Get().(*batch)
	s.operands, s.engine, s.strideA, s.strideB, s.strideC = o, engine(), strideA, strideB, strideC
	// A chunk is worth the fork, and small enough to share out evenly.
	switch chunk := max(1, forkFlops/max(1, o.flops())); {
	case n <= chunk:
		s.run(0, n)
	case n < 4 && o.k > 0:
		for i := range n {
			p := o
			p.a, p.b, p.c = o.a[i*strideA:], o.b[i*strideB:], o.c[i*strideC:]
			s.engine.rows(p, nil)
		}
	default:
		par.For(n, chunk, s.run)
	}
	s.operands = operands{}
	batchPool.Put(s)
}
