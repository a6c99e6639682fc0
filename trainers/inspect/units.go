package inspect

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/graph"
	"x2vec/trainers/eval"
)

// Units says what drives each of some units of a layer; kept as units.json.
type Units struct {
	Header
	Of      int      `json:"of"` // units in the layer
	Classes []string `json:"classes"`
	Units   []Unit   `json:"units"`
	// Field is the side of the receptive field in pixels, 0 where a unit sees all.
	Field int `json:"field"`
}

// A Unit is one value of a code, or one channel of a map.
type Unit struct {
	Unit     int        `json:"unit"`
	Stimuli  []Stimulus `json:"stimuli"` // those that drive it most, the strongest first
	Variance float64    `json:"variance"`
	// Class is the one that the unit tells best from all others, by the area under the
	// ROC curve of its activations, AUC: 0.5 is chance, 1 is perfect, 0 is perfect by
	// silence. -1 where no class is known.
	Class int     `json:"class"`
	AUC   float64 `json:"auc"`
	// Active is the share of examples at which the unit is above 0.
	Active float64 `json:"active"`
}

// A Stimulus is an example, or a patch of one, that drives a unit.
type Stimulus struct {
	Index int     `json:"index"`
	Label int     `json:"label"`
	Value float32 `json:"value"`
	// Patch is the receptive field where the unit is driven: x, y, width and height in
	// pixels, which may reach beyond the picture; all 0 where it is all of it.
	Patch [4]int `json:"patch"`
}

// A UnitWalk goes through the activations of a layer, batch by batch, and keeps what
// drives its units. Memory grows with examples times units looked at.
type UnitWalk struct {
	units []int // looked at
	top   int   // stimuli to keep of each
	field *graph.Field
	grid  *Grid

	of     int
	best   [][]Stimulus
	values [][]float32 // of each unit, over the examples: its strongest place
	labels []int
}

// A Grid says where tokens stand: after Lead that belong to no place, Rows x Cols
// patches of Side pixels.
type Grid struct{ Lead, Rows, Cols, Side int }

// NewUnitWalk looks at units, or at all where there are none, and keeps the top
// stimuli of each. A map, (B, H, W, C), needs its field where it has one; tokens,
// (B, lead+T, D), their grid.
func NewUnitWalk(units []int, top int, field *graph.Field, grid *Grid) *UnitWalk {
	return &UnitWalk{units: units, top: top, field: field, grid: grid}
}

// Add takes in a batch of activations of examples by their numbers in the source.
func (w *UnitWalk) Add(v graph.View, index, labels []int) error {
	b := v.Shape[0]
	if len(v.Shape) < 2 || b != len(index) {
		return fmt.Errorf("%s has the shape %v for %d examples: it has no units", v.Name, v.Shape, len(index))
	}
	c := v.Shape[len(v.Shape)-1]
	places := len(v.Data) / b / c
	if w.best == nil {
		w.of = c
		if len(w.units) == 0 {
			for i := range c {
				w.units = append(w.units, i)
			}
		}
		for _, u := range w.units {
			if u < 0 || u >= c {
				return fmt.Errorf("unit %d: %s has units 0 to %d", u, v.Name, c-1)
			}
		}
		w.best, w.values = make([][]Stimulus, len(w.units)), make([][]float32, len(w.units))
	}
	lead := 0
	if w.grid != nil && places == w.grid.Lead+w.grid.Rows*w.grid.Cols {
		lead = w.grid.Lead
	}
	for i := range b {
		x := v.Data[i*places*c : (i+1)*places*c]
		for k, u := range w.units {
			at, value := 0, float32(math.Inf(-1))
			for p := lead; p < places; p++ {
				if a := x[p*c+u]; a > value {
					at, value = p, a
				}
			}
			w.values[k] = append(w.values[k], value)
			if len(w.best[k]) < w.top || value > w.best[k][len(w.best[k])-1].Value {
				w.insert(k, Stimulus{Index: index[i], Label: labels[i], Value: value, Patch: w.patch(v.Shape, at-lead)})
			}
		}
	}
	w.labels = append(w.labels, labels...)
	return nil
}

// patch is where a place looks.
func (w *UnitWalk) patch(shape []int, place int) [4]int {
	switch {
	case len(shape) == 4 && w.field != nil:
		y0, y1 := w.field.At(place/shape[2], 0)
		x0, x1 := w.field.At(place%shape[2], 1)
		return [4]int{x0, y0, x1 - x0, y1 - y0}
	case len(shape) == 3 && w.grid != nil:
		g := w.grid
		return [4]int{place % g.Cols * g.Side, place / g.Cols * g.Side, g.Side, g.Side}
	}
	return [4]int{}
}

