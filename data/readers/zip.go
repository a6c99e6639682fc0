package readers

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// emnistArchive is the one file in which EMNIST is given away: the files of all its
// variants, each packed by itself.
const emnistArchive = "gzip.zip"

// inArchive splits the name of a file that is in an archive, DIR/gzip.zip/gzip/NAME.
func inArchive(name string) (archive, member string, ok bool) {
	mark := string(filepath.Separator) + emnistArchive
	at := strings.Index(name, mark+string(filepath.Separator))
	if at < 0 {
		return "", "", false
	}
	at += len(mark)
	if info, err := os.Stat(name[:at]); err != nil || info.IsDir() {
		return "", "", false // it was unpacked into a folder of that name
	}
	return name[:at], filepath.ToSlash(name[at+1:]), true
}

// namesIn lists the files in an archive, each after the archive's own name.
func namesIn(archive string) ([]string, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, fmt.Errorf("%s: is damaged: %w", archive, cutOff(err))
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, filepath.Base(archive)+"/"+f.Name)
	}
	return names, nil
}

// openFileOf opens a file, also one in an archive, and gives its size.
func openFileOf(name string) (io.ReadCloser, int64, error) {
	archive, member, ok := inArchive(name)
	if !ok {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		return f, info.Size(), nil
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: is damaged: %w", archive, cutOff(err))
	}
	for _, f := range z.File {
		if f.Name != member {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("%s: %w", name, err), z.Close())
		}
		// What the archive says of the size is not to be trusted further than its bytes.
		return packed{r, z}, int64(min(f.UncompressedSize64, deflateRatio*f.CompressedSize64)), nil
	}
	return nil, 0, errors.Join(fmt.Errorf("%s: is not in the archive any more", name), z.Close())
}

// packed is a file of an archive that is closed with it.
type packed struct {
	io.ReadCloser
	archive io.Closer
}

func (m packed) Close() error { return errors.Join(m.ReadCloser.Close(), m.archive.Close()) }
