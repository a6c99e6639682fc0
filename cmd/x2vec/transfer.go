package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/job"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

// transferFlags are those of transfer.
type transferFlags struct {
	answers
	task, data, out  string
	labels, methods  []string
	sets             []string
	partial          bool
	keepRuns, asJSON bool
	o                trainers.Transfer
}

// defaultMethods are drawn where none are asked for: with the encoder and without it.
var defaultMethods = []string{trainers.ByFinetune, trainers.ByLinear, trainers.ByKNN, trainers.ByScratch}

func transferCommand() *cobra.Command {
	var o transferFlags
	c := &cobra.Command{
		Use:   "transfer RUN",
		Short: "measure what an encoder is worth by the number of labels that a task has",
		Long: `Adapt the encoder of a run to a task with few labels and with many, and draw the curve:
finetuned, frozen under a linear model, frozen under nearest neighbours, and beside them
the same net trained from scratch. Every method has the same labels, drawn by the seed
from each class on its own; every number is a mean over seeds with its 95 % interval.

The table, the plot and the JSON are kept in a folder of the run. Each number is kept
when it is taken: stopped anywhere, also by kill -9, the same command goes on where it
was and ends in the same numbers. More seeds, labels or methods are added to those
that are there.

Methods: finetune, linear, knn, scratch; and untrained, a linear model on the codes of
the same net with weights of the start, and pixels, one on raw pixels. How finetune and
scratch train is a task as in x2vec finetune: --task and --set.`,
		Example: `  x2vec transfer runs/mae --labels 10,100,1000,all
  x2vec transfer runs/mae --labels 100 --set train.duration=800 --seeds 5
  x2vec transfer runs/ae-conv --data ~/flowers --labels 5,20,all --methods linear,knn,untrained`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.labels, "labels", []string{"10", "100", "1000", "all"}, "training labels to use: so many of each class, a share such as 5%, or all")
	f.IntVar(&o.o.Seeds, "seeds", 3, "times to take each number, with other draws each")
	f.StringSliceVar(&o.methods, "methods", defaultMethods, "of "+strings.Join(trainers.TransferMethods, ", "))
	f.StringVar(&o.task, "task", "", "run `file` by which finetune and scratch train")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting of that file, as in train.duration=500; may be given several times")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the task's, or the run's own)")
	f.StringVar(&o.out, "out", "", "`folder` of what is found (default: RUN/transfer/curve-DATA-…)")
	f.IntVar(&o.o.KNN.K, "knn-k", trainers.DefaultKNN.K, "neighbours that vote")
	f.Float64Var(&o.o.KNN.Temperature, "knn-temperature", trainers.DefaultKNN.Temperature, "by which votes are weighted, exp(cosine/T); 0 = one vote each")
	f.BoolVar(&o.o.SGD, "sgd", false, "fit linear models by 90 epochs of SGD without a penalty, as papers on pictures do")
	f.BoolVar(&o.partial, "allow-partial", false, "finetune also where little of the encoder was loaded")
	f.BoolVar(&o.keepRuns, "keep-runs", false, "keep the runs of finetune and scratch, and not their scores alone")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	o.answers.flags(c)
	return c
}

// check makes options of the flags.
func (o *transferFlags) check() error {
	var errs []error
	for _, text := range o.labels {
		count, err := trainers.ParseLabelCount(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--labels: %w", err))
		} else if !slices.Contains(o.o.Counts, count) {
			o.o.Counts = append(o.o.Counts, count)
		}
	}
	for _, m := range o.methods {
		switch {
		case !slices.Contains(trainers.TransferMethods, m):
			errs = append(errs, fmt.Errorf("--methods: %q is none of %s", m, strings.Join(trainers.TransferMethods, ", ")))
		case !slices.Contains(o.o.Methods, m):
			o.o.Methods = append(o.o.Methods, m)
		}
	}
	if len(o.labels) == 0 || len(o.methods) == 0 {
		errs = append(errs, errors.New("--labels and --methods want one value at least"))
	}
	if err := o.o.Check(); err != nil {
		errs = append(errs, fmt.Errorf("--%w", err))
	}
	return badRequest(errors.Join(errs...))
}

