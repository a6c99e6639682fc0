package readers

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/data/text"
)

// Found is what Detect makes of a folder.
type Found struct {
	Options Options // that open it: Name, Path and, for EMNIST, Variant
	What    string  // a phrase for people
}

// Detect says which data sets a folder, or an archive, holds, by the names of
// its files alone; nothing is unpacked. Finding nothing is an error that says
// what is there.
func Detect(path string) ([]Found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return detectFile(path)
	}
	if found := detectSets(path); len(found) > 0 {
		return found, nil
	}
	return detectKind(path)
}

// detectFile says what one file is.
func detectFile(path string) ([]Found, error) {
	for _, name := range cifarNames {
		if filepath.Base(path) == cifarSets[name].archive {
			return []Found{{Options{Name: name, Path: path}, name + ", as downloaded"}}, nil
		}
	}
	switch {
	case text.IsTable(path):
		return []Found{{Options{Name: "lines", Path: path}, "a table of texts"}}, nil
	case text.IsText(path):
		return []Found{{Options{Name: "text", Path: path}, "a text"}}, nil
	}
	return nil, fmt.Errorf("%s: is a file, want a folder, an archive of CIFAR, a text (.txt, packed or not), or a csv or tsv of texts", path)
}

var cifarNames = []string{"cifar10", "cifar100"}

// detectSets says which known sets a folder holds, by the names of their files.
func detectSets(path string) (found []Found) {
	add := func(what string, o Options) {
		o.Path = path
		found = append(found, Found{o, what})
	}
	for _, name := range cifarNames {
		if cifarSets[name].holds(path) {
			add(name+", binary version", Options{Name: name})
		}
	}
	for _, variant := range sorted(emnistClasses) {
		o := Options{Name: "emnist", Split: "train", Variant: variant}
		if _, err := descend(path, o); err == nil {
			o.Split = ""
			add("EMNIST "+variant, o)
		}
	}
	if name := idxGuess(path); name != "" {
		add(name+" in IDX files", Options{Name: name})
	}
	return found
}

// detectKind says what a folder of other files is, by what there is most reason to take
// it for: pictures, tables at the top, texts.
func detectKind(path string) ([]Found, error) {
	pictures, tables, plain, others := 0, 0, 0, []string{}
	tops, err := linkedFolders(path)
	if err != nil {
		return nil, err
	}
	for _, top := range tops {
		err = filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case isPicture(e.Name()) && !e.IsDir():
				pictures++
			case text.IsTable(e.Name()) && filepath.Dir(p) == tops[0]:
				tables++
			case text.IsText(e.Name()) && !e.IsDir():
				plain++
			case !e.IsDir() && len(others) < 5:
				others = append(others, e.Name())
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	switch {
	case pictures > 0:
		return []Found{{Options{Name: "folder", Path: path}, fmt.Sprintf("a folder of %d pictures", pictures)}}, nil
	case tables > 0:
		return []Found{{Options{Name: "lines", Path: path}, fmt.Sprintf("%d tables of texts", tables)}}, nil
	case plain > 0:
		return []Found{{Options{Name: "text", Path: path}, fmt.Sprintf("%d texts", plain)}}, nil
	case len(others) == 0:
		return nil, fmt.Errorf("%s: is empty", path)
	}
	return nil, fmt.Errorf("%s: holds no images that are known; there is %s", path, strings.Join(others, ", "))
}

// linkedFolders are the folder that a path stands for, and those that links in it lead
// to, as links to class folders do. A walk follows no link by itself.
func linkedFolders(path string) ([]string, error) {
	top, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(top)
	if err != nil {
		return nil, err
	}
	tops := []string{top}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := filepath.EvalSymlinks(filepath.Join(top, e.Name()))
		if err != nil {
			continue // leads nowhere
		}
		if info, err := os.Stat(to); err == nil && info.IsDir() && !slices.Contains(tops, to) {
			tops = append(tops, to)
		}
	}
	return tops, nil
}

// holds reports whether dir or its usual folder has a file of the set, or the
// archive.
func (s cifarSet) holds(dir string) bool {
	for _, names := range s.files {
		for _, name := range names {
			if exists(filepath.Join(dir, name)) || exists(filepath.Join(dir, s.folder, name)) {
				return true
			}
		}
	}
	return exists(filepath.Join(dir, s.archive))
}

// idxGuess is the name of the set in IDX files at path. Their names are the same
// for all of them, so that the folder's must tell; else they are plain "idx".
func idxGuess(path string) string {
	inside, err := descend(path, Options{Name: "idx", Split: "train"})
	if err != nil {
		for _, name := range []string{"mnist", "fashion-mnist", "kmnist"} { // where torchvision puts them
			if _, err := descend(path, Options{Name: name, Split: "train"}); err == nil {
				return name
			}
		}
		return ""
	}
	parts := strings.Split(strings.ToLower(filepath.ToSlash(absolute(inside))), "/")
	slices.Reverse(parts)
	for _, part := range parts {
		part = strings.NewReplacer("-", "", "_", "").Replace(part)
		switch {
		case strings.Contains(part, "fashion"):
			return "fashion-mnist"
		case strings.Contains(part, "kmnist"), strings.Contains(part, "kuzushiji"):
			return "kmnist"
		case part == "mnist":
			return "mnist"
		}
	}
	return "idx"
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
