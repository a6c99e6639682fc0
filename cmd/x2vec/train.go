package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"x2vec/data/readers"
	"x2vec/trainers"
	"x2vec/trainers/job"
)

// trainFlags are those of train; resume takes a part of them.
type trainFlags struct {
	out         string
	resume      string
	sets        []string
	data        []string
	from        string
	steps       int
	printConfig bool
	dryRun      bool
	watch       watch
}

func trainCommand() *cobra.Command {
	var o trainFlags
	c := &cobra.Command{
		Use:   "train [RECIPE|FILE.toml]",
		Short: "train an encoder by a run file or a recipe",
		Long: `Train an encoder as a run file says, or a recipe (x2vec recipes ls); without an
argument, quickstart: the L2 autoencoder on the built-in data.

The run is a folder: settings, log, checkpoints, pictures, evaluations, report.html.
Stopped anywhere, the same command goes on where it was. Ctrl-C (or SIGTERM) ends
after the step with the state saved; once more ends at once.`,
		Example: `  x2vec train
  x2vec train ae-mlp --data ~/data/mnist
  x2vec train job.toml --out runs/a --set optimizer.lr=3e-4 --set encoder.code=64
  x2vec train ae-mlp --print-config > job.toml
  x2vec train skipgram --data a.txt --data books/ --data c.txt.gz
  x2vec train prior --from runs/vqvae`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			what := quickstart
			if len(args) > 0 {
				what = args[0]
			}
			return o.run(c, what)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return recipes.names(), cobra.ShellCompDirectiveDefault
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`folder` of the run (default runs/NAME)")
	f.StringVar(&o.resume, "resume", string(job.Auto), "a run that is there already: auto goes on with it, never refuses, must wants one")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting, as in train.batch=128; may be given several times")
	f.StringArrayVar(&o.data, "data", nil, "`folder` of the data, or of data sets by name; of a text also a file, or - for the standard input; may be given several times")
	f.StringVar(&o.from, "from", "", "`folder` of a run: train on its codes of its data, in place of the data themselves")
	f.IntVar(&o.steps, "steps", 0, "train for so many steps, whatever the run file says")
	f.BoolVar(&o.printConfig, "print-config", false, "print the run file with every setting, and end")
	f.BoolVar(&o.dryRun, "dry-run", false, "build the model, run one batch, say what it takes, and end")
	o.watch.flags(c)
	return c
}

func (o *trainFlags) run(c *cobra.Command, what string) error {
	if r := job.Resume(o.resume); r != job.Auto && r != job.Never && r != job.Must {
		return badRequest(fmt.Errorf("--resume is %q, want auto, never or must", o.resume))
	}
	if c.Flags().Changed("steps") && o.steps < 1 {
		return badRequest(fmt.Errorf("--steps is %d, want at least 1", o.steps))
	}
	file, text, err := recipes.find(what)
	if err != nil {
		return err
	}
	sets := o.sets
	if o.from != "" {
		more, err := job.FromSets(o.from)
		if err != nil {
			return badRequest(fmt.Errorf("--from: %w", err))
		}
		sets = append(more, sets...)
	}
	if o.steps > 0 {
		sets = append(sets, fmt.Sprintf("train.duration=%d", o.steps))
	}
	f, err := job.Parse(file, text, sets)
	if err == nil && len(o.data) > 0 {
		if sets, err = allDataSets(o.data, f, sets); err == nil {
			f, err = job.Parse(file, text, sets)
		}
	}
	if err != nil {
		return faults(err)
	}
	switch {
	case o.printConfig:
		fmt.Fprint(c.OutOrStdout(), f)
		return nil
	case o.dryRun:
		if err := giveInput(c, f); err != nil {
			return err
		}
		return faults(dryRun(c, f))
	}
	folder := o.out
	if folder == "" {
		folder = filepath.Join("runs", f.Name)
		if job.Resume(o.resume) == job.Never {
			folder = fresh(folder)
		}
	}
	return train(c, &o.watch, f, folder, job.Resume(o.resume))
}

// faults marks what is wrong with a run file as a wrong request.
func faults(err error) error {
	if job.IsFault(err) {
		return badRequest(err)
	}
	return err
}

// allDataSets lays --data over the settings, which may be given several times for a text.
func allDataSets(paths []string, f *job.File, sets []string) ([]string, error) {
	if len(paths) == 1 && paths[0] != "-" {
		return dataSets(paths[0], f, sets)
	}
	if f.Data.Source != "text" && f.Data.Source != "builtin-text" {
		return nil, badRequest(fmt.Errorf("--data: %s, but only a text is read from several files or from the standard input; the source is %s, which takes one folder",
			strings.Join(paths, " and "), f.Data.Source))
	}
	for _, path := range paths {
		if _, err := os.Stat(path); path != "-" && err != nil {
			return nil, badRequest(fmt.Errorf("--data: %w", err))
		}
	}
	return append(sets, "data.source=text", "data.path="+job.Paths(paths).Literal()), nil
}

// giveInput lets a text be read from the standard input, where the run file asks for it.
func giveInput(c *cobra.Command, f *job.File) error {
	if !slices.Contains(f.Data.Path, "-") {
		return nil
	}
	if in, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return badRequest(errors.New("data.path: the text is to come from the standard input, which is a keyboard: write  x2vec ... < text.txt"))
	}
	f.Data.Stdin(c.InOrStdin())
	return nil
}

