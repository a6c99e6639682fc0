package objectives

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("classify", func() Objective { return &Classify{Target: data.Class} })
}

// Classify asks for what is known of an example: its class, several labels, or
// numbers. It is the supervised objective, from scratch or as the loss of
// finetuning: a linear head on the code.
//
// The loss is the softmax cross-entropy for a class, the mean binary cross-entropy
// for labels, the mean squared error for numbers. What is not known of an example
// does not count.
//
// Shapes: B examples a batch, code size D, K classes, labels or numbers.
type Classify struct {
	// Target is what is asked for: class, labels (several, each yes or no) or values
	// (regression; in units of their deviation where the source knows it).
	Target data.TargetKind `toml:"target"`
	// Factors names what is asked for where it is not the label: one factor for a
	// class, any for labels and values; empty: the label, or all of the kind.
	Factors []string `toml:"factors"`
	// Smoothing mixes the target with the uniform distribution in training (Szegedy
	// et al. 2016, arXiv:1512.00567, section 7); at least 0 and less than 1.
	Smoothing float64 `toml:"smoothing"`
	// Dropout is the chance of each value of the code to be dropped before the head,
	// in training; at least 0 and less than 1.
	Dropout float64 `toml:"dropout"`
	// Flip mirrors every other training picture, by chance, left to right.
	Flip bool `toml:"flip"`
	// Shift moves a training picture by up to so many pixels each way, by chance, with
	// black where nothing was (He et al. 2016, arXiv:1512.03385, section 4.2).
	Shift int `toml:"shift"`
}

// Check implements Objective.
func (o *Classify) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(o.Smoothing >= 0 && o.Smoothing < 1) { // NaN too
		bad("smoothing: is %g, want at least 0 and less than 1", o.Smoothing)
	}
	if o.Smoothing > 0 && (o.Target == data.Labels || o.Target == data.Values) {
		bad("smoothing: is %g, and only a class can be smoothed; want 0", o.Smoothing)
	}
	if !(o.Dropout >= 0 && o.Dropout < 1) {
		bad("dropout: is %g, want at least 0 and less than 1", o.Dropout)
	}
	if o.Flip && !t.Spec.Image() {
		bad("flip: only pictures can be mirrored, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	}
	switch {
	case o.Shift < 0:
		bad("shift: is %d, want at least 0 pixels", o.Shift)
	case o.Shift > 0 && !t.Spec.Image():
		bad("shift: only pictures can be moved, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
	case o.Shift > 0 && o.Shift >= min(t.Spec.Shape[1], t.Spec.Shape[2]):
		bad("shift: is %d, want less than the %dx%d pixels of a picture", o.Shift, t.Spec.Shape[1], t.Spec.Shape[2])
	}
	if _, worded := t.Encoder.(nets.Worded); t.Spec.Words != nil && !worded {
		bad(`encoder.type: the examples of %s are words; want "transformer" or "embedding"`, t.Spec.Name)
	}
	if err := o.Target.Check(); err != nil {
		errs = append(errs, err)
	} else if _, err := t.Spec.Target(o.Target, o.Factors); err != nil && !t.Unread {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Prepare implements Objective: "x" is the batch, (B, …), pictures in training flipped
// and shifted by chance; "class", (B), the class or -1; or "answer", (B, K), and "known",
// (B, K), 1 where it is known and 0 elsewhere.
func (o *Classify) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	target, err := b.Spec.Target(o.Target, o.Factors)
	if err != nil {
		return err
	}
	if b.Spec.Words != nil {
		if err := PrepareClean(t, b, into); err != nil {
			return err
		}
	} else {
		o.pixels(t, b, into.F["x"])
	}
	if o.Target == data.Class {
		for i := range b.Index {
			into.I["class"][i] = target.Class(b, i)
		}
		return nil
	}
	answer, known, k := into.F["answer"], into.F["known"], target.Width()
	for i := range b.Index {
		target.Values(answer[i*k:(i+1)*k], b, i)
	}
	for i, v := range answer {
		known[i] = 1
		if v != v {
			answer[i], known[i] = 0, 0
		}
	}
	return nil
}

// pixels writes the examples in numbers.
func (o *Classify) pixels(t Task, b *data.Batch, x []float32) {
	if b.Spec.Split != "train" || !o.Flip && o.Shift == 0 {
		t.See(x, b.Pixels)
		return
	}
	seen := len(x) / b.N()
	size, channels, h, w := b.Spec.Size(), b.Spec.Shape[0], b.Spec.Shape[1], b.Spec.Shape[2]
	moved := make([]byte, size)
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "classify/augment", b.Epoch, index))
		flip := o.Flip && r.IntN(2) == 1
		dy, dx := 0, 0
		if o.Shift > 0 {
			dy, dx = r.IntN(2*o.Shift+1)-o.Shift, r.IntN(2*o.Shift+1)-o.Shift
		}
		from := b.Pixels[i*size : (i+1)*size]
		clear(moved)
		for line := range channels * h {
			y := line%h + dy // where this line comes from
			if y < 0 || y >= h {
				continue
			}
			row, to := from[(line+dy)*w:(line+dy+1)*w], moved[line*w:(line+1)*w]
			for at := max(0, -dx); at < min(w, w-dx); at++ {
				if flip {
					to[at] = row[w-1-at-dx]
				} else {
					to[at] = row[at+dx]
				}
			}
		}
		t.See(x[i*seen:(i+1)*seen], moved)
	}
}

