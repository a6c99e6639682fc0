package readers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/data/transforms"
)

// bouncing makes clips in which things move straight on, each at a speed of its own, and
// bounce off the borders (Srivastava, Mansimov and Salakhutdinov 2015, "Unsupervised
// learning of video representations using LSTMs", arXiv:1502.04681, section 4.1, which
// has two digits of 28x28 in pictures of 64x64). Every clip is a function of (seed,
// split, index) alone. Of a single thing the label is its kind, and place and speed in
// the first frame are factors.
type bouncing struct {
	spec    data.Spec
	seed    uint64
	n       int
	objects int
	things  thing
}

// A thing is what moves: it draws one of its kind.
type thing interface {
	// choose draws one: how far it reaches from its centre, as a part of the width, its
	// label, and what paints it into a frame, (C, S, S), with its centre at (x, y).
	choose(r *draw.Rand) (reach float64, label int, paint func(frame []byte, x, y float64), err error)
	// sum says which things there are, for the checksum.
	sum() (string, error)
}

// Speeds are in parts of the picture's width a frame.
const minSpeed, maxSpeed = 0.03, 0.08

const (
	defaultFrames  = 10
	defaultObjects = 2
	maxFrames      = 1024
	maxObjects     = 64
	// digitPart is the width of a digit, as a part of that of a frame: 28 of 64.
	digitPart = 0.4375
)

// clips are the sources whose examples are clips, (F, C, H, W).
var clips = []string{"bouncing-digits", "bouncing-shapes", "frames"}

func openBouncingShapes(o Options) (data.Source, error) {
	var classes []string
	for _, f := range forms {
		classes = append(classes, f.name)
	}
	return newBouncing(o, o.Channels, classes, &formThings{channels: o.Channels, size: side(o)}), nil
}

// openBouncingDigits takes the pictures that bounce from MNIST, or from another set where
// that is said, or where MNIST is not here from the built-in one.
func openBouncingDigits(o Options) (data.Source, error) {
	from, err := bouncers(o)
	if err != nil {
		return nil, err
	}
	spec := from.Spec()
	if !spec.Image() || spec.Shape[0] != 1 && spec.Shape[0] != 3 {
		return nil, fmt.Errorf("%s: an example has the shape %v; grey or colour pictures can bounce", spec.Name, spec.Shape)
	}
	width := max(1, int(math.Round(digitPart*float64(side(o)))))
	return newBouncing(o, spec.Shape[0], spec.Classes, &pictureThings{from: from, width: width, size: side(o)}), nil
}

