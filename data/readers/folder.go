package readers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"x2vec/data"
	"x2vec/data/draw"
)

// cacheBytes is how much of a folder's decoded pictures is kept in memory:
// decoding a small JPEG takes a hundred times as long as copying its pixels.
const cacheBytes = 1 << 30

// folder is a source over picture files, which are decoded when they are read.
type folder struct {
	spec  data.Spec
	root  string
	o     Options
	files []pictureFile // of the split, in the order of their names

	cached []atomic.Pointer[[]byte] // pixels by example, while there is room
	room   atomic.Int64             // bytes that may still be cached
	warned sync.Map                 // files that were named already
	sum    func() (string, error)
}

type pictureFile struct {
	path  string // relative to root
	label int    // -1 = none

	factors []float32
	text    string  // its caption
	caption []int32 // that in tokens; nil where there are no captions
}

// The names under which a folder keeps its splits.
var splitNames = map[string][]string{
	"train": {"train", "training"},
	"test":  {"test", "testing", "val", "valid", "validation"},
}

// openFolder lists the pictures of a split. A folder may have the splits as
// subfolders; where it has none for test, a part of the pictures is set aside,
// by the seed alone. A subfolder of a split is a class; without subfolders there
// are no classes. A file of labels takes the place of all that.
func openFolder(root string, o Options) (data.Source, error) {
	files, classes, factors, err := listPairs(root, o)
	if err != nil {
		return nil, err
	}
	f := newFolder(root, o, files)
	return f, f.open(classes, factors)
}

func newFolder(root string, o Options, files []pictureFile) *folder {
	return &folder{root: root, o: o, files: files}
}

// open looks at the files and readies the folder.
func (f *folder) open(classes []string, factors []data.Factor) error {
	size, err := f.inspect()
	if err != nil {
		return err
	}
	if len(f.files) == 0 {
		return fmt.Errorf("%s: every picture of the %s split is damaged", f.root, f.o.Split)
	}
	f.spec = data.Spec{Name: filepath.Base(absolute(f.root)), Split: f.o.Split, Shape: []int{f.o.Channels, size, size}, Classes: classes, Factors: factors}
	f.o.Size = size
	if f.o.Captions != "" {
		if err := f.caption(); err != nil {
			return err
		}
	}
	f.cached = make([]atomic.Pointer[[]byte], len(f.files))
	f.room.Store(cacheBytes)
	f.sum = sync.OnceValues(f.checksum)
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// listSplit gives the pictures of o.Split under root, and the classes.
func listSplit(root string, o Options) ([]pictureFile, []string, error) {
	dirs := splitFolders(root)
	train, classes, err := listClasses(root, dirs["train"], nil, o)
	if err != nil {
		return nil, nil, err
	}
	if dirs["test"] != "" {
		if o.Split == "train" {
			return notEmpty(train, classes, root, dirs["train"])
		}
		test, _, err := listClasses(root, dirs["test"], classes, o)
		if err != nil {
			return nil, nil, err
		}
		return notEmpty(test, classes, root, dirs["test"])
	}
	if _, _, err := notEmpty(train, classes, root, dirs["train"]); err != nil {
		return nil, nil, err
	}
	if len(train) == 1 {
		return nil, nil, fmt.Errorf("%s: one picture cannot be split into train and test", root)
	}
	test := testPart(len(train), o)
	var part []pictureFile
	for i, f := range train {
		if test[i] == (o.Split == "test") {
			part = append(part, f)
		}
	}
	return part, classes, nil
}

// splitFolders are the folders of the splits that there are, by split; "." is that of
// train where there is none.
func splitFolders(root string) map[string]string {
	dirs := map[string]string{}
	for split, names := range splitNames {
		for _, name := range names {
			if isDir(filepath.Join(root, name)) && dirs[split] == "" {
				dirs[split] = name
			}
		}
	}
	if dirs["train"] == "" { // a class may be called "test"; only both, or train, are splits
		return map[string]string{"train": "."}
	}
	return dirs
}

// testPart says which of n pictures are for testing: the first of a random order, one
// at least, and one at least is not.
func testPart(n int, o Options) []bool {
	test := make([]bool, n)
	order := draw.NewPerm(draw.Key(o.Seed, "split", 0, 0), n)
	for i := range min(max(int(float64(n)*o.TestShare+0.5), 1), n-1) {
		test[order.At(i)] = true
	}
	return test
}

func notEmpty(files []pictureFile, classes []string, root, dir string) ([]pictureFile, []string, error) {
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s: no picture in it (%s)", filepath.Join(root, dir), strings.Join(pictureNames, " "))
	}
	return files, classes, nil
}

