package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"
)

// MapFile is where a run keeps the map of its codes.
const MapFile = InspectDir + "/map.json"

const (
	maxMap       = 32 << 20 // bytes of the file
	maxMapPoints = 50_000
	maxMapNear   = 50 // neighbours of a point
	maxMapText   = 80 // letters that stand beside a point
	maxMapNames  = 1000
	maxThumb     = 512 // pixels to a side
)

// A CodeMap shows codes of examples in two dimensions, so that those that are near in
// the space of the codes are near on the map, as far as that can be.
type CodeMap struct {
	Step    int        `json:"step"`
	Tap     string     `json:"tap"`    // the activation that is the code
	Method  string     `json:"method"` // pca, tsne or umap
	Classes []string   `json:"classes"`
	Thumbs  *Thumbs    `json:"thumbs"` // nil where examples are no pictures
	Points  []MapPoint `json:"points"`
	// Near are, of each point, the numbers of those that are nearest in the space of
	// the codes, the nearest first. It may be empty.
	Near [][]int `json:"neighbors"`
}

// Thumbs is a sheet of small pictures, one for each point, row by row.
type Thumbs struct {
	File    string `json:"file"` // in the run's folder
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Columns int    `json:"columns"`
}

// A MapPoint is an example on the map.
type MapPoint struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Index int     `json:"index"` // of the example
	Label int     `json:"label"` // of its class; -1 where it has none
	Text  string  `json:"text"`
}

// ReadMap reads the map of a run and checks all that a page relies on. Where there is
// none the error is fs.ErrNotExist.
func ReadMap(files fs.FS) (*CodeMap, error) {
	text, err := ReadFile(files, MapFile, maxMap)
	if err != nil {
		return nil, err
	}
	m := &CodeMap{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", MapFile, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", MapFile, err)
	}
	return m, nil
}

func (m *CodeMap) check() error {
	switch n := len(m.Points); {
	case n == 0:
		return errors.New("has no points")
	case n > maxMapPoints:
		return fmt.Errorf("has %d points, more than the %d that are shown", n, maxMapPoints)
	case len(m.Near) > 0 && len(m.Near) != n:
		return fmt.Errorf("has the neighbours of %d points, want %d", len(m.Near), n)
	case len(m.Classes) > maxMapNames:
		return fmt.Errorf("has %d classes, more than the %d that are shown", len(m.Classes), maxMapNames)
	}
	for i := range m.Points {
		p := &m.Points[i]
		if math.IsNaN(p.X) || math.IsNaN(p.Y) || math.Abs(p.X) > 1e100 || math.Abs(p.Y) > 1e100 {
			return fmt.Errorf("point %d lies at %g, %g", i, p.X, p.Y)
		}
		if p.Label < 0 || p.Label >= len(m.Classes) {
			p.Label = -1
		}
		if r := []rune(p.Text); len(r) > maxMapText {
			p.Text = string(r[:maxMapText]) + "…"
		}
	}
	for i, near := range m.Near {
		for _, j := range near {
			if j < 0 || j >= len(m.Points) {
				return fmt.Errorf("point %d has the neighbour %d of %d points", i, j, len(m.Points))
			}
		}
		m.Near[i] = near[:min(len(near), maxMapNear)]
	}
	if t := m.Thumbs; t != nil {
		if t.Width < 1 || t.Height < 1 || t.Columns < 1 || t.Width > maxThumb || t.Height > maxThumb {
			return fmt.Errorf("its small pictures are %d by %d, %d in a row", t.Width, t.Height, t.Columns)
		}
		if clean := path.Clean(t.File); clean != t.File || path.Dir(clean) != InspectDir || strings.HasPrefix(path.Base(clean), ".") {
			return fmt.Errorf("its small pictures are in %q, want a file in %s", t.File, InspectDir)
		}
	}
	return nil
}
