package readers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
	"x2vec/data/tokenizer"
)

// textOf is the caption of an example.
func textOf(t *testing.T, src data.Source, i int) string {
	t.Helper()
	e := read(t, src, i)
	return src.Spec().Captions.Text(e.Caption)
}

func TestCaptionedSources(t *testing.T) {
	dir := listed(t, "captions.csv", "a.png,a pale picture,train\nb.png,a darker picture,train\nin/c.png,the darkest of all,test\n")
	for name, o := range map[string]Options{
		"shapes":       {Name: "shapes", Captions: "made", Count: 200, Size: 9},
		"shapes, test": {Name: "shapes", Captions: "made", Split: "test", Count: 50, Size: 9, Length: 3},
		"shapes, grey": {Name: "shapes", Captions: "made", Channels: 1, Count: 50, Size: 9},
		"folder":       {Name: "folder", Path: dir, Captions: "captions.csv", Channels: 1},
		"resized":      {Name: "folder", Path: dir, Captions: "captions.csv", Size: 3, Limit: 1},
	} {
		t.Run(name, func(t *testing.T) { datatest.Run(t, func() (data.Source, error) { return Open(o) }) })
	}
}

// A caption of a shape says what is true of it: in training a part of it, with the
// chances that are told, and in test examples all of it.
func TestShapeCaptions(t *testing.T) {
	const n = 4000
	for _, split := range []string{"train", "test"} {
		src, err := Open(Options{Name: "shapes", Captions: "made", Split: split, Count: n, Size: 8})
		if err != nil {
			t.Fatal(err)
		}
		s := src.(*shapes)
		var sizes, hues, places float64
		distinct := map[string]bool{}
		for i := range n {
			d, text := s.draw(i), s.caption(i, s.draw(i))
			if got := textOf(t, src, i); got != text {
				t.Fatalf("example %d: the tokens say %q, the caption is %q", i, got, text)
			}
			distinct[text] = true
			words := strings.Fields(text)
			has := func(w string) bool { return slices.Contains(words, w) }
			if !has(forms[d.kind].name) {
				t.Errorf("%q is a %s", text, forms[d.kind].name)
			}
			for c := range colours {
				if has(colours[c].name) {
					if hues++; c != d.colour {
						t.Errorf("%q is %s", text, colours[d.colour].name)
					}
				}
			}
			for _, w := range []string{"small", "medium", "large"} {
				if has(w) {
					if sizes++; w != sizeWord(d.radius) {
						t.Errorf("%q has radius %g", text, d.radius)
					}
				}
			}
			if strings.Contains(text, " the ") {
				places++
			}
			if has("left") && d.x > 0.5 || has("right") && d.x < 0.5 || (has("upper") || has("top")) && d.y > 0.5 || (has("lower") || has("bottom")) && d.y < 0.5 {
				t.Errorf("%q is at %.2f, %.2f", text, d.x, d.y)
			}
			if has("a") == has("an") || has("an") && words[1] != "orange" {
				t.Errorf("%q", text)
			}
		}
		// "on the left" has its article too, and so all places have.
		for what, got := range map[string]float64{"size": sizes, "colour": hues, "place": places} {
			want, within := n*said, 5*30.0 // five deviations of the binomial, at most
			if split == "test" {
				want, within = n, 0
			}
			if got < want-within || got > want+within {
				t.Errorf("%s: %v of %d captions say the %s, want %v", split, got, n, what, want)
			}
		}
		if split == "test" && len(distinct) < 500 {
			t.Errorf("the captions are only %d different ones", len(distinct))
		}
	}
}

// The words of captions are those of the training split alone, whichever is opened.
func TestCaptionVocabulary(t *testing.T) {
	o := Options{Name: "shapes", Captions: "made", Count: 500, Size: 8, MinCount: 2}
	train, test, err, testErr := OpenSplits(o, Options{Name: "shapes", Captions: "made", Split: "test", Size: 8, MinCount: 2})
	if err != nil || testErr != nil {
		t.Fatal(err, testErr)
	}
	words := train.Spec().Captions.Words
	if !slices.Equal(words.Words, test.Spec().Captions.Words.Words) {
		t.Errorf("words of training %v, of tests %v", words.Words, test.Spec().Captions.Words.Words)
	}
	if _, ok := words.Find(data.UnknownWord); !ok || words.Words[0] != "a" || slices.Min(words.Counts[:words.Len()-1]) < 2 {
		t.Errorf("%v, %v times", words.Words, words.Counts)
	}
	dst := make([]int32, train.Spec().Captions.Length)
	if err := train.Spec().Captions.Encode(dst, "a RED, hovercraft!"); err != nil {
		t.Fatal(err)
	}
	if got := train.Spec().Captions.Text(dst); got != "a red [UNK]" {
		t.Errorf("%q", got)
	}
	if err := train.Spec().Captions.Encode(dst, "?!"); err == nil {
		t.Error("a caption without words is taken")
	}
	again, err := CaptionsOf(o, words)
	if err != nil || again.Words != words || again.Length != captionTokens {
		t.Errorf("captions of a vocabulary: %+v, %v", again, err)
	}
}

