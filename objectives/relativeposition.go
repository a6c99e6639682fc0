package objectives

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("relative-position", func() Objective {
		return &RelativePosition{Patch: 8, Gap: 2, Jitter: 1, Hidden: 256}
	})
}

// RelativePosition shows two patches of a picture and asks which of the eight
// neighbours of the first the second is (Doersch et al. 2015, arXiv:1505.05192).
// Both go through the same encoder; a head with one hidden layer looks at the two
// codes. A gap between the patches, and moving each by chance, keep lines and
// colours that run on from one to the other from giving the answer away (section
// 3.1).
//
// The encoder must have the same parameters for a patch as for the whole picture,
// of which the features are then taken: a resnet, a conv whose code is the mean of
// its map, or a vit, which gets the positions of the upper left corner for every
// patch.
//
// Shapes: B examples a batch, patches of (C, P, P), code size D.
type RelativePosition struct {
	Patch  int `toml:"patch"`  // pixels along the side of a patch, P
	Gap    int `toml:"gap"`    // pixels between two patches, before they are moved
	Jitter int `toml:"jitter"` // pixels by which each is moved at most, each way
	Hidden int `toml:"hidden"` // values of the head's hidden layer
}

// neighbours is how many there are.
const neighbours = 8

// side is that of the 3 x 3 patches with all that lies between and around them.
func (o *RelativePosition) side() int { return 3*o.Patch + 2*o.Gap + 2*o.Jitter }

// Check implements Objective.
func (o *RelativePosition) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	const most = 1 << 12
	within := func(name string, v, least int) {
		if v < least || v > most {
			bad("objective.%s: is %d, want %d to %d", name, v, least, most)
		}
	}
	within("patch", o.Patch, 1)
	within("gap", o.Gap, 0)
	within("jitter", o.Jitter, 0)
	within("hidden", o.Hidden, 1)
	if !t.Spec.Image() {
		bad("objective.type: relative-position needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
		return errors.Join(errs...)
	}
	c, h, w := t.Spec.Shape[0], t.Spec.Shape[1], t.Spec.Shape[2]
	if len(errs) == 0 && o.side() > min(h, w) {
		bad("objective.patch: 3 x 3 patches of %d with a gap of %d, each moved by up to %d, take %d pixels, and the pictures are %dx%d",
			o.Patch, o.Gap, o.Jitter, o.side(), h, w)
	}
	switch e := t.Encoder.(type) {
	case nil:
	case nets.Patched:
		if len(errs) == 0 {
			if _, err := e.Grid([]int{c, o.Patch, o.Patch}); err != nil {
				bad("objective.patch: the encoder cuts what it sees into patches of its own: %w", err)
			}
		}
	default:
		if free, ok := e.(nets.SizeFree); !ok || !free.SizeFree() {
			bad("objective.type: relative-position needs an encoder that has the same parameters for a patch and for a picture: resnet, vit, or conv with code = 0")
		}
	}
	return errors.Join(errs...)
}

// pair is where the two patches of one example lie.
type pair struct {
	y, x  [2]int
	which int // of the neighbours, row by row, the middle left out
}

// place is the row and column of a neighbour, -1 to 1 each.
func place(which int) (row, col int) {
	if which >= neighbours/2 {
		which++
	}
	return which/3 - 1, which%3 - 1
}

func (o *RelativePosition) draw(r *draw.Rand, h, w int) pair {
	p := pair{which: r.IntN(neighbours)}
	pitch := o.Patch + o.Gap
	// The 3 x 3 patches lie anywhere within the picture, so that where one is says
	// nothing about which it is.
	top, left := o.Jitter+r.IntN(h-o.side()+1), o.Jitter+r.IntN(w-o.side()+1)
	row, col := place(p.which)
	for i, at := range [2][2]int{{1, 1}, {1 + row, 1 + col}} {
		p.y[i] = top + at[0]*pitch + r.IntN(2*o.Jitter+1) - o.Jitter
		p.x[i] = left + at[1]*pitch + r.IntN(2*o.Jitter+1) - o.Jitter
	}
	return p
}

// Prepare implements Objective: "patches" are the middle and the neighbour of each
// picture, (B, 2, C, P, P), and "which", (B), says which neighbour; for an encoder of
// patches "corner" are the positions of the upper left corner, (2B, T).
func (o *RelativePosition) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	c, h, w := b.Spec.Shape[0], b.Spec.Shape[1], b.Spec.Shape[2]
	size, picture := c*o.Patch*o.Patch, make([]float32, b.Spec.Size())
	patches := into.F["patches"]
	var r draw.Rand
	for i, index := range b.Index {
		t.Pixels.Apply(picture, b.Pixels[i*len(picture):(i+1)*len(picture)])
		r.Seed(draw.Key(t.Seed, "relative-position", b.Epoch, index))
		p := o.draw(&r, h, w)
		into.I["which"][i] = p.which
		for k := range 2 {
			crop(patches[(2*i+k)*size:(2*i+k+1)*size], picture, b.Spec.Shape, p.y[k], p.x[k], o.Patch)
		}
	}
	if net, ok := t.Encoder.(nets.Patched); ok {
		return o.corner(net, b.Spec.Shape, into.I["corner"])
	}
	return nil
}

