package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/trainers"
	"x2vec/trainers/job"
	"x2vec/trainers/report"
)

// evalFlags are those of eval.
type evalFlags struct {
	answers
	data        string
	step        int
	alone, json bool
	o           trainers.RepresentOptions
}

func evalCommand() *cobra.Command {
	var o evalFlags
	c := &cobra.Command{
		Use:   "eval RUN",
		Short: "measure what makes codes good: compact, sufficient, disentangled",
		Long: `Measure the codes of a frozen encoder by what makes a representation good.

Compact: the effective rank (Roy and Vetterli 2007) and RankMe (Garrido et al. 2023) of
the codes of the test set, and how many directions hold 90, 95 and 99 % of the variance.
Sufficient: what a linear probe reads out of them, and how much of the variance of the
pixels a linear map of them gives back, beside principal components of the same size.
Disentangled: on pictures of shapes whose factors are known (form, colour, place, size,
rotation) the mutual information gap (MIG), disentanglement, completeness and
informativeness (DCI) and separated attribute predictability (SAP). Where the data of the
run have factors of their own, it is these.

Beside the encoder stands the same net untrained. Word vectors have x2vec eval words.`,
		Example: `  x2vec eval runs/ae-mlp
  x2vec eval runs/shapes --json
  x2vec eval words runs/words --analogies questions-words.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the run's own)")
	f.StringVar(&o.o.Tap, "layer", trainers.CodeTap, "activation to measure; a wrong name lists them")
	f.BoolVar(&o.o.Whole, "whole", false, "keep a layer of several axes as it is, not averaged over its places")
	f.BoolVar(&o.alone, "alone", false, "leave out the baselines")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.answers.flags(c)
	c.AddCommand(evalWordsCommand())
	return c
}

func (o *evalFlags) run(c *cobra.Command, folder string) error {
	kept, train, test, err := o.open(c.Context(), folder, o.step, o.data)
	if err != nil {
		return err
	}
	console := newConsole(c)
	console.onSignal = "leaving; codes that are complete are kept"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	spec := train.Spec()
	if t, err := o.of(spec); err == nil {
		o.o.Target = &t
	} else if c.Flags().Changed("target") || len(o.factors) > 0 {
		return err
	}
	if o.o.MadeTrain, o.o.MadeTest, err = made(spec, train, test); err != nil {
		return err
	}
	o.o.Baselines, o.o.Cache, o.o.Say = !o.alone, filepath.Join(folder, trainers.FeaturesDir), console.log.Infof
	r, err := trainers.Represent(console.listening(ctx), kept.Task, kept.Params, train, test, o.o)
	if err != nil {
		return err
	}
	result := evalResult{Run: folder, Step: kept.Step, Representation: r}
	if err := saveResult(folder, fmt.Sprintf("eval %s %s", spec.Name, o.o.Tap), result); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(result)
	}
	return result.print(c.OutOrStdout())
}

// made are examples whose factors are known: the run's own, or shapes of the size that
// its encoder takes; nil where it takes no square pictures.
func made(spec data.Spec, train, test data.Source) (a, b data.Source, err error) {
	if len(spec.Factors) > 1 {
		return train, test, nil
	}
	if !spec.Image() || spec.Shape[1] != spec.Shape[2] || spec.Shape[0] != 1 && spec.Shape[0] != 3 {
		return nil, nil, nil
	}
	o := readers.Options{Name: "shapes", Size: spec.Shape[1], Channels: spec.Shape[0], Count: 10_000}
	if a, err = readers.Open(o); err != nil {
		return nil, nil, err
	}
	o.Split, o.Count = "test", 5_000
	b, err = readers.Open(o)
	return a, b, err
}

// evalResult is what --json prints and the run's folder keeps.
type evalResult struct {
	Run  string `json:"run"`
	Step int    `json:"step"`
	*trainers.Representation
}

func (r evalResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s (%s), %s: %s, %s training and %s test examples\n", r.Run, stateOf(r.Step, r.Pretrained), r.Layer, r.Data,
		humanize.Comma(int64(r.Train)), humanize.Comma(int64(r.Test)))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := map[string]string{"encoder": "this encoder", "untrained": "same net untrained", "pca": "PCA", "pixels": "raw pixels"}
	if !r.Pretrained {
		titles["encoder"] = "this net, untrained"
	}
	for _, c := range r.Columns {
		fmt.Fprintf(t, "\t%s", titles[c.Name])
	}
	fmt.Fprintln(t)
	line := func(name string, text func(c trainers.Represented) string) {
		var cells []string
		for _, c := range r.Columns {
			cells = append(cells, text(c))
		}
		if strings.Join(cells, "") != "" {
			fmt.Fprintf(t, "  %s\t%s\n", name, strings.Join(cells, "\t"))
		}
	}
	compact := func(text func(c trainers.Represented) string) func(c trainers.Represented) string {
		return func(c trainers.Represented) string {
			if c.Compact == nil {
				return ""
			}
			return text(c)
		}
	}
	line("effective rank", compact(func(c trainers.Represented) string {
		if c.Compact.Of < min(c.Compact.Size, r.Test) {
			return fmt.Sprintf("%.1f of %d (over %d examples)", c.Compact.EffectiveRank, c.Compact.Size, c.Compact.Of)
		}
		return fmt.Sprintf("%.1f of %d", c.Compact.EffectiveRank, c.Compact.Size)
	}))
	line("RankMe", compact(func(c trainers.Represented) string { return fmt.Sprintf("%.1f", c.Compact.RankMe) }))
	line("directions of 90, 95, 99 % of the variance", compact(func(c trainers.Represented) string {
		return fmt.Sprintf("%d, %d, %d", c.Compact.Directions(0.9), c.Compact.Directions(0.95), c.Compact.Directions(0.99))
	}))
	line("linear probe, "+r.Score, func(c trainers.Represented) string {
		if c.Linear == nil {
			return ""
		}
		return report.ScoreText(r.Score, *c.Linear, 0)
	})
	line("pixels' variance by a linear map", func(c trainers.Represented) string {
		if c.Reconstruction == nil {
			return ""
		}
		return fmt.Sprintf("%.1f %%", 100**c.Reconstruction)
	})
	for _, row := range []struct {
		name string
		of   func(d *trainers.Disentangled) float64
	}{
		{"MIG", func(d *trainers.Disentangled) float64 { return d.MIG }},
		{"SAP", func(d *trainers.Disentangled) float64 { return d.SAP }},
		{"DCI disentanglement", func(d *trainers.Disentangled) float64 { return d.Disentanglement }},
		{"DCI completeness", func(d *trainers.Disentangled) float64 { return d.Completeness }},
		{"DCI informativeness", func(d *trainers.Disentangled) float64 { return d.Informativeness }},
	} {
		line(row.name+" ("+r.Made+")", func(c trainers.Represented) string {
			if c.Factors == nil {
				return ""
			}
			return fmt.Sprintf("%.3f", row.of(c.Factors))
		})
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "left out: %s\n", s)
	}
	_, err := fmt.Fprintf(w, "encoder: SHA-256 %.16s…\n", r.SHA256)
	return err
}