func TestFolderCaptions(t *testing.T) {
	dir := listed(t, "captions.tsv", "file\tcaption\tlabel\tsize\n"+
		"a.png\tHalf  a \"grey\" picture\tx\t1\na.png\tanother text\tx\t1\nb.png\tb\ty\t2\nin/c.png\tc\ty\t3\nd.png\td\tx\t\n")
	beside := map[string][]byte{}
	for name, text := range map[string]string{"a": "a dog\n and a cat ", "b": "b", "c": "c", "d": "d"} {
		beside[name+".png"], beside[name+".txt"] = encode(t, "png", plain(4, 4, red)), []byte(text)
	}
	besides := write(t, beside)
	all := func(dir, captions string) (texts []string) {
		for _, split := range []string{"train", "test"} {
			src, err := Open(Options{Name: "folder", Path: dir, Captions: captions, Split: split, TestShare: 0.3})
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]bool{}
			for i := range src.Len() {
				file, _ := data.FileOf(src, i)
				files[file] = true
				f := src.(*folder).files[i]
				texts = append(texts, f.text)
				for _, w := range strings.Fields(src.Spec().Captions.Text(f.caption)) {
					if w != data.UnknownWord && !strings.Contains(strings.ToLower(f.text), w) {
						t.Errorf("%q is given as %q", f.text, src.Spec().Captions.Text(f.caption))
					}
				}
			}
			if captions == "captions.tsv" && (fmt.Sprint(src.Spec().Classes) != "[x y]" || len(src.Spec().Factors) != 1) {
				t.Errorf("classes %v, factors %v", src.Spec().Classes, src.Spec().Factors)
			}
			if split == "test" && len(files) != 1 {
				t.Errorf("%d pictures of the test split, want 1", len(files))
			}
		}
		slices.Sort(texts)
		return texts
	}
	if got := all(dir, "captions.tsv"); fmt.Sprintf("%q", got) != `["Half a \"grey\" picture" "another text" "b" "c" "d"]` {
		t.Errorf("of a table: %q", got)
	}
	if got := all(besides, "txt"); fmt.Sprintf("%q", got) != `["a dog and a cat" "b" "c" "d"]` {
		t.Errorf("of text files: %q", got)
	}
	sum := func(o Options) string {
		src, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.(data.Checksummer).Checksum()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	o := Options{Name: "folder", Path: besides, Captions: "txt", TestShare: 0.3}
	before := sum(o)
	if err := os.WriteFile(filepath.Join(besides, "b.txt"), []byte("bb"), 0o666); err != nil {
		t.Fatal(err)
	}
	if sum(o) == before {
		t.Error("another caption does not change the checksum")
	}
}

func TestCaptionsOfTokens(t *testing.T) {
	l := tokenizer.NewLearner(true)
	for range 20 {
		for _, piece := range strings.SplitAfter("a small red circle in the lower left", " ") {
			l.Add(" " + strings.TrimSpace(piece))
		}
	}
	learnt, err := l.Learn(300)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := learnt.Save(file); err != nil {
		t.Fatal(err)
	}
	src, err := Open(Options{Name: "shapes", Captions: "made", Count: 60, Size: 8, Tokenizer: file})
	if err != nil {
		t.Fatal(err)
	}
	s := src.(*shapes)
	for i := range s.n {
		if got, want := textOf(t, src, i), s.caption(i, s.draw(i)); got != want {
			t.Errorf("%q comes back as %q", want, got)
		}
	}
}

func TestCaptionFaults(t *testing.T) {
	dir := listed(t, "captions.csv", "a.png,a,train\nb.png,,train\n")
	if err := os.WriteFile(filepath.Join(dir, "bare.csv"), []byte("file,label\na.png,1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "marks.csv"), []byte("a.png,a,train\nb.png,?,train\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	refuses(t, "an empty caption", Options{Name: "folder", Path: dir, Captions: "captions.csv"}, "captions.csv: line 2: b.png has no caption")
	refuses(t, "no column", Options{Name: "folder", Path: dir, Captions: "bare.csv"}, "bare.csv: line 1: no column is named caption")
	refuses(t, "no words", Options{Name: "folder", Path: dir, Captions: "marks.csv"}, `b.png: its caption, "?", holds no word`)
	bare := write(t, map[string][]byte{"a.png": encode(t, "png", plain(4, 4, red)), "b.png": encode(t, "png", plain(4, 4, red))})
	refuses(t, "no file beside", Options{Name: "folder", Path: bare, Captions: "txt"}, ".png: has no caption: there is no ")
	refuses(t, "another source", Options{Name: "builtin", Captions: "txt"}, `captions: is "txt", but builtin has no captions; shapes and folder have`)
	refuses(t, "a wrong word", Options{Name: "shapes", Captions: "yes"}, `captions: is "yes", want "made"`)
	refuses(t, "a wrong file", Options{Name: "folder", Path: dir, Captions: "captions.json"}, `captions: is "captions.json", want "txt" (a text file beside each picture) or a table`)
	refuses(t, "no such table", Options{Name: "folder", Path: dir, Captions: "other.csv"}, "data.captions: there is no other.csv in", `want "txt" (a text file beside each picture) or a table in that folder`)
	refuses(t, "two tables", Options{Name: "folder", Path: dir, Captions: "captions.csv", Labels: "bare.csv"}, "put both into one table")
	refuses(t, "too long", Options{Name: "shapes", Captions: "made", Length: 4000}, "length: is 4000, want 1 to 1024")
	refuses(t, "no tokenizer", Options{Name: "shapes", Captions: "made", Tokenizer: "nowhere.json"}, "nowhere.json")
}
