package objectives

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// A Guess is a word for a gap.
type Guess struct {
	Word int
	P    float64
}

// Model builds all that a masked language model has parameters for, so that Fill
// finds them.
func (o *MLM) Model(t Task, s *graph.Scope) { o.answers(t, s, 1) }

// Fill gives the n most probable words for each gap of a text, in their order:
// tokens are numbers of the vocabulary, the number after the last standing for a
// gap. ps has the parameters that Model asks for.
func (o *MLM) Fill(t Task, ps *graph.Params, tokens []int, n int) ([][]Guess, error) {
	size, hidden := t.Spec.Size(), t.Spec.Words.Len()
	if len(tokens) > size {
		return nil, fmt.Errorf("the text has %d words; the model takes %d at most", len(tokens), size)
	}
	var gaps []int
	for i, w := range tokens {
		if w == hidden {
			gaps = append(gaps, i)
		}
	}
	if len(gaps) == 0 {
		return nil, errors.New("the text has no gap")
	}
	t.Batch = 1
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node {
		o.answers(t, s, len(gaps))
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	copy(feed.I["places"], gaps)
	in := feed.I["tokens"]
	for i := copy(in, tokens); i < len(in); i++ {
		in[i] = -1
	}
	if err := p.Run(feed, 0); err != nil {
		return nil, err
	}
	return guesses(t, p, len(gaps), n)
}

// guesses are the n most probable words for each of the first places that a program
// has just been asked for. A hidden word is no answer.
func guesses(t Task, p *graph.Program, places, n int) ([][]Guess, error) {
	x, ok := p.Tap("asked")
	if !ok {
		return nil, errors.New("the program has nothing asked for")
	}
	v := t.Spec.Words.Len()
	d := x.Shape[len(x.Shape)-1]
	table, bias := p.Params().Get("encoder/"+nets.TokenTable), p.Params().Get(headScope+"/bias")
	if table == nil || bias == nil {
		return nil, errors.New("the model has no output layer")
	}
	logits := make([]float32, places*v)
	blas.Gemm(false, true, places, v, d, x.Data, d, table.Data, d, logits, v, false) // (places, V)
	list := make([][]Guess, places)
	for i := range list {
		row := logits[i*v : (i+1)*v]
		vec.Add(row, row, bias.Data[:v])
		vec.SoftmaxRow(row, row, 1)
		list[i] = best(row, n)
	}
	return list, nil
}

// best are the n largest probabilities, the largest first.
func best(p []float32, n int) []Guess {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(p[b], p[a]), cmp.Compare(a, b)) })
	var list []Guess
	for _, w := range order[:min(n, len(p))] {
		list = append(list, Guess{w, float64(p[w])})
	}
	return list
}

const (
	shownGaps   = 12
	shownAround = 7 // words on each side of a gap
	shownBest   = 4 // words for it
)

// Tables implements Tabled: gaps of the test examples, each as the model sees it,
// the word that was there, and the model's guesses.
func (o *MLM) Tables(t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Table, error) {
	size, k, words := t.Spec.Size(), o.asked(t.Spec.Size()), b.Spec.Words
	all, err := guesses(t, p, t.Batch*k, shownBest)
	if err != nil {
		return nil, err
	}
	table := Table{Name: "gaps", Columns: []string{"text", "was", "guesses"},
		Caption: "Hidden words of test examples, what was there, and what the model takes to be there, with its probability."}
	for i := range b.N() {
		// The first word of each example that is hidden and known.
		for j := i * k; j < (i+1)*k && len(table.Rows) < shownGaps; j++ {
			place, target := fed.I["places"][j], fed.I["targets"][j]
			tokens := fed.I["tokens"][i*size : (i+1)*size]
			if target < 0 || tokens[place] != words.Len() || words.Words[target] == data.UnknownWord {
				continue
			}
			var text []string
			for at := max(0, place-shownAround); at <= min(size-1, place+shownAround); at++ {
				switch w := tokens[at]; {
				case at == place:
					text = append(text, "____")
				case w == words.Len():
					text = append(text, data.HiddenWord)
				case w >= 0:
					text = append(text, words.Words[w])
				}
			}
			var said []string
			for _, g := range all[j] {
				said = append(said, fmt.Sprintf("%s %.0f %%", words.Words[g.Word], 100*g.P))
			}
			table.Rows = append(table.Rows, []string{strings.Join(text, " "), words.Words[target], strings.Join(said, ", ")})
			break
		}
	}
	return []Table{table}, nil
}

var _ Tabled = (*MLM)(nil)
