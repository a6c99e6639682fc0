package plot

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// Anchors of the scale of colours from low to high, which also rises in lightness
// (viridis: Smith and van der Walt 2015, matplotlib; public domain).
var scale = [][3]float64{
	{68, 1, 84}, {72, 40, 120}, {62, 74, 137}, {49, 104, 142}, {38, 130, 142},
	{31, 158, 137}, {53, 183, 121}, {109, 205, 89}, {180, 222, 44}, {253, 231, 37},
}

// Heat is the colour of a share from 0 to 1.
func Heat(share float64) color.RGBA {
	if math.IsNaN(share) {
		return color.RGBA{255, 255, 255, 255}
	}
	at := min(max(share, 0), 1) * float64(len(scale)-1)
	i := min(int(at), len(scale)-2)
	mix := func(j int) uint8 { return uint8(scale[i][j] + (at-float64(i))*(scale[i+1][j]-scale[i][j]) + 0.5) }
	return color.RGBA{mix(0), mix(1), mix(2), 255}
}

// A HeatMap is a matrix as colours.
type HeatMap struct {
	Title         string
	Rows, Columns []string    // titles; empty: none
	Values        [][]float64 // by row
	Low, High     float64     // of the colours; both 0: those of the values
	Cell          int         // side in pixels of one value
	Write         bool        // the values into the cells
	// Groups draws lines where a group of rows, and of columns, ends, with its name;
	// Sizes are how many rows each has.
	Groups []string
	Sizes  []int
}

// Draw makes the picture: the matrix with its titles, and a bar that says what the
// colours stand for.
func (m HeatMap) Draw() (*image.RGBA, error) {
	c, err := New(1, 1)
	if err != nil {
		return nil, err
	}
	low, high := m.Low, m.High
	if low == 0 && high == 0 {
		low, high = math.Inf(1), math.Inf(-1)
		for _, row := range m.Values {
			for _, v := range row {
				if !math.IsNaN(v) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
	}
	const gap, line, bar = 6, FontSize + 6, 14
	left, top := gap, gap+line
	for _, name := range append(m.Rows, m.Groups...) {
		left = max(left, 2*gap+c.Width(name))
	}
	head := 0
	for _, name := range m.Columns {
		head = max(head, c.Width(name)*7/10+line)
	}
	top += head
	wide, tall := 0, len(m.Values)*m.Cell
	if len(m.Values) > 0 {
		wide = len(m.Values[0]) * m.Cell
	}
	labels := fmt.Sprintf("%.3g", low)
	text := max(c.Width(labels), c.Width(fmt.Sprintf("%.3g", high)))
	overhang := 0
	for i, name := range m.Columns {
		overhang = max(overhang, (i+1)*m.Cell+c.Width(name)*7/10-wide-bar-text-3*gap)
	}
	width := max(left+wide+3*gap+bar+text+overhang, gap+c.Width(m.Title)+gap)
	if c, err = New(width, top+max(tall, 4*line)+gap); err != nil {
		return nil, err
	}
	c.Text(gap, gap+FontSize, m.Title, Ink)
	share := func(v float64) float64 { return (v - low) / max(high-low, 1e-12) }
	for i, row := range m.Values {
		for j, v := range row {
			cell := image.Rect(left+j*m.Cell, top+i*m.Cell, left+(j+1)*m.Cell, top+(i+1)*m.Cell)
			c.Fill(cell, Heat(share(v)))
			if m.Write {
				said, col := fmt.Sprintf("%.2f", v), color.Color(color.White)
				if share(v) > 0.6 {
					col = color.Black
				}
				c.Text(cell.Min.X+(m.Cell-c.Width(said))/2, cell.Min.Y+m.Cell/2+FontSize/2-2, said, col)
			}
		}
	}
	for i, name := range m.Rows {
		c.Text(left-gap-c.Width(name), top+i*m.Cell+m.Cell/2+FontSize/2-2, name, Ink)
	}
	for j, name := range m.Columns {
		c.slanted(left+j*m.Cell+m.Cell/2, top-gap, name)
	}
	at := 0
	for i, size := range m.Sizes {
		c.Text(left-gap-c.Width(m.Groups[i]), top+(2*at+size)*m.Cell/2+FontSize/2-2, m.Groups[i], Ink)
		if at += size; i < len(m.Sizes)-1 {
			c.Fill(image.Rect(left, top+at*m.Cell, left+wide, top+at*m.Cell+1), color.White)
			c.Fill(image.Rect(left+at*m.Cell, top, left+at*m.Cell+1, top+tall), color.White)
		}
	}
	c.scale(image.Rect(left+wide+2*gap, top, left+wide+2*gap+bar, top+max(tall, 4*line)), low, high)
	return c.Img, nil
}

// scale draws the bar of the colours.
func (c *Canvas) scale(r image.Rectangle, low, high float64) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		c.Fill(image.Rect(r.Min.X, y, r.Max.X, y+1), Heat(float64(r.Max.Y-1-y)/float64(r.Dy()-1)))
	}
	c.Text(r.Max.X+4, r.Min.Y+FontSize-2, fmt.Sprintf("%.3g", high), Mute)
	c.Text(r.Max.X+4, r.Max.Y-1, fmt.Sprintf("%.3g", low), Mute)
}

// slanted writes a text upwards to the right, its beginning at x, y.
func (c *Canvas) slanted(x, y int, text string) {
	row, err := New(c.Width(text)+2, FontSize+4)
	if err != nil {
		return // the font was read before
	}
	row.Text(1, FontSize, text, Ink)
	// A turn by 45 degrees: of each place of the result, where it comes from.
	const sin = math.Sqrt2 / 2
	w, h := row.Img.Rect.Dx(), row.Img.Rect.Dy()
	for dy := -(w + h); dy <= h; dy++ {
		for dx := -h; dx <= w+h; dx++ {
			u, v := float64(dx)*sin-float64(dy)*sin, float64(dx)*sin+float64(dy)*sin+float64(FontSize)
			if u < 0 || v < 0 || u >= float64(w-1) || v >= float64(h-1) {
				continue
			}
			p := bilinear(row.Img, u, v)
			if p.R < 250 {
				c.Img.SetRGBA(x+dx, y+dy, p)
			}
		}
	}
}

func bilinear(img *image.RGBA, x, y float64) color.RGBA {
	i, j := int(x), int(y)
	fx, fy := x-float64(i), y-float64(j)
	a, b, d, e := img.RGBAAt(i, j), img.RGBAAt(i+1, j), img.RGBAAt(i, j+1), img.RGBAAt(i+1, j+1)
	mix := func(a, b, d, e uint8) uint8 {
		return uint8((float64(a)*(1-fx)+float64(b)*fx)*(1-fy) + (float64(d)*(1-fx)+float64(e)*fx)*fy)
	}
	return color.RGBA{mix(a.R, b.R, d.R, e.R), mix(a.G, b.G, d.G, e.G), mix(a.B, b.B, d.B, e.B), 255}
}
