// Package vectors reads and writes files of word vectors, as the programs that
// make and use them do: word2vec's text and binary form, fastText's .vec, which is
// word2vec's text, and GloVe's text, which lacks the first line.
package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"x2vec/data"
	"x2vec/data/internal/durable"
)

// Vectors are words with a vector each, in the order of the file, which is that
// of their frequency in most files.
type Vectors struct {
	Words []string
	Dim   int

	// Again is how many words of a file were left out because they had been there
	// before, FirstAgain the first of them.
	Again      int
	FirstAgain string

	data  []float32      // (len(Words), Dim), or nil for
	raw   []byte         // the file, in which
	at    []int64        // the vectors begin here
	free  func() error   // of raw
	index map[string]int // of Words
}

// New takes words, all different, and their vectors (len(words), dim), which it
// keeps.
func New(words []string, dim int, data []float32) (*Vectors, error) {
	if dim < 1 || len(data) != len(words)*dim {
		return nil, fmt.Errorf("%d values for %d words with vectors of %d", len(data), len(words), dim)
	}
	v := newVectors(len(words), dim)
	for i, w := range words {
		if first, ok := v.index[w]; ok {
			return nil, fmt.Errorf("word %q is there twice, as number %d and %d", w, first+1, i+1)
		}
		v.add(w)
	}
	v.data = data
	return v, nil
}

// newVectors makes room for n words.
func newVectors(n, dim int) *Vectors {
	return &Vectors{Words: make([]string, 0, n), Dim: dim, index: make(map[string]int, n)}
}

// add takes the next word, and says whether it is one: of words that a file has twice
// the first counts.
func (v *Vectors) add(word string) bool {
	if _, ok := v.index[word]; ok {
		if v.Again++; v.Again == 1 {
			v.FirstAgain = word
		}
		return false
	}
	v.index[word] = len(v.Words)
	v.Words = append(v.Words, word)
	return true
}

// Len is the number of words.
func (v *Vectors) Len() int { return len(v.Words) }

// Find gives the number of a word.
func (v *Vectors) Find(word string) (int, bool) {
	i, ok := v.index[word]
	return i, ok
}

// Vector copies that of word i to dst, which has room for Dim values.
func (v *Vectors) Vector(i int, dst []float32) { v.Rows(i, i+1, dst) }

// Rows copies the vectors of words lo to hi-1 to dst, (hi-lo, Dim).
func (v *Vectors) Rows(lo, hi int, dst []float32) {
	if v.raw == nil {
		copy(dst[:(hi-lo)*v.Dim], v.data[lo*v.Dim:])
		return
	}
	for i := lo; i < hi; i++ {
		decode(dst[(i-lo)*v.Dim:(i-lo+1)*v.Dim], v.raw[v.at[i]:])
	}
}

// Close gives the file back that the vectors are read from. They cannot be used
// afterwards.
func (v *Vectors) Close() error {
	if v.free == nil {
		return nil
	}
	err := v.free()
	v.raw, v.at, v.free = nil, nil, nil
	return err
}

// Bounds of what a file can make its reader hold, beside the file itself.
const (
	maxDim  = 1 << 16
	maxWord = 1 << 12 // bytes of a word
)

// foreign are the beginnings of files that are taken for word vectors at times.
var foreign = []struct{ begins, is string }{
	{"\x1f\x8b", "is packed with gzip; unpack it first (gunzip), so that it can be read in place"},
	{"BZh", "is packed with bzip2; unpack it first (bunzip2), so that it can be read in place"},
	{"\x28\xb5\x2f\xfd", "is packed with zstd; unpack it first (unzstd), so that it can be read in place"},
	{"PK\x03\x04", "is a zip archive; unpack it first (unzip), so that its files can be read in place"},
	{"\xba\x16\x4f\x2f", "is a model of fastText's own form; give the .vec file that fastText writes beside it"},
	{"\x93NUMPY", "is a NumPy array; word vectors are read as word2vec's text or binary form, fastText's .vec or GloVe's text"},
}

// Formats are the forms in which vectors are written.
var Formats = []string{"text", "binary", "glove"}

