package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"x2vec/trainers/job"
	"x2vec/trainers/runs"
)

func resumeCommand() *cobra.Command {
	var sets []string
	var w watch
	c := &cobra.Command{
		Use:   "resume RUN",
		Short: "go on with a run that was stopped",
		Long: `Go on with a run that was stopped, from its newest checkpoint that is whole. The
result is the same, to the bit, as if it had never stopped.

--set may change how long the run is and what is logged, evaluated and kept.`,
		Example: `  x2vec resume runs/a
  x2vec resume runs/a --set train.duration="40 epochs"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := ownFile(args[0], sets)
			if err != nil {
				return err
			}
			return train(c, &w, f, args[0], job.Must)
		},
	}
	c.Flags().StringArrayVar(&sets, "set", nil, "override a setting, as in train.duration=\"40 epochs\"")
	w.flags(c)
	return c
}

// ownFile reads the run file of a run's folder.
func ownFile(folder string, sets []string) (*job.File, error) {
	if _, err := runs.Named(folder); err != nil {
		return nil, badRequest(err)
	}
	f, _, err := job.ReadRun(folder, sets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, badRequest(fmt.Errorf("%s is not the folder of a run: it has no %s", folder, runs.RunFile))
	}
	return f, faults(err)
}