// Build implements Objective. It taps "encoder/code", (B, D), and what the head
// says, "answer", (B, K): logits of classes or labels, or numbers.
func (o *Classify) Build(t Task, s *graph.Scope) *G.Node {
	target, err := t.Spec.Target(o.Target, o.Factors)
	if err != nil {
		s.Fail("%w", err)
	}
	k := target.Width()
	code := Encode(t, s)                                                                     // (B, D)
	y := layers.Linear(s, "head", layers.Dropout(s.In("head"), code, float32(o.Dropout)), k) // (B, K)
	s.Tap("answer", y)
	if o.Target == data.Class {
		opts := []layers.LossOption{layers.IgnoreTarget(-1)}
		if s.Training() {
			opts = append(opts, layers.Smoothing(float32(o.Smoothing)))
		}
		return layers.CrossEntropy(s, y, s.Ints("class", t.Batch), opts...) // ()
	}
	kind := ops.BinaryCrossEntropy
	if o.Target == data.Values {
		kind = ops.Squared
	}
	return layers.Masked(s, kind, y, s.Input("answer", t.Batch, k), s.Input("known", t.Batch, k)) // ()
}

// Asked implements Headed.
func (o *Classify) Asked(spec data.Spec) (data.Target, error) {
	return spec.Target(o.Target, o.Factors)
}

// SetHead implements Headed.
func (o *Classify) SetHead(ps *graph.Params, w, b []float64) error {
	weight, bias := ps.Get("head/weight"), ps.Get("head/bias")
	if weight == nil || bias == nil || len(weight.Data) != len(w) || len(bias.Data) != len(b) {
		return fmt.Errorf("a head of %d weights and %d biases is not that of the model", len(w), len(b))
	}
	for i, v := range w {
		weight.Data[i] = float32(v)
	}
	for i, v := range b {
		bias.Data[i] = float32(v)
	}
	return nil
}

// Score implements Scored: the share of classes, or of labels, that are right, or the
// mean absolute error of the numbers in the source's own units.
func (o *Classify) Score(t Task, p *graph.Program, b *data.Batch) ([]Score, error) {
	target, err := b.Spec.Target(o.Target, o.Factors)
	if err != nil {
		return nil, err
	}
	y, ok := p.Tap("answer")
	if !ok {
		return nil, errors.New("the program gives no answer to score")
	}
	k := target.Width()
	score := Score{Name: "accuracy", Better: "higher"}
	if o.Target == data.Values {
		score = Score{Name: "mean absolute error", Better: "lower"}
	}
	want := make([]float32, k)
	for i := range b.Index {
		row := y.Data[i*k : (i+1)*k]
		if o.Target == data.Class {
			if class := target.Class(b, i); class >= 0 {
				score.N++
				if largest(row) == class {
					score.Sum++
				}
			}
			continue
		}
		target.Values(want, b, i)
		for j, v := range want {
			switch {
			case v != v:
				continue
			case o.Target == data.Values:
				score.Sum += math.Abs(float64(row[j]-v)) * target.Unit(j)
			case row[j] > 0 == (v > 0.5):
				score.Sum++
			}
			score.N++
		}
	}
	return []Score{score}, nil
}

// largest is the place of the largest value, the first of equal ones.
func largest(x []float32) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}

var (
	_ Scored = (*Classify)(nil)
	_ Headed = (*Classify)(nil)
)
