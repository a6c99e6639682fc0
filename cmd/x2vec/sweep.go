package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/trainers/job"
)

// sweepFlags are those of sweep.
type sweepFlags struct {
	out, data     string
	sets          []string
	plan          bool
	table, asJSON bool
	figures       []string
	watch         watch
}

// The files that a sweep writes beside its runs.
const (
	sweepFile      = "sweep.toml"
	sweepTableFile = "table.txt"
	sweepJSONFile  = "table.json"
)

func sweepCommand() *cobra.Command {
	var o sweepFlags
	c := &cobra.Command{
		Use:   "sweep SWEEP",
		Short: "train many runs that differ in some settings, and put them into one table",
		Long: `Train many runs that differ in some settings, one after the other, and put what comes
out into one table: means over seeds with their 95 % intervals. SWEEP is a file, or the
name of one that is built in (x2vec recipes ls lists them at the end).

  base = "ae-mlp"                    # a recipe, or a run file beside this one
  seeds = [0, 1, 2]                  # or how many

  [settings]                         # laid over the base, for all runs
  train.duration = "5 epochs"

  [grid]                             # every combination of these
  optimizer.lr = [1e-3, 3e-4]
  objective = [{ type = "autoencoder" }, { type = "mae", mask = 0.75 }]

  [random]                           # and so many draws of these
  count = 20
  draw.optimizer.weight_decay = { log = [1e-5, 1e-1] }

  [[variant]]                        # and each of these, with a base of its own if asked
  name = "deep"
  encoder = { type = "mlp", hidden = [512, 512, 256], code = 32 }

  [[probe]]                          # how each is judged in the end, see x2vec probe
  labels = ["10", "all"]

  [[transfer]]                       # and by finetuning, see x2vec transfer
  labels = ["100"]
  set = ["train.duration=500"]

A section that says its type (data: its source) takes the place of that of the base;
one that does not is laid over it. Draws are { uniform = [a, b] }, { log = [a, b] },
{ whole = [a, b] } or { among = [...] }.

Each run is an ordinary run in a folder of its own below --out. Stopped anywhere, the
same command goes on: runs that are complete are kept, those that failed are named and
tried again. Given twice at once, the two share the work.`,
		Example: `  x2vec sweep pretext                # one that is built in, see x2vec recipes ls
  x2vec sweep sweep.toml --plan
  x2vec sweep sweep.toml --data ~/data
  x2vec sweep sweep.toml --table --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`folder` of the runs (default runs/NAME)")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or of data sets by name")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting of all runs, as in train.duration=100; may be given several times")
	f.BoolVar(&o.plan, "plan", false, "list the runs and where they stand, and end")
	f.BoolVar(&o.table, "table", false, "print the table of what there is, and end")
	f.StringArrayVar(&o.figures, "figure", nil, "print only figures with this `text` in their names; may be given several times")
	f.BoolVar(&o.asJSON, "json", false, "print the table as JSON")
	o.watch.flags(c)
	return c
}

func (o *sweepFlags) run(c *cobra.Command, path string) error {
	path, text, err := sweeps.find(path)
	if err != nil {
		return err
	}
	var more func(*job.File, []string) ([]string, error)
	if o.data != "" {
		more = func(f *job.File, sets []string) ([]string, error) { return dataSets(o.data, f, sets) }
	}
	beside := func(what string) (string, []byte, error) {
		if strings.HasSuffix(what, ".toml") && !filepath.IsAbs(what) {
			what = filepath.Join(filepath.Dir(path), what)
		}
		return recipes.find(what)
	}
	plan, err := job.ParseSweep(path, text, beside, o.sets, more)
	if err != nil {
		return faults(err)
	}
	s := &sweep{Sweep: plan, command: c, dir: o.out, watch: &o.watch}
	if s.dir == "" {
		s.dir = filepath.Join("runs", plan.Name)
	}
	if err := s.stands(); err != nil {
		return faults(err)
	}
	switch {
	case o.plan:
		return s.printPlan(c.OutOrStdout())
	case !o.table:
		err = s.train(text)
	}
	t := s.results()
	if s.began {
		err = errors.Join(err, t.write(s.dir))
	}
	if len(o.figures) > 0 {
		t.Figures = slices.DeleteFunc(t.Figures, func(name string) bool {
			return !slices.ContainsFunc(o.figures, func(part string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(part)) })
		})
	}
	if o.asJSON {
		return errors.Join(err, t.printJSON(c.OutOrStdout()))
	}
	return errors.Join(err, t.print(c.OutOrStdout()))
}

// sweep is one at work in a folder.
type sweep struct {
	*job.Sweep
	command  *cobra.Command
	console  *console
	dir      string
	complete []bool // by run
	began    bool
	watch    *watch
}

func (s *sweep) folder(i int) string { return filepath.Join(s.dir, s.Runs[i].Name) }

// stands finds out which runs are complete, and refuses where one in the folder began
// with other settings.
func (s *sweep) stands() error {
	s.complete = make([]bool, len(s.Runs))
	var found job.Faults
	for i, r := range s.Runs {
		var err error
		s.complete[i], err = r.File.Stands(s.folder(i))
		var f job.Faults
		if errors.As(err, &f) {
			found = append(found, f[0]) // one a run says enough
		} else if err != nil {
			return err
		}
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

// train does all that is left of the runs.
func (s *sweep) train(text []byte) error {
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return err
	}
	if err := checkpoints.WriteFile(filepath.Join(s.dir, sweepFile), text); err != nil {
		return err
	}
	s.began = true
	s.console = newConsole(s.command)
	s.console.onSignal = "finishing the step and saving; the same command goes on with the sweep"
	ctx, stop := untilSignal(s.command.Context(), s.console)
	defer stop()
	end, err := s.watch.begin(s.console)
	if err != nil {
		return err
	}
	defer end()
	var failed, busy []string
	for i, r := range s.Runs {
		stood := s.complete[i]
		err := s.one(ctx, i)
		var locked *checkpoints.LockedError
		var asked askedError
		switch {
		case ctx.Err() != nil:
			done := 0
			for _, c := range s.complete {
				if c {
					done++
				}
			}
			return fmt.Errorf("the sweep stands at %d of %d runs, and the same command goes on: %w", done, len(s.Runs), context.Cause(ctx))
		case err == nil && stood:
			continue
		case err == nil:
		case errors.As(err, &locked):
			busy = append(busy, r.Name)
			s.console.log.Infof("%s is passed over: %v", r.Name, err)
		case errors.As(err, &asked):
			s.console.log.Infof("%s is passed over: %v", r.Name, err)
		default:
			failed = append(failed, r.Name)
			s.console.log.Errorf("%s: %v", r.Name, err)
		}
		if err := s.results().write(s.dir); err != nil {
			return err
		}
	}
	if len(busy) > 0 {
		s.console.log.Warnf("another process is at work on %s", strings.Join(busy, ", "))
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d runs failed: %s; the same command tries them again", len(failed), len(s.Runs), strings.Join(failed, ", "))
	}
	return nil
}

// one trains a run and judges it, as far as that is not done yet. A panic is a failure
// of this run, and the others go on.
func (s *sweep) one(ctx context.Context, i int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("this is a fault of the program, not yours: %v\n%s", r, debug.Stack())
		}
	}()
	r, folder := s.Runs[i], s.folder(i)
	if !s.complete[i] {
		s.console.log.Infof("run %d of %d: %s", i+1, len(s.Runs), r.Name)
		if _, err := trainWith(ctx, s.command, s.console, s.watch, r.File, folder, job.Auto); err != nil && !errors.Is(err, job.ErrComplete) {
			return err
		}
		s.complete[i] = true
		debug.FreeOSMemory() // the next run has buffers of its own
	}
	return s.judge(ctx, i)
}
