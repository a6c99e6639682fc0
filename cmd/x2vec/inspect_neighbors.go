package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
)

func inspectNeighborsCommand() *cobra.Command {
	var o lookFlags
	var list, metric string
	queries, k := 8, 8
	c := &cobra.Command{
		Use:   "neighbors RUN",
		Short: "draw examples beside those nearest to them in the code and in the pixels",
		Long: `Draw some examples, and beside each the examples nearest to it in the space of the
code (or of another layer) and in that of the pixels. Where classes are known, it says
how many of the nearest are of the same class, over all examples looked at.`,
		Example: "  x2vec inspect neighbors runs/ae-mlp\n  x2vec inspect neighbors runs/ae-mlp --layer encoder/fc0 --queries 3,17,40 -k 6",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			by := eval.Cosine
			switch metric {
			case "cosine":
			case "l2":
				by = eval.Euclidean
			default:
				return badRequest(fmt.Errorf("--metric is %q, want cosine or l2", metric))
			}
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			if err := l.pictures(); err != nil {
				return err
			}
			if k < 1 || k >= l.src.Len() {
				return badRequest(fmt.Errorf("-k is %d, want 1 to %d: %d examples are looked at", k, l.src.Len()-1, l.src.Len()))
			}
			at := data.Evenly(queries, l.src.Len())
			if list != "" {
				chosen, err := numbers("--queries", list, l.all.Len())
				if err != nil {
					return err
				}
				if at, err = l.with(chosen); err != nil {
					return err
				}
			}
			codes, err := l.features(o.layer)
			if err != nil {
				return err
			}
			pixels, err := l.pixels()
			if err != nil {
				return err
			}
			n, err := inspect.FindNeighbors(codes, pixels, l.index, at, k, by)
			if err != nil {
				return err
			}
			n.Header = l.header("neighbors")
			img, err := n.Draw(l.all, shownSide(l.all.Spec().Shape))
			if err != nil {
				return err
			}
			said := ""
			if n.Agreement != nil {
				said = fmt.Sprintf("of the %d nearest of %d examples, %.1f %% are of the same class by %s, %.1f %% by pixels",
					k, l.src.Len(), 100*float64(n.Agreement.Code), o.layer, 100*float64(n.Agreement.Pixels))
			}
			name := l.name("neighbors")
			caption := fmt.Sprintf("Left: examples. Then the %d nearest of %d by %s, and the nearest by pixels (%s).", k, l.src.Len(), o.layer, by)
			if err := l.draw(&n.Header, name, caption, img); err != nil {
				return err
			}
			return l.finish(name, n, said)
		},
	}
	o.common(c, 2000)
	o.withLayer(c)
	c.Flags().StringVar(&list, "queries", "", "examples to ask for by their numbers, as in 3,17,40 (default: 8, spread evenly)")
	c.Flags().IntVarP(&k, "neighbors", "k", k, "of each query")
	c.Flags().StringVar(&metric, "metric", "cosine", "cosine or l2")
	return c
}

// with adds examples to those that are looked at, and says where they stand among
// them.
func (l *look) with(chosen []int) (at []int, err error) {
	index := l.index
	for _, i := range chosen {
		if !slices.Contains(index, i) {
			index = append(index, i)
		}
		at = append(at, slices.Index(index, i))
	}
	return at, l.take(index)
}
