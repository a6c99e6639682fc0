package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
)

func TestByteWords(t *testing.T) {
	for text, want := range map[string][]string{
		// The pattern of GPT-2, by hand.
		"Hello world":      {"Hello", " world"},
		"it's we'll  go":   {"it", "'s", " we", "'ll", " ", " go"},
		"a\n\n b 42!? x_1": {"a", "\n\n", " b", " 42", "!?", " x", "_", "1"},
		" naïve   \t":      {" naïve", "   \t"},
		"\n":               {"\n"},
		"'tis 'quoted'":    {"'t", "is", " '", "quoted", "'"},
		"\u00a0x":          {"\u00a0", "x"},
		"":                 nil,
	} {
		var got []string
		byteWords(text, func(w string) { got = append(got, w) })
		if !slices.Equal(got, want) {
			t.Errorf("%q is cut into %q, want %q", text, got, want)
		}
	}
	if w := written(" é\n"); w != "ĠÃ©Ċ" {
		t.Errorf("bytes are written %q", w)
	}
}

func TestBertWords(t *testing.T) {
	var got []string
	bertWords("don't stop, 北京 now$", func(w string) { got = append(got, w) })
	if want := "don|'|t|stop|,|北|京|now|$"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

// split gives the tokens of a text in its pieces.
func split(tk *Tokenizer, pieces ...string) (list []string) {
	tk.Begin()
	for _, p := range pieces {
		tk.Split(p, func(token int32) { list = append(list, tk.Tokens()[token]) })
	}
	return list
}

// The example of Sennrich et al. 2016, section 3.2: the first merges of these words
// are "r ", which is no letter here, and then l o, lo w, e r …
func TestLearn(t *testing.T) {
	l := NewLearner(false)
	for word, n := range map[string]int{"low": 5, "lowest": 2, "newer": 6, "wider": 3} {
		for range n {
			l.Begin()
			l.Add(" " + word)
		}
	}
	tk, err := l.Learn(256 + 4)
	if err != nil {
		t.Fatal(err)
	}
	// Counts: e r 9; then w er 6 and Ġ n, n e, e w 6: of equals the lowest tokens. The
	// bytes are numbered as they are: e < n < w < Ġ.
	merges := tk.Tokens()[256:]
	if merges[0] != "er" || len(merges) != 4 {
		t.Errorf("merges are %q", merges)
	}
	for _, m := range merges {
		if !strings.Contains("Ġnewer Ġlow", m) {
			t.Errorf("merge %q is of no frequent word", m)
		}
	}
	if got := strings.Join(split(tk, "newer"), ""); got != "Ġnewer" {
		t.Errorf("tokens of newer make %q", got)
	}
	again, err := l.Learn(256 + 4)
	if err != nil || !slices.Equal(again.Tokens(), tk.Tokens()) {
		t.Errorf("learnt again it has other tokens: %v", err)
	}
	if _, err := l.Learn(256); err == nil || !strings.Contains(err.Error(), "want more than the 256 bytes") {
		t.Errorf("too small: %v", err)
	}
	if _, err := NewLearner(true).Learn(300); err == nil {
		t.Error("no text is accepted")
	}
}

// What is learnt can be written and read, and cuts the same; all bytes have a token,
// so that the pieces of any text are the text.
func TestSaveAndLoad(t *testing.T) {
	l := NewLearner(true)
	text := strings.Repeat("The cat sat on the mat. The DOG didn't! ", 20)
	l.Begin()
	for _, w := range strings.SplitAfter(text, " ") {
		l.Add(w)
	}
	tk, err := l.Learn(300)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := tk.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"The cat", "dogs aren't", "über 12 лес\t", "x"} {
		a, b := split(tk, text), split(back, text)
		if !slices.Equal(a, b) {
			t.Errorf("%q: %q, read back %q", text, a, b)
		}
		want := written(" " + strings.ToLower(text))
		if got := strings.Join(a, ""); got != want {
			t.Errorf("%q: the tokens are %q together, want %q", text, got, want)
		}
	}
	if !tk.Inside("at") || tk.Inside("Ġthe") || tk.Inside(".") {
		t.Error("which tokens go on with a word is not known")
	}
	if n := len(split(tk, "the")); n != 1 {
		t.Errorf("the has %d tokens", n)
	}
}

