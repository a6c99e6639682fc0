package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data/check"
	"x2vec/data/readers"
	"x2vec/data/text"
)

func dataCheckCommand() *cobra.Command {
	var o readers.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "check NAME|FOLDER|TEXT...",
		Short: "look for damaged files, duplicates and leaks",
		Long: `Read every example and tell what spoils a training: damaged and constant
examples, exact duplicates, examples of one picture with two labels, and test
examples that are among the training ones. Counts the classes and gives the mean
and standard deviation of each channel. Of a text it counts words and vocabulary,
and says how much of the text that covers; of a list of texts (lines, csv, tsv) also
classes, duplicates and leaks.

The exit status is 1 where something was found that spoils a training.`,
		Example: `  x2vec data check builtin
  x2vec data check ~/photos --size 64 --json
  x2vec data check books/ more.txt.bz2 --min-count 10
  zcat dump.gz | x2vec data check -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			out := c.OutOrStdout()
			name := func() error { return named(args[0], &o) }
			if len(args) > 1 || args[0] == "-" {
				name = func() error { return namedTexts(c, args, &o) }
			}
			if err := name(); err != nil {
				return err
			}
			if !c.Flags().Changed("damaged") {
				o.OnDamaged = "keep" // to be counted, not refused
			}
			train, test, err := openSplits(o)
			if err != nil {
				return err
			}
			if c, ok := train.(*text.Corpus); ok {
				return printText(out, check.Text(c), asJSON)
			}
			if l, ok := train.(*text.Lines); ok {
				t, _ := test.(*text.Lines)
				return checkLines(c, l, t, asJSON)
			}
			report, err := check.Run(c.Context(), train, test, nil)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(out, report)
			} else {
				printCheck(out, report)
			}
			if err != nil {
				return err
			}
			if !report.Sound() {
				return errors.New(args[0] + ": there are faults that spoil a training")
			}
			return nil
		},
	}
	readerFlags(c.Flags(), &o)
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole report as JSON")
	return c
}

func printJSON(w io.Writer, report any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

func printText(w io.Writer, r check.TextReport, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	var words []string
	for _, f := range r.Frequent {
		words = append(words, fmt.Sprintf("%s %d", f.Word, f.Count))
	}
	_, err := fmt.Fprintf(w, "%s, runs of %d words\n\n  words       %d\n  vocabulary  %d words, each there %d times or more\n  coverage    %.2f %% of the text, %d words in %d examples\n  frequent    %s\n",
		r.Name, r.Length, r.Words, r.Vocabulary, r.Rarest, 100*r.Coverage, r.Kept, r.Examples, strings.Join(words, ", "))
	return err
}

// checkLines is the command for a list of texts.
func checkLines(c *cobra.Command, train, test *text.Lines, asJSON bool) error {
	r, err := check.Lines(c.Context(), train, test)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	if asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else {
		printLines(w, r)
	}
	if !r.Sound() {
		return errors.New(r.Name + ": there are faults that spoil a training")
	}
	return nil
}

func printLines(w io.Writer, r *check.LinesReport) {
	fmt.Fprintf(w, "%s, texts of up to %d words; vocabulary of %d words, which cover %.2f %% of the texts\n", r.Name, r.Length, r.Vocabulary, 100*r.Coverage)
	for _, s := range r.Splits {
		fmt.Fprintf(w, "\n%s: %d texts\n", s.Split, s.Texts)
		for _, c := range s.Classes {
			fmt.Fprintf(w, "  %7d  %s\n", c.Examples, c.Name)
		}
		if s.Unlabelled > 0 {
			fmt.Fprintf(w, "  %7d  without a label\n", s.Unlabelled)
		}
		fmt.Fprintf(w, "  no known word  %d%s\n  duplicates     %d", s.Empty.Count, first(s.Empty.First), s.Duplicates.Count)
		if s.Conflicts > 0 {
			fmt.Fprintf(w, ", of which %d have another label", s.Conflicts)
		}
		fmt.Fprintln(w, pairs(s.Duplicates))
	}
	if len(r.Splits) > 1 {
		fmt.Fprintf(w, "\ntest texts that are in the training set: %d%s\n", r.Leaks.Count, pairs(r.Leaks))
	}
}

func printCheck(w io.Writer, r *check.Report) {
	fmt.Fprintf(w, "%s, examples of %s\n", r.Name, strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Shape), " ", " x "), "[]"))
	for _, s := range r.Splits {
		fmt.Fprintf(w, "\n%s: %d examples\n", s.Split, s.Examples)
		for _, c := range s.Classes {
			fmt.Fprintf(w, "  %7d  %s\n", c.Examples, c.Name)
		}
		if s.Unlabelled > 0 {
			fmt.Fprintf(w, "  %7d  without a label\n", s.Unlabelled)
		}
		fmt.Fprintf(w, "  mean %s, standard deviation %s of each channel, pixels in 0..1\n", figures(s.Mean), figures(s.Std))
		fmt.Fprintf(w, "  damaged     %d\n", s.Damaged.Count)
		for _, f := range s.Damaged.First {
			fmt.Fprintf(w, "    example %d: %s\n", f.Index, f.Error)
		}
		fmt.Fprintf(w, "  constant    %d%s\n", s.Constant.Count, first(s.Constant.First))
		fmt.Fprintf(w, "  duplicates  %d", s.Duplicates.Count)
		if s.Conflicts > 0 {
			fmt.Fprintf(w, ", of which %d have another label", s.Conflicts)
		}
		fmt.Fprintln(w, pairs(s.Duplicates))
	}
	if len(r.Splits) > 1 {
		fmt.Fprintf(w, "\ntest examples that are in the training set: %d%s\n", r.Leaks.Count, pairs(r.Leaks))
	}
}

func figures(v []float64) string {
	var s []string
	for _, x := range v {
		s = append(s, fmt.Sprintf("%.4f", x))
	}
	return strings.Join(s, " ")
}

func first(index []int) string {
	if len(index) == 0 {
		return ""
	}
	return " (" + strings.Trim(fmt.Sprint(index[:min(8, len(index))]), "[]") + etc(len(index) > 8)
}

func pairs(p check.Pairs) string {
	if p.Count == 0 {
		return ""
	}
	var s []string
	for _, q := range p.First[:min(5, len(p.First))] {
		s = append(s, fmt.Sprintf("%d = %d", q.Index, q.Equals))
	}
	return " (" + strings.Join(s, ", ") + etc(p.Count > 5)
}

func etc(more bool) string {
	if more {
		return " …)"
	}
	return ")"
}
