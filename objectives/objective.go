// Package objectives holds the methods: what is hidden from an encoder, what is
// asked back, and how an answer is scored. One method, one file.
//
// An objective knows neither the trainer nor the optimizer. It prepares batches
// ahead of time, builds its part of the graph, and can draw pictures of what it
// does.
package objectives

import (
	"context"
	"image"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/naming"
	"x2vec/graph"
	"x2vec/graph/nets"
)

// A Task is what an objective works on: an encoder, the form of the data, and
// how bytes become numbers. It does not change during a run.
type Task struct {
	Encoder nets.Encoder
	Spec    data.Spec
	Batch   int // examples in a batch of this program
	Pixels  Scaling
	Seed    uint64
	// Unread says that the data have not been read yet: the Spec has a name and a
	// shape alone.
	Unread bool
	// Codes draws the examples where they are grids of codes of another model.
	Codes Codes
}

// Seen is the shape of what the encoder sees of an example.
func (t Task) Seen() []int {
	if t.Pixels.Past > 0 {
		return []int{t.Pixels.Past * t.Spec.Shape[1], t.Spec.Shape[2], t.Spec.Shape[3]}
	}
	if t.Pixels.Lightness {
		return []int{1, t.Spec.Shape[1], t.Spec.Shape[2]}
	}
	return t.Spec.Shape
}

// See makes of the bytes of n examples what the encoder sees of them, (n, Seen…).
func (t Task) See(x []float32, pixels []byte) {
	size := t.Spec.Size()
	if t.Pixels.Past > 0 {
		seen := size / t.Spec.Shape[0] * t.Pixels.Past
		z := t.frameScaling()
		for i := range len(pixels) / size {
			z.Apply(x[i*seen:(i+1)*seen], pixels[i*size:i*size+seen])
		}
		return
	}
	if !t.Pixels.Lightness {
		t.Pixels.Apply(x, pixels)
		return
	}
	plane := size / 3
	for i := range len(pixels) / size {
		lightness(x[i*plane:(i+1)*plane], pixels[i*size:(i+1)*size])
	}
}

// An Objective is a pretext task.
//
// Check and Build are called from one goroutine. Prepare is called from the
// loader's goroutines, several at once, ahead of time: it must depend on nothing
// but its arguments, and draws at random only from (Seed, a stream of its own,
// b.Epoch, b.Index[i]).
type Objective interface {
	// Check says why the objective cannot work on the task, in a sentence for the
	// person who wrote the run file. All faults of the objective's own settings
	// are reported at once (errors.Join).
	Check(t Task) error

	// Prepare makes the inputs of the graph from a batch of t.Batch examples: into
	// has room for every input that Build declares.
	Prepare(t Task, b *data.Batch, into *graph.Feed) error

	// Build adds encoder, head and loss to the graph. It returns the loss, (), the
	// mean over the batch. Further numbers worth a curve are tapped as
	// "metric/NAME", (); log and evaluation take their means as they do of the loss.
	// The encoder stands in the scope "encoder".
	Build(t Task, s *graph.Scope) *G.Node
}

// A Colorless objective shows its encoder of pictures in colour the lightness alone
// (Scaling.Lightness); whatever else the encoder is used for does so too.
type Colorless interface{ Colorless() }

// A Stacking objective works on the codes of a trained encoder, too: its own stands on
// that one (nets.Stacked).
type Stacking interface{ Stacks() }

// A Coded objective's model gives each place of an example the number of a code.
type Coded interface {
	Objective
	// EncodeCodes builds what gives clean examples their codes: the input is "x", as
	// PrepareClean fills it, and the codes are tapped as CodesTap, (B, …).
	EncodeCodes(t Task, s *graph.Scope)
}

// A Codebooked objective's codes are rows of a table, and can be drawn.
type Codebooked interface {
	Coded
	// CodeTable is the table, (k, D).
	CodeTable(t Task, ps *graph.Params) (book []float32, k int, err error)
	// DrawCodes draws codes by their numbers: pictures of that shape, (C, H, W), as bytes
	// one after the other.
	DrawCodes(t Task, ps *graph.Params, codes []int) (pixels []byte, shape []int, err error)
}

