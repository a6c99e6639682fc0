// Package plot draws simple charts as pictures: points, lines and words at places,
// heat maps, and sheets of small pictures with titles.
package plot

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Colours of all charts.
var (
	Ink  = color.RGBA{0x1f, 0x29, 0x37, 0xff} // words
	Soft = color.RGBA{0x60, 0xa5, 0xfa, 0xff} // lines and points without a class
	Grid = color.RGBA{0xd1, 0xd5, 0xdb, 0xff} // frames
	Mute = color.RGBA{0x6b, 0x72, 0x80, 0xff} // words of less weight
)

// classColours tell ten classes apart, also for most who see colours otherwise.
var classColours = []color.RGBA{
	{0x1f, 0x77, 0xb4, 0xff}, {0xff, 0x7f, 0x0e, 0xff}, {0x2c, 0xa0, 0x2c, 0xff}, {0xd6, 0x27, 0x28, 0xff}, {0x94, 0x67, 0xbd, 0xff},
	{0x8c, 0x56, 0x4b, 0xff}, {0xe3, 0x77, 0xc2, 0xff}, {0x7f, 0x7f, 0x7f, 0xff}, {0xbc, 0xbd, 0x22, 0xff}, {0x17, 0xbe, 0xcf, 0xff},
}

// Class is the colour of a class among several; of none where it is below 0. Beyond
// ten the colours are spread over the circle of hues.
func Class(class, of int) color.RGBA {
	switch {
	case class < 0:
		return Soft
	case of <= len(classColours) && class < len(classColours):
		return classColours[class]
	}
	return hue(float64(class)/float64(of), 0.55+0.25*float64(class%2))
}

// hue is a full colour of the circle of hues, 0 to 1.
func hue(h, value float64) color.RGBA {
	part := func(shift float64) uint8 {
		k := math.Mod(h*6+shift, 6)
		return uint8(255 * value * (1 - max(0, min(k, 4-k, 1))))
	}
	return color.RGBA{part(5), part(3), part(1), 0xff}
}

// FontSize is the height of words in pixels.
const FontSize = 13

var parsed = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(goregular.TTF) })

// A Canvas is a picture to draw on, white at first. Places are in pixels from its
// upper left corner.
type Canvas struct {
	Img   *image.RGBA
	face  font.Face
	taken []image.Rectangle // by labels
}

// New is an empty canvas.
func New(w, h int) (*Canvas, error) {
	f, err := parsed()
	if err != nil {
		return nil, err
	}
	c := &Canvas{Img: image.NewRGBA(image.Rect(0, 0, w, h))}
	if c.face, err = opentype.NewFace(f, &opentype.FaceOptions{Size: FontSize, DPI: 72, Hinting: font.HintingFull}); err != nil {
		return nil, err
	}
	c.Fill(c.Img.Rect, color.White)
	return c, nil
}

// Fill paints a rectangle.
func (c *Canvas) Fill(r image.Rectangle, col color.Color) {
	draw.Draw(c.Img, r, image.NewUniform(col), image.Point{}, draw.Src)
}

// Frame draws the border of a rectangle, within it.
func (c *Canvas) Frame(r image.Rectangle, col color.Color) {
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, r.Min.Y+1)}, {image.Pt(r.Min.X, r.Max.Y-1), r.Max},
		{r.Min, image.Pt(r.Min.X+1, r.Max.Y)}, {image.Pt(r.Max.X-1, r.Min.Y), r.Max},
	} {
		c.Fill(side, col)
	}
}

