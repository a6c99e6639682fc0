package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/graph/nets"
)

// Schemes are the libraries by whose names the encoder's weights can be written, the
// usual one first; none where there is no twin of it.
func (k *Kept) Schemes() []string {
	if p, ok := k.Task.Encoder.(nets.Portable); ok {
		return p.Schemes()
	}
	return nil
}

// Export gives the weights of a run by the names and in the shapes of another library,
// with what a file of it has for metadata: the inverse of Import.
func (k *Kept) Export(scheme string) (list []checkpoints.Array, meta map[string]string, m *Mapping, err error) {
	p, ok := k.Task.Encoder.(nets.Portable)
	if !ok || !slices.Contains(p.Schemes(), scheme) {
		return nil, nil, nil, fmt.Errorf("a %s cannot be written by the names of %s", k.File.encoderType, scheme)
	}
	meta = map[string]string{"format": "pt"}
	text, err := os.ReadFile(filepath.Join(k.Folder, ImportFile))
	switch {
	case err == nil:
		var from origin
		if err := json.Unmarshal(text, &from); err != nil || from.Format != 1 {
			return nil, nil, nil, fmt.Errorf("%s: is not what this program writes", filepath.Join(k.Folder, ImportFile))
		}
		meta = from.Meta
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil, err
	}
	m = &Mapping{Scheme: scheme}
	add := func(path string, shape []int, a checkpoints.Array) {
		list = append(list, a)
		m.Pairs = append(m.Pairs, MappedArray{path, a.Name, shape, a.Shape})
	}
	for _, w := range k.Params.All() {
		f, ok := p.Foreign(scheme, strings.TrimPrefix(w.Path, "encoder/"), w.Shape, k.Task.Seen())
		if !ok {
			m.Left = append(m.Left, MappedArray{Path: w.Path, Shape: w.Shape})
			continue
		}
		add(w.Path, w.Shape, checkpoints.Array{Name: f.Name, Shape: f.Shape, F32: f.Out(w.Data)})
	}
	for _, a := range k.Rest {
		path := a.Name
		if leaf, ok := strings.CutPrefix(path, "head/"); ok && (leaf == "weight" || leaf == "bias") {
			a.Name = p.Head(scheme) + "." + leaf
		} else if name, ok := strings.CutPrefix(path, foreignPath); ok {
			a.Name = name
		} else {
			m.Left = append(m.Left, MappedArray{Path: path, Shape: a.Shape})
			continue
		}
		add(path, a.Shape, a)
	}
	return list, meta, m, nil
}
