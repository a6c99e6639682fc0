package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

func inspectCKACommand() *cobra.Command {
	var o lookFlags
	c := &cobra.Command{
		Use:   "cka RUN...",
		Short: "compare layers with layers, or runs with runs",
		Long: `Say how alike representations are by linear centred kernel alignment (Kornblith et al.
2019, arXiv:1905.00414; with the unbiased estimate of HSIC): 1 for those that are
rotations and scalings of each other, about 0 for unrelated ones. Of one run, each layer
is compared with each; of two runs, the layers of one with those of the other; of three
or more, the runs with each other at --layer. All see the same examples.`,
		Example: "  x2vec inspect cka runs/ae-conv\n  x2vec inspect cka runs/ae-conv runs/simclr\n  x2vec inspect cka runs/a runs/b runs/c --layer encoder/conv2",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one := trainers.CodeTap
			if o.layer != "" {
				one = o.layer
			}
			byLayer := len(args) < 3
			layer := o.layer
			o.layer = "" // start checks it for the first run alone
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			if layer != "" && byLayer {
				return badRequest(fmt.Errorf("--layer is for three runs or more; of %d all layers are compared", len(args)))
			}
			var names [][]string
			var grams [][]*eval.Gram
			for i, run := range args {
				other := l
				if i > 0 {
					if other, err = l.sameExamples(run); err != nil {
						return err
					}
				}
				n, g, err := other.grams(byLayer, one)
				if err != nil {
					return fmt.Errorf("%s: %w", run, err)
				}
				names, grams = append(names, n), append(grams, g)
			}
			k := &inspect.CKA{Header: l.header("cka"), Examples: l.src.Len()}
			var rows, columns []*eval.Gram
			switch {
			case !byLayer:
				for i, run := range args {
					k.Rows = append(k.Rows, filepath.Base(run))
					rows = append(rows, grams[i]...)
				}
				k.Columns, columns, k.Tap = k.Rows, rows, one
			default:
				last := len(args) - 1
				k.Rows, k.Columns, rows, columns = names[0], names[last], grams[0], grams[last]
			}
			for _, a := range rows {
				var row []eval.Number
				for _, b := range columns {
					v, err := eval.CKA(a, b)
					if err != nil {
						return err
					}
					row = append(row, eval.Number(v))
				}
				k.Values = append(k.Values, row)
			}
			img, err := k.Draw()
			if err != nil {
				return err
			}
			caption := map[bool]string{true: "How alike the layers are", false: "How alike the runs are at " + one}[byLayer]
			if len(args) == 2 {
				caption += fmt.Sprintf(": rows are those of %s, columns those of %s", args[0], args[1])
			}
			if err := l.draw(&k.Header, "cka", caption+" (linear CKA).", img); err != nil {
				return err
			}
			return l.finish("cka", k, "")
		},
	}
	o.common(c, 500)
	c.Flags().StringVar(&o.layer, "layer", "", "of three runs or more: the activation to compare (default: the code)")
	return c
}

// sameExamples is a look at another run with the examples of this one.
func (l *look) sameExamples(run string) (*look, error) {
	kept, err := job.Keep(run, job.Newest)
	if err != nil {
		return nil, err
	}
	all, err := kept.Open(l.ctx, l.data, l.all.Spec().Split, func(string) {})
	if err != nil {
		return nil, err
	}
	if a, b := l.all.Spec(), all.Spec(); a.Name != b.Name || l.all.Len() != all.Len() {
		return nil, fmt.Errorf("%s is on %d examples of %s, and %s on %d of %s; want the same examples: give --data",
			l.run, l.all.Len(), a.Name, run, all.Len(), b.Name)
	}
	other := *l
	other.kept, other.run, other.all = kept, run, all
	if other.src, err = data.Subset(all, l.index); err != nil {
		return nil, err
	}
	kept.Task.Batch = min(lookBatch, other.src.Len())
	return &other, nil
}

// grams are those of all layers, or of one. As many layers are taken at a time as fit
// into memory, so that the encoder runs few times.
func (l *look) grams(all bool, layer string) (names []string, grams []*eval.Gram, err error) {
	layers := []string{layer}
	if all {
		if layers, err = l.layers(); err != nil {
			return nil, nil, err
		}
	} else if err := hasLayer(l.kept, layer); err != nil {
		return nil, nil, err
	}
	for len(layers) > 0 {
		list, err := l.featuresOf(layers)
		if err != nil {
			return nil, nil, err
		}
		for i, f := range list {
			g, err := eval.NewGram(f)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", layers[i], err)
			}
			names, grams = append(names, strings.TrimPrefix(layers[i], "encoder/")), append(grams, g)
			list[i] = eval.Features{}
		}
		layers = layers[len(list):]
	}
	return names, grams, nil
}

// layers are the activations that are representations of an example, in the order of
// the forward pass: not the projections within attention, nor numbers of clusters.
func (l *look) layers() ([]string, error) {
	taps, err := trainers.Taps(l.kept.Task, l.kept.Params)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range taps {
		if len(t.Shape) > 1 && t.Shape[0] == 1 && !strings.HasSuffix(t.Name, "/qkv") {
			names = append(names, t.Name)
		}
	}
	return names, nil
}
