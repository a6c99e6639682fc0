package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

func runsCommand() *cobra.Command {
	c := &cobra.Command{Use: "runs", Short: "list, compare, tag, stop and remove runs"}
	c.AddCommand(runsLsCommand(), runsShowCommand(), runsDiffCommand(), runsBestCommand(), runsTagCommand(), runsStopCommand(), runsRmCommand())
	return c
}

// summaries reads where the runs in a folder stand, those with all the tags.
func summaries(dir string, tags []string) ([]runs.Summary, error) {
	if err := runs.IsDir(dir); err != nil {
		return nil, badRequest(err)
	}
	files := os.DirFS(dir)
	names, err := runs.Find(files)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // its path is within the folder
		}
		return nil, badRequest(fmt.Errorf("%s: %w", dir, err))
	}
	var list []runs.Summary
	for _, name := range names {
		f, err := runs.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			continue // gone since
		}
		if name != "." {
			f.Name = name
		}
		s := runs.Summarize(f)
		if !slices.ContainsFunc(tags, func(t string) bool { return !slices.Contains(s.Tags, t) }) {
			list = append(list, s)
		}
	}
	return list, nil
}

// summariesOf reads where those runs stand.
func summariesOf(dirs []string) ([]runs.Summary, error) {
	folders, err := openRuns(dirs)
	if err != nil {
		return nil, err
	}
	var list []runs.Summary
	for _, f := range folders {
		list = append(list, runs.Summarize(f))
	}
	return list, nil
}

// runsDir is the folder whose runs are meant where none is given.
func runsDir(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "runs"
}

func runsLsCommand() *cobra.Command {
	var tags []string
	var asJSON bool
	sort := "name"
	c := &cobra.Command{
		Use:   "ls [DIR]",
		Short: "list the runs in a folder and below it: state, progress, results",
		Example: `  x2vec runs ls
  x2vec runs ls ~/runs --tag paper --sort "kNN accuracy"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := summaries(runsDir(args), tags)
			if err != nil {
				return err
			}
			if err := sortRuns(list, sort); err != nil {
				return err
			}
			if asJSON {
				return writeRunsJSON(c.OutOrStdout(), list)
			}
			if len(list) == 0 {
				fmt.Fprintf(c.OutOrStdout(), "no runs in %s%s\n", runsDir(args), with(tags))
				return nil
			}
			return writeRuns(c.OutOrStdout(), list)
		},
	}
	c.Flags().StringArrayVar(&tags, "tag", nil, "only runs with this tag; may be given several times")
	c.Flags().StringVar(&sort, "sort", sort, "name, changed, state or the name of a figure, the best first")
	c.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON a run")
	return c
}

// with says what runs are asked to have.
func with(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return " with the tags " + strings.Join(tags, " ")
}

// sortRuns puts runs in the order of something, or of a figure.
func sortRuns(list []runs.Summary, by string) error {
	switch by {
	case "name":
	case "changed":
		slices.SortStableFunc(list, func(a, b runs.Summary) int { return b.Changed.Compare(a.Changed) })
	case "state":
		slices.SortStableFunc(list, func(a, b runs.Summary) int { return strings.Compare(string(a.State), string(b.State)) })
	default:
		name, err := figureName(list, by)
		if err != nil {
			return err
		}
		slices.SortStableFunc(list, func(a, b runs.Summary) int {
			f, hasA := a.Figure(name)
			g, hasB := b.Figure(name)
			switch {
			case hasA != hasB && hasA, hasA && hasB && runs.IsBetter(f.Better, f.Value(), g.Value()):
				return -1
			case hasA != hasB, runs.IsBetter(f.Better, g.Value(), f.Value()):
				return 1
			}
			return 0
		})
	}
	return nil
}

// figureName finds the figure that is meant: its name in any case, or the only
// one that has these letters in it.
func figureName(list []runs.Summary, asked string) (string, error) {
	var names, like []string
	for _, s := range list {
		for _, f := range s.Figures {
			if slices.Contains(names, f.Name) {
				continue
			}
			names = append(names, f.Name)
			if strings.EqualFold(f.Name, asked) {
				return f.Name, nil
			}
			if strings.Contains(strings.ToLower(f.Name), strings.ToLower(asked)) {
				like = append(like, f.Name)
			}
		}
	}
	switch {
	case len(like) == 1:
		return like[0], nil
	case len(names) == 0:
		return "", badRequest(fmt.Errorf("no figure %q: none of these runs has been evaluated", asked))
	}
	return "", badRequest(fmt.Errorf("no figure %q; there are %s", asked, strings.Join(names, ", ")))
}

// listed are the figures that a list of runs has columns for.
const listed = 4

func writeRuns(w io.Writer, list []runs.Summary) error {
	var figures []string
	for _, s := range list {
		for _, f := range s.Figures {
			if !slices.Contains(figures, f.Name) && len(figures) < listed {
				figures = append(figures, f.Name)
			}
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "run\tstate\tstep\tloss")
	for _, f := range figures {
		fmt.Fprintf(t, "\t%s", f)
	}
	fmt.Fprintf(t, "\tchanged\ttags\n")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s", s.Name, s.State, progressText(s), orDash(s.Loss))
		for _, name := range figures {
			text := "-"
			if f, ok := s.Figure(name); ok {
				text = report.FigureValue(name, f.Value())
			}
			fmt.Fprintf(t, "\t%s", text)
		}
		changed := "-"
		if !s.Changed.IsZero() {
			changed = humanize.Time(s.Changed)
		}
		fmt.Fprintf(t, "\t%s\t%s\n", changed, strings.Join(s.Tags, " "))
	}
	return t.Flush()
}

func orDash(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return report.Number(v)
}

// progressText is the step of a run, and how far it is from its end.
func progressText(s runs.Summary) string {
	text := report.Number(float64(s.Step))
	if s.Steps > 0 && s.Step != s.Steps {
		text += "/" + report.Number(float64(s.Steps))
	}
	if s.Left > 0 {
		text += ", " + report.Duration(s.Left.Seconds()) + " left"
	}
	return text
}

// runJSON is a run as programs read it.
type runJSON struct {
	Name     string             `json:"name"`
	State    runs.State         `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Step     int                `json:"step"`
	Steps    int                `json:"steps,omitempty"`
	Seconds  float64            `json:"seconds"`
	Changed  time.Time          `json:"changed"`
	Figures  map[string]float64 `json:"figures"`
	Settings map[string]string  `json:"settings"`
	Tags     []string           `json:"tags"`
}

func writeRunsJSON(w io.Writer, list []runs.Summary) error {
	e := json.NewEncoder(w)
	for _, s := range list {
		r := runJSON{s.Name, s.State, s.Reason, s.Step, s.Steps, s.Seconds, s.Changed, map[string]float64{}, s.Settings.Values, s.Tags}
		for _, f := range s.Figures {
			if v := f.Value(); !math.IsNaN(v) && !math.IsInf(v, 0) {
				r.Figures[f.Name] = v
			}
		}
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func runsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show RUN",
		Short:   "say where a run stands and what came out",
		Example: "  x2vec runs show runs/a",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := summariesOf(args)
			if err != nil {
				return err
			}
			s := list[0]
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			line := func(name, value string) {
				if value != "" {
					fmt.Fprintf(t, "%s\t%s\n", name, value)
				}
			}
			state := string(s.State)
			if s.Reason != "" {
				state += ": " + s.Reason
			}
			line("run", args[0])
			line("state", state)
			line("what", s.Settings.What())
			line("step", progressText(s))
			line("epoch", report.Number(s.Epoch))
			line("trained", report.Duration(s.Seconds))
			line("loss", orDash(s.Loss))
			for _, f := range s.Figures {
				text := report.FigureValue(f.Name, f.Value())
				if f.Better != "" && f.Best != f.Last {
					text += ", best " + report.FigureValue(f.Name, f.Best)
				}
				if f.Note != "" {
					text += " (" + f.Note + ")"
				}
				line(f.Name, text)
			}
			if !s.Began.IsZero() {
				line("began", s.Began.Format("2006-01-02 15:04:05"))
			}
			line("version", s.Settings.Resolved["version"])
			line("tags", strings.Join(s.Tags, " "))
			return t.Flush()
		},
	}
}

func runsDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "diff RUN RUN...",
		Short:   "list the settings in which runs differ",
		Example: "  x2vec runs diff runs/a runs/b",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := summariesOf(args)
			if err != nil {
				return err
			}
			var all []runs.Settings
			for _, s := range list {
				all = append(all, s.Settings)
			}
			keys := runs.Differ(all)
			if len(keys) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "no setting differs")
				return nil
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprint(t, "setting")
			for _, s := range list {
				fmt.Fprintf(t, "\t%s", s.Name)
			}
			fmt.Fprintln(t)
			for _, k := range keys {
				fmt.Fprint(t, k)
				for _, s := range all {
					v, ok := s.Values[k]
					if !ok {
						v = "-"
					}
					fmt.Fprintf(t, "\t%s", v)
				}
				fmt.Fprintln(t)
			}
			return t.Flush()
		},
	}
}

func runsBestCommand() *cobra.Command {
	by, n := "test loss", 1
	var tags []string
	c := &cobra.Command{
		Use:   "best [DIR]",
		Short: "print the run that is best by a figure",
		Long: `Print the run whose last evaluation is best by a figure, its path first, so that
another program can go on with it.`,
		Example: `  x2vec runs best --by "kNN accuracy"
  x2vec report $(x2vec runs best runs -n 3 --by probe | cut -f 1)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if n < 1 {
				return badRequest(fmt.Errorf("-n: is %d, want at least 1", n))
			}
			list, err := summaries(runsDir(args), tags)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return badRequest(fmt.Errorf("no runs in %s%s", runsDir(args), with(tags)))
			}
			name, err := figureName(list, by)
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(s runs.Summary) bool {
				f, ok := s.Figure(name)
				return !ok || f.Better == "" || math.IsNaN(f.Value())
			})
			if len(list) == 0 {
				return fmt.Errorf("of %q neither more nor less is better", name)
			}
			if err := sortRuns(list, name); err != nil {
				return err
			}
			for _, s := range list[:min(n, len(list))] {
				f, _ := s.Figure(name)
				fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\n", filepath.Join(runsDir(args), filepath.FromSlash(s.Name)), name, report.FigureValue(name, f.Value()))
			}
			return nil
		},
	}
	c.Flags().StringVar(&by, "by", by, "name of the `figure`, or a part of it")
	c.Flags().IntVarP(&n, "number", "n", n, "of runs to print")
	c.Flags().StringArrayVar(&tags, "tag", nil, "only runs with this tag; may be given several times")
	return c
}

// writeTable writes rows, the first of which is the heading.
func writeTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

// errNotAsked is what a question that nobody can answer comes to.
var errNotAsked = errors.New("nobody is there to ask; give --yes")
