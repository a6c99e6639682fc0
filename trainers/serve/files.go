package serve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"x2vec/trainers/runs"
)

// shown are the files that a browser may show, by how they end. All others it keeps:
// a page or a script that lies in a folder never runs here.
var shown = map[string]string{
	".png": "image/png", ".gif": "image/gif", ".jpg": "image/jpeg", ".webp": "image/webp", ".svg": "image/svg+xml",
	".json": "text/plain; charset=utf-8", ".jsonl": "text/plain; charset=utf-8", ".log": "text/plain; charset=utf-8",
	".toml": "text/plain; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".tsv": "text/plain; charset=utf-8", ".csv": "text/plain; charset=utf-8",
}

// filePolicy is that of a file: nothing in it loads or runs anything.
const filePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

// file gives a file of a run.
func (s *Server) file(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	if !fs.ValidPath(name) || slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") }) {
		return fs.ErrNotExist
	}
	_, files, err := s.folder.run(r.PathValue("run"))
	if err != nil {
		return err
	}
	if files.isLinked(name) { // it could lead out of the run
		return fs.ErrNotExist
	}
	f, info, err := runs.OpenFile(files, name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return refuse(http.StatusForbidden, "the server may not read %s", name)
	case err != nil: // no file, or none any more
		return fs.ErrNotExist
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		return fmt.Errorf("%s cannot be read", name)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", filePolicy)
	kind, known := shown[strings.ToLower(path.Ext(name))]
	if !known {
		kind = "application/octet-stream"
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)}))
	}
	h.Set("Content-Type", kind)
	if strings.HasPrefix(kind, "image/") { // pictures of a page that moves are not asked for each time
		h.Set("Cache-Control", "private, max-age=60")
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	// A log that grows is given as long as it was.
	http.ServeContent(w, r, "", info.ModTime(), io.NewSectionReader(readerAt{content}, 0, info.Size()))
	return nil
}

// readerAt reads at a place by going there; one goroutine at a time.
type readerAt struct{ io.ReadSeeker }

func (r readerAt) ReadAt(b []byte, off int64) (int, error) {
	if at, ok := r.ReadSeeker.(io.ReaderAt); ok {
		return at.ReadAt(b, off)
	}
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(r, b)
}
