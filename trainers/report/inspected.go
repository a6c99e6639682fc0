package report

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image/gif"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// maxLooks is how many pictures of what was looked into a page shows.
const maxLooks = 24

// A look is one picture that was drawn by looking inside.
type look struct {
	Title, Note, Caption, Alt string
	URI                       template.URL
	Width, Height             int    // 0 where the picture says none
	Reduced                   bool   // it has less detail than the file
	File                      string // the file, if it is reduced
	Tables                    []lookTable
}

// A lookTable is one table that was made so.
type lookTable struct {
	Note string
	eval.Table
}

// lookOrder is the order of the kinds of pictures that are known; others come behind.
var lookOrder = []string{"experiment", "experiment-neighbors", "neighbors", "units", "rdm", "cka", "layers", "codebook", "attention", "reconstruct", "interpolate", "traverse", "embed-words", "words"}

// lookTitles are better ones than the names of the files.
var lookTitles = map[string]string{
	"experiment": "What each layer knows", "experiment-neighbors": "The nearest, layer by layer", "neighbors": "Nearest neighbours in the code", "units": "What drives the units", "rdm": "Representational dissimilarity",
	"cka": "Similarity of layers (CKA)", "layers": "Layer by layer", "codebook": "Codebook", "attention": "Attention",
	"reconstruct": "Reconstructions", "interpolate": "Between two codes", "traverse": "Along one value of the code", "embed-words": "Map of words", "words": "Map of words",
}

