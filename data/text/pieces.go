package text

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"x2vec/data/tokenizer"
)

// pieces cuts a text before each white space that follows a word, for a tokenizer.
// It is given the text in parts of any size, as a splitter is.
type pieces struct {
	emit  func(piece string)
	piece []byte
	word  int    // bytes of the piece that are no white space
	rest  []byte // of a part: the beginning of a character
	at    int64  // bytes before the part
}

// Write takes the next part of the text. An error says at which byte.
func (s *pieces) Write(p []byte) (int, error) {
	n := len(p)
	if len(s.rest) > 0 {
		s.at -= int64(len(s.rest))
		p = append(s.rest, p...)
		s.rest = nil
	}
	i := 0
	for i < len(p) && utf8.FullRune(p[i:]) {
		r, size := utf8.DecodeRune(p[i:])
		switch space := unicode.IsSpace(r); {
		case r == utf8.RuneError && size == 1:
			return 0, invalid(s.at+int64(i), p[i])
		case r == 0:
			return 0, fmt.Errorf("byte %d is 0: this is no text", s.at+int64(i))
		case space && s.word > 0:
			s.flush()
		case !space && s.word > maxWord:
			return 0, fmt.Errorf("a word of more than %d bytes ends at byte %d: this is no text", maxWord, s.at+int64(i))
		case !space:
			s.word += size
		}
		if s.word > 0 || len(s.piece) < maxWord { // what is beyond that of white space says no more
			s.piece = append(s.piece, p[i:i+size]...)
		}
		i += size
	}
	s.rest = append(s.rest, p[i:]...)
	s.at += int64(len(p))
	return n, nil
}

func (s *pieces) flush() {
	if len(s.piece) > 0 {
		s.emit(string(s.piece))
	}
	s.piece, s.word = s.piece[:0], 0
}

// close ends the text.
func (s *pieces) close() error {
	if len(s.rest) > 0 {
		return invalid(s.at-int64(len(s.rest)), s.rest[0])
	}
	s.flush()
	s.at = 0
	return nil
}

// Tokens cuts a short text into tokens, by number.
func Tokens(t *tokenizer.Tokenizer, text string) (tokens []int32, err error) {
	t.Begin()
	s := &pieces{emit: func(piece string) { t.Split(piece, func(id int32) { tokens = append(tokens, id) }) }}
	if _, err := s.Write([]byte(text)); err != nil {
		return nil, err
	}
	return tokens, s.close()
}
