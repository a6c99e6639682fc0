package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

// maxFrames bounds the steps of one animation.
const maxFrames = 60

func inspectLayersCommand() *cobra.Command {
	var o lookFlags
	c := &cobra.Command{
		Use:   "layers RUN",
		Short: "draw how examples are mapped, layer by layer and over training",
		Long: `Draw where examples go: a column for each layer of the encoder, the input first, and a
row for each of some steps of training, from the untrained net to the newest checkpoint.
A layer of two values is drawn as it is, a wider one by the two directions in which it
varies most at the end. layers.gif shows all steps, one after the other.

Steps are those of the checkpoints that are kept: checkpoint.milestones keeps one every
so many steps. The recipe "mapping" trains a small net on points of the plane for it.`,
		Example: "  x2vec train mapping && x2vec inspect layers runs/mapping",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			if l.kept.Task.Spec.Words != nil {
				return fmt.Errorf("%s: its examples are words; want a run on pictures or on points", l.run)
			}
			layers, err := l.layers()
			if err != nil {
				return err
			}
			names := []string{"input"}
			for _, name := range layers {
				names = append(names, strings.TrimPrefix(name, "encoder/"))
			}
			steps, read, err := l.overTraining(layers)
			if err != nil {
				return err
			}
			r, err := inspect.NewLayers(names, steps, l.all.Spec().Classes, read)
			if err != nil {
				return err
			}
			r.Header = l.header("layers")
			img, err := r.Draw()
			if err != nil {
				return err
			}
			caption := fmt.Sprintf("Where %d examples go: a column for each layer (how many values it has), a row for each step of training, each panel to a scale of its own; colours are classes.", l.src.Len())
			if err := l.draw(&r.Header, "layers", caption, img); err != nil {
				return err
			}
			film, err := r.Animate()
			if err != nil {
				return err
			}
			if err := l.into.Write("layers.gif", film); err != nil {
				return err
			}
			return l.finish("layers", r, fmt.Sprintf("%d layers at %d steps; %s", len(names), len(steps), l.into.File("layers.gif")))
		},
	}
	o.common(c, 400)
	return c
}

// overTraining gives the steps of training at which the encoder is kept, 0 for the
// untrained one, and what reads its layers at one of them, the input first.
func (l *look) overTraining(layers []string) (steps []int, read func(step int, visit func(f eval.Features) error) error, err error) {
	store, err := checkpoints.Open(filepath.Join(l.run, trainers.CheckpointsDir))
	if err != nil {
		return nil, nil, err
	}
	list, err := store.List()
	if err != nil {
		return nil, nil, err
	}
	var kept []int
	for _, info := range list {
		if info.Step < l.kept.Step {
			kept = append(kept, info.Step)
		}
	}
	untrained, err := trainers.Untrained(l.kept.Task, l.kept.File.Seed)
	if err == nil && l.kept.Step > 0 {
		steps = append(steps, 0)
	}
	for _, i := range data.Evenly(maxFrames-1, len(kept)) {
		steps = append(steps, kept[i])
	}
	steps = append(steps, l.kept.Step)
	input, err := l.pixels()
	if err != nil {
		return nil, nil, err
	}
	at := func(step int) (*job.Kept, error) {
		switch step {
		case l.kept.Step:
			return l.kept, nil
		case 0:
			first := *l.kept
			first.Params = untrained
			return &first, nil
		}
		k, err := job.Keep(l.run, step)
		if err == nil {
			k.Task.Batch = l.kept.Task.Batch
		}
		return k, err
	}
	return steps, func(step int, visit func(f eval.Features) error) error {
		kept, err := at(step)
		if err != nil {
			return err
		}
		one := *l
		one.kept = kept
		if err := visit(input); err != nil {
			return err
		}
		for left := layers; len(left) > 0; {
			list, err := one.featuresOf(left)
			if err != nil {
				return err
			}
			left = left[len(list):]
			for i, f := range list {
				if err := visit(f); err != nil {
					return err
				}
				list[i] = eval.Features{}
			}
		}
		return nil
	}, nil
}
