package readers

import (
	"context"

	"x2vec/data"
	"x2vec/data/text"
	"x2vec/data/tokenizer"
)

// openLines reads texts that are an example each.
func openLines(where string, o Options) (data.Source, error) {
	train, test, err := readLines(where, o)
	switch {
	case err != nil:
		return nil, err
	case o.Split == "train":
		return train, nil
	case test == nil:
		return nil, allLinesTrain
	}
	return test, nil
}

const allLinesTrain = absent("lines: all of the texts are for training; a test share of 0.1 keeps a tenth of them for tests")

// openLinesOnce is OpenSplits for texts that are read once for both parts.
func openLinesOnce(o, forTest Options) (train, test data.Source, trainErr, testErr error) {
	of := func(src data.Source, o Options) (data.Source, error) {
		if len(o.Classes) == 0 {
			return src, nil
		}
		return data.Only(src, o.Classes)
	}
	_, where, err := o.find()
	if err != nil {
		return nil, nil, err, err
	}
	a, b, err := readLines(where, o)
	if err != nil {
		return nil, nil, err, err
	}
	testErr = allLinesTrain
	if b != nil {
		if test, testErr = of(b, forTest); testErr == nil {
			test, testErr = forTest.some(test)
		}
	}
	if train, trainErr = of(a, o); trainErr == nil && o.Unseen {
		train, trainErr = o.apart(train, test)
	} else if trainErr == nil {
		train, trainErr = o.some(train)
	}
	return train, test, trainErr, testErr
}

// readLines gives both parts of a list of texts; test is nil where there is none.
func readLines(where string, o Options) (train, test *text.Lines, err error) {
	options := text.LineOptions{Options: o.textOptions(), Text: o.TextColumn, Label: o.LabelColumn, TestShare: o.TestShare, Seed: o.Seed}
	if o.Tokenizer != "" {
		if options.Tokenizer, err = tokenizer.Load(o.Tokenizer); err != nil {
			return nil, nil, err
		}
	}
	return text.ReadLines(context.Background(), options, where)
}
