package inspect

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"

	"x2vec/data/plot"
	"x2vec/trainers/eval"
)

// Layers says where examples go, layer by layer and over training; kept as
// layers.json. A layer of two values is shown as it is, a wider one by the two
// directions in which it varies most at the last step.
type Layers struct {
	Header
	Classes []string    `json:"classes"`
	Labels  []int       `json:"labels"` // of the examples
	Names   []string    `json:"layers"` // the input first
	Widths  []int       `json:"widths"` // values of a layer
	Steps   []LayerStep `json:"steps"`
}

// A LayerStep is all places at one step of training.
type LayerStep struct {
	Step int `json:"step"`
	// Places are x and y of each example, by layer.
	Places [][][2]float64 `json:"places"`
}

// NewLayers places the examples of several layers over several steps. read gives the
// codes at one of the steps to visit, layer by layer in the order of names; it is asked
// for the last step first, and nothing of what it gives is kept.
func NewLayers(names []string, steps []int, classes []string, read func(step int, visit func(f eval.Features) error) error) (*Layers, error) {
	l := &Layers{Classes: classes, Names: names, Steps: make([]LayerStep, len(steps))}
	planes := make([]*plane, len(names)) // nil of a layer that is shown as it is
	last := len(steps) - 1
	for k := range steps {
		i := (last + k) % len(steps) // the last one, and then from the first on
		at := &l.Steps[i]
		at.Step = steps[i]
		err := read(steps[i], func(f eval.Features) error {
			j := len(at.Places)
			if i == last {
				l.Labels, l.Widths = f.Labels, append(l.Widths, f.D)
				if f.D > 2 {
					var err error
					if planes[j], err = planeOf(f, 2); err != nil {
						return fmt.Errorf("%s: %w", names[j], err)
					}
				}
			}
			at.Places = append(at.Places, flat(f, planes[j]))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// flat is the places of codes, in a plane where there is one.
func flat(f eval.Features, p *plane) [][2]float64 {
	at, d := f.X, f.D
	if p != nil {
		at, d = p.place(f), p.k
	}
	places := make([][2]float64, f.N())
	for i := range places {
		places[i][0] = rounded(at[i*d])
		if d > 1 {
			places[i][1] = rounded(at[i*d+1])
		}
	}
	return places
}

const (
	layerSide   = 190 // of one panel in pixels
	layerGap    = 10
	layerHead   = 22
	layersShown = 6  // steps of the still picture, at most
	lastShown   = 15 // hundredths of a second of a frame are a tenth of what the last one stays
)

// rowOf draws all layers at one step from y on.
func (l *Layers) rowOf(c *plot.Canvas, step int, y int) {
	c.Text(layerGap, y+layerSide/2, fmt.Sprintf("step %d", l.Steps[step].Step), plot.Ink)
	for j := range l.Names {
		x := layerLeft + j*(layerSide+layerGap)
		box := image.Rect(x, y, x+layerSide, y+layerSide)
		c.Frame(box, plot.Grid)
		view := plot.NewView(box.Inset(10), l.Steps[step].Places[j], true)
		for i, p := range l.Steps[step].Places[j] {
			px, py := view.At(p)
			label := -1
			if l.Labels != nil {
				label = l.Labels[i]
			}
			c.Dot(px, py, 2, plot.Class(label, len(l.Classes)))
		}
	}
}

const layerLeft = 90

func (l *Layers) canvas(rows int) (*plot.Canvas, error) {
	c, err := plot.New(layerLeft+len(l.Names)*(layerSide+layerGap), layerHead+rows*(layerSide+layerGap))
	if err != nil {
		return nil, err
	}
	for j, name := range l.Names {
		c.Text(layerLeft+j*(layerSide+layerGap), layerHead-6, c.Fit(fmt.Sprintf("%s (%d)", name, l.Widths[j]), layerSide), plot.Mute)
	}
	return c, nil
}

// Draw has a row for each of some steps, the first and the last among them, and a
// column for each layer.
func (l *Layers) Draw() (image.Image, error) {
	n := min(layersShown, len(l.Steps))
	c, err := l.canvas(n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		step := len(l.Steps) - 1
		if n > 1 {
			step = i * (len(l.Steps) - 1) / (n - 1)
		}
		l.rowOf(c, step, layerHead+i*(layerSide+layerGap))
	}
	return c.Img, nil
}

// Animate is a GIF of all steps, one after the other, the last one staying longer.
func (l *Layers) Animate() ([]byte, error) {
	var g gif.GIF
	colours := l.palette()
	for i := range l.Steps {
		c, err := l.canvas(1)
		if err != nil {
			return nil, err
		}
		l.rowOf(c, i, layerHead)
		frame := image.NewPaletted(c.Img.Rect, colours)
		draw.Draw(frame, frame.Rect, c.Img, image.Point{}, draw.Src)
		g.Image = append(g.Image, frame)
		g.Delay = append(g.Delay, lastShown)
	}
	g.Delay[len(g.Delay)-1] = 10 * lastShown
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &g)
	return b.Bytes(), err
}

// palette is the colours of the frames, each in steps to white for smooth edges.
func (l *Layers) palette() color.Palette {
	list := []color.RGBA{plot.Ink, plot.Mute, plot.Grid, plot.Soft}
	for c := range min(len(l.Classes), 40) {
		list = append(list, plot.Class(c, len(l.Classes)))
	}
	p := color.Palette{color.White}
	const shades = 5
	for _, c := range list {
		for s := range shades {
			mix := func(v uint8) uint8 { return uint8(255 - (255-int(v))*(s+1)/shades) }
			p = append(p, color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255})
		}
	}
	return p
}
