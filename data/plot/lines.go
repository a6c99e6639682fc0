package plot

import (
	"fmt"
	"image"
	"image/color"
)

// A Curve is values at named places, drawn from left to right.
type Curve struct {
	Name   string
	Values []float64
	Broken bool // a line of dashes
	Color  color.Color
}

// Curves draws several over the same places, between low and high, with a legend.
func Curves(title string, places []string, curves []Curve, low, high float64) (*image.RGBA, error) {
	const left, top, wide, tall, step = 50, 30, 460, 260, 5
	c, err := New(1, 1)
	if err != nil {
		return nil, err
	}
	legend := 0
	for _, v := range curves {
		legend = max(legend, c.Width(v.Name)+40)
	}
	if c, err = New(left+wide+20+legend, top+tall+30); err != nil {
		return nil, err
	}
	c.Text(left, top-12, title, Ink)
	x := func(i int) float64 {
		return left + 30 + float64(i)*(wide-60)/float64(max(1, len(places)-1))
	}
	y := func(v float64) float64 { return top + tall - min(max((v-low)/(high-low), 0), 1)*tall }
	for i := range step + 1 {
		v := low + (high-low)*float64(i)/step
		c.Line(left, y(v), left+wide, y(v), 1, Grid)
		said := fmt.Sprintf("%.2g", v)
		c.Text(left-8-c.Width(said), int(y(v))+4, said, Mute)
	}
	for i, name := range places {
		c.Text(int(x(i))-c.Width(name)/2, top+tall+18, name, Ink)
	}
	for k, curve := range curves {
		for i := 1; i < len(curve.Values); i++ {
			c.stretch(x(i-1), y(curve.Values[i-1]), x(i), y(curve.Values[i]), curve)
		}
		for i, v := range curve.Values {
			c.Dot(x(i), y(v), 3.5, curve.Color)
		}
		at := float64(top + 10 + k*20)
		c.stretch(left+wide+10, at, left+wide+34, at, curve)
		c.Text(left+wide+40, int(at)+4, curve.Name, Ink)
	}
	return c.Img, nil
}

// stretch draws a piece of a curve.
func (c *Canvas) stretch(x0, y0, x1, y1 float64, curve Curve) {
	if !curve.Broken {
		c.Line(x0, y0, x1, y1, 2, curve.Color)
		return
	}
	const dashes = 12
	for i := range dashes {
		a, b := float64(i)/dashes, (float64(i)+0.5)/dashes
		c.Line(x0+(x1-x0)*a, y0+(y1-y0)*a, x0+(x1-x0)*b, y0+(y1-y0)*b, 2, curve.Color)
	}
}
