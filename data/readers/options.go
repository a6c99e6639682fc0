// Package readers reads the formats that examples come in, one file a format,
// and makes the sources that need no files. Open is the one door.
package readers

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/naming"
	"x2vec/data/transforms"
)

// Options say which examples to open. The zero value of each is its default.
type Options struct {
	Name  string // one of Names(); builtin where empty
	Path  string // file or folder; where empty, Places() are looked in; text: or - for Stdin
	Split string // train (default) or test

	Limit int    // examples, drawn by Seed; 0 = all
	Seed  uint64 // of Limit, of the split of a folder that has none, of shapes and synthetic

	// Variant is, for emnist, which of its sets: balanced, byclass, bymerge, letters,
	// digits, mnist (default: the one that is there); for cifar100, fine (default) or
	// coarse classes; for planar, spirals (default), moons, rings or blobs.
	Variant string
	// AsStored leaves EMNIST's images transposed, as its files hold them.
	AsStored bool

	Size     int // height and width of pictures; 0 = that of the files, or 32 where they are made
	Channels int // folder, frames, shapes, bouncing-shapes, synthetic: 1 (grey) or 3 (colour, the default)
	Count    int // shapes, synthetic, bouncing: number of examples; 0 = 60,000 for train, 10,000 for test
	Frames   int // bouncing, frames: of a clip; 0 = 10
	Objects  int // bouncing: things in a clip; 0 = 2

	Resize    transforms.Fit // where Size changes the shape: crop (default) or stretch
	OnDamaged string         // folder: refuse (default), skip, or keep (an error when it is read)
	TestShare float64        // folder without split subfolders: the part that is test, 0 = 0.1; text: the end that is test, lines: the part, 0 = none

	Labels  string    // folder: file of labels, in it or by its path, in place of folders of classes
	Classes []string  // the classes to keep, in this order; empty = all
	Part    data.Part // of the training examples; zero = all
	Unseen  bool      // OpenSplits leaves out training examples whose bytes are in the test set

	// Captions asks for texts with the pictures: of shapes "made"; of a folder "txt", a
	// text file beside each picture, or a table with the columns file and caption, in
	// place of Labels. Words, Tokenizer, MinCount (1), MaxWords and Length (32) say how
	// they are cut.
	Captions string

	Words     string    // text: one of text.Modes; empty = words
	Tokenizer string    // text: a tokenizer.json, for tokens in place of words; empty = words
	MinCount  int       // text: words that occur less often are left out; 0 = 5
	MaxWords  int       // text: the most frequent words to keep; 0 = all
	Unknown   bool      // text: words that are not kept stand as [UNK], and are not left out
	Length    int       // text: words of an example; 0 = 256
	More      []string  // text: files and folders that are read after Path
	Stdin     io.Reader // text: what the path - reads; nil = refused
	// TextColumn and LabelColumn name columns of a csv or tsv for lines, or number them;
	// empty = those of usual names.
	TextColumn, LabelColumn string
	// Vocabulary is that of the run which a text or captions are for, in place of one
	// that is counted.
	Vocabulary *data.Vocabulary

	// Warn is told what was accepted but should be known; nil = nobody.
	Warn func(text string)
}

func (o Options) warn(format string, a ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, a...))
	}
}

// opener opens a source. where is its file or folder where it needs one.
type opener struct {
	name  string
	files bool
	about string
	open  func(where string, o Options) (data.Source, error)
}

// Some openers come back to this list for its names, hence the function.
func openers() []opener {
	return []opener{
		{"builtin", false, "Fashion-MNIST, its first 9,000 training and 2,000 test images, within the program (MIT licence)", func(_ string, o Options) (data.Source, error) { return openBuiltin(o) }},
		{"shapes", false, "coloured circles, squares, triangles … made on the spot, with their factors", func(_ string, o Options) (data.Source, error) { return openShapes(o) }},
		{"bouncing-shapes", false, "clips of shapes that bounce, made on the spot", func(_ string, o Options) (data.Source, error) { return openBouncingShapes(o) }},
		{"bouncing-digits", false, "clips of digits of MNIST that bounce, or of other pictures; without them, built-in clothes", func(_ string, o Options) (data.Source, error) { return openBouncingDigits(o) }},
		{"planar", false, "points of the plane in spirals, moons, rings or blobs, made on the spot", func(_ string, o Options) (data.Source, error) { return openPlanar(o) }},
		{"synthetic", false, "random bytes of a given shape, for benchmarks", func(_ string, o Options) (data.Source, error) { return openSynthetic(o) }},
		{"mnist", true, "MNIST, handwritten digits, 60,000 + 10,000 of 28x28 grey", openIDX},
		{"fashion-mnist", true, "Fashion-MNIST, clothes, 60,000 + 10,000 of 28x28 grey", openIDX},
		{"kmnist", true, "KMNIST, cursive Japanese, 60,000 + 10,000 of 28x28 grey", openIDX},
		{"emnist", true, "EMNIST, handwritten letters and digits, six variants, 28x28 grey", openIDX},
		{"idx", true, "any other images and labels in IDX files", openIDX},
		{"cifar10", true, "CIFAR-10, binary version, 50,000 + 10,000 of 32x32 colour", openCIFAR},
		{"cifar100", true, "CIFAR-100, binary version, 50,000 + 10,000 of 32x32 colour", openCIFAR},
		{"builtin-text", false, "600,000 words of the King James Version, within the program (public domain)", openText},
		{"text", true, "any text: files, plain or packed (gz, bz2, zst), folders of them, or - for the standard input", openText},
		{"lines", true, "short texts, with labels or without: the lines of a file, or the rows of a csv or tsv", openLines},
		{"folder", true, "a folder of images (png, jpeg, gif, webp, bmp), flat or one folder a class", openFolder},
		{"frames", true, "recordings as folders of frames (pictures by the order of their names), one folder each", openFrames},
	}
}

