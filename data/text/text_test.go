package text

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"x2vec/data"
	"x2vec/data/tokenizer"
)

func split(t testing.TB, mode string, pieces ...string) ([]string, error) {
	t.Helper()
	var words []string
	s, err := newSplitter(mode, func(w []byte) { words = append(words, string(w)) })
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if _, err := s.Write([]byte(p)); err != nil {
			return words, err
		}
	}
	return words, s.close()
}

func TestSplit(t *testing.T) {
	const text = "The cat's 12 ÄRZTE\u00a0(naïve) \t\r\nлес"
	for mode, want := range map[string][]string{
		"text8":      {"the", "cat", "s", "one", "two", "rzte", "na", "ve"},
		"words":      {"the", "cat", "s", "12", "ärzte", "naïve", "лес"},
		"whitespace": {"The", "cat's", "12", "ÄRZTE", "(naïve)", "лес"},
	} {
		// However the text is cut, in the midst of characters too.
		for size := 1; size <= len(text); size++ {
			var pieces []string
			for p := range slices.Chunk([]byte(text), size) {
				pieces = append(pieces, string(p))
			}
			got, err := split(t, mode, pieces...)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s in pieces of %d bytes: %q, %v; want %q", mode, size, got, err, want)
			}
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	long := strings.Repeat("x", 700)
	for want, pieces := range map[string][]string{
		"byte 4 is 0xff, which is no UTF-8":           {"caf", "é"[:0] + "x\xff "},
		"byte 3 is 0xc3, which is no UTF-8":           {"caf\xc3"},
		"byte 5 is 0xc3, which is no UTF-8":           {"a ca", "f\xc3", "x"},
		"byte 2 is 0: this is no text":                {"ab\x00"},
		"a word of more than 1000 bytes ends at byte": {long, long, long},
	} {
		if _, err := split(t, "words", pieces...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10q: %v, want %q", pieces, err, want)
		}
	}
	if _, err := newSplitter("lines", nil); err == nil || !strings.Contains(err.Error(), "text8, words, whitespace") {
		t.Errorf("an unknown mode: %v", err)
	}
}

// The pieces of a text do not matter, words are never empty nor too long, and
// joined by spaces they are their own words again.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("The cat's 12 ÄRZTE\u00a0(naïve)\nлес"), uint8(3), uint8(1))
	f.Add([]byte("\xff\xfe\x00"), uint8(1), uint8(0))
	f.Add([]byte("İıſK \ufeff"), uint8(2), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, size, mode uint8) {
		m := Modes[int(mode)%len(Modes)]
		whole, err := split(t, m, string(text))
		var pieces []string
		for p := range slices.Chunk(text, int(size)+1) {
			pieces = append(pieces, string(p))
		}
		parts, other := split(t, m, pieces...)
		if (err == nil) != (other == nil) || err == nil && !slices.Equal(whole, parts) {
			t.Fatalf("whole %q, %v; in pieces %q, %v", whole, err, parts, other)
		}
		if err != nil {
			return
		}
		again, err := split(t, m, strings.Join(whole, " "))
		if m == "text8" || m == "whitespace" {
			if err != nil || !slices.Equal(again, whole) {
				t.Fatalf("%q, and again %q, %v", whole, again, err)
			}
		}
	})
}

// bzipped is what the program bzip2 made of "b a b c b\n".
const bzipped = "425a6839314159265359c890fc9f000003d10000104000380020002129a6d066828be8c30bb9229c284864487e4f80"

// packed are forms of a text that are told by their first bytes.
func packed(t testing.TB, text string) map[string][]byte {
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(text))
	g.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(text))
	z.Close()
	return map[string][]byte{"plain": []byte(text), "gz": gz.Bytes(), "zstd": zs.Bytes()}
}