func bouncers(o Options) (data.Source, error) {
	of := Options{Name: "mnist", Split: o.Split, Path: o.Path, Warn: o.Warn}
	if o.Path != "" {
		if within := filepath.Join(o.Path, "mnist"); isDir(within) {
			of.Path = within
			return Open(of)
		}
		found, err := Detect(o.Path)
		if err != nil {
			return nil, err
		}
		of.Name, of.Variant = found[0].Options.Name, found[0].Options.Variant
		return Open(of)
	}
	src, err := Open(of)
	if !errors.Is(err, fs.ErrNotExist) {
		return src, err
	}
	o.warn("mnist is not here (`x2vec data get mnist` downloads it): clothes of the built-in data bounce in its place")
	return Open(Options{Name: "builtin", Split: o.Split})
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// side is the height and width of a frame.
func side(o Options) int {
	if o.Size > 0 {
		return o.Size
	}
	return 32
}

func newBouncing(o Options, channels int, classes []string, things thing) *bouncing {
	b := &bouncing{seed: o.Seed, n: count(o), objects: o.Objects, things: things}
	b.spec = data.Spec{Name: o.Name, Split: o.Split, Shape: []int{o.Frames, channels, side(o), side(o)}}
	if o.Objects == 1 {
		b.spec.Classes = classes
		b.spec.Factors = []data.Factor{
			{Name: "x"}, {Name: "y"}, // of the centre in the first frame, 0..1 of the width
			{Name: "vx"}, {Name: "vy"}, // widths a frame
		}
	}
	return b
}

func (b *bouncing) Spec() data.Spec { return b.spec }
func (b *bouncing) Len() int        { return b.n }

func (b *bouncing) Read(index int, into *data.Example) error {
	if err := data.InRange(index, b.n); err != nil {
		return err
	}
	clear(into.Pixels)
	into.Label = -1
	r := draw.New(draw.Key(b.seed, b.spec.Name+"/"+b.spec.Split, 0, index))
	frames := b.spec.Shape[0]
	size := len(into.Pixels) / frames
	for range b.objects {
		reach, label, paint, err := b.things.choose(r)
		if err != nil {
			return err
		}
		room := 1 - 2*reach
		x, y := reach+room*r.Float64(), reach+room*r.Float64()
		speed := minSpeed + (maxSpeed-minSpeed)*r.Float64()
		sin, cos := math.Sincos(2 * math.Pi * r.Float64())
		vx, vy := speed*cos, speed*sin
		for f := range frames {
			t := float64(f)
			paint(into.Pixels[f*size:(f+1)*size], bounce(x+t*vx, reach), bounce(y+t*vy, reach))
		}
		if b.objects == 1 {
			into.Label = label
			into.Factors = append(into.Factors[:0], float32(x), float32(y), float32(vx), float32(vy))
		}
	}
	return nil
}

// bounce folds a straight path back between reach and 1−reach.
func bounce(x, reach float64) float64 {
	room := 1 - 2*reach
	if room <= 0 {
		return 0.5
	}
	x = math.Mod(math.Abs(math.Mod(x-reach, 2*room)+2*room), 2*room)
	return reach + min(x, 2*room-x)
}

// Checksum is over what determines the clips, the version of the drawing included.
func (b *bouncing) Checksum() (string, error) {
	sum, err := b.things.sum()
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(fmt.Appendln(nil, recipe(b.spec.Name+" 1", b.seed, b.spec, b.n), b.objects, sum))
	return hex.EncodeToString(h[:]), nil
}

// formThings are those of the source shapes, a little smaller.
type formThings struct{ channels, size int }

func (f *formThings) choose(r *draw.Rand) (reach float64, label int, paint func([]byte, float64, float64), err error) {
	label, colour := r.IntN(len(forms)), colours[r.IntN(len(colours))]
	radius := 0.10 + 0.10*r.Float64()
	turn := 2 * math.Pi / float64(forms[label].symmetry) * r.Float64()
	values := []float64{255}
	if f.channels == 3 {
		values = []float64{colour.r, colour.g, colour.b}
	}
	return radius, label, func(frame []byte, x, y float64) {
		paintForm(planes(frame, f.channels), values, f.size, forms[label], x, y, radius, turn)
	}, nil
}

func (f *formThings) sum() (string, error) { return "shapes 1", nil }

// planes are the channels of a picture.
func planes(pixels []byte, channels int) [][]byte {
	n := len(pixels) / channels
	var list [][]byte
	for c := range channels {
		list = append(list, pixels[c*n:(c+1)*n])
	}
	return list
}

// pictureThings are pictures of a source, brought to a width; where two overlap, the
// lighter value stays.
type pictureThings struct {
	from        data.Source
	width, size int // pixels, of one and of a frame
}

func (p *pictureThings) choose(r *draw.Rand) (reach float64, label int, paint func([]byte, float64, float64), err error) {
	spec := p.from.Spec()
	e := data.Example{Pixels: make([]byte, spec.Size()), Factors: make([]float32, len(spec.Factors))}
	if err := p.from.Read(r.IntN(p.from.Len()), &e); err != nil {
		return 0, 0, nil, err
	}
	img, err := transforms.Picture(e.Pixels, spec.Shape)
	if err != nil {
		return 0, 0, nil, err
	}
	channels, w := spec.Shape[0], p.width
	small := make([]byte, channels*w*w)
	transforms.Planes(small, img, channels, w, transforms.Crop)
	return float64(w) / float64(p.size) / 2, e.Label, func(frame []byte, x, y float64) {
		left, top := x*float64(p.size)-float64(w)/2, y*float64(p.size)-float64(w)/2
		for c, plane := range planes(frame, channels) {
			paintAt(plane, p.size, small[c*w*w:(c+1)*w*w], w, left, top)
		}
	}, nil
}

func (p *pictureThings) sum() (string, error) {
	c, ok := p.from.(data.Checksummer)
	if !ok {
		return "", fmt.Errorf("%s has no checksum", p.from.Spec().Name)
	}
	return c.Checksum()
}

// paintAt lays a plane of w x w over one of size x size, its corner at (left, top), which
// need not be whole: bilinear.
func paintAt(plane []byte, size int, small []byte, w int, left, top float64) {
	x0, y0 := int(math.Floor(left)), int(math.Floor(top))
	fx, fy := left-float64(x0), top-float64(y0)
	at := func(x, y int) float64 {
		if x < 0 || y < 0 || x >= w || y >= w {
			return 0
		}
		return float64(small[y*w+x])
	}
	for y := range w + 1 {
		for x := range w + 1 {
			if px, py := x0+x, y0+y; px >= 0 && py >= 0 && px < size && py < size {
				upper := fx*at(x-1, y-1) + (1-fx)*at(x, y-1)
				lower := fx*at(x-1, y) + (1-fx)*at(x, y)
				p := &plane[py*size+px]
				*p = max(*p, byte(fy*upper+(1-fy)*lower+0.5))
			}
		}
	}
}
