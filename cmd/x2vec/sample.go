package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/objectives"
	"x2vec/trainers/job"
	"x2vec/trainers/runs"
)

// sampleFlags say what is drawn, and from what.
type sampleFlags struct {
	out, data, split string
	complete         bool
	columns, step    int
	seed             int64
	g                objectives.Generation
}

// maxSamples bounds the pictures of one sheet.
const maxSamples = 4096

func sampleCommand() *cobra.Command {
	var o sampleFlags
	c := &cobra.Command{
		Use:   "sample RUN",
		Short: "draw new pictures with a run that has learnt what comes next",
		Long: `Draw new pictures, symbol by symbol, with a run of next-pixel: pixels, or where the run
is over the codes of a VQ-VAE (recipe prior), codes that the VQ-VAE then decodes. The
pictures stand side by side in one PNG. Picture i depends on the seed and i alone.

With --complete the upper halves of test examples are given and the lower halves are
drawn: each block of three rows has what was given, what became of it, and the originals.

A temperature below 1 makes what is likely likelier; --top-k draws from so many symbols
alone, the likeliest, at each place.`,
		Example: `  x2vec sample runs/next-pixel
  x2vec sample runs/prior -n 100 --temperature 0.9 --seed 7 -o new.png
  x2vec sample runs/next-pixel --complete -n 16`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "PNG `file` to write (default samples.png, or completed.png)")
	f.IntVarP(&o.g.N, "number", "n", 64, "of pictures")
	f.Float64Var(&o.g.Temperature, "temperature", 1, "by which the logits are divided; above 0")
	f.IntVar(&o.g.TopK, "top-k", 0, "symbols to draw from at each place, the likeliest; 0 = all")
	f.Int64Var(&o.seed, "seed", 0, "of the draws, and of which examples are completed")
	f.BoolVar(&o.complete, "complete", false, "draw the lower halves of examples")
	f.StringVar(&o.data, "data", "", "--complete: `folder` of the data, or the name of a data set (default: the run's own)")
	f.StringVar(&o.split, "split", "test", "--complete: train or test")
	f.IntVar(&o.columns, "columns", 0, "pictures in a row (default: as many as make the sheet square, up to 16 with --complete)")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	return c
}

func (o *sampleFlags) check(c *cobra.Command) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := o.g.Check(0); err != nil {
		errs = append(errs, fmt.Errorf("--%s", strings.ReplaceAll(err.Error(), "\n", "\n--")))
	}
	if o.g.N > maxSamples {
		bad("--number: is %d, want at most %d", o.g.N, maxSamples)
	}
	if o.seed < 0 {
		bad("--seed: is %d, want at least 0", o.seed)
	}
	if o.columns < 0 {
		bad("--columns: is %d, want 0 or more", o.columns)
	}
	if o.split != "train" && o.split != "test" {
		bad("--split: is %q, want train or test", o.split)
	}
	if c.Flags().Changed("step") && o.step < 0 {
		bad("--step: is %d, want that of a checkpoint", o.step)
	}
	if !o.complete && (c.Flags().Changed("data") || c.Flags().Changed("split")) {
		bad("--data and --split say which examples to complete; give --complete too")
	}
	if o.out != "" && !strings.EqualFold(filepath.Ext(o.out), ".png") {
		bad("-o: is %q, want the name of a .png", o.out)
	}
	if _, err := os.Stat(filepath.Dir(o.out)); o.out != "" && err != nil {
		bad("-o: %w", err)
	}
	return badRequest(errors.Join(errs...))
}

func (o *sampleFlags) run(c *cobra.Command, folder string) error {
	if err := o.check(c); err != nil {
		return err
	}
	if _, err := ownFile(folder, nil); err != nil {
		return err
	}
	kept, generator, err := job.KeepGenerator(folder, o.step)
	if err != nil {
		return err
	}
	console := newConsole(c)
	console.onSignal = "leaving, no file is written"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	o.g.Seed = uint64(o.seed)
	var sheet image.Image
	what := english.Plural(o.g.N, "new picture", "")
	if o.complete {
		if err := o.given(ctx, kept); err != nil {
			return err
		}
		what = english.Plural(o.g.N, "completed picture", "")
		sheet, err = generator.DrawCompleted(ctx, kept.Task, kept.Params, o.g, o.perRow(min(o.g.N, 16)))
	} else {
		sheet, err = generator.DrawNew(ctx, kept.Task, kept.Params, o.g, o.perRow(int(math.Ceil(math.Sqrt(float64(o.g.N))))))
	}
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = map[bool]string{false: "samples.png", true: "completed.png"}[o.complete]
	}
	var b bytes.Buffer
	if err := png.Encode(&b, sheet); err != nil {
		return err
	}
	if err := checkpoints.WriteFile(o.out, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s by step %d of %s%s\n", o.out, what, kept.Step, folder, bitsOf(folder))
	return nil
}

func (o *sampleFlags) perRow(otherwise int) int {
	if o.columns > 0 {
		return o.columns
	}
	return otherwise
}

// given reads the examples to complete, drawn by the seed.
func (o *sampleFlags) given(ctx context.Context, kept *job.Kept) error {
	src, err := kept.Open(ctx, o.data, o.split, func(text string) { logrus.Warn(text) })
	if err != nil {
		return err
	}
	if src.Len() < o.g.N {
		return badRequest(fmt.Errorf("--number: is %d, but the %s split of %s has %d examples to complete", o.g.N, o.split, src.Spec().Name, src.Len()))
	}
	if src, err = data.Limit(src, o.g.N, o.g.Seed); err != nil {
		return err
	}
	for b, err := range data.Sequential(src, o.g.N) {
		if err != nil {
			return err
		}
		o.g.Given = make([]int, b.N()*kept.Task.Places())
		return kept.Task.ReadSymbols(o.g.Given, b)
	}
	return nil
}

// bitsOf is what the run's latest evaluation says of bits per dimension.
func bitsOf(folder string) string {
	results, _ := runs.Results(os.DirFS(folder))
	for _, f := range runs.Figures(results) {
		if f.Name == "test bits_per_dim" {
			return fmt.Sprintf(", whose test examples take %.3f bits per dimension (step %d)", f.Last, f.Step)
		}
	}
	return ""
}
