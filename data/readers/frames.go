package readers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/data"
)

// frames is a source of clips, runs of frames that are picture files.
type frames struct {
	*folder
	spec   data.Spec
	starts []int // first frame of each clip, by its place among the files
}

// openFrames takes each folder that has pictures of its own for a recording, the
// pictures being its frames in the order of their names, numbers in them by their value.
// Clips are runs of o.Frames of them that begin half a clip apart, and one at the end.
// Folders train and test (or their other names) are the splits; without them a part of
// the recordings is set aside, or of a single one its end.
func openFrames(root string, o Options) (data.Source, error) {
	files, err := listFrames(root, o)
	if err != nil {
		return nil, err
	}
	f := &frames{folder: newFolder(root, o, files)}
	if err := f.open(nil, nil); err != nil {
		return nil, err
	}
	var short []string
	for from, to := 0, 0; from < len(f.files); from = to {
		dir := filepath.Dir(f.files[from].path)
		for to = from; to < len(f.files) && filepath.Dir(f.files[to].path) == dir; to++ {
		}
		last := to - o.Frames
		if last < from {
			short = append(short, dir)
			continue
		}
		for at := from; at < last; at += max(1, o.Frames/2) {
			f.starts = append(f.starts, at)
		}
		f.starts = append(f.starts, last)
	}
	if len(short) > 0 && len(f.starts) > 0 {
		o.warn("%s: %d recordings have fewer than %d frames and are left out, %s first", root, len(short), o.Frames, short[0])
	}
	if len(f.starts) == 0 {
		return nil, fmt.Errorf("frames: is %d, but no recording of the %s split in %s has so many; want a smaller number of frames, or longer recordings", o.Frames, o.Split, root)
	}
	f.spec = f.folder.spec
	f.spec.Shape = append([]int{o.Frames}, f.folder.spec.Shape...)
	return f, nil
}

// listFrames gives the frames of o.Split, recording by recording.
func listFrames(root string, o Options) ([]pictureFile, error) {
	dirs := splitFolders(root)
	recordings := func(dir string) ([][]pictureFile, error) {
		paths, err := listPictures(root, dir)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(paths, func(a, b string) int {
			if d := naturally(filepath.Dir(a), filepath.Dir(b)); d != 0 {
				return d
			}
			return naturally(filepath.Base(a), filepath.Base(b))
		})
		var list [][]pictureFile
		for i, p := range paths {
			if i == 0 || filepath.Dir(p) != filepath.Dir(paths[i-1]) {
				list = append(list, nil)
			}
			list[len(list)-1] = append(list[len(list)-1], pictureFile{path: p, label: -1})
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%s: no picture in it (%s)", filepath.Join(root, dir), strings.Join(pictureNames, " "))
		}
		return list, nil
	}
	dir := dirs["train"]
	if o.Split == "test" && dirs["test"] != "" {
		dir = dirs["test"]
	}
	list, err := recordings(dir)
	switch {
	case err != nil:
		return nil, err
	case dirs["test"] != "":
		return slices.Concat(list...), nil
	case len(list) == 1:
		n := len(list[0])
		cut := n - min(n/2, max(o.Frames, int(float64(n)*o.TestShare+0.5)))
		if o.Split == "test" {
			return list[0][cut:], nil
		}
		return list[0][:cut], nil
	}
	test := testPart(len(list), o)
	var part []pictureFile
	for i, frames := range list {
		if test[i] == (o.Split == "test") {
			part = append(part, frames...)
		}
	}
	return part, nil
}

// naturally compares names as people order them: runs of digits by their number.
func naturally(a, b string) int {
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	for i, j := 0, 0; ; {
		switch {
		case i == len(a) || j == len(b):
			if d := (len(a) - i) - (len(b) - j); d != 0 {
				return d
			}
			return strings.Compare(a, b) // 07 and 7
		case digits(a[i:]) > 0 && digits(b[j:]) > 0:
			x, y := a[i:i+digits(a[i:])], b[j:j+digits(b[j:])]
			i, j = i+len(x), j+len(y)
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if d := len(x) - len(y); d != 0 {
				return d
			}
			if d := strings.Compare(x, y); d != 0 {
				return d
			}
		case a[i] != b[j]:
			return int(a[i]) - int(b[j])
		default:
			i, j = i+1, j+1
		}
	}
}

func (f *frames) Spec() data.Spec { return f.spec }
func (f *frames) Len() int        { return len(f.starts) }

// Label implements data.Labeller: there are none.
func (f *frames) Label(int) int { return -1 }

// File is the first frame of a clip.
func (f *frames) File(index int) string { return f.folder.File(f.starts[index]) }

func (f *frames) Read(index int, into *data.Example) error {
	if err := data.InRange(index, len(f.starts)); err != nil {
		return err
	}
	size := f.folder.spec.Size()
	one := data.Example{}
	for i := range f.spec.Shape[0] {
		one.Pixels = into.Pixels[i*size : (i+1)*size]
		if err := f.folder.Read(f.starts[index]+i, &one); err != nil {
			return err
		}
	}
	into.Label = -1
	return nil
}

// Checksum is over that of the frames, which has their order, and the length of a clip.
func (f *frames) Checksum() (string, error) {
	sum, err := f.folder.Checksum()
	if err != nil {
		return "", err
	}
	return recipe("frames 1 "+sum, 0, f.spec, len(f.starts)), nil
}
