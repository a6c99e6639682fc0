package eval

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"

	"x2vec/data/vectors"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// A WordSpace compares word vectors by their cosines. The words are in the order of
// their frequency.
//
// The vectors stay where they are, in a file that is mapped or in memory, and are
// brought to length one a block at a time as they are compared: there is no second copy
// of them. It may be used from several goroutines.
type WordSpace struct {
	v *vectors.Vectors
	// unseen makes the vector of a word that is not there, or nil.
	unseen func(word string) []float32

	folded sync.Once
	fold   map[string]int // by lower case; the first of several

	measured sync.Once
	lengths  []float64 // of the vectors
	fault    error     // of measuring them
}

// NewWordSpace takes the vectors of v, which belongs to it from then on. A vector
// that is zero is near to nothing; one that is not finite is refused where it is met.
// unseen makes the vector of another word, or gives nil; nil knows none.
func NewWordSpace(v *vectors.Vectors, unseen func(word string) []float32) *WordSpace {
	return &WordSpace{v: v, unseen: unseen}
}

// Close gives the file back that the vectors stand in, if there is one.
func (s *WordSpace) Close() error { return s.v.Close() }

// byFold gives the words by lower case.
func (s *WordSpace) byFold() map[string]int {
	s.folded.Do(func() {
		s.fold = make(map[string]int, s.v.Len())
		for i, w := range s.v.Words {
			l := strings.ToLower(w)
			if _, there := s.fold[l]; !there {
				s.fold[l] = i
			}
		}
	})
	return s.fold
}

// blockValues is how many values of a table are looked at together: they stay in the
// cache of a core.
const blockValues = 1 << 15

// rowBlocks are blocks that are not in use.
var rowBlocks sync.Pool

func takeRows(n int) []float32 {
	if b, ok := rowBlocks.Get().(*[]float32); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]float32, n, max(n, blockValues))
}

func giveRows(x []float32) { rowBlocks.Put(&x) }

func (s *WordSpace) blockRows() int { return max(1, blockValues/s.v.Dim) }

// measure finds the lengths of all vectors, once.
func (s *WordSpace) measure() error {
	s.measured.Do(func() {
		d := s.v.Dim
		lengths := make([]float64, s.v.Len())
		par.For(s.v.Len(), s.blockRows(), func(lo, hi int) {
			x := takeRows((hi - lo) * d)
			defer giveRows(x)
			s.v.Rows(lo, hi, x)
			for i := lo; i < hi; i++ {
				lengths[i] = length(x[(i-lo)*d : (i-lo+1)*d])
			}
		})
		for i, l := range lengths {
			if math.IsNaN(l) || math.IsInf(l, 0) {
				s.fault = s.notFinite(i)
				return
			}
		}
		s.lengths = lengths
	})
	return s.fault
}

func (s *WordSpace) notFinite(i int) error {
	return fmt.Errorf("the vector of word %d, %q, is not finite", i+1, s.v.Words[i])
}

// units writes the vectors of words lo to hi-1, each of length one, to x (hi-lo, D).
func (s *WordSpace) units(lo, hi int, x []float32) {
	d := s.v.Dim
	s.v.Rows(lo, hi, x)
	for i := lo; i < hi; i++ {
		row := x[(i-lo)*d : (i-lo+1)*d]
		toLength(row, row, s.lengths[i])
	}
}

// unit gives the vector of a word, of length one.
func (s *WordSpace) unit(i int) ([]float32, error) {
	x := make([]float32, s.v.Dim)
	s.v.Rows(i, i+1, x)
	if !vec.Finite(x) {
		return nil, s.notFinite(i)
	}
	unitRow(x, x)
	return x, nil
}

// cosines writes those of m queries of length one, q (m, D), and the first v words, to
// cos (m, v). The vectors have been measured.
func (s *WordSpace) cosines(q []float32, m, v int, cos []float32) {
	d := s.v.Dim
	par.For(v, s.blockRows(), func(lo, hi int) {
		x := takeRows((hi - lo) * d)
		defer giveRows(x)
		s.units(lo, hi, x)
		blas.Serial(false, true, m, hi-lo, d, q, d, x, d, cos[lo:], v, false) // (m, rows)
	})
}

// Len is the number of words.
func (s *WordSpace) Len() int { return s.v.Len() }

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
	if i, ok := s.v.Find(word); ok {
		return i, nil
	}
	if i, ok := s.byFold()[strings.ToLower(word)]; ok {
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
	for i, w := range s.v.Words {
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
		words = append(words, s.v.Words[c.i])
	}
	return words
}

// vector gives that of a word, of length one, and its number, or -1 for one that is
// made. The error is an *UnknownWord where there is no such word.
func (s *WordSpace) vector(word string) (x []float32, at int, err error) {
	at, err = s.Find(word)
	if err == nil {
		x, err = s.unit(at)
		return x, at, err
	}
	if s.unseen == nil {
		return nil, 0, err
	}
	made := s.unseen(word)
	if made == nil {
		return nil, 0, err
	}
	x = make([]float32, s.v.Dim)
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
	return s.nearest(x, n, at)
}

// Analogy lists n answers to "a is to b as c is to …": the words nearest to
// b − a + c, the three left out (3CosAdd; Mikolov, Yih and Zweig 2013, "Linguistic
// regularities in continuous space word representations").
func (s *WordSpace) Analogy(a, b, c string, n int) ([]Neighbor, error) {
	return s.Sum([]Term{{Word: a, Minus: true}, {Word: b}, {Word: c}}, n)
}

// A Term is a word that is added, or taken away.
type Term struct {
	Word  string
	Minus bool
}

// Sum lists the n words nearest to a sum of words, each of length one, those words left
// out.
func (s *WordSpace) Sum(terms []Term, n int) ([]Neighbor, error) {
	q, without := make([]float32, s.v.Dim), make([]int, len(terms))
	for i, t := range terms {
		x, at, err := s.vector(t.Word)
		if err != nil {
			return nil, err
		}
		if without[i] = at; t.Minus {
			vec.Sub(q, q, x)
		} else {
			vec.Add(q, q, x)
		}
	}
	unitRow(q, q)
	return s.nearest(q, n, without...)
}

// relation writes b − a + c, of length one.
func relation(q []float32, x [3][]float32) {
	vec.Sub(q, x[1], x[0])
	vec.Add(q, q, x[2])
	unitRow(q, q)
}

// nearest are the n words nearest to q but for those left out, the nearest first.
func (s *WordSpace) nearest(q []float32, n int, without ...int) ([]Neighbor, error) {
	if err := s.measure(); err != nil {
		return nil, err
	}
	n = max(0, min(n, s.Len()))
	cos := make([]float32, s.Len())
	s.cosines(q, 1, s.Len(), cos)
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
		list = append(list, Neighbor{s.v.Words[i], float64(cos[i])})
	}
	return list, nil
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
