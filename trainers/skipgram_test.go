package trainers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph/nets"
	"x2vec/graph/ops/par"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// sentences is a made text: runs of words that follow a rule, by chance.
type sentences struct {
	spec data.Spec
	n    int
}

func newSentences(n, v, length int) *sentences {
	words, counts := make([]string, v), make([]int64, v)
	for i := range words {
		words[i], counts[i] = fmt.Sprintf("w%02d", i), int64(1+1000/(i+1))
	}
	return &sentences{data.Spec{Name: "made", Split: "train", Shape: []int{length}, Words: data.NewVocabulary(words, counts)}, n}
}

func (s *sentences) Spec() data.Spec { return s.spec }
func (s *sentences) Len() int        { return s.n }

func (s *sentences) Read(i int, into *data.Example) error {
	r := draw.New(uint64(i))
	v := int32(s.spec.Words.Len())
	at := int32(r.IntN(int(v)))
	for j := range into.Tokens {
		into.Tokens[j] = at
		at = (2*at + int32(r.IntN(3))) % v
	}
	return nil
}

func words(t testing.TB, workers int) *trainers.Trainer {
	t.Helper()
	src, test := newSentences(50, 60, 96), newSentences(6, 60, 96)
	o, err := optim.Default("sgd")
	if err != nil {
		t.Fatal(err)
	}
	o.LR, o.Momentum = 0.003, 0
	tr, err := trainers.New(trainers.Config{
		Task:      objectives.Task{Encoder: &nets.Embedding{Dim: 20}, Spec: src.spec, Batch: 4, Seed: 3},
		Objective: &objectives.Skipgram{Loss: "negative-sampling", Window: 5, Negatives: 5, Subsample: 0.05, Power: 0.75, Block: 16, Shared: 16},
		Train:     src, Test: test,
		Optimizer: o, Schedule: optim.Schedule{Type: "linear", MinLR: 0.0001}, Steps: 100, LogEvery: 10, Workers: workers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Word vectors are the same whatever the number of threads and workers, and going
// on in the middle of an epoch is the same as never having stopped.
func TestWordVectorsAreRepeatable(t *testing.T) {
	straight := words(t, 1)
	before, err := straight.Loss(context.Background(), straight.Test, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := straight.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := weights(straight)
	after, err := straight.Loss(context.Background(), straight.Test, nil)
	if err != nil || !(after < 0.9*before) {
		t.Errorf("the loss on other text goes from %g to %g, %v", before, after, err)
	}
	e, err := straight.Evaluate(context.Background(), true)
	if err != nil || len(e.Figures) < 2 || e.Figures[1].Name != "effective rank" {
		t.Errorf("evaluation: %+v, %v; want the test loss and the rank of the codes", e, err)
	}
	defer par.SetThreads(0)
	for _, threads := range []int{1, 3} {
		par.SetThreads(threads)
		stop := errors.New("stop")
		first := words(t, threads)
		err := first.Run(context.Background(), call(func(t *trainers.Trainer) error {
			if t.Step == 41 {
				return stop
			}
			return nil
		}))
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		snap, err := first.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		second := words(t, 2)
		if err := second.Restore(snap); err != nil {
			t.Fatal(err)
		}
		if err := second.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(weights(second), want) {
			t.Errorf("%d threads, stopped and resumed: other vectors", threads)
		}
	}
}
