package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/objectives"
	"x2vec/trainers/job"
)

func zeroshotCommand() *cobra.Command {
	var from, labels string
	var prompts, classes []string
	var asJSON bool
	step := job.Newest
	c := &cobra.Command{
		Use:   "zeroshot RUN",
		Short: "tell pictures apart by words alone, with a model of pictures and captions (clip)",
		Long: `Ask of each test picture which text goes with it best, and count how often that is the
right one. A prompt is a text with {class} in it, for which each class is put in turn,
or the name of a factor such as {colour}; where it has several places the other ones
take all their names, and where there are several prompts, their directions are averaged.
Nothing is trained.

Prompts are those of the run where none is given.`,
		Example: `  x2vec zeroshot runs/clip --prompt "a {colour} {shape}"
  x2vec zeroshot runs/clip-folder --data ~/flowers --prompt "a photo of a {class}"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := ownFile(args[0], nil); err != nil {
				return err
			}
			m, err := job.KeepMatcher(args[0], step)
			if err != nil {
				return err
			}
			m.Classes, m.Labels = classes, labels
			src, err := m.Open(c.Context(), from, "test", func(text string) { logrus.Warn(text) })
			if err != nil {
				return err
			}
			if len(prompts) == 0 && from == "" {
				prompts = m.CLIP.Prompts
			}
			console := newConsole(c)
			console.onSignal = "leaving"
			ctx, stop := untilSignal(c.Context(), console)
			defer stop()
			found, err := m.CLIP.ZeroShot(ctx, m.Task, m.Params, src, prompts)
			if err != nil {
				if strings.HasPrefix(err.Error(), "prompts") {
					return badRequest(fmt.Errorf("--%w", err))
				}
				return err
			}
			report := zeroShotReport{Run: args[0], Step: m.Step, Data: src.Spec().Name}
			for _, z := range found {
				report.add(z)
			}
			if err := saveResult(args[0], "zeroshot "+report.Data, report); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(report)
			}
			return report.print(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&from, "data", "", "`folder` of the pictures, or the name of a data set (default: the run's own)")
	f.StringArrayVar(&prompts, "prompt", nil, "`text` to ask, as \"a photo of a {class}\"; may be given several times (default: those of the run)")
	f.StringSliceVar(&classes, "classes", nil, "classes to keep, in this order (default: all)")
	f.StringVar(&labels, "labels-from", "", "`file` of labels for a folder of pictures: file,label[,split] as csv or tsv")
	f.IntVar(&step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// zeroShotReport is what --json prints and the run's folder keeps.
type zeroShotReport struct {
	Run   string        `json:"run"`
	Step  int           `json:"step"`
	Data  string        `json:"data"`
	Tasks []zeroShotRow `json:"tasks"`
}

type zeroShotRow struct {
	Of       string         `json:"of"`
	Prompt   string         `json:"first_prompt"`
	Accuracy float64        `json:"accuracy"`
	Test     int            `json:"test"`
	Largest  float64        `json:"share_of_most_frequent"`
	Answers  []answerCounts `json:"answers"`
	Unknown  []string       `json:"names_with_unknown_words,omitempty"`
}

type answerCounts struct {
	Name  string `json:"name"`
	Right int    `json:"right"`
	Of    int    `json:"of"`
}

func (r *zeroShotReport) add(z objectives.ZeroShot) {
	share, _ := z.Largest()
	row := zeroShotRow{Of: z.Of, Prompt: z.Prompt, Accuracy: z.Accuracy(), Test: z.N, Largest: share, Unknown: z.Unknown}
	for i, name := range z.Names {
		row.Answers = append(row.Answers, answerCounts{name, z.Right[i], z.Asked[i]})
	}
	r.Tasks = append(r.Tasks, row)
}

func (r zeroShotReport) print(w io.Writer) error {
	for _, row := range r.Tasks {
		fmt.Fprintf(w, "%s (step %d): %s of %s test pictures of %s, %.2f %% right; the most frequent is %.2f %%\n", r.Run, r.Step,
			row.Of, humanize.Comma(int64(row.Test)), r.Data, 100*row.Accuracy, 100*row.Largest)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range row.Answers {
			fmt.Fprintf(t, "  %s\t%d of %d\t%.1f %%\n", a.Name, a.Right, a.Of, 100*float64(a.Right)/float64(max(1, a.Of)))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(w, "asked as %q\n", row.Prompt)
		if len(row.Unknown) > 0 {
			fmt.Fprintf(w, "words that no training caption has are in the names of %s\n", strings.Join(row.Unknown, ", "))
		}
	}
	return nil
}
