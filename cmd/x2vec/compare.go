package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"x2vec/trainers"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

func compareCommand() *cobra.Command {
	var page string
	var joined, asJSON bool
	var settings, figures []string
	c := &cobra.Command{
		Use:   "compare RUN...",
		Short: "put the results of runs into one table",
		Long: `Put runs into one table: the settings in which they differ, every figure of the last
evaluation (kNN, linear probe, …), and what probe, transfer and zeroshot found out about
the run since, of its newest checkpoint. An asterisk marks the best of a column; losses
and the like are not compared between runs of different objectives. Runs whose settings
are equal but for the seed can be joined (--join): then a figure is the mean and the
half width of its 95 % interval. Of a single run ± is that over the draws of the labels.`,
		Example: `  x2vec compare runs/a runs/b
  x2vec compare runs/pretext/*/ --setting objective.type --figure accuracy
  x2vec compare runs/simclr-* --join --page compare.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := summariesOf(args)
			if err != nil {
				return err
			}
			for i, dir := range args {
				f, err := runs.Open(dir)
				if err != nil {
					return err
				}
				list[i].Figures = slices.DeleteFunc(append(list[i].Figures, judgements(f.Files, list[i])...), func(f runs.Figure) bool {
					return len(figures) > 0 && !slices.ContainsFunc(figures, func(part string) bool { return strings.Contains(strings.ToLower(f.Name), strings.ToLower(part)) })
				})
			}
			if len(figures) > 0 && !slices.ContainsFunc(list, func(s runs.Summary) bool { return len(s.Figures) > 0 }) {
				return badRequest(fmt.Errorf("--figure: no run has a figure with %s in its name", strings.Join(figures, " or ")))
			}
			if asJSON {
				err = writeRunsJSON(c.OutOrStdout(), list)
			} else {
				table := report.NewCompare(list, joined)
				if len(settings) > 0 {
					if err := table.Only(settings); err != nil {
						return badRequest(fmt.Errorf("--setting: %w", err))
					}
				}
				err = writeTable(c.OutOrStdout(), table.Text())
			}
			if err != nil || page == "" {
				return err
			}
			return writePage(c, args, page)
		},
	}
	f := c.Flags()
	f.BoolVar(&joined, "join", false, "join runs that differ in nothing but the seed")
	f.BoolVar(&asJSON, "json", false, "print one line of JSON a run")
	f.StringVar(&page, "page", "", "write the page of all of them into this `file` too")
	f.StringArrayVar(&settings, "setting", nil, "show only this `setting` among those that differ; may be given several times")
	f.StringArrayVar(&figures, "figure", nil, "show only figures with this `text` in their names; may be given several times")
	return c
}

// judgements are what probe, transfer and zeroshot found out about the newest checkpoint
// of a run. Of several with the same name the one that was written last counts; what
// cannot be read is left out.
func judgements(files fs.FS, s runs.Summary) []runs.Figure {
	type found struct {
		when    time.Time
		figures []runs.Figure
	}
	var all []found
	add := func(file string, figures []runs.Figure) {
		if info, err := fs.Stat(files, file); err == nil { // else it is gone since
			all = append(all, found{info.ModTime(), figures})
		}
	}
	probes, _ := runs.Transfers(files)
	for i := range probes {
		add(probes[i].File, probedFigures(&probes[i], s))
	}
	curves, _ := runs.Curves(files)
	for i := range curves {
		add(curves[i].File, curveFigures(&curves[i], s))
	}
	names, _ := fs.Glob(files, path.Join(runs.TransferDir, "zeroshot-*.json")) // the pattern is sound
	for _, name := range names {
		if text, err := runs.ReadFile(files, name, maxProbe); err == nil {
			add(name, zeroShotFigures(text, s))
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.when.Compare(b.when) })
	var list []runs.Figure
	for _, f := range all {
		for _, g := range f.figures {
			if i := slices.IndexFunc(list, func(had runs.Figure) bool { return had.Name == g.Name }); i >= 0 {
				list[i] = g
			} else {
				list = append(list, g)
			}
		}
	}
	return list
}

// judged is one of these figures.
func judged(name, note string, step int, mean, half float64) runs.Figure {
	return runs.Figure{Name: name, Better: "higher", Note: note, Last: mean, Best: mean, Half: half, Step: step}
}

// elsewhere names a data set that is not the run's own.
func elsewhere(set string, s runs.Summary) string {
	if set == s.Settings.Values["data.source"] || set == path.Base(filepath.ToSlash(s.Settings.Values["data.path"])) {
		return ""
	}
	return ", " + set
}

func probedFigures(t *runs.Transfer, s runs.Summary) (list []runs.Figure) {
	if t.Step != s.Step {
		return nil
	}
	for _, row := range t.Rows {
		name := runs.FigureName(row.Method, t.Score, t.Labels)
		if row.Name != "encoder" || name == "" {
			continue
		}
		name += elsewhere(t.Data, s)
		if t.Layer != trainers.CodeTap {
			name += ", " + t.Layer
		}
		list = append(list, judged(name, fmt.Sprintf("x2vec probe, %d draws", t.Seeds), t.Step, float64(row.Mean), float64(row.Half)))
	}
	return list
}

func curveFigures(c *runs.Curve, s runs.Summary) (list []runs.Figure) {
	if c.Step != s.Step {
		return nil
	}
	for _, row := range c.Rows {
		if name := runs.FigureName(row.Method, c.Score, row.Labels); name != "" {
			list = append(list, judged(name+elsewhere(c.Data, s), fmt.Sprintf("x2vec transfer, %d draws", c.Seeds), c.Step, row.Mean, row.Half))
		}
	}
	return list
}

func zeroShotFigures(text []byte, s runs.Summary) (list []runs.Figure) {
	var r zeroShotReport
	if json.Unmarshal(text, &r) != nil || r.Step != s.Step {
		return nil
	}
	for _, row := range r.Tasks {
		name := "zero-shot accuracy"
		if row.Of != "class" {
			name += " of " + row.Of
		}
		name += ", asked" + elsewhere(r.Data, s)
		list = append(list, judged(name, fmt.Sprintf("x2vec zeroshot, asked as %q", row.Prompt), r.Step, row.Accuracy, 0))
	}
	return list
}
