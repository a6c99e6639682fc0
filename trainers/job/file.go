// Package job reads run files: strictly, all faults at once, each with its place
// and what is accepted. It turns one into the configuration of a training run.
package job

import (
	"cmp"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/naming"
	"x2vec/data/readers"
	"x2vec/data/transforms"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/optim"
)

// A File is a run file as resolved: every setting has its value, those that the
// file leaves out their defaults.
type File struct {
	// Name of the file without folder and ending; that of the recipe.
	Name string `toml:"-"`
	// Seed of every draw: initial weights, order of the data, noise, masks.
	Seed uint64 `toml:"seed"`

	Data      Data
	Encoder   nets.Encoder
	Objective objectives.Objective
	Optimizer optim.Options
	Schedule  Schedule
	Train     Train
	Finetune  Finetune
	Log       Log
	Eval      Eval
	Check     Checkpoint

	encoderType, objectiveType string
	folder                     string // of the run, where there is one
	src                        *source
}

// Data is the section [data].
type Data struct {
	Source    string  `toml:"source"`     // one of readers.Names
	Path      Paths   `toml:"path"`       // folder of the files; empty: where `x2vec data get` puts them; text: files too, several of them, or - for the standard input
	Seed      uint64  `toml:"seed"`       // of limits, of made data and of a split by chance
	Limit     int     `toml:"limit"`      // training examples, drawn by Seed; 0 = all
	TestLimit int     `toml:"test_limit"` // test examples; 0 = all
	Variant   string  `toml:"variant"`    // emnist, cifar100, planar
	AsStored  bool    `toml:"as_stored"`  // emnist: leave images transposed
	Size      int     `toml:"size"`       // height and width of pictures; 0 = as they are, or 32 where they are made
	Channels  int     `toml:"channels"`   // folder, frames, shapes, bouncing-shapes, synthetic: 1 or 3
	Count     int     `toml:"count"`      // shapes, synthetic, bouncing: training examples
	Frames    int     `toml:"frames"`     // bouncing, frames: of a clip
	Objects   int     `toml:"objects"`    // bouncing: things in a clip
	Resize    string  `toml:"resize"`     // folder: crop or stretch
	Damaged   string  `toml:"damaged"`    // folder: refuse, skip or keep
	TestShare float64 `toml:"test_share"` // folder without splits: part that is test; text: its end that is
	Normalize string  `toml:"normalize"`  // one of normalizations

	// Codes is the folder of a run whose codes stand for the examples: grids of discrete
	// codes for next-pixel, vectors for kmeans and pca; empty: the examples are as they are.
	Codes string `toml:"codes"`

	Labels   string   `toml:"labels"`    // folder: file of labels (file, label and split; csv or tsv)
	Classes  []string `toml:"classes"`   // to keep, in this order; empty: all
	PerClass int      `toml:"per_class"` // training examples of each class; 0 = all
	Share    float64  `toml:"share"`     // of the training examples of each class; 0 = all

	LabelSeed uint64 `toml:"label_seed"` // by which per_class and share are drawn
	Strata    string `toml:"strata"`     // from what: empty, the classes; none, all examples alike; the name of a factor, its values
	Unseen    bool   `toml:"unseen"`     // leave out training examples whose bytes are in the test set

	Captions string `toml:"captions"` // shapes: made; folder: txt, beside each picture, or a table (file, caption)

	// Of a text, or of captions:
	Words     string `toml:"words"`     // text: how it is split: text8, words or whitespace
	MinCount  int    `toml:"min_count"` // text: words that occur less often are left out
	MaxWords  int    `toml:"max_words"` // text: the most frequent words to keep; 0 = all
	Tokenizer string `toml:"tokenizer"` // text: a tokenizer.json, for its tokens in place of words
	Unknown   bool   `toml:"unknown"`   // text: words that are not kept stand as [UNK], and are not left out
	Length    int    `toml:"length"`    // text: words of an example

	TextColumn  string `toml:"text_column"`  // lines: name or number of a column; empty: a usual name
	LabelColumn string `toml:"label_column"` // lines

	vocabulary *data.Vocabulary // in place of one that is counted; nil = counted
	stdin      io.Reader        // what the path - reads; nil = refused
}

// normalizations are the ways in which bytes become numbers: byte/255; minus ½;
// minus the mean picture; minus the mean and over the standard deviation of the channel.
var normalizations = []string{"unit", "signed", "centred", "standard"}

