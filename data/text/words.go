package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Modes are the ways in which a text becomes words:
//
//	text8       a to z, capitals lowered, digits spelled out, all else is a gap
//	words       letters and digits of any script, lowered; all else is a gap
//	whitespace  what stands between white space, as it is
var Modes = []string{"text8", "words", "whitespace"}

// maxWord is the longest word in bytes. A text of longer ones is no text, and
// would have to be held in memory whole.
const maxWord = 1000

// What a byte below 0x80 stands for, where it is not the byte of a word.
const (
	gap   = 0
	digit = 1 // to be spelled out
	nul   = 2
)

var spelled = [10][]byte{[]byte("zero"), []byte("one"), []byte("two"), []byte("three"), []byte("four"),
	[]byte("five"), []byte("six"), []byte("seven"), []byte("eight"), []byte("nine")}

// A splitter cuts a text into words. It is given the text in pieces of any size.
type splitter struct {
	mode  string
	class [utf8.RuneSelf]byte
	emit  func(word []byte)
	word  []byte
	rest  []byte // of a piece: the beginning of a character
	at    int64  // bytes before the piece
}

func newSplitter(mode string, emit func(word []byte)) (*splitter, error) {
	s := &splitter{mode: mode, emit: emit}
	for c := range byte(utf8.RuneSelf) {
		r := rune(c)
		switch {
		case c == 0:
			s.class[c] = nul
		case mode == "whitespace":
			if !unicode.IsSpace(r) && c > nul {
				s.class[c] = c
			}
		case mode == "text8" && unicode.IsDigit(r):
			s.class[c] = digit
		case mode == "text8" && unicode.IsLetter(r), mode == "words" && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			s.class[c] = byte(unicode.ToLower(r))
		case mode != "text8" && mode != "words":
			return nil, fmt.Errorf("split: is %q, want one of %s", mode, strings.Join(Modes, ", "))
		}
	}
	return s, nil
}

// Write takes the next piece of the text. An error says at which byte.
func (s *splitter) Write(p []byte) (int, error) {
	n := len(p)
	if len(s.rest) > 0 {
		s.at -= int64(len(s.rest))
		p = append(s.rest, p...)
		s.rest = nil
	}
	i := 0
	for i < len(p) {
		c := p[i]
		if c < utf8.RuneSelf {
			switch k := s.class[c]; k {
			case gap:
				if err := s.flush(i); err != nil {
					return 0, err
				}
			case digit:
				if err := s.flush(i); err != nil {
					return 0, err
				}
				s.emit(spelled[c-'0'])
			case nul:
				return 0, fmt.Errorf("byte %d is 0: this is no text", s.at+int64(i))
			default:
				s.word = append(s.word, k)
			}
			i++
			continue
		}
		if !utf8.FullRune(p[i:]) {
			break
		}
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 {
			return 0, invalid(s.at+int64(i), c)
		}
		if s.keeps(r) {
			if s.mode == "words" {
				r = unicode.ToLower(r)
			}
			s.word = utf8.AppendRune(s.word, r)
		} else if err := s.flush(i); err != nil {
			return 0, err
		}
		i += size
	}
	if len(s.word) > maxWord {
		return 0, s.endless(i)
	}
	s.rest = append(s.rest, p[i:]...)
	s.at += int64(len(p))
	return n, nil
}

// keeps says whether a character beyond ASCII is part of a word.
func (s *splitter) keeps(r rune) bool {
	switch s.mode {
	case "words":
		return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
	case "whitespace":
		return !unicode.IsSpace(r) && r != '\ufeff' // a byte order mark
	}
	return false
}

// invalid is the error of a byte that is no UTF-8.
func invalid(at int64, c byte) error {
	if at == 0 && c >= 0xfe { // a byte order mark, as Windows writes it
		return fmt.Errorf("byte 0 is 0x%02x, which is no UTF-8 and may begin UTF-16; convert the file, as with iconv -f utf-16 -t utf-8", c)
	}
	return fmt.Errorf("byte %d is 0x%02x, which is no UTF-8; convert the file, as with iconv -f latin1 -t utf-8", at, c)
}

func (s *splitter) endless(i int) error {
	return fmt.Errorf("a word of more than %d bytes ends at byte %d: this is no text, or it is not split by %q", maxWord, s.at+int64(i), s.mode)
}

func (s *splitter) flush(i int) error {
	if len(s.word) > maxWord {
		return s.endless(i)
	}
	if len(s.word) > 0 {
		s.emit(s.word)
		s.word = s.word[:0]
	}
	return nil
}

// close ends the text, and with it its last word.
func (s *splitter) close() error {
	if len(s.rest) > 0 {
		return invalid(s.at-int64(len(s.rest)), s.rest[0])
	}
	if err := s.flush(0); err != nil {
		return err
	}
	s.at = 0
	return nil
}

// SplitWords cuts a short text into words, in one of Modes.
func SplitWords(mode, text string) ([]string, error) {
	var words []string
	s, err := newSplitter(mode, func(w []byte) { words = append(words, string(w)) })
	if err != nil {
		return nil, err
	}
	if _, err := s.Write([]byte(text)); err != nil {
		return nil, err
	}
	return words, s.close()
}
