package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/trainers"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

func reportCommand() *cobra.Command {
	out := ""
	c := &cobra.Command{
		Use:   "report RUN...",
		Short: "write the page of a run anew, or one of several runs side by side",
		Long: `Write the report.html of a run anew, also while it runs. Of several runs write one
page that puts them side by side: settings that differ, results, curves, pictures.

A page is one file that loads nothing: it can be sent and kept.`,
		Example: `  x2vec report runs/a
  x2vec report runs/a runs/b runs/c --out compare.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				out = "compare.html"
				if len(args) == 1 {
					out = filepath.Join(args[0], trainers.ReportFile)
				}
			}
			return writePage(c, args, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write (default: RUN/report.html, of several runs compare.html)")
	return c
}

// writePage writes the page of runs into a file, and says so.
func writePage(c *cobra.Command, dirs []string, out string) error {
	folders, err := openRuns(dirs)
	if err != nil {
		return err
	}
	if len(dirs) > report.Most {
		return badRequest(fmt.Errorf("%d runs are too many for a page, which takes up to %d", len(dirs), report.Most))
	}
	var sources []report.Source
	for _, f := range folders {
		sources = append(sources, report.Source{Folder: f})
	}
	html, err := report.Render(sources, time.Now(), nil)
	if err != nil {
		return err
	}
	if err := checkpoints.WriteFile(out, html); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), out)
	return nil
}

// openRuns opens the folders of runs, each under a name of its own.
func openRuns(dirs []string) ([]runs.Folder, error) {
	var list []runs.Folder
	var errs []error
	for i, dir := range dirs {
		f, err := runs.Named(dir)
		errs = append(errs, err)
		same := func(other string) bool { return filepath.Base(filepath.Clean(other)) == f.Name }
		if slices.ContainsFunc(dirs[:i], same) || slices.ContainsFunc(dirs[i+1:], same) {
			f.Name = filepath.ToSlash(filepath.Clean(dir))
		}
		list = append(list, f)
	}
	return list, badRequest(errors.Join(errs...))
}
