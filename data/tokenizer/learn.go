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
	m := l.merging()
	for len(m.t.tokens) < size {
		top, ok := m.next()
		if !ok {
			break
		}
		m.join(top)
	}
	var err error
	m.t.raw, err = m.t.marshal()
	return m.t, err
}

// A merging is a tokenizer in the making.
type merging struct {
	t      *Tokenizer
	words  [][]int32 // in the tokens so far
	counts []int64   // of the words
	pairs  map[pair]int64
	where  map[pair]map[int]bool // words that a pair is in, or was
	queue  candidates
}

// merging begins with the bytes of the words.
func (l *Learner) merging() *merging {
	t := &Tokenizer{kind: "bpe", prefixSpace: true, ids: map[string]int32{}, merges: map[pair]merge{}, cache: map[string][]int32{}}
	if l.lower {
		t.normalize = []func(string) string{strings.ToLower}
	}
	m := &merging{t: t, pairs: map[pair]int64{}, where: map[pair]map[int]bool{}}
	var bytes [256]int32
	for b, r := range byteRunes {
		bytes[b] = m.add(string(r))
	}
	names := slices.Sorted(maps.Keys(l.words))
	m.words, m.counts = make([][]int32, len(names)), make([]int64, len(names))
	for i, name := range names {
		m.counts[i] = l.words[name]
		for j := range len(name) {
			m.words[i] = append(m.words[i], bytes[name[j]])
		}
		for j := range len(m.words[i]) - 1 {
			m.note(pair{m.words[i][j], m.words[i][j+1]}, i)
		}
	}
	m.queue = make(candidates, 0, len(m.pairs))
	for p, n := range m.pairs {
		m.queue = append(m.queue, candidate{p, n})
	}
	heap.Init(&m.queue)
	return m
}

// add makes a token.
func (m *merging) add(token string) int32 {
	id := int32(len(m.t.tokens))
	m.t.tokens, m.t.ids[token] = append(m.t.tokens, token), id
	return id
}

// note counts a pair in a word.
func (m *merging) note(p pair, word int) {
	m.pairs[p] += m.counts[word]
	if m.where[p] == nil {
		m.where[p] = map[int]bool{}
	}
	m.where[p][word] = true
}

// next is the most frequent pair that makes a new token; ok is false where there is none.
func (m *merging) next() (p pair, ok bool) {
	for len(m.queue) > 0 {
		top := heap.Pop(&m.queue).(candidate)
		switch n := m.pairs[top.pair]; {
		case n < 1:
		case n != top.n: // it has changed since
			heap.Push(&m.queue, candidate{top.pair, n})
		case m.joined(top.pair): // in another way already
			delete(m.pairs, top.pair)
		default:
			return top.pair, true
		}
	}
	return pair{}, false
}

func (m *merging) joined(p pair) bool {
	_, there := m.t.ids[m.t.tokens[p.a]+m.t.tokens[p.b]]
	return there
}

// join makes a token of a pair, in all words that have it.
func (m *merging) join(p pair) {
	to := m.add(m.t.tokens[p.a] + m.t.tokens[p.b])
	m.t.merges[p] = merge{int32(len(m.t.merges)), to}
	changed := map[pair]bool{}
	for _, i := range slices.Sorted(maps.Keys(m.where[p])) {
		w := m.words[i]
		for j := range len(w) - 1 {
			m.pairs[pair{w[j], w[j+1]}] -= m.counts[i]
		}
		out := w[:0]
		for j := 0; j < len(w); j++ {
			if j+1 < len(w) && w[j] == p.a && w[j+1] == p.b {
				out = append(out, to)
				j++
			} else {
				out = append(out, w[j])
			}
		}
		m.words[i] = out
		for j := range len(out) - 1 {
			next := pair{out[j], out[j+1]}
			m.note(next, i)
			if next.a == to || next.b == to {
				changed[next] = true
			}
		}
	}
	delete(m.where, p)
	delete(m.pairs, p)
	for c := range changed {
		heap.Push(&m.queue, candidate{c, m.pairs[c]})
	}
}
