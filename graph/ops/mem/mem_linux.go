package mem

import "golang.org/x/sys/unix"

// advise asks for large pages from address lo to hi: for what is not used yet, and
// for what lies in small pages already (Linux 6.1 and later). It is advice: where
// it can't be had, nothing is lost, and there is nobody to tell.
func advise(lo, hi uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, lo, hi-lo, unix.MADV_HUGEPAGE)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, lo, hi-lo, unix.MADV_COLLAPSE)
}
