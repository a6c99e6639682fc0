package tokenizer

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Learner counts the words of texts, and makes byte-pair merges of them.
type Learner struct {
	lower bool
	words map[string]int64
	least int64 // what a word must be counted to survive the next pruning
	began bool
}

// maxWords is how many different words are counted at a time; when there are more,
// the rarest go.
const maxWords = 4_000_000

// NewLearner begins to learn. With lower, capitals are lowered before all else.
func NewLearner(lower bool) *Learner {
	return &Learner{lower: lower, words: map[string]int64{}}
}

// Begin says that a new text comes.
func (l *Learner) Begin() { l.began = false }

// Add counts the words of a piece of text, as Tokenizer.Split takes it.
func (l *Learner) Add(piece string) {
	if l.lower {
		piece = strings.ToLower(piece)
	}
	if !l.began && !strings.HasPrefix(piece, " ") {
		piece = " " + piece // so that the first word is the same as elsewhere
	}
	l.began = true
	byteWords(piece, func(word string) {
		if _, there := l.words[word]; !there {
			if len(l.words) >= maxWords {
				l.prune()
			}
			word = strings.Clone(word)
		}
		l.words[word]++
	})
}

func (l *Learner) prune() {
	for len(l.words) > maxWords/2 {
		l.least++
		maps.DeleteFunc(l.words, func(_ string, n int64) bool { return n <= l.least })
	}
}

// candidate is a pair and how often it was counted when it was put into the heap.
type candidate struct {
	pair
	n int64
}

// candidates is a heap with the most frequent pair on top; of equals, the one of the
// lowest tokens.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	x, y := c[i], c[j]
	return cmp.Or(cmp.Compare(y.n, x.n), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) < 0
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// Learn makes a tokenizer of size tokens: the 256 bytes, and as many merges as that
// leaves, each of the pair that is most frequent in the words so far (Sennrich et al.
// 2016, algorithm 1). Where the words have no more pairs it has fewer.
func (l *Learner) Learn(size int) (*Tokenizer, error) {
	if size <= 256 || size > maxTokens {
		return nil, fmt.Errorf("size: is %d, want more than the 256 bytes, at most %d", size, maxTokens)
	}
	if len(l.words) == 0 {
		return nil, errors.New("the text holds no words")
	}
	t := &Tokenizer{kind: "bpe", prefixSpace: true, ids: map[string]int32{}, merges: map[pair]merge{}, cache: map[string][]int32{}}
	if l.lower {
		t.normalize = []func(string) string{strings.ToLower}
	}
	add := func(token string) int32 {
		id := int32(len(t.tokens))
		t.tokens, t.ids[token] = append(t.tokens, token), id
		return id
	}
	var bytes [256]int32
	for b, r := range byteRunes {
		bytes[b] = add(string(r))
	}
	names := slices.Sorted(maps.Keys(l.words))
	words, counts := make([][]int32, len(names)), make([]int64, len(names))
	pairs, where := map[pair]int64{}, map[pair]map[int]bool{}
	note := func(p pair, word int, n int64) {
		pairs[p] += n
		if where[p] == nil {
			where[p] = map[int]bool{}
		}
		where[p][word] = true
	}
	for i, name := range names {
		counts[i] = l.words[name]
		for j := range len(name) {
			words[i] = append(words[i], bytes[name[j]])
		}
		for j := range len(words[i]) - 1 {
			note(pair{words[i][j], words[i][j+1]}, i, counts[i])
		}
	}
	queue := make(candidates, 0, len(pairs))
	for p, n := range pairs {
		queue = append(queue, candidate{p, n})
	}
	heap.Init(&queue)
	for len(t.tokens) < size && len(queue) > 0 {
		top := heap.Pop(&queue).(candidate)
		n := pairs[top.pair]
		if n < 1 {
			continue
		}
		if n != top.n { // it has changed since
			heap.Push(&queue, candidate{top.pair, n})
			continue
		}
		joined := t.tokens[top.a] + t.tokens[top.b]
		if _, there := t.ids[joined]; there {
			delete(pairs, top.pair) // joined in another way already
			continue
		}
		to := add(joined)
		t.merges[top.pair] = merge{int32(len(t.merges)), to}
		changed := map[pair]bool{}
		for _, i := range slices.Sorted(maps.Keys(where[top.pair])) {
			w, c := words[i], counts[i]
			for j := range len(w) - 1 {
				pairs[pair{w[j], w[j+1]}] -= c
			}
			out := w[:0]
			for j := 0; j < len(w); j++ {
				if j+1 < len(w) && w[j] == top.a && w[j+1] == top.b {
					out = append(out, to)
					j++
				} else {
					out = append(out, w[j])
				}
			}
			words[i] = out
			for j := range len(out) - 1 {
				p := pair{out[j], out[j+1]}
				note(p, i, c)
				if p.a == to || p.b == to {
					changed[p] = true
				}
			}
		}
		delete(where, top.pair)
		delete(pairs, top.pair)
		for p := range changed {
			heap.Push(&queue, candidate{p, pairs[p]})
		}
	}
	var err error
	t.raw, err = t.marshal()
	return t, err
}