// A Kind is one sort of source that Open knows.
type Kind struct {
	Name  string
	About string
	Files bool // whether it needs files; the others are made by the program
}

// Kinds lists what Open knows, in the order to show it.
func Kinds() []Kind {
	var kinds []Kind
	for _, k := range openers() {
		kinds = append(kinds, Kind{k.name, k.about, k.files})
	}
	return kinds
}

// Names lists the names of Kinds.
func Names() []string {
	var names []string
	for _, k := range openers() {
		names = append(names, k.name)
	}
	return names
}

// Check says everything that is wrong with o by itself, before any file is read.
// The faults are joined, one a line, each beginning with the name of the setting.
func (o Options) Check() error {
	var faults faults
	o = o.withDefaults()
	if !slices.Contains(Names(), o.Name) {
		faults.add("name: is %q, want one of %s%s", o.Name, strings.Join(Names(), ", "), naming.Hint(o.Name, Names()))
	}
	if o.Split != "train" && o.Split != "test" {
		faults.add("split: is %q, want \"train\" or \"test\"", o.Split)
	}
	if o.Limit < 0 {
		faults.add("limit: is %d, want 0 (all) or more", o.Limit)
	}
	if o.Part.PerClass < 0 {
		faults.add("per class: is %d, want 0 (all) or more", o.Part.PerClass)
	}
	if s := o.Part.Share; !(s >= 0 && s <= 1) {
		faults.add("share: is %g, want 0 (all) to 1", s)
	} else if s > 0 && o.Part.PerClass > 0 {
		faults.add("share: is %g and per_class %d; want one of them", s, o.Part.PerClass)
	}
	if len(o.More) > 0 && o.Name != "text" {
		faults.add("path: has %d of them, but only a text may be in several files; %s has one", 1+len(o.More), o.Name)
	}
	if o.Labels != "" && o.Name != "folder" {
		faults.add("labels: is %q, but only a folder of pictures takes a file of labels", o.Labels)
	}
	if o.Frames < 2 || o.Frames > maxFrames {
		faults.add("frames: is %d, want 2 to %d of a clip", o.Frames, maxFrames)
	}
	if o.Objects < 1 || o.Objects > maxObjects {
		faults.add("objects: is %d, want 1 to %d in a clip", o.Objects, maxObjects)
	}
	if o.Count < 0 {
		faults.add("count: is %d, want at least 1", o.Count)
	}
	if o.Size < 0 || o.Size > maxSide {
		faults.add("size: is %d, want 1 to %d", o.Size, maxSide)
	}
	if o.Channels != 1 && o.Channels != 3 {
		faults.add("channels: is %d, want 1 (grey) or 3 (colour)", o.Channels)
	}
	if err := o.Resize.Check(); err != nil {
		faults = append(faults, err)
	}
	if !slices.Contains([]string{"refuse", "skip", "keep"}, o.OnDamaged) {
		faults.add("damaged: is %q, want \"refuse\" (stop and name the file), \"skip\" (name it and go on) or \"keep\" (an error when it is read)", o.OnDamaged)
	}
	if isText := slices.Contains(texts, o.Name) || o.Name == "lines"; isText && !(o.TestShare >= 0 && o.TestShare < 1) {
		faults.add("test share: is %g, want 0 (none) or more, and less than 1", o.TestShare)
	} else if !isText && !(o.TestShare > 0 && o.TestShare < 1) {
		faults.add("test share: is %g, want more than 0 and less than 1", o.TestShare)
	}
	if slices.Contains(texts, o.Name) || o.Name == "lines" {
		if err := o.textOptions().Check(); err != nil {
			faults = append(faults, err)
		}
	}
	o.checkCaptions(&faults)
	if o.Name == "emnist" && o.Variant != "" && emnistClasses[o.Variant] == nil {
		names := []string{"balanced", "byclass", "bymerge", "digits", "letters", "mnist"}
		faults.add("variant: is %q, want one of %s%s", o.Variant, strings.Join(names, ", "), naming.Hint(o.Variant, names))
	}
	if o.Name == "cifar100" && !slices.Contains([]string{"", "fine", "coarse"}, o.Variant) {
		faults.add("variant: is %q, want \"fine\" (100 classes) or \"coarse\" (20)", o.Variant)
	}
	if o.Name == "planar" && o.Variant != "" && !slices.Contains(planarNames(), o.Variant) {
		faults.add("variant: is %q, want one of %s%s", o.Variant, strings.Join(planarNames(), ", "), naming.Hint(o.Variant, planarNames()))
	}
	if o.Name != "emnist" && o.Name != "cifar100" && o.Name != "planar" && o.Variant != "" {
		faults.add("variant: is %q, but %s has none", o.Variant, o.Name)
	}
	return faults.join()
}

