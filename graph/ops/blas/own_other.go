//go:build !amd64

package blas

// ownPaths lists our assembly that this CPU can run: there is none but for amd64.
func ownPaths() []ownPath { return nil }
