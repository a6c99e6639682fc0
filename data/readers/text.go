package readers

import (
	"context"

	"x2vec/data"
	"x2vec/data/text"
	"x2vec/data/tokenizer"
)

// texts are the sources of words, in place of pictures.
var texts = []string{"text", "builtin-text"}

func (o Options) textOptions() text.Options {
	t := text.Options{Split: o.Words, MinCount: o.MinCount, MaxWords: o.MaxWords, Unknown: o.Unknown, Words: o.Vocabulary, Length: o.Length, Stdin: o.Stdin}
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
	train, test, err := readText(where, o)
	switch {
	case err != nil:
		return nil, err
	case o.Split == "train":
		return train, nil
	case test == nil:
		return nil, o.allTrains()
	}
	return test, nil
}

// allTrains is the error of a text no part of which is kept for tests.
func (o Options) allTrains() error {
	return absent(o.Name + ": all of the text is for training; a test share of 0.05 keeps its end for tests")
}

// readText gives both parts of a text; test is nil where all of it is for training.
func readText(where string, o Options) (train, test *text.Corpus, err error) {
	if o.TestShare == 0 && o.Split == "test" {
		return nil, nil, o.allTrains()
	}
	options := o.textOptions()
	if o.Tokenizer != "" {
		if options.Tokenizer, err = tokenizer.Load(o.Tokenizer); err != nil {
			return nil, nil, err
		}
	}
	if o.Name == "builtin-text" {
		train, err = text.Builtin(context.Background(), options)
	} else {
		train, err = text.Read(context.Background(), options, append([]string{where}, o.More...)...)
	}
	if err != nil || o.TestShare == 0 {
		return train, nil, err
	}
	return train.Split(o.TestShare)
}
