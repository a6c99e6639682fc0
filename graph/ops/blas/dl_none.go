//go:build !windows && !((darwin || freebsd || linux) && (amd64 || arm64))

package blas

import "errors"

func open(string) (uintptr, string, error) {
	return 0, "", errors.New("libraries cannot be loaded on this platform")
}

func call(uintptr, ...uintptr) {}