// A Discrete objective's model gives each example a grid of codes, and makes an
// example of any such grid.
type Discrete interface {
	Coded
	// CodeGrid is the size of the grid of an example. Its codes are 0 to codes−1.
	CodeGrid(t Task) (h, w, codes int)
	// DecodeCodes builds what makes examples of codes: the input is CodesTap, integers
	// (B, h, w), and the examples, scaled as t.Pixels says, are tapped as
	// "reconstruction", (B, shape...).
	DecodeCodes(t Task, s *graph.Scope)
}

// CodesTap is the name of the codes of a Discrete objective; as an activation they are
// whole numbers in float32.
const CodesTap = "codes"

// A Decoding objective's model makes an example of any values of a code.
type Decoding interface {
	Objective
	// LatentShape is that of what is decoded of one example: (D), or a map (h, w, D).
	LatentShape(t Task) []int
	// EncodeLatent builds what gives clean examples what is decoded: the input is "x", as
	// PrepareClean fills it; it is tapped as LatentTap, (B, LatentShape…).
	EncodeLatent(t Task, s *graph.Scope)
	// DecodeLatent builds the decoder: the input is LatentTap, and the examples, scaled as
	// t.Pixels says, are tapped as "reconstruction", (B, shape...).
	DecodeLatent(t Task, s *graph.Scope)
}

// LatentTap is the name of what a Decoding objective decodes.
const LatentTap = "latent"

// A Fitter is solved, not trained by gradient steps (PCA, k-means).
type Fitter interface {
	Objective
	// Fit sets the parameters from all examples of the source. It calls report
	// after each pass with the loss reached, and stops early when ctx is done.
	// Parameters are those that Build makes.
	Fit(ctx context.Context, t Task, src data.Source, ps *graph.Params, report func(step int, loss float64) error) error
}

// A Resumer is a Fitter that can go on in the middle.
type Resumer interface {
	Fitter
	// Progress is what Fit needs to go on after its last report, beside the parameters
	// as they stood then: JSON. Parameters may change between two reports only where
	// what they were before is not needed.
	Progress() ([]byte, error)
	// Continue makes the next Fit go on from there instead of the beginning; the
	// parameters have been set back already.
	Continue(progress []byte) error
}

// A Starter looks at the training examples before the first step: how much they
// vary, how often each target occurs, where a codebook begins.
type Starter interface {
	// Start writes what it finds into buffers and parameters that Build has made, so
	// that it is kept with the model. It is not called when a run goes on. It stops
	// early, with an error, when ctx is done.
	Start(ctx context.Context, t Task, src data.Source, ps *graph.Params) error
}

// An AfterStep objective changes the model once a batch has been trained on: the
// moving averages of a codebook. p is the program that just ran. Where a step is
// made of several batches, it is called after each of them, after the last one
// when the step is taken.
type AfterStep interface {
	AfterStep(t Task, p *graph.Program, ps *graph.Params) error
}

// Headed objectives end in a linear map of the code, which can begin as a linear probe
// of it.
type Headed interface {
	// Asked is what the head answers.
	Asked(spec data.Spec) (data.Target, error)
	// SetHead gives the head its weights, (K, D), and bias, (K).
	SetHead(ps *graph.Params, w, b []float64) error
}

// Scored objectives have more to say of their answers than the loss. Score looks at
// the evaluation program that has just run on b.
type Scored interface {
	Score(t Task, p *graph.Program, b *data.Batch) ([]Score, error)
}

// A Score is how good the answers to a batch are, in a measure that can be averaged.
type Score struct {
	Name   string  // in words: "accuracy"
	Sum    float64 // over the answers
	N      int     // of answers that count
	Better string  // "higher" or "lower"
}

// Surveyed objectives have figures over all test examples together, which are no
// means over examples.
type Surveyed interface {
	// NewSurvey begins an evaluation.
	NewSurvey(t Task) Survey
}

