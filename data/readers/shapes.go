package readers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"x2vec/data"
	"x2vec/data/draw"
)

// shapes draws one coloured shape on black, whole within the picture, at a random
// place, size and rotation. Every example is a function of (seed, split, index)
// alone, and what it was drawn from is known: its factors.
type shapes struct {
	spec data.Spec
	seed uint64
	n    int
	o    Options
}

// form is one kind of shape: the corners of a polygon within the unit circle, or
// none for the circle itself.
type form struct {
	name     string
	corners  [][2]float64
	symmetry int // it looks the same after a turn by 2π/symmetry
}

var forms = []form{
	{"circle", nil, 1},
	{"square", polygon(4, 1), 4},
	{"triangle", polygon(3, 1), 3},
	{"star", polygon(5, 0.42), 5},
	{"cross", cross(0.32), 4},
}

// polygon has n corners on the unit circle; where inner is below 1, n more lie
// between them, at that radius: a star.
func polygon(n int, inner float64) (corners [][2]float64) {
	for i := range 2 * n {
		r := 1.0
		if i%2 == 1 {
			if inner == 1 {
				continue
			}
			r = inner
		}
		sin, cos := math.Sincos(math.Pi*float64(i)/float64(n) - math.Pi/2)
		corners = append(corners, [2]float64{r * cos, r * sin})
	}
	return corners
}

// cross has arms of half width a, whose ends lie on the unit circle.
func cross(a float64) [][2]float64 {
	b := math.Sqrt(1 - a*a)
	return [][2]float64{{a, -b}, {a, -a}, {b, -a}, {b, a}, {a, a}, {a, b}, {-a, b}, {-a, a}, {-b, a}, {-b, -a}, {-a, -a}, {-a, -b}}
}

var colours = []struct {
	name    string
	r, g, b float64
}{
	{"red", 230, 50, 45}, {"green", 60, 180, 75}, {"blue", 60, 100, 240}, {"yellow", 250, 220, 50},
	{"magenta", 220, 60, 220}, {"cyan", 60, 210, 220}, {"orange", 245, 130, 40}, {"white", 245, 245, 245},
}

// Sizes are radii of the circle around a shape, as a part of the picture's width.
const minRadius, maxRadius = 0.15, 0.40

