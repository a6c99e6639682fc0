package plot

import (
	"errors"
	"image"
	"slices"

	"golang.org/x/image/draw"
)

// A Row of a sheet is pictures of one size, with a title on their left. A nil picture
// leaves its place empty; a title of a picture stands below it.
type Row struct {
	Title    string
	Tiles    []image.Image
	Captions []string // below each tile; empty: none
}

// Sheet draws rows of pictures below each other, each picture in a square of side
// pixels, whole pixels being enlarged by a whole number where they can be. Columns
// are the titles of the columns, and may be empty; a column without a picture is
// narrow.
func Sheet(columns []string, rows []Row, side int) (*image.RGBA, error) {
	const gap, line = 4, FontSize + 5
	left, across, captions := 0, 0, false
	c, err := New(1, 1)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		left, across = max(left, c.Width(r.Title)), max(across, len(r.Tiles))
		captions = captions || len(r.Captions) > 0
	}
	if across == 0 {
		return nil, errors.New("a sheet of no pictures")
	}
	if left > 0 {
		left += 2 * gap
	}
	top, high := gap, side+gap
	if len(columns) > 0 {
		top += line
	}
	if captions {
		high += line
	}
	at := make([]int, across+1) // where each column begins, and where the last one ends
	at[0] = gap + left
	for j := range across {
		at[j+1] = at[j] + side/4 + gap
		if slices.ContainsFunc(rows, func(r Row) bool { return j < len(r.Tiles) && r.Tiles[j] != nil }) {
			at[j+1] = at[j] + side + gap
		}
	}
	wide := at[across]
	for i, title := range columns { // a title may stick out
		wide = max(wide, at[min(i, across)]+c.Width(title)+gap)
	}
	if c, err = New(wide, top+len(rows)*high+gap); err != nil {
		return nil, err
	}
	for i, title := range columns {
		c.Text(at[min(i, across)], gap+FontSize, title, Mute)
	}
	for i, r := range rows {
		y := top + i*high
		c.Text(gap, y+side/2+FontSize/2-2, r.Title, Ink)
		for j, tile := range r.Tiles {
			if tile == nil {
				continue
			}
			x := at[j]
			c.Frame(c.Tile(image.Rect(x, y, x+side, y+side), tile).Inset(-1), Grid) // white pictures end somewhere too
			if j < len(r.Captions) {
				c.Text(x, y+side+FontSize, c.Fit(r.Captions[j], side), Mute)
			}
		}
	}
	return c.Img, nil
}

// Tile draws a picture into the middle of a rectangle, as large as fits, and gives the
// place that it takes.
func (c *Canvas) Tile(r image.Rectangle, img image.Image) image.Rectangle {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if w == 0 || h == 0 {
		return image.Rectangle{Min: r.Min, Max: r.Min}
	}
	var scaler draw.Scaler = draw.NearestNeighbor
	if times := min(r.Dx()/w, r.Dy()/h); times >= 1 {
		w, h = w*times, h*times
	} else {
		scaler = draw.ApproxBiLinear
		if w > h {
			w, h = r.Dx(), max(1, h*r.Dx()/w)
		} else {
			w, h = max(1, w*r.Dy()/h), r.Dy()
		}
	}
	at := r.Min.Add(image.Pt((r.Dx()-w)/2, (r.Dy()-h)/2))
	place := image.Rectangle{at, at.Add(image.Pt(w, h))}
	scaler.Scale(c.Img, place, img, img.Bounds(), draw.Src, nil)
	return place
}