func (o *transferFlags) run(c *cobra.Command, folder string) error {
	if err := o.check(); err != nil {
		return err
	}
	console := newConsole(c)
	console.onSignal = "leaving; what is finished is kept"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	result, err := o.transfer(ctx, console, folder)
	if err != nil {
		return err
	}
	if o.asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(result)
	}
	if err := result.print(c.OutOrStdout()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "kept: %s (%s, %s, %s)\n", o.out, transferJSON, transferTable, transferPlot)
	return err
}

// transfer takes what is asked of a run, by options that were checked, and keeps it in the
// folder out, which is set where it was not given.
func (o *transferFlags) transfer(ctx context.Context, console *console, folder string) (result transferResult, err error) {
	defer console.end()
	kept, err := o.kept(folder)
	if err != nil {
		return result, err
	}
	trains := &trainings{console: console}
	tune := finetuneFlags{task: o.task, data: o.data, answers: o.answers, sets: o.sets, partial: o.partial}
	if trains.file, trains.text, trains.sets, err = tune.resolve(folder); err != nil {
		return result, err
	}
	f, err := job.ParseTransfer(trains.file, trains.text, trains.sets)
	if err != nil {
		return result, faults(err)
	}
	trains.batch = f.Train.Batch
	train, test, err := f.OpenData(func(text string) { console.log.Warn(text) })
	if err != nil {
		return result, err
	}
	if test == nil {
		return result, fmt.Errorf("%s has no test examples, by which methods could be compared", train.Spec().Name)
	}
	if err := kept.Takes(train); err != nil && slices.ContainsFunc(o.o.Methods, func(m string) bool { return m != trainers.ByFinetune && m != trainers.ByScratch }) {
		return result, err
	}
	if o.o.Target, err = o.of(train.Spec()); err != nil {
		return result, err
	}
	trains.figure = "test " + eval.ScoreName(o.o.Target.Kind)
	key, err := o.key(kept, f, train, test)
	if err != nil {
		return result, err
	}
	if o.out == "" {
		o.out = filepath.Join(folder, trainers.TransferDir, fmt.Sprintf("curve-%s-%.8s", plainName(f.Data.Source), key))
	}
	book, err := openCells(o.out, key, o.keepRuns)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, book.close()) }()
	trains.folder = book.folder
	if o.o.Earlier, err = book.counts(o.o.Counts); err != nil {
		return result, err
	}
	o.o.Tap, o.o.Cache, o.o.Say = trainers.CodeTap, filepath.Join(folder, trainers.FeaturesDir), console.log.Infof
	o.o.Train, o.o.Kept, o.o.Keep = trains.run, book.get, book.put
	r, err := o.o.Run(ctx, kept.Task, kept.Params, train, test)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return result, fmt.Errorf("stopped by %w; %d numbers are taken and kept: the same command goes on", cause, len(book.there))
		}
		return result, faults(err)
	}
	if r.Trained() {
		r.Protocol = append(r.Protocol, howTrained(f))
	}
	result = transferResult{Run: folder, Step: kept.Step, TransferReport: r}
	return result, result.save(o.out)
}

func (o *transferFlags) kept(folder string) (*job.Kept, error) {
	if _, err := ownFile(folder, nil); err != nil {
		return nil, err
	}
	return job.Keep(folder, job.Newest)
}

// key is a hash of all that the numbers depend on but method, labels and seed.
func (o *transferFlags) key(kept *job.Kept, f *job.File, train, test data.Source) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "transfer 1", trainers.HashOf(kept.Params), o.target, o.factors, o.o.KNN, o.o.SGD, o.partial)
	for _, src := range []data.Source{train, test} {
		sum := src.Spec().Name
		if s, ok := src.(data.Checksummer); ok {
			var err error
			if sum, err = s.Checksum(); err != nil {
				return "", err
			}
		}
		fmt.Fprintln(h, sum)
	}
	fmt.Fprintln(h, f.Recipe())
	return hex.EncodeToString(h.Sum(nil)), nil
}

