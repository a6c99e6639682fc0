// Package runs reads what lies in the folders of runs: where a run stands, how it
// was set, what came out. It only ever reads, takes no lock, and so disturbs no
// training; what stands in a folder may come from anyone, and is bounded.
package runs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a run's folder.
const (
	RunFile        = "run.toml"
	MetricsFile    = "metrics.jsonl"
	TagsFile       = "tags.txt"
	VocabularyFile = "vocabulary.tsv" // of a run whose examples are words
	CheckpointsDir = "checkpoints"
	EvalsDir       = "evals"
	SamplesDir     = "samples"
	TransferDir    = "transfer" // what probes and transfers found
	InspectDir     = "inspect"  // what was drawn by looking inside
)

// A Folder is that of a run.
type Folder struct {
	Name  string // for people: its path below the folder that was asked for, or its last part
	Files fs.FS
}

// Open gives the folder of a run. What is missing in it is found out by whoever
// looks for it.
func Open(dir string) (Folder, error) {
	if err := IsDir(dir); err != nil {
		return Folder{}, err
	}
	name := filepath.Clean(dir)
	if abs, err := filepath.Abs(dir); err == nil {
		name = abs
	}
	return Folder{filepath.Base(name), os.DirFS(dir)}, nil
}

// IsDir says in words what is wrong with a folder that a person names.
func IsDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such folder", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file; want a folder", dir)
	}
	return nil
}

// Named opens the folder of a run that a person names; an error says what is there
// where it is none.
func Named(dir string) (Folder, error) {
	f, err := Open(dir)
	if err != nil || Is(f.Files) {
		return f, err
	}
	below, err := Find(f.Files)
	if err != nil || len(below) == 0 {
		return f, fmt.Errorf("%s is not the folder of a run: it has no %s", dir, RunFile)
	}
	for i, name := range below {
		below[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	more := ""
	if n := len(below) - 3; n > 0 {
		below, more = below[:3], fmt.Sprintf(" and %d more", n)
	}
	return f, fmt.Errorf("%s is not the folder of a run; in it are %s%s", dir, strings.Join(below, ", "), more)
}

// Is reports whether a folder is that of a run.
func Is(files fs.FS) bool { return isRun(files, ".") }

// isRun reports whether the folder at a path is that of a run.
func isRun(files fs.FS, at string) bool {
	for _, name := range []string{RunFile, MetricsFile} {
		if info, err := fs.Stat(files, path.Join(at, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// maxDepth is how far below a folder runs are looked for: sweeps lie two deep.
const maxDepth = 4

// Find lists the runs in a folder and in those below it, by their path and in its
// order. It does not look into the folders of runs, nor where a link points.
func Find(files fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			return nil // a folder that may not be read, or has just gone
		case !d.IsDir():
			return nil
		case name == ".":
		case strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		}
		if isRun(files, name) { // not through fs.Sub, which asks about a file by opening it
			found = append(found, name)
			return fs.SkipDir
		}
		if strings.Count(name, "/") >= maxDepth-1 {
			return fs.SkipDir
		}
		return nil
	})
	slices.Sort(found)
	return found, err
}

// OpenFile opens a file, and no other kind of thing: a pipe that lies in a folder
// would keep its reader waiting.
func OpenFile(files fs.FS, name string) (fs.File, fs.FileInfo, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is not a file", name)
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// ReadFile reads a file of at most limit bytes, and no other kind of thing.
func ReadFile(files fs.FS, name string, limit int64) ([]byte, error) {
	f, info, err := OpenFile(files, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: has %d bytes, more than the %d that are read", name, info.Size(), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

const (
	maxTags    = 32
	maxTagSize = 64 // bytes
)

// Tags are the words that a person has put on a run, in their order.
func Tags(files fs.FS) []string {
	text, err := ReadFile(files, TagsFile, maxTags*(maxTagSize+2))
	if err != nil {
		return nil
	}
	var tags []string
	for line := range strings.Lines(string(text)) {
		if tag := strings.TrimSpace(line); CheckTag(tag) == nil && !slices.Contains(tags, tag) && len(tags) < maxTags {
			tags = append(tags, tag)
		}
	}
	return tags
}

// CheckTag says what is wrong with a tag.
func CheckTag(tag string) error {
	if tag == "" || len(tag) > maxTagSize || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ',' }) {
		return fmt.Errorf("tag %q: want 1 to %d letters without blank or comma", tag, maxTagSize)
	}
	return nil
}

// Artefacts lists the files of a run by their path, at most so many.
func Artefacts(files fs.FS, most int) (list []Artefact, err error) {
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || len(list) == most {
			return fs.SkipDir
		}
		if strings.HasPrefix(path.Base(name), ".") && name != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, Artefact{name, info.Size()})
		}
		return nil
	})
	return list, err
}

// An Artefact is a file of a run.
type Artefact struct {
	Name string // its path in the run's folder
	Size int64  // bytes
}
