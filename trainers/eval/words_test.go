package eval

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"x2vec/data/vectors"
	"x2vec/graph/ops/racetest"
)

// space holds words whose vectors are the sums of what they mean: royal, city,
// male, female, French, Italian.
func space(t *testing.T) *WordSpace {
	t.Helper()
	words := []string{"the", "king", "queen", "man", "woman", "Paris", "rome", "france", "Italy", "PARIS", "nothing"}
	data := []float32{
		1, 1, 1, 1, 1, 1,
		3, 0, 3, 0, 0, 0, // king
		3, 0, 0, 3, 0, 0, // queen
		0, 0, 3, 0, 0, 0,
		0, 0, 0, 3, 0, 0,
		0, 3, 0, 0, 3, 0, // Paris
		0, 3, 0, 0, 0, 3, // rome
		0, 0, 0, 0, 5e37, 0, // a length that a square of overflows
		0, 0, 0, 0, 0, 1e-30, // Italy: one that vanishes
		1, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0,
	}
	v, err := vectors.New(words, 6, data)
	if err != nil {
		t.Fatal(err)
	}
	return NewWordSpace(v, nil)
}

func TestNeighbors(t *testing.T) {
	s := space(t)
	got, err := s.Neighbors("King", 3)
	if err != nil || len(got) != 3 || got[0].Word != "man" || got[1].Word != "PARIS" || got[2].Word != "the" || math.Abs(got[0].Cosine-math.Sqrt(.5)) > 1e-6 {
		t.Errorf("near king: %v, %v", got, err)
	}
	if got, err := s.Neighbors("king", 100); err != nil || len(got) != s.Len()-1 {
		t.Errorf("all words near king: %d, %v", len(got), err)
	}
	if c, err := s.Similarity("king", "queen"); err != nil || math.Abs(c-0.5) > 1e-6 {
		t.Errorf("king and queen: %v, %v; want 0.5", c, err)
	}
	if c, err := s.Similarity("france", "paris"); err != nil || math.Abs(c-math.Sqrt(.5)) > 1e-6 {
		t.Errorf("france and the first paris: %v, %v; want 0.7071", c, err)
	}
}

