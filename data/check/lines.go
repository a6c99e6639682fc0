package check

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"x2vec/data"
	"x2vec/data/text"
)

// A LinesReport says what a list of texts holds.
type LinesReport struct {
	Name       string       `json:"name"`
	Length     int          `json:"length"`     // words of an example
	Vocabulary int          `json:"vocabulary"` // different words that are kept
	Coverage   float64      `json:"coverage"`   // of the words of all texts, those that are kept
	Splits     []LinesSplit `json:"splits"`
	// Leaks are test texts whose words are those of a training text too.
	Leaks Pairs `json:"leaks"`
}

// A LinesSplit says what one split of a list of texts holds.
type LinesSplit struct {
	Split      string  `json:"split"`
	Texts      int     `json:"texts"`
	Unlabelled int     `json:"unlabelled"`
	Classes    []Class `json:"classes,omitempty"`
	Empty      Indices `json:"empty"` // texts of which no word is kept
	// Duplicates are texts whose words are those of an earlier one.
	Duplicates Pairs `json:"duplicates"`
	// Conflicts is how many of the duplicates have another label than the earlier one.
	Conflicts int `json:"conflicts"`
}

// Sound reports whether nothing was found that spoils a training.
func (r *LinesReport) Sound() bool {
	for _, s := range r.Splits {
		if s.Conflicts > 0 {
			return false
		}
	}
	return r.Leaks.Count == 0
}

// Lines counts what a list of texts holds; test may be nil.
func Lines(ctx context.Context, train, test *text.Lines) (*LinesReport, error) {
	spec := train.Spec()
	r := &LinesReport{Name: spec.Name, Length: spec.Size(), Vocabulary: spec.Words.Len(), Coverage: train.Coverage()}
	type place struct{ index, label int }
	var before map[[sha256.Size]byte]place // of the training texts
	for _, src := range []*text.Lines{train, test} {
		if src == nil {
			continue
		}
		s := LinesSplit{Split: src.Spec().Split, Texts: src.Len()}
		for _, c := range spec.Classes {
			s.Classes = append(s.Classes, Class{Name: c})
		}
		seen := map[[sha256.Size]byte]place{}
		e := data.Example{Tokens: make([]int32, spec.Size())}
		var bytes []byte
		for i := range src.Len() {
			if i%1000 == 0 && ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := src.Read(i, &e); err != nil {
				return nil, err
			}
			if e.Label < 0 {
				s.Unlabelled++
			} else {
				s.Classes[e.Label].Examples++
			}
			if e.Tokens[0] < 0 {
				s.Empty.add(i)
				continue
			}
			bytes = bytes[:0]
			for _, w := range e.Tokens {
				bytes = binary.LittleEndian.AppendUint32(bytes, uint32(w))
			}
			sum := sha256.Sum256(bytes)
			if first, ok := seen[sum]; ok {
				s.Duplicates.add(i, first.index)
				if first.label != e.Label {
					s.Conflicts++
				}
			} else {
				seen[sum] = place{i, e.Label}
			}
			if first, ok := before[sum]; ok {
				r.Leaks.add(i, first.index)
			}
		}
		before = seen
		r.Splits = append(r.Splits, s)
	}
	return r, nil
}
