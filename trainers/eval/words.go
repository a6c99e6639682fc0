package eval

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"x2vec/data/vectors"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// A WordSpace is word vectors brought to length one, so that a product of two is
// their cosine. The words are in the order of their frequency.
type WordSpace struct {
	words []string
	d     int
	x     []float32 // (len(words), d)
	exact map[string]int
	fold  map[string]int // by lower case; the first of several
	// unseen makes the vector of a word that is not there, or nil.
	unseen func(word string) []float32
}

// NewWordSpace takes the vectors of v, which is not needed afterwards. A vector
// that is zero stays so, and is near to nothing; one that is not finite is refused.
// unseen makes the vector of another word, or gives nil; nil knows none.
func NewWordSpace(v *vectors.Vectors, unseen func(word string) []float32) (*WordSpace, error) {
	s := &WordSpace{unseen: unseen, words: v.Words, d: v.Dim, x: make([]float32, v.Len()*v.Dim),
		exact: make(map[string]int, v.Len()), fold: make(map[string]int, v.Len())}
	for i, w := range v.Words {
		row := s.row(i)
		v.Vector(i, row)
		if !vec.Finite(row) {
			return nil, fmt.Errorf("the vector of word %d, %q, is not finite", i+1, w)
		}
		unitRow(row, row)
		s.exact[w] = i
		l := strings.ToLower(w)
		if _, there := s.fold[l]; !there {
			s.fold[l] = i
		}
	}
	return s, nil
}

func (s *WordSpace) row(i int) []float32 { return s.x[i*s.d : (i+1)*s.d] }

// Len is the number of words.
func (s *WordSpace) Len() int { return len(s.words) }

// A Neighbor is a word near to something.
type Neighbor struct {
	Word   string
	Cosine float64
}

// UnknownWord says that a word has no vector, and which were perhaps meant.
type UnknownWord struct {
	Word string
	Near []string
}

func (e *UnknownWord) Error() string {
	text := fmt.Sprintf("%q is not in the vocabulary", e.Word)
	if len(e.Near) > 0 {
		text += "; near it are " + strings.Join(e.Near, ", ")
	}
	return text
}

// Find gives the number of a word: as it is written, or else in any case of its
// letters. The error is an *UnknownWord.
func (s *WordSpace) Find(word string) (int, error) {
	if i, ok := s.exact[word]; ok {
		return i, nil
	}
	if i, ok := s.fold[strings.ToLower(word)]; ok {
		return i, nil
	}
	return 0, &UnknownWord{word, s.suggest(word)}
}

const (
	suggested   = 5
	maxTypos    = 2
	maxTypoWord = 64 // letters of a word that is compared with others
)

// suggest lists words that differ from this one by a letter or two, the nearest
// first and then the most frequent.
func (s *WordSpace) suggest(word string) []string {
	type near struct{ i, typos int }
	var list []near
	lower := strings.ToLower(word)
	n := len([]rune(lower))
	if n > maxTypoWord {
		return nil
	}
	allowed := min(maxTypos, n/2) // two letters of three are another word
	for i, w := range s.words {
		if len(w) > 4*maxTypoWord || len(w) < len(lower)-4*maxTypos || len(w) > len(lower)+4*maxTypos {
			continue // a letter has at most four bytes
		}
		if typos := levenshtein.ComputeDistance(lower, strings.ToLower(w)); typos <= allowed {
			list = append(list, near{i, typos})
		}
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(a.typos, b.typos) })
	var words []string
	for _, c := range list[:min(len(list), suggested)] {
		words = append(words, s.words[c.i])
	}
	return words
}

// vector gives that of a word, of length one, and its number, or -1 for one that is
// made. The error is an *UnknownWord.
func (s *WordSpace) vector(word string) (x []float32, at int, err error) {
	at, err = s.Find(word)
	if err == nil {
		return s.row(at), at, nil
	}
	if s.unseen == nil {
		return nil, 0, err
	}
	made := s.unseen(word)
	if made == nil {
		return nil, 0, err
	}
	x = make([]float32, s.d)
	unitRow(x, made)
	return x, -1, nil
}

// Similarity is the cosine of the vectors of two words.
func (s *WordSpace) Similarity(a, b string) (float64, error) {
	x, _, err := s.vector(a)
	if err != nil {
		return 0, err
	}
	y, _, err := s.vector(b)
	if err != nil {
		return 0, err
	}
	return vec.Dot(x, y), nil
}

// Neighbors are the n words nearest to a word, itself left out.
func (s *WordSpace) Neighbors(word string, n int) ([]Neighbor, error) {
	x, at, err := s.vector(word)
	if err != nil {
		return nil, err
	}
	return s.nearest(x, n, at), nil
}

// Analogy lists n answers to "a is to b as c is to …": the words nearest to
// b − a + c, the three left out (3CosAdd; Mikolov, Yih and Zweig 2013, "Linguistic
// regularities in continuous space word representations").
func (s *WordSpace) Analogy(a, b, c string, n int) ([]Neighbor, error) {
	var x [3][]float32
	var at [3]int
	var err error
	for k, w := range []string{a, b, c} {
		if x[k], at[k], err = s.vector(w); err != nil {
			return nil, err
		}
	}
	q := make([]float32, s.d)
	relation(q, x)
	return s.nearest(q, n, at[:]...), nil
}

// relation writes b − a + c, of length one.
func relation(q []float32, x [3][]float32) {
	vec.Sub(q, x[1], x[0])
	vec.Add(q, q, x[2])
	unitRow(q, q)
}

// nearest are the n words nearest to q but for those left out, the nearest first.
func (s *WordSpace) nearest(q []float32, n int, without ...int) []Neighbor {
	n = max(0, min(n, len(s.words)))
	cos := make([]float32, len(s.words))
	blas.Gemm(false, true, len(s.words), 1, s.d, s.x, s.d, q, s.d, cos, 1, false) // (V, 1)
	h := &farthest{cos: cos}
	for i := range cos {
		if slices.Contains(without, i) {
			continue
		}
		if len(h.at) < n {
			heap.Push(h, i)
		} else if n > 0 && cos[i] > cos[h.at[0]] {
			h.at[0] = i
			heap.Fix(h, 0)
		}
	}
	slices.SortFunc(h.at, func(i, j int) int { return cmp.Or(cmp.Compare(cos[j], cos[i]), cmp.Compare(i, j)) })
	var list []Neighbor
	for _, i := range h.at {
		list = append(list, Neighbor{s.words[i], float64(cos[i])})
	}
	return list
}

// farthest is a heap of words with the farthest on top; of equals, the rarest.
type farthest struct {
	cos []float32
	at  []int
}

func (h *farthest) Len() int { return len(h.at) }
func (h *farthest) Less(i, j int) bool {
	a, b := h.at[i], h.at[j]
	return h.cos[a] < h.cos[b] || h.cos[a] == h.cos[b] && a > b
}
func (h *farthest) Swap(i, j int) { h.at[i], h.at[j] = h.at[j], h.at[i] }
func (h *farthest) Push(x any)    { h.at = append(h.at, x.(int)) }
func (h *farthest) Pop() any {
	last := h.at[len(h.at)-1]
	h.at = h.at[:len(h.at)-1]
	return last
}