// corner fills ids, (..., T), with the positions, in the grid of a whole picture, of
// the upper left corner.
func (o *RelativePosition) corner(net nets.Patched, shape []int, ids []int) error {
	whole, err := net.Grid(shape)
	if err != nil {
		return err
	}
	n := o.Patch / whole.Size
	for i := range ids {
		j := i % (n * n)
		ids[i] = j/n*whole.Cols() + j%n
	}
	return nil
}

// crop copies size x size pixels of a picture (C, H, W), from row y and column x on.
func crop(dst, src []float32, shape []int, y, x, size int) {
	for line := range shape[0] * size {
		from := (line/size*shape[1]+y+line%size)*shape[2] + x
		copy(dst[line*size:(line+1)*size], src[from:])
	}
}

// Build implements Objective. It taps "encoder/code", (2B, D), and "answer", (B, 8),
// the logits.
func (o *RelativePosition) Build(t Task, s *graph.Scope) *G.Node {
	c, n := t.Spec.Shape[0], o.Patch
	x := s.Input("patches", t.Batch, 2, c, n, n)                // (B, 2, C, P, P)
	x = layers.Reshape(s, x, 2*t.Batch, c, n, n)                // (2B, C, P, P)
	code := o.encode(t, s, x)                                   // (2B, D)
	both := layers.Reshape(s, code, t.Batch, 2*code.Shape()[1]) // (B, 2D)
	head := s.In("head")
	y := layers.Linear(head, "fc0", both, o.Hidden, layers.Act(ops.Activation{Func: ops.ReLU})) // (B, Hidden)
	y = layers.Linear(head, "fc1", y, neighbours)                                               // (B, 8)
	return choice(s, y, s.Ints("which", t.Batch))                                               // ()
}

func (o *RelativePosition) encode(t Task, s *graph.Scope, x *G.Node) *G.Node {
	net, ok := t.Encoder.(nets.Patched)
	if !ok {
		return t.Encoder.Encode(s.In("encoder"), x) // (2B, D)
	}
	grid, err := net.Grid(t.Spec.Shape)
	if err != nil {
		s.Fail("%w", err)
	}
	cut := layers.Patchify(s, x, grid.Size)                            // (2B, T, ·)
	ids := s.Ints("corner", cut.Shape()[0], cut.Shape()[1])            // (2B, T)
	tokens, lead := net.EncodePatches(s.In("encoder"), grid, cut, ids) // (2B, lead+T, D)
	return net.Pool(s.In("encoder"), tokens, lead)                     // (2B, D)
}

// Pictures implements Pictured: the two patches as they lie in the picture, and as
// the model thinks that they lie.
func (o *RelativePosition) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	answers, err := chosen(p)
	if err != nil {
		return nil, err
	}
	c, count := t.Spec.Shape[0], min(b.N(), 16)
	pitch, side := o.Patch+o.Gap, 3*o.Patch+2*o.Gap
	shape := []int{c, side, side}
	size := c * side * side
	right, answered := make([]byte, count*size), make([]byte, count*size)
	for i := range right {
		right[i], answered[i] = 96, 96
	}
	var r draw.Rand
	for i, index := range b.Index[:count] {
		r.Seed(draw.Key(t.Seed, "relative-position", b.Epoch, index))
		drawn := o.draw(&r, t.Spec.Shape[1], t.Spec.Shape[2])
		picture := b.Pixels[i*t.Spec.Size() : (i+1)*t.Spec.Size()]
		for k, which := range [2]int{drawn.which, answers[i]} {
			sheet := [2][]byte{right, answered}[k][i*size : (i+1)*size]
			row, col := place(which)
			for j, at := range [2][2]int{{1, 1}, {1 + row, 1 + col}} {
				for line := range c * o.Patch {
					ch, y := line/o.Patch, line%o.Patch
					from := (ch*t.Spec.Shape[1]+drawn.y[j]+y)*t.Spec.Shape[2] + drawn.x[j]
					to := (ch*side+at[0]*pitch+y)*side + at[1]*pitch
					copy(sheet[to:to+o.Patch], picture[from:])
				}
			}
		}
	}
	sheet, err := sheetOfBytes(shape, count, right, answered)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "neighbours-of-patches", Image: sheet,
		Caption: "Top: two patches of test examples where they belong, one of them in the middle. Bottom: the other where the model thinks it belongs."}}, nil
}

var _ Pictured = (*RelativePosition)(nil)
