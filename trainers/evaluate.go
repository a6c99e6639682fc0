package trainers

import (
	"context"
	"fmt"
	"math"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
)

// tester is an evaluation program of the objective for batches of one size.
type tester struct {
	task objectives.Task
	p    *graph.Program
	feed *graph.Feed
}

func (t *Trainer) tester(n int) (*tester, error) {
	if s := t.testers[n]; s != nil {
		return s, nil
	}
	s := &tester{task: t.Task}
	s.task.Batch = n
	var err error
	if s.p, err = graph.Compile(t.Params, graph.Eval, t.build(s.task)); err != nil {
		return nil, err
	}
	s.feed = s.p.NewFeed()
	t.testers[n] = s
	return s, nil
}

// test runs a batch.
func (t *Trainer) test(b *data.Batch) (*tester, error) {
	s, err := t.tester(b.N())
	if err != nil {
		return nil, err
	}
	if err := t.Objective.Prepare(s.task, b, s.feed); err != nil {
		return nil, err
	}
	return s, s.p.Run(s.feed, b.Step)
}

// Loss is the objective's loss over all examples of a source, its batches weighted
// by their size. After each batch visit is called with the program that has just
// run, unless it is nil.
func (t *Trainer) Loss(ctx context.Context, src data.Source, visit func(s *tester, b *data.Batch) error) (float64, error) {
	loss, _, err := t.means(ctx, src, visit)
	return loss, err
}

// means are the loss and the method's own numbers over a source.
func (t *Trainer) means(ctx context.Context, src data.Source, visit func(s *tester, b *data.Batch) error) (loss float64, metrics []float64, err error) {
	metrics = make([]float64, len(t.metrics))
	for b, err := range data.Sequential(src, t.Task.Batch) {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return 0, nil, err
		}
		s, err := t.test(b)
		if err != nil {
			return 0, nil, err
		}
		share := float64(b.N()) / float64(src.Len())
		eval.Tell(ctx, src.Spec().Split+" loss", min(src.Len(), int(b.Step+1)*t.Task.Batch), src.Len(), "examples")
		loss += float64(s.p.Loss()) * share
		addMetrics(metrics, s.p, t.metrics, share)
		if visit != nil {
			if err := visit(s, b); err != nil {
				return 0, nil, err
			}
		}
	}
	return loss, metrics, nil
}

// An Evaluation is what was found out about the model at one step.
type Evaluation struct {
	TestLoss float64 // NaN where there are no test examples
	Figures  []eval.Figure
	Pictures []objectives.Picture
	Tables   []objectives.Table
	Alarms   []string // what says that the training goes wrong
	Skipped  []string // what could not be taken, and why
	Map      *inspect.Map
}

// Evaluate looks at the model as it stands, with the average of the weights where
// one is kept: the test loss and the objective's pictures; where all is set, also
// kNN, probe, spread and neighbours of the code, and what the model's kind allows.
func (t *Trainer) Evaluate(ctx context.Context, all bool) (*Evaluation, error) {
	if t.average != nil {
		t.average.Swap(t.weights)
		defer t.average.Swap(t.weights)
	}
	e := &Evaluation{TestLoss: math.NaN()}
	if o, ok := t.Objective.(objectives.Illustrated); ok && all {
		var err error
		if e.Pictures, e.Tables, err = o.Illustrate(t.Task, t.Params); err != nil {
			return nil, err
		}
	}
	if all {
		if err := t.drawWords(e); err != nil {
			return nil, err
		}
	}
	if t.Test == nil {
		e.Skipped = append(e.Skipped, "test loss: left out: there are no test examples")
		return e, nil
	}
	if err := t.evaluateTest(ctx, e); err != nil {
		return nil, err
	}
	if !all {
		return e, nil
	}
	if err := t.evaluateCodes(ctx, e); err != nil {
		return nil, err
	}
	if err := t.evaluateClusters(ctx, e); err != nil {
		return nil, err
	}
	if c, ok := t.Objective.(objectives.Compared); ok {
		figures, err := c.Compare(ctx, t.Task, t.Params, t.Train, func() (float64, error) { return t.Loss(ctx, t.Train, nil) })
		if err != nil {
			return nil, err
		}
		e.add(figures)
	}
	return e, nil
}

