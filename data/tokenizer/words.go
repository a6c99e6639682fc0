package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// byteRunes are how bytes are written in a byte-level vocabulary: what can be seen
// stands for itself, the others for the letters from U+0100 on.
var byteRunes = func() (list [256]rune) {
	next := rune(256)
	for b := range list {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= 0xa1 && r <= 0xac || r >= 0xae {
			list[b] = r
		} else {
			list[b] = next
			next++
		}
	}
	return list
}()

// runeBytes are the bytes that byteRunes stand for.
var runeBytes = func() map[rune]byte {
	m := map[rune]byte{}
	for b, r := range byteRunes {
		m[r] = byte(b)
	}
	return m
}()

// spaceRune is how a space is written.
var spaceRune = byteRunes[' ']

// written are the bytes of a word in the letters of a byte-level vocabulary.
func written(word string) string {
	var b strings.Builder
	for i := range len(word) {
		b.WriteRune(byteRunes[word[i]])
	}
	return b.String()
}

// contractions are cut off the word before them.
var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// byteWords cuts a text as GPT-2 does, by the pattern
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func byteWords(s string, emit func(word string)) {
	for len(s) > 0 {
		n := 0
		for _, c := range contractions {
			if strings.HasPrefix(s, c) {
				n = len(c)
				break
			}
		}
		if n == 0 {
			n = nextWord(s)
		}
		emit(s[:n])
		s = s[n:]
	}
}

// nextWord is the length of the word, or of the white space, that s begins with.
func nextWord(s string) int {
	at := 0
	if s[0] == ' ' {
		at = 1
	}
	if r, size := utf8.DecodeRuneInString(s[at:]); size > 0 && classOf(r) > 0 {
		end := at
		for i, next := range s[at:] {
			if classOf(next) != classOf(r) {
				return at + i
			}
			end = at + i + utf8.RuneLen(next)
		}
		return min(end, len(s))
	}
	// White space, but for the last of it where a word follows.
	end, last := 0, 0
	for i, r := range s {
		if classOf(r) != 0 {
			if last > 0 {
				return last
			}
			return end
		}
		last, end = end, i+utf8.RuneLen(r)
	}
	return end
}

// bertWords cuts a text at white space and around every mark, Chinese letters
// each by itself, and leaves control characters out.
func bertWords(s string, emit func(word string)) {
	begin := -1
	flush := func(end int) {
		if begin >= 0 {
			emit(s[begin:end])
			begin = -1
		}
	}
	for i, r := range s {
		switch {
		case unicode.IsSpace(r):
			flush(i)
		case mark(r) || unicode.Is(unicode.Han, r):
			flush(i)
			emit(s[i : i+utf8.RuneLen(r)])
		case begin < 0:
			begin = i
		}
	}
	flush(len(s))
}

// mark reports whether BERT takes a character for punctuation: all of ASCII that is
// neither letter nor digit, too.
func mark(r rune) bool {
	return r < utf8.RuneSelf && r > ' ' && r != 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsPunct(r)
}