func write(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

var small = Options{Split: "words", MinCount: 1, Length: 4}

// words gives those of all examples of a corpus.
func words(t testing.TB, c *Corpus) (list []string) {
	t.Helper()
	for b, err := range data.Sequential(c, 3) {
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range b.Tokens {
			if w < 0 {
				list = append(list, "-")
			} else {
				list = append(list, c.Spec().Words.Words[w])
			}
		}
	}
	return list
}

func TestReadForms(t *testing.T) {
	dir := t.TempDir()
	want := []string{"b", "a", "b", "c", "b", "-", "-", "-"}
	sums := map[string]bool{}
	check := func(name string, o Options, paths ...string) {
		t.Helper()
		c, err := Read(context.Background(), o, paths...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got := words(t, c); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		sum, err := c.Checksum()
		if err != nil {
			t.Error(err)
		}
		sums[sum] = true
		v := c.Spec().Words
		if !slices.Equal(v.Words, []string{"b", "a", "c"}) || !slices.Equal(v.Counts, []int64{3, 1, 1}) || v.Total != 5 || c.Count() != 5 || c.Seen() != 5 {
			t.Errorf("%s: vocabulary %v, %d words, %d seen", name, v, c.Count(), c.Seen())
		}
	}
	for form, b := range packed(t, "b a b c b\n") {
		check(form, small, write(t, dir, form, b))
	}
	bz, err := hex.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	check("bz2", small, write(t, dir, "bz2", bz))
	check("two files", small, write(t, dir, "one", []byte("b a")), write(t, dir, "two", []byte("b c b")))
	write(t, dir, "folder/b/2.txt", []byte("c b"))
	write(t, dir, "folder/a.gz", packed(t, "b a b")["gz"])
	write(t, dir, "folder/.hidden/x.txt", []byte("no"))
	write(t, dir, "folder/readme.md", []byte("no"))
	check("folder", small, filepath.Join(dir, "folder"))
	if link := filepath.Join(dir, "link"); os.Symlink("folder", link) == nil {
		check("link to a folder", small, link)
	}
	stdin := small
	stdin.Stdin = strings.NewReader("b a b c b")
	check("stdin", stdin, "-")
	spilled := small
	spilled.Memory, spilled.Temp = 8, dir
	check("more than memory", spilled, filepath.Join(dir, "plain"))
	if len(sums) != 1 {
		t.Errorf("%d checksums for one text", len(sums))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "x2vec-words-*")); len(left) > 0 {
		t.Errorf("%v stay behind", left)
	}
}

// The file of a large text goes with it, though nobody closes it: many runs of one
// program read a text each.
func TestSpilledIsFreed(t *testing.T) {
	o := small
	o.Memory, o.Temp = 8, t.TempDir()
	path := write(t, o.Temp, "plain", []byte(strings.Repeat("b a b c b\n", 20_000)))
	held := func() (n int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("what files are open cannot be seen here: ", err)
		}
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, o.Temp) {
				n++
			}
		}
		return n
	}
	c, err := Read(context.Background(), o, path)
	if err != nil {
		t.Fatal(err)
	}
	if held() != 1 {
		t.Fatalf("%d files are open, want 1", held())
	}
	runtime.KeepAlive(c)
	for range 200 {
		runtime.GC()
		if held() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the file is open for good")
}

// Rare words are left out, wherever the words of the text are held.
func TestVocabulary(t *testing.T) {
	var b strings.Builder
	for i := range 300_000 { // word k comes every k-th time
		fmt.Fprintf(&b, "w%d ", i%(1+i%400))
	}
	path := write(t, t.TempDir(), "text", []byte(b.String()))
	for name, o := range map[string]Options{
		"min_count": {Split: "words", MinCount: 700, Length: 1000},
		"max_words": {Split: "words", MinCount: 1, MaxWords: 50, Length: 1000},
	} {
		inMemory, err := Read(context.Background(), o, path)
		if err != nil {
			t.Fatal(err)
		}
		o.Memory, o.Temp = 4000, t.TempDir()
		onDisk, err := Read(context.Background(), o, path)
		if err != nil {
			t.Fatal(err)
		}
		v := inMemory.Spec().Words
		var want []string
		for _, w := range strings.Fields(b.String()) {
			if _, ok := v.Find(w); ok {
				want = append(want, w)
			}
		}
		if int64(len(want)) != v.Total || v.Len() > 390 || v.Len() < 50 {
			t.Errorf("%s: %d words that occur %d times, counted %d", name, v.Len(), len(want), v.Total)
		}
		for len(want)%o.Length > 0 {
			want = append(want, "-")
		}
		for what, c := range map[string]*Corpus{"in memory": inMemory, "on disk": onDisk} {
			if got := words(t, c); !slices.Equal(got, want) {
				t.Errorf("%s, %s: the text is another one", name, what)
			}
		}
	}
}

