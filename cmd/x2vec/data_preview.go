package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/preview"
	"x2vec/data/readers"
)

func dataPreviewCommand() *cobra.Command {
	var o readers.Options
	var look preview.Options
	out, n := "preview.png", 100
	c := &cobra.Command{
		Use:   "preview NAME|FOLDER",
		Short: "write a picture of a batch as the network will see it",
		Example: `  x2vec data preview shapes -o shapes.png
  x2vec data preview ~/photos --size 64 --split test`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := named(args[0], &o); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return badRequest(err)
			}
			src, err := readers.Open(o)
			if err != nil {
				return err
			}
			n := min(n, src.Len())
			loader, err := data.NewLoader(src, data.LoaderOptions{Batch: n, Seed: o.Seed, Shuffle: true, Steps: 1},
				func() struct{} { return struct{}{} }, func(*data.Batch, struct{}) error { return nil })
			if err != nil {
				return badRequest(err)
			}
			defer loader.Close()
			ready, err := loader.Next(context.WithoutCancel(c.Context()))
			if err != nil {
				return err
			}
			defer ready.Release()
			if err := preview.Write(out, ready.Batch, look); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d examples of %s\n", out, n, src.Spec().Name)
			return nil
		},
	}
	readerFlags(c.Flags(), &o)
	c.Flags().StringVarP(&out, "out", "o", out, "PNG `file` to write")
	c.Flags().StringVar(&o.Split, "split", "train", "train or test")
	c.Flags().IntVarP(&n, "number", "n", n, "of examples")
	c.Flags().IntVar(&look.Columns, "columns", 0, "pictures a row (0 = 10)")
	c.Flags().IntVar(&look.Scale, "scale", 0, "draw each pixel so many times as wide and high (0 = as fits)")
	return c
}
