package data

import (
	"slices"
	"strings"
	"testing"
)

func TestNgrams(t *testing.T) {
	hash := func(s string) int32 {
		h := uint32(2166136261)
		for i := range len(s) {
			h ^= uint32(int8(s[i]))
			h *= 16777619
		}
		return int32(h % 1000)
	}
	for _, c := range []struct {
		word        string
		least, most int
		parts       string
	}{
		{"where", 3, 3, "<wh whe her ere re>"}, // the example of section 3.2
		{"as", 3, 6, "<as <as> as>"},
		{"as", 1, 2, "<a a as s s>"},
		{"öl", 2, 3, "<ö <öl öl öl> l>"},
		{"", 3, 6, ""},
	} {
		var want []int32
		for _, p := range strings.Fields(c.parts) {
			want = append(want, hash(p))
		}
		if got := Ngrams(c.word, c.least, c.most, 1000); !slices.Equal(got, want) {
			t.Errorf("%s from %d to %d: %v, want %v of %s", c.word, c.least, c.most, got, want, c.parts)
		}
	}
	if n := len(Ngrams(strings.Repeat("word", 300), 3, 6, 1000)); n != MaxNgrams {
		t.Errorf("a word of 1200 letters has %d parts, want %d", n, MaxNgrams)
	}
}
