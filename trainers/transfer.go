package trainers

import (
	"context"
	"fmt"
	"slices"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// The methods of a transfer: what is made of an encoder with few labels, and what is
// made without it.
const (
	ByLinear    = "linear"    // a linear model on the codes
	ByKNN       = "knn"       // nearest neighbours among the codes
	ByFinetune  = "finetune"  // training goes on from the encoder
	ByScratch   = "scratch"   // the same training from weights that the seed draws
	ByUntrained = "untrained" // a linear model on the codes of the same net untrained
	ByPixels    = "pixels"    // a linear model on raw pixels
)

// TransferMethods are all methods, in the order in which they are told.
var TransferMethods = []string{ByFinetune, ByLinear, ByKNN, ByScratch, ByUntrained, ByPixels}

// UsesEncoder reports whether a method works with the encoder that is asked about.
func UsesEncoder(method string) bool {
	return method == ByFinetune || method == ByLinear || method == ByKNN
}

// A Transfer asks how much an encoder is worth by the number of labels that a task has.
// Labels of its ProbeOptions is not used: Counts stand in its place.
type Transfer struct {
	ProbeOptions
	Methods []string
	Counts  []LabelCount
	// Train gives the score of a cell of the methods that train the encoder, on the
	// part of the training examples that Count and Seed draw.
	Train func(ctx context.Context, c Cell) (float64, error)
	// Kept gives a cell that was finished before, and Keep keeps one. Of methods, and of
	// counts that are Earlier, that are not asked for now, those that have all their seeds
	// are told beside the others.
	Earlier []LabelCount
	Kept    func(c Cell) (Cell, bool)
	Keep    func(c Cell) error
}

// A Cell is one method with so many labels by one seed.
type Cell struct {
	Method   string     `json:"method"`
	Labels   string     `json:"labels"` // as asked: 10, 5%, all
	Count    LabelCount `json:"-"`
	Seed     int        `json:"seed"`
	Examples int        `json:"examples"` // labelled ones that were drawn
	Score    float64    `json:"score"`
}

// A TransferRow is one method with so many labels.
type TransferRow struct {
	Method   string    `json:"method"`
	Labels   string    `json:"labels"`
	Examples int       `json:"examples"` // of the first seed
	Scores   []float64 `json:"scores"`   // by seed
	Mean     float64   `json:"mean"`
	Half     float64   `json:"half_of_95"` // half the width of the 95 % interval over seeds; 0 for one seed
}

// A TransferReport is what a transfer found, and how.
type TransferReport struct {
	Data       string        `json:"data"`
	Score      string        `json:"score"`
	Classes    []string      `json:"classes"`
	Test       int           `json:"test"`
	Seeds      int           `json:"seeds"`
	Pretrained bool          `json:"pretrained"`
	Before     string        `json:"encoder_sha256_before"`
	After      string        `json:"encoder_sha256_after"`
	Doubles    int           `json:"train_examples_left_out"`
	Rows       []TransferRow `json:"rows"`
	Protocol   []string      `json:"protocol"`
}

// has reports whether there are numbers of one of these methods.
func (r *TransferReport) has(methods ...string) bool {
	return slices.ContainsFunc(r.Rows, func(row TransferRow) bool { return slices.Contains(methods, row.Method) })
}

// Trained reports whether there are numbers of the methods that train the encoder.
func (r *TransferReport) Trained() bool { return r.has(ByFinetune, ByScratch) }

// transfer is a Transfer at work.
type transfer struct {
	Transfer
	task        objectives.Task
	train, test data.Source // train without what is in test
	cells       []Cell      // all, those with a score marked in done
	done        []bool
	parts       map[string][]int // by labels and seed
	seen        int              // finished in this call or before
}

// Run takes all cells, those that train last. Cells that were kept are not taken
// again, so that a transfer that was stopped goes on and ends in the same numbers.
func (o Transfer) Run(ctx context.Context, task objectives.Task, ps *graph.Params, train, test data.Source) (*TransferReport, error) {
	t := &transfer{Transfer: o, task: task, test: test, parts: map[string][]int{}}
	r := &TransferReport{Data: train.Spec().Name, Score: eval.ScoreName(o.Target.Kind), Classes: o.Target.Names,
		Test: test.Len(), Seeds: o.Seeds, Before: HashOf(ps)}
	var err error
	if r.Pretrained, err = Pretrained(task, ps); err != nil {
		return nil, err
	}
	if t.train, err = data.Unseen(train, test); err != nil {
		return nil, err
	}
	r.Doubles = train.Len() - t.train.Len()
	if err := t.plan(); err != nil {
		return nil, err
	}
	if err := t.coded(ctx, ps, ByKNN, ByLinear); err != nil {
		return nil, err
	}
	if err := t.coded(ctx, nil, ByPixels); err != nil {
		return nil, err
	}
	for seed := range o.Seeds {
		if err := t.untrained(ctx, seed); err != nil {
			return nil, err
		}
	}
	for i := range t.cells {
		if c := &t.cells[i]; !t.done[i] {
			if c.Score, err = o.Train(ctx, *c); err != nil {
				return nil, err
			}
			if err := t.finish(i); err != nil {
				return nil, err
			}
		}
	}
	if r.After = HashOf(ps); r.After != r.Before {
		return nil, fmt.Errorf("the encoder changed: its SHA-256 was %.12s… and is %.12s…", r.Before, r.After)
	}
	r.Rows = t.rows()
	r.Protocol = t.protocol(r)
	return r, nil
}

// plan lists the cells and the examples that each has the labels of, the cells with few
// of them first.
func (t *transfer) plan() error {
	labels, err := data.Strata(t.train, t.Target.StrataOf())
	if err != nil {
		return err
	}
	all := slices.Concat(t.Counts, t.Earlier)
	for i, count := range all {
		for seed := range t.Seeds {
			part := count.Part(uint64(seed)).Draw(labels)
			if len(part) == 0 {
				return fmt.Errorf("no training example of %s has a label", t.train.Spec().Name)
			}
			t.parts[partName(count.String(), seed)] = part
		}
		for _, m := range TransferMethods {
			cells := t.row(m, count)
			if i < len(t.Counts) && slices.Contains(t.Methods, m) || t.keptAll(cells) {
				t.cells = append(t.cells, cells...)
			}
		}
	}
	slices.SortStableFunc(t.cells, func(a, b Cell) int { return a.Examples - b.Examples })
	t.done = make([]bool, len(t.cells))
	for i, c := range t.cells {
		if kept, ok := t.Kept(c); ok {
			t.cells[i].Score, t.done[i] = kept.Score, true
			t.seen++
		}
	}
	if t.seen > 0 {
		t.Say("%d of %d cells are there from before", t.seen, len(t.cells))
	}
	return nil
}

// row are the cells of a method with so many labels.
func (t *transfer) row(method string, count LabelCount) []Cell {
	var cells []Cell
	for seed := range t.Seeds {
		if method == ByKNN && count == (LabelCount{}) && seed > 0 {
			break // every seed would find the same
		}
		labels := count.String()
		cells = append(cells, Cell{Method: method, Labels: labels, Count: count, Seed: seed, Examples: len(t.parts[partName(labels, seed)])})
	}
	return cells
}

func (t *transfer) keptAll(cells []Cell) bool {
	return !slices.ContainsFunc(cells, func(c Cell) bool {
		_, kept := t.Kept(c)
		return !kept
	})
}

func partName(labels string, seed int) string { return fmt.Sprint(labels, " ", seed) }

// open are the places of cells of these methods and that seed, any where it is
// negative, that are not done.
func (t *transfer) open(seed int, methods ...string) []int {
	var list []int
	for i, c := range t.cells {
		if !t.done[i] && slices.Contains(methods, c.Method) && (seed < 0 || c.Seed == seed) {
			list = append(list, i)
		}
	}
	return list
}

func (t *transfer) finish(i int) error {
	t.done[i] = true
	t.seen++
	c := t.cells[i]
	t.Say("%d of %d: %s, %s labels (%d), seed %d: %s %.4f", t.seen, len(t.cells), c.Method, c.Labels, c.Examples, c.Seed, eval.ScoreName(t.Target.Kind), c.Score)
	return t.Keep(c)
}

// both takes the codes of both sets.
func (t *transfer) both(ctx context.Context, ps *graph.Params) (train, test eval.Features, err error) {
	e := Extraction{Task: t.task, Params: ps, Tap: t.Tap, Whole: t.Whole, Target: t.Target, Dir: t.Cache}
	a, b, err := e.both(ctx, t.train, t.test)
	if err != nil {
		return train, test, err
	}
	return a.Features, b.Features, nil
}

// coded takes the cells of methods that work on codes that stay as they are; nil
// parameters stand for pixels.
func (t *transfer) coded(ctx context.Context, ps *graph.Params, methods ...string) error {
	cells := t.open(-1, methods...)
	if len(cells) == 0 {
		return nil
	}
	train, test, err := t.both(ctx, ps)
	if err != nil {
		return err
	}
	return t.take(ctx, cells, train, test)
}

// untrained takes the cells of one seed of the net with weights of the start.
func (t *transfer) untrained(ctx context.Context, seed int) error {
	cells := t.open(seed, ByUntrained)
	if len(cells) == 0 {
		return nil
	}
	ps, err := Untrained(t.task, t.task.Seed+1+uint64(seed))
	if err != nil {
		return err
	}
	train, test, err := t.both(ctx, ps)
	if err != nil {
		return err
	}
	return t.take(ctx, cells, train, test)
}

// take takes cells on codes: neighbours on the codes as they are, linear models when
// they are standardised.
func (t *transfer) take(ctx context.Context, cells []int, train, test eval.Features) error {
	for _, standardised := range []bool{false, true} {
		if standardised {
			if err := eval.Standardize(train, test); err != nil {
				return err
			}
		}
		for _, i := range cells {
			c := &t.cells[i]
			if (c.Method != ByKNN) != standardised {
				continue
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			part := train
			if index := t.parts[partName(c.Labels, c.Seed)]; len(index) < train.N() {
				part = train.Pick(index)
			}
			var err error
			if c.Method == ByKNN {
				c.Score, err = t.vote(ctx, part, test)
			} else {
				var got *eval.Probed
				if got, err = t.probe(c.Seed).Run(ctx, part, test); err == nil {
					c.Score = got.Score
				}
			}
			if err != nil {
				return fmt.Errorf("%s with %s labels: %w", c.Method, c.Labels, err)
			}
			if err := t.finish(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *transfer) rows() []TransferRow {
	var rows []TransferRow
	for _, m := range TransferMethods {
		for _, count := range slices.Concat(t.Counts, t.Earlier) {
			row := TransferRow{Method: m, Labels: count.String()}
			for _, c := range t.cells {
				if c.Method == m && c.Labels == row.Labels {
					if len(row.Scores) == 0 {
						row.Examples = c.Examples
					}
					row.Scores = append(row.Scores, c.Score)
				}
			}
			if len(row.Scores) > 0 {
				row.Mean, row.Half = eval.Interval(row.Scores)
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// protocol says how the numbers were taken, in sentences.
func (t *transfer) protocol(r *TransferReport) []string {
	list := []string{fmt.Sprintf("labels are drawn by the seed from each class on its own, a smaller count is in a larger one, and all methods have the same ones; test set of %d looked at once by each fit", r.Test)}
	if r.has(ByLinear, ByUntrained, ByPixels) {
		list = append(list, "linear: encoder frozen; "+t.fitting())
	}
	if r.has(ByKNN) {
		list = append(list, "knn: "+t.voting())
	}
	if t.Seeds > 1 {
		list = append(list, fmt.Sprintf("mean and 95 %% interval (Student's t) over %d seeds, which draw the labels, the part held out, the head and weights that are new, and the order of training", t.Seeds))
	}
	if r.Doubles > 0 {
		list = append(list, fmt.Sprintf("%d training examples left out, as the same bytes are in the test set", r.Doubles))
	}
	return list
}