// evaluateTest adds what is found in one walk over the test examples, losses and the
// objective's own figures, and its tables and pictures of some of them.
func (t *Trainer) evaluateTest(ctx context.Context, e *Evaluation) error {
	var survey objectives.Survey
	if o, ok := t.Objective.(objectives.Surveyed); ok {
		survey = o.NewSurvey(t.Task)
	}
	var metrics []float64
	var err error
	var scores scores
	e.TestLoss, metrics, err = t.means(ctx, t.Test, func(s *tester, b *data.Batch) error {
		if o, ok := t.Objective.(objectives.Scored); ok {
			some, err := o.Score(s.task, s.p, b)
			if err != nil {
				return err
			}
			scores.add(some)
		}
		if survey != nil {
			if err := survey.Add(s.p, b, s.feed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	note := fmt.Sprintf("mean over %d examples", t.Test.Len())
	if t.average != nil {
		note += ", with the averaged weights"
	}
	e.Figures = append(e.Figures, eval.Figure{Name: "test loss", Value: eval.Number(e.TestLoss), Better: "lower", Note: note})
	for i, name := range t.MetricNames() {
		e.Figures = append(e.Figures, eval.Figure{Name: "test " + name, Value: eval.Number(metrics[i]), Note: note})
	}
	e.Figures = append(e.Figures, scores.figures()...)
	if err := t.drawTest(ctx, e); err != nil {
		return err
	}
	if survey != nil {
		e.add(survey.Figures())
		if s, ok := survey.(objectives.SurveyTables); ok {
			e.Tables = append(e.Tables, s.Tables()...)
		}
		if s, ok := survey.(objectives.SurveyPictures); ok {
			pictures, err := s.Pictures(t.Params)
			if err != nil {
				return err
			}
			e.Pictures = append(e.Pictures, pictures...)
		}
	}
	if o, ok := t.Objective.(objectives.Examined); ok {
		found, err := o.Examine(ctx, t.Task, t.Params, t.Test)
		if err != nil {
			return err
		}
		e.add(found.Figures)
		e.Pictures, e.Tables = append(e.Pictures, found.Pictures...), append(e.Tables, found.Tables...)
	}
	if alarm := t.alarm(metrics); alarm != "" {
		e.Alarms = append(e.Alarms, "on the test examples "+alarm)
	}
	return nil
}

// scores are those of an objective, added up over batches.
type scores []objectives.Score

func (s *scores) add(batch []objectives.Score) {
	for i, b := range batch {
		if i == len(*s) {
			*s = append(*s, b)
			continue
		}
		(*s)[i].Sum += b.Sum
		(*s)[i].N += b.N
	}
}

func (s scores) figures() []eval.Figure {
	var list []eval.Figure
	for _, one := range s {
		if one.N > 0 {
			list = append(list, eval.Figure{Name: "test " + one.Name, Value: eval.Number(one.Sum / float64(one.N)),
				Better: one.Better, Note: fmt.Sprintf("mean over %d answers", one.N)})
		}
	}
	return list
}

func (e *Evaluation) add(figures []objectives.Figure) {
	for _, f := range figures {
		e.Figures = append(e.Figures, eval.Figure{Name: f.Name, Value: eval.Number(f.Value), Better: f.Better, Note: f.Note})
	}
}

// maxCodes bounds the values of training codes that are held in an evaluation: 4 GiB.
const maxCodes = 1 << 30

func (t *Trainer) evaluateCodes(ctx context.Context, e *Evaluation) error {
	known := t.Train
	if most := max(1, maxCodes/t.Task.Encoder.CodeSize(t.Task.Seen())); known.Len() > most {
		var err error
		if known, err = data.Subset(known, data.Evenly(most, known.Len())); err != nil {
			return err
		}
	}
	test, err := Features(ctx, t.Task, t.Params, t.Test, CodeTap)
	if err != nil {
		return err
	}
	train := eval.Features{D: test.D}
	if len(t.Task.Spec.Classes) > 0 || t.hasNeighbours() { // nothing else asks for codes of training examples
		if train, err = Features(ctx, t.Task, t.Params, known, CodeTap); err != nil {
			return err
		}
	}
	figures, skipped, err := eval.Code(ctx, train, test)
	if err != nil {
		return err
	}
	e.Figures = append(e.Figures, figures...)
	e.Skipped = append(e.Skipped, skipped...)
	if alarm := eval.Collapsed(figures, test.D); alarm != "" {
		e.Alarms = append(e.Alarms, alarm)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := t.drawMap(e, test); err != nil {
		return err
	}
	return t.drawNeighbours(ctx, e, known, train, test)
}

// alarm is what the objective has to say about means of its own numbers, in the
// order of MetricNames.
func (t *Trainer) alarm(metrics []float64) string {
	g, ok := t.Objective.(objectives.Guarded)
	if !ok || len(metrics) == 0 {
		return ""
	}
	named := map[string]float64{}
	for i, name := range t.MetricNames() {
		named[name] = metrics[i]
	}
	return g.Alarm(named)
}

// record keeps what an evaluation says about the course of the training: the best
// test loss so far, and whether it is time to stop early.
func (t *Trainer) record(e *Evaluation) {
	t.evaluated, t.testLoss = t.Step, e.TestLoss
	if math.IsNaN(e.TestLoss) {
		return
	}
	value := checkpoints.Float(e.TestLoss)
	if t.Best == nil || e.TestLoss < float64(t.Best.Value) {
		t.Best = &checkpoints.Best{Metric: TestLoss, Value: value, Step: t.Step}
	}
	if t.EarlyStop == 0 || t.Done() {
		return
	}
	if t.stopping == nil || e.TestLoss < float64(t.stopping.Value)-t.MinDelta {
		t.stopping = &checkpoints.Stopping{Metric: TestLoss, Value: value}
		return
	}
	waited := t.stopping.Waited + 1
	t.stopping = &checkpoints.Stopping{Metric: TestLoss, Value: t.stopping.Value, Waited: waited}
	if waited >= t.EarlyStop && t.Ended == "" {
		t.Ended = fmt.Sprintf("the test loss has not fallen below %.6g in %d evaluations", float64(t.stopping.Value), waited)
		if t.MinDelta > 0 {
			t.Ended = strings.Replace(t.Ended, "fallen", fmt.Sprintf("fallen by %g", t.MinDelta), 1)
		}
	}
}