// listClasses lists the pictures of root/dir, the classes being its subfolders
// that hold any. Where the classes are given, a subfolder of another name is an error.
func listClasses(root, dir string, classes []string, o Options) ([]pictureFile, []string, error) {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return nil, nil, err
	}
	var flat, files []pictureFile
	given := classes
	for _, e := range entries { // sorted by name
		name := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "__MACOSX" {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.IsDir() { // Stat follows links
			if isPicture(e.Name()) {
				flat = append(flat, pictureFile{path: name, label: -1})
			}
			continue
		}
		inside, err := listPictures(root, name)
		if err != nil {
			return nil, nil, err
		}
		if len(inside) == 0 {
			continue
		}
		label := slices.Index(classes, e.Name())
		if label < 0 && given != nil {
			return nil, nil, fmt.Errorf("%s: the training pictures have no class %q; they have %s", filepath.Join(root, name), e.Name(), strings.Join(given, ", "))
		}
		if label < 0 {
			label = len(classes)
			classes = append(classes, e.Name())
		}
		for _, path := range inside {
			files = append(files, pictureFile{path: path, label: label})
		}
	}
	if len(files) == 0 {
		return flat, nil, nil
	}
	if len(flat) > 0 {
		o.warn("%s: %d pictures beside the class folders are left out, %s first", filepath.Join(root, dir), len(flat), flat[0].path)
	}
	return files, classes, nil
}

func listPictures(root, dir string) ([]string, error) {
	var found []string
	// The link is followed at the top alone, so that no cycle can be walked into.
	top, err := filepath.EvalSymlinks(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != top {
			return fs.SkipDir
		}
		if !e.IsDir() && isPicture(e.Name()) {
			inside, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			found = append(found, filepath.Join(dir, inside))
		}
		return nil
	})
	return found, err
}

// inspect reads the header of every picture. Damaged ones are refused, all named
// at once, or left out, as the options say. It gives the size of the examples.
func (f *folder) inspect() (size int, err error) {
	type seen struct {
		w, h int
		err  error
	}
	found := make([]seen, len(f.files))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) { // mostly waiting for the disk
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(found); i = int(next.Add(1)) - 1 {
				s := &found[i]
				s.w, s.h, s.err = pictureSize(filepath.Join(f.root, f.files[i].path))
			}
		})
	}
	wg.Wait()
	var sound []pictureFile
	var faults []error
	first := -1
	for i, s := range found {
		switch {
		case s.err != nil && f.o.OnDamaged == "keep":
			sound = append(sound, f.files[i])
			continue
		case s.err != nil:
			faults = append(faults, s.err)
			continue
		}
		sound = append(sound, f.files[i])
		if first < 0 {
			first = i
		}
		switch a := found[first]; {
		case f.o.Size > 0:
		case s.w != s.h:
			return 0, fmt.Errorf("%s: %s is %dx%d, no square; say by data.size how large the pictures shall be, as in data.size = 64", f.root, f.files[i].path, s.w, s.h)
		case s.w != a.w:
			return 0, fmt.Errorf("%s: the pictures are not all of one size (%s is %dx%d, %s is %dx%d); say by data.size how large they shall be",
				f.root, f.files[first].path, a.w, a.h, f.files[i].path, s.w, s.h)
		}
	}
	if len(faults) > 0 && f.o.OnDamaged == "refuse" {
		return 0, damaged(faults)
	}
	for _, err := range faults {
		f.o.warn("left out: %v", err)
	}
	f.files = sound
	switch {
	case f.o.Size > 0:
		f.tellEnlarged(func(i int) int { return max(found[i].w, found[i].h) }, len(found))
		return f.o.Size, nil
	case first < 0:
		return 1, nil // nothing can be read; check says so of every file
	case found[first].w > maxSide:
		return 0, fmt.Errorf("%s: the pictures are %dx%d, more than %d; say by data.size how large they shall be", f.root, found[first].w, found[first].h, maxSide)
	}
	return found[first].w, nil
}

