package main

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/data/transforms"
)

func dataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "list, download, look at and check data sets",
		Long: `List, download, look at and check data sets.

A data set is named (x2vec data ls) or is a folder; what a folder holds is found
out by looking. Named sets are looked for in $X2VEC_DATA/NAME and in the cache
that "x2vec data get" fills.`,
	}
	c.AddCommand(dataLsCommand(), dataShowCommand(), dataGetCommand(), dataCheckCommand(), dataPreviewCommand(), dataTokenizerCommand())
	return c
}

// readerFlags are the settings of a source as flags.
func readerFlags(f *pflag.FlagSet, o *readers.Options) {
	f.StringVar(&o.Path, "path", "", "`folder` that holds the files")
	f.Uint64Var(&o.Seed, "seed", 0, "of --limit, of made data, and of the split of a folder that has none")
	f.IntVar(&o.Limit, "limit", 0, "take only so many examples, drawn by --seed (0 = all)")
	f.StringVar(&o.Variant, "variant", "", "emnist: balanced, byclass, bymerge, letters, digits, mnist; cifar100: fine, coarse")
	f.IntVar(&o.Size, "size", 0, "height and width that pictures are brought to")
	f.IntVar(&o.Channels, "channels", 0, "folder, frames, shapes, bouncing-shapes, synthetic: 1 (grey) or 3 (colour)")
	f.IntVar(&o.Count, "count", 0, "shapes, synthetic, bouncing: number of examples")
	f.IntVar(&o.Frames, "frames", 0, "bouncing, frames: of a clip (default 10)")
	f.IntVar(&o.Objects, "objects", 0, "bouncing: things in a clip (default 2)")
	f.StringVar((*string)(&o.Resize), "resize", string(transforms.Crop), "folder, frames: crop or stretch")
	f.StringVar(&o.OnDamaged, "damaged", "refuse", "folder, frames: what to do with a file that cannot be read: refuse, skip or keep")
	f.StringVar(&o.Words, "words", "words", "text: how it is split: text8, words or whitespace")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "text: a tokenizer.json `file`, for its tokens in place of words")
	f.IntVar(&o.MinCount, "min-count", 5, "text: leave out words that occur less often")
	f.IntVar(&o.MaxWords, "max-words", 0, "text: keep the most frequent words only (0 = all)")
	f.BoolVar(&o.Unknown, "unknown", false, "text: words that are not kept stand as [UNK], and are not left out")
	f.IntVar(&o.Length, "length", 256, "text: words of an example")
	f.StringVar(&o.TextColumn, "text-column", "", "lines: name or number of the column of texts (default: text, sentence, review …)")
	f.StringVar(&o.LabelColumn, "label-column", "", "lines: name or number of the column of labels (default: label, class, category …)")
}

// named fills in which source is meant by NAME or by a folder.
func named(arg string, o *readers.Options) error {
	if slices.Contains(readers.Names(), arg) {
		o.Name = arg
		return nil
	}
	if _, err := os.Stat(arg); err != nil {
		o.Name = arg
		if wrong := o.Check(); wrong != nil {
			return badRequest(wrong)
		}
		return err
	}
	found, err := readers.Detect(arg)
	if err != nil {
		return err
	}
	if o.Variant == "" {
		o.Variant = found[0].Options.Variant
	}
	o.Name, o.Path = found[0].Options.Name, arg
	return nil
}

// namedTexts is named for several texts, or for that of the standard input.
func namedTexts(c *cobra.Command, paths []string, o *readers.Options) error {
	for _, path := range paths {
		if _, err := os.Stat(path); path != "-" && err != nil {
			return badRequest(err)
		}
	}
	o.Name, o.Path, o.More, o.Stdin = "text", paths[0], paths[1:], c.InOrStdin()
	return nil
}

// openSplits opens the training examples and, where there are any, the test
// examples of a source.
func openSplits(o readers.Options) (train, test data.Source, err error) {
	if err := o.Check(); err != nil {
		return nil, nil, badRequest(err)
	}
	o.Split = "train"
	ofTest := o
	ofTest.Split = "test"
	train, test, err, terr := readers.OpenSplits(o, ofTest)
	switch {
	case err != nil && terr != nil:
		return nil, nil, err
	case err != nil:
		return nil, nil, errors.Join(err, errors.New("only the test examples can be read"))
	case terr != nil:
		return train, nil, nil
	}
	return train, test, nil
}