// mediaTypes of the pictures that are shown.
var mediaTypes = map[string]string{".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}

// readLooks collects the pictures in the folder of what was looked into, in room bytes
// if they become part of the page, and the tables that belong to them. Of a run among
// others those that move are left out.
func (r *run) readLooks(address func(run, file string) string, room int, among bool) {
	entries, err := fs.ReadDir(r.Files, runs.InspectDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.fault(err)
	}
	var names []string
	for _, e := range entries {
		name, ext := e.Name(), path.Ext(e.Name())
		if mediaTypes[ext] == "" || strings.HasPrefix(name, ".") || kindOf(strings.TrimSuffix(name, ext)) == "map" {
			continue // the map is shown as one that moves
		}
		if among && ext == ".gif" {
			continue
		}
		names = append(names, name)
	}
	names = slices.DeleteFunc(names, func(n string) bool { // one picture in two forms
		stem, isSVG := strings.CutSuffix(n, ".svg")
		return isSVG && slices.Contains(names, stem+".png")
	})
	rank := func(n string) int {
		if i := slices.Index(lookOrder, kindOf(strings.TrimSuffix(n, path.Ext(n)))); i >= 0 {
			return i
		}
		return len(lookOrder)
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	left := len(names)
	names = names[:min(left, maxLooks)]
	var sizes []int
	for _, name := range names {
		if info, err := fs.Stat(r.Files, path.Join(runs.InspectDir, name)); err == nil {
			sizes = append(sizes, int(info.Size()))
		}
	}
	each := shareOut(sizes, room)
	about, tables := r.readHeaders(entries)
	for _, name := range names {
		file := path.Join(runs.InspectDir, name)
		l, err := readLook(r.Files, file, each, address != nil)
		if err != nil {
			r.fault(err)
			continue
		}
		if address != nil {
			l.URI = template.URL(address(r.Name, file))
		}
		l.Note, l.Caption = about[file].note(), shortened(about[file].Caption)
		if l.Reduced {
			l.File = file
		}
		l.Tables = tables[file]
		delete(tables, file)
		if strings.HasPrefix(name, "experiment") {
			r.Findings = append(r.Findings, l)
		} else {
			r.Looks = append(r.Looks, l)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(tables)) {
		r.LookTables = append(r.LookTables, tables[file]...)
	}
	if n := left - maxLooks; n > 0 {
		r.fault(fmt.Errorf("%s: %d more pictures are not shown", runs.InspectDir, n))
	}
}

// readHeaders reads what the files of results say of themselves: of each picture by its
// path, and of tables by the path of the first picture of their file, or by their own
// where it has none.
func (r *run) readHeaders(entries []fs.DirEntry) (about map[string]header, tables map[string][]lookTable) {
	about, tables = map[string]header{}, map[string][]lookTable{}
	headers, shown := 0, 0
	for _, e := range entries {
		name := e.Name()
		file := path.Join(runs.InspectDir, name)
		if path.Ext(name) != ".json" || strings.HasPrefix(name, ".") || file == runs.MapFile || headers == maxHeaders {
			continue
		}
		headers++
		h, err := readHeader(r.Files, file)
		if err != nil {
			r.fault(err)
		}
		stem := strings.TrimSuffix(file, ".json")
		for i, p := range append([]eval.Picture{{File: stem + ".png", Caption: h.Caption}, {File: stem + ".svg", Caption: h.Caption}}, h.Pictures...) {
			if _, there := about[p.File]; there && i < 2 {
				continue // it is another file's, which names it
			}
			of := h
			of.Caption = p.Caption
			about[p.File] = of
		}
		at := file
		if len(h.Pictures) > 0 {
			at = h.Pictures[0].File
		}
		for _, t := range h.Tables {
			if t.Name != "" && len(t.Rows) > 0 && shown < maxLooks {
				shown++
				t.Name, t.Caption = Label(strings.ReplaceAll(t.Name, "-", " ")), shortened(t.Caption)
				tables[at] = append(tables[at], lookTable{h.note(), t})
			}
		}
	}
	return about, tables
}

// kindOf is what was looked at: the name up to a layer, step or other addition.
func kindOf(stem string) string {
	best := ""
	for _, kind := range append([]string{"map"}, lookOrder...) {
		if rest, ok := strings.CutPrefix(stem, kind); ok && (rest == "" || strings.ContainsRune("-_.", rune(rest[0]))) && len(kind) > len(best) {
			best = kind
		}
	}
	return cmp.Or(best, stem)
}

// maxDrawn bounds the drawings and moving pictures whose size is looked at.
const maxDrawn = 8 << 20

// readLook reads one picture for a page that has so many bytes left for it; of one
// that the page only points to, no more than its size.
func readLook(files fs.FS, name string, room int, pointed bool) (l look, err error) {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(path.Base(name), ext)
	kind := kindOf(stem)
	if l.Title = lookTitles[kind]; l.Title == "" {
		l.Title = Label(strings.ReplaceAll(kind, "-", " "))
	}
	if rest := strings.Trim(strings.TrimPrefix(stem, kind), "-_."); rest != "" {
		l.Title += ", " + rest
	}
	l.Alt = strings.TrimSuffix(l.Title, ".") + "."
	if ext == ".png" {
		f, _, err := readFrame(files, name, room, pointed)
		l.URI, l.Width, l.Height, l.Reduced = f.URI, f.Width, f.Height, f.Reduced
		return l, err
	}
	b, err := runs.ReadFile(files, name, maxDrawn)
	if err != nil {
		return l, err
	}
	switch ext {
	case ".gif":
		c, err := gif.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			return l, fmt.Errorf("%s: is no whole GIF: %w", name, err)
		}
		l.Width, l.Height = c.Width, c.Height
	case ".svg":
		if l.Width, l.Height, err = svgSize(b); err != nil {
			return l, fmt.Errorf("%s: is no SVG: %w", name, err)
		}
	}
	switch {
	case pointed:
	case len(b) > room: // a movement or a drawing that has less detail would be another
		return l, fmt.Errorf("%s: its %s are too many for this page", name, Bytes(int64(len(b))))
	default:
		l.URI = template.URL("data:" + mediaTypes[ext] + ";base64," + base64.StdEncoding.EncodeToString(b))
	}
	return l, nil
}

// svgSize is the size that a drawing gives itself, 0 where it gives none.
func svgSize(b []byte) (width, height int, err error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.Token()
		if err != nil {
			return 0, 0, err
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local != "svg" {
			return 0, 0, fmt.Errorf("begins with <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			v, err := strconv.ParseFloat(strings.TrimSuffix(a.Value, "px"), 64)
			if err != nil || !(v >= 1 && v < 1e5) {
				continue
			}
			switch a.Name.Local {
			case "width":
				width = int(v)
			case "height":
				height = int(v)
			}
		}
		return width, height, nil
	}
}

// A header is what stands at the beginning of each JSON file of that folder: what was
// looked at, and how.
type header struct {
	Command  string         `json:"command"`
	Step     int            `json:"step"`
	Tap      string         `json:"tap"`
	Data     string         `json:"data"`
	Caption  string         `json:"caption"`
	Pictures []eval.Picture `json:"pictures"`
	Tables   []eval.Table   `json:"tables"`
}

// note says on one line what was looked at.
func (h header) note() string {
	var parts []string
	if h.Tap != "" {
		parts = append(parts, h.Tap)
	}
	if h.Step > 0 {
		parts = append(parts, "step "+Number(float64(h.Step)))
	}
	if h.Data != "" {
		parts = append(parts, h.Data)
	}
	return strings.Join(parts, ", ")
}

const (
	maxHeaders  = 100     // files
	maxHeadered = 8 << 20 // bytes that are read of one
	maxCaption  = 600     // letters
)

// readHeader reads the beginning of a file up to the first field that it does not
// know, behind which there may be large tables of numbers.
func readHeader(files fs.FS, name string) (h header, err error) {
	f, _, err := runs.OpenFile(files, name)
	if err != nil {
		return h, err
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, maxHeadered))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return h, fmt.Errorf("%s: is no JSON object", name)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return h, fmt.Errorf("%s: %w", name, err)
		}
		var into any
		switch key {
		case "command":
			into = &h.Command
		case "run":
			into = new(string)
		case "step":
			into = &h.Step
		case "tap":
			into = &h.Tap
		case "data":
			into = &h.Data
		case "caption":
			into = &h.Caption
		case "pictures":
			into = &h.Pictures
		case "tables":
			into = &h.Tables
		default:
			return h, nil
		}
		if err := d.Decode(into); err != nil {
			return h, fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	return h, nil
}

// shortened bounds what somebody has written.
func shortened(s string) string {
	if r := []rune(s); len(r) > maxCaption {
		return string(r[:maxCaption]) + "…"
	}
	return s
}
