package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"x2vec/trainers/runs"
)

// maxMapPoints is how many a page that is complete in itself has.
const maxMapPoints = 4000

// A codeMap is the map of a run's codes as a page shows it.
type codeMap struct {
	Title string // what is seen, in words
	Note  string // what is left out
	Data  string // JSON for the page's script; empty where it is to be asked for
	Src   string // address of that JSON
}

// mapData is a map for the page's script: lists of the same length, one entry a point.
type mapData struct {
	Classes []string   `json:"classes"`
	X       []float64  `json:"x"` // 0 to 1 on the longer side
	Y       []float64  `json:"y"` // upwards
	Label   []int      `json:"label"`
	Index   []int      `json:"index"`
	Text    []string   `json:"text,omitempty"`
	Near    [][]int    `json:"near"`
	Thumbs  *mapThumbs `json:"thumbs,omitempty"`
	Size    [2]float64 `json:"size"` // of the whole
	Tap     string     `json:"tap"`
	Kept    []int      `json:"-"` // the points by their number in the map
	full    *runs.CodeMap
}

type mapThumbs struct {
	URI     string `json:"uri"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Columns int    `json:"columns"`
	At      []int  `json:"at,omitempty"` // number of each point's picture, where that is not its own
}

// readMap takes the map of a run into its page, its small pictures in room bytes, of
// which it gives how many it took; pages that a server gives ask for it.
func (r *run) readMap(src string, room int) (took int) {
	m, err := runs.ReadMap(r.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		r.fault(err)
		return 0
	}
	what := "examples"
	if m.Points[0].Text != "" {
		what = "words"
	}
	c := &codeMap{Src: src, Title: fmt.Sprintf("%s of %s at step %s, %s %s",
		methodName(m.Method), m.Tap, Number(float64(m.Step)), Number(float64(len(m.Points))), what)}
	r.Map = c
	if src != "" {
		return 0
	}
	d := newMapData(m, maxMapPoints)
	if n := len(m.Points); len(d.X) < n {
		c.Note = fmt.Sprintf("%s of them are on this page.", Number(float64(len(d.X))))
	}
	if t := m.Thumbs; t != nil {
		if p, err := readPNG(r.Files, t.File, room); err == nil {
			d.thumbs(string(p.URI))
			took = p.Size
		} else {
			c.Note = join(c.Note, "Small pictures are left out: "+err.Error()+".")
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		r.fault(err)
		return 0
	}
	c.Data = string(text)
	return took
}

// MapJSON gives the map of a run for the page's script, with the small pictures at
// the address that address makes of their file.
func MapJSON(m *runs.CodeMap, address func(file string) string) ([]byte, error) {
	d := newMapData(m, len(m.Points))
	if m.Thumbs != nil {
		d.thumbs(address(m.Thumbs.File))
	}
	return json.Marshal(d)
}

// newMapData takes at most so many of the points, evenly.
func newMapData(m *runs.CodeMap, most int) *mapData {
	n := len(m.Points)
	keep := min(n, most)
	d := &mapData{Classes: m.Classes, Tap: m.Tap, full: m, Near: [][]int{}}
	at := make([]int, n) // number on the page, -1 for a point that is left out
	for i := range at {
		at[i] = -1
	}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for k := range keep {
		i := k * n / keep
		at[i] = k
		d.Kept = append(d.Kept, i)
		p := m.Points[i]
		x0, x1, y0, y1 = min(x0, p.X), max(x1, p.X), min(y0, p.Y), max(y1, p.Y)
	}
	scale := max(x1-x0, y1-y0)
	if scale == 0 {
		scale = 1
	}
	place := func(v float64) float64 { return math.Round(v/scale*1e4) / 1e4 }
	d.Size = [2]float64{place(x1 - x0), place(y1 - y0)}
	texts := false
	for _, i := range d.Kept {
		p := m.Points[i]
		d.X, d.Y = append(d.X, place(p.X-x0)), append(d.Y, place(p.Y-y0))
		d.Label, d.Index, d.Text = append(d.Label, p.Label), append(d.Index, p.Index), append(d.Text, p.Text)
		texts = texts || p.Text != ""
		if len(m.Near) > 0 {
			near := []int{}
			for _, j := range m.Near[i] {
				if at[j] >= 0 {
					near = append(near, at[j])
				}
			}
			d.Near = append(d.Near, near)
		}
	}
	if !texts {
		d.Text = nil
	}
	return d
}

// thumbs puts the sheet of small pictures at an address into the map.
func (d *mapData) thumbs(uri string) {
	t := d.full.Thumbs
	d.Thumbs = &mapThumbs{URI: uri, Width: t.Width, Height: t.Height, Columns: t.Columns}
	if len(d.Kept) < len(d.full.Points) {
		d.Thumbs.At = d.Kept
	}
}

func methodName(method string) string {
	switch method {
	case "pca":
		return "PCA"
	case "tsne":
		return "t-SNE"
	case "umap":
		return "UMAP"
	}
	return method
}
