package data

import (
	"cmp"
	"slices"
)

// A Vocabulary numbers words, the most frequent first. It does not change once
// it is made.
type Vocabulary struct {
	Words  []string
	Counts []int64 // in the training text
	Total  int64   // sum of Counts

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
