package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/job"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

// answers say what is asked of the examples; several commands take them.
type answers struct {
	target           string
	factors, classes []string
	file             string
}

func (a *answers) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.target, "target", string(data.Class), "what is asked: class, labels (several, yes or no) or values (regression)")
	f.StringSliceVar(&a.classes, "classes", nil, "classes to keep, in this order (default: all)")
	f.StringVar(&a.file, "labels-from", "", "`file` of labels for a folder of pictures: file,label[,split] as csv or tsv")
	f.StringSliceVar(&a.factors, "factor", nil, "`name` of what is asked where it is not the label; may be given several times")
}

func (a *answers) of(spec data.Spec) (data.Target, error) {
	t, err := spec.Target(data.TargetKind(a.target), a.factors)
	return t, badRequest(err)
}

// probeFlags are those of probe.
type probeFlags struct {
	answers
	data, labels string
	step         int
	alone, json  bool
	asked        string
	o            trainers.ProbeOptions
}

func probeCommand() *cobra.Command {
	var o probeFlags
	c := &cobra.Command{
		Use:   "probe RUN",
		Short: "judge a frozen encoder by what a linear model and nearest neighbours read out of its codes",
		Long: `Freeze the encoder of a run and judge its codes by two simple methods: a linear model
whose penalty is chosen on a part held out of the training set, and nearest neighbours.
Beside it stand the same linear model on raw pixels, on as many principal components,
and on the codes of the same net untrained.

Codes are taken once and kept in the run's folder. The protocol stands under the
table. Examples of the test set never take part in training: where the same bytes are
in both sets they are left out of the training set, and the number is told.

Labels are counted for each class: --labels 10 uses ten of each, drawn by the seed.`,
		Example: `  x2vec probe runs/ae-mlp
  x2vec probe runs/ae-mlp --labels 10 --seeds 10
  x2vec probe runs/ae-conv --data ~/flowers --layer encoder/conv2
  x2vec probe runs/shapes --target values --factor x --factor y --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the run's own)")
	f.StringVar(&o.o.Tap, "layer", trainers.CodeTap, "activation to probe; a wrong name lists them")
	f.BoolVar(&o.o.Whole, "whole", false, "keep a layer of several axes as it is, not averaged over its places")
	f.StringVar(&o.labels, "labels", "all", "training labels to use: so many of each class, a share such as 5%, or all")
	f.IntVar(&o.o.Seeds, "seeds", 3, "times to go through the protocol, with other draws each")
	f.IntVar(&o.o.KNN.K, "knn-k", trainers.DefaultKNN.K, "neighbours that vote")
	f.Float64Var(&o.o.KNN.Temperature, "knn-temperature", trainers.DefaultKNN.Temperature, "by which votes are weighted, exp(cosine/T); 0 = one vote each")
	f.BoolVar(&o.o.SGD, "sgd", false, "fit the linear model by 90 epochs of SGD without a penalty, as papers on pictures do")
	f.BoolVar(&o.alone, "alone", false, "leave out the baselines")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.answers.flags(c)
	return c
}

func (o *probeFlags) run(c *cobra.Command, folder string) error {
	var err error
	if o.o.Labels, err = trainers.ParseLabelCount(o.labels); err != nil {
		return badRequest(fmt.Errorf("--labels: %w", err))
	}
	if err := o.o.Check(); err != nil {
		return badRequest(fmt.Errorf("--%w", err))
	}
	o.o.Baselines = !o.alone
	console := newConsole(c)
	console.onSignal = "leaving; codes that are complete are kept"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	result, err := o.probe(console.listening(ctx), console, folder)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(result)
	}
	return result.print(c.OutOrStdout())
}

// name is that of the file in which the result is kept.
func (o *probeFlags) name(set string) string {
	name := fmt.Sprintf("probe %s %s %s", set, o.o.Tap, o.labels)
	if o.o.SGD {
		name += " sgd"
	}
	if o.o.Target.Kind != data.Class || len(o.factors) > 0 {
		name += fmt.Sprintf(" %s %s", o.o.Target.Kind, strings.Join(o.factors, " "))
	}
	return strings.TrimSpace(name)
}

// probe judges the encoder of a run, and keeps the result in its folder.
func (o *probeFlags) probe(ctx context.Context, console *console, folder string) (result probeResult, err error) {
	kept, train, test, err := o.open(ctx, folder, o.step, o.data)
	if err != nil {
		return result, err
	}
	if o.o.Target, err = o.of(train.Spec()); err != nil {
		return result, err
	}
	o.o.Cache, o.o.Say = filepath.Join(folder, trainers.FeaturesDir), console.log.Infof
	r, err := trainers.Probe(ctx, kept.Task, kept.Params, train, test, o.o)
	if err != nil {
		return result, err
	}
	result = probeResult{Run: folder, Step: kept.Step, Asked: o.asked, ProbeReport: r}
	return result, saveResult(folder, o.name(train.Spec().Name), result)
}

// open gives the encoder of a run and both sets of data that it is judged by.
func (a *answers) open(ctx context.Context, folder string, step int, from string) (kept *job.Kept, train, test data.Source, err error) {
	if _, err := ownFile(folder, nil); err != nil {
		return nil, nil, nil, err
	}
	if kept, err = job.Keep(folder, step); err != nil {
		return nil, nil, nil, err
	}
	kept.Classes, kept.Labels = a.classes, a.file
	warn := func(text string) { logrus.Warn(text) }
	asked := func(err error) error { // what is not as the flags say is a wrong request
		if from != "" || a.file != "" || len(a.classes) > 0 {
			return badRequest(err)
		}
		return err
	}
	if train, err = kept.Open(ctx, from, "train", warn); err != nil {
		return nil, nil, nil, asked(err)
	}
	if test, err = kept.Open(ctx, from, "test", func(string) {}); err != nil {
		return nil, nil, nil, asked(fmt.Errorf("no test examples: %w", err))
	}
	return kept, train, test, nil
}

// saveResult keeps what a command found in the run's folder, by a name in words.
func saveResult(folder, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return trainers.KeepTransfer(folder, plainName(name)+".json", append(b, '\n'))
}

// plainName makes a name in words one of a file.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.':
			return r
		case r == '%':
			return 'p'
		}
		return '-'
	}, name)
}

// probeResult is what --json prints and the run's folder keeps.
type probeResult struct {
	Run  string `json:"run"`
	Step int    `json:"step"`
	// Asked are the settings of a sweep's probe, by which it knows what is done.
	Asked string `json:"asked,omitempty"`
	*trainers.ProbeReport
}

// stateOf says which weights a figure is of.
func stateOf(step int, pretrained bool) string {
	state := fmt.Sprintf("step %d", step)
	if !pretrained {
		state += ", UNTRAINED: the weights are those of the start"
	}
	return state
}

func (r probeResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s (%s), %s: %s on %s, %s training labels, %s test examples\n", r.Run, stateOf(r.Step, r.Pretrained), r.Layer, r.Score, r.Data,
		humanize.Comma(int64(r.Train)), humanize.Comma(int64(r.Test)))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", runs.CodeTitle(row.Name, row.Size, r.Pretrained), row.Method, report.ScoreText(r.Score, row.Mean, row.Half))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "left out: %s\n", s)
	}
	for _, row := range r.Rows {
		if row.Unconverged > 0 {
			fmt.Fprintf(w, "%s: %d of %d fits ended by their number of iterations\n", row.Name, row.Unconverged, len(row.Scores))
		}
	}
	fmt.Fprintf(w, "protocol: %s\n", strings.Join(r.Protocol, ";\n  "))
	_, err := fmt.Fprintf(w, "encoder: SHA-256 %.16s… before and %.16s… after\n", r.Before, r.After)
	return err
}
