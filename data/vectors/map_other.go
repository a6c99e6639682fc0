//go:build !unix

package vectors

// mapped gives the bytes of a file.
func mapped(path string) ([]byte, func() error, error) { return read(path) }
