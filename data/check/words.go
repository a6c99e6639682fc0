package check

import (
	"x2vec/data/text"
)

// A TextReport says what a text holds.
type TextReport struct {
	Name       string  `json:"name"`
	Words      int64   `json:"words"`      // in the text
	Kept       int64   `json:"kept"`       // of those, that are in the vocabulary
	Coverage   float64 `json:"coverage"`   // Kept of Words
	Vocabulary int     `json:"vocabulary"` // different words that are kept
	Rarest     int64   `json:"rarest"`     // how often the rarest of those occurs
	Examples   int     `json:"examples"`
	Length     int     `json:"length"`   // words of an example
	Frequent   []Word  `json:"frequent"` // the most frequent words
}

// A Word is how often a word occurs.
type Word struct {
	Word  string `json:"word"`
	Count int64  `json:"count"`
}

// Text counts what a text holds.
func Text(c *text.Corpus) TextReport {
	spec := c.Spec()
	v := spec.Words
	r := TextReport{Name: spec.Name, Words: c.Seen(), Kept: c.Count(), Coverage: float64(c.Count()) / float64(c.Seen()),
		Vocabulary: v.Len(), Rarest: v.Counts[v.Len()-1], Examples: c.Len(), Length: spec.Size()}
	for i := range min(named, v.Len()) {
		r.Frequent = append(r.Frequent, Word{v.Words[i], v.Counts[i]})
	}
	return r
}