// maxSide bounds the height and width of an example.
const maxSide = 4096

func (o Options) withDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.Name, "builtin")
	def(&o.Split, "train")
	def(&o.OnDamaged, "refuse")
	def((*string)(&o.Resize), string(transforms.Crop))
	if o.Channels == 0 {
		o.Channels = 3
	}
	if o.Frames == 0 {
		o.Frames = defaultFrames
	}
	if o.Objects == 0 {
		o.Objects = defaultObjects
	}
	if o.TestShare == 0 && !slices.Contains(texts, o.Name) && o.Name != "lines" {
		o.TestShare = 0.1
	}
	return o
}

// Open opens the examples that o asks for. An error says everything that is
// wrong with o, or which file is at fault and how; where files are missing it
// tells every place that was looked in and how to get them.
func Open(o Options) (data.Source, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	k, where, err := o.find()
	if err != nil {
		return nil, err
	}
	src, err := k.open(where, o)
	if err == nil && o.Size > 0 && !slices.Contains(clips, o.Name) {
		src, err = resize(src, o.Size, o.Resize)
	}
	if err == nil && len(o.Classes) > 0 {
		src, err = data.Only(src, o.Classes)
	}
	if err != nil {
		return nil, err
	}
	return o.some(src)
}

// some is as much of a split as is asked for.
func (o Options) some(src data.Source) (data.Source, error) {
	if o.Split == "train" {
		var err error
		if src, err = o.Part.Of(src); err != nil {
			return nil, err
		}
	}
	return data.Limit(src, o.Limit, o.Seed)
}

// find says who opens o, and where its files are.
func (o Options) find() (k opener, where string, err error) {
	all := openers()
	k = all[slices.IndexFunc(all, func(k opener) bool { return k.name == o.Name })] // Check knows the name
	if k.files {
		where, err = locate(o)
	}
	return k, where, err
}

// OpenSplits opens the training and the test examples of one source. Both errors are
// those of Open; a text is read once for both.
func OpenSplits(o, forTest Options) (train, test data.Source, trainErr, testErr error) {
	o, forTest = o.withDefaults(), forTest.withDefaults()
	if o.Name == "lines" && o.Check() == nil {
		return openLinesOnce(o, forTest)
	}
	if !slices.Contains(texts, o.Name) || o.TestShare == 0 || o.Check() != nil {
		whole := o
		if o.Unseen { // what is left out is not drawn
			whole.Part, whole.Limit = data.Part{}, 0
		}
		if train, trainErr = Open(whole); trainErr == nil && train.Spec().Captions != nil {
			forTest.Vocabulary = train.Spec().Captions.Words
		}
		test, testErr = Open(forTest)
		if o.Unseen && trainErr == nil {
			train, trainErr = o.apart(train, test)
		}
		return train, test, trainErr, testErr
	}
	_, where, err := o.find()
	if err != nil {
		return nil, nil, err, err
	}
	a, b, err := readText(where, o)
	if err != nil {
		return nil, nil, err, err
	}
	train, trainErr = data.Limit(a, o.Limit, o.Seed)
	test, testErr = data.Limit(b, forTest.Limit, forTest.Seed)
	return train, test, trainErr, testErr
}

// apart is as much as is asked for of the training examples that are not in test, which
// may be nil.
func (o Options) apart(train, test data.Source) (data.Source, error) {
	n := train.Len()
	train, err := data.Unseen(train, test)
	if err != nil {
		return nil, err
	}
	if train.Len() < n {
		o.warn("%d training examples are left out, as the same bytes are in the test set", n-train.Len())
	}
	return o.some(train)
}

// faults collects everything that is wrong, so that it is told at once.
type faults []error

func (f *faults) add(format string, a ...any) { *f = append(*f, fmt.Errorf(format, a...)) }

func (f faults) join() error { return errors.Join(f...) }
