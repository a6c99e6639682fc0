package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"x2vec/data"
	"x2vec/data/internal/durable"
)

// Bounds of what a file can ask for.
const (
	maxFile   = 64 << 20
	maxTokens = 1 << 21
	maxNested = 8 // normalizers within each other
)

// file is what is read of a tokenizer.json.
type file struct {
	Added []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
	Normalizer   *normalizer   `json:"normalizer"`
	PreTokenizer *preTokenizer `json:"pre_tokenizer"`
	Model        struct {
		Type     string            `json:"type"`
		Unknown  *string           `json:"unk_token"`
		Prefix   *string           `json:"continuing_subword_prefix"`
		Suffix   *string           `json:"end_of_word_suffix"`
		MaxChars int               `json:"max_input_chars_per_word"`
		Vocab    map[string]int    `json:"vocab"`
		Merges   []json.RawMessage `json:"merges"`
	} `json:"model"`
}

type normalizer struct {
	Type         string       `json:"type"`
	Normalizers  []normalizer `json:"normalizers"`
	Lowercase    *bool        `json:"lowercase"`
	StripAccents *bool        `json:"strip_accents"`
	Pattern      pattern      `json:"pattern"`
	Content      string       `json:"content"`
}

type pattern struct {
	Regex string `json:"Regex"`
}

type preTokenizer struct {
	Type        string         `json:"type"`
	PrefixSpace bool           `json:"add_prefix_space"`
	UseRegex    *bool          `json:"use_regex"`
	Inner       []preTokenizer `json:"pretokenizers"`
	Pattern     pattern        `json:"pattern"`
	Invert      bool           `json:"invert"`
}

// Load reads a tokenizer.json. What is wrong with it is a *data.InputError.
func Load(path string) (*Tokenizer, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, data.Input(err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	t, err := Parse(b)
	if err != nil {
		return nil, data.Input(fmt.Errorf("%s: %w", path, err))
	}
	return t, nil
}

// Parse reads a tokenizer.json of a byte-level BPE or of a WordPiece model, or CLIP's
// list of merges, packed or not. Its error says what is wrong, or what it cannot do.
func Parse(b []byte) (*Tokenizer, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("is larger than %d MB", maxFile>>20)
	}
	if bytes.HasPrefix(b, []byte("\x1f\x8b")) {
		var err error
		if b, err = unpackMerges(b); err != nil {
			return nil, fmt.Errorf("begins as gzip does, and cannot be unpacked: %w", err)
		}
	}
	if bytes.HasPrefix(b, []byte(clipFile)) {
		return parseMerges(b)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		// The vocabulary of other models, Unigram's for one, has another form.
		if kind := f.Model.Type; kind != "" && kind != "BPE" && kind != "WordPiece" {
			return nil, unknownModel(kind)
		}
		return nil, fmt.Errorf("is no tokenizer.json: %w", err)
	}
	t := &Tokenizer{ids: map[string]int32{}, cache: map[string][]int32{}}
	if err := t.readVocabulary(&f); err != nil {
		return nil, err
	}
	pre := f.PreTokenizer
	if pre != nil && pre.Type == "Sequence" && len(pre.Inner) == 1 {
		pre = &pre.Inner[0]
	}
	switch f.Model.Type {
	case "BPE":
		t.kind = "bpe"
		if given(f.Model.Suffix) {
			if err := t.readClip(&f); err != nil {
				return nil, err
			}
			if err := t.readMerges(f.Model.Merges); err != nil {
				return nil, err
			}
			break
		}
		if pre == nil || pre.Type != "ByteLevel" || pre.UseRegex != nil && !*pre.UseRegex {
			return nil, fmt.Errorf("pre_tokenizer: is %s; of BPE models those with ByteLevel are read", nameOf(pre))
		}
		if given(f.Model.Prefix) {
			return nil, errors.New("model: marks where words continue, which a byte-level BPE does not")
		}
		t.prefixSpace = pre.PrefixSpace
		if err := t.readMerges(f.Model.Merges); err != nil {
			return nil, err
		}
	case "WordPiece":
		t.kind, t.unknown, t.inside, t.maxRunes = "wordpiece", data.UnknownWord, "##", 100
		if pre == nil || pre.Type != "BertPreTokenizer" {
			return nil, fmt.Errorf("pre_tokenizer: is %s; of WordPiece models those with BertPreTokenizer are read", nameOf(pre))
		}
		if f.Model.Unknown != nil {
			t.unknown = *f.Model.Unknown
		}
		if given(f.Model.Prefix) {
			t.inside = *f.Model.Prefix
		}
		if f.Model.MaxChars > 0 {
			t.maxRunes = f.Model.MaxChars
		}
	default:
		return nil, unknownModel(f.Model.Type)
	}
	if err := t.readNormalizer(f.Normalizer, 0); err != nil {
		return nil, err
	}
	t.raw = b
	return t, t.check()
}

func given(s *string) bool { return s != nil && *s != "" }

func nameOf(p *preTokenizer) string {
	if p == nil {
		return "missing"
	}
	return p.Type
}

