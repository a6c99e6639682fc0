package vectors

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// three are words whose values are not round in decimal.
func three(t testing.TB) *Vectors {
	v, err := New([]string{"the", "größe", "x"}, 2, []float32{0.1, -2.5e-8, 3, 1 / 3.0, math.MaxFloat32, -0.25})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same(t *testing.T, got, want *Vectors) {
	t.Helper()
	if !slices.Equal(got.Words, want.Words) || got.Dim != want.Dim {
		t.Fatalf("words %q with %d values, want %q with %d", got.Words, got.Dim, want.Words, want.Dim)
	}
	a, b := make([]float32, got.Dim), make([]float32, want.Dim)
	for i, w := range want.Words {
		got.Vector(i, a)
		want.Vector(i, b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: %v, want %v", w, a, b)
		}
		if n, ok := got.Find(w); !ok || n != i {
			t.Errorf("Find(%s) = %d, %t", w, n, ok)
		}
	}
}

func TestWriteAndOpen(t *testing.T) {
	for _, format := range Formats {
		path := filepath.Join(t.TempDir(), format)
		if err := three(t).Save(path, format); err != nil {
			t.Fatal(err)
		}
		v, err := Open(path)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		same(t, v, three(t))
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The forms in which other programs write: gensim and word2vec.c differ in the
// line's end after a binary vector, fastText and word2vec.c in the space at the
// end of a line, some GloVe words have spaces.
func TestParseForms(t *testing.T) {
	one := "\x00\x00\x80\x3f"
	for name, c := range map[string]struct {
		file  string
		words []string
		dim   int
	}{
		"word2vec.c text":   {"2 2\n</s> 1 2 \nthe 3 4 \n", []string{"</s>", "the"}, 2},
		"word2vec.c binary": {"2 1\na " + one + "\nb " + one + "\n", []string{"a", "b"}, 1},
		"gensim binary":     {"2 1\na " + one + "b " + one, []string{"a", "b"}, 1},
		"GloVe":             {"the 1 2 3\n. . . 4 5 6\n", []string{"the", ". . ."}, 3},
		"line ends of DOS":  {"2 1\r\na 1\r\nb 2\r\n", []string{"a", "b"}, 1},
		"no UTF-8":          {"a\xff 1 2 3\n", []string{"a\ufffd"}, 3},
	} {
		v, err := Parse([]byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !slices.Equal(v.Words, c.words) || v.Dim != c.dim {
			t.Errorf("%s: %q of %d, want %q of %d", name, v.Words, v.Dim, c.words, c.dim)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	one := "\x00\x00\x80\x3f"
	for file, want := range map[string]string{
		"":                               "is empty",
		"2 1\na 1\n\n\n\n":               "ends after 1 of 2 words",
		"1000000000 100\na 1":            "says 1000000000 words, and 3 bytes follow",
		"1 99999999\na 1":                "vectors of 99999999 values, want 1 to 65536",
		"1 2\na 1 2\nb 3 4\n":            "line 3: the first line says 1 words",
		"a 1 2\nb 1 nan\n":               "line 2: value 2 of 2 is missing, not a number or not finite",
		"a 1 2\nb 3\n":                   "line 2: value 1 of 2",
		"2 1\na " + one + "\nb \x00\x00": `ends within the vector of word 2 of 2, "b"`,
		"1 1\na \x00\x00\xc0\x7f":        "a value is not finite",
		"1 1\na " + one + "\nrest":       "4 bytes follow its 1 words",
		"word\n":                         "line 1 is no word with a vector",
		"2 2\na 1 2 3\nb 1 2 3\n":        "line 2: more than 2 values follow its word",
		"a 1 2\nb 1 2 3\n":               "line 2: more than 2 values",
		"2 1\na " + one + "b\x03 " + one: "word 2 of 2 holds the byte 0x03: damaged, or vectors of another size than 1",
		"\x1f\x8b\x08":                   "is packed with gzip; unpack it first",
		"PK\x03\x04":                     "is a zip archive",
	} {
		if _, err := Parse([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Of a word that a file has twice, as some that are well known do, the first counts.
func TestTwice(t *testing.T) {
	one, two := "\x00\x00\x80\x3f", "\x00\x00\x00\x40"
	for _, file := range []string{"3 1\na 1\nb 2\na 2\n", "3 1\na " + one + "b " + two + "a " + two, "a 1 0\nb 2 0\na 2 0\n"} {
		v, err := Parse([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 2*v.Dim)
		v.Rows(0, 2, x)
		if !slices.Equal(v.Words, []string{"a", "b"}) || x[0] != 1 || x[v.Dim] != 2 || v.Again != 1 || v.FirstAgain != "a" {
			t.Errorf("%q: %q %v, %d again, the first of them %q", file, v.Words, x, v.Again, v.FirstAgain)
		}
	}
	if _, err := New([]string{"a", "a"}, 1, []float32{1, 2}); err == nil || !strings.Contains(err.Error(), `word "a" is there twice, as number 1 and 2`) {
		t.Errorf("a word twice: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	v, _ := New([]string{"new york"}, 1, []float32{1})
	if err := v.Write(&bytes.Buffer{}, "text"); err == nil || !strings.Contains(err.Error(), `"new york"`) {
		t.Errorf("a word with a space: %v", err)
	}
	if err := v.Write(&bytes.Buffer{}, "glove"); err != nil {
		t.Errorf("a word with a space: %v", err)
	}
	if err := v.Write(&bytes.Buffer{}, "json"); err == nil || !strings.Contains(err.Error(), "text, binary, glove") {
		t.Errorf("an unknown format: %v", err)
	}
	if _, err := New([]string{"a"}, 2, nil); err == nil {
		t.Error("values are missing, and nobody says so")
	}
}

// Whatever is read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"2 2\n</s> 1 2 \nthe 3 4 \n", "2 1\na \x00\x00\x80\x3f\nb \x00\x00\x80\x3f\n", "the 1 2 3\n. . . 4 5 6\n", "1 1\n", "3 3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Parse(raw)
		if err != nil {
			return
		}
		if v.Len()*v.Dim > len(raw) {
			t.Fatalf("%d vectors of %d from %d bytes", v.Len(), v.Dim, len(raw))
		}
		for i, w := range v.Words { // what binary vectors may hold between first and last
			x := make([]float32, v.Dim)
			if v.Vector(i, x); !finite(x) || strings.ContainsAny(w, " \t\r\n") || strings.ContainsFunc(w, control) || strings.TrimSpace(w) != w {
				return
			}
		}
		var b bytes.Buffer
		if err := v.Write(&b, "binary"); err != nil {
			t.Fatal(err)
		}
		_, body, _ := bytes.Cut(b.Bytes(), []byte("\n"))
		if isText(body, v.Dim) {
			return // values whose bytes are digits
		}
		again, err := Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		same(t, again, v)
	})
}
