package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

// traversed is how many values of a code are shown where none are chosen.
const traversed = 10

// traverse moves values of one example's code through their range.
func (d *decoding) traverse(example int, units []int, steps int, spread float64) error {
	mean, std := inspect.Spread(d.codes)
	if err := d.take([]int{example}); err != nil {
		return err
	}
	if err := d.encode(); err != nil {
		return err
	}
	code := d.codes.Row(0)
	at := func(unit, step int) float64 {
		return mean[unit] + spread*std[unit]*(2*float64(step)/float64(steps-1)-1)
	}
	all := units
	if all == nil {
		for u := range code {
			all = append(all, u)
		}
	}
	// How much the picture changes from one end to the other, of all that may be shown.
	var ends []float32
	for _, u := range all {
		for _, step := range []int{0, steps - 1} {
			z := slices.Clone(code)
			z[u] = float32(at(u, step))
			ends = append(ends, z...)
		}
	}
	_, pixels, err := d.tiles(ends)
	if err != nil {
		return err
	}
	n := d.kept.Task.Spec.Size()
	change := map[int]float64{}
	for i, u := range all {
		var sum float64
		for j := range n {
			e := (float64(pixels[2*i*n+j]) - float64(pixels[(2*i+1)*n+j])) / 255
			sum += e * e
		}
		change[u] = math.Sqrt(sum / float64(n))
	}
	if units == nil {
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(change[b], change[a]) })
		all = all[:min(traversed, len(all))]
	}
	r := inspect.Traversal{Header: d.header("traverse"), Units: all, Examples: []int{example}}
	var rows []plot.Row
	for _, u := range all {
		var way []float32
		var values []eval.Number
		for step := range steps {
			z := slices.Clone(code)
			z[u] = float32(at(u, step))
			way, values = append(way, z...), append(values, eval.Number(z[u]))
		}
		tiles, _, err := d.tiles(way)
		if err != nil {
			return err
		}
		r.Values, r.Change = append(r.Values, values), append(r.Change, eval.Number(change[u]))
		rows = append(rows, plot.Row{Title: fmt.Sprintf("z%d  %.3f", u, change[u]), Tiles: tiles})
	}
	img, err := plot.Sheet(nil, rows, shownSide(d.all.Spec().Shape))
	if err != nil {
		return err
	}
	caption := fmt.Sprintf("Example %d as one value of its code goes from %g standard deviations below its mean to as many above; beside each value how much the picture changes (root mean square, of pixels from 0 to 1).", example, spread)
	if err := d.draw(&r.Header, "traverse", caption, img); err != nil {
		return err
	}
	return d.finish("traverse", r, "")
}

// codesShown bounds the codes of one sheet.
const codesShown = 256

func inspectCodebookCommand() *cobra.Command {
	var o lookFlags
	c := &cobra.Command{
		Use:   "codebook RUN",
		Short: "draw the codes that were learned, and how often each is used",
		Long: `Draw the codes that a vqvae or k-means has learned, those that are used most first:
what the decoder makes of a grid of one code, or the centers. Below each stands how
often it occurs in the examples that are looked at.`,
		Example: "  x2vec inspect codebook runs/vqvae\n  x2vec inspect codebook runs/kmeans --split train -n 10000",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args[0]); err != nil {
				return err
			}
			kept, any, err := job.KeepModel[objectives.Codebooked](args[0], o.step, "has no codebook; want one of vqvae or kmeans")
			if err != nil {
				return err
			}
			l, err := o.look(c, args[0], kept)
			if err != nil {
				return err
			}
			defer l.done()
			if err := l.pictures(); err != nil {
				return err
			}
			book, of, err := any.CodeTable(kept.Task, kept.Params)
			if err != nil {
				return fmt.Errorf("%s: %w", l.run, err)
			}
			uses := make([]int, of)
			err = trainers.EachCodes(l.ctx, kept.Task, any, kept.Params, l.src, func(_ *data.Batch, codes []int32) error {
				for _, code := range codes {
					uses[code]++
				}
				return nil
			})
			if err != nil {
				return err
			}
			r, err := inspect.NewCodebook(eval.Features{X: book, D: len(book) / of}, uses)
			if err != nil {
				return err
			}
			r.Header = l.header("codebook")
			var shown []int
			for _, code := range r.Codes[:min(codesShown, len(r.Codes))] {
				shown = append(shown, code.Code)
			}
			pixels, shape, err := any.DrawCodes(kept.Task, kept.Params, shown)
			if err != nil {
				return err
			}
			tiles, err := inspect.Tiles(pixels, shape)
			if err != nil {
				return err
			}
			img, err := r.Draw(tiles, 16, max(48, shownSide(shape)))
			if err != nil {
				return err
			}
			caption := fmt.Sprintf("%d of %d codes, those that are used most first, with how often they occur in %d examples.", len(shown), of, l.src.Len())
			if err := l.draw(&r.Header, "codebook", caption, img); err != nil {
				return err
			}
			return l.finish("codebook", r, fmt.Sprintf("%d of %d codes are used, perplexity %.1f", r.Used, r.Of, float64(r.Perplexity)))
		},
	}
	o.common(c, 2000)
	return c
}