func (w *UnitWalk) insert(k int, s Stimulus) {
	list := append(w.best[k], s)
	for i := len(list) - 1; i > 0 && list[i].Value > list[i-1].Value; i-- {
		list[i], list[i-1] = list[i-1], list[i]
	}
	w.best[k] = list[:min(len(list), w.top)]
}

// Result says what was found. Where units were not chosen, the most that vary most
// are told, in that order.
func (w *UnitWalk) Result(classes []string, chosen bool, most int) *Units {
	r := &Units{Of: w.of, Classes: classes}
	if w.field != nil {
		r.Field = w.field.Size[0]
	}
	for k, u := range w.units {
		unit := Unit{Unit: u, Stimuli: w.best[k], Class: -1}
		var sum, squares float64
		for _, v := range w.values[k] {
			sum += float64(v)
			squares += float64(v) * float64(v)
			if v > 0 {
				unit.Active++
			}
		}
		n := float64(len(w.values[k]))
		unit.Active /= n
		unit.Variance = max(0, squares/n-sum/n*sum/n)
		if len(classes) > 1 {
			unit.Class, unit.AUC = selectivity(w.values[k], w.labels, len(classes))
		}
		r.Units = append(r.Units, unit)
	}
	if !chosen {
		slices.SortStableFunc(r.Units, func(a, b Unit) int { return cmp.Compare(b.Variance, a.Variance) })
		r.Units = r.Units[:min(most, len(r.Units))]
	}
	return r
}

// selectivity is the class whose area under the ROC curve is farthest from chance.
func selectivity(values []float32, labels []int, classes int) (class int, auc float64) {
	x := make([]float64, len(values))
	for i, v := range values {
		x[i] = float64(v)
	}
	rank := eval.Ranks(x)
	class, auc = -1, 0.5
	for c := range classes {
		var sum, n float64
		all := 0.0
		for i, l := range labels {
			if l >= 0 {
				all++
			}
			if l == c {
				sum += rank[i]
				n++
			}
		}
		if n == 0 || n == all || all < float64(len(labels)) {
			continue
		}
		a := (sum - n*(n+1)/2) / (n * (all - n)) // Mann and Whitney's U over the pairs
		if math.Abs(a-0.5) > math.Abs(auc-0.5) {
			class, auc = c, a
		}
	}
	return class, auc
}

// tells is the class that a unit tells best; one that it is silent about has "not".
func (u Unit) tells(classes []string) string {
	if u.AUC < 0.5 {
		return "not " + classes[u.Class]
	}
	return classes[u.Class]
}

// Draw has a row for each unit with the stimuli that drive it most: the patch alone
// where it is seen through a receptive field, a token's framed in its picture.
func (r *Units) Draw(src data.Source, side int) (image.Image, error) {
	var rows []plot.Row
	for _, u := range r.Units {
		row := plot.Row{Title: fmt.Sprintf("unit %d", u.Unit)}
		if u.Class >= 0 {
			row.Title += fmt.Sprintf("  %s %s", u.tells(r.Classes), strconv.FormatFloat(max(u.AUC, 1-u.AUC), 'f', 2, 64))
		}
		for _, s := range u.Stimuli {
			img, err := Example(src, s.Index)
			if err != nil {
				return nil, err
			}
			row.Tiles = append(row.Tiles, r.tile(img, s.Patch, side))
		}
		rows = append(rows, row)
	}
	return plot.Sheet(nil, rows, side)
}

func (r *Units) tile(img image.Image, patch [4]int, side int) image.Image {
	if patch[2] == 0 {
		return img
	}
	box := image.Rect(patch[0], patch[1], patch[0]+patch[2], patch[1]+patch[3])
	if r.Field > 0 {
		if box.Dx() >= img.Bounds().Dx() && box.Dy() >= img.Bounds().Dy() {
			return img
		}
		cut := image.NewRGBA(image.Rect(0, 0, box.Dx(), box.Dy()))
		for y := range box.Dy() {
			for x := range box.Dx() {
				col := color.Color(color.Gray{128}) // beyond the picture
				if at := image.Pt(box.Min.X+x, box.Min.Y+y); at.In(img.Bounds()) {
					col = img.At(at.X, at.Y)
				}
				cut.Set(x, y, col)
			}
		}
		return cut
	}
	times := max(1, side/img.Bounds().Dx())
	c, err := plot.New(img.Bounds().Dx()*times, img.Bounds().Dy()*times)
	if err != nil {
		return img
	}
	c.Tile(c.Img.Rect, img)
	c.Frame(image.Rect(box.Min.X*times, box.Min.Y*times, box.Max.X*times, box.Max.Y*times), color.RGBA{0xff, 0x30, 0x30, 0xff})
	return c.Img
}
