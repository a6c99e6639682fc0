package readers

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/draw"
)

// planar draws points of the plane in classes that no straight line parts, to see how
// a net moves them. Every example is a function of (seed, split, index) alone: two
// bytes, x and y.
type planar struct {
	spec data.Spec
	seed uint64
	n    int
	form planarForm
}

// A planarForm draws a point of a class, both coordinates within −1 to 1.
type planarForm struct {
	name    string
	classes int
	at      func(class int, r *draw.Rand) (x, y float64)
}

var planarForms = []planarForm{
	{"spirals", 3, func(class int, r *draw.Rand) (x, y float64) {
		t := r.Float64()
		sin, cos := math.Sincos(2*math.Pi*(float64(class)/3+t*0.8) + 0.12*r.Norm())
		radius := 0.1 + 0.85*t
		return radius * cos, radius * sin
	}},
	{"moons", 2, func(class int, r *draw.Rand) (x, y float64) {
		sin, cos := math.Sincos(math.Pi * r.Float64())
		x, y = cos, sin
		if class == 1 {
			x, y = 1-cos, 0.5-sin
		}
		return (x-0.5)/1.8 + 0.04*r.Norm(), (y-0.25)/1.4 + 0.04*r.Norm()
	}},
	{"rings", 3, func(class int, r *draw.Rand) (x, y float64) {
		sin, cos := math.Sincos(2 * math.Pi * r.Float64())
		radius := 0.4*float64(class) + 0.1 + 0.04*r.Norm()
		return radius * cos, radius * sin
	}},
	{"blobs", 4, func(class int, r *draw.Rand) (x, y float64) {
		sin, cos := math.Sincos(math.Pi * (float64(class)/2 + 0.25))
		return 0.6*cos + 0.12*r.Norm(), 0.6*sin + 0.12*r.Norm()
	}},
}

func planarNames() (names []string) {
	for _, f := range planarForms {
		names = append(names, f.name)
	}
	return names
}

func openPlanar(o Options) (data.Source, error) {
	name := o.Variant
	if name == "" {
		name = planarForms[0].name
	}
	i := slices.Index(planarNames(), name)
	if i < 0 {
		return nil, fmt.Errorf("variant: is %q, want one of %s", name, strings.Join(planarNames(), ", "))
	}
	p := &planar{seed: o.Seed, n: o.Count, form: planarForms[i]}
	if p.n == 0 {
		p.n = map[bool]int{true: 1_000, false: 3_000}[o.Split == "test"]
	}
	var classes []string
	for c := range p.form.classes {
		classes = append(classes, string(rune('A'+c)))
	}
	p.spec = data.Spec{Name: "planar", Split: o.Split, Shape: []int{2}, Classes: classes}
	return p, nil
}

func (p *planar) Spec() data.Spec { return p.spec }
func (p *planar) Len() int        { return p.n }

func (p *planar) Read(index int, into *data.Example) error {
	if err := data.InRange(index, p.n); err != nil {
		return err
	}
	r := draw.New(draw.Key(p.seed, "planar/"+p.form.name+"/"+p.spec.Split, 0, index))
	into.Label = r.IntN(p.form.classes)
	x, y := p.form.at(into.Label, r)
	for i, v := range []float64{x, y} {
		into.Pixels[i] = byte(math.Round(min(max(127.5*(1+v), 0), 255)))
	}
	into.Factors = into.Factors[:0]
	return nil
}

// Checksum is over what determines the examples.
func (p *planar) Checksum() (string, error) {
	return recipe("planar 1 "+p.form.name, p.seed, p.spec, p.n), nil
}