// howTrained says how the methods that train did so.
func howTrained(f *job.File) string {
	with := ""
	if head := f.Finetune.Head; head == "probe" {
		with = "; finetune begins with a linear probe as its head, scratch with a random one"
	}
	return fmt.Sprintf("finetune, scratch: %s, rate %g, %s, batches of %d or all that are there, %v, weights as they are after the last step%s",
		f.Optimizer.Type, f.Optimizer.LR, f.Schedule.Type, f.Train.Batch, f.Train.Duration, with)
}

// The files of a transfer.
const (
	transferJSON  = runs.CurveFile
	transferTable = "transfer.md"
	transferPlot  = "transfer.svg"
)

// transferResult is what --json prints and the folder keeps.
type transferResult struct {
	Run  string `json:"run"`
	Step int    `json:"step"`
	// Asked are the settings of a sweep's transfer, by which it knows what is done.
	Asked string `json:"asked,omitempty"`
	*trainers.TransferReport
}

func (r transferResult) save(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| %s |", r.Score)
	curve := r.curve()
	counts := curve.Counts()
	for _, c := range counts {
		fmt.Fprintf(&table, " %s |", c)
	}
	fmt.Fprintf(&table, "\n|%s\n", strings.Repeat("---|", len(counts)+1))
	for _, m := range curve.Methods() {
		fmt.Fprintf(&table, "| %s |", m)
		for _, c := range counts {
			fmt.Fprintf(&table, " %s |", cellText(curve, m, c))
		}
		table.WriteByte('\n')
	}
	fmt.Fprintf(&table, "\n%s.\n", strings.Join(r.Protocol, ";\n"))
	title := fmt.Sprintf("%s: %s by labels", filepath.Base(filepath.Clean(r.Run)), r.Data)
	for name, content := range map[string][]byte{transferJSON: append(b, '\n'), transferTable: []byte(table.String()),
		transferPlot: report.LabelCurves(title, report.Label(r.Score), eval.IsShare(r.Score), report.LinesOf(curve))} {
		if err := checkpoints.WriteFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// curve is the result as pages read it.
func (r transferResult) curve() *runs.Curve {
	c := &runs.Curve{Step: r.Step, Data: r.Data, Score: r.Score, Test: r.Test, Seeds: r.Seeds, Pretrained: &r.Pretrained, Protocol: r.Protocol}
	for _, row := range r.Rows {
		c.Rows = append(c.Rows, runs.CurveRow{Method: row.Method, Labels: row.Labels, Examples: row.Examples, Mean: row.Mean, Half: row.Half})
	}
	return c
}

func cellText(c *runs.Curve, method, labels string) string {
	row, there := c.Row(method, labels)
	if !there {
		return ""
	}
	return report.ScoreText(c.Score, row.Mean, row.Half)
}

func (r transferResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s (%s): %s on %s by labels, %s test examples\n", r.Run, stateOf(r.Step, r.Pretrained), r.Score, r.Data, humanize.Comma(int64(r.Test)))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	curve := r.curve()
	counts := curve.Counts()
	fmt.Fprintf(t, "  labels\t%s\n", strings.Join(counts, "\t"))
	for _, m := range curve.Methods() {
		fmt.Fprintf(t, "  %s", curve.Title(m))
		for _, c := range counts {
			fmt.Fprintf(t, "\t%s", cellText(curve, m, c))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "protocol: %s\n", strings.Join(r.Protocol, ";\n  "))
	_, err := fmt.Fprintf(w, "encoder: SHA-256 %.16s… before and %.16s… after\n", r.Before, r.After)
	return err
}
