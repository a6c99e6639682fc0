package data

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

const (
	// UnknownWord stands in a vocabulary for words that are not in it.
	UnknownWord = "[UNK]"
	// HiddenWord is how a hidden word is written. It is in no vocabulary.
	HiddenWord = "[MASK]"
)

// A Vocabulary numbers words, the most frequent first. It does not change once
// it is made.
type Vocabulary struct {
	Words  []string
	Counts []int64 // in the training text
	Total  int64   // sum of Counts
	// Inside says which go on with the word that the token before them is part of; nil
	// where each is a word.
	Inside []bool

	index map[string]int
}

// NewVocabulary orders words, all different, by how often they were counted, and
// those that are equally frequent by the alphabet.
func NewVocabulary(words []string, counts []int64) *Vocabulary {
	v := &Vocabulary{index: make(map[string]int, len(words))}
	order := make([]int, len(words))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(words[a], words[b]))
	})
	v.Words, v.Counts = make([]string, len(words)), make([]int64, len(words))
	for to, from := range order {
		v.Words[to], v.Counts[to] = words[from], counts[from]
		v.index[words[from]] = to
		v.Total += counts[from]
	}
	return v
}

// Len is the number of words.
func (v *Vocabulary) Len() int { return len(v.Words) }

// Find gives the number of a word.
func (v *Vocabulary) Find(word string) (int, bool) {
	i, ok := v.index[word]
	return i, ok
}

// Frequent is the vocabulary of the words that were counted least times or more: of the
// most frequent ones alone, up to most of them, where most is not 0.
func Frequent(counted iter.Seq2[string, int64], least int64, most int) *Vocabulary {
	var words []string
	var counts []int64
	for w, n := range counted {
		if n >= least {
			words, counts = append(words, w), append(counts, n)
		}
	}
	v := NewVocabulary(words, counts)
	if most > 0 && v.Len() > most {
		v = NewVocabulary(v.Words[:most], v.Counts[:most])
	}
	return v
}

// WithUnknown is v with UnknownWord, which stands for all others of the seen words. It is
// there at least once, so that a model knows what a new word is.
func (v *Vocabulary) WithUnknown(seen int64) *Vocabulary {
	if _, there := v.Find(UnknownWord); there {
		return v
	}
	return NewVocabulary(append(v.Words, UnknownWord), append(v.Counts, max(1, seen-v.Total)))
}

// Write writes a line for each word, in their order: the word, a tab, its count.
func (v *Vocabulary) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for i, word := range v.Words {
		fmt.Fprintf(b, "%s\t%d\n", word, v.Counts[i])
	}
	return b.Flush()
}

// ReadVocabulary reads what Write wrote. Its error says in which line what is
// wrong.
func ReadVocabulary(r io.Reader) (*Vocabulary, error) {
	v := &Vocabulary{index: map[string]int{}}
	in := bufio.NewScanner(r)
	for in.Scan() {
		bad := func(format string, a ...any) (*Vocabulary, error) {
			return nil, fmt.Errorf("line %d: %w", v.Len()+1, fmt.Errorf(format, a...))
		}
		word, count, ok := strings.Cut(in.Text(), "\t")
		if !ok || word == "" {
			return bad("want a word, a tab and its count")
		}
		n, err := strconv.ParseInt(count, 10, 62)
		switch _, there := v.index[word]; {
		case err != nil || n < 1:
			return bad("%q is no count", count)
		case there:
			return bad("%s is there twice", word)
		case v.Len() > 0 && n > v.Counts[v.Len()-1]:
			return bad("%s is more frequent than the word before it", word)
		}
		v.index[word] = v.Len()
		v.Words, v.Counts = append(v.Words, word), append(v.Counts, n)
		v.Total += n
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", v.Len()+1, err)
	}
	if v.Len() == 0 {
		return nil, errors.New("holds no words")
	}
	return v, nil
}
