package data

import (
	"errors"
	"strings"
)

// Captions say how the texts that go with the pictures of a source are given: as
// tokens of a vocabulary.
type Captions struct {
	// Words are those of the training captions; data.UnknownWord stands for all others.
	Words *Vocabulary
	// Length is how many tokens of a caption are kept, T.
	Length int
	// Cut gives the words or tokens of a text as the vocabulary writes them, and Join
	// writes a text of them. Both may be called from several goroutines at once.
	Cut  func(text string) ([]string, error)
	Join func(words []string) string
}

// Encode writes the first T tokens of a text into dst, (T), and -1 after its end. A
// text without any token is an error.
func (c *Captions) Encode(dst []int32, text string) error {
	words, err := c.Cut(text)
	if err != nil {
		return err
	}
	n := 0
	for _, w := range words {
		id, ok := c.Words.Find(w)
		if !ok {
			if id, ok = c.Words.Find(UnknownWord); !ok {
				continue
			}
		}
		if n == c.Length {
			break
		}
		dst[n] = int32(id)
		n++
	}
	if n == 0 {
		return errors.New("holds no word")
	}
	for i := n; i < c.Length; i++ {
		dst[i] = -1
	}
	return nil
}

// Text writes tokens, (T), as a text.
func (c *Captions) Text(tokens []int32) string {
	var words []string
	for _, t := range tokens {
		if t < 0 {
			break
		}
		words = append(words, c.Words.Words[t])
	}
	if c.Join == nil {
		return strings.Join(words, " ")
	}
	return c.Join(words)
}
