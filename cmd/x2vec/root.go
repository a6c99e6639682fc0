package main

import (
	"fmt"
	"runtime"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// machine are the flags that every command takes.
type machine struct {
	threads   int
	blas      string
	logFormat string
	logLevel  string
}

func rootCommand() *cobra.Command {
	var m machine
	c := &cobra.Command{
		Use:   "x2vec",
		Short: "learn representations and put them to use",
		Long: `x2vec learns representations of data without labels and puts them to use.

An encoder is trained by a pretext task, kept in a folder that can be resumed
anywhere, and then evaluated, looked into or adapted to a new task.`,
		Example: `  x2vec train                        the L2 autoencoder on built-in data, under a minute
  x2vec train ae-mlp --data mnist/   a recipe on your copy of MNIST
  x2vec train job.toml --out runs/a  a job of your own
  x2vec recipes ls                   what there is`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return m.apply(c)
		},
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return badRequest(fmt.Errorf("%w\nsee x2vec %s--help", err, under(c)))
	})
	f := c.PersistentFlags()
	f.IntVar(&m.threads, "threads", runtime.GOMAXPROCS(0), "threads to compute with")
	f.StringVar(&m.blas, "blas", "auto", "who computes matrix products: "+blas.Accepted)
	f.StringVar(&m.logFormat, "log-format", "text", "text or json")
	f.StringVar(&m.logLevel, "log-level", "info", "error, warn, info or debug")
	addCommands(c)
	checkArgs(c)
	return c
}

// under is the command's path without the program's name, ending in a space.
func under(c *cobra.Command) string {
	path := c.CommandPath()
	if len(path) <= len("x2vec") {
		return ""
	}
	return path[len("x2vec "):] + " "
}

// checkArgs makes a wrong number of arguments a wrong request.
func checkArgs(c *cobra.Command) {
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
	switch {
	case c.HasSubCommands() && !c.Runnable():
		c.Args = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				meant := ""
				c.SuggestionsMinimumDistance = 2
				if near := c.SuggestionsFor(args[0]); len(near) > 0 {
					meant = fmt.Sprintf("; did you mean %q?", near[0])
				}
				return badRequest(fmt.Errorf("no command %q under %s%s; see %s --help", args[0], c.CommandPath(), meant, c.CommandPath()))
			}
			return nil
		}
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	case c.Args != nil:
		args := c.Args
		c.Args = func(c *cobra.Command, a []string) error {
			if err := args(c, a); err != nil {
				return badRequest(fmt.Errorf("%w\nusage: %s", err, c.UseLine()))
			}
			return nil
		}
	}
}

// apply readies threads, kernels and logs before a command runs.
func (m *machine) apply(c *cobra.Command) error {
	if m.threads < 1 {
		return badRequest(fmt.Errorf("--threads is %d, want at least 1", m.threads))
	}
	level, err := logrus.ParseLevel(m.logLevel)
	if err != nil {
		return badRequest(fmt.Errorf("--log-level is %q, want error, warn, info or debug", m.logLevel))
	}
	logrus.SetLevel(level)
	logrus.SetOutput(c.ErrOrStderr())
	switch m.logFormat {
	case "text":
		logrus.SetFormatter(&plainLog{"15:04:05"})
	case "json":
		logrus.SetFormatter(&logrus.JSONFormatter{})
	default:
		return badRequest(fmt.Errorf("--log-format is %q, want text or json", m.logFormat))
	}
	if err := vec.CheckEnv(); err != nil {
		return badRequest(err)
	}
	par.SetThreads(m.threads)
	if m.blas != "auto" { // auto is found when the first product is asked for
		if err := blas.Use(m.blas); err != nil {
			return badRequest(fmt.Errorf("--blas: %w", err))
		}
	}
	return nil
}
