package text

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"x2vec/data"
	"x2vec/data/draw"
)

// LineOptions say how a list of texts becomes Lines.
type LineOptions struct {
	Options
	// Text and Label name the columns of a csv or tsv; empty = those of usual names.
	// Numbers count columns from 1, of a file without a heading.
	Text, Label string
	// TestShare is the share of the texts that is drawn for tests by Seed, where no file
	// and no column says which they are.
	TestShare float64
	Seed      uint64
}

// Lines are short texts, each an example, with a label or without: the lines of a
// file, or the rows of a csv or tsv. It is a data.Source whose examples have Length
// words; longer texts are cut. A text without a word that is known has none.
type Lines struct {
	spec    data.Spec
	length  int
	tokens  []int32
	records []record
	seen    int64 // words of all texts, whether known or not, those cut off included
	known   int64
}

// A record is one text.
type record struct {
	at    int // its first word in tokens
	n     int
	label int32
	test  bool
	line  string // file and line
}

// Bounds of a list of texts.
const (
	maxRecord  = 1 << 20 // bytes of a text
	maxRecords = 1 << 26
	maxClasses = 1 << 16
)

// usual names of columns
var (
	textNames  = []string{"text", "sentence", "review", "content", "comment", "message", "title"}
	labelNames = []string{"label", "class", "category", "sentiment", "stars", "intent"}
	splitNames = []string{"split", "set"}
)

// lineEndings are those of files that are read as a list of texts.
var lineEndings = []string{".tsv", ".csv", ".txt", ".text"}

// IsTable tells by its name whether a file has columns.
func IsTable(path string) bool { return separator(path) != 0 }

// IsText tells by its name whether a file is a text, packed or not.
func IsText(path string) bool {
	return slices.Contains([]string{".txt", ".text"}, strings.ToLower(filepath.Ext(unpackedName(path))))
}

// HasLines tells by their names whether a path is a file, or a folder of tables: a list
// of texts.
func HasLines(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return err == nil
	}
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() && IsTable(e.Name()) })
}

// separator is what stands between the columns of a file; 0 where it has lines only.
func separator(path string) rune {
	switch strings.ToLower(filepath.Ext(unpackedName(path))) {
	case ".tsv":
		return '\t'
	case ".csv":
		return ','
	}
	return 0
}

// unpackedName is the name of a file without the ending of a packed one.
func unpackedName(path string) string {
	for _, z := range []string{".gz", ".bz2", ".zst"} {
		if rest, ok := strings.CutSuffix(path, z); ok {
			return rest
		}
	}
	return path
}

