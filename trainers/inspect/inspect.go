// Package inspect looks into what a run has learnt: maps of codes, neighbours, what
// drives a unit, how layers compare. It computes from features and draws; who has run
// the encoder is not its business.
//
// What it finds lies in a folder as pictures and JSON. Draws at random are functions
// of a seed alone, and no result depends on the number of threads.
package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"x2vec/checkpoints"
	"x2vec/trainers/eval"
)

// Dir is the folder of a run that holds what was found by looking into it.
const Dir = "inspect"

// A Header stands at the beginning of every JSON file of that folder: what was looked
// at, and the pictures and tables to show for it.
type Header struct {
	Command  string         `json:"command"`
	Run      string         `json:"run,omitempty"`
	Step     int            `json:"step"`
	Tap      string         `json:"tap,omitempty"`
	Data     string         `json:"data,omitempty"` // name and split
	Pictures []eval.Picture `json:"pictures,omitempty"`
	Tables   []eval.Table   `json:"tables,omitempty"`
}

// A Folder takes pictures and JSON.
type Folder struct {
	Path string
	// Base stands before the names of pictures where they are told: the way to the
	// folder from where its reader begins.
	Base string
}

// Of is the folder of a run.
func Of(run string) Folder { return Folder{filepath.Join(run, Dir), Dir} }

func (f Folder) make() error {
	if err := os.Mkdir(f.Path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// File is the path of a file in the folder.
func (f Folder) File(name string) string { return filepath.Join(f.Path, name) }

// Write puts a file into the folder.
func (f Folder) Write(name string, content []byte) error {
	if err := f.make(); err != nil {
		return err
	}
	return checkpoints.WriteFile(f.File(name), content)
}

// Picture writes NAME.png and says how to refer to it.
func (f Folder) Picture(name, caption string, img image.Image) (eval.Picture, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return eval.Picture{}, fmt.Errorf("%s: %w", name, err)
	}
	name += ".png"
	return eval.Picture{File: path.Join(f.Base, name), Caption: caption}, f.Write(name, b.Bytes())
}

// JSON writes NAME.json.
func (f Folder) JSON(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Write(name+".json", append(b, '\n'))
}
