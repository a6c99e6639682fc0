package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CLIP's tokens are byte-pair merges on bytes, too, of words that are lowered and cut
// without the space before them; the last token of a word ends in </w> (Radford et al.
// 2021, arXiv:2103.00020, section 2.4).
const (
	wordEnd = "</w>"
	// clipFile begins the list of merges that came with CLIP, bpe_simple_vocab_16e6.txt,
	// of which it uses the first clipMerges.
	clipFile   = `"bpe_simple_vocab_16e6.txt#version`
	clipMerges = 49152 - 256 - 2
	// clipPattern is how Hugging Face's tokenizers write the cutting of words.
	clipPattern = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
)

// unpackMerges gives the text of a list of merges that is packed with gzip.
func unpackMerges(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("holds more than %d MB", maxFile>>20)
	}
	return text, err
}

// parseMerges reads CLIP's list of merges: after a first line, two tokens a line. The
// tokens are the bytes, those that end a word, what the merges make, and two marks.
func parseMerges(text []byte) (*Tokenizer, error) {
	var tokens []string
	for _, r := range byteOrder() {
		tokens = append(tokens, string(r))
	}
	for _, t := range tokens[:256] {
		tokens = append(tokens, t+wordEnd)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < clipMerges+1 {
		return nil, fmt.Errorf("has %d lines, want %d merges after the first: it is not whole", len(lines), clipMerges)
	}
	merges := lines[1 : clipMerges+1]
	for i, m := range merges {
		a, b, ok := strings.Cut(strings.TrimSuffix(m, "\r"), " ")
		if !ok || a == "" || b == "" {
			return nil, fmt.Errorf("line %d is %.40q, want two tokens", i+2, m)
		}
		tokens = append(tokens, a+b)
	}
	tokens = append(tokens, "<|startoftext|>", "<|endoftext|>")
	vocab := make(map[string]int, len(tokens))
	for i, t := range tokens {
		if _, there := vocab[t]; there {
			return nil, fmt.Errorf("the token %q is made twice", t)
		}
		vocab[t] = i
	}
	raw, err := json.MarshalIndent(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{},
		"normalizer": map[string]any{"type": "Sequence", "normalizers": []any{
			map[string]any{"type": "NFC"},
			map[string]any{"type": "Replace", "pattern": map[string]any{"Regex": `\s+`}, "content": " "},
			map[string]any{"type": "Lowercase"},
		}},
		"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "Split", "pattern": map[string]any{"Regex": clipPattern}, "behavior": "Removed", "invert": true},
			map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		}},
		"post_processor": nil, "decoder": map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
			"end_of_word_suffix": wordEnd, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges},
	}, "", " ")
	if err != nil {
		return nil, err
	}
	return Parse(append(raw, '\n'))
}

// byteOrder lists the letters of the bytes in the order of CLIP's and GPT-2's numbers:
// those that stand for themselves first.
func byteOrder() (list []rune) {
	var others []rune
	for _, r := range byteRunes {
		if r < 256 {
			list = append(list, r)
		} else {
			others = append(others, r)
		}
	}
	return append(list, others...)
}

// readClip takes a BPE model whose words end in a mark.
func (t *Tokenizer) readClip(f *file) error {
	pre := f.PreTokenizer
	if *f.Model.Suffix != wordEnd || given(f.Model.Prefix) {
		return errors.New("model: of BPE models that mark where words end those are read that do so with </w>, as CLIP's")
	}
	if pre == nil || pre.Type != "Sequence" || len(pre.Inner) != 2 || pre.Inner[0].Type != "Split" || pre.Inner[0].Pattern.Regex != clipPattern ||
		!pre.Inner[0].Invert || pre.Inner[1].Type != "ByteLevel" || pre.Inner[1].PrefixSpace {
		return fmt.Errorf("pre_tokenizer: is %s; of BPE models that mark where words end those are read that cut words as CLIP does", nameOf(pre))
	}
	t.end = wordEnd
	return nil
}

// clipWords cuts a text by clipPattern.
func clipWords(s string, emit func(word string)) {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		class := classOf(r)
		for _, c := range contractions {
			if strings.HasPrefix(s, c) {
				emit(c)
				n, class = len(c), 0
				break
			}
		}
		switch class {
		case 0:
			s = s[n:]
			continue
		case 1, 3:
			if end := strings.IndexFunc(s, func(r rune) bool { return classOf(r) != class }); end > 0 {
				n = end
			} else {
				n = len(s)
			}
		}
		emit(s[:n]) // a digit stands alone
		s = s[n:]
	}
}

// classOf tells white space (0), letters (1) and numbers (2) from all else (3).
func classOf(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return 0
	case unicode.IsLetter(r):
		return 1
	case unicode.IsNumber(r):
		return 2
	}
	return 3
}