// ReadLines reads the texts of a file, or of the files of a folder, of which those
// whose names begin with test are for tests; train and test share vocabulary and
// classes, and test is nil where there is none.
func ReadLines(ctx context.Context, o LineOptions, path string) (train, test *Lines, err error) {
	if err := o.Check(); err != nil {
		return nil, nil, err
	}
	files, err := lineFiles(path)
	if err != nil {
		return nil, nil, err
	}
	r := &lineReader{o: o, classes: map[string]int32{}}
	// Once for how many texts there are, where some are drawn for tests, once for the
	// vocabulary, of the texts for training alone, and once for the words.
	if o.TestShare > 0 {
		if err := r.files(ctx, files, func(item) error { return nil }); err != nil {
			return nil, nil, err
		}
		r.draw()
	}
	if o.Words == nil {
		r.count = newBuilder(o.Options)
		if err := r.files(ctx, files, r.learn); err != nil {
			return nil, nil, err
		}
		if r.o.Words, err = r.count.counted(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	r.count = newBuilder(r.o.Options)
	all := &Lines{length: o.Length}
	all.spec = data.Spec{Split: "train", Shape: []int{o.Length}, Words: r.count.o.Words, Texts: true}
	all.spec.Name, _, _ = strings.Cut(filepath.Base(path), ".")
	if err := r.files(ctx, files, func(t item) error { return r.add(t, all) }); err != nil {
		return nil, nil, err
	}
	if len(all.records) == 0 {
		return nil, nil, data.Input(fmt.Errorf("%s: holds no text", path))
	}
	r.name(all)
	all.seen = r.count.seen
	for _, n := range r.count.counts {
		all.known += n
	}
	train, test = all.part(false), all.part(true)
	if len(train.records) == 0 {
		return nil, nil, data.Input(fmt.Errorf("%s: holds no text for training", path))
	}
	if len(test.records) == 0 {
		return train, nil, nil
	}
	return train, test, nil
}

// lineFiles lists the files of a path.
func lineFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var tables, plain []string
	for _, e := range entries {
		name := e.Name()
		switch ext := strings.ToLower(filepath.Ext(unpackedName(name))); {
		case e.IsDir() || strings.HasPrefix(name, ".") || !slices.Contains(lineEndings, ext):
		case IsTable(name):
			tables = append(tables, filepath.Join(path, name))
		default:
			plain = append(plain, filepath.Join(path, name))
		}
	}
	if len(tables) > 0 {
		return tables, nil // a text beside them is a README
	}
	if len(plain) == 0 {
		return nil, data.Input(fmt.Errorf("%s: holds no file that ends in %s, packed or not", path, strings.Join(lineEndings, ", ")))
	}
	return plain, nil
}

// A lineReader reads the texts of files.
type lineReader struct {
	o       LineOptions
	count   *builder
	classes map[string]int32 // by first use
	words   []int32          // of a text
	split   bool             // files or a column say which texts are for tests
	texts   int              // that were taken since files began
	drawn   []bool           // those for tests; nil = none was drawn
}

// An item is a text as it stands in a file.
type item struct {
	where, text, label string // where is the file and the line
	test               bool
}

// files has take see all texts.
func (r *lineReader) files(ctx context.Context, files []string, take func(item) error) error {
	r.texts = 0
	for _, path := range files {
		if err := r.file(ctx, path, take); err != nil {
			return err
		}
	}
	return nil
}

// draw says which texts are for tests, where nothing else does.
func (r *lineReader) draw() {
	if r.split {
		return
	}
	r.drawn = make([]bool, r.texts)
	order := draw.NewPerm(draw.Key(r.o.Seed, "lines/test", 0, 0), r.texts)
	for i := range int(r.o.TestShare * float64(r.texts)) {
		r.drawn[order.At(i)] = true
	}
}

func (r *lineReader) file(ctx context.Context, path string, take func(item) error) (err error) {
	if path == "-" {
		return errors.New("the standard input cannot be read twice, as a list of texts is; give a file")
	}
	f, err := Open(path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	forTest := strings.HasPrefix(strings.ToLower(filepath.Base(path)), "test")
	r.split = r.split || forTest
	visit := func(line int, text, label string, test bool) error {
		at := r.texts
		if r.texts++; r.texts%1000 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		test = test || forTest || at < len(r.drawn) && r.drawn[at]
		if err := take(item{fmt.Sprintf("%s:%d", path, line), text, label, test}); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return nil
	}
	if sep := separator(path); sep != 0 {
		err = r.table(f, sep, visit)
	} else {
		err = plainLines(f, visit)
	}
	if err != nil {
		return faulty(ctx, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

func plainLines(f io.Reader, visit func(line int, text, label string, test bool) error) error {
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxRecord)
	n := 1
	for ; in.Scan(); n++ {
		if text := strings.TrimSpace(in.Text()); text != "" {
			if err := visit(n, text, "", false); err != nil {
				return err
			}
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: has more than %d bytes: these are no lines, each a text", n, maxRecord)
	}
	return in.Err()
}

// table reads the rows of a csv or tsv.
func (r *lineReader) table(f io.Reader, sep rune, visit func(line int, text, label string, test bool) error) error {
	next := csvRows(f)
	if sep == '\t' {
		next = tabRows(f)
	}
	cells, line, err := next()
	if err == io.EOF {
		return errors.New("is empty")
	}
	if err != nil {
		return err
	}
	heading := slices.Clone(cells)
	heading[0] = strings.TrimPrefix(heading[0], "\ufeff") // a byte order mark
	text, numbered, err := column(heading, "text_column", r.o.Text, textNames)
	if err != nil {
		return err
	}
	label, numberedLabel, err := column(heading, "label_column", r.o.Label, labelNames)
	if err != nil && r.o.Label != "" {
		return err
	}
	split := -1
	if numbered || numberedLabel {
		heading = nil
	} else if split, _, err = column(heading, "", "", splitNames); err == nil {
		r.split = true
	}
	for first := true; ; first = false {
		if !first || heading != nil {
			if cells, line, err = next(); err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
		if need := max(text, label, split); need >= len(cells) {
			return fmt.Errorf("line %d: has %d columns, want at least %d", line, len(cells), need+1)
		}
		class, test := "", false
		if label >= 0 {
			class = strings.TrimSpace(cells[label])
		}
		if split >= 0 {
			test = strings.EqualFold(strings.TrimSpace(cells[split]), "test")
		}
		if err := visit(line, cells[text], class, test); err != nil {
			return err
		}
	}
}

// column finds one by the name or the number that is asked for, or by usual names; the
// error says what there is. numbered says that there is no heading.
func column(heading []string, key, asked string, usual []string) (at int, numbered bool, err error) {
	if n, err := strconv.Atoi(asked); err == nil {
		if n < 1 || n > len(heading) {
			return -1, true, fmt.Errorf("%s: is %d, and there are %d columns", key, n, len(heading))
		}
		return n - 1, true, nil
	}
	if asked != "" {
		usual = []string{asked}
	}
	for _, name := range usual {
		for i, h := range heading {
			if strings.EqualFold(strings.TrimSpace(h), name) {
				return i, false, nil
			}
		}
	}
	shown := make([]string, min(len(heading), 8))
	for i := range shown {
		shown[i] = fmt.Sprintf("%.40q", heading[i])
	}
	return -1, false, fmt.Errorf("%s: no column is called %s; the first line has %s; give the column's name, or its number where there is no heading",
		key, strings.Join(usual, ", "), strings.Join(shown, ", "))
}

// csvRows reads rows in which cells may be quoted.
func csvRows(f io.Reader) func() ([]string, int, error) {
	row := &bounded{r: f}
	in := csv.NewReader(row)
	in.FieldsPerRecord, in.LazyQuotes, in.ReuseRecord = -1, true, true
	return func() ([]string, int, error) {
		row.read = 0
		cells, err := in.Read()
		line := 0
		if len(cells) > 0 {
			line, _ = in.FieldPos(0)
		}
		return cells, line, err
	}
}

// bounded ends a table whose row is too long, as it is after a quote that nothing ends.
type bounded struct {
	r    io.Reader
	read int // bytes of the row, and some of the next
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.read += n; b.read > 2*maxRecord {
		return 0, fmt.Errorf("a row of more than %d bytes: this is no table, or a quote in it does not end", maxRecord)
	}
	return n, err
}

// tabRows reads rows in which quotes mean nothing.
func tabRows(f io.Reader) func() ([]string, int, error) {
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxRecord)
	line := 0
	return func() ([]string, int, error) {
		for in.Scan() {
			if line++; in.Text() != "" {
				return strings.Split(in.Text(), "\t"), line, nil
			}
		}
		if errors.Is(in.Err(), bufio.ErrTooLong) {
			return nil, 0, fmt.Errorf("line %d: has more than %d bytes: this is no table", line+1, maxRecord)
		}
		return nil, 0, cmp.Or(in.Err(), io.EOF)
	}
}

// learn counts the words of a text; those of the test texts are not known beforehand.
func (r *lineReader) learn(t item) error {
	if t.test {
		return nil
	}
	return r.cut(t.text)
}

// cut makes words of a text.
func (r *lineReader) cut(text string) error {
	b := r.count
	if t := b.o.Tokenizer; t != nil {
		t.Begin()
	}
	if len(text) > maxRecord {
		text = strings.ToValidUTF8(text[:maxRecord], "")
	}
	if _, err := b.split.Write([]byte(text)); err != nil {
		return err
	}
	if err := b.split.close(); err != nil {
		return err
	}
	r.words = b.store.drain(r.words[:0])
	return b.err
}

// add takes one text.
func (r *lineReader) add(t item, all *Lines) error {
	if err := r.cut(t.text); err != nil {
		return err
	}
	if len(all.records) == maxRecords {
		return fmt.Errorf("more than %d texts", maxRecords)
	}
	rec := record{at: len(all.tokens), label: -1, test: t.test, line: t.where}
	all.tokens = append(all.tokens, r.words[:min(len(r.words), all.length)]...)
	rec.n = len(all.tokens) - rec.at
	if t.label != "" {
		class, ok := r.classes[t.label]
		if !ok {
			if len(r.classes) == maxClasses {
				return fmt.Errorf("more than %d different labels", maxClasses)
			}
			class = int32(len(r.classes))
			r.classes[t.label] = class
		}
		rec.label = class
	}
	all.records = append(all.records, rec)
	return nil
}

// name numbers the classes by their names.
func (r *lineReader) name(all *Lines) {
	if len(r.classes) == 0 {
		return
	}
	for c := range r.classes {
		all.spec.Classes = append(all.spec.Classes, c)
	}
	slices.Sort(all.spec.Classes)
	to := make([]int32, len(r.classes))
	for i, c := range all.spec.Classes {
		to[r.classes[c]] = int32(i)
	}
	for i := range all.records {
		if l := &all.records[i].label; *l >= 0 {
			*l = to[*l]
		}
	}
}

// part are the texts for training, or those for tests.
func (l *Lines) part(test bool) *Lines {
	p := *l
	if test {
		p.spec.Split = "test"
	}
	p.records = nil
	for _, r := range l.records {
		if r.test == test {
			p.records = append(p.records, r)
		}
	}
	return &p
}

// Coverage is the share of the words of all texts, those for tests included, that are
// in the vocabulary.
func (l *Lines) Coverage() float64 { return float64(l.known) / float64(max(1, l.seen)) }

// Spec implements data.Source.
func (l *Lines) Spec() data.Spec { return l.spec }

// Len implements data.Source.
func (l *Lines) Len() int { return len(l.records) }

// Read implements data.Source.
func (l *Lines) Read(index int, into *data.Example) error {
	if err := data.InRange(index, len(l.records)); err != nil {
		return err
	}
	r := &l.records[index]
	n := copy(into.Tokens, l.tokens[r.at:r.at+r.n])
	for i := n; i < l.length; i++ {
		into.Tokens[i] = -1
	}
	into.Label = int(r.label)
	return nil
}

// File implements data.Filer: the file of a text and its line.
func (l *Lines) File(index int) string { return l.records[index].line }

// Checksum implements data.Checksummer: over vocabulary, classes, words and labels.
func (l *Lines) Checksum() (string, error) {
	h := sha256.New()
	for i, w := range l.spec.Words.Words {
		fmt.Fprintf(h, "%s\t%d\n", w, l.spec.Words.Counts[i])
	}
	fmt.Fprintf(h, "%q\n", l.spec.Classes)
	var b []byte
	for _, r := range l.records {
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(r.label))
		for _, w := range l.tokens[r.at : r.at+r.n] {
			b = binary.LittleEndian.AppendUint32(b, uint32(w))
		}
		b = binary.LittleEndian.AppendUint32(b, 1<<31) // no word
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
