package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/trainers/runs"
)

func runsTagCommand() *cobra.Command {
	var remove []string
	c := &cobra.Command{
		Use:   "tag RUN [TAG...]",
		Short: "put words on a run, take them off, or list them",
		Example: `  x2vec runs tag runs/a paper baseline
  x2vec runs tag runs/a --remove baseline`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			folders, err := openRuns(args[:1])
			if err != nil {
				return err
			}
			tags := runs.Tags(folders[0].Files)
			before := len(tags)
			var errs []error
			for _, t := range args[1:] {
				errs = append(errs, runs.CheckTag(t))
				if !slices.Contains(tags, t) {
					tags = append(tags, t)
				}
			}
			if err := errors.Join(errs...); err != nil {
				return badRequest(err)
			}
			changed := len(tags) > before
			for _, t := range remove {
				i := slices.Index(tags, t)
				if i < 0 {
					return badRequest(fmt.Errorf("%s has no tag %q; it has %s", args[0], t, strings.Join(tags, ", ")))
				}
				tags, changed = slices.Delete(tags, i, i+1), true
			}
			if changed {
				text := strings.Join(append(tags, ""), "\n")
				if err := checkpoints.WriteFile(filepath.Join(args[0], runs.TagsFile), []byte(text)); err != nil {
					return err
				}
			}
			fmt.Fprintln(c.OutOrStdout(), strings.Join(tags, " "))
			return nil
		},
	}
	c.Flags().StringArrayVar(&remove, "remove", nil, "a `tag` to take off; may be given several times")
	return c
}

func runsStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop RUN...",
		Short: "ask runs to stop after their step, with their state saved",
		Long: `Ask runs that are at work, also in another container, to stop after their step.
They save their state, as on Ctrl-C; x2vec resume goes on with them.`,
		Example: "  x2vec runs stop runs/a",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := summariesOf(args)
			if err != nil {
				return err
			}
			for i, s := range list {
				if s.State != runs.Running {
					return badRequest(fmt.Errorf("%s is not at work: %s", args[i], s.State))
				}
			}
			for _, dir := range args {
				if err := runs.AskToStop(dir); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s will stop after its step\n", dir)
			}
			return nil
		},
	}
}

// askedError is the cause of a context that a request in the run's folder ended.
type askedError struct{}

func (askedError) Error() string { return "a request to stop" }

// ExitStatus is that of SIGTERM, which asks for the same.
func (askedError) ExitStatus() int { return 128 + int(syscall.SIGTERM) }

// untilAsked is a context that ends when the run in a folder is asked to stop. A
// request from before is dropped.
func untilAsked(parent context.Context, folder string, console *console) (context.Context, func(), error) {
	if err := runs.DropRequest(folder); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(parent)
	tick := time.NewTicker(500 * time.Millisecond)
	ended := make(chan struct{})
	go func() {
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			if runs.Asked(folder) {
				if err := runs.DropRequest(folder); err != nil {
					console.log.Warn(err)
				}
				console.log.Warn("asked to stop: finishing the step and saving")
				cancel(askedError{})
				return
			}
		}
	}()
	return ctx, func() { close(ended); cancel(nil) }, nil
}

func runsRmCommand() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use:   "rm RUN...",
		Short: "remove runs with all their files",
		Long: `Remove the folders of runs with all that is in them, after asking. A run that is at
work is refused, and so is a folder that holds another run or is only a link.`,
		Example: "  x2vec runs rm runs/a runs/b --yes",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := openRuns(args); err != nil {
				return err
			}
			var errs []error
			sizes := make([]int64, len(args))
			for i, dir := range args {
				var err error
				sizes[i], err = removable(dir)
				errs = append(errs, err)
			}
			if err := errors.Join(errs...); err != nil {
				return badRequest(err)
			}
			in := bufio.NewReader(c.InOrStdin())
			for i, dir := range args {
				if !yes {
					if f, ok := c.InOrStdin().(*os.File); ok && !isTerminal(f) {
						return badRequest(errNotAsked)
					}
					fmt.Fprintf(c.OutOrStdout(), "remove %s (%s)? [y/N] ", dir, humanize.IBytes(uint64(sizes[i])))
					answer, _ := in.ReadString('\n')
					if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
						fmt.Fprintf(c.OutOrStdout(), "%s stays\n", dir)
						continue
					}
				}
				if err := removeRun(dir); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s removed (%s)\n", dir, humanize.IBytes(uint64(sizes[i])))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// removable says why a folder must not be removed, or how many bytes it has.
func removable(dir string) (size int64, err error) {
	info, err := os.Lstat(filepath.Clean(dir))
	if err != nil {
		return 0, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return 0, fmt.Errorf("%s is a link; give the folder that it points to", dir)
	}
	if wd, err := os.Getwd(); err == nil {
		if abs, err := filepath.Abs(dir); err == nil && (wd == abs || strings.HasPrefix(wd, abs+string(filepath.Separator))) {
			return 0, fmt.Errorf("%s is the folder that you are in; leave it first", dir)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != dir && runs.Is(os.DirFS(path)) {
			return fmt.Errorf("%s holds another run, %s; remove or move that first", dir, path)
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size, err
}

// removeRun takes the run's lock, so that nobody is at work in it, and removes the
// folder. It is renamed first: what is interrupted leaves no half a run.
func removeRun(dir string) error {
	lock, err := checkpoints.Acquire(dir)
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	beside := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".removed")
	err = os.RemoveAll(beside) // left from a removal that was interrupted
	if err == nil {
		err = os.Rename(dir, beside)
	}
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	// The lock file is open still, which Windows minds.
	_ = lock.Release() // its path is another now
	return os.RemoveAll(beside)
}
