package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"time"

	"x2vec/checkpoints"
)

// A Result is one evaluation of a run, kept as evals/step-%08d.json:
//
//	{"step": 4680, "when": "2026-01-02T15:04:05Z",
//	 "figures": [{"name": "test loss", "value": 0.0081, "better": "lower", "note": "l2, 10,000 examples"}],
//	 "pictures": [{"file": "samples/step-00004680-reconstructions.png", "caption": "Top: originals. …"}]}
type Result struct {
	Step     int       `json:"step"`
	When     time.Time `json:"when"`
	Figures  []Figure  `json:"figures"`
	Pictures []Picture `json:"pictures,omitempty"`
	Tables   []Table   `json:"tables,omitempty"`
	Alarms   []string  `json:"alarms,omitempty"` // what says that the training goes wrong
}

// A Figure is one number that came out.
type Figure struct {
	Name   string `json:"name"`             // in words: "kNN accuracy"
	Value  Number `json:"value"`            //
	Better string `json:"better,omitempty"` // "lower" or "higher"; empty where neither is
	Note   string `json:"note,omitempty"`   // how it was taken: "k = 20, cosine"
}

// A Picture is one file that was drawn.
type Picture struct {
	File    string `json:"file"` // relative to the run's folder, with forward slashes
	Caption string `json:"caption"`
}

// A Table is words that show what a model makes of a few examples.
type Table struct {
	Name    string     `json:"name"`
	Caption string     `json:"caption"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Number is a float64 that JSON can carry whatever it is: NaN and infinities are
// written as strings.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(strconv.FormatFloat(f, 'g', -1, 64))
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		*n = Number(f)
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Write keeps a result in a file.
func Write(path string, r Result) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoints.WriteFile(path, append(b, '\n'))
}

// maxResult bounds the file of one result.
const maxResult = 4 << 20

// Read gives back what Write kept.
func Read(path string) (Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return Result{}, err // says the path itself
	}
	return read(f, path)
}

// ReadFrom is Read of a file in a folder.
func ReadFrom(files fs.FS, name string) (Result, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return Result{}, err // says the name itself
	}
	if !info.Mode().IsRegular() { // a pipe would keep its reader waiting
		return Result{}, fmt.Errorf("%s: is not a file", name)
	}
	f, err := files.Open(name)
	if err != nil {
		return Result{}, err
	}
	return read(f, name)
}

func read(f fs.File, name string) (Result, error) {
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxResult+1))
	if err != nil {
		return Result{}, err
	}
	if len(b) > maxResult {
		return Result{}, fmt.Errorf("%s: is larger than %d MB; not an evaluation of this program", name, maxResult>>20)
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return Result{}, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
