//go:build (darwin || freebsd || linux) && (amd64 || arm64) && !nodlopen

package blas

import (
	"errors"

	"github.com/ebitengine/purego"
)

// open loads a shared library and returns the address of its sgemm_ and, from
// OpenBLAS, the name of the CPU that its kernels are for.
func open(file string) (sgemm uintptr, core string, err error) {
	h, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, "", err
	}
	sgemm, err = purego.Dlsym(h, "sgemm_")
	if err != nil || sgemm == 0 {
		return 0, "", errors.Join(errors.New("it has no function sgemm_"), purego.Dlclose(h))
	}
	for _, name := range []string{"openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads"} {
		if f, err := purego.Dlsym(h, name); err == nil {
			purego.SyscallN(f, 1)
		}
	}
	if f, err := purego.Dlsym(h, "openblas_get_corename"); err == nil {
		var corename func() string
		purego.RegisterFunc(&corename, f)
		core = corename()
	}
	return sgemm, core, nil
}

func call(f uintptr, args ...uintptr) { purego.SyscallN(f, args...) }
