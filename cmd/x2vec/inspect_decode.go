package main

import (
	"errors"
	"fmt"
	"image"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

func inspectReconstructCommand() *cobra.Command {
	var o lookFlags
	var list string
	c := &cobra.Command{
		Use:   "reconstruct RUN",
		Short: "draw what the model makes of examples",
		Long: `Draw what the model makes of examples: reconstructions of an autoencoder or a codebook,
what a masked autoencoder fills in, colours, pixels that are drawn. Where there are
reconstructions, their mean squared errors are told, of pixels from 0 to 1.`,
		Example: "  x2vec inspect reconstruct runs/ae-conv\n  x2vec inspect reconstruct runs/mae --stimuli 3,17,40",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args[0]); err != nil {
				return err
			}
			kept, objective, err := job.KeepModel[objectives.Pictured](args[0], o.step, "draws no pictures; want one that gives examples back: autoencoder, pca, vqvae, mae, kmeans, color, next pixel …")
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
			if list != "" {
				if err := l.choose("--stimuli", list); err != nil {
					return err
				}
			}
			answer, err := trainers.Show(l.ctx, kept.Task, objective.(objectives.Objective), kept.Params, l.all, l.index)
			if err != nil {
				return err
			}
			r := struct {
				inspect.Header
				Examples []int     `json:"examples"`
				Errors   []float64 `json:"errors,omitempty"`
			}{l.header("reconstruct"), l.index, answer.Errors}
			for i, p := range answer.Pictures {
				name := "reconstruct"
				if i > 0 {
					name += "-" + p.Name
				}
				if err := l.draw(&r.Header, name, p.Caption, p.Image); err != nil {
					return err
				}
			}
			if len(answer.Pictures) == 0 {
				return fmt.Errorf("%s: there is nothing to draw of its examples", l.run)
			}
			said := ""
			if r.Errors != nil {
				var sum float64
				for _, e := range r.Errors {
					sum += e / float64(len(r.Errors))
				}
				said = fmt.Sprintf("mean squared error %.6f over %d examples, of pixels from 0 to 1", sum, len(r.Errors))
			}
			return l.finish("reconstruct", r, said)
		},
	}
	o.common(c, 16)
	c.Flags().StringVar(&list, "stimuli", "", "examples by their numbers, as in 3,17,40")
	return c
}

// decoding is a run whose code can be decoded, with the codes of some examples.
type decoding struct {
	*look
	objective objectives.Decoding
	codes     eval.Features
}

func (o *lookFlags) decoding(c *cobra.Command, run string) (*decoding, error) {
	if err := o.check(c, run); err != nil {
		return nil, err
	}
	kept, objective, err := job.KeepDecoding(run, o.step)
	if err != nil {
		return nil, err
	}
	l, err := o.look(c, run, kept)
	if err != nil {
		return nil, err
	}
	return &decoding{look: l, objective: objective}, l.pictures()
}

// encode takes the codes of the examples.
func (d *decoding) encode() error {
	width := size(d.objective.LatentShape(d.kept.Task))
	d.codes = eval.Features{D: width}
	return trainers.EachLatent(d.ctx, d.kept.Task, d.objective, d.kept.Params, d.src, func(_ *data.Batch, v graph.View) error {
		d.codes.X = append(d.codes.X, v.Data...)
		return nil
	})
}

// tiles are the pictures of codes.
func (d *decoding) tiles(codes []float32) ([]image.Image, []byte, error) {
	pixels, err := trainers.DecodeLatents(d.ctx, d.kept.Task, d.objective, d.kept.Params, codes)
	if err != nil {
		return nil, nil, err
	}
	list, err := inspect.Tiles(pixels, d.kept.Task.Spec.Shape)
	return list, pixels, err
}