// Where unknown words are left out, [UNK] in a text is a word like any other.
func TestLiteralUnknown(t *testing.T) {
	for unknown, want := range map[bool]string{
		false: "a [UNK] a [UNK]",
		true:  "a [UNK] [UNK] a [UNK] [UNK]",
	} {
		o := Options{Split: "whitespace", MinCount: 2, Length: 6, Unknown: unknown}
		c, err := Read(context.Background(), o, write(t, t.TempDir(), "text", []byte("a [UNK] q a [UNK] r")))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(strings.Join(words(t, c), " "), " - -"); got != want {
			t.Errorf("unknown = %v: %q, want %q", unknown, got, want)
		}
	}
}

// broken is a text on a disk that fails after its beginning.
type broken struct{ begun bool }

func (b *broken) Read(p []byte) (int, error) {
	if b.begun {
		return 0, &fs.PathError{Op: "read", Path: "a.txt", Err: syscall.EIO}
	}
	b.begun = true
	return copy(p, "some words "), nil
}

// A disk that fails is no fault of what was asked.
func TestDiskErrors(t *testing.T) {
	l, o := tokenizer.NewLearner(false), small
	o.Stdin = &broken{}
	_, readErr := Read(context.Background(), o, "-")
	for name, err := range map[string]error{
		"a tokenizer": Learn(context.Background(), l, &broken{}, "-"),
		"a corpus":    readErr,
		"lines":       faulty(context.Background(), plainLines(&broken{}, func(int, string, string, bool) error { return nil })),
		"a table":     faulty(context.Background(), (&lineReader{o: LineOptions{Text: "1"}}).table(&broken{}, ',', func(int, string, string, bool) error { return nil })),
	} {
		if !errors.Is(err, syscall.EIO) || data.IsInput(err) {
			t.Errorf("%s: %v, want the error of the disk and not one of the input", name, err)
		}
	}
	if err := faulty(context.Background(), errors.New("byte 3 is no letter")); !data.IsInput(err) {
		t.Errorf("%v: want an error of the input", err)
	}
}

// A text for a test is read with the words of another.
func TestGivenVocabulary(t *testing.T) {
	o := small
	o.Words = data.NewVocabulary([]string{"a", "b", "z"}, []int64{1, 2, 3})
	c, err := Read(context.Background(), o, write(t, t.TempDir(), "text", []byte("a q b q a")))
	if err != nil {
		t.Fatal(err)
	}
	if got := words(t, c); !slices.Equal(got, []string{"a", "b", "a", "-"}) || c.Spec().Words != o.Words || c.Seen() != 5 {
		t.Errorf("%q of %d words", got, c.Seen())
	}
	if _, err := Read(context.Background(), o, write(t, t.TempDir(), "other", []byte("q"))); err == nil || !strings.Contains(err.Error(), "no word of the vocabulary") {
		t.Errorf("no word is known: %v", err)
	}
}

// endless gives n words, and no more than it is asked for is ever there.
type endless struct{ n, at int }

func (e *endless) Read(p []byte) (n int, err error) {
	for n+8 <= len(p) {
		if e.at == e.n {
			return n, io.EOF
		}
		w := e.at * 7919 % 1000
		n += copy(p[n:], []byte{'w', '0', '0', '0', byte('0' + w/100), byte('0' + w/10%10), byte('0' + w%10), ' '})
		e.at++
	}
	return n, nil
}

