package eval

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
)

// wordTests are analogies and rated pairs; the README beside them says where they come
// from and under which licences.
//
//go:embed wordtests/*.gz wordtests/*.tsv
var wordTests embed.FS

// A RatedList is rated pairs with a name.
type RatedList struct {
	Name  string
	Pairs []RatedPair
}

// BuiltinQuestions are those of questions-words (Mikolov et al. 2013, arXiv:1301.3781).
func BuiltinQuestions() ([]QuestionSection, error) {
	packed, err := wordTests.ReadFile("wordtests/questions-words.txt.gz")
	if err != nil {
		return nil, err
	}
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return ReadQuestions(text)
}

// BuiltinPairs are WordSim-353 and its parts of similar and of related words.
func BuiltinPairs() ([]RatedList, error) {
	var lists []RatedList
	for _, l := range []struct{ name, file string }{
		{"WordSim-353", "wordsim353"}, {"WordSim-353 similar", "wordsim353-sim"}, {"WordSim-353 related", "wordsim353-rel"},
	} {
		text, err := wordTests.ReadFile("wordtests/" + l.file + ".tsv")
		if err != nil {
			return nil, err
		}
		pairs, err := ReadPairs(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		lists = append(lists, RatedList{l.name, pairs})
	}
	return lists, nil
}
