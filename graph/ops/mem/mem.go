// Package mem makes the large arrays of numbers that kernels go through.
//
// A processor keeps the addresses of some 2,000 pages at hand. At 4 KiB each that
// is 8 MiB, less than one activation of a batch: a product of matrices whose rows
// are a page apart then waits for the address of every row, on virtual machines
// longest. Linux has pages of 2 MiB for those who ask; Go's allocator doesn't.
package mem

import "unsafe"

const (
	// hugePage is the size of a large page on the machines that have assembly here.
	hugePage = 2 << 20
	// worth is the size in bytes from which an array asks for large pages. It may
	// be less than one: neighbours in the heap are large too.
	worth = 256 << 10
)

// Floats returns n zeros. They belong to Go's heap, as if by make; where they are
// many, the memory is in large pages if the system has some.
func Floats(n int) []float32 {
	x := make([]float32, n)
	if size := 4 * n; size >= worth {
		first := uintptr(unsafe.Pointer(&x[0]))
		advise(first&^(hugePage-1), (first+uintptr(size)+hugePage-1)&^(hugePage-1))
	}
	return x
}
