package data_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
)

func TestVocabulary(t *testing.T) {
	v := data.NewVocabulary([]string{"b", "rare", "a", "often"}, []int64{2, 1, 2, 9})
	if !slices.Equal(v.Words, []string{"often", "a", "b", "rare"}) || !slices.Equal(v.Counts, []int64{9, 2, 2, 1}) || v.Total != 14 {
		t.Errorf("%v %v of %d", v.Words, v.Counts, v.Total)
	}
	if i, ok := v.Find("b"); !ok || i != 2 {
		t.Errorf("b is number %d, %t", i, ok)
	}
	if _, ok := v.Find("c"); ok {
		t.Error("c is there")
	}
	var b bytes.Buffer
	if err := v.Write(&b); err != nil || b.String() != "often\t9\na\t2\nb\t2\nrare\t1\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
	again, err := data.ReadVocabulary(&b)
	if err != nil || !slices.Equal(again.Words, v.Words) || !slices.Equal(again.Counts, v.Counts) {
		t.Errorf("%v, %v", again, err)
	}
}

func TestVocabularyRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "holds no words",
		"a\t2\nb":                  "line 2: want a word, a tab and its count",
		"a\tx\n":                   `line 1: "x" is no count`,
		"a\t0\n":                   `line 1: "0" is no count`,
		"\t1\n":                    "line 1: want a word",
		"a\t2\nb\t3\n":             "line 2: b is more frequent than the word before it",
		"a\t2\na\t2\n":             "line 2: a is there twice",
		strings.Repeat("x", 1<<17): "line 1: ",
	} {
		if _, err := data.ReadVocabulary(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}