// Open reads a file of vectors, whatever its form. A large one is not copied into
// memory but mapped, and its vectors decoded when they are asked for. What is wrong with
// it is a *data.InputError.
func Open(path string) (*Vectors, error) {
	raw, free, err := mapped(path)
	if err != nil {
		return nil, err
	}
	v, err := Parse(raw)
	if err != nil {
		return nil, errors.Join(data.Input(fmt.Errorf("%s: %w", path, err)), free())
	}
	if v.raw == nil {
		return v, free()
	}
	v.free = free
	return v, nil
}

// Parse reads vectors from a file's bytes. Those of the binary form stay there:
// raw must not be changed.
func Parse(raw []byte) (*Vectors, error) {
	for _, f := range foreign {
		if bytes.HasPrefix(raw, []byte(f.begins)) {
			return nil, errors.New(f.is)
		}
	}
	line, _, _ := bytes.Cut(raw[:min(len(raw), 1<<20)], []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return nil, errors.New("is empty where word vectors begin with a line of two numbers or with a word and its vector")
	}
	if len(fields) == 2 {
		n, okN := whole(fields[0])
		dim, okDim := whole(fields[1])
		if okN && okDim {
			return withHeader(raw[min(len(line)+1, len(raw)):], n, dim)
		}
	}
	if len(fields) == 1 {
		return nil, errors.New("line 1 is no word with a vector, and no pair of numbers that word vectors may begin with: word2vec's text or binary form, fastText's .vec and GloVe's text are read")
	}
	return parseText(raw, -1, len(fields)-1, 1)
}

func withHeader(body []byte, n, dim int) (*Vectors, error) {
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("the first line says vectors of %d values, want 1 to %d", dim, maxDim)
	}
	if n > (len(body)+1)/(2+2*dim) { // a value takes a space and a digit, or four bytes
		return nil, fmt.Errorf("the first line says %d words, and %d bytes follow", n, len(body))
	}
	if isText(body, dim) {
		return parseText(body, n, dim, 2)
	}
	return parseBinary(body, n, dim)
}

// isText tells text from binary by the first vector: a line of numbers.
func isText(body []byte, dim int) bool {
	line, _, _ := bytes.Cut(body[:min(len(body), maxWord+32*dim)], []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return false
	}
	for _, f := range fields[1:] {
		if _, ok := number(f); !ok {
			return false
		}
	}
	return true
}

// parseBinary reads: a word, a space, dim values, and mostly a line's end.
func parseBinary(body []byte, n, dim int) (*Vectors, error) {
	v := newVectors(n, dim)
	v.raw, v.at = body, make([]int64, 0, n)
	var text spelling
	at := 0
	for i := range n {
		for at < len(body) && (body[at] == '\n' || body[at] == '\r') {
			at++
		}
		end := bytes.IndexByte(body[at:min(len(body), at+maxWord+1)], ' ')
		switch {
		case at == len(body):
			return nil, fmt.Errorf("ends after %d of %d words", i, n)
		case end < 0:
			return nil, fmt.Errorf("word %d of %d: no space within %d bytes of its beginning: damaged, or vectors of another size than %d", i+1, n, maxWord, dim)
		case end == 0:
			return nil, fmt.Errorf("word %d of %d is empty", i+1, n)
		}
		if bad := bytes.IndexFunc(body[at:at+end], control); bad >= 0 {
			return nil, fmt.Errorf("word %d of %d holds the byte 0x%02x: damaged, or vectors of another size than %d", i+1, n, body[at+bad], dim)
		}
		word := text.of(body[at : at+end])
		at += end + 1
		if len(body)-at < 4*dim {
			return nil, fmt.Errorf("ends within the vector of word %d of %d, %q", i+1, n, word)
		}
		if v.add(word) {
			v.at = append(v.at, int64(at))
		}
		at += 4 * dim
	}
	if rest := bytes.TrimSpace(body[at:]); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow its %d words", len(rest), n)
	}
	x := make([]float32, dim)
	for _, i := range []int{0, v.Len() - 1} { // the first and the last tell a wrong size
		v.Vector(i, x)
		if !finite(x) {
			return nil, fmt.Errorf("word %d, %q: a value is not finite", i+1, v.Words[i])
		}
	}
	return v, nil
}

// control reports whether a character is in no word of a sound binary file.
func control(r rune) bool { return r < ' ' && r != '\t' }

// spelling makes strings of words, many of them in one piece of memory.
type spelling struct{ room strings.Builder }

