package text

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
)

// lines reads files that are made of name and text, in a folder where there are several.
func lines(t *testing.T, o LineOptions, files ...string) (train, test *Lines, err error) {
	t.Helper()
	dir := t.TempDir()
	path := dir
	for i := 0; i < len(files); i += 2 {
		path = filepath.Join(dir, files[i])
		if err := os.WriteFile(path, []byte(files[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) > 2 {
		path = dir
	}
	if o.Split == "" {
		o.Split = "words"
	}
	o.MinCount, o.Length = max(1, o.MinCount), max(4, o.Length)
	return ReadLines(context.Background(), o, path)
}

// said are the texts of a source as "class: words".
func said(t *testing.T, l *Lines) []string {
	t.Helper()
	var list []string
	spec := l.Spec()
	for i := range l.Len() {
		e := data.Example{Tokens: make([]int32, spec.Size())}
		if err := l.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		class := "?"
		if e.Label >= 0 {
			class = spec.Classes[e.Label]
		}
		words := []string{class + ":"}
		for _, w := range e.Tokens {
			if w >= 0 {
				words = append(words, spec.Words.Words[w])
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		o           LineOptions
		files       []string
		train, test string // texts, joined by /
	}{
		"lines":              {LineOptions{}, []string{"a.txt", "One two.\n\n  three \r\nfour"}, "?: one two/?: three/?: four", ""},
		"a tsv":              {LineOptions{}, []string{"a.tsv", "Label\ttext\nb\tOne \"two\na\tthree\n\tfour\n"}, "b: one two/a: three/?: four", ""},
		"a csv":              {LineOptions{}, []string{"a.csv", "id,Review,class\n1,\"one, \"\"two\"\"\nthree\",x\n2,four,y\n"}, "x: one two three/y: four", ""},
		"columns by name":    {LineOptions{Text: "b", Label: "A"}, []string{"a.csv", "a,b\nx,one\ny,two\n"}, "x: one/y: two", ""},
		"columns by number":  {LineOptions{Text: "2", Label: "1"}, []string{"a.csv", "x,one\ny,two\n"}, "x: one/y: two", ""},
		"a column of splits": {LineOptions{}, []string{"a.csv", "text,label,split\none,x,train\none,y,TEST\ntwo,y,train\n"}, "x: one/y: two", "y: one"},
		"files of splits": {LineOptions{}, []string{"test.tsv", "text\tlabel\none new\tz\n", "train.tsv", "text\tlabel\none\tx\ntwo\tx\n", "README.txt", "no"},
			"x: one/x: two", "z: one"}, // a new word of the tests is not known
		"too long":       {LineOptions{}, []string{"a.txt", "a b c d e f\nb"}, "?: a b c d/?: b", ""},
		"no word known":  {LineOptions{Options: Options{MinCount: 2}}, []string{"a.txt", "a a b b\nc"}, "?: a a b b/?:", ""},
		"unknown words":  {LineOptions{Options: Options{MinCount: 2, Unknown: true}}, []string{"a.txt", "a c a b b\nd"}, "?: a [UNK] a b/?: [UNK]", ""},
		"words of a run": {LineOptions{Options: Options{Words: data.NewVocabulary([]string{"one", "b"}, []int64{3, 1})}}, []string{"a.txt", "one two b"}, "?: one b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			train, test, err := lines(t, c.o, c.files...)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(said(t, train), "/"); got != c.train {
				t.Errorf("training texts %q, want %q", got, c.train)
			}
			got := ""
			if test != nil {
				got = strings.Join(said(t, test), "/")
			}
			if got != c.test {
				t.Errorf("test texts %q, want %q", got, c.test)
			}
			datatest.Run(t, func() (data.Source, error) { return train, nil })
		})
	}
}

func TestLinesShare(t *testing.T) {
	text := strings.Repeat("a b\nc d\n", 50)
	train, test, err := lines(t, LineOptions{TestShare: 0.2, Seed: 3}, "a.txt", text)
	if err != nil || train.Len() != 80 || test.Len() != 20 {
		t.Fatalf("%d and %d texts, %v; want 80 and 20", train.Len(), test.Len(), err)
	}
	if train.Spec().Split != "train" || test.Spec().Split != "test" || !strings.HasSuffix(test.File(0), ".txt:"+strings.Split(test.File(0), ":")[1]) {
		t.Errorf("%s, %s, %s", train.Spec().Split, test.Spec().Split, test.File(0))
	}
	again, _, err := lines(t, LineOptions{TestShare: 0.2, Seed: 4}, "a.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := train.Checksum()
	if b, _ := again.Checksum(); a == b {
		t.Error("another seed draws the same")
	}
}

// A word that is in texts drawn for tests alone is not known.
func TestLinesShareVocabulary(t *testing.T) {
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "own%d common\n", i)
	}
	for name, files := range map[string][]string{
		"one file":  {"a.txt", text.String()},
		"two files": {"a.txt", text.String()[:200], "b.txt", text.String()[200:]},
	} {
		train, test, err := lines(t, LineOptions{TestShare: 0.2, Seed: 3}, files...)
		if err != nil {
			t.Fatal(err)
		}
		if n := train.Spec().Words.Len(); n != train.Len()+1 {
			t.Errorf("%s: %d words of %d training texts, want one of each and one of all", name, n, train.Len())
		}
		for _, s := range said(t, test) {
			if s != "?: common" {
				t.Errorf("%s: test text %q, want no word of its own", name, s)
			}
		}
	}
}

func TestLinesRefuses(t *testing.T) {
	for want, files := range map[string][]string{
		"holds no words": {"a.txt", "\n\n"},
		"is empty":       {"a.csv", ""},
		`text_column: no column is called text, sentence,`: {"a.csv", "a,b\n1,2\n"},
		"line 3: has 1 columns, want at least 2":           {"a.csv", "label,text\nx,y\nz\n"},
		"line 2: has more than 1048576 bytes":              {"a.txt", "a b\n" + strings.Repeat("x ", 1<<20)},
		"or a quote in it does not end":                    {"a.csv", "text\n\"" + strings.Repeat("x\n", 2<<20)},
		"line 2: byte 1 is 0xff, which is no UTF-8":        {"a.txt", "a b\nc\xff\n"},
		"byte 1 is 0: this is no text":                     {"a.txt", "a\x00b\n"},
		`its 3 words are all the same, "a"`:                {"a.txt", "a a a"},
		"a word of more than 1000 bytes":                   {"a.txt", "a b " + strings.Repeat("x", 1200)},
		"holds no file that ends in .tsv":                  {"a.bin", "x", "b.bin", "y"},
		"holds no text for training":                       {"a.csv", "text,split\na,test\nb,test\n"},
	} {
		_, _, err := lines(t, LineOptions{Options: Options{Words: map[bool]*data.Vocabulary{true: data.NewVocabulary([]string{"a", "b"}, []int64{1, 1})}[strings.HasPrefix(want, "holds no text")]}}, files...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %.200v, want %q", files[1], err, want)
		}
	}
	if _, _, err := ReadLines(context.Background(), LineOptions{Options: Options{Split: "words", MinCount: 1, Length: 4}}, "-"); err == nil || !strings.Contains(err.Error(), "-") {
		t.Errorf("the standard input: %v", err)
	}
	if _, _, err := lines(t, LineOptions{Text: "5"}, "a.csv", "x,y\n"); err == nil || !strings.Contains(err.Error(), "text_column: is 5, and there are 2 columns") {
		t.Errorf("column 5: %v", err)
	}
}

// Whatever a table holds, it is read or refused, and what is read can be used.
func FuzzLines(f *testing.F) {
	f.Add("label,text\nx,\"one, two\"\ny,three\n", true)
	f.Add("label\ttext\nx\tone\ny\ttwo\n", false)
	f.Fuzz(func(t *testing.T, text string, comma bool) {
		name := map[bool]string{true: "a.csv", false: "a.tsv"}[comma]
		train, _, err := lines(t, LineOptions{TestShare: 0.3}, name, text)
		if err == nil {
			said(t, train)
		}
	})
}
