package readers

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"x2vec/data"
	"x2vec/data/text"
	"x2vec/data/tokenizer"
)

const (
	// madeCaptions asks shapes for captions made of the factors.
	madeCaptions = "made"
	// besideCaptions asks a folder for a text file beside each picture.
	besideCaptions = "txt"

	maxCaption       = 1 << 16 // bytes of the file of a caption
	maxCaptionTokens = 1024
	captionTokens    = 32 // where nothing is said
)

// captioned are the sources whose pictures may come with captions.
var captioned = []string{"shapes", "folder"}

// HasCaptions reports whether the pictures of a source may come with captions.
func HasCaptions(name string) bool { return slices.Contains(captioned, name) }

// checkCaptions says what is wrong with the options of captions.
func (o Options) checkCaptions(faults *faults) {
	table := slices.Contains([]string{".csv", ".tsv"}, strings.ToLower(filepath.Ext(o.Captions)))
	switch {
	case o.Captions == "":
		return
	case !HasCaptions(o.Name):
		faults.add("captions: is %q, but %s has no captions; %s have", o.Captions, o.Name, strings.Join(captioned, " and "))
	case o.Name == "shapes" && o.Captions != madeCaptions:
		faults.add("captions: is %q, want %q: of what is known of each shape", o.Captions, madeCaptions)
	case o.Name == "folder" && o.Captions != besideCaptions && !table:
		faults.add("captions: is %q, want %q (a text file beside each picture) or a table with the columns file and caption, as captions.csv or .tsv", o.Captions, besideCaptions)
	case o.Labels != "" && o.Captions != besideCaptions:
		faults.add("labels: is %q and captions %q; put both into one table, with the columns file, caption and label", o.Labels, o.Captions)
	}
	if o.Length > maxCaptionTokens {
		faults.add("length: is %d, want 1 to %d words of a caption", o.Length, maxCaptionTokens)
	}
	t := o.textOptions()
	t.Length = max(1, min(t.Length, maxCaptionTokens))
	if err := t.Check(); err != nil {
		*faults = append(*faults, err)
	}
}

// CaptionsOf makes captions of a vocabulary, cut as the options say: those of a run that
// keeps both.
func CaptionsOf(o Options, words *data.Vocabulary) (*data.Captions, error) {
	o.Vocabulary = words
	return o.withDefaults().newCaptions(nil)
}

// newCaptions counts the words of the training captions, or takes the vocabulary that
// is given.
func (o Options) newCaptions(training func(yield func(caption string, err error) bool)) (*data.Captions, error) {
	c := &data.Captions{Words: o.Vocabulary, Length: o.Length}
	if c.Length == 0 {
		c.Length = captionTokens
	}
	mode := o.textOptions().Split
	c.Cut = func(s string) ([]string, error) { return text.SplitWords(mode, s) }
	if o.Tokenizer != "" {
		t, err := tokenizer.Load(o.Tokenizer)
		if err != nil {
			return nil, err
		}
		var turn sync.Mutex // a tokenizer is for one goroutine
		c.Cut = func(s string) ([]string, error) {
			turn.Lock()
			defer turn.Unlock()
			ids, err := text.Tokens(t, s)
			words := make([]string, len(ids))
			for i, id := range ids {
				words[i] = t.Tokens()[id]
			}
			return words, err
		}
		c.Join = t.Text
	}
	if c.Words != nil {
		return c, nil
	}
	counts := map[string]int64{}
	var seen int64
	for caption, err := range training {
		if err != nil {
			return nil, err
		}
		words, err := c.Cut(caption)
		if err != nil {
			return nil, fmt.Errorf("caption %.40q: %w", caption, err)
		}
		for _, w := range words {
			counts[w]++
			seen++
		}
	}
	c.Words = data.Frequent(maps.All(counts), max(1, int64(o.MinCount)), o.MaxWords).WithUnknown(seen)
	if c.Words.Len() < 2 {
		return nil, fmt.Errorf("captions: none of the %d words occurs %d times; want a lower min_count", seen, max(1, o.MinCount))
	}
	return c, nil
}

// withoutCaption is the error of pictures that have none.
func withoutCaption(faults []error) error {
	const named = 5
	if more := len(faults) - named; more > 0 {
		faults = append(faults[:named:named], fmt.Errorf("and %d more have none", more))
	}
	return errors.Join(faults...)
}

// readBeside reads the captions that stand in text files beside pictures: a.txt of a.png.
func readBeside(root string, files []pictureFile) error {
	var faults []error
	for i, f := range files {
		path := filepath.Join(root, strings.TrimSuffix(f.path, filepath.Ext(f.path))+".txt")
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			faults = append(faults, fmt.Errorf("%s: has no caption: there is no %s beside it", filepath.Join(root, f.path), filepath.Base(path)))
			continue
		case err != nil:
			return err
		case info.Size() > maxCaption:
			faults = append(faults, fmt.Errorf("%s: has %d bytes, too many for a caption (%d)", path, info.Size(), maxCaption))
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if files[i].text = strings.Join(strings.Fields(string(b)), " "); files[i].text == "" {
			faults = append(faults, fmt.Errorf("%s: is empty, want the caption of %s", path, filepath.Base(f.path)))
		}
	}
	if len(faults) > 0 {
		return withoutCaption(faults)
	}
	return nil
}

// caption gives the files of a folder their captions as tokens. Where no vocabulary is
// given it is that of the training files.
func (f *folder) caption() error {
	training := func(yield func(string, error) bool) {
		files := f.files
		if f.o.Split != "train" {
			o := f.o
			o.Split = "train"
			var err error
			if files, _, _, err = listPairs(f.root, o); err != nil {
				yield("", err)
				return
			}
		}
		for _, file := range files {
			if !yield(file.text, nil) {
				return
			}
		}
	}
	c, err := f.o.newCaptions(training)
	if err != nil {
		return err
	}
	var faults []error
	for i := range f.files {
		file := &f.files[i]
		file.caption = make([]int32, c.Length)
		if err := c.Encode(file.caption, file.text); err != nil {
			faults = append(faults, fmt.Errorf("%s: its caption, %.40q, %w", filepath.Join(f.root, file.path), file.text, err))
		}
	}
	if len(faults) > 0 {
		return withoutCaption(faults)
	}
	f.spec.Captions = c
	return nil
}

// listPairs gives the files of a split with what is known of them.
func listPairs(root string, o Options) (files []pictureFile, classes []string, factors []data.Factor, err error) {
	table := o.Labels
	if o.Captions != "" && o.Captions != besideCaptions {
		table = o.Captions
	}
	if table != "" {
		files, classes, factors, err = listTable(root, table, o)
	} else {
		files, classes, err = listSplit(root, o)
	}
	if err == nil && o.Captions == besideCaptions {
		err = readBeside(root, files)
	}
	return files, classes, factors, err
}
