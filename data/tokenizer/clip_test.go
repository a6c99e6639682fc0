package tokenizer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// clipList is a list of merges as long as CLIP's, of which the first make words and the
// others are fillers.
func clipList() []byte {
	var b strings.Builder
	b.WriteString(clipFile + ": 0.2\n")
	made := []string{"t h", "th e</w>", "c a", "ca t</w>", "d o", "do g", "dog s</w>", "' s</w>"}
	for _, m := range made {
		fmt.Fprintln(&b, m)
	}
	n := len(made)
	for _, x := range byteRunes {
		if unicode.IsLetter(x) && x < 128 || x == '\'' {
			continue
		}
		for _, y := range byteRunes {
			if n < clipMerges {
				fmt.Fprintf(&b, "%c %c\n", x, y)
				n++
			}
		}
	}
	b.WriteString("beyond those of CLIP\n")
	return []byte(b.String())
}

func clipTokens(t *Tokenizer, text string) (tokens []string) {
	t.Begin()
	for _, piece := range strings.SplitAfter(text, " ") {
		t.Split(piece, func(id int32) { tokens = append(tokens, t.Tokens()[id]) })
	}
	return tokens
}

// CLIP's merges are read from their own list, packed or not, and kept as a
// tokenizer.json that is read again.
func TestClip(t *testing.T) {
	list := clipList()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(list)
	z.Close()
	path := filepath.Join(t.TempDir(), "bpe_simple_vocab_16e6.txt.gz")
	if err := os.WriteFile(path, zipped.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	packed, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(plain.JSON())
	if err != nil {
		t.Fatal(err)
	}
	for _, tk := range []*Tokenizer{packed, plain, again} {
		if n := len(tk.Tokens()); n != 49408 || tk.Tokens()[0] != "!" || tk.Tokens()[256] != "!</w>" || tk.Tokens()[512] != "th" || tk.Tokens()[49407] != "<|endoftext|>" {
			t.Fatalf("%d tokens", n)
		}
		want := []string{"the</w>", "cat</w>", "'s</w>", "dogs</w>", "do", "t</w>", "1</w>", "2</w>", "?", "!</w>"}
		if got := clipTokens(tk, "The CAT's  dogs dot 12?!"); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if got := tk.Text(want); got != "the cat 's dogs dot 1 2 ?!" {
			t.Errorf("as a text: %q", got)
		}
	}
	if tokens, err := Parse(list[:len(list)/2]); err == nil || !strings.Contains(err.Error(), "it is not whole") {
		t.Errorf("half a list: %v, %v", tokens, err)
	}
	if _, err := Parse(bytes.Replace(list, []byte("c a\n"), []byte("ca\n"), 1)); err == nil || !strings.Contains(err.Error(), `line 4 is "ca", want two tokens`) {
		t.Errorf("a line of one token: %v", err)
	}
	if _, err := Parse(bytes.Replace(list, []byte("c a\n"), []byte("t h\n"), 1)); err == nil || !strings.Contains(err.Error(), `the token "th" is made twice`) {
		t.Errorf("a merge twice: %v", err)
	}
	if _, err := Parse(zipped.Bytes()[:1000]); err == nil || !strings.Contains(err.Error(), "cannot be unpacked") {
		t.Errorf("a part of the file: %v", err)
	}
}
