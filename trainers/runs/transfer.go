package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"x2vec/trainers/eval"
)

// A Transfer is what a probe or another use of a frozen encoder found, as it is kept
// in the folder of the run. Fields that it does not have are zero.
type Transfer struct {
	File       string        `json:"-"` // its path in the run's folder
	Step       int           `json:"step"`
	Data       string        `json:"data"`
	Layer      string        `json:"layer"`
	Score      string        `json:"score"`  // what the values of the rows are
	Labels     string        `json:"labels"` // how many were used
	Train      int           `json:"train"`
	Test       int           `json:"test"`
	Seeds      int           `json:"seeds"`
	Pretrained *bool         `json:"pretrained"` // nil where it is not said
	Rows       []TransferRow `json:"rows"`
	Skipped    []string      `json:"skipped"`
	Protocol   []string      `json:"protocol"`
}

// A TransferRow is the score of one kind of code by one method.
type TransferRow struct {
	Name   string      `json:"name"`
	Method string      `json:"method"`
	Size   int         `json:"size"`
	Mean   eval.Number `json:"mean"`
	Half   eval.Number `json:"half_of_95"` // half the width of the 95 % interval; 0 for one seed
}

// Title names the kind of code that a row is about, for people.
func (t *Transfer) Title(r TransferRow) string {
	name := r.Name
	switch r.Name {
	case "encoder":
		name = "this encoder"
		if t.Pretrained != nil && !*t.Pretrained {
			name += ", untrained"
		}
	case "pixels":
		name = "raw pixels"
	case "pca":
		name = "PCA"
	case "untrained":
		name = "same net untrained"
	}
	if r.Size > 0 {
		name += fmt.Sprintf(" (%d)", r.Size)
	}
	return name
}

const (
	maxTransfers   = 50
	maxTransferRow = 200
	maxTransfer    = 4 << 20 // bytes of a file
)

// Transfers are the results of probes and transfers of a run, in the order of their
// files, and what could not be read of them. A file of another form is passed over.
func Transfers(files fs.FS) (list []Transfer, faults []error) {
	entries, err := fs.ReadDir(files, TransferDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{err}
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if len(list) == maxTransfers {
			faults = append(faults, fmt.Errorf("%s: more than %d files; the rest are left out", TransferDir, maxTransfers))
			break
		}
		t := Transfer{File: path.Join(TransferDir, e.Name())}
		text, err := ReadFile(files, t.File, maxTransfer)
		if err == nil {
			if err = json.Unmarshal(text, &t); err != nil {
				err = fmt.Errorf("%s: %w", t.File, err)
			}
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		t.Rows = slices.DeleteFunc(t.Rows, func(r TransferRow) bool { return r.Name == "" })
		if t.Rows = t.Rows[:min(len(t.Rows), maxTransferRow)]; len(t.Rows) > 0 {
			list = append(list, t)
		}
	}
	return list, faults
}
