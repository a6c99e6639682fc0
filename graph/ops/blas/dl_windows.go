package blas

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// open loads a DLL and returns the address of its sgemm_; core stays empty.
func open(file string) (sgemm uintptr, core string, err error) {
	d, err := windows.LoadDLL(file)
	if err != nil {
		return 0, "", err
	}
	p, err := d.FindProc("sgemm_")
	if err != nil {
		return 0, "", errors.Join(errors.New("it has no function sgemm_"), d.Release())
	}
	for _, name := range []string{"openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads"} {
		if f, err := d.FindProc(name); err == nil {
			syscall.SyscallN(f.Addr(), 1)
		}
	}
	return p.Addr(), "", nil
}

func call(f uintptr, args ...uintptr) { syscall.SyscallN(f, args...) }
