package inspect

import (
	"context"
	"fmt"
	"image"
	"math"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/trainers/eval"
)

// An Experiment says what of the causes of an example can be read from each layer; kept
// as experiment.json.
type Experiment struct {
	Header
	Train      int         `json:"train"` // examples that probes are fitted to
	Test       int         `json:"test"`
	Components int         `json:"components"` // of each layer that probes see
	Causes     []string    `json:"causes"`
	Layers     []LayerRead `json:"layers"`
}

// LayerRead is what can be read from one layer, by cause.
type LayerRead struct {
	Layer string `json:"layer"`
	Width int    `json:"width"`
	// Probe is what a linear map reads: accuracy, or R² of a place.
	Probe []eval.Number `json:"probe"`
	// Nearest is how often the nearest training example agrees; of a place, 1 − its
	// squared distance over that of two examples by chance.
	Nearest []eval.Number `json:"nearest"`
	// Untrained is what the linear map reads of the same layer before training; nil of
	// the input.
	Untrained []eval.Number `json:"untrained,omitempty"`
}

// A Cause is a target that both halves of the examples have: classes in Labels, or
// values in Targets.
type Cause struct {
	Name        string
	Kind        data.TargetKind
	Train, Test eval.Features // without codes
}

// Reduce gives codes by the first k principal components of the training codes, so
// that probes of layers of any width see as many values; codes of no more stay.
func Reduce(train, test eval.Features, k int) (eval.Features, eval.Features, error) {
	if train.D <= k {
		return train, test, nil
	}
	p, err := planeOf(train, k)
	if err != nil {
		return train, test, err
	}
	return eval.Features{X: p.place(train), D: p.k}, eval.Features{X: p.place(test), D: p.k}, nil
}

// Read fits a linear map from codes to each cause and scores it on the test codes.
func Read(ctx context.Context, train, test eval.Features, causes []Cause, seed uint64) ([]eval.Number, error) {
	a := eval.Features{X: append([]float32(nil), train.X...), D: train.D}
	b := eval.Features{X: append([]float32(nil), test.X...), D: test.D}
	if err := eval.Standardize(a, b); err != nil {
		return nil, err
	}
	var scores []eval.Number
	for _, c := range causes {
		a.Labels, a.Targets, a.T = c.Train.Labels, c.Train.Targets, c.Train.T
		b.Labels, b.Targets, b.T = c.Test.Labels, c.Test.Targets, c.Test.T
		r, err := eval.Probe{Kind: c.Kind, HeldOut: 0.2, Seed: seed}.Run(ctx, a, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		scores = append(scores, eval.Number(r.Score))
	}
	return scores, nil
}

// ReadNearest looks up each cause at the nearest training code of each test code.
func ReadNearest(ctx context.Context, train, test eval.Features, causes []Cause) ([]eval.Number, error) {
	near, err := eval.NearestUntil(ctx, test, train, 1, eval.Euclidean, nil)
	if err != nil {
		return nil, err
	}
	var scores []eval.Number
	for _, c := range causes {
		if c.Kind == data.Class {
			right := 0
			for i, at := range near.Index {
				if c.Test.Labels[i] == c.Train.Labels[at] {
					right++
				}
			}
			scores = append(scores, eval.Number(float64(right)/float64(len(near.Index))))
			continue
		}
		var off, chance float64
		t := c.Test.T
		for i, at := range near.Index {
			other := (i + len(near.Index)/2) % len(near.Index)
			for j := range t {
				y := float64(c.Test.Targets[i*t+j])
				off += math.Pow(y-float64(c.Train.Targets[at*t+j]), 2)
				chance += math.Pow(y-float64(c.Test.Targets[other*t+j]), 2)
			}
		}
		scores = append(scores, eval.Number(1-off/chance))
	}
	return scores, nil
}

// Tell is the results in words: what a linear map reads, and what the nearest
// example tells.
func (e *Experiment) Tell() []eval.Table {
	probe := eval.Table{Name: "probe by layer", Columns: []string{"layer", "values"},
		Caption: fmt.Sprintf("What a linear map of %d principal components of each layer reads, on %d test examples after %d training examples; in brackets of the untrained net. Colour and shape: accuracy; place: R².", e.Components, e.Test, e.Train)}
	near := eval.Table{Name: "nearest by layer", Columns: []string{"layer", "values"},
		Caption: "How often the nearest training example has the same colour or shape; of the place, 1 less the squared distance over that of two examples by chance."}
	probe.Columns, near.Columns = append(probe.Columns, e.Causes...), append(near.Columns, e.Causes...)
	for _, l := range e.Layers {
		a, b := []string{l.Layer, fmt.Sprint(l.Width)}, []string{l.Layer, fmt.Sprint(l.Width)}
		for i := range e.Causes {
			said := fmt.Sprintf("%.3f", float64(l.Probe[i]))
			if l.Untrained != nil {
				said += fmt.Sprintf(" (%.3f)", float64(l.Untrained[i]))
			}
			a, b = append(a, said), append(b, fmt.Sprintf("%.3f", float64(l.Nearest[i])))
		}
		probe.Rows, near.Rows = append(probe.Rows, a), append(near.Rows, b)
	}
	return []eval.Table{probe, near}
}

// Draw has a line for each cause over the layers; broken lines are of the untrained
// net.
func (e *Experiment) Draw() (image.Image, error) {
	var curves []plot.Curve
	var places []string
	for _, l := range e.Layers {
		places = append(places, l.Layer)
	}
	for i, cause := range e.Causes {
		trained := plot.Curve{Name: cause, Color: plot.Class(i, len(e.Causes))}
		untrained := plot.Curve{Name: cause + ", untrained", Color: plot.Class(i, len(e.Causes)), Broken: true}
		for _, l := range e.Layers {
			trained.Values = append(trained.Values, float64(l.Probe[i]))
			before := l.Probe[i]
			if l.Untrained != nil {
				before = l.Untrained[i]
			}
			untrained.Values = append(untrained.Values, float64(before))
		}
		curves = append(curves, trained, untrained)
	}
	return plot.Curves("what a linear probe reads, by layer", places, curves, 0, 1)
}

// LayerNeighbors are the examples nearest to one in each of several layers, as a sheet:
// a row for each layer.
func LayerNeighbors(src data.Source, layers []string, found []*Neighbors, side int) (image.Image, error) {
	var rows []plot.Row
	for q := range found[0].Queries {
		for i, n := range found {
			row := plot.Row{Title: layers[i]}
			for part, list := range [][]Near{{{Index: n.Queries[q].Index}}, n.Queries[q].Code} {
				if part > 0 {
					row.Tiles = append(row.Tiles, nil)
				}
				for _, near := range list {
					if part == 0 && i > 0 {
						row.Tiles = append(row.Tiles, nil)
						continue
					}
					img, err := Example(src, near.Index)
					if err != nil {
						return nil, err
					}
					row.Tiles = append(row.Tiles, img)
				}
			}
			rows = append(rows, row)
		}
	}
	return plot.Sheet([]string{"query", "", "nearest, by layer"}, rows, side)
}
