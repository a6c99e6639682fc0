package job

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/objectives"
	"x2vec/trainers"
)

// DefaultTask is the task of a finetuning where no run file is given.
//
//go:embed finetune.toml
var DefaultTask []byte

// pretrained is what a run begins with that goes on from another one.
type pretrained struct {
	arrays []checkpoints.Array
	pixels *objectives.Scaling // nil where it is not known
	how    string              // data.normalize there
	shape  []int               // of the examples that it was trained on
}

// pretrained reads the encoder that finetune.from names, a run's or a safetensors file's;
// nil where it names none.
func (f *File) pretrained() (*pretrained, error) {
	from := f.Finetune.From
	if from == "" {
		return nil, nil
	}
	info, err := os.Stat(from)
	if err != nil {
		f.src.fault("finetune.from", "%v; want the folder of a run or a safetensors file", plainPath(err))
		return nil, f.src.faults.err()
	}
	if !info.IsDir() {
		file, err := checkpoints.ReadSafetensors(from)
		if err != nil {
			return nil, err
		}
		p := &pretrained{}
		if !ownNames(file) {
			foreign, err := ReadForeign(from, nil, f.Finetune.MinLoaded == 0)
			if err != nil {
				return nil, err
			}
			p.arrays = foreign.Arrays()
			return p, nil
		}
		for _, a := range file.Arrays {
			if a.F32 != nil {
				p.arrays = append(p.arrays, a)
			}
		}
		return p, nil
	}
	kept, err := Keep(from, Newest)
	if err != nil {
		return nil, err
	}
	p := &pretrained{pixels: &kept.Task.Pixels, how: kept.File.Data.Normalize, shape: kept.Task.Spec.Shape}
	for _, w := range kept.Params.All() {
		p.arrays = append(p.arrays, checkpoints.Array{Name: w.Path, Shape: w.Shape, F32: w.Data})
	}
	p.arrays = append(p.arrays, kept.Rest...)
	return p, nil
}

// ownNames reports whether arrays go by the paths of a run.
func ownNames(file *checkpoints.File) bool {
	return slices.ContainsFunc(file.Arrays, func(a checkpoints.Array) bool { return strings.HasPrefix(a.Name, "encoder/") })
}

// plainPath is the error of a path without the name of the system call.
func plainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// scaling is how bytes became numbers for that encoder, in examples of another shape;
// nil where that cannot be said, or is asked to be otherwise.
func (p *pretrained) scaling(shape []int, how string) *objectives.Scaling {
	if p == nil || p.pixels == nil || p.how != how {
		return nil
	}
	z := *p.pixels
	if slices.Equal(p.shape, shape) || len(z.Mean) == 0 && len(z.Std) == 0 {
		return &z
	}
	if len(shape) != 3 || len(p.shape) != 3 || shape[0] != p.shape[0] {
		return nil
	}
	per := func(x []float32) []float32 { // a value for each channel, of values that are alike in it
		plane := p.shape[1] * p.shape[2]
		var out []float32
		for at := 0; at < len(x); at += plane {
			if slices.Min(x[at:at+plane]) != slices.Max(x[at:at+plane]) {
				return nil
			}
			out = append(out, slices.Repeat(x[at:at+1], shape[1]*shape[2])...)
		}
		return out
	}
	mean, std := per(z.Mean), per(z.Std)
	if len(z.Mean) > 0 && mean == nil || len(z.Std) > 0 && std == nil {
		return nil
	}
	return &objectives.Scaling{Mean: mean, Std: std, Lightness: z.Lightness}
}

// finetune is that part of a run's configuration; nil where nothing is asked for.
func (f *File) finetune(from *pretrained, steps func(Duration) int) *trainers.Finetune {
	if !f.Finetune.used() {
		return nil
	}
	t := &trainers.Finetune{MinLoaded: f.Finetune.MinLoaded, Freeze: f.Finetune.Freeze, Unfreeze: steps(f.Finetune.Unfreeze),
		LayerDecay: f.Finetune.LayerDecay, HeadRate: f.Finetune.HeadRate, ProbeHead: f.Finetune.Head == "probe"}
	if from != nil {
		t.Weights = from.arrays
	}
	return t
}

// FinetuneText is a run file that adapts the encoder of a kept run: the encoder, and
// where the task does not say otherwise the data with the way bytes become numbers, are
// those of the run. The text of the task comes first, so that lines are those of its
// file. source is that of other data, of which the run's settings say nothing; empty =
// the run's own.
func (k *Kept) FinetuneText(task []byte, source string) []byte {
	var b strings.Builder
	b.Write(task)
	b.WriteByte('\n')
	s := read("", task, nil)
	if _, own := s.values["encoder"]; !own {
		write(&b, k.section("encoder"))
	}
	if _, own := s.values["data"]; !own {
		d := k.section("data") // its default of unseen is not that of a task
		d.fields = slices.DeleteFunc(d.fields, func(f field) bool {
			return f.name == "unseen" || source != "" && source != k.File.Data.Source && f.name != "normalize"
		})
		write(&b, d)
	}
	return []byte(b.String())
}

