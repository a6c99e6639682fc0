package runs

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// CurveFile is the name of the file, in a folder below TransferDir, that says how much an
// encoder is worth by the number of labels.
const CurveFile = "transfer.json"

// A Curve is what an encoder is worth by the number of labels. Fields that its file does
// not have are zero.
type Curve struct {
	File       string     `json:"-"` // its path in the run's folder
	Step       int        `json:"step"`
	Data       string     `json:"data"`
	Score      string     `json:"score"` // what the values of the rows are
	Test       int        `json:"test"`
	Seeds      int        `json:"seeds"`
	Pretrained *bool      `json:"pretrained"` // nil where it is not said
	Rows       []CurveRow `json:"rows"`
	Protocol   []string   `json:"protocol"`
}

// A CurveRow is the score of one method with so many labels.
type CurveRow struct {
	Method   string  `json:"method"`
	Labels   string  `json:"labels"`   // as they were asked for: "10", "1%", "all"
	Examples int     `json:"examples"` // how many those are
	Mean     float64 `json:"mean"`
	Half     float64 `json:"half_of_95"` // half the width of the 95 % interval; 0 for one seed
}

// Title names a method for people.
func (c *Curve) Title(method string) string {
	return MethodTitle(method, c.Pretrained == nil || *c.Pretrained)
}

// MethodTitle names a use of an encoder for people.
func MethodTitle(method string, pretrained bool) string {
	if !pretrained && (method == "finetune" || method == "linear" || method == "knn") {
		return method + ", untrained net"
	}
	return cmp.Or(map[string]string{"finetune": "finetuned", "linear": "linear probe", "knn": "nearest neighbours",
		"scratch": "from scratch", "untrained": "linear, untrained net", "pixels": "linear, raw pixels"}[method], method)
}

// FigureName names what a method of a probe or a transfer reached with so many labels, as
// tables of runs do; "" of one that works on other codes than a run's.
func FigureName(method, score, labels string) string {
	method = map[string]string{"knn": "kNN", "linear": "linear probe", "finetune": "finetuned", "scratch": "from scratch"}[method]
	if method == "" {
		return ""
	}
	text := method + " " + score + ", " + labels + " labels"
	if labels != "all" && !strings.Contains(labels, "%") {
		text += " a class"
	}
	return text
}

// Methods are those of the rows, in their order.
func (c *Curve) Methods() []string {
	return distinct(c.Rows, func(r CurveRow) string { return r.Method })
}

// Counts are the numbers of labels of the rows as they were asked for, in their order.
func (c *Curve) Counts() []string {
	return distinct(c.Rows, func(r CurveRow) string { return r.Labels })
}

func distinct(rows []CurveRow, of func(CurveRow) string) (list []string) {
	for _, r := range rows {
		if v := of(r); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// Row is that of a method with so many labels.
func (c *Curve) Row(method, labels string) (CurveRow, bool) {
	i := slices.IndexFunc(c.Rows, func(r CurveRow) bool { return r.Method == method && r.Labels == labels })
	if i < 0 {
		return CurveRow{}, false
	}
	return c.Rows[i], true
}

// Curves are those of a run, in the order of their folders, and what could not be read
// of them.
func Curves(files fs.FS) (list []Curve, faults []error) {
	names, err := fs.Glob(files, path.Join(TransferDir, "*", CurveFile))
	if err != nil {
		return nil, []error{err}
	}
	if n := len(names); n > maxTransfers {
		faults = append(faults, fmt.Errorf("%s: more than %d curves; the rest are left out", TransferDir, maxTransfers))
		names = names[:maxTransfers]
	}
	for _, name := range names {
		c := Curve{File: name}
		if err := readJSON(files, name, &c); err != nil {
			faults = append(faults, err)
			continue
		}
		c.Rows = slices.DeleteFunc(c.Rows, func(r CurveRow) bool { return r.Method == "" || r.Labels == "" })
		if c.Rows = c.Rows[:min(len(c.Rows), maxTransferRow)]; len(c.Rows) > 0 {
			list = append(list, c)
		}
	}
	return list, faults
}