const wordPiece = `{"added_tokens":[{"id":6,"content":"[MASK]"}],
 "normalizer":{"type":"BertNormalizer","clean_text":true,"strip_accents":null,"lowercase":true},
 "pre_tokenizer":{"type":"BertPreTokenizer"},
 "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,
  "vocab":{"[UNK]":0,"un":1,"##aff":2,"##able":3,"a":4,",":5}}}`

// The example of BERT's own program.
func TestWordPiece(t *testing.T) {
	tk, err := Parse([]byte(wordPiece))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(split(tk, "UNAFFABLE,", " unwanted á"), " ")
	if want := "un ##aff ##able , [UNK] a"; got != want {
		t.Errorf("tokens are %s, want %s", got, want)
	}
	if got := split(tk, "unaffableaffable"); !slices.Equal(got, []string{"[UNK]"}) { // longer than 10
		t.Errorf("a long word is %q", got)
	}
	if !tk.Inside("##aff") || tk.Inside("un") || len(tk.Tokens()) != 7 {
		t.Errorf("tokens %q", tk.Tokens())
	}
}

const gpt2 = `{"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
 "model":{"type":"BPE","vocab":{"l":0,"o":1,"w":2,"Ġ":3,"lo":4,"low":5,"Ġlow":6},"merges":["l o",["lo","w"],"Ġ low"]}}`

func TestBPE(t *testing.T) {
	tk, err := Parse([]byte(gpt2))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(split(tk, "low", " low", " wol"), " "); got != "low Ġlow Ġ w o l" {
		t.Errorf("tokens are %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for want, change := range map[string][2]string{
		"is no tokenizer.json":                       {`{"normalizer"`, `{normalizer`},
		`model.type: is "Unigram"; BPE and`:          {`"BPE"`, `"Unigram"`},
		"pre_tokenizer: is Metaspace; of BPE":        {`"ByteLevel"`, `"Metaspace"`},
		"no token has number 6, and there are 7":     {`"Ġlow":6`, `"Ġlow":7`},
		`have the same number, 0`:                    {`"o":1`, `"o":0`},
		"number -1, want 0":                          {`"o":1`, `"o":-1`},
		`merge 0 is of "l" and "x"`:                  {`"l o"`, `"l x"`},
		"merge 0 is 5, want two tokens":              {`"l o"`, `5`},
		`normalizer: is "Precompiled"; Lowercase`:    {`"normalizer":null`, `"normalizer":{"type":"Precompiled"}`},
		"those are read that cut words as CLIP does": {`"type":"BPE"`, `"type":"BPE","end_of_word_suffix":"</w>"`},
	} {
		text := strings.Replace(gpt2, change[0], change[1], 1)
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q in place of %q: %v, want %q", change[1], change[0], err, want)
		}
	}
	if _, err := Parse([]byte(strings.Replace(wordPiece, `"unk_token":"[UNK]"`, `"unk_token":"<unk>"`, 1))); err == nil || !strings.Contains(err.Error(), `"<unk>" is not in the vocabulary`) {
		t.Errorf("got %v", err)
	}
	unigram := `{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1.5]]}}`
	if _, err := Parse([]byte(unigram)); err == nil || !strings.Contains(err.Error(), `model.type: is "Unigram"; BPE and`) {
		t.Errorf("got %v", err)
	}
	var input *data.InputError
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &input) {
		t.Errorf("got %v", err)
	}
}

// A file that is accepted cuts any text into tokens of its own.
func FuzzParse(f *testing.F) {
	f.Add([]byte(wordPiece), "UNAFFABLE, á")
	f.Add([]byte(gpt2), "low low")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		tk, err := Parse(raw)
		if err != nil {
			return
		}
		for _, token := range split(tk, text) {
			if _, ok := tk.ids[token]; !ok {
				t.Fatalf("%q is no token", token)
			}
		}
		if len(tk.Tokens()) > len(raw) {
			t.Fatal(fmt.Sprint(len(tk.Tokens()), " tokens"))
		}
	})
}
