package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s: left out, the page would become too large", path)
	}
	return b, nil
}

// plain writes an error for the page: paths as the run's folder has them.
func plain(dir string, err error) string {
	s := strings.ReplaceAll(err.Error(), filepath.Clean(dir)+string(filepath.Separator), "")
	return strings.TrimPrefix(s, "open ")
}
