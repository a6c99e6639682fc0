package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/data/text"
	"x2vec/data/tokenizer"
	"x2vec/data/vectors"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// Words gives the word vectors of a run, those of its newest checkpoint, averaged
// where the run kept an average. unseen makes a vector of a word that the run does not
// know, or nil.
func Words(folder string) (v *vectors.Vectors, unseen func(word string) []float32, err error) {
	if _, err := os.Stat(filepath.Join(folder, VocabularyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: holds no word vectors: there is no %s", folder, VocabularyFile)
	}
	k, err := Keep(folder, Newest)
	if err != nil {
		return nil, nil, err
	}
	x, d, err := objectives.WordVectors(k.Task, k.Params)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", folder, err)
	}
	v, err = vectors.New(k.Task.Spec.Words.Words, d, x)
	return v, func(word string) []float32 { return objectives.UnseenWord(k.Task, k.Params, word) }, err
}

// readVocabulary reads one that the run in a folder keeps; nil where it has none.
func readVocabulary(folder, name string) (*data.Vocabulary, error) {
	path := filepath.Join(folder, name)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	v, err := data.ReadVocabulary(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// useWords takes the vocabulary for the data from the run that this one goes on from,
// or from its own folder, where it has begun, so that the other may be gone by then.
func (f *File) useWords(own string) (err error) {
	from := f.Finetune.From
	if from == "" {
		return nil
	}
	if own != "" {
		from = own
	}
	if !isDir(from) {
		return nil // a file of weights; or nothing, which is said where they are read
	}
	f.Data.vocabulary, err = readVocabulary(from, VocabularyFile)
	return err
}

// A Filler is a masked language model that is kept by a run.
type Filler struct {
	*Kept
	mlm *objectives.MLM
}

// KeepFiller reads the masked language model of a run in a folder, from its newest
// checkpoint.
func KeepFiller(folder string) (*Filler, error) {
	f := &Filler{}
	var err error
	f.Kept, err = keep(folder, Newest, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
		mlm, ok := k.File.Objective.(*objectives.MLM)
		if !ok || k.Task.Spec.Words == nil {
			return nil, fmt.Errorf("its objective is %s; want mlm, which learns to fill gaps", k.File.objectiveType)
		}
		f.mlm = mlm
		return trainers.FrozenModel(k.Task, snap, mlm.Model)
	})
	return f, err
}

// A Filled gap has the most probable words for it.
type Filled struct{ Guesses []FilledWord }

// A FilledWord is a word for a gap.
type FilledWord struct {
	Word string
	P    float64
}

// Fill gives the n most probable words for each gap of a text, in their order, without
// that which stands for all others; gaps are written [MASK]. unknown are the words of the
// text that the model does not know.
func (f *Filler) Fill(said string, n int) (gaps []Filled, unknown []string, err error) {
	tokens, unknown, err := f.Tokens(said)
	if err != nil {
		return nil, unknown, err
	}
	all, err := f.mlm.Fill(f.Task, f.Params, tokens, n+1)
	if err != nil {
		return nil, unknown, err
	}
	spell, err := f.speller()
	if err != nil {
		return nil, unknown, err
	}
	for _, list := range all {
		var gap Filled
		for _, g := range list {
			if word := f.Task.Spec.Words.Words[g.Word]; word != data.UnknownWord && len(gap.Guesses) < n {
				gap.Guesses = append(gap.Guesses, FilledWord{spell(word), g.P})
			}
		}
		gaps = append(gaps, gap)
	}
	return gaps, unknown, nil
}

// speller writes a word of the vocabulary as it stands in a text. A token that goes on
// with the word before it begins with "…".
func (f *Filler) speller() (func(word string) string, error) {
	if f.File.Data.Tokenizer == "" {
		return func(word string) string { return word }, nil
	}
	t, err := tokenizer.Load(filepath.Join(f.Folder, TokenizerFile))
	return func(token string) string {
		if t.Inside(token) {
			return "…" + t.Text([]string{token})
		}
		return t.Text([]string{token})
	}, err
}

// Tokens are the words of a text by number, cut as those of the run; [MASK] has the
// number after the last. Words that are not in the vocabulary are listed too; where
// the run has no word for them, they are left out.
func (k *Kept) Tokens(said string) (tokens []int, unknown []string, err error) {
	cut := func(piece string) ([]string, error) { return text.SplitWords(k.File.Data.Words, piece) }
	if k.File.Data.Tokenizer != "" {
		t, err := tokenizer.Load(filepath.Join(k.Folder, TokenizerFile))
		if err != nil {
			return nil, nil, err
		}
		cut = func(piece string) (words []string, err error) {
			ids, err := text.Tokens(t, piece)
			for _, id := range ids {
				words = append(words, t.Tokens()[id])
			}
			return words, err
		}
	}
	v := k.Task.Spec.Words
	for i, piece := range strings.Split(said, data.HiddenWord) {
		if i > 0 {
			tokens = append(tokens, v.Len())
		}
		words, err := cut(strings.TrimRight(piece, " ")) // the space before a gap is the gap's
		if err != nil {
			return nil, nil, err
		}
		for _, w := range words {
			if id, ok := v.Find(w); ok {
				tokens = append(tokens, id)
				continue
			}
			unknown = append(unknown, w)
			if id, ok := v.Find(data.UnknownWord); ok {
				tokens = append(tokens, id)
			}
		}
	}
	return tokens, unknown, nil
}
