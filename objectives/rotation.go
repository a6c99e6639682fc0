package objectives

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/layers"
)

func init() {
	Register("rotation", func() Objective { return &Rotation{} })
}

// Rotation asks by how much a picture was turned: by 0, 90, 180 or 270 degrees.
// Who can tell knows what is in it and where its top is (Gidaris et al. 2018,
// arXiv:1803.07728). All four turns of every picture are in the batch, as the
// authors found best; the head is linear, the loss the cross-entropy.
//
// Shapes: B examples a batch of (C, N, N), code size D.
type Rotation struct{}

// turns is how many there are.
const turns = 4

// Check implements Objective.
func (o *Rotation) Check(t Task) error {
	if !t.Spec.Image() {
		return fmt.Errorf("type: rotation needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	if h, w := t.Spec.Shape[1], t.Spec.Shape[2]; h != w {
		return fmt.Errorf("type: rotation needs square pictures, and those of %s are %dx%d", t.Spec.Name, h, w)
	}
	return nil
}

// Prepare implements Objective: "turned" is each picture in its four turns, (B, 4, C,
// N, N), and "turn" says which, (B, 4).
func (o *Rotation) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	size := b.Spec.Size()
	pixels := make([]byte, turns*size)
	for i := range b.Index {
		for turn := range turns {
			rotate(pixels[turn*size:(turn+1)*size], b.Pixels[i*size:(i+1)*size], b.Spec.Shape, turn)
			into.I["turn"][i*turns+turn] = turn
		}
		t.Pixels.Apply(into.F["turned"][i*turns*size:(i+1)*turns*size], pixels)
	}
	return nil
}

// rotate turns a picture of (C, N, N) counterclockwise by a number of quarters.
func rotate(dst, src []byte, shape []int, quarters int) {
	n := shape[1]
	for c := range shape[0] {
		from, to := src[c*n*n:(c+1)*n*n], dst[c*n*n:(c+1)*n*n]
		for y := range n {
			for x := range n {
				sy, sx := y, x // where the pixel at (y, x) comes from
				switch quarters & 3 {
				case 1:
					sy, sx = x, n-1-y
				case 2:
					sy, sx = n-1-y, n-1-x
				case 3:
					sy, sx = n-1-x, y
				}
				to[y*n+x] = from[sy*n+sx]
			}
		}
	}
}

// Build implements Objective. It taps "encoder/code", (4B, D), and "answer", (B, 4,
// 4), the logits.
func (o *Rotation) Build(t Task, s *graph.Scope) *G.Node {
	c, n := t.Spec.Shape[0], t.Spec.Shape[1]
	x := s.Input("turned", t.Batch, turns, c, n, n)     // (B, 4, C, N, N)
	x = layers.Reshape(s, x, t.Batch*turns, c, n, n)    // (4B, C, N, N)
	code := t.Encoder.Encode(s.In("encoder"), x)        // (4B, D)
	y := layers.Linear(s, "head", code, turns)          // (4B, 4)
	y = layers.Reshape(s, y, t.Batch, turns, turns)     // (B, 4, 4)
	return choice(s, y, s.Ints("turn", t.Batch, turns)) // ()
}

// choice is the cross-entropy of logits, (..., K), against the right one of K
// answers, (...). It taps "answer" and "metric/accuracy".
func choice(s *graph.Scope, logits, right *G.Node) *G.Node {
	s.Tap("answer", logits)
	s.Tap("metric/accuracy", layers.Accuracy(s, logits, right)) // ()
	return layers.CrossEntropy(s, logits, right)                // ()
}

// chosen is the answer with the largest logit, for each row of the last run.
func chosen(p *graph.Program) ([]int, error) {
	y, ok := p.Tap("answer")
	if !ok {
		return nil, errors.New("the program gives no answer to draw")
	}
	k := y.Shape[len(y.Shape)-1]
	best := make([]int, len(y.Data)/k)
	for r := range best {
		row := y.Data[r*k : (r+1)*k]
		for i, v := range row {
			if v > row[best[r]] {
				best[r] = i
			}
		}
	}
	return best, nil
}

// Pictures implements Pictured: pictures as they were turned, and turned back by
// what the model answers.
func (o *Rotation) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	answers, err := chosen(p)
	if err != nil {
		return nil, err
	}
	size, count := t.Spec.Size(), min(b.N(), 16)
	seen, back := make([]byte, count*size), make([]byte, count*size)
	for i := range count {
		turn := i % turns // each turn is shown as often
		at := seen[i*size : (i+1)*size]
		rotate(at, b.Pixels[i*size:(i+1)*size], t.Spec.Shape, turn)
		rotate(back[i*size:(i+1)*size], at, t.Spec.Shape, turns-answers[i*turns+turn])
	}
	sheet, err := sheetOfBytes(t.Spec.Shape, count, seen, back)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "turned", Image: sheet,
		Caption: "Top: test examples, turned. Bottom: turned back by as much as the model thinks; upright where it is right."}}, nil
}

var _ Pictured = (*Rotation)(nil)