// polygon fills a shape with smooth edges.
func (c *Canvas) polygon(col color.Color, corners [][2]float64) {
	low, high := corners[0], corners[0]
	for _, p := range corners {
		for i := range p {
			low[i], high[i] = min(low[i], p[i]), max(high[i], p[i])
		}
	}
	box := image.Rect(int(math.Floor(low[0])), int(math.Floor(low[1])), int(high[0])+2, int(high[1])+2)
	if box.Intersect(c.Img.Rect).Empty() || box.Dx() > 1<<14 || box.Dy() > 1<<14 {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	for i, p := range corners {
		x, y := float32(p[0])-float32(box.Min.X), float32(p[1])-float32(box.Min.Y)
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	r.Draw(c.Img, box, image.NewUniform(col), image.Point{})
}

// Line joins two places.
func (c *Canvas) Line(x0, y0, x1, y1, width float64, col color.Color) {
	length := max(math.Hypot(x1-x0, y1-y0), 1e-9)
	dx, dy := -(y1-y0)/length*width/2, (x1-x0)/length*width/2
	c.polygon(col, [][2]float64{{x0 + dx, y0 + dy}, {x1 + dx, y1 + dy}, {x1 - dx, y1 - dy}, {x0 - dx, y0 - dy}})
}

// Dot marks a place by a disc.
func (c *Canvas) Dot(x, y, radius float64, col color.Color) {
	const corners = 12
	ring := make([][2]float64, corners)
	for i := range ring {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		ring[i] = [2]float64{x + radius*cos, y + radius*sin}
	}
	c.polygon(col, ring)
}

// Width is how many pixels a text takes.
func (c *Canvas) Width(text string) int { return font.MeasureString(c.face, text).Ceil() }

// Text writes from x on, on the line whose foot is y.
func (c *Canvas) Text(x, y int, text string, col color.Color) {
	d := font.Drawer{Dst: c.Img, Src: image.NewUniform(col), Face: c.face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// Fit shortens a text until it takes no more than so many pixels.
func (c *Canvas) Fit(text string, width int) string {
	if c.Width(text) <= width {
		return text
	}
	letters := []rune(text)
	for len(letters) > 0 && c.Width(string(letters)+"…") > width {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

// Label marks a place and writes a word beside it: to its right, or to its left, above or
// below where another label is there already, and where there is no room the mark stands
// alone.
func (c *Canvas) Label(x, y float64, word string, mark color.Color) {
	c.label(x, y, word, mark, false)
}

// LabelLeft is Label with the left side tried first.
func (c *Canvas) LabelLeft(x, y float64, word string, mark color.Color) {
	c.label(x, y, word, mark, true)
}

func (c *Canvas) label(x, y float64, word string, mark color.Color, left bool) {
	c.Dot(x, y, 2, mark)
	width := c.Width(word)
	right := image.Rect(int(x)+4, int(y)-FontSize+3, int(x)+5+width, int(y)+5)
	places := []image.Point{{}, {-width - 9, 0}, {-width/2 - 4, -FontSize}, {-width/2 - 4, FontSize + 2}}
	if left {
		places[0], places[1] = places[1], places[0]
	}
	for _, by := range places {
		box := right.Add(by)
		if !box.In(c.Img.Rect) || slices.ContainsFunc(c.taken, box.Overlaps) {
			continue
		}
		c.taken = append(c.taken, box)
		c.Text(box.Min.X, int(y)+4+by.Y, word, Ink)
		return
	}
}

// A View maps values to places within a rectangle, y upwards.
type View struct {
	Rect      image.Rectangle
	low, high [2]float64
}

// NewView shows all of some points within a rectangle. With square a step in x is as
// long as one in y.
func NewView(r image.Rectangle, at [][2]float64, square bool) View {
	v := View{Rect: r}
	for i, p := range at {
		for j := range p {
			if i == 0 {
				v.low[j], v.high[j] = p[j], p[j]
			}
			v.low[j], v.high[j] = min(v.low[j], p[j]), max(v.high[j], p[j])
		}
	}
	for j := range v.low {
		if v.high[j]-v.low[j] < 1e-9 {
			v.low[j], v.high[j] = v.low[j]-0.5, v.high[j]+0.5
		}
	}
	if square {
		x, y := (v.high[0]-v.low[0])/float64(r.Dx()), (v.high[1]-v.low[1])/float64(r.Dy())
		widen := func(j int, by float64) { v.low[j], v.high[j] = v.low[j]-by/2, v.high[j]+by/2 }
		if x < y {
			widen(0, (y-x)*float64(r.Dx()))
		} else {
			widen(1, (x-y)*float64(r.Dy()))
		}
	}
	return v
}

// At is the place of a point.
func (v View) At(p [2]float64) (x, y float64) {
	share := func(j int) float64 { return (p[j] - v.low[j]) / (v.high[j] - v.low[j]) }
	return float64(v.Rect.Min.X) + share(0)*float64(v.Rect.Dx()), float64(v.Rect.Max.Y) - share(1)*float64(v.Rect.Dy())
}
