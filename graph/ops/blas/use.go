package blas

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// engineType is one way to compute products.
type engineType struct {
	name   string
	serial func(o operands)         // on the calling goroutine; m, n, k > 0
	all    func(o operands, t then) // on all threads; m, n, k > 0
}

// ownPath is our assembly for one instruction set.
type ownPath struct {
	option, name string
	*kernels
}

var (
	inUse  atomic.Pointer[engineType]
	choose sync.Mutex
	log    []string
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

// Name says what is in use, for example "own (AVX-512)".
func Name() string { return engine().name }

// Log returns what the last Use had to pass over and why, and what it chose, a line each.
func Log() []string {
	choose.Lock()
	defer choose.Unlock()
	return append([]string(nil), log...)
}

// Accepted are the choices of Use, for people.
const Accepted = "auto, own, own-avx512, own-avx2, own-go, openblas, mkl, blis, accelerate, gonum, or the path of a library"

// Use chooses what computes the products from now on:
//
//	auto         the first of own (AVX-512, AVX2), openblas, mkl, blis, accelerate, gonum that works here
//	own          the best of our assembly that the CPU can run; own-avx512, own-avx2 ask for one of them
//	own-go       plain Go: slow, the reference for tests
//	openblas, mkl, blis, accelerate, or a path (anything with a / or \ in it, or ending in .so, .dylib, .dll)
//	             a library of the machine, loaded without cgo
//	gonum        gonum's, always there
//
// If what is asked for does not work here, Use says why and leaves in use what was.
func Use(name string) error {
	choose.Lock()
	defer choose.Unlock()
	var lines []string
	e, err := find(name, &lines)
	if err != nil {
		return err
	}
	log = append(lines, "matrix products by "+e.name)
	inUse.Store(e)
	return nil
}

// find makes the engine of that name and notes in log what it had to pass over.
func find(name string, log *[]string) (*engineType, error) {
	own := ownPaths()
	switch name {
	case "auto":
		if len(own) > 0 {
			return own[0].engine(), nil
		}
		return findElsewhere(log), nil
	case "own":
		if len(own) > 0 {
			return own[0].engine(), nil
		}
		return nil, fmt.Errorf("%s: needs an amd64 CPU with AVX-512, or AVX2 and FMA", name)
	case "own-avx512", "own-avx2":
		for _, p := range own {
			if p.option == name {
				return p.engine(), nil
			}
		}
		return nil, fmt.Errorf("%s: this CPU has no such instructions", name)
	case "own-go":
		return splitting(&engineType{name: "own (plain Go)", serial: plain}), nil
	case "gonum":
		return gonumEngine(), nil
	}
	for _, l := range libraries {
		if l.name == name {
			return l.load(log)
		}
	}
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".so") || strings.HasSuffix(name, ".dylib") || strings.HasSuffix(name, ".dll") {
		return library{name: name, files: []string{name}}.load(log)
	}
	return nil, fmt.Errorf("blas %q: no such choice; Accepted are %s", name, Accepted)
}

// findElsewhere goes through the libraries and ends with gonum.
func findElsewhere(log *[]string) *engineType {
	for _, l := range libraries {
		e, err := l.load(log)
		if err == nil {
			return e
		}
		*log = append(*log, err.Error())
	}
	return gonumEngine()
}

func (p ownPath) engine() *engineType {
	return &engineType{name: p.name, serial: p.kernels.serial, all: p.all}
}

// splitting completes an engine that can only compute on one goroutine.
func splitting(e *engineType) *engineType {
	e.all = func(o operands, t then) { inBlocks(e, o, t) }
	return e
}
