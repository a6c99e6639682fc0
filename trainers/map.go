package trainers

import (
	"fmt"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
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
	index := data.Evenly(mapPoints, test.N())
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
	m, err := WordMap(t.Task, t.Params, data.Evenly(mapPoints, min(mapPoints, t.Task.Spec.Words.Len())), inspect.ByTSNE, mapRounds)
	if err != nil {
		e.Skipped = append(e.Skipped, fmt.Sprintf("map of the words: left out: %v", err))
		return nil
	}
	e.Map = m
	return nil
}

// WordMap is a map of words, by their numbers in the vocabulary.
func WordMap(task objectives.Task, ps *graph.Params, numbers []int, method string, rounds int) (*inspect.Map, error) {
	x, d, err := objectives.WordVectors(task, ps)
	if err != nil {
		return nil, err
	}
	m, err := inspect.NewMap(eval.Features{X: x, D: d}.Pick(numbers), numbers, nil, method, rounds)
	if err != nil {
		return nil, err
	}
	m.Tap = "words"
	for i := range m.Points {
		m.Points[i].Text = task.Spec.Words.Words[m.Points[i].Index]
	}
	return m, nil
}
