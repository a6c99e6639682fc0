package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

func experimentCommand() *cobra.Command {
	c := &cobra.Command{Use: "experiment", Short: "run a whole experiment: train, look inside, tell"}
	c.AddCommand(experimentShapesCommand())
	return c
}

// Of the experiment on shapes: the examples that probes are fitted to and judged by,
// what they see of a layer, and what is drawn.
const (
	shapesTrain      = 3000
	shapesTest       = 1000
	shapesComponents = 64
	shapesQueries    = 4
	shapesNearest    = 9
)

func experimentShapesCommand() *cobra.Command {
	var o trainFlags
	c := &cobra.Command{
		Use:   "shapes",
		Short: "what does an autoencoder of coloured shapes know, layer by layer?",
		Long: `Train the L2 autoencoder on pictures of coloured shapes, without any label, and see
what each of its layers knows: which examples are nearest to a query, and how well a
linear map reads colour, shape and place, beside the same net untrained. Every layer is
seen by the same number of principal components.

It leaves an ordinary run whose report.html begins with what was found, and
inspect/experiment.png, -neighbors.png and .json in it. A run that is there already is gone on with.`,
		Example: "  x2vec experiment shapes\n  x2vec experiment shapes --steps 500 --set encoder.code=16 --out runs/shapes-16",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.resume = string(job.Auto)
			if o.out == "" {
				o.out = filepath.Join("runs", "shapes")
			}
			if err := o.run(c, "shapes"); err != nil {
				return err
			}
			if err := layersOfShapes(c, o.out); err != nil {
				return err
			}
			return writePage(c, []string{o.out}, filepath.Join(o.out, trainers.ReportFile))
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`folder` of the run (default runs/shapes)")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting, as in encoder.code=16; may be given several times")
	f.IntVar(&o.steps, "steps", 0, "train for so many steps")
	return c
}

// layersOfShapes looks into a run on shapes.
func layersOfShapes(c *cobra.Command, run string) error {
	fit := lookFlags{split: "train", step: job.Newest, n: shapesTrain}
	train, err := fit.start(c, run)
	if err != nil {
		return err
	}
	defer train.done()
	test, err := train.half("test", shapesTest)
	if err != nil {
		return err
	}
	causes, err := causesOf(train.ctx, train.src, test.src)
	if err != nil {
		return err
	}
	layers, err := train.layers()
	if err != nil {
		return err
	}
	e := &inspect.Experiment{Header: test.header("experiment"), Train: train.src.Len(), Test: test.src.Len(), Components: shapesComponents}
	for _, cause := range causes {
		e.Causes = append(e.Causes, cause.Name)
	}
	untrained, err := trainers.Untrained(train.kept.Task, train.kept.File.Seed)
	if err != nil {
		return err
	}
	queries := data.Evenly(shapesQueries, test.src.Len())
	var names []string
	var found []*inspect.Neighbors
	pixels, err := test.pixels()
	if err != nil {
		return err
	}
	for _, layer := range append([]string{""}, layers...) {
		name := strings.TrimPrefix(layer, "encoder/")
		if layer == "" {
			name = "pixels"
		}
		fmt.Fprintf(c.ErrOrStderr(), "looking at %s\n", name)
		a, b, err := both(train, test, layer)
		if err != nil {
			return err
		}
		read := inspect.LayerRead{Layer: name, Width: a.D}
		if read.Nearest, err = inspect.ReadNearest(train.ctx, a, b, causes); err != nil {
			return err
		}
		near, err := inspect.FindNeighbors(b, pixels, test.index, queries, shapesNearest, eval.Euclidean)
		if err != nil {
			return err
		}
		names, found = append(names, name), append(found, near)
		if read.Probe, err = probed(train.ctx, a, b, causes); err != nil {
			return err
		}
		if layer != "" {
			if read.Untrained, err = untrainedRead(train, test, layer, untrained, causes); err != nil {
				return err
			}
		}
		e.Layers = append(e.Layers, read)
	}
	return tellShapes(c, test, e, names, found)
}

