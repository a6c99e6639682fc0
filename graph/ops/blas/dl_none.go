//go:build !windows && (nodlopen || !((darwin || freebsd || linux) && (amd64 || arm64)))

package blas

import "errors"

func open(string) (uintptr, string, error) {
	return 0, "", errors.New("this build cannot load libraries")
}

func call(uintptr, ...uintptr) {}