// dataKeys lists the settings that a source takes.
func dataKeys(name string) []string {
	keys := []string{"source", "seed", "limit", "test_limit", "normalize", "size", "classes", "per_class", "share", "label_seed", "strata", "unseen", "codes"}
	for _, k := range readers.Kinds() {
		if k.Name == name && k.Files {
			keys = append(keys, "path")
		}
	}
	switch name {
	case "text", "builtin-text":
		keys = slices.DeleteFunc(keys, func(k string) bool {
			return slices.Contains([]string{"normalize", "size", "classes", "per_class", "share", "label_seed", "strata", "unseen", "codes"}, k)
		})
		keys = append(keys, "words", "tokenizer", "min_count", "max_words", "unknown", "length", "test_share")
	case "lines":
		keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains([]string{"normalize", "size", "codes"}, k) })
		keys = append(keys, "words", "tokenizer", "min_count", "max_words", "unknown", "length", "test_share", "text_column", "label_column")
	case "emnist":
		keys = append(keys, "variant", "as_stored")
	case "cifar100":
		keys = append(keys, "variant")
	case "shapes", "synthetic":
		keys = append(keys, "channels", "count")
	case "bouncing-shapes":
		keys = append(keys, "channels", "count", "frames", "objects")
	case "bouncing-digits":
		keys = append(keys, "path", "count", "frames", "objects")
	case "frames":
		keys = append(keys, "channels", "frames", "resize", "damaged", "test_share")
	case "planar":
		keys = append(slices.DeleteFunc(keys, func(k string) bool { return k == "size" }), "variant", "count")
	case "folder":
		keys = append(keys, "channels", "resize", "damaged", "test_share", "labels")
	}
	if readers.HasCaptions(name) {
		keys = append(keys, "captions")
	}
	return keys
}

// keys are the settings that the section takes as it stands.
func (d Data) keys() []string {
	keys := dataKeys(d.Source)
	if d.Captions != "" && readers.HasCaptions(d.Source) {
		keys = append(keys, captionKeys...)
	}
	return keys
}

// captionKeys are the settings that say how captions are cut.
var captionKeys = []string{"words", "tokenizer", "min_count", "max_words", "length"}

// Stdin has a text whose path is - read from r.
func (d *Data) Stdin(r io.Reader) { d.stdin = r }

// isText reports whether the examples are words.
func (d Data) isText() bool { return d.Source == "text" || d.Source == "builtin-text" }

// options are those of one split.
func (d Data) options(split string, warn func(string)) readers.Options {
	o := readers.Options{Name: d.Source, Path: d.Path.first(), Split: split, Limit: d.Limit, Seed: d.Seed,
		Variant: d.Variant, AsStored: d.AsStored, Size: d.Size, Channels: d.Channels, Count: d.Count, Frames: d.Frames, Objects: d.Objects,
		Resize: transforms.Fit(d.Resize), OnDamaged: d.Damaged, TestShare: d.TestShare,
		Labels: d.Labels, Classes: d.Classes, Part: data.Part{PerClass: d.PerClass, Share: d.Share, Seed: d.LabelSeed, Strata: d.Strata}, Unseen: d.Unseen,
		Captions: d.Captions,
		Words:    d.Words, MinCount: d.MinCount, MaxWords: d.MaxWords, Unknown: d.Unknown, Tokenizer: d.Tokenizer, Length: d.Length,
		TextColumn: d.TextColumn, LabelColumn: d.LabelColumn, Vocabulary: d.vocabulary, Stdin: d.stdin, Warn: warn}
	if len(d.Path) > 1 {
		o.More = d.Path[1:]
	}
	if split == "test" {
		o.Limit, o.Count = d.TestLimit, 0
	}
	return o
}

// shape is that of an example where it is known before the data are read.
func (d Data) shape() []int {
	if d.Codes != "" {
		return nil // its model says
	}
	side := func(n, otherwise int) int { return cmp.Or(n, otherwise) }
	switch d.Source {
	case "builtin", "mnist", "fashion-mnist", "kmnist", "emnist":
		n := side(d.Size, 28)
		return []int{1, n, n}
	case "cifar10", "cifar100":
		n := side(d.Size, 32)
		return []int{3, n, n}
	case "shapes", "synthetic":
		n := side(d.Size, 32)
		return []int{side(d.Channels, 3), n, n}
	case "bouncing-shapes":
		n := side(d.Size, 32)
		return []int{d.Frames, side(d.Channels, 3), n, n}
	case "planar":
		return []int{2}
	}
	return nil
}

