package blas

import "golang.org/x/sys/cpu"

// ownPaths lists our assembly that this CPU can run, the best first.
func ownPaths() []ownPath {
	var p []ownPath
	if cpu.X86.HasAVX512F {
		p = append(p, ownPath{"own-avx512", "own (AVX-512)", &avx512Kernels})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		p = append(p, ownPath{"own-avx2", "own (AVX2)", &avx2Kernels})
	}
	return p
}
