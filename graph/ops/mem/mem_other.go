//go:build !linux

package mem

func advise(lo, hi uintptr) {}
