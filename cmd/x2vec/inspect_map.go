package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

// methodFlag checks the way in which a map is made.
func methodFlag(method string) error {
	if method != inspect.ByPCA && method != inspect.ByTSNE {
		return badRequest(fmt.Errorf("--method is %q, want %s or %s", method, inspect.ByTSNE, inspect.ByPCA))
	}
	return nil
}

// mapRounds are those of t-SNE where there is time: on the way from 250 to 1000 the
// clusters draw together.
const mapRounds = 750

func inspectMapCommand() *cobra.Command {
	var o lookFlags
	method := inspect.ByTSNE
	c := &cobra.Command{
		Use:   "map RUN",
		Short: "place examples in the plane by their codes",
		Long: `Place examples in the plane by their codes (or another layer): by t-SNE, which keeps
neighbours together (van der Maaten and Hinton 2008), or by the first two principal
components. A map of 1,000 points is written after training too; it shows on the run's
page. Runs on words are placed by embed-words.`,
		Example: "  x2vec inspect map runs/simclr\n  x2vec inspect map runs/ae-mlp --method pca --layer encoder/fc1 -n 2000",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := methodFlag(method); err != nil {
				return err
			}
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			if l.kept.Task.Spec.Words != nil {
				return fmt.Errorf("%s: is a run on words; x2vec inspect embed-words %s places those", l.run, l.run)
			}
			f, err := l.features(o.layer)
			if err != nil {
				return err
			}
			m, err := inspect.NewMap(f, l.index, l.all.Spec().Classes, method, mapRounds)
			if err != nil {
				return err
			}
			m.Header = l.header("map")
			if err := m.Illustrate(l.all); err != nil {
				return err
			}
			name := l.name("map")
			if err := m.Write(l.into, name); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d examples by %s; %s, %s.json\n", len(m.Points), m.Method, l.into.File(name+".png"), name)
			return nil
		},
	}
	o.common(c, 2000)
	o.withLayer(c)
	c.Flags().StringVar(&method, "method", method, "tsne or pca")
	return c
}

func inspectWordsCommand() *cobra.Command {
	var o lookFlags
	method := inspect.ByTSNE
	c := &cobra.Command{
		Use:   "embed-words RUN [WORD...]",
		Short: "place words in the plane by their vectors, with their neighbours",
		Long: `Place words in the plane by their vectors: those that are given, each with the words
nearest to it, or without any the most frequent ones. It takes runs that have a table of
words: skipgram, cbow, masked words.`,
		Example: "  x2vec inspect embed-words runs/skipgram\n  x2vec inspect embed-words runs/skipgram king queen bread wine --method pca",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := methodFlag(method); err != nil {
				return err
			}
			if err := o.check(c, args[0]); err != nil {
				return err
			}
			kept, err := job.Keep(args[0], o.step)
			if err != nil {
				return err
			}
			words := kept.Task.Spec.Words
			if words == nil {
				return fmt.Errorf("%s: is a run on %s, which has no words; x2vec inspect map %s places its examples", args[0], kept.Task.Spec.Name, args[0])
			}
			chosen := data.Evenly(o.n, min(o.n, words.Len()))
			var tables []eval.Table
			if len(args) > 1 {
				v, _, err := job.Words(args[0])
				if err != nil {
					return err
				}
				table, near, err := wordNeighbors(eval.NewWordSpace(v, nil), args[1:])
				if err != nil {
					return asked(err)
				}
				tables, chosen = append(tables, table), near
			}
			m, err := trainers.WordMap(kept.Task, kept.Params, chosen, method, mapRounds)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			m.Header = inspect.Header{Command: "embed-words", Run: args[0], Step: kept.Step, Tap: "words", Tables: tables}
			into := inspect.Of(args[0])
			if o.out != "" {
				into = inspect.Folder{Path: o.out}
			}
			if err := m.Write(into, "words"); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d words by %s; %s, words.json\n", len(m.Points), m.Method, into.File("words.png"))
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "`folder` to write into (default: RUN/inspect)")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.IntVarP(&o.n, "words", "n", 500, "most frequent words, where none are given")
	f.StringVar(&method, "method", method, "tsne or pca")
	return c
}

// wordNeighbors are the words nearest to each of some, as a table and by number, the
// words themselves first.
func wordNeighbors(s *eval.WordSpace, words []string) (eval.Table, []int, error) {
	const near = 10
	table := eval.Table{Name: "nearest", Caption: fmt.Sprintf("The %d words nearest to each, with their cosines.", near), Columns: []string{"word", "nearest"}}
	var numbers []int
	add := func(word string) error {
		i, err := s.Find(word)
		if err == nil && !slices.Contains(numbers, i) {
			numbers = append(numbers, i)
		}
		return err
	}
	for _, w := range words {
		if err := add(w); err != nil {
			return table, nil, err
		}
		list, err := s.Neighbors(w, near)
		if err != nil {
			return table, nil, err
		}
		var said []string
		for _, n := range list {
			if err := add(n.Word); err != nil {
				return table, nil, err
			}
			said = append(said, fmt.Sprintf("%s %.2f", n.Word, n.Cosine))
		}
		table.Rows = append(table.Rows, []string{w, strings.Join(said, ", ")})
	}
	return table, numbers, nil
}
