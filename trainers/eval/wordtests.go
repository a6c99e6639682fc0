package eval

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a file of questions.
const (
	maxQuestions = 1 << 20
	maxLine      = 1 << 12 // bytes
)

// A Question asks: a is to b as c is to d.
type Question struct{ A, B, C, D string }

// A QuestionSection is questions of one kind.
type QuestionSection struct {
	Name      string
	Questions []Question
}

// ReadQuestions reads analogies in the form of questions-words.txt: lines of four
// words, and ": name" where a section begins.
func ReadQuestions(r io.Reader) ([]QuestionSection, error) {
	var sections []QuestionSection
	n := 0
	err := lines(r, func(line string) error {
		if name, ok := strings.CutPrefix(line, ":"); ok {
			sections = append(sections, QuestionSection{Name: strings.TrimSpace(name)})
			return nil
		}
		w := strings.Fields(line)
		switch n++; {
		case len(w) != 4:
			return fmt.Errorf("has %d words, want the four of an analogy, or \": name\" of a section", len(w))
		case len(sections) == 0:
			return errors.New("a question before the first \": name\" of a section")
		case n > maxQuestions:
			return fmt.Errorf("more than %d questions", maxQuestions)
		}
		s := &sections[len(sections)-1]
		s.Questions = append(s.Questions, Question{w[0], w[1], w[2], w[3]})
		return nil
	})
	if err == nil && n == 0 {
		err = errors.New("holds no questions")
	}
	return sections, err
}

// lines calls f for each line that is neither empty nor a comment (#).
func lines(r io.Reader, f func(line string) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	n := 1
	for ; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}

// AnalogyScore is how many questions of a section were answered right.
type AnalogyScore struct {
	Section string
	Right   int
	Asked   int
	Unknown int // questions that were not asked: a word is not in the vocabulary
}

// Accuracy is Right of Asked, NaN where nothing was asked.
func (a AnalogyScore) Accuracy() float64 { return float64(a.Right) / float64(a.Asked) }

// Analogies asks all questions of the restrict most frequent words (0 = of all).
// The answer is the word nearest to b − a + c among them, a, b and c left out
// (3CosAdd), whatever the case of its letters. That is how gensim counts. After
// the sections come "semantic" and "syntactic", those whose names begin with
// "gram", and "all".
func (s *WordSpace) Analogies(sections []QuestionSection, restrict int) ([]AnalogyScore, error) {
	if err := s.measure(); err != nil {
		return nil, err
	}
	v, d := s.Len(), s.v.Dim
	if restrict > 0 {
		v = min(v, restrict)
	}
	fold := make([]int, v) // the first word that differs from this by case alone
	for i := range fold {
		fold[i] = s.byFold()[strings.ToLower(s.v.Words[i])]
	}
	find := func(w string) int {
		if i, ok := s.byFold()[strings.ToLower(w)]; ok && i < v {
			return i
		}
		return -1
	}
	sums := []AnalogyScore{{Section: "semantic"}, {Section: "syntactic"}, {Section: "all"}}
	var scores []AnalogyScore
	const batch = 256
	queries, cos := make([]float32, batch*d), make([]float32, batch*v)
	three := [3][]float32{make([]float32, d), make([]float32, d), make([]float32, d)}
	var asked [][4]int
	for _, sec := range sections {
		score := AnalogyScore{Section: sec.Name}
		asked = asked[:0]
		for _, q := range sec.Questions {
			at := [4]int{find(q.A), find(q.B), find(q.C), find(q.D)}
			if slices.Contains(at[:], -1) {
				score.Unknown++
				continue
			}
			asked = append(asked, at)
		}
		score.Asked = len(asked)
		for part := range slices.Chunk(asked, batch) {
			for i, at := range part {
				for k, x := range three {
					s.units(at[k], at[k]+1, x)
				}
				relation(queries[i*d:(i+1)*d], three)
			}
			s.cosines(queries, len(part), v, cos) // (questions, V)
			for i, at := range part {
				best := -1
				row := cos[i*v : (i+1)*v]
				for j, c := range row {
					if (best < 0 || c > row[best]) && fold[j] != at[0] && fold[j] != at[1] && fold[j] != at[2] {
						best = j
					}
				}
				if best >= 0 && fold[best] == at[3] {
					score.Right++
				}
			}
		}
		scores = append(scores, score)
		kind := 0
		if strings.HasPrefix(sec.Name, "gram") {
			kind = 1
		}
		for _, k := range []int{kind, 2} {
			sums[k].Right += score.Right
			sums[k].Asked += score.Asked
			sums[k].Unknown += score.Unknown
		}
	}
	return append(scores, sums...), nil
}

// A RatedPair is two words and how similar people find them.
type RatedPair struct {
	A, B  string
	Score float64
}

// ReadPairs reads lines of two words and a number, with tabs, commas, semicolons
// or spaces between them: WordSim-353, RG-65, MTurk and the like. A first line
// without a number is a heading.
func ReadPairs(r io.Reader) ([]RatedPair, error) {
	var pairs []RatedPair
	first := true
	err := lines(r, func(line string) error {
		heading := first
		first = false
		w := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("\t,; ", r) })
		if len(w) < 3 {
			return fmt.Errorf("has %d fields, want two words and a number", len(w))
		}
		x, err := strconv.ParseFloat(w[2], 64)
		switch {
		case (err != nil || math.IsNaN(x) || math.IsInf(x, 0)) && heading:
			return nil
		case err != nil || math.IsNaN(x) || math.IsInf(x, 0):
			return fmt.Errorf("%q is not a number", w[2])
		case len(pairs) == maxQuestions:
			return fmt.Errorf("more than %d pairs", maxQuestions)
		}
		pairs = append(pairs, RatedPair{w[0], w[1], x})
		return nil
	})
	if err == nil && len(pairs) == 0 {
		err = errors.New("holds no pairs of words")
	}
	return pairs, err
}

// SimilarityScore says how well cosines agree with people.
type SimilarityScore struct {
	// Spearman is the rank correlation of the cosines with the scores, equal ones
	// sharing their ranks; NaN where fewer than two pairs were found.
	Spearman float64
	Found    int // pairs whose words are both in the vocabulary; the others do not count
	Pairs    int
}

// Similarities compares the cosines of pairs with their scores.
func (s *WordSpace) Similarities(pairs []RatedPair) SimilarityScore {
	var cosines, scores []float64
	for _, p := range pairs {
		if c, err := s.cosine(p); err == nil {
			cosines, scores = append(cosines, c), append(scores, p.Score)
		}
	}
	r := SimilarityScore{Spearman: math.NaN(), Found: len(scores), Pairs: len(pairs)}
	if len(scores) > 1 {
		r.Spearman = Spearman(cosines, scores)
	}
	return r
}

// cosine is Similarity without suggestions for a word that is not known. Vectors that
// would have to be made do not count, so that figures compare.
func (s *WordSpace) cosine(p RatedPair) (float64, error) {
	for _, w := range []string{p.A, p.B} {
		if _, ok := s.byFold()[strings.ToLower(w)]; !ok {
			return 0, &UnknownWord{Word: w}
		}
	}
	return s.Similarity(p.A, p.B)
}

// Ranks are the places of the values in their order, from 1; equal values share
// the mean of theirs.
func Ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(x[i], x[j]) })
	r := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo + 1 // NaN is like nothing
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			r[i] = float64(lo+1+hi) / 2
		}
		lo = hi
	}
	return r
}
