package text

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/tokenizer"
)

// However a text is cut into parts, its pieces are the same, and together the text.
func TestPieces(t *testing.T) {
	const text = "  The cat's\n\n 12 ÄRZTE\u00a0лес \t"
	want := []string{"  The", " cat's", "\n\n 12", " ÄRZTE", "\u00a0лес", " \t"}
	for size := 1; size <= len(text); size++ {
		var got []string
		s := &pieces{emit: func(p string) { got = append(got, p) }}
		for p := range slices.Chunk([]byte(text), size) {
			if _, err := s.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.close(); err != nil || !slices.Equal(got, want) {
			t.Fatalf("in parts of %d bytes: %q, %v; want %q", size, got, err, want)
		}
	}
	for want, parts := range map[string][]string{
		"byte 4 is 0xff, which is no UTF-8": {"caf", " \xff "},
		"byte 3 is 0xc3, which is no UTF-8": {"caf\xc3"},
		"byte 2 is 0: this is no text":      {"ab\x00"},
		"a word of more than 1000 bytes":    {strings.Repeat("x", 700), strings.Repeat("x", 700)},
	} {
		s := &pieces{emit: func(string) {}}
		var err error
		for _, p := range parts {
			if _, err = s.Write([]byte(p)); err != nil {
				break
			}
		}
		if err == nil {
			err = s.close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10q: %v, want %q", parts, err, want)
		}
	}
}

// A corpus of tokens has all tokens in its vocabulary, says which go on with a word,
// and its tokens together are the text; another text gets the same numbers.
func TestCorpusOfTokens(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t")
	const said = "the cat sat on the mat the dog sat on the cat"
	if err := os.WriteFile(path, []byte(strings.Repeat(said+"\n", 5)), 0o666); err != nil {
		t.Fatal(err)
	}
	l := tokenizer.NewLearner(false)
	if err := Learn(context.Background(), l, nil, path); err != nil {
		t.Fatal(err)
	}
	tk, err := l.Learn(270)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(context.Background(), Options{Split: "words", Tokenizer: tk, MinCount: 1, Length: 16}, path)
	if err != nil {
		t.Fatal(err)
	}
	v := c.Spec().Words
	if v.Len() != 270 || len(v.Inside) != 270 {
		t.Fatalf("%d words, of %d it is known whether they go on", v.Len(), len(v.Inside))
	}
	read := func(c *Corpus) (s string) {
		e := data.Example{Tokens: make([]int32, 16)}
		for i := range c.Len() {
			if err := c.Read(i, &e); err != nil {
				t.Fatal(err)
			}
			for _, w := range e.Tokens {
				if w >= 0 {
					s += v.Words[w]
				}
			}
		}
		return s
	}
	if got := strings.NewReplacer("Ġ", " ", "Ċ", "\n").Replace(read(c)); got != " "+strings.Repeat(said+"\n", 5) {
		t.Errorf("the tokens make %q", got)
	}
	at, _ := v.Find("Ġthe")
	if in, ok := v.Find("t"); !ok || !v.Inside[in] || v.Inside[at] {
		t.Error("which tokens go on with a word is not known")
	}
	again, err := Read(context.Background(), Options{Split: "words", Tokenizer: tk, Words: v, MinCount: 1, Length: 16}, path)
	if err != nil || read(again) != read(c) {
		t.Errorf("with the vocabulary given it differs: %v", err)
	}
	ids, err := Tokens(tk, "the cat")
	if err != nil || fmt.Sprint(len(ids)) != "2" {
		t.Errorf("the cat is %v, %v", ids, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Learn(ctx, l, nil, path); err == nil {
		t.Error("learning goes on after its context ended")
	}
}