func openShapes(o Options) (data.Source, error) {
	s := &shapes{seed: o.Seed, n: count(o), o: o}
	size := o.Size
	if size == 0 {
		size = 32
	}
	var classes, names []string
	for _, f := range forms {
		classes = append(classes, f.name)
	}
	for _, c := range colours {
		names = append(names, c.name)
	}
	factors := []data.Factor{
		{Name: "shape", Values: len(forms), Names: classes},
		{Name: "colour", Values: len(names), Names: names},
		{Name: "x"}, {Name: "y"}, // of the centre, 0..1 of the picture's width
		{Name: "size"},     // radius of the circle around it, as a part of the width
		{Name: "rotation"}, // in radians, from 0 to what looks the same again; 0 for the circle
	}
	if o.Channels == 1 {
		factors = append(factors[:1:1], factors[2:]...) // all are white
	}
	s.spec = data.Spec{Name: "shapes", Split: o.Split, Shape: []int{o.Channels, size, size}, Classes: classes, Factors: factors}
	if o.Captions != "" {
		training := *s
		if training.spec.Split = "train"; o.Split != "train" {
			training.n = trainingShapes
		}
		var err error
		if s.spec.Captions, err = o.newCaptions(training.captions); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// trainingShapes and testShapes are how many there are where nothing is said.
const trainingShapes, testShapes = 60_000, 10_000

// count is the number of examples of a source that is made on the spot.
func count(o Options) int {
	switch {
	case o.Count > 0:
		return o.Count
	case o.Split == "test":
		return testShapes
	}
	return trainingShapes
}

func (s *shapes) Spec() data.Spec { return s.spec }
func (s *shapes) Len() int        { return s.n }

func (s *shapes) Read(index int, into *data.Example) error {
	if err := data.InRange(index, s.n); err != nil {
		return err
	}
	d := s.draw(index)
	c := colours[d.colour]
	values := []float64{255}
	into.Factors = append(into.Factors[:0], float32(d.kind))
	if s.spec.Shape[0] == 3 {
		values = []float64{c.r, c.g, c.b}
		into.Factors = append(into.Factors, float32(d.colour))
	}
	into.Factors = append(into.Factors, float32(d.x), float32(d.y), float32(d.radius), float32(d.turn))
	into.Label = d.kind
	clear(into.Pixels)
	paintForm(planes(into.Pixels, s.spec.Shape[0]), values, s.spec.Shape[1], forms[d.kind], d.x, d.y, d.radius, d.turn)
	if c := s.spec.Captions; c != nil && len(into.Caption) > 0 {
		return c.Encode(into.Caption, s.caption(index, d))
	}
	return nil
}

// drawn is what a shape is drawn from.
type drawn struct {
	kind, colour       int
	x, y, radius, turn float64
}

func (s *shapes) draw(index int) drawn {
	r := draw.New(draw.Key(s.seed, "shapes/"+s.spec.Split, 0, index))
	d := drawn{kind: r.IntN(len(forms)), colour: r.IntN(len(colours))}
	d.radius = minRadius + (maxRadius-minRadius)*r.Float64()
	d.x, d.y = d.radius+(1-2*d.radius)*r.Float64(), d.radius+(1-2*d.radius)*r.Float64()
	d.turn = 2 * math.Pi / float64(forms[d.kind].symmetry) * r.Float64()
	if forms[d.kind].corners == nil {
		d.turn = 0
	}
	return d
}

// paintForm draws the form over what is there. A pixel is covered by as much as the
// border's distance from its centre says, which is what makes the edges smooth.
func paintForm(planes [][]byte, values []float64, size int, f form, x, y, radius, turn float64) {
	scale := radius * float64(size) // pixels of the unit circle
	cx, cy := x*float64(size), y*float64(size)
	sin, cos := math.Sincos(turn)
	corners := make([][2]float64, len(f.corners)) // in pixels, about the centre
	for i, p := range f.corners {
		corners[i] = [2]float64{scale * (cos*p[0] - sin*p[1]), scale * (sin*p[0] + cos*p[1])}
	}
	x0, x1 := max(int(cx-scale)-1, 0), min(int(cx+scale)+2, size)
	for row := max(int(cy-scale)-1, 0); row < min(int(cy+scale)+2, size); row++ {
		for col := x0; col < x1; col++ {
			px, py := float64(col)+0.5-cx, float64(row)+0.5-cy
			distance := math.Sqrt(px*px+py*py) - scale
			if len(corners) > 0 && distance < 1 { // beyond the circle there is none of it
				distance = fromPolygon(corners, px, py)
			}
			if cover := min(max(0.5-distance, 0), 1); cover > 0 {
				for c, p := range planes {
					v := &p[row*size+col]
					*v = byte(cover*values[c] + (1-cover)*float64(*v) + 0.5)
				}
			}
		}
	}
}

// fromPolygon is the distance of a point from the border of a polygon, negative
// inside: the nearest of its edges, and the sign by how often a ray crosses them.
func fromPolygon(corners [][2]float64, x, y float64) float64 {
	nearest, inside := math.Inf(1), false
	b := corners[len(corners)-1]
	for _, a := range corners {
		ex, ey := b[0]-a[0], b[1]-a[1]
		wx, wy := x-a[0], y-a[1]
		t := min(max((wx*ex+wy*ey)/(ex*ex+ey*ey), 0), 1)
		dx, dy := wx-t*ex, wy-t*ey
		nearest = min(nearest, dx*dx+dy*dy)
		if (a[1] > y) != (b[1] > y) && x < (b[0]-a[0])*(y-a[1])/(b[1]-a[1])+a[0] {
			inside = !inside
		}
		b = a
	}
	if inside {
		return -math.Sqrt(nearest)
	}
	return math.Sqrt(nearest)
}

// Checksum is over what determines the examples, the version of the drawing
// included, and that of the captions.
func (s *shapes) Checksum() (string, error) {
	version := "shapes 1"
	if c := s.spec.Captions; c != nil {
		version += fmt.Sprint(" with captions 1 ", c.Length, s.o.Words, s.o.Tokenizer, c.Words.Words)
	}
	return recipe(version, s.seed, s.spec, s.n), nil
}

// recipe is the checksum of a source that is made on the spot.
func recipe(version string, seed uint64, spec data.Spec, n int) string {
	sum := sha256.Sum256(fmt.Appendln(nil, version, seed, spec.Split, n, spec.Shape))
	return hex.EncodeToString(sum[:])
}