// dataSets lays --data over the settings: the folder of the source itself, a folder
// that has one of its name, or, for a source without files, whatever it holds.
func dataSets(folder string, f *job.File, sets []string) ([]string, error) {
	if _, err := os.Stat(folder); err != nil {
		return nil, badRequest(fmt.Errorf("--data: %w", err))
	}
	named := filepath.Join(folder, f.Data.Source)
	if info, err := os.Stat(named); err == nil && info.IsDir() {
		return append(sets, "data.path="+named), nil
	}
	if f.Data.Source == "bouncing-digits" { // what bounces
		return append(sets, "data.path="+folder), nil
	}
	if f.Data.Source == "builtin-text" {
		return append(sets, "data.source=text", "data.path="+folder), nil
	}
	for _, k := range readers.Kinds() {
		if k.Name == f.Data.Source && !k.Files {
			found, err := readers.Detect(folder)
			if err != nil {
				return nil, badRequest(fmt.Errorf("--data: %w", err))
			}
			sets = append(sets, "data.source="+found[0].Options.Name)
		}
	}
	return append(sets, "data.path="+folder), nil
}

// fresh is the folder, or the first of folder-2, folder-3 … that is not there.
func fresh(folder string) string {
	name := folder
	for i := 2; ; i++ {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", folder, i)
	}
}

// train readies the run and lets it go until its end or a signal.
func train(c *cobra.Command, w *watch, f *job.File, folder string, resume job.Resume) (err error) {
	if err := giveInput(c, f); err != nil {
		return err
	}
	console := newConsole(c)
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	end, err := w.begin(console)
	if err != nil {
		return err
	}
	defer end()
	switch step, err := trainWith(ctx, c, console, w, f, folder, resume); {
	case errors.Is(err, job.ErrComplete):
		fmt.Fprintf(c.OutOrStdout(), "%s is complete (step %d); its report is %s\n", folder, step, filepath.Join(folder, trainers.ReportFile))
		fmt.Fprintln(c.OutOrStdout(), "to train longer, raise train.duration; to begin anew, give --resume never or another --out")
	case err != nil:
		return err
	default:
		fmt.Fprintf(c.OutOrStdout(), "done: %s\n", filepath.Join(folder, trainers.ReportFile))
	}
	return nil
}

// trainWith is train with a console that others use too; it gives the step at which the
// run stands. The error of one that is complete already is job.ErrComplete.
func trainWith(ctx context.Context, c *cobra.Command, console *console, w *watch, f *job.File, folder string, resume job.Resume) (step int, err error) {
	run, done, err := f.Begin(ctx, folder, resume, "x2vec "+version+revision(), console.log)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		if run != nil {
			step = run.Step
		}
		return step, faults(err)
	}
	ctx, end, err := untilAsked(ctx, folder, console)
	if err != nil {
		return run.Step, err
	}
	defer end()
	if err := console.keep(filepath.Join(folder, trainers.LogFile)); err != nil {
		return run.Step, err
	}
	defer console.close()
	run.Progress, run.Environment, run.Watchers = console.progress, environment(c), w.watchers()
	console.begin(run)
	if run.Finetune != nil && run.Finetune.Loaded != nil {
		console.log.Info(run.Finetune.Loaded)
	}
	if err := run.Do(ctx); err != nil {
		console.end()
		console.file.note(err)
		return run.Step, err
	}
	console.end()
	return run.Step, nil
}