func (k *Kept) section(name string) section {
	all := k.File.sections()
	return all[slices.IndexFunc(all, func(s section) bool { return s.name == name })]
}

// FinetuneSets are the settings, as --set values, that adapt a run file to the encoder of
// a kept run: where it begins, and of other data than the run's the size of pictures and
// how bytes become numbers. They leave alone what the file or sets say.
func (k *Kept) FinetuneSets(f *File, sets []string) []string {
	var more []string
	add := func(key, value string) {
		if !f.said(key, sets) {
			more = append(more, key+"="+value)
		}
	}
	add("finetune.from", quote(k.Folder))
	if f.Data.Normalize != k.File.Data.Normalize {
		add("data.normalize", quote(k.File.Data.Normalize))
	}
	// Test examples that a run held back by chance are held back here too.
	keys := dataKeys(f.Data.Source)
	if k.Task.Spec.Words != nil && slices.Contains(keys, "words") {
		was := k.File.Data
		add("data.words", quote(was.Words))
		add("data.unknown", fmt.Sprint(was.Unknown))
		add("data.length", fmt.Sprint(k.Task.Spec.Size()))
		if was.Tokenizer != "" {
			more = append(more, "data.tokenizer="+quote(filepath.Join(k.Folder, TokenizerFile)))
		}
	}
	if seed := k.File.Data.Seed; seed != f.Data.Seed {
		add("data.seed", fmt.Sprint(seed))
	}
	if share := k.File.Data.TestShare; f.Data.Source == k.File.Data.Source && share != f.Data.TestShare && slices.Contains(keys, "test_share") {
		add("data.test_share", fmt.Sprint(share))
	}
	if shape := k.Task.Spec.Shape; len(shape) == 3 && f.Data.Source != k.File.Data.Source {
		if slices.Contains(keys, "size") {
			add("data.size", fmt.Sprint(shape[1]))
		}
		if slices.Contains(keys, "channels") {
			add("data.channels", fmt.Sprint(shape[0]))
		}
	}
	return append(more, sets...)
}

// UnseenSets is sets with one more, by which training examples are left out that are in
// the test set, where the data can be looked at so and nothing is said of it.
func (f *File) UnseenSets(sets []string) []string {
	if !slices.Contains(dataKeys(f.Data.Source), "unseen") || f.said("data.unseen", sets) {
		return sets
	}
	return append([]string{"data.unseen=true"}, sets...)
}

// ParseTransfer is Parse of a task that methods are compared by, none of which may choose
// by the test set.
func ParseTransfer(file string, text []byte, sets []string) (*File, error) {
	f, err := Parse(file, text, sets)
	if err == nil && f.Train.EarlyStop > 0 {
		f.src.fault("train.early_stop", "chooses by the test set, which would then measure nothing; want 0")
		err = f.src.faults.err()
	}
	return f, err
}

// said reports whether a setting stands in the file or in sets.
func (f *File) said(key string, sets []string) bool {
	section, name, _ := strings.Cut(key, ".")
	_, own := f.src.table(section)[name]
	return own || slices.ContainsFunc(sets, func(s string) bool { return strings.HasPrefix(s, key+"=") })
}

// varied are the settings in which the trainings of one comparison differ, and those
// that change nothing of what comes out.
var varied = []string{"seed", "data.path", "data.label_seed", "data.per_class", "data.share", "finetune.from",
	"train.workers", "train.prefetch", "log.", "eval.", "checkpoint."}

// Recipe is every setting that the trainings of one comparison share, one a line.
func (f *File) Recipe() string {
	var b strings.Builder
	literals := f.literals()
	for _, key := range f.keys() {
		if !slices.ContainsFunc(varied, func(v string) bool { return key == v || strings.HasSuffix(v, ".") && strings.HasPrefix(key, v) }) {
			fmt.Fprintf(&b, "%s = %s\n", key, literals[key])
		}
	}
	return b.String()
}

// OpenData opens the examples of the file; test is nil where there are none for testing.
// warn is told what is accepted but should be known; nil = nobody.
func (f *File) OpenData(warn func(string)) (train, test data.Source, err error) {
	train, test, err, missing := readers.OpenSplits(f.Data.options("train", warn), f.Data.options("test", warn))
	if errors.Is(missing, fs.ErrNotExist) {
		return train, nil, err
	}
	if err != nil && missing != nil && err.Error() == missing.Error() { // told once
		missing = nil
	}
	return train, test, errors.Join(err, missing)
}
