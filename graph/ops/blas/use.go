package blas

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// engineType is one way to compute products.
type engineType struct {
	name   string
	serial func(o operands)                         // on the calling goroutine; m, n, k > 0
	rows   func(o operands, after func(lo, hi int)) // on all threads; m, n, k > 0
}

var (
	inUse  atomic.Pointer[engineType]
	choose sync.Mutex
)

// engine returns what is in use, and chooses the best the first time.
func engine() *engineType {
	if e := inUse.Load(); e != nil {
		return e
	}
	if err := Use("auto"); err != nil {
		panic("blas: " + err.Error()) // auto ends with gonum, which is always there
	}
	return inUse.Load()
}

// Name says what is in use.
func Name() string { return engine().name }

// Use chooses what computes the products.
func Use(name string) error {
	choose.Lock()
	defer choose.Unlock()
	switch name {
	case "auto", "own", "own-go":
		e := &engineType{name: "own (plain Go)", serial: plain}
		e.rows = func(o operands, after func(lo, hi int)) { inBlocks(e, o, after) }
		inUse.Store(e)
		return nil
	}
	return fmt.Errorf("blas: unknown name %q", name)
}
