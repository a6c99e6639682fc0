package text

import (
	"context"
	"errors"
	"fmt"
	"io"

	"x2vec/data"
	"x2vec/data/tokenizer"
)

// Learn counts the words of the texts that paths stand for, as Files lists them.
func Learn(ctx context.Context, l *tokenizer.Learner, stdin io.Reader, paths ...string) error {
	files, err := Files(paths...)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := learnFile(ctx, l, stdin, f); err != nil {
			return err
		}
	}
	return nil
}

func learnFile(ctx context.Context, l *tokenizer.Learner, stdin io.Reader, path string) (err error) {
	r, err := Open(path, stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	l.Begin()
	s := &pieces{emit: l.Add}
	if _, err := io.Copy(s, data.Until(ctx, r)); err != nil {
		return faulty(ctx, fmt.Errorf("%s: %w", path, err))
	}
	if err := s.close(); err != nil {
		return data.Input(fmt.Errorf("%s: %w", path, err))
	}
	return nil
}