// tellEnlarged warns where pictures are less than half as large as they are to be; side
// is the longer side of the i-th of n, 0 where it could not be read.
func (f *folder) tellEnlarged(side func(i int) int, n int) {
	small := 0
	for i := range n {
		if s := side(i); s > 0 && 2*s < f.o.Size {
			small++
		}
	}
	if small > 0 {
		f.o.warn("%s: %d of %d pictures are less than half as large as data.size = %d and are enlarged", f.root, small, n, f.o.Size)
	}
}

// damaged names the first few of the faults and counts the others.
func damaged(faults []error) error {
	const named = 5
	if more := len(faults) - named; more > 0 {
		faults = append(faults[:named:named], fmt.Errorf("and %d more are damaged", more))
	}
	return fmt.Errorf("%w (damaged = \"skip\" leaves such files out)", errors.Join(faults...))
}

func (f *folder) Spec() data.Spec { return f.spec }

// Label implements data.Labeller.
func (f *folder) Label(index int) int { return f.files[index].label }

func (f *folder) Len() int { return len(f.files) }

// File is the path of an example, for reports about it.
func (f *folder) File(index int) string { return filepath.Join(f.root, f.files[index].path) }

// Read decodes a picture. One that turns out to be damaged is an error that
// names it; where damaged ones are skipped, the next sound one of the same class stands
// in for it, the same every time.
func (f *folder) Read(index int, into *data.Example) error {
	if err := data.InRange(index, len(f.files)); err != nil {
		return err
	}
	var fault error
	for tried := range len(f.files) {
		i := (index + tried) % len(f.files)
		if f.files[i].label != f.files[index].label {
			continue
		}
		err := f.pixels(i, into.Pixels)
		if err == nil {
			into.Label = f.files[i].label
			copy(into.Factors, f.files[i].factors)
			copy(into.Caption, f.files[i].caption)
			return nil
		}
		if fault == nil {
			fault = err
		}
		if f.o.OnDamaged != "skip" {
			return fault
		}
		if _, before := f.warned.LoadOrStore(i, true); !before {
			f.o.warn("skipped, another picture stands in: %v", err)
		}
	}
	return fault
}

func (f *folder) pixels(i int, dst []byte) error {
	if p := f.cached[i].Load(); p != nil {
		copy(dst, *p)
		return nil
	}
	if err := decodeFile(dst, f.File(i), f.o.Channels, f.o.Size, f.o.Resize); err != nil {
		return err
	}
	if size := int64(f.spec.Size()); f.room.Add(-size) >= 0 {
		keep := slices.Clone(dst)
		if !f.cached[i].CompareAndSwap(nil, &keep) {
			f.room.Add(size)
		}
	} else {
		f.room.Add(size)
	}
	return nil
}

// Checksum is over the settings, the names, labels and lengths of the files and
// their bytes; of files beyond the first GB in all, over the first and last 4 kB.
func (f *folder) Checksum() (string, error) { return f.sum() }

func (f *folder) checksum() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, f.spec.Shape, f.spec.Classes, f.o.Resize, f.o.OnDamaged, len(f.files))
	whole := int64(1 << 30)
	for _, p := range f.files {
		if err := sumFile(h, f.root, p, &whole); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// told are further things that a checksum is over.
func (p pictureFile) told() (list []any) {
	if len(p.factors) > 0 {
		list = append(list, p.factors)
	}
	if p.caption != nil {
		list = append(list, p.text, p.caption)
	}
	return list
}

func sumFile(h io.Writer, root string, p pictureFile, whole *int64) error {
	file, err := os.Open(filepath.Join(root, p.path))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintln(h, append([]any{filepath.ToSlash(p.path), p.label, info.Size()}, p.told()...)...)
	const end = 4 << 10
	if *whole -= info.Size(); *whole >= 0 || info.Size() <= 2*end {
		_, err = io.Copy(h, file)
		return err
	}
	if _, err := io.CopyN(h, file, end); err != nil {
		return err
	}
	_, err = io.Copy(h, io.NewSectionReader(file, info.Size()-end, end))
	return err
}
