package text

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/tokenizer"
)

// Options say how a text becomes a Corpus.
type Options struct {
	// Split is one of Modes. It does not apply with a Tokenizer.
	Split string
	// Tokenizer cuts the text into the tokens of its own vocabulary, all of which are
	// kept, in place of words; nil = words. MinCount, MaxWords and Unknown do not apply.
	Tokenizer *tokenizer.Tokenizer
	// MinCount drops words that occur less often; at least 1.
	MinCount int
	// MaxWords keeps the most frequent words only; 0 = all.
	MaxWords int
	// Words is the vocabulary to use, in place of one that is counted: that of the
	// run that a text is a test for. MinCount and MaxWords do not apply then.
	Words *data.Vocabulary
	// Unknown keeps the place of words that are not in the vocabulary: a word of its
	// own, data.UnknownWord, stands for each. Without it they are left out.
	Unknown bool
	// Length is the number of words of an example; at least 1.
	Length int
	// Memory is how many bytes of word numbers are held in memory; beyond that they
	// go to a file in Temp. 0 = 16 MiB, 4 million words.
	Memory int64
	// Temp is the folder for that file; empty = the system's.
	Temp string
	// Stdin is what the path "-" reads; nil = refused.
	Stdin io.Reader
}

// Check says all that is wrong with the options.
func (o Options) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := newSplitter(o.Split, nil); err != nil {
		errs = append(errs, err)
	}
	if o.MinCount < 1 {
		bad("min_count: is %d, want at least 1", o.MinCount)
	}
	if o.MaxWords < 0 {
		bad("max_words: is %d, want 0 (all) or more", o.MaxWords)
	}
	if o.Length < 1 || o.Length > maxLength {
		bad("length: is %d, want 1 to %d words an example", o.Length, maxLength)
	}
	return errors.Join(errs...)
}

const (
	maxLength     = 1 << 20 // words of an example
	defaultMemory = 16 << 20
	// maxDistinct is how many different words are counted at a time. When there are
	// more the rarest go, as in word2vec: memory is bounded, and a word of a huge
	// text that comes once in a while may be lost.
	maxDistinct = 10_000_000
)

// A Corpus is a text as numbers of the words of its vocabulary. Words that are not
// in it are left out, and their neighbours moved together, unless Options.Unknown
// keeps their place. It is a data.Source whose examples are runs of Length words.
type Corpus struct {
	spec     data.Spec
	store    *store
	from, to int64 // the part of the store
	length   int
	seen     int64 // words of the whole text, those left out included
}

// Read makes the corpus of the texts that paths stand for; see Files. What is wrong with
// a text is a *data.InputError.
func Read(ctx context.Context, o Options, paths ...string) (*Corpus, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	files, err := Files(paths...)
	if err != nil {
		return nil, err
	}
	b := newBuilder(o)
	for _, f := range files {
		if err := b.read(ctx, f, o.Stdin); err != nil {
			return nil, errors.Join(err, b.store.close())
		}
	}
	name := strings.Join(files, ", ")
	if len(files) == 1 {
		name, _, _ = strings.Cut(filepath.Base(files[0]), ".")
		if files[0] == "-" {
			name = "standard input"
		}
	} else if len(paths) == 1 {
		name = filepath.Base(paths[0])
	}
	c, err := b.finish(name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", strings.Join(files, ", "), err), b.store.close())
	}
	return c, nil
}

// Spec implements data.Source.
func (c *Corpus) Spec() data.Spec { return c.spec }

// Len implements data.Source: the last example may be shorter than the others.
func (c *Corpus) Len() int { return int((c.to - c.from + int64(c.length) - 1) / int64(c.length)) }

// Split cuts the last part of the text off for tests, share of it in whole examples;
// both parts share the vocabulary and the memory. A text too short for an example of
// each is refused.
func (c *Corpus) Split(share float64) (train, test *Corpus, err error) {
	total, length := c.to-c.from, int64(c.length)
	cut := int64(float64(total)*(1-share)) / length * length
	if cut < length || cut >= total {
		return nil, nil, fmt.Errorf("%s: a share of %g of its %d words cannot be cut off in examples of %d words", c.spec.Name, share, total, c.length)
	}
	a, b := *c, *c
	a.to, b.from = c.from+cut, c.from+cut
	b.spec.Split = "test"
	return &a, &b, nil
}

