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

// CodeTitle names a kind of code for people: its size is left out where it is 0.
func CodeTitle(name string, size int, pretrained bool) string {
	title := map[string]string{"encoder": "this encoder", "pixels": "raw pixels", "pca": "PCA", "untrained": "same net untrained"}[name]
	if title == "" {
		return name
	}
	if name == "encoder" && !pretrained {
		title += ", untrained"
	}
	if size > 0 {
		title += fmt.Sprintf(" (%d)", size)
	}
	return title
}

// Title names the kind of code that a row is about.
func (t *Transfer) Title(r TransferRow) string {
	return CodeTitle(r.Name, r.Size, t.Pretrained == nil || *t.Pretrained)
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
		if err := readJSON(files, t.File, &t); err != nil {
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

func readJSON(files fs.FS, name string, into any) error {
	text, err := ReadFile(files, name, maxTransfer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