func (t *Tokenizer) readVocabulary(f *file) error {
	all := map[int]string{}
	add := func(id int, token string) error {
		switch was, there := all[id]; {
		case id < 0 || id >= maxTokens:
			return fmt.Errorf("model.vocab: token %q has number %d, want 0 to %d", token, id, maxTokens-1)
		case token == "" || strings.ContainsAny(token, "\t\n\r"):
			return fmt.Errorf("model.vocab: token %d is %q, which cannot be listed", id, token)
		case there && was != token:
			return fmt.Errorf("model.vocab: %q and %q have the same number, %d", was, token, id)
		}
		all[id] = token
		return nil
	}
	for token, id := range f.Model.Vocab {
		if err := add(id, token); err != nil {
			return err
		}
	}
	for _, a := range f.Added {
		if _, there := f.Model.Vocab[a.Content]; !there {
			if err := add(a.ID, a.Content); err != nil {
				return err
			}
		}
	}
	for id := range len(all) {
		token, ok := all[id]
		if !ok {
			return fmt.Errorf("model.vocab: no token has number %d, and there are %d tokens", id, len(all))
		}
		t.ids[token] = int32(id)
		t.tokens = append(t.tokens, token)
	}
	return nil
}

// readMerges takes "a b" or ["a", "b"] for each merge.
func (t *Tokenizer) readMerges(list []json.RawMessage) error {
	t.merges = make(map[pair]merge, len(list))
	for rank, raw := range list {
		var parts []string
		var joined string
		if json.Unmarshal(raw, &joined) == nil {
			parts = strings.SplitN(joined, " ", 3)
		} else if err := json.Unmarshal(raw, &parts); err != nil {
			return fmt.Errorf("model.merges: merge %d is %.40s, want two tokens", rank, raw)
		}
		if len(parts) != 2 {
			return fmt.Errorf("model.merges: merge %d is %.40s, want two tokens", rank, raw)
		}
		a, ok1 := t.ids[parts[0]]
		b, ok2 := t.ids[parts[1]]
		to, ok3 := t.ids[parts[0]+parts[1]]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("model.merges: merge %d is of %q and %q, which are not in the vocabulary, or not joined", rank, parts[0], parts[1])
		}
		if _, there := t.merges[pair{a, b}]; !there {
			t.merges[pair{a, b}] = merge{int32(rank), to}
		}
	}
	return nil
}

func (t *Tokenizer) readNormalizer(n *normalizer, depth int) error {
	if n == nil {
		return nil
	}
	add := func(f ...func(string) string) { t.normalize = append(t.normalize, f...) }
	switch n.Type {
	case "Sequence":
		if depth == maxNested {
			return fmt.Errorf("normalizer: more than %d sequences within each other", maxNested)
		}
		for i := range n.Normalizers {
			if err := t.readNormalizer(&n.Normalizers[i], depth+1); err != nil {
				return err
			}
		}
	case "Lowercase":
		add(strings.ToLower)
	case "StripAccents":
		add(withoutAccents)
	case "NFC":
		add(norm.NFC.String)
	case "NFD":
		add(norm.NFD.String)
	case "NFKC":
		add(norm.NFKC.String)
	case "NFKD":
		add(norm.NFKD.String)
	case "BertNormalizer":
		lower := n.Lowercase == nil || *n.Lowercase
		add(withoutControls)
		if n.StripAccents == nil && lower || n.StripAccents != nil && *n.StripAccents {
			add(norm.NFD.String, withoutAccents)
		}
		if lower {
			add(strings.ToLower)
		}
	case "Replace":
		if n.Pattern.Regex != `\s+` || n.Content != " " { // that one changes nothing where words are cut at white space
			return fmt.Errorf("normalizer: replaces %q by %q; of Replace that of white space by a space is read", n.Pattern.Regex, n.Content)
		}
	default:
		return fmt.Errorf("normalizer: is %q; Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, BertNormalizer and sequences of them are read", n.Type)
	}
	return nil
}

func without(s string, drop func(r rune) bool) string {
	return strings.Map(func(r rune) rune {
		if drop(r) {
			return -1
		}
		return r
	}, s)
}

func withoutAccents(s string) string {
	return without(s, func(r rune) bool { return unicode.Is(unicode.Mn, r) })
}

func withoutControls(s string) string {
	return without(s, func(r rune) bool {
		return (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && !unicode.IsSpace(r) || r == unicode.ReplacementChar
	})
}

func unknownModel(kind string) error {
	return fmt.Errorf("model.type: is %q; BPE and WordPiece are read", kind)
}

// JSON is the tokenizer as a tokenizer.json: that which was read, or what was learnt.
func (t *Tokenizer) JSON() []byte { return t.raw }

// Save writes JSON to a file.
func (t *Tokenizer) Save(path string) error {
	return durable.Write(path, func(f *os.File) error {
		_, err := f.Write(t.raw)
		return err
	})
}

// marshal makes the JSON of a byte-level BPE that was learnt.
func (t *Tokenizer) marshal() ([]byte, error) {
	vocab := make(map[string]int, len(t.tokens))
	for i, token := range t.tokens {
		vocab[token] = i
	}
	merges := make([]string, len(t.merges))
	for p, m := range t.merges {
		merges[m.rank] = t.tokens[p.a] + " " + t.tokens[p.b]
	}
	var normalize any
	if len(t.normalize) > 0 { // the one that Learn knows
		normalize = map[string]any{"type": "Lowercase"}
	}
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": t.prefixSpace, "trim_offsets": true, "use_regex": true}
	b, err := json.MarshalIndent(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{}, "normalizer": normalize,
		"pre_tokenizer": level, "post_processor": nil, "decoder": level,
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges},
	}, "", " ")
	return append(b, '\n'), err
}
