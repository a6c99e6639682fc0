package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/data/text"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// A Kept encoder is that of a run, as one of its checkpoints holds it.
type Kept struct {
	Folder string
	File   *File               // the settings of the run
	Task   objectives.Task     // what the encoder takes; Spec has the run's shape and words
	Params *graph.Params       // its weights, averaged where the run kept an average
	Step   int                 // of the checkpoint
	Rest   []checkpoints.Array // of the model that are not in the encoder: head, decoder

	lens *lens // whose codes its examples are; nil where they are not

	// Classes to keep of the data that Open opens; empty = all, or those of the run.
	Classes []string
	// Labels is a file of labels for a folder of pictures that Open opens.
	Labels string
	// Whole has Open draw no test examples from another list of texts than the run's:
	// all are for training, in their order.
	Whole bool
}

// Newest asks Keep for the newest checkpoint that is whole.
const Newest = -1

// Keep reads the encoder of the run in a folder from the checkpoint of a step, or
// from the newest that is whole. It needs none of the run's data.
func Keep(folder string, step int) (*Kept, error) {
	return keep(folder, step, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) { return trainers.Frozen(k.Task, snap) })
}

// keep is Keep with the parameters that freeze gives.
func keep(folder string, step int, freeze func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error)) (*Kept, error) {
	f, resolved, err := ReadRun(folder, nil)
	if err != nil {
		return nil, err
	}
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return nil, err
	}
	var snap *checkpoints.Snapshot
	if step == Newest {
		snap, _, err = store.Latest()
	} else {
		snap, err = store.Load(step)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	k := &Kept{Folder: folder, File: f, Step: snap.State.Step}
	k.Task = objectives.Task{Encoder: f.Encoder, Batch: f.Train.Batch, Seed: f.Seed, Pixels: trainers.ScalingOf(snap)}
	k.Task.Spec.Name, k.Task.Spec.Shape = f.Data.Source, resolved.Shape
	if resolved.Shape == nil { // a run of an earlier version
		if k.Task.Spec.Shape = f.Data.shape(); k.Task.Spec.Shape == nil {
			return nil, fmt.Errorf("%s does not say what its examples are like: `x2vec resume %s` writes it", filepath.Join(folder, trainers.RunFile), folder)
		}
	}
	if k.Task.Spec.Words, err = readVocabulary(folder, VocabularyFile); err != nil {
		return nil, err
	}
	if err := k.readCaptions(); err != nil {
		return nil, err
	}
	if k.lens, err = f.lens(); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	switch {
	case k.lens == nil:
	case k.lens.discrete != nil:
		k.Task.Codes = k.lens
		_, _, k.Task.Spec.Codes = k.lens.discrete.CodeGrid(k.lens.Task)
	default:
		if err := k.lens.under(&k.Task); err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
	}
	if k.Params, err = freeze(k, snap); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	for _, a := range trainers.WeightsOf(snap) {
		if k.Params.Get(a.Name) == nil {
			k.Rest = append(k.Rest, a)
		}
	}
	return k, nil
}

// readCaptions sets how captions are cut, of a run whose pictures had some.
func (k *Kept) readCaptions() error {
	words, err := readVocabulary(k.Folder, CaptionsFile)
	if err != nil || words == nil {
		return err
	}
	o := k.File.Data.options("train", nil)
	if o.Tokenizer != "" {
		o.Tokenizer = filepath.Join(k.Folder, TokenizerFile)
	}
	k.Task.Spec.Captions, err = readers.CaptionsOf(o, words)
	return err
}

// Open opens examples for the encoder: the run's own where from is empty, else a
// source by its name, or what a folder holds. They are refused where the encoder
// cannot take them.
func (k *Kept) Open(ctx context.Context, from, split string, warn func(string)) (data.Source, error) {
	o := k.File.Data.options(split, warn)
	if c := k.Task.Spec.Captions; c != nil {
		o.Vocabulary = c.Words
	}
	if o.Tokenizer != "" {
		o.Tokenizer = filepath.Join(k.Folder, TokenizerFile)
	}
	if k.File.Finetune.From != "" && k.Task.Spec.Words != nil {
		o.Vocabulary = k.Task.Spec.Words
	}
	if from != "" {
		if err := k.redirect(&o, from); err != nil {
			return nil, err
		}
	}
	if len(k.Classes) > 0 {
		o.Classes = k.Classes
	}
	if k.Labels != "" {
		o.Labels = k.Labels
	}
	src, err := readers.Open(o)
	if err == nil && k.lens != nil && k.lens.discrete != nil {
		src, err = k.lens.through(ctx, src)
	}
	if err != nil {
		return nil, err
	}
	return src, k.Takes(src)
}

// Takes says why the encoder cannot take the examples of a source; nil where it can.
func (k *Kept) Takes(src data.Source) error {
	want, have := k.Task.Spec, src.Spec()
	switch {
	case !slices.Equal(want.Shape, have.Shape):
		return fmt.Errorf("the encoder of %s takes examples of %v, and those of %s are %v", k.Folder, want.Shape, have.Name, have.Shape)
	case (want.Words != nil) != (have.Words != nil):
		return fmt.Errorf("the encoder of %s and the examples of %s: one is of words, the other is not", k.Folder, have.Name)
	case want.Words != nil && !slices.Equal(want.Words.Words, have.Words.Words):
		return fmt.Errorf("the vocabulary of %s is not that of %s, and so its words have other numbers", have.Name, k.Folder)
	}
	return nil
}

// redirect makes o open other data than the run's, pictures in the run's size.
func (k *Kept) redirect(o *readers.Options, from string) error {
	own := o.Name
	other := readers.Options{Split: o.Split, Seed: o.Seed, Resize: o.Resize, OnDamaged: o.OnDamaged, TestShare: o.TestShare,
		Words: o.Words, MinCount: o.MinCount, MaxWords: o.MaxWords, Unknown: o.Unknown, Length: o.Length,
		Tokenizer: o.Tokenizer, Vocabulary: k.Task.Spec.Words, Warn: o.Warn}
	named := filepath.Join(from, own)
	switch info, err := os.Stat(from); {
	case slices.Contains(readers.Names(), from):
		other.Name = from
	case err != nil:
		return fmt.Errorf("%w; want a folder, or one of %s", err, strings.Join(readers.Names(), ", "))
	case info.IsDir() && isDir(named):
		other.Name, other.Path, other.Variant, other.AsStored = own, named, o.Variant, o.AsStored
	case k.Task.Spec.Words != nil:
		other.Name, other.Path = "text", from
		if text.HasLines(from) {
			other.Name, other.TextColumn, other.LabelColumn = "lines", o.TextColumn, o.LabelColumn
			switch {
			case k.Whole:
				other.TestShare = 0
			case other.TestShare == 0:
				other.TestShare = 0.1
			}
		}
	default:
		found, err := readers.Detect(from)
		if err != nil {
			return err
		}
		at := max(0, slices.IndexFunc(found, func(f readers.Found) bool { return f.Options.Name == own }))
		other.Name, other.Path, other.Variant = found[at].Options.Name, from, found[at].Options.Variant
	}
	shape := k.Task.Spec.Shape
	if k.lens != nil {
		shape = k.lens.Task.Spec.Shape
	}
	if len(shape) == 3 {
		keys := dataKeys(other.Name)
		if slices.Contains(keys, "size") {
			other.Size = shape[1]
		}
		if slices.Contains(keys, "channels") {
			other.Channels = shape[0]
		}
	}
	*o = other
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
