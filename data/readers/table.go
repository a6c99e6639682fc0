package readers

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"x2vec/data"
)

// maxTable bounds a file of labels in bytes.
const maxTable = 256 << 20

// table is a file of labels: a line for each picture with its file, its label and, where
// there is such a column, its split; separated by tabs where the file ends in .tsv and
// by commas elsewhere.
//
// Labels that are all numbers can be asked for as numbers, too.
//
// With a first line of names (file, label, split) other columns are numbers that are
// known of each picture, but for a caption, which is a text. Labels with a semicolon
// between them are several of one picture; then each is a factor of two values, and
// there are no classes.
type table struct {
	classes []string
	factors []data.Factor
	rows    []tableRow
	splits  bool // whether there is a column of splits
}

type tableRow struct {
	file    string
	split   string
	label   int
	factors []float32
	caption string
}

// readTable reads a file of labels or, where every picture must have one, of captions.
func readTable(path string, captions bool) (*table, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, other := "data.labels", ""
		if captions {
			key, other = "data.captions", `"txt" (a text file beside each picture) or `
		}
		return nil, fmt.Errorf("%s: there is no %s in %s; want %sa table in that folder: %w", key, filepath.Base(path), filepath.Dir(path), other, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTable+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxTable {
		return nil, fmt.Errorf("%s: is larger than %d MB; want a file of labels", path, maxTable>>20)
	}
	comma := ','
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		comma = '\t'
	}
	t, err := parseTable(text, comma, captions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// columns are the places of what is known; -1 where it is not there.
type columns struct {
	file, label, split, caption int

	numbers []int
	names   []string // of the numbers
}

// columnsOf reads a first line of names; ok is false where it is none.
func columnsOf(line []string) (c columns, ok bool) {
	c = columns{file: -1, label: -1, split: -1, caption: -1}
	for i, name := range line {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "file", "filename", "file_name", "path", "image":
			c.file = i
		case "label", "labels", "class":
			c.label = i
		case "split", "set":
			c.split = i
		case "caption", "text":
			c.caption = i
		default:
			c.numbers, c.names = append(c.numbers, i), append(c.names, strings.TrimSpace(line[i]))
		}
	}
	return c, c.file >= 0
}

func parseTable(text []byte, comma rune, captions bool) (*table, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, 0, false
	r.LazyQuotes = comma == '\t' // where tabs separate, quotes are marks of a text
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("is empty; want lines of a file and its label or caption")
	}
	c, named, err := columnsIn(lines[0], captions)
	if err != nil {
		return nil, err
	}
	first := 1 // line of the first row
	if named {
		lines, first = lines[1:], 2
	}
	t := &table{splits: c.split >= 0}
	labels := make([]string, len(lines))
	several := false
	for i, line := range lines {
		row, err := c.row(line, captions)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", first+i, err)
		}
		t.rows = append(t.rows, row)
		if c.label >= 0 {
			labels[i] = strings.TrimSpace(line[c.label])
			several = several || strings.Contains(labels[i], ";")
		}
	}
	for _, name := range c.names {
		t.factors = append(t.factors, data.Factor{Name: name})
	}
	if several {
		t.several(labels)
	} else {
		t.single(labels)
		t.numbers(labels)
	}
	t.measure()
	return t, nil
}

// columnsIn are those of a table by its first line: by its names, where named, or else
// in the usual order.
func columnsIn(line []string, captions bool) (c columns, named bool, err error) {
	c, named = columnsOf(line)
	if n := len(line); !named && n != 2 && n != 3 {
		return c, false, fmt.Errorf("has %d columns without names; want file and label or caption, and perhaps the split, or a first line of names", n)
	}
	if !named {
		c = columns{file: 0, label: 1, split: -1, caption: -1}
		if captions {
			c.label, c.caption = -1, 1
		}
		if len(line) == 3 {
			c.split = 2
		}
	}
	if captions && c.caption < 0 {
		return c, named, errors.New("line 1: no column is named caption")
	}
	return c, named, nil
}

// row reads a line, but for its label.
func (c columns) row(line []string, captions bool) (tableRow, error) {
	row := tableRow{file: filepath.FromSlash(strings.TrimSpace(line[c.file])), label: -1}
	if row.file == "" || !filepath.IsLocal(row.file) {
		return row, fmt.Errorf("%q is no file within the folder", line[c.file])
	}
	if c.caption >= 0 {
		if row.caption = strings.Join(strings.Fields(line[c.caption]), " "); captions && row.caption == "" {
			return row, fmt.Errorf("%s has no caption", row.file)
		}
	}
	if c.split >= 0 {
		name := strings.ToLower(strings.TrimSpace(line[c.split]))
		for split, names := range splitNames {
			if slices.Contains(names, name) {
				row.split = split
			}
		}
		if row.split == "" {
			return row, fmt.Errorf("split is %q, want train or test", line[c.split])
		}
	}
	for j, at := range c.numbers {
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at]), 32)
		if cell := strings.TrimSpace(line[at]); cell == "" {
			v, err = math.NaN(), nil
		}
		if err != nil || math.IsInf(v, 0) {
			return row, fmt.Errorf("%s is %q, want a number or nothing", c.names[j], line[at])
		}
		row.factors = append(row.factors, float32(v))
	}
	return row, nil
}

