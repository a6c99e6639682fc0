package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
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
			steps, features, err := l.overTraining(layers)
			if err != nil {
				return err
			}
			names := []string{"input"}
			for _, name := range layers {
				names = append(names, strings.TrimPrefix(name, "encoder/"))
			}
			r, err := inspect.NewLayers(names, steps, features, l.all.Spec().Classes)
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

// overTraining gives the features of the input and of all layers at the start and at
// the kept checkpoints, spread evenly where there are many, up to the one that is
// looked at.
func (l *look) overTraining(layers []string) (steps []int, features [][]eval.Features, err error) {
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
		if info.Step <= l.kept.Step {
			kept = append(kept, info.Step)
		}
	}
	input, err := l.pixels()
	if err != nil {
		return nil, nil, err
	}
	at := func(step int) error {
		one := []eval.Features{input}
		for _, name := range layers {
			f, err := l.features(name)
			if err != nil {
				return err
			}
			one = append(one, f)
		}
		steps, features = append(steps, step), append(features, one)
		return nil
	}
	last := l.kept
	if ps, err := trainers.Untrained(last.Task, last.File.Seed); err == nil {
		first := *last
		first.Params = ps
		l.kept = &first
		if err := at(0); err != nil {
			return nil, nil, err
		}
	}
	for _, i := range trainers.Spread(maxFrames, len(kept)) {
		step := kept[i]
		if i == kept[len(kept)-1] {
			step = last.Step
		}
		k, err := job.Keep(l.run, step)
		if err != nil {
			return nil, nil, err
		}
		k.Task.Batch = last.Task.Batch
		l.kept = k
		if err := at(step); err != nil {
			return nil, nil, err
		}
	}
	l.kept = last
	return steps, features, nil
}
