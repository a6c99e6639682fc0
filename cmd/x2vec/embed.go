package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/table"
	"x2vec/graph/ops/vec"
	"x2vec/trainers"
	"x2vec/trainers/job"
)

// embedFlags say what of which examples is written.
type embedFlags struct {
	out, data, split, layer string
	step, batch             int
	codes                   bool
}

func embedCommand() *cobra.Command {
	var o embedFlags
	c := &cobra.Command{
		Use:   "embed RUN -o FILE",
		Short: "write the codes of a data set to a file for other programs",
		Long: `Run the encoder of a run over all examples of a data set and write their codes, one
row an example, in the order of the data. The ending of FILE says in which form:

  .npy      one float32 array (N, D)
  .npz      two arrays, z (N, D) and labels (N); -1 stands for no label
  .csv      index, file and label where they are known, then z0, z1 …
  .parquet  the same columns, z being a list

With --codes the grid of discrete codes of each example is written instead, whole
numbers, of a run that learns such codes (vqvae): an int32 array (N, h, w), in other
forms the rows of the grid after each other.

Of an encoder of words, --data is a file with a text a line, a csv or tsv with a
column called text, or a folder of those; each gets a row, the mean of its words or
the class token, as encoder.pool says.

Without --data these are the run's own examples. Memory does not grow with their
number. Where the run kept an average of the weights, it is used, as in evaluation.`,
		Example: `  x2vec embed runs/ae-mlp -o codes.npz
  x2vec embed runs/ae-mlp --split test --layer encoder/fc1 -o hidden.npy
  x2vec embed runs/vqvae --codes --split test -o codes.npy
  x2vec embed runs/mlm --data sentences.txt -o sentences.npy
  x2vec embed runs/ae-folder --data ~/photos --split all -o photos.parquet`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "`file` to write")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the run's own)")
	f.StringVar(&o.split, "split", "train", "train, test, or all: the one, then the other")
	f.StringVar(&o.layer, "layer", trainers.CodeTap, "activation to write; a wrong name lists them")
	f.BoolVar(&o.codes, "codes", false, "write the grids of discrete codes")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.IntVar(&o.batch, "batch", 256, "examples at a time")
	return c
}

func (o *embedFlags) run(c *cobra.Command, folder string) error {
	splits := map[string][]string{"train": {"train"}, "test": {"test"}, "all": {"train", "test"}}[o.split]
	switch {
	case o.out == "":
		return badRequest(errors.New("-o is missing: the file to write, as in -o codes.npz"))
	case splits == nil:
		return badRequest(fmt.Errorf("--split is %q, want train, test or all", o.split))
	case o.batch < 1:
		return badRequest(fmt.Errorf("--batch is %d, want at least 1", o.batch))
	case o.codes && c.Flags().Changed("layer"):
		return badRequest(errors.New("--codes and --layer: give one of them; the codes are no activation of the encoder"))
	case c.Flags().Changed("step") && o.step < 0:
		return badRequest(fmt.Errorf("--step is %d, want that of a checkpoint", o.step))
	}
	if err := table.Check(o.out); err != nil {
		return badRequest(fmt.Errorf("-o: %w", err))
	}
	if _, err := os.Stat(filepath.Dir(o.out)); err != nil {
		return badRequest(fmt.Errorf("-o: %w", err))
	}
	if _, err := ownFile(folder, nil); err != nil {
		return err
	}
	kept, each, err := o.keep(folder)
	if err != nil {
		return err
	}
	kept.Whole = true
	var sources []data.Source
	n := 0
	for _, split := range splits {
		src, err := kept.Open(c.Context(), o.data, split, func(text string) { logrus.Warn(text) })
		if err != nil {
			return err
		}
		sources = append(sources, src)
		n += src.Len()
	}
	console := newConsole(c)
	console.onSignal = "leaving, no file is written"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	defer console.end()
	count := console.count(n, "codes")
	kept.Task.Batch = o.batch
	var shape []int
	err = table.Save(o.out, n, func(w *table.Writer) error {
		for _, src := range sources {
			labelled := len(src.Spec().Classes) > 0
			err := each(ctx, src, func(b *data.Batch, rows table.Rows) error {
				shape = rows.Shape
				if labelled {
					rows.Labels = b.Labels
				}
				if _, ok := data.FileOf(src, 0); ok {
					for _, i := range b.Index {
						file, _ := data.FileOf(src, i)
						rows.Files = append(rows.Files, file)
					}
				}
				count(b.N())
				return w.Add(rows)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	console.end()
	what := fmt.Sprintf("%d values, %s", shape[0], o.layer)
	if o.codes {
		what = fmt.Sprintf("%d x %d codes", shape[0], shape[1])
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s rows of %s by step %d of %s\n", o.out, humanize.Comma(int64(n)), what, kept.Step, folder)
	return nil
}

// eachRows gives what is written of each batch of a source.
type eachRows func(ctx context.Context, src data.Source, visit func(b *data.Batch, rows table.Rows) error) error

// keep reads what is needed of the run, and says how it makes rows: activations or
// discrete codes.
func (o *embedFlags) keep(folder string) (*job.Kept, eachRows, error) {
	if !o.codes {
		kept, err := job.Keep(folder, o.step)
		return kept, func(ctx context.Context, src data.Source, visit func(b *data.Batch, rows table.Rows) error) error {
			return trainers.EachFeature(ctx, kept.Task, kept.Params, src, o.layer, func(b *data.Batch, x []float32, d int) error {
				if err := finite(src, b, x, d); err != nil {
					return err
				}
				return visit(b, table.Rows{Shape: []int{d}, Floats: x})
			})
		}, err
	}
	kept, discrete, err := job.KeepDiscrete(folder, o.step)
	return kept, func(ctx context.Context, src data.Source, visit func(b *data.Batch, rows table.Rows) error) error {
		h, w, _ := discrete.CodeGrid(kept.Task)
		return trainers.EachCodes(ctx, kept.Task, discrete, kept.Params, src, func(b *data.Batch, codes []int32) error {
			return visit(b, table.Rows{Shape: []int{h, w}, Ints: codes})
		})
	}, err
}

// finite names the first example whose code cannot be used.
func finite(src data.Source, b *data.Batch, x []float32, d int) error {
	if vec.Finite(x) {
		return nil
	}
	for i, index := range b.Index {
		if !vec.Finite(x[i*d : (i+1)*d]) {
			return fmt.Errorf("%s (%s): the code of example %d has a value that is not a finite number", src.Spec().Name, src.Spec().Split, index)
		}
	}
	return nil
}