// Count is the number of words of the vocabulary in the text.
func (c *Corpus) Count() int64 { return c.to - c.from }

// Seen is the number of words in the text, whether in the vocabulary or not.
func (c *Corpus) Seen() int64 { return c.seen }

// Read implements data.Source.
func (c *Corpus) Read(index int, into *data.Example) error {
	if err := data.InRange(index, c.Len()); err != nil {
		return err
	}
	at := c.from + int64(index)*int64(c.length)
	n, err := c.store.read(into.Tokens[:min(int64(c.length), c.to-at)], at)
	for i := n; i < c.length; i++ {
		into.Tokens[i] = -1
	}
	return err
}

// Checksum implements data.Checksummer: over the vocabulary and the words.
func (c *Corpus) Checksum() (string, error) {
	h := sha256.New()
	for i, w := range c.spec.Words.Words {
		fmt.Fprintf(h, "%s\t%d\n", w, c.spec.Words.Counts[i])
	}
	piece, bytes := make([]int32, 1<<14), make([]byte, 0, 4<<14)
	for at := c.from; at < c.to; {
		n, err := c.store.read(piece[:min(int64(len(piece)), c.to-at)], at)
		if err != nil {
			return "", err
		}
		bytes = bytes[:0]
		for _, w := range piece[:n] {
			bytes = binary.LittleEndian.AppendUint32(bytes, uint32(w))
		}
		h.Write(bytes)
		at += int64(n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// builder numbers words as they come.
type builder struct {
	o      Options
	number map[string]int32
	counts []int64 // by number; 0 for a word that was dropped as too rare
	live   int     // words that were not
	least  int64   // what a word must be counted to survive the next pruning
	limit  int     // of live
	seen   int64
	store  *store
	split  reader
	token  []int32 // by number of the tokenizer: that here, or -1
	err    error
}

// A reader takes a text in parts.
type reader interface {
	Write(p []byte) (int, error)
	close() error
}

func newBuilder(o Options) *builder {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	b := &builder{o: o, number: map[string]int32{}, store: &store{memory: o.Memory / 4, temp: o.Temp}, limit: maxDistinct}
	if o.Words != nil {
		for i, w := range o.Words.Words {
			b.number[w] = int32(i)
		}
		b.counts = make([]int64, o.Words.Len())
	}
	if t := o.Tokenizer; t != nil {
		b.useTokens(t)
		return b
	}
	b.split, _ = newSplitter(o.Split, b.add) // Check has tried it
	return b
}

// useTokens makes the tokens of t the words.
func (b *builder) useTokens(t *tokenizer.Tokenizer) {
	for i, token := range t.Tokens() {
		if b.o.Words == nil {
			b.token = append(b.token, int32(i))
			b.number[token] = int32(i)
		} else if at, ok := b.o.Words.Find(token); ok {
			b.token = append(b.token, int32(at))
		} else {
			b.token = append(b.token, -1)
		}
	}
	if b.o.Words == nil {
		b.counts = make([]int64, len(b.token))
	} else if b.o.Words.Inside == nil {
		v := *b.o.Words
		v.Inside = make([]bool, v.Len())
		for i, w := range v.Words {
			v.Inside[i] = t.Inside(w)
		}
		b.o.Words = &v
	}
	b.split = &pieces{emit: func(piece string) {
		t.Split(piece, func(id int32) {
			b.seen++
			if w := b.token[id]; w >= 0 {
				b.keep(w)
			}
		})
	}}
}

// canceled is how many bytes are read between two looks at the context.
const canceled = 1 << 20

func (b *builder) read(ctx context.Context, path string, stdin io.Reader) (err error) {
	r, err := Open(path, stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if b.o.Tokenizer != nil {
		b.o.Tokenizer.Begin()
	}
	buf := make([]byte, 1<<16)
	for read := 0; ; {
		n, err := r.Read(buf)
		if _, e := b.split.Write(buf[:n]); e != nil {
			return data.Input(fmt.Errorf("%s: %w", path, e))
		}
		if b.err != nil {
			return fmt.Errorf("%s: %w", path, b.err)
		}
		switch {
		case err == io.EOF:
			if err := b.split.close(); err != nil {
				return data.Input(fmt.Errorf("%s: %w", path, err))
			}
			return b.err
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
		if read += n; read > canceled {
			read = 0
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
}

func (b *builder) add(word []byte) {
	b.seen++
	i, ok := b.number[string(word)]
	if !ok {
		if b.o.Words != nil {
			if u, ok := b.number[data.UnknownWord]; ok && b.o.Unknown {
				b.keep(u)
			}
			return
		}
		if b.live >= b.limit {
			b.prune()
		}
		if len(b.counts) == 1<<31-1 {
			b.err = errors.New("more than 2 billion different words: this is no text")
			return
		}
		i = int32(len(b.counts))
		b.counts = append(b.counts, 0)
		b.number[string(word)] = i
		b.live++
	}
	b.keep(i)
}

func (b *builder) keep(i int32) {
	b.counts[i]++
	if err := b.store.add(i); err != nil && b.err == nil {
		b.err = err
	}
}

// prune drops the rarest words until half of them are gone.
func (b *builder) prune() {
	for b.live > b.limit/2 {
		b.least++
		maps.DeleteFunc(b.number, func(_ string, i int32) bool {
			if b.counts[i] > b.least {
				return false
			}
			b.counts[i] = 0
			b.live--
			return true
		})
	}
}

// finish makes the vocabulary and renumbers the words.
func (b *builder) finish(name string) (*Corpus, error) {
	words := b.o.Words
	if words == nil {
		var err error
		if words, err = b.counted(); err != nil {
			return nil, err
		}
		unknown := -1
		if at, ok := words.Find(data.UnknownWord); ok && b.o.Unknown { // else it is a word like any other
			unknown = at
		}
		final := make([]int32, len(b.counts))
		for i := range final {
			final[i] = int32(unknown)
		}
		for w, i := range b.number {
			if n, ok := words.Find(w); ok {
				final[i] = int32(n)
			}
		}
		b.number, b.counts = nil, nil
		if err := b.store.renumber(final); err != nil {
			return nil, err
		}
	}
	if b.store.n == 0 {
		return nil, data.Input(errors.New("holds no word of the vocabulary"))
	}
	return &Corpus{
		spec:  data.Spec{Name: name, Split: "train", Shape: []int{b.o.Length}, Words: words},
		store: b.store, to: b.store.n, length: b.o.Length, seen: b.seen,
	}, b.store.flush()
}

// counted is the vocabulary, or says why there is none.
func (b *builder) counted() (*data.Vocabulary, error) {
	if b.seen == 0 {
		return nil, data.Input(errors.New("holds no words"))
	}
	words := b.vocabulary()
	if words.Len() < 2 {
		switch {
		case b.live == 1:
			return nil, data.Input(fmt.Errorf("its %d words are all the same, %q; want at least 2 different ones", b.seen, slices.Collect(maps.Keys(b.number))[0]))
		case words.Len() == 1:
			return nil, data.Input(fmt.Errorf("of its %d words only %q occurs %d times or more; want at least 2 that do; a lower min_count may help", b.seen, words.Words[0], b.o.MinCount))
		}
		return nil, data.Input(fmt.Errorf("none of its %d words occurs %d times or more; want at least 2 that do; a lower min_count may help", b.seen, b.o.MinCount))
	}
	return words, nil
}

// vocabulary holds the words that are frequent enough.
func (b *builder) vocabulary() *data.Vocabulary {
	if t := b.o.Tokenizer; t != nil {
		var words []string
		var counts []int64
		for i, n := range b.counts {
			words, counts = append(words, t.Tokens()[i]), append(counts, max(1, n)) // also those that another text has
		}
		v := data.NewVocabulary(words, counts)
		v.Inside = make([]bool, v.Len())
		for i, w := range v.Words {
			v.Inside[i] = t.Inside(w)
		}
		return v
	}
	v := data.Frequent(func(yield func(string, int64) bool) {
		for w, i := range b.number {
			if !yield(w, b.counts[i]) {
				return
			}
		}
	}, int64(b.o.MinCount), b.o.MaxWords)
	if b.o.Unknown {
		v = v.WithUnknown(b.seen)
	}
	return v
}
