package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/data/vectors"
	"x2vec/trainers/eval"
	"x2vec/trainers/job"
)

// aboutVectors is said of every command that takes word vectors.
const aboutVectors = `RUN is the folder of a run that trains word vectors, or a file of them: word2vec's
text and binary form, fastText's .vec, GloVe's text.`

// openWords reads the vectors of a run or of a file. unseen makes those of words that
// are not there; nil where that cannot be.
func openWords(path string) (v *vectors.Vectors, unseen func(word string) []float32, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, nil, badRequest(err)
	case info.IsDir():
		return job.Words(path)
	}
	v, err = vectors.Open(path)
	if err == nil && v.Again > 0 {
		logrus.Warnf("%s: %d words are there more than once, %q among them; the first of each counts", path, v.Again, v.FirstAgain)
	}
	return v, nil, err
}

// openSpace is openWords for comparing words.
func openSpace(path string) (s *eval.WordSpace, err error) {
	v, unseen, err := openWords(path)
	if err != nil {
		return nil, err
	}
	return eval.NewWordSpace(v, unseen), nil
}

// asked turns an unknown word into a request that was wrong.
func asked(err error) error {
	var u *eval.UnknownWord
	if errors.As(err, &u) {
		return badRequest(err)
	}
	return err
}

func neighborsCommand() *cobra.Command {
	n := 10
	c := &cobra.Command{
		Use:     "neighbors RUN WORD...",
		Short:   "list the words whose vectors are nearest to a word's",
		Long:    "List the words whose vectors are nearest to that of a word, with their cosines.\n\n" + aboutVectors,
		Example: "  x2vec neighbors runs/words paris\n  x2vec neighbors glove.6B.100d.txt paris -n 5",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if n < 1 {
				return badRequest(fmt.Errorf("-n: is %d, want at least 1", n))
			}
			s, err := openSpace(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			for _, word := range args[1:] {
				near, err := s.Neighbors(word, n)
				if err != nil {
					return asked(err)
				}
				if len(args) > 2 {
					fmt.Fprintf(c.OutOrStdout(), "%s:\n", word)
				}
				printNeighbors(c, near)
			}
			return nil
		},
	}
	c.Flags().IntVarP(&n, "number", "n", n, "of words to list")
	return c
}

func analogyCommand() *cobra.Command {
	n := 5
	c := &cobra.Command{
		Use:   "analogy RUN A B C",
		Short: "answer: A is to B as which word is to C?",
		Long: `List the words nearest to A - B + C, each vector being of length one, without A, B
and C themselves: paris without france, with italy. With + and - between them, words are
added and taken away as it is written.

` + aboutVectors,
		Example: "  x2vec analogy runs/words paris france italy\n  x2vec analogy runs/words walking - walked + swam",
		Args:    cobra.MinimumNArgs(4),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if n < 1 {
				return badRequest(fmt.Errorf("-n: is %d, want at least 1", n))
			}
			terms, err := termsOf(args[1:])
			if err != nil {
				return badRequest(err)
			}
			s, err := openSpace(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			near, err := s.Sum(terms, n)
			if err != nil {
				return asked(err)
			}
			printNeighbors(c, near)
			return nil
		},
	}
	c.Flags().IntVarP(&n, "number", "n", n, "of words to list")
	return c
}

// termsOf reads "A B C", an analogy, or a sum such as "A - B + C".
func termsOf(args []string) ([]eval.Term, error) {
	sign := func(s string) bool { return s == "+" || s == "-" }
	if len(args) == 3 && !slices.ContainsFunc(args, sign) {
		return []eval.Term{{Word: args[0]}, {Word: args[1], Minus: true}, {Word: args[2]}}, nil
	}
	var terms []eval.Term
	for i, word := range args {
		if sign(word) == (i%2 == 0) || i == len(args)-1 && sign(word) {
			return nil, fmt.Errorf("%s: want three words, as paris france italy, or words with + and - between them, as paris - france + italy", strings.Join(args, " "))
		}
		if !sign(word) {
			terms = append(terms, eval.Term{Word: word, Minus: i > 0 && args[i-1] == "-"})
		}
	}
	return terms, nil
}

func printNeighbors(c *cobra.Command, near []eval.Neighbor) {
	for _, w := range near {
		fmt.Fprintf(c.OutOrStdout(), "%8.4f  %s\n", w.Cosine, w.Word)
	}
}

func similarityCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "similarity RUN A B",
		Short:   "give the cosine of the vectors of two words",
		Long:    "Give the cosine of the vectors of two words.\n\n" + aboutVectors,
		Example: "  x2vec similarity runs/words cup mug",
		Args:    cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) (err error) {
			s, err := openSpace(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			cos, err := s.Similarity(args[1], args[2])
			if err != nil {
				return asked(err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%.4f\n", cos)
			return nil
		},
	}
}

func exportCommand() *cobra.Command {
	c := &cobra.Command{Use: "export", Short: "write what was learnt for other programs"}
	c.AddCommand(exportWordsCommand(), exportWeightsCommand())
	return c
}

func evalWordsCommand() *cobra.Command {
	var analogies string
	var pairs []string
	restrict := 30000
	c := &cobra.Command{
		Use:   "words RUN",
		Short: "ask word vectors analogies, and compare their cosines with people's judgement",
		Long: `Ask analogies by section, of the most frequent words, as gensim counts them; and give
the rank correlation of cosines with what people say of pairs of words, with how many of
the pairs are known.

The tests are questions-words and WordSim-353 with its parts of similar and of related
words, which are within the program, or in their place files of yours (--analogies,
--pairs): other languages, RG-65, MTurk and the like.

` + aboutVectors,
		Example: `  x2vec eval words runs/words
  x2vec eval words runs/words --pairs EN-RG-65.txt --pairs EN-MTurk-287.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if restrict < 0 {
				return badRequest(fmt.Errorf("--restrict: is %d, want 0 (all words) or more", restrict))
			}
			questions, rated, err := wordTests(analogies, pairs)
			if err != nil {
				return badRequest(err)
			}
			s, err := openSpace(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', tabwriter.AlignRight)
			if questions != nil {
				fmt.Fprintln(w, "analogies\tright\tasked\tunknown\t \t")
				scores, err := s.Analogies(questions, restrict)
				if err != nil {
					return err
				}
				for _, a := range scores {
					percent := "-"
					if a.Asked > 0 {
						percent = fmt.Sprintf("%.2f %%", 100*a.Accuracy())
					}
					fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t\n", a.Section, a.Right, a.Asked, a.Unknown, percent)
				}
			}
			if rated != nil {
				if questions != nil {
					fmt.Fprintln(w, "\t\t\t\t\t")
				}
				fmt.Fprintln(w, "pairs\tknown\tof\t\tcorrelation\t")
			}
			for _, l := range rated {
				r, correlation := s.Similarities(l.Pairs), "-"
				if !math.IsNaN(r.Spearman) {
					correlation = fmt.Sprintf("%.4f", r.Spearman)
				}
				fmt.Fprintf(w, "%s\t%d\t%d\t\t%s\t\n", l.Name, r.Found, r.Pairs, correlation)
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&analogies, "analogies", "", "`file` of questions in the form of questions-words.txt: lines of four words, and \": name\" where a section begins")
	c.Flags().StringArrayVar(&pairs, "pairs", nil, "`file` of two words and a score a line; may be given several times")
	c.Flags().IntVar(&restrict, "restrict", restrict, "ask analogies of the most frequent words only (0 = all)")
	return c
}

// wordTests are those of files, or the built-in ones where none is named.
func wordTests(analogies string, pairs []string) (questions []eval.QuestionSection, rated []eval.RatedList, err error) {
	if analogies == "" && len(pairs) == 0 {
		if questions, err = eval.BuiltinQuestions(); err == nil {
			rated, err = eval.BuiltinPairs()
		}
		return questions, rated, err
	}
	if analogies != "" {
		if questions, err = readTest(analogies, eval.ReadQuestions); err != nil {
			return nil, nil, err
		}
	}
	for _, path := range pairs {
		list, err := readTest(path, eval.ReadPairs)
		if err != nil {
			return nil, nil, err
		}
		rated = append(rated, eval.RatedList{Name: filepath.Base(path), Pairs: list})
	}
	return questions, rated, nil
}

// readTest reads a file of questions or of pairs.
func readTest[T any](path string, read func(r io.Reader) (T, error)) (T, error) {
	f, err := os.Open(path)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close()
	t, err := read(f)
	if err != nil {
		return t, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func exportWordsCommand() *cobra.Command {
	format := "text"
	c := &cobra.Command{
		Use:   "words RUN FILE",
		Short: "write word vectors to a file for other programs",
		Long: `Write word vectors to a file: as word2vec's text or binary form, or as GloVe's text,
which has no first line.

` + aboutVectors,
		Example: "  x2vec export words runs/words words.bin --format binary",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if !slices.Contains(vectors.Formats, format) {
				return badRequest(fmt.Errorf("--format: is %q, want one of %s", format, strings.Join(vectors.Formats, ", ")))
			}
			v, _, err := openWords(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, v.Close()) }()
			if err := v.Save(args[1], format); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d words, vectors of %d\n", args[1], v.Len(), v.Dim)
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", format, "text, binary or glove")
	return c
}
