package text

import (
	"bytes"
	"context"
	_ "embed"
)

// kjv is most of the King James Version; the README in its folder says more.
//
//go:embed kjv/kjv.txt.gz
var kjv []byte

// Builtin is the corpus of the text within the program: books of the King James
// Version, some 600,000 words.
func Builtin(ctx context.Context, o Options) (*Corpus, error) {
	o.Stdin = bytes.NewReader(kjv)
	c, err := Read(ctx, o, "-")
	if err != nil {
		return nil, err
	}
	c.spec.Name = "builtin-text (King James Version)"
	return c, nil
}
