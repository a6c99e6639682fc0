package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"x2vec/trainers"
	"x2vec/trainers/report"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "report RUN",
		Short:   "write a run's report.html anew, also while it runs",
		Example: "  x2vec report runs/a",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := ownFile(args[0], nil); err != nil {
				return err
			}
			if err := report.Write(args[0]); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), filepath.Join(args[0], trainers.ReportFile))
			return nil
		},
	}
}
