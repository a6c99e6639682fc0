package main

import (
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/trainers/job"
)

func fillCommand() *cobra.Command {
	n := 5
	c := &cobra.Command{
		Use:   "fill RUN TEXT...",
		Short: "fill the gaps of a text with a model of masked words",
		Long: `List the most probable words for each ` + data.HiddenWord + ` of a text, by a run whose objective is
mlm, with their probabilities.`,
		Example: `  x2vec fill runs/mlm "colorless ` + data.HiddenWord + ` ideas sleep furiously"`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			said := strings.Join(args[1:], " ")
			switch {
			case n < 1:
				return badRequest(fmt.Errorf("-n: is %d, want at least 1", n))
			case !strings.Contains(said, data.HiddenWord):
				return badRequest(fmt.Errorf("there is no gap in the text; write %s where a word is missing", data.HiddenWord))
			}
			if _, err := ownFile(args[0], nil); err != nil {
				return err
			}
			f, err := job.KeepFiller(args[0])
			if err != nil {
				return err
			}
			gaps, unknown, err := f.Fill(said, n)
			if err != nil {
				return badRequest(err)
			}
			if len(unknown) > 0 {
				logrus.Warnf("not in the vocabulary of %s: %s", args[0], strings.Join(unknown, ", "))
			}
			for i, g := range gaps {
				if len(gaps) > 1 {
					fmt.Fprintf(c.OutOrStdout(), "gap %d:\n", i+1)
				}
				for _, w := range g.Guesses {
					fmt.Fprintf(c.OutOrStdout(), "%7.2f %%  %s\n", 100*w.P, w.Word)
				}
			}
			return nil
		},
	}
	c.Flags().IntVarP(&n, "number", "n", n, "of words to list for each gap")
	return c
}
