package readers

import (
	"context"

	"x2vec/data"
	"x2vec/data/text"
)

// texts are the sources of words, in place of pictures.
var texts = []string{"text", "builtin-text"}

func (o Options) textOptions() text.Options {
	t := text.Options{Split: o.Words, MinCount: o.MinCount, MaxWords: o.MaxWords, Length: o.Length}
	if t.Split == "" {
		t.Split = "words"
	}
	if t.MinCount == 0 {
		t.MinCount = 5
	}
	if t.Length == 0 {
		t.Length = 256
	}
	return t
}

// openText reads a text; what words it has is found out on the way.
func openText(where string, o Options) (data.Source, error) {
	if o.Split == "test" {
		return nil, absent(o.Name + ": all of a text is for training")
	}
	if o.Name == "builtin-text" {
		return text.Builtin(context.Background(), o.textOptions())
	}
	return text.Read(context.Background(), o.textOptions(), where)
}