// A text that is larger than the memory it may take is read all the same, and found
// again at any place: what it takes does not grow with it.
func TestLargerThanMemory(t *testing.T) {
	const n = 3_000_000 // words: 12 MB of numbers
	o := Options{Split: "words", MinCount: 1, Length: 1000, Memory: 1 << 18, Temp: t.TempDir(), Stdin: &endless{n: n}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := Read(context.Background(), o, "-")
	if err != nil {
		t.Fatal(err)
	}
	v, e := c.Spec().Words, data.Example{Tokens: make([]int32, o.Length)}
	for _, i := range []int{c.Len() - 1, 0, c.Len() / 3} {
		if err := c.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		for j, w := range e.Tokens {
			if want := fmt.Sprintf("w%06d", (i*o.Length+j)*7919%1000); v.Words[w] != want {
				t.Fatalf("word %d of example %d is %s, want %s", j, i, v.Words[w], want)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if c.Count() != n || c.Spec().Name != "standard input" {
		t.Errorf("%d words of %s, want %d", c.Count(), c.Spec().Name, n)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("%d bytes were allocated for %d bytes of numbers", took, 4*n)
	}
}

// When there are too many different words to count, the rarest go; frequent ones
// are counted right from the beginning.
func TestPrune(t *testing.T) {
	b := newBuilder(Options{Split: "words", MinCount: 100, Length: 10})
	b.limit = 1000
	const n = 20_000
	for i := range n {
		fmt.Fprintf(b.split, "once%d often ", i)
	}
	if b.live > 1000 {
		t.Errorf("%d words are counted, want at most 1000", b.live)
	}
	fmt.Fprint(b.split, strings.Repeat("late ", 100))
	c, err := b.finish("x")
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Spec().Words; !slices.Equal(v.Words, []string{"often", "late"}) || !slices.Equal(v.Counts, []int64{n, 100}) || c.Count() != n+100 {
		t.Errorf("%v of %d words", v, c.Count())
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	gz := packed(t, strings.Repeat("some text that is cut ", 100))["gz"]
	empty := filepath.Join(dir, "folder")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]struct {
		o     Options
		paths []string
	}{
		"holds no words":                       {small, []string{write(t, dir, "empty", nil)}},
		`its 3 words are all the same, "a"`:    {small, []string{write(t, dir, "same", []byte("a a a"))}},
		"cut.gz: ends within its gzip data":    {small, []string{write(t, dir, "cut.gz", gz[:len(gz)-9])}},
		"binary: byte 1 is 0: this is no text": {small, []string{write(t, dir, "binary", []byte("a\x00"))}},
		"latin1: byte 3 is 0xe9":               {small, []string{write(t, dir, "latin1", []byte("caf\xe9 "))}},
		"endless: a word of more than 1000":    {small, []string{write(t, dir, "endless", bytes.Repeat([]byte("x"), 200_000))}},
		"holds no file that ends in .txt":      {small, []string{empty}},
		"no such file":                         {small, []string{filepath.Join(dir, "nowhere")}},
		"standard input, which cannot be read": {small, []string{"-"}},
		"no text is named":                     {small, nil},
		"min_count: is 0":                      {Options{Split: "words", Length: 1}, []string{dir}},
		"split: is \"\"":                       {Options{MinCount: 1, Length: 1}, []string{dir}},
		"length: is 0":                         {Options{MinCount: 1, Split: "words"}, []string{dir}},
		"max_words: is -1":                     {Options{MinCount: 1, Split: "words", Length: 1, MaxWords: -1}, []string{dir}},
	} {
		if _, err := Read(context.Background(), c.o, c.paths...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, small, write(t, dir, "long", bytes.Repeat([]byte("a b "), 1<<20))); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&text, "w%d ", i%(1+i%20_000))
	}
	path := write(b, b.TempDir(), "text", []byte(text.String()))
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Read(context.Background(), Options{Split: "text8", MinCount: 1, Length: 256}, path); err != nil {
			b.Fatal(err)
		}
	}
}

func TestBuiltin(t *testing.T) {
	c, err := Builtin(context.Background(), Options{Split: "words", MinCount: 5, Length: 256})
	if err != nil {
		t.Fatal(err)
	}
	v := c.Spec().Words
	if c.Seen() < 600_000 || c.Seen() > 620_000 || v.Len() < 3000 || v.Words[0] != "the" {
		t.Errorf("%d words, %d in the vocabulary, first %q", c.Seen(), v.Len(), v.Words[0])
	}
	if got := words(t, c)[:10]; !slices.Equal(got, strings.Fields("in the beginning god created the heaven and the earth")) {
		t.Errorf("begins with %q", got)
	}
}

// Words outside the vocabulary keep their place as one word, also where the
// vocabulary is given.
func TestUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(path, []byte("a b a rare c a b odd"), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := Read(context.Background(), Options{Split: "words", MinCount: 2, Unknown: true, Length: 8}, path)
	if err != nil {
		t.Fatal(err)
	}
	v := c.Spec().Words
	if got, want := fmt.Sprint(v.Words, v.Counts), "[[UNK] a b] [3 3 2]"; got != want {
		t.Errorf("vocabulary is %s, want %s", got, want)
	}
	want := "[1 2 1 0 0 1 2 0]"
	read := func(c *Corpus) string {
		e := data.Example{Tokens: make([]int32, 8)}
		if err := c.Read(0, &e); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(e.Tokens)
	}
	if got := read(c); got != want {
		t.Errorf("tokens are %s, want %s", got, want)
	}
	again, err := Read(context.Background(), Options{Split: "words", MinCount: 1, Words: v, Unknown: true, Length: 8}, path)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(again); got != want {
		t.Errorf("with the vocabulary given, tokens are %s, want %s", got, want)
	}
	c, err = Read(context.Background(), Options{Split: "words", MinCount: 1, Unknown: true, Length: 8}, path)
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Spec().Words; v.Counts[v.Len()-1] != 1 || !slices.Contains(v.Words, data.UnknownWord) {
		t.Errorf("where all words are known, the vocabulary is %v", v.Words)
	}
}

// The end of a text is for tests: both parts together are the whole.
func TestCorpusSplit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(path, []byte(strings.Repeat("a b c d e f g ", 15)), 0o666); err != nil { // 105 words
		t.Fatal(err)
	}
	c, err := Read(context.Background(), Options{Split: "words", MinCount: 1, Length: 10}, path)
	if err != nil {
		t.Fatal(err)
	}
	all := func(c *Corpus) (list []int32) {
		for i := range c.Len() {
			e := data.Example{Tokens: make([]int32, 10)}
			if err := c.Read(i, &e); err != nil {
				t.Fatal(err)
			}
			for _, w := range e.Tokens {
				if w >= 0 {
					list = append(list, w)
				}
			}
		}
		return list
	}
	train, test, err := c.Split(0.3)
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 7 || test.Len() != 4 || train.Count() != 70 || test.Count() != 35 || test.Spec().Split != "test" {
		t.Errorf("%d and %d examples, %d and %d words, split %q", train.Len(), test.Len(), train.Count(), test.Count(), test.Spec().Split)
	}
	if !slices.Equal(append(all(train), all(test)...), all(c)) {
		t.Error("the parts are not the whole")
	}
	if err := train.Read(7, &data.Example{Tokens: make([]int32, 10)}); err == nil {
		t.Error("the training part gives an example of the test part")
	}
	sums := map[string]bool{}
	for _, c := range []*Corpus{c, train, test} {
		sum, err := c.Checksum()
		if err != nil {
			t.Fatal(err)
		}
		sums[sum] = true
	}
	if len(sums) != 3 {
		t.Errorf("%d checksums of three texts", len(sums))
	}
	for _, share := range []float64{0.001, 0.95, 1} {
		if _, _, err := c.Split(share); (err != nil) != (share > 0.9) {
			t.Errorf("share %g: %v", share, err)
		}
	}
}