// defaults is the run file in which nothing is said.
func defaults(name string) *File {
	f := &File{
		Name:     name,
		Data:     Data{Source: "builtin", Resize: "crop", Damaged: "refuse", TestShare: 0.1, Frames: 10, Objects: 2, Normalize: "unit", Words: "words", MinCount: 5, Length: 256},
		Train:    Train{Batch: 256, Duration: Duration{20, Epochs}, Mode: modes[0]},
		Finetune: noFinetune,
		Log:      Log{Every: Duration{50, Steps}},
		Check:    Checkpoint{Every: Duration{1, Epochs}, Keep: 2},
	}
	return f
}

// section is one table of a run file.
type section struct {
	name   string
	fields []field
}

// sections lists the tables with their settings, in the order of a run file. Of
// parts that were not recognised only the type is there.
func (f *File) sections() []section {
	typed := func(name string, kind *string, part any) section {
		s := section{name, []field{{"type", reflect.ValueOf(kind).Elem()}}}
		if v := reflect.ValueOf(part); v.IsValid() && !v.IsNil() {
			s.fields = append(s.fields, fieldsOf(part)...)
		}
		return s
	}
	return []section{
		{"data", only(fieldsOf(&f.Data), f.Data.keys())},
		typed("encoder", &f.encoderType, f.Encoder),
		typed("objective", &f.objectiveType, f.Objective),
		{"optimizer", only(fieldsOf(&f.Optimizer), optim.Keys(f.Optimizer.Type))},
		{"schedule", f.Schedule.fields()},
		{"train", fieldsOf(&f.Train)},
		{"finetune", fieldsOf(&f.Finetune)},
		{"log", fieldsOf(&f.Log)},
		{"eval", fieldsOf(&f.Eval)},
		{"checkpoint", fieldsOf(&f.Check)},
	}
}

func only(fields []field, keys []string) []field {
	var list []field
	for _, f := range fields {
		if slices.Contains(keys, f.name) {
			list = append(list, f)
		}
	}
	return list
}

// Name is what a run is called by its file: without folder and ending.
func Name(file string) string { return strings.TrimSuffix(filepath.Base(file), ".toml") }

// Parse reads a run file and checks all that can be checked without its data.
// sets are key=value overrides. The error is Faults: all of them.
func Parse(file string, text []byte, sets []string) (*File, error) {
	return parse(read(file, text, sets))
}

// parse is Parse of a file that is read.
func parse(s *source) (*File, error) {
	f := defaults(Name(s.file))
	f.src = s
	if len(s.faults) > 0 && len(s.values) == 0 {
		return nil, s.faults.err() // no TOML: all else would be about defaults
	}
	known := []string{"resolved"} // what a run's own run.toml adds: Resolved
	for _, sec := range f.sections() {
		known = append(known, sec.name)
	}
	s.decode("", s.values, []field{{"seed", reflect.ValueOf(&f.Seed).Elem()}}, known...)
	if t := s.table("resolved"); t != nil {
		var r Resolved
		s.decode("resolved", t, fieldsOf(&r))
	}
	f.choose(s)
	for _, sec := range f.sections() {
		t := s.table(sec.name)
		if n := len(sec.fields); n == 0 || n == 1 && sec.fields[0].name == "type" {
			continue // its type is unknown, which is said once
		}
		var known []string
		if sec.name == "data" {
			known = f.uncaptioned(s, t)
		}
		s.decode(sec.name, t, sec.fields, known...)
	}
	if len(s.faults) == 0 {
		f.check(s)
	} else {
		// What was not understood has its default now, which is no fault of the file.
		f.checkUnderstood(s)
	}
	return f, s.faults.err()
}

// uncaptioned notes settings of captions where there are none to cut, and gives their
// names, which are known.
func (f *File) uncaptioned(s *source, t map[string]any) (known []string) {
	if f.Data.Captions != "" || !readers.HasCaptions(f.Data.Source) {
		return nil
	}
	for _, key := range captionKeys {
		if _, given := t[key]; given {
			s.fault("data."+key, `says how captions are cut, but there are none: data.captions is empty; name them there, or leave %s out`, key)
			known = append(known, key)
		}
	}
	return known
}