// Vectors of a file are compared where they stand: what is allocated is words, lengths
// and cosines, and no copy of the table.
func TestNoCopyOfAFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are read there, not mapped")
	}
	const words, dim = 10_000, 400
	names, values := make([]string, words), make([]float32, words*dim)
	for i := range names {
		names[i] = fmt.Sprint("w", i)
		values[i*dim+i%dim], values[i*dim+(i/dim+1+i%dim)%dim] = 2, 1
	}
	v, err := vectors.New(names, dim, values)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "words.bin")
	if err := v.Save(path, "binary"); err != nil {
		t.Fatal(err)
	}
	want, err := NewWordSpace(v, nil).Neighbors("w4321", 3)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	mapped, err := vectors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewWordSpace(mapped, nil)
	got, err := s.Neighbors("w4321", 3)
	runtime.ReadMemStats(&after)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("in the file %v, %v; in memory %v", got, err, want)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*words*dim/3 && !racetest.On { // its pools lose things
		t.Errorf("%d bytes were allocated for a table of %d", n, 4*words*dim)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Of a word that is not there a vector may be made, which compares like the others.
func TestUnseenWord(t *testing.T) {
	v, err := vectors.New([]string{"a", "b", "c"}, 2, []float32{1, 0, 0, 1, -1, 0})
	if err != nil {
		t.Fatal(err)
	}
	s := NewWordSpace(v, func(word string) []float32 {
		if word == "ab" {
			return []float32{3, 4}
		}
		return nil
	})
	if near, err := s.Neighbors("ab", 9); err != nil || len(near) != 3 || near[0].Word != "b" || math.Abs(near[0].Cosine-0.8) > 1e-6 {
		t.Errorf("near ab: %v, %v", near, err)
	}
	if c, err := s.Similarity("ab", "a"); err != nil || math.Abs(c-0.6) > 1e-6 {
		t.Errorf("ab and a: %v, %v; want 0.6", c, err)
	}
	if near, err := s.Analogy("ab", "b", "a", 9); err != nil || len(near) != 1 || near[0].Word != "c" {
		t.Errorf("ab is to b as a to %v, %v; want c, which alone is left", near, err)
	}
	var u *UnknownWord
	if _, err := s.Neighbors("xyz", 1); !errors.As(err, &u) {
		t.Errorf("a word of which nothing can be made: %v", err)
	}
}

func TestAnalogy(t *testing.T) {
	s := space(t)
	for _, q := range [][4]string{{"man", "king", "woman", "queen"}, {"france", "paris", "italy", "rome"}} {
		got, err := s.Analogy(q[0], q[1], q[2], 1)
		if err != nil || len(got) != 1 || got[0].Word != q[3] {
			t.Errorf("%s is to %s as %s is to %v, %v; want %s", q[0], q[1], q[2], got, err, q[3])
		}
	}
}

func TestUnknownWord(t *testing.T) {
	s := space(t)
	_, err := s.Neighbors("qeen", 1)
	var u *UnknownWord
	if !errors.As(err, &u) || err.Error() != `"qeen" is not in the vocabulary; near it are queen` {
		t.Errorf("qeen: %v", err)
	}
	_, err = s.Analogy("man", "king", "wmn", 1)
	if !errors.As(err, &u) || u.Word != "wmn" || slices.Contains(u.Near, "woman") {
		t.Errorf("wmn: %v, want no word in which as many letters differ as are the same", err)
	}
	if _, err := s.Similarity("king", strings.Repeat("x", 5000)); !errors.As(err, &u) || u.Near != nil {
		t.Errorf("a word of 5000 letters: %v", err)
	}
}

const questions = `# a comment
: capital
France Paris Italy Rome
France Paris Italy Berlin
Italy Rome France Paris
: gram-family
man king woman queen

man king queen woman
`

func TestAnalogies(t *testing.T) {
	s := space(t)
	q, err := ReadQuestions(strings.NewReader(questions))
	if err != nil {
		t.Fatal(err)
	}
	want := []AnalogyScore{
		{"capital", 2, 2, 1}, {"gram-family", 1, 2, 0},
		{"semantic", 2, 2, 1}, {"syntactic", 1, 2, 0}, {"all", 3, 4, 1},
	}
	if got, err := s.Analogies(q, 0); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	// Of the first five words, those of the second section alone are known.
	want = []AnalogyScore{
		{"capital", 0, 0, 3}, {"gram-family", 1, 2, 0},
		{"semantic", 0, 0, 3}, {"syntactic", 1, 2, 0}, {"all", 1, 2, 3},
	}
	if got, err := s.Analogies(q, 5); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if a := (AnalogyScore{Right: 1, Asked: 4}).Accuracy(); a != 0.25 {
		t.Errorf("accuracy %v, want 0.25", a)
	}
}

// The values of Spearman's correlation with equal scores are those of
// scipy.stats.spearmanr.
func TestSimilarities(t *testing.T) {
	s := space(t)
	p, err := ReadPairs(strings.NewReader("Word 1,Word 2,Human\nking\tqueen\t5\nking,man,7\nman;woman;1\nparis rome 5\nking zebra 3\nthe king 9\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Similarities(p)
	// Cosines 0.5, 0.7071, 0, 0.5, 0.5774: ranks 2.5, 5, 1, 2.5, 4; scores 2.5, 4, 1, 2.5, 5.
	if want := 8.5 / 9.5; math.Abs(got.Spearman-want) > 1e-9 || got.Found != 5 || got.Pairs != 6 {
		t.Errorf("%+v, want %.4f for 5 of 6 pairs", got, want)
	}
	if none := s.Similarities(p[4:5]); !math.IsNaN(none.Spearman) || none.Found != 0 {
		t.Errorf("no pair found: %+v", none)
	}
}

func TestRanks(t *testing.T) {
	if got := Ranks([]float64{3, 1, 3, 2, 3}); !slices.Equal(got, []float64{4, 1, 4, 2, 4}) {
		t.Errorf("%v, want 4 1 4 2 4", got)
	}
}

func TestBuiltinWordTests(t *testing.T) {
	sections, err := BuiltinQuestions()
	n := 0
	for _, s := range sections {
		n += len(s.Questions)
	}
	if err != nil || len(sections) != 14 || n != 19544 {
		t.Errorf("%d questions in %d sections, %v; want 19544 in 14", n, len(sections), err)
	}
	lists, err := BuiltinPairs()
	if err != nil || len(lists) != 3 || len(lists[0].Pairs) != 353 || len(lists[1].Pairs) != 203 || len(lists[2].Pairs) != 252 {
		t.Errorf("%d lists of pairs, %v; want 353, 203 and 252", len(lists), err)
	}
}

func TestWordFilesRefused(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for text, want := range map[string]string{
		"":             "holds no questions",
		"a b c d":      "line 1: a question before the first",
		": x\na b c\n": "line 2: has 3 words",
		": x\n" + long: "line 2: ",
	} {
		if _, err := ReadQuestions(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"":               "holds no pairs",
		"a b":            "line 1: has 2 fields",
		"a b 1\na b x":   `line 2: "x" is not a number`,
		"a b 1\na b NaN": `line 2: "NaN" is not a number`,
	} {
		if _, err := ReadPairs(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	v, _ := vectors.New([]string{"a", "b"}, 1, []float32{1, float32(math.NaN())})
	s := NewWordSpace(v, nil)
	_, near := s.Neighbors("a", 1)
	_, alike := s.Similarity("a", "b")
	_, asked := s.Analogies(nil, 0)
	for _, err := range []error{near, alike, asked} {
		if err == nil || !strings.Contains(err.Error(), `word 2, "b", is not finite`) {
			t.Errorf("a vector that is no number: %v", err)
		}
	}
}

func FuzzReadQuestions(f *testing.F) {
	f.Add(questions)
	f.Add("Word 1,Word 2,Human\nking\tqueen\t5\n")
	f.Fuzz(func(t *testing.T, text string) {
		sections, err := ReadQuestions(strings.NewReader(text))
		if err == nil && len(sections) == 0 {
			t.Error("no sections, and no error")
		}
		pairs, err := ReadPairs(strings.NewReader(text))
		if err == nil && len(pairs) == 0 {
			t.Error("no pairs, and no error")
		}
	})
}
