package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/data/text"
	"x2vec/data/tokenizer"
)

func dataTokenizerCommand() *cobra.Command {
	out, size, lower := "tokenizer.json", 8192, false
	c := &cobra.Command{
		Use:   "tokenizer TEXT...",
		Short: "learn byte-pair merges from texts",
		Long: `Count the words of texts and learn byte-pair merges of them: tokens that are bytes,
parts of words, and frequent words. The file is a tokenizer.json that Hugging Face's
tokenizers read too. A run takes it as data.tokenizer; so it does a tokenizer.json of
theirs, of the kinds byte-level BPE (GPT-2, CLIP) and WordPiece (BERT), and CLIP's own
bpe_simple_vocab_16e6.txt.gz.

TEXT is a file, plain or packed (gz, bz2, zst), a folder of texts, or - for the
standard input.`,
		Example: `  x2vec data tokenizer books/ -o tokenizer.json --size 8192 --lower
  x2vec train mlm --data books/ --set data.tokenizer=tokenizer.json --set objective.whole_words=true`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if size <= 256 {
				return badRequest(fmt.Errorf("--size: is %d, want more than 256: each byte is a token", size))
			}
			if _, err := os.Stat(filepath.Dir(out)); err != nil {
				return badRequest(fmt.Errorf("-o: %w", err))
			}
			ctx, stop := untilSignal(c.Context(), newConsole(c))
			defer stop()
			l := tokenizer.NewLearner(lower)
			if err := text.Learn(ctx, l, c.InOrStdin(), args...); err != nil {
				if errors.Is(err, os.ErrNotExist) {
					return badRequest(err)
				}
				return err
			}
			t, err := l.Learn(size)
			if err != nil {
				return err
			}
			if err := t.Save(out); err != nil {
				return err
			}
			n := len(t.Tokens())
			fmt.Fprintf(c.OutOrStdout(), "%s: %s tokens, the last of them %q\n", out, humanize.Comma(int64(n)), t.Tokens()[n-1])
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "out", "o", out, "`file` to write")
	f.IntVar(&size, "size", size, "tokens in all")
	f.BoolVar(&lower, "lower", false, "lower capitals first")
	return c
}