// choose finds the parts that the file names by type, with their defaults.
func (f *File) choose(s *source) {
	pick := func(section, key, otherwise string, from []string) string {
		name, ok := otherwise, true
		if v, given := s.table(section)[key]; given {
			if name, ok = v.(string); !ok {
				s.fault(section+"."+key, "is %s, want one of %s", show(v), strings.Join(from, ", "))
				return ""
			}
		}
		if !slices.Contains(from, name) {
			s.fault(section+"."+key, "is %q, want one of %s%s", name, strings.Join(from, ", "), naming.Hint(name, from))
			return ""
		}
		return name
	}
	f.Data.Source = pick("data", "source", f.Data.Source, readers.Names())
	if f.Data.isText() {
		f.Data.TestShare = 0
	}
	if captions, ok := s.table("data")["captions"].(string); ok && captions != "" && readers.HasCaptions(f.Data.Source) {
		f.Data.Captions, f.Data.MinCount, f.Data.Length = captions, 1, 32
	}
	if f.encoderType = pick("encoder", "type", "mlp", nets.Names()); f.encoderType != "" {
		f.Encoder, _ = nets.New(f.encoderType)
	}
	if f.objectiveType = pick("objective", "type", "autoencoder", objectives.Names()); f.objectiveType != "" {
		f.Objective, _ = objectives.New(f.objectiveType)
	}
	if kind := pick("optimizer", "type", "adam", optim.Names()); kind != "" {
		f.Optimizer, _ = optim.Default(kind)
	}
	if kind := pick("schedule", "type", "constant", optim.ScheduleNames()); kind != "" {
		f.Schedule.Schedule, _ = optim.DefaultSchedule(kind)
	}
}

// checkUnderstood checks a file that has faults already, and keeps of what it
// finds only what is about other keys.
func (f *File) checkUnderstood(s *source) {
	before := slices.Clone(s.faults)
	f.check(s)
	found := s.faults[len(before):]
	s.faults = before
	for _, fault := range found {
		if !slices.ContainsFunc(before, func(b Fault) bool {
			return fault.Key == "" || b.Key == fault.Key || strings.HasPrefix(fault.Key, b.Key+".")
		}) {
			s.faults = append(s.faults, fault)
		}
	}
}

// check says everything that is wrong with the values.
func (f *File) check(s *source) {
	if f.Data.Source != "" {
		s.component("data", f.Data.options("train", nil).Check())
	}
	if !slices.Contains(normalizations, f.Data.Normalize) {
		s.fault("data.normalize", "is %q, want one of %s", f.Data.Normalize, strings.Join(normalizations, ", "))
	}
	if f.Data.TestLimit < 0 {
		s.fault("data.test_limit", "is %d, want 0 (all) or more", f.Data.TestLimit)
	}
	if f.Encoder != nil && f.Objective != nil {
		if shape := f.Data.shape(); shape != nil {
			s.parts(f, f.task(shape))
		} else {
			s.supposed(f)
		}
	}
	if f.Optimizer.Type != "" {
		s.component("optimizer", f.Optimizer.Validate())
	}
	atLeast := func(key string, v, least int) {
		if v < least {
			s.fault(key, "is %d, want at least %d", v, least)
		}
	}
	f.Finetune.check(s)
	atLeast("train.batch", f.Train.Batch, 1)
	atLeast("train.workers", f.Train.Workers, 0)
	atLeast("train.prefetch", f.Train.Prefetch, 0)
	atLeast("train.early_stop", f.Train.EarlyStop, 0)
	atLeast("checkpoint.keep", f.Check.Keep, 1)
	switch {
	case !slices.Contains(modes, f.Train.Mode):
		s.fault("train.mode", "is %q, want one of %s", f.Train.Mode, strings.Join(modes, ", "))
	case f.Train.Mode == hogwild && f.Objective != nil:
		if fault := trainers.HogwildFault(f.Objective, f.Optimizer); fault != "" {
			s.fault("train.mode", "is hogwild, but %s", fault)
		}
	}
	if d := f.Train.Duration; d.N == 0 || d.Unit == Percent {
		s.fault("train.duration", "is %s, want %s", d.toTOML(), wholeForms)
	}
	if !(f.Train.MinDelta >= 0) {
		s.fault("train.min_delta", "is %g, want at least 0", f.Train.MinDelta)
	}
	if f.Train.EarlyStop > 0 && f.Eval.Every.N == 0 {
		s.fault("train.early_stop", `is %d, but eval.every is 0: it counts evaluations; set eval.every, as in eval.every = "1 epoch"`, f.Train.EarlyStop)
	}
	if f.Log.Every.N == 0 {
		s.fault("log.every", "is 0, want %s", durationForms)
	}
}
