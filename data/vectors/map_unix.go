//go:build unix

package vectors

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapped gives the bytes of a file without reading them.
func mapped(path string) ([]byte, func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := info.Size()
	if !info.Mode().IsRegular() || size == 0 {
		return read(path)
	}
	if int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%s: %d bytes are too many for this machine", path, size)
	}
	raw, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return read(path) // a file system that cannot
	}
	return raw, func() error { return unix.Munmap(raw) }, nil
}