// names are the different labels, by number where all are numbers.
func names(labels []string) []string {
	list := slices.DeleteFunc(slices.Clone(labels), func(s string) bool { return s == "" })
	numbers := !slices.ContainsFunc(list, func(s string) bool { _, err := strconv.Atoi(s); return err != nil })
	slices.SortFunc(list, func(a, b string) int {
		if numbers {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
	return slices.Compact(list)
}

func (t *table) single(labels []string) {
	t.classes = names(labels)
	number := map[string]int{}
	for i, c := range t.classes {
		number[c] = i
	}
	for i, l := range labels {
		if l != "" {
			t.rows[i].label = number[l]
		}
	}
}

// numbers makes a real factor of labels that are all numbers; where one is no whole
// number they are no classes.
func (t *table) numbers(labels []string) {
	values, whole := make([]float32, len(labels)), true
	for i, l := range labels {
		v, err := strconv.ParseFloat(l, 32)
		if l == "" {
			v, err = math.NaN(), nil
		}
		if err != nil || math.IsInf(v, 0) || l != "" && v != v {
			return
		}
		values[i] = float32(v)
		whole = whole && (l == "" || v == math.Trunc(v))
	}
	if len(t.classes) == 0 {
		return
	}
	t.factors = append(t.factors, data.Factor{Name: "label"})
	for i, v := range values {
		t.rows[i].factors = append(t.rows[i].factors, v)
		if !whole {
			t.rows[i].label = -1
		}
	}
	if !whole {
		t.classes = nil
	}
}

// several makes a factor of two values of every label. A picture without any has none
// of them.
func (t *table) several(labels []string) {
	var all []string
	each := make([][]string, len(labels))
	for i, l := range labels {
		for _, name := range strings.Split(l, ";") {
			if name = strings.TrimSpace(name); name != "" {
				each[i] = append(each[i], name)
			}
		}
		all = append(all, each[i]...)
	}
	for _, name := range names(all) {
		t.factors = append(t.factors, data.Factor{Name: name, Values: 2})
		for i := range t.rows {
			yes := float32(0)
			if slices.Contains(each[i], name) {
				yes = 1
			}
			t.rows[i].factors = append(t.rows[i].factors, yes)
		}
	}
}

// measure takes mean and deviation of the numbers, over the training pictures where
// those are known.
func (t *table) measure() {
	for j := range t.factors {
		f := &t.factors[j]
		var n, sum, square float64
		for _, row := range t.rows {
			if v := float64(row.factors[j]); f.Values == 0 && v == v && row.split != "test" {
				n++
				sum += v
				square += v * v
			}
		}
		if n > 1 {
			f.Mean = sum / n
			f.Std = math.Sqrt(max(0, square/n-f.Mean*f.Mean))
		}
	}
}

// listTable gives the pictures of o.Split that a file of labels or captions lists.
func listTable(root, path string, o Options) ([]pictureFile, []string, []data.Factor, error) {
	captions := path == o.Captions
	if !filepath.IsAbs(path) && !exists(path) {
		path = filepath.Join(root, path)
	}
	t, err := readTable(path, captions)
	if err != nil {
		return nil, nil, nil, err
	}
	// A picture that is listed several times, with a caption each, is in one part.
	number := map[string]int{}
	for _, row := range t.rows {
		if _, there := number[row.file]; !there {
			number[row.file] = len(number)
		}
	}
	if len(number) == 1 && !t.splits {
		return nil, nil, nil, fmt.Errorf("%s: one picture cannot be split into train and test", path)
	}
	test := testPart(len(number), o)
	var part []pictureFile
	for _, row := range t.rows {
		inTest := row.split == "test"
		if !t.splits {
			inTest = test[number[row.file]]
		}
		if inTest != (o.Split == "test") {
			continue
		}
		if !exists(filepath.Join(root, row.file)) {
			return nil, nil, nil, fmt.Errorf("%s names %s, which is not in %s", path, row.file, root)
		}
		part = append(part, pictureFile{path: row.file, label: row.label, factors: row.factors, text: row.caption})
	}
	if len(part) == 0 {
		return nil, nil, nil, absent(fmt.Sprintf("%s lists no picture of the %s split", path, o.Split))
	}
	return part, t.classes, t.factors, nil
}
