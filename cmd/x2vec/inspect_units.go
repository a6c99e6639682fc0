package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/trainers"
	"x2vec/trainers/inspect"
)

// unitsShown is how many units are shown where none are chosen.
const unitsShown = 16

func inspectUnitsCommand() *cobra.Command {
	var o lookFlags
	var list string
	top := 9
	c := &cobra.Command{
		Use:   "units RUN",
		Short: "draw what drives each unit of a layer most",
		Long: `Draw the examples that drive each unit of a layer most: of a map of features, the
patches, found through the receptive field (Zeiler and Fergus 2014, arXiv:1311.2901);
of a transformer's tokens, the pictures with the patch in a frame. With each unit
stands the class that it tells from all others best, and the area under the ROC curve
of its activations: 0.5 is chance, 1 perfect, 0 perfect by silence.

Without --units, the 16 that vary most are shown.`,
		Example: "  x2vec inspect units runs/ae-conv --layer encoder/conv1\n  x2vec inspect units runs/ae-mlp --units 0,1,2,3 --top 12",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if top < 1 || top > 100 {
				return badRequest(fmt.Errorf("--top is %d, want 1 to 100", top))
			}
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			if err := l.pictures(); err != nil {
				return err
			}
			field, grid, units, err := l.places()
			if err != nil {
				return err
			}
			var chosen []int
			if list != "" {
				if chosen, err = numbers("--units", list, units); err != nil {
					return err
				}
			}
			w := inspect.NewUnitWalk(chosen, top, field, grid)
			err = trainers.EachActivation(l.ctx, l.kept.Task, l.kept.Params, l.src, o.layer, func(b *data.Batch, v graph.View) error {
				index := make([]int, b.N())
				for i, at := range b.Index {
					index[i] = l.index[at]
				}
				return w.Add(v, index, b.Labels)
			})
			if err != nil {
				return err
			}
			r := w.Result(l.all.Spec().Classes, list != "", unitsShown)
			r.Header = l.header("units")
			img, err := r.Draw(l.all, max(56, shownSide(l.all.Spec().Shape)))
			if err != nil {
				return err
			}
			what := "Examples that drive"
			if field != nil {
				what = fmt.Sprintf("Patches of %dx%d pixels that drive", field.Size[0], field.Size[1])
			}
			caption := fmt.Sprintf("%s units of %s most, of %d examples; beside each unit the class that it tells best from all others, \"not\" where it does by silence, and how well (area under the ROC curve).", what, o.layer, l.src.Len())
			name := l.name("units")
			if err := l.draw(&r.Header, name, caption, img); err != nil {
				return err
			}
			return l.finish(name, r, fmt.Sprintf("%d of %d units of %s", len(r.Units), r.Of, o.layer))
		},
	}
	o.common(c, 2000)
	o.withLayer(c)
	c.Flags().StringVar(&list, "units", "", "by their numbers, as in 0,5,9 (default: those that vary most)")
	c.Flags().IntVar(&top, "top", top, "stimuli of each unit")
	return c
}

// places says what the units of the layer see, where that is less than the picture,
// and how many units there are.
func (l *look) places() (field *graph.Field, grid *inspect.Grid, units int, err error) {
	taps, err := trainers.Taps(l.kept.Task, l.kept.Params)
	if err != nil {
		return nil, nil, 0, err
	}
	tap, _ := tapNamed(taps, l.layer)
	if len(tap.Shape) < 2 || tap.Shape[0] != 1 {
		return nil, nil, 0, badRequest(fmt.Errorf("--layer: %s has the shape %v, which is no units", l.layer, tap.Shape))
	}
	units = tap.Shape[len(tap.Shape)-1]
	f, ok, err := trainers.FieldOf(l.kept.Task, l.kept.Params, l.layer)
	if err != nil {
		return nil, nil, 0, err
	}
	if ok {
		field = &f
	}
	if e, ok := l.kept.Task.Encoder.(nets.Patched); ok && len(tap.Shape) == 3 {
		g, err := e.Grid(l.kept.Task.Seen())
		if err != nil {
			return nil, nil, 0, err
		}
		grid = gridOf(g.Rows(), g.Cols(), tap.Shape[1], l.kept.Task.Spec.Shape[1])
	}
	return field, grid, units, nil
}

// gridOf says where so many tokens stand over a picture of a height.
func gridOf(rows, cols, tokens, height int) *inspect.Grid {
	return &inspect.Grid{Lead: tokens - rows*cols, Rows: rows, Cols: cols, Side: height / rows}
}