// half is a look at n examples of the other split by the same encoder.
func (l *look) half(split string, n int) (*look, error) {
	all, err := l.kept.Open(l.ctx, l.data, split, func(string) {})
	if err != nil {
		return nil, err
	}
	other, kept := *l, *l.kept
	other.all, other.kept = all, &kept
	return &other, other.take(data.Evenly(n, all.Len()))
}

// both are the features of training and test examples; layer "" stands for the pixels.
func both(train, test *look, layer string) (a, b eval.Features, err error) {
	of := func(l *look) (eval.Features, error) {
		if layer == "" {
			return l.pixels()
		}
		return l.features(layer)
	}
	a, err1 := of(train)
	b, err2 := of(test)
	return a, b, errors.Join(err1, err2)
}

func probed(ctx context.Context, a, b eval.Features, causes []inspect.Cause) ([]eval.Number, error) {
	a, b, err := inspect.Reduce(a, b, shapesComponents)
	if err != nil {
		return nil, err
	}
	return inspect.Read(ctx, a, b, causes, 0)
}

// untrainedRead probes a layer of the net as it was before training.
func untrainedRead(train, test *look, layer string, ps *graph.Params, causes []inspect.Cause) ([]eval.Number, error) {
	of := func(l *look) *look {
		kept := *l.kept
		kept.Params = ps
		other := *l
		other.kept = &kept
		return &other
	}
	a, b, err := both(of(train), of(test), layer)
	if err != nil {
		return nil, err
	}
	return probed(train.ctx, a, b, causes)
}

// causesOf are colour, shape and place of the examples.
func causesOf(ctx context.Context, train, test data.Source) ([]inspect.Cause, error) {
	var causes []inspect.Cause
	for _, want := range []struct {
		name    string
		kind    data.TargetKind
		factors []string
	}{{"colour", data.Class, []string{"colour"}}, {"shape", data.Class, nil}, {"place", data.Values, []string{"x", "y"}}} {
		cause := inspect.Cause{Name: want.name, Kind: want.kind}
		for _, half := range []struct {
			src data.Source
			to  *eval.Features
		}{{train, &cause.Train}, {test, &cause.Test}} {
			target, err := half.src.Spec().Target(want.kind, want.factors)
			if err != nil {
				return nil, fmt.Errorf("the experiment wants shapes in colour: %w", err)
			}
			for b, err := range data.Sequential(half.src, 256) {
				if err = errors.Join(err, context.Cause(ctx)); err != nil {
					return nil, err
				}
				for i := range b.N() {
					if want.kind == data.Class {
						half.to.Labels = append(half.to.Labels, target.Class(b, i))
						continue
					}
					values := make([]float32, target.Width())
					target.Values(values, b, i)
					half.to.Targets, half.to.T = append(half.to.Targets, values...), len(values)
				}
			}
		}
		causes = append(causes, cause)
	}
	return causes, nil
}

// tellShapes writes and prints what was found.
func tellShapes(c *cobra.Command, l *look, e *inspect.Experiment, names []string, found []*inspect.Neighbors) error {
	chart, err := e.Draw()
	if err != nil {
		return err
	}
	if err := l.draw(&e.Header, "experiment", "What a linear map reads of colour, shape and place (R²) from each layer; broken: from the same net untrained.", chart); err != nil {
		return err
	}
	sheet, err := inspect.LayerNeighbors(l.all, names, found, shownSide(l.all.Spec().Shape))
	if err != nil {
		return err
	}
	if err := l.draw(&e.Header, "experiment-neighbors", "Queries, and the test examples nearest to them in the pixels and in each layer.", sheet); err != nil {
		return err
	}
	e.Tables = e.Tell()
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, t := range e.Tables {
		fmt.Fprintf(w, "%s\n", strings.Join(append([]string{t.Name}, t.Columns[1:]...), "\t"))
		for _, row := range t.Rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return l.finish("experiment", e, "")
}
