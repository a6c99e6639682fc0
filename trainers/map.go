package trainers

import (
	"fmt"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
)

// The map after training is small enough to cost a second or so.
const (
	mapPoints = 1000
	mapRounds = 300
)

// drawMap places codes of test examples, spread evenly over them, in the plane.
func (t *Trainer) drawMap(e *Evaluation, test eval.Features) error {
	if t.Task.Spec.Tokens() {
		return nil // the words themselves are drawn instead
	}
	index := Spread(mapPoints, test.N())
	m, err := inspect.NewMap(test.Pick(index), index, t.Task.Spec.Classes, inspect.ByTSNE, mapRounds)
	if err != nil {
		e.Skipped = append(e.Skipped, fmt.Sprintf("map of the codes: left out: %v", err))
		return nil
	}
	spec := t.Test.Spec()
	m.Tap, m.Data = CodeTap, spec.Name+" "+spec.Split
	e.Map = m
	return m.Illustrate(t.Test)
}

// drawWords places the vectors of the most frequent words in the plane.
func (t *Trainer) drawWords(e *Evaluation) error {
	if t.Task.Spec.Words == nil {
		return nil
	}
	m, err := WordMap(t.Params, t.Task.Spec.Words, Spread(mapPoints, min(mapPoints, t.Task.Spec.Words.Len())), inspect.ByTSNE, mapRounds)
	if err != nil {
		e.Skipped = append(e.Skipped, fmt.Sprintf("map of the words: left out: %v", err))
		return nil
	}
	e.Map = m
	return nil
}

// Spread is n numbers, or as many as there are, spread evenly over 0 to of−1.
func Spread(n, of int) []int {
	index := make([]int, min(n, of))
	for i := range index {
		index[i] = i * of / len(index)
	}
	return index
}

// WordTable gives the vectors of the words of a model, (V, d), in the order of the
// vocabulary; ok is false where it has none.
func WordTable(ps *graph.Params, words *data.Vocabulary) (x []float32, d int, ok bool) {
	for _, name := range []string{"encoder/weight", "encoder/" + nets.TokenTable} {
		if p := ps.Get(name); p != nil && len(p.Shape) == 2 && p.Shape[0] >= words.Len() {
			d := p.Shape[1]
			return p.Data[:words.Len()*d], d, true
		}
	}
	return nil, 0, false
}

// WordMap is a map of words, by their numbers in the vocabulary.
func WordMap(ps *graph.Params, words *data.Vocabulary, numbers []int, method string, rounds int) (*inspect.Map, error) {
	x, d, ok := WordTable(ps, words)
	if !ok {
		return nil, fmt.Errorf("the model has no table of words")
	}
	m, err := inspect.NewMap(eval.Features{X: x, D: d}.Pick(numbers), numbers, nil, method, rounds)
	if err != nil {
		return nil, err
	}
	m.Tap = "words"
	for i := range m.Points {
		m.Points[i].Text = words.Words[m.Points[i].Index]
	}
	return m, nil
}
