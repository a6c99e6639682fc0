package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A text is counted where pictures are looked through.
func TestDataCheckText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(path, []byte("a b a c a b once"), 0o666); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, []string{"vocabulary  2 words, each there 2 times or more", "coverage    71.43 % of the text, 5 words in 3 examples", "a 3, b 2"},
		"data", "check", "text", "--path", path, "--min-count", "2", "--length", "2")
	expect(t, 0, []string{`"vocabulary": 2`}, "data", "check", "text", "--path", path, "--min-count", "2", "--json")
	expect(t, 2, []string{`split: is "lines", want one of text8, words, whitespace`}, "data", "check", "text", "--path", path, "--words", "lines")
	expect(t, 2, []string{"none of its 7 words occurs 5 times or more; want at least 2 that do; a lower min_count may help"}, "data", "check", "text", "--path", path)
}