// A Survey adds up one evaluation.
type Survey interface {
	// Add takes in a batch, of which the last of an evaluation may be smaller; p is
	// the evaluation program that has just run on it.
	Add(p *graph.Program, b *data.Batch, fed *graph.Feed) error
	// Figures are those over all batches.
	Figures() []Figure
}

// SurveyTables is a Survey that has tables over all batches, too.
type SurveyTables interface {
	Survey
	Tables() []Table
}

// SurveyPictures is a Survey that draws what was found over all batches; ps are those of
// the model that was surveyed.
type SurveyPictures interface {
	Survey
	Pictures(ps *graph.Params) ([]Picture, error)
}

// Examined objectives put the model to a test of its own on all test examples, besides
// the loss; Examine reads them again, at each evaluation.
type Examined interface {
	Examine(ctx context.Context, t Task, ps *graph.Params, test data.Source) (*Examination, error)
}

// An Examination is what came out of that.
type Examination struct {
	Figures  []Figure
	Pictures []Picture
	Tables   []Table
}

// A Picture shows what a model makes of a few examples.
type Picture struct {
	Name    string // file name without its ending: "reconstructions"
	Caption string // one sentence: what is where
	Image   image.Image
}

// Pictured objectives draw. p is an evaluation program of this objective that
// has just run on b.
type Pictured interface {
	Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error)
}

// A Table shows in words what a model makes of a few examples.
type Table struct {
	Name    string // as a file is named: "gaps"
	Caption string // one sentence: what is where
	Columns []string
	Rows    [][]string // each as long as Columns
}

// Tabled objectives make tables. p is an evaluation program of this objective that
// has just run on b.
type Tabled interface {
	Tables(t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Table, error)
}

// Illustrated objectives show what a trained model has learnt, without any example.
// Illustrate is called after training, and at evaluations that look at codes.
type Illustrated interface {
	Illustrate(t Task, ps *graph.Params) ([]Picture, []Table, error)
}

// Encode builds the encoder alone on clean examples, for features: the input is
// "x", (B, Seen...), of words their numbers, for an autoregressive encoder "before",
// the symbols before each place; the code is tapped as "encoder/code", (B, D).
func Encode(t Task, s *graph.Scope) *G.Node {
	if e, ok := t.Encoder.(nets.Worded); ok && t.Spec.Words != nil {
		return e.EncodeWords(s.In("encoder"), s.Ints("x", t.Batch, t.Spec.Size()), t.Spec.Words)
	}
	if e, ok := t.Encoder.(nets.Autoregressive); ok {
		return e.States(s.In("encoder"), s.Ints("before", t.Batch, t.Places()), t.Symbols())
	}
	x := s.Input("x", append([]int{t.Batch}, t.Seen()...)...)
	return t.Encoder.Encode(s.In("encoder"), x)
}

// PrepareClean fills the input of Encode.
func PrepareClean(t Task, b *data.Batch, into *graph.Feed) error {
	if t.Spec.Words != nil {
		for i, w := range b.Tokens {
			into.I["x"][i] = int(w)
		}
		return nil
	}
	if _, ok := t.Encoder.(nets.Autoregressive); ok {
		symbols := make([]int, b.N()*t.Places())
		if err := t.ReadSymbols(symbols, b); err != nil {
			return err
		}
		t.shift(into.I["before"], symbols)
		return nil
	}
	t.See(into.F["x"], b.Pixels)
	return nil
}

var registry = naming.NewRegistry[Objective]("objective")

// Register makes an objective known by the name used in run files. The factory
// gives the default settings.
func Register(name string, make func() Objective) { registry.Register(name, make) }

// New returns the objective of that name with its default settings.
func New(name string) (Objective, error) { return registry.New(name) }

// NameOf is the name of an objective's kind.
func NameOf(o Objective) string { return registry.NameOf(o) }

// Names lists the registered objectives.
func Names() []string { return registry.Names() }
