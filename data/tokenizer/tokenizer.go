// Package tokenizer cuts words into the pieces of a vocabulary: by byte-pair merges
// on bytes (Sennrich, Haddow and Birch 2016, arXiv:1508.07909; Radford et al. 2019,
// "Language models are unsupervised multitask learners", section 2.2) or by longest
// matches (WordPiece; Devlin et al. 2019, arXiv:1810.04805). It learns the former, and
// reads both from the tokenizer.json of Hugging Face's tokenizers, and CLIP's merges from
// the file that came with it.
package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"x2vec/data"
)

// A Tokenizer turns text into tokens. It may be used by one goroutine at a time.
type Tokenizer struct {
	kind      string // bpe or wordpiece
	tokens    []string
	ids       map[string]int32
	normalize []func(string) string

	merges      map[pair]merge // bpe
	prefixSpace bool           // bpe: a text begins as after a space
	end         string         // bpe: how the last token of a word ends; empty: words begin with their space

	unknown  string // wordpiece: the token of what has no pieces
	inside   string // wordpiece: how a token begins that goes on with a word
	maxRunes int    // wordpiece: of a word that is looked up

	raw   []byte             // the JSON
	cache map[string][]int32 // of words that came before
	began bool
}

// A pair is two tokens that stand beside each other.
type pair struct{ a, b int32 }

// A merge says what a pair becomes, and before which others: the lowest rank first.
type merge struct{ rank, to int32 }

// maxCached bounds the words whose tokens are remembered.
const maxCached = 1 << 18

// Tokens lists the tokens by number, as the tokenizer's file has them.
func (t *Tokenizer) Tokens() []string { return t.tokens }

// Inside reports whether a token goes on with the word of the one before it. Tokens that
// say where words end do not say that: each counts as a word.
func (t *Tokenizer) Inside(token string) bool {
	if t.end != "" {
		return false
	}
	if t.kind == "wordpiece" {
		return strings.HasPrefix(token, t.inside)
	}
	// A word begins with the space before it, or is no letters at all.
	r, _ := utf8.DecodeRuneInString(token)
	return r != spaceRune && token != data.UnknownWord && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// Begin says that a new text comes.
func (t *Tokenizer) Begin() { t.began = false }

// Split gives the tokens of a piece of text: white space, perhaps none, and then what
// follows up to the next white space. They are numbers of Tokens.
func (t *Tokenizer) Split(piece string, emit func(token int32)) {
	for _, f := range t.normalize {
		piece = f(piece)
	}
	if t.kind == "wordpiece" {
		bertWords(piece, func(word string) { t.emit(word, t.longest, emit) })
		return
	}
	if t.end != "" {
		clipWords(piece, func(word string) { t.emit(word, t.merge, emit) })
		return
	}
	if !t.began && t.prefixSpace && !strings.HasPrefix(piece, " ") {
		piece = " " + piece
	}
	t.began = true
	byteWords(piece, func(word string) { t.emit(word, t.merge, emit) })
}

// emit gives the tokens of a word, which cut finds where they are not known yet.
func (t *Tokenizer) emit(word string, cut func(string) []int32, emit func(int32)) {
	list, ok := t.cache[word]
	if !ok {
		list = cut(word)
		if len(t.cache) < maxCached {
			t.cache[strings.Clone(word)] = list
		}
	}
	for _, id := range list {
		emit(id)
	}
}

// merge applies the merges to the bytes of a word, the lowest rank first.
func (t *Tokenizer) merge(word string) []int32 {
	list := make([]int32, 0, len(word))
	for i := range len(word) {
		letter := string(byteRunes[word[i]])
		if i == len(word)-1 {
			letter += t.end
		}
		if id, ok := t.ids[letter]; ok {
			list = append(list, id)
		}
	}
	for {
		best, at := merge{rank: 1<<31 - 1}, -1
		for i := range len(list) - 1 {
			if m, ok := t.merges[pair{list[i], list[i+1]}]; ok && m.rank < best.rank {
				best, at = m, i
			}
		}
		if at < 0 {
			return list
		}
		first, second := list[at], list[at+1]
		to := list[:at]
		for i := at; i < len(list); i++ {
			if i+1 < len(list) && list[i] == first && list[i+1] == second {
				to = append(to, best.to)
				i++
			} else {
				to = append(to, list[i])
			}
		}
		list = to
	}
}

// longest takes the longest token that a word begins with, and so on with the rest.
func (t *Tokenizer) longest(word string) []int32 {
	unknown := []int32{t.ids[t.unknown]}
	if utf8.RuneCountInString(word) > t.maxRunes {
		return unknown
	}
	var list []int32
	for at := 0; at < len(word); {
		end := len(word)
		for ; end > at; end-- {
			piece := word[at:end]
			if at > 0 {
				piece = t.inside + piece
			}
			if id, ok := t.ids[piece]; ok {
				list = append(list, id)
				break
			}
		}
		if end == at {
			return unknown
		}
		at = end
	}
	return list
}

// check says what is wrong with a tokenizer that was read.
func (t *Tokenizer) check() error {
	switch {
	case len(t.tokens) < 2:
		return fmt.Errorf("its vocabulary has %d tokens, want at least 2", len(t.tokens))
	case t.kind == "wordpiece":
		if _, ok := t.ids[t.unknown]; !ok {
			return fmt.Errorf("model.unk_token: %q is not in the vocabulary", t.unknown)
		}
	}
	return nil
}

// Text writes tokens as a text: their bytes, or pieces joined to words.
func (t *Tokenizer) Text(tokens []string) string {
	if t.kind == "wordpiece" {
		return strings.TrimSpace(strings.ReplaceAll(" "+strings.Join(tokens, " "), " "+t.inside, ""))
	}
	var b []byte
	for _, token := range tokens {
		token, last := strings.CutSuffix(token, t.end)
		for _, r := range token {
			if v, ok := runeBytes[r]; ok {
				b = append(b, v)
			}
		}
		if last && t.end != "" {
			b = append(b, ' ')
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "�"))
}
