package readers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cache is the folder in which downloaded data sets are kept, one folder each:
// $X2VEC_CACHE/data, or x2vec/data in the user's cache folder.
func Cache() (string, error) {
	if dir := os.Getenv("X2VEC_CACHE"); dir != "" {
		return filepath.Join(dir, "data"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set X2VEC_CACHE to a folder", err)
	}
	return filepath.Join(dir, "x2vec", "data"), nil
}

// Places are the folders in which a data set is looked for when no path is given:
// $X2VEC_DATA/NAME, then the cache.
func Places(name string) []string {
	var places []string
	if dir := os.Getenv("X2VEC_DATA"); dir != "" {
		places = append(places, filepath.Join(dir, name))
	}
	if dir, err := Cache(); err == nil {
		places = append(places, filepath.Join(dir, name))
	}
	return places
}

// fetched are the sets that `x2vec data get` knows.
var fetched = []string{"mnist", "fashion-mnist", "kmnist", "emnist", "cifar10", "cifar100"}

// locate finds the folder, or the archive, that holds the files of o.
func locate(o Options) (string, error) {
	if o.Name == "text" || o.Name == "lines" {
		if o.Path == "" {
			return "", absent("path: is empty, want a text, or a folder of texts")
		}
		return o.Path, nil // its reader says all else
	}
	places := []string{o.Path}
	if o.Path == "" {
		if o.Name == "folder" || o.Name == "frames" || o.Name == "idx" {
			return "", fmt.Errorf("path: is empty, want the folder of the %s source", o.Name)
		}
		places = Places(o.Name)
	}
	var faults []error
	for _, place := range places {
		info, err := os.Stat(place)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		archive := cifarSets[o.Name].archive != "" && strings.HasSuffix(place, ".gz")
		if !info.IsDir() && !archive {
			return "", fmt.Errorf("%s: is a file, want the folder that holds the files of %s", place, o.Name)
		}
		inside, err := descend(place, o)
		if err == nil {
			return inside, nil
		}
		if o.Path != "" {
			return "", err
		}
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return "", errors.Join(faults...)
	}
	if o.Path != "" {
		return "", absent(fmt.Sprintf("%s: no such file or folder%s", o.Path, get(o.Name)))
	}
	return "", absent(fmt.Sprintf("%s is not here; looked in %s%s", o.Name, strings.Join(places, " and "), get(o.Name)))
}

// absent is the error of files that are not there; errors.Is finds
// fs.ErrNotExist in it.
type absent string

func (a absent) Error() string        { return string(a) }
func (a absent) Is(target error) bool { return target == fs.ErrNotExist }

func get(name string) string {
	if !slices.Contains(fetched, name) {
		return ""
	}
	return fmt.Sprintf("; `x2vec data get %s` downloads it", name)
}

// descend finds the folder within place that has the files: place itself, or
// where torchvision and the sets' own archives put them.
func descend(place string, o Options) (string, error) {
	if kind := o.Name; cifarSets[kind].archive != "" || kind == "folder" || kind == "frames" {
		return place, nil // their readers look further
	}
	torch := map[string]string{"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "emnist": "EMNIST"}[o.Name]
	var first error
	for _, sub := range []string{"", "raw", filepath.Join(torch, "raw"), "gzip", o.Name} {
		dir := filepath.Join(place, sub)
		_, _, err := findIDX(dir, "images-idx3", o)
		if err == nil {
			return dir, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}
