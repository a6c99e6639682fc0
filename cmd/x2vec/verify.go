package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/job"
	"x2vec/trainers/runlog"
)

func verifyCommand() *cobra.Command {
	var again bool
	c := &cobra.Command{
		Use:   "verify RUN",
		Short: "check the files of a run, and that it can be repeated to the bit",
		Long: `Check every file of a run: settings, log, evaluations, and the checksums of all
checkpoints. With --resume it also trains once more, from the last checkpoint but
one to the last, and compares the bytes. Nothing in the run's folder is changed.`,
		Example: `  x2vec verify runs/a
  x2vec verify --resume runs/a`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			folder, w := args[0], c.OutOrStdout()
			if _, err := ownFile(folder, nil); err != nil {
				return err
			}
			if err := verifyFiles(w, folder); err != nil {
				return err
			}
			if !again {
				return nil
			}
			console := newConsole(c)
			ctx, stop := untilSignal(c.Context(), console)
			defer stop()
			from, to, err := job.Again(ctx, folder, logrus.StandardLogger())
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "trained again from step %d to %d: the same bytes\n", from, to)
			return nil
		},
	}
	c.Flags().BoolVar(&again, "resume", false, "train again from an earlier checkpoint and compare bytes")
	return c
}

// verifyFiles says what is in a run's folder and returns all that is wrong with it.
func verifyFiles(w io.Writer, folder string) error {
	var faults []error
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	good := 0
	for _, c := range list {
		if err := store.Verify(c.Step); err != nil {
			faults = append(faults, err)
			continue
		}
		good++
	}
	fmt.Fprintf(w, "%s: run.toml is good; %d of %d checkpoints are whole", folder, good, len(list))
	if len(list) > 0 {
		fmt.Fprintf(w, ", the newest is of step %d", list[len(list)-1].Step)
	}
	fmt.Fprintln(w)

	lines, err := countLines(filepath.Join(folder, trainers.MetricsFile))
	faults = append(faults, err)
	fmt.Fprintf(w, "%s: %d lines\n", trainers.MetricsFile, lines)

	evals, err := filepath.Glob(filepath.Join(folder, trainers.EvalsDir, "*.json"))
	faults = append(faults, err)
	for _, file := range evals {
		result, err := eval.Read(file)
		faults = append(faults, err)
		for _, p := range result.Pictures {
			if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(p.File))); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", file, err))
			}
		}
	}
	fmt.Fprintf(w, "%s: %d evaluations\n", trainers.EvalsDir, len(evals))
	return errors.Join(faults...)
}

// countLines reads a log to its end.
func countLines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for r := runlog.NewReader(f); ; n++ {
		switch _, err := r.Next(); {
		case errors.Is(err, io.EOF) && r.Damaged() > 0:
			return n, fmt.Errorf("%s: %d lines cannot be read", path, r.Damaged())
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("%s: %w", path, err)
		}
	}
}