func inspectInterpolateCommand() *cobra.Command {
	var o lookFlags
	var pairs string
	steps, round := 9, false
	c := &cobra.Command{
		Use:   "interpolate RUN",
		Short: "draw what lies between two codes",
		Long: `Draw what the decoder makes of codes on the way from one example to another, in equal
steps, straight or along a sphere. At both ends stand the examples themselves. Of a
vqvae it is the map before its vectors are replaced by codes.`,
		Example: "  x2vec inspect interpolate runs/ae-mlp\n  x2vec inspect interpolate runs/vqvae --pairs 3,17,40,5 --steps 11",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if steps < 2 || steps > 64 {
				return badRequest(fmt.Errorf("--steps is %d, want 2 to 64", steps))
			}
			d, err := o.decoding(c, args[0])
			if err != nil {
				return err
			}
			defer d.done()
			if pairs != "" {
				if err := d.choose("--pairs", pairs); err != nil {
					return err
				}
			}
			if n := len(d.index); n < 2 || n%2 != 0 || n > 64 {
				return badRequest(fmt.Errorf("%d examples are no pairs; want 2 to 64, an even number", n))
			}
			if err := d.encode(); err != nil {
				return err
			}
			r := inspect.Paths{Header: d.header("interpolate"), Round: round, Steps: steps}
			var rows []plot.Row
			for i := 0; i < len(d.index); i += 2 {
				way := inspect.Between(d.codes.Row(i), d.codes.Row(i+1), steps, round)
				tiles, _, err := d.tiles(way)
				if err != nil {
					return err
				}
				a, err1 := inspect.Example(d.all, d.index[i])
				b, err2 := inspect.Example(d.all, d.index[i+1])
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
				row := append(append([]image.Image{a, nil}, tiles...), nil, b)
				rows = append(rows, plot.Row{Tiles: row})
				r.Paths = append(r.Paths, inspect.Path{From: d.index[i], To: d.index[i+1]})
			}
			img, err := plot.Sheet(nil, rows, shownSide(d.all.Spec().Shape))
			if err != nil {
				return err
			}
			caption := "Left and right: examples. Between them: what the decoder makes of codes on the way from one to the other."
			if err := d.draw(&r.Header, "interpolate", caption, img); err != nil {
				return err
			}
			return d.finish("interpolate", r, "")
		},
	}
	o.common(c, 12)
	f := c.Flags()
	f.StringVar(&pairs, "pairs", "", "examples by their numbers, two by two, as in 3,17,40,5")
	f.IntVar(&steps, "steps", steps, "codes on the way, both ends included")
	f.BoolVar(&round, "sphere", false, "go along a sphere, and not straight")
	return c
}

func inspectTraverseCommand() *cobra.Command {
	var o lookFlags
	var list, units string
	steps, spread := 9, 3.0
	c := &cobra.Command{
		Use:   "traverse RUN",
		Short: "draw what one value of the code does",
		Long: `Draw what the decoder makes of an example as one value of its code moves through its
range, from so many standard deviations below its mean over the examples to as many
above, all others staying. Without --units, those that change the picture most are
shown. It wants a code of single values: a run of autoencoder or pca.`,
		Example: "  x2vec inspect traverse runs/ae-mlp\n  x2vec inspect traverse runs/ae-conv --units 0,1,2 --example 17",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case steps < 2 || steps > 64:
				return badRequest(fmt.Errorf("--steps is %d, want 2 to 64", steps))
			case !(spread > 0 && spread <= 100):
				return badRequest(fmt.Errorf("--range is %g, want a number of standard deviations above 0", spread))
			}
			d, err := o.decoding(c, args[0])
			if err != nil {
				return err
			}
			defer d.done()
			if shape := d.objective.LatentShape(d.kept.Task); len(shape) != 1 {
				return fmt.Errorf("%s: what it decodes is a map of %v vectors, not single values; x2vec inspect codebook and interpolate show it", d.run, shape)
			}
			if err := d.encode(); err != nil {
				return err
			}
			var chosen []int
			if units != "" {
				if chosen, err = numbers("--units", units, d.codes.D); err != nil {
					return err
				}
			}
			example := 0
			if list != "" {
				at, err := numbers("--example", list, d.all.Len())
				if err != nil || len(at) != 1 {
					return errors.Join(err, badRequest(errors.New("--example: want one number")))
				}
				example = at[0]
			}
			return d.traverse(example, chosen, steps, spread)
		},
	}
	o.common(c, 500)
	f := c.Flags()
	f.StringVar(&list, "example", "", "whose code is changed, by its number (default: the first)")
	f.StringVar(&units, "units", "", "values of the code by their numbers (default: the 10 that change most)")
	f.IntVar(&steps, "steps", steps, "settings of each value")
	f.Float64Var(&spread, "range", spread, "how far it goes, in standard deviations on either side of the mean")
	return c
}