// of is the word as text, what is no UTF-8 in it replaced.
func (s *spelling) of(word []byte) string {
	if !utf8.Valid(word) {
		return strings.ToValidUTF8(string(word), "\ufffd")
	}
	if s.room.Len()+len(word) > s.room.Cap() {
		s.room.Reset()
		s.room.Grow(max(1<<16, len(word)))
	}
	from := s.room.Len()
	s.room.Write(word)
	return s.room.String()[from:]
}

// parseText reads lines of a word and dim numbers, n of them where that is known.
// first is the number of the first line, for errors.
func parseText(body []byte, n, dim, first int) (*Vectors, error) {
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("line %d has %d values after its word, want 1 to %d", first, dim, maxDim)
	}
	v := newVectors(max(0, n), dim)
	if n > 0 {
		v.data = make([]float32, 0, n*dim)
	}
	var text spelling
	read := 0 // words, those that come again included
	for i := first; len(body) > 0; i++ {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		line = bytes.TrimRight(line, " \r\t")
		if len(line) == 0 {
			continue
		}
		if n >= 0 && read == n {
			return nil, fmt.Errorf("line %d: the first line says %d words, and here is one more", i, n)
		}
		// The values from the end: a word may have spaces in it, as in some of GloVe.
		start := len(v.data)
		v.data = slices.Grow(v.data, dim)[:start+dim]
		for j := dim - 1; j >= 0; j-- {
			at := bytes.LastIndexAny(line, " \t")
			x, ok := float32(0), false
			if at > 0 {
				x, ok = number(line[at+1:])
			}
			if !ok {
				return nil, fmt.Errorf("line %d: value %d of %d is missing, not a number or not finite", i, j+1, dim)
			}
			v.data[start+j] = x
			line = bytes.TrimRight(line[:at], " \t")
		}
		if at := bytes.LastIndexAny(line, " \t"); at > 0 {
			if _, ok := number(line[at+1:]); ok {
				return nil, fmt.Errorf("line %d: more than %d values follow its word, which are those of the first line", i, dim)
			}
		}
		if len(line) == 0 || len(line) > maxWord {
			return nil, fmt.Errorf("line %d: a word of %d bytes, want 1 to %d", i, len(line), maxWord)
		}
		if read++; !v.add(text.of(line)) {
			v.data = v.data[:start]
		}
	}
	if n >= 0 && read < n {
		return nil, fmt.Errorf("ends after %d of %d words", read, n)
	}
	return v, nil
}

// Write writes vectors in one of Formats. Words with spaces cannot be written in
// the first two.
func (v *Vectors) Write(w io.Writer, format string) error {
	if !slices.Contains(Formats, format) {
		return fmt.Errorf("format: is %q, want one of %s", format, strings.Join(Formats, ", "))
	}
	b := &buffer{w: w}
	if format != "glove" {
		b.buf = fmt.Appendf(b.buf, "%d %d\n", v.Len(), v.Dim)
	}
	x := make([]float32, v.Dim)
	for i, word := range v.Words {
		if word == "" || strings.ContainsAny(word, "\n\r") || format != "glove" && strings.ContainsAny(word, " \t") || format == "binary" && strings.ContainsFunc(word, control) {
			return fmt.Errorf("word %d, %q: cannot be written as %s", i+1, word, format)
		}
		v.Vector(i, x)
		b.buf = append(b.buf, word...)
		if format == "binary" {
			b.buf = append(b.buf, ' ')
			b.buf = encode(b.buf, x)
		} else {
			for _, f := range x {
				b.buf = append(b.buf, ' ')
				b.buf = appendNumber(b.buf, f)
			}
		}
		b.buf = append(b.buf, '\n')
		if err := b.flush(1 << 16); err != nil {
			return err
		}
	}
	return b.flush(0)
}

// Save makes a file of what Write writes, all of it or nothing.
func (v *Vectors) Save(path, format string) error {
	return durable.Write(path, func(f *os.File) error { return v.Write(f, format) })
}

// buffer gathers what is written.
type buffer struct {
	w   io.Writer
	buf []byte
}

func (b *buffer) flush(above int) error {
	if len(b.buf) <= above {
		return nil
	}
	_, err := b.w.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

// read is mapped where a system cannot map.
func read(path string) ([]byte, func() error, error) {
	raw, err := os.ReadFile(path)
	return raw, func() error { return nil }, err
}
