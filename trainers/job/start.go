package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/data/tokenizer"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/runs"
)

// Resume says what happens to a run that is in the folder already.
type Resume string

// The values of Resume.
const (
	Auto  Resume = "auto"  // go on with it, or begin where there is none
	Never Resume = "never" // refuse
	Must  Resume = "must"  // go on with it, or refuse
)

// ErrComplete says that there is nothing left to do.
var ErrComplete = errors.New("the run is complete")

// VocabularyFile is in the folder of a run whose examples are words; package data
// reads it.
const VocabularyFile = runs.VocabularyFile

// CaptionsFile is in the folder of a run whose pictures have captions: their words.
const CaptionsFile = "captions.tsv"

// TokenizerFile is in the folder of a run whose examples are tokens.
const TokenizerFile = "tokenizer.json"

// Begin readies a run in a folder: takes its lock, assembles what the file asks
// for, writes the folder's run.toml and goes back to the newest checkpoint where
// there is one. done gives the folder back; it is never nil.
//
// Of a run that has begun, a changed file may change how long it trains and what is
// logged, evaluated and kept; anything else is Faults.
func (f *File) Begin(ctx context.Context, folder string, resume Resume, version string, log logrus.FieldLogger) (run *trainers.Run, done func() error, err error) {
	done = func() error { return nil }
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, done, err
	}
	lock, err := checkpoints.Acquire(folder)
	if err != nil {
		return nil, done, err
	}
	done = lock.Release
	if _, err := os.Stat(filepath.Join(folder, ImportFile)); err == nil {
		return nil, done, fmt.Errorf("%s holds weights from elsewhere, which no training of this program made; `x2vec finetune %s` goes on from them", folder, folder)
	}
	snap, err := newestIn(folder, resume, log)
	if err != nil {
		return nil, done, err
	}
	old, was, unread := ReadRun(folder, nil)
	if snap != nil && unread != nil {
		return nil, done, fmt.Errorf("%s has checkpoints, but what they are of cannot be read: %w; give another --out", folder, unread)
	}
	var scaling *objectives.Scaling
	if snap != nil {
		if err := f.changes(old, folder, log); err != nil {
			return nil, done, err
		}
		z := trainers.ScalingOf(snap)
		scaling = &z
		if err := f.useWords(folder); err != nil {
			return nil, done, err
		}
	}
	if f.folder = ""; snap != nil {
		f.folder = folder
	}
	config, err := f.Assemble(ctx, scaling, func(text string) { log.Warn(text) })
	if err != nil {
		return nil, done, err
	}
	now, err := resolve(config, version)
	if err != nil {
		return nil, done, err
	}
	if snap != nil {
		if err := now.sameData(was); err != nil {
			return nil, done, fmt.Errorf("%s: %w; put those back, or begin anew with another --out", folder, err)
		}
		now.Started = was.Started
	}
	t, err := trainers.New(config)
	var refused *trainers.FinetuneError
	if errors.As(err, &refused) {
		f.src.component("finetune", refused.Err)
		return nil, done, f.src.faults.err()
	}
	if err != nil {
		return nil, done, err
	}
	if run, err = trainers.NewRun(t, folder, log); err != nil {
		return nil, done, err
	}
	if snap != nil {
		if err := run.Resume(snap); err != nil {
			return nil, done, err
		}
		if run.Complete() {
			return run, done, ErrComplete
		}
	}
	if err := f.keepWith(folder, config.Task.Spec, snap == nil); err != nil {
		return nil, done, err
	}
	return run, done, checkpoints.WriteFile(filepath.Join(folder, trainers.RunFile), []byte(f.With(now)))
}

// keepWords writes a vocabulary into a run's folder, and the tokenizer that cuts texts
// into it.
func (f *File) keepWords(folder, name string, words *data.Vocabulary) error {
	var b bytes.Buffer
	if err := words.Write(&b); err != nil {
		return err
	}
	if err := checkpoints.WriteFile(filepath.Join(folder, name), b.Bytes()); err != nil {
		return err
	}
	if f.Data.Tokenizer == "" {
		return nil
	}
	t, err := tokenizer.Load(f.Data.Tokenizer)
	if err != nil {
		return err
	}
	return t.Save(filepath.Join(folder, TokenizerFile))
}

// ReadRun reads the run file of a run's folder, with --set values laid over it.
func ReadRun(folder string, sets []string) (*File, Resolved, error) {
	var r Resolved
	path := filepath.Join(folder, trainers.RunFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, r, err
	}
	f, err := Parse(path, text, sets)
	if err != nil {
		return nil, r, err
	}
	f.src.decode("resolved", f.src.table("resolved"), fieldsOf(&r))
	f.folder = folder
	return f, r, nil
}

// newestIn is the newest checkpoint in a run's folder, nil where the run is to begin.
func newestIn(folder string, resume Resume, log logrus.FieldLogger) (*checkpoints.Snapshot, error) {
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return nil, err
	}
	snap, damaged, err := store.Latest()
	for _, d := range damaged {
		log.Warnf("checkpoint passed over: %v", d)
	}
	switch {
	case errors.Is(err, checkpoints.ErrNone) && resume == Must:
		return nil, fmt.Errorf("%s: holds no checkpoint to go on from", folder)
	case errors.Is(err, checkpoints.ErrNone):
		return nil, nil
	case err != nil:
		return nil, err
	case resume == Never:
		return nil, fmt.Errorf("%s: holds a run at step %d; give another --out, or --resume auto to go on with it", folder, snap.State.Step)
	}
	return snap, nil
}

// resolve says what a run that begins now is made by, and what it is trained on.
func resolve(c trainers.Config, version string) (now Resolved, err error) {
	now = Resolved{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Started: time.Now().Format(time.RFC3339), Shape: c.Task.Spec.Shape}
	if now.TrainSHA256, err = checksum(c.Train); err != nil {
		return now, err
	}
	now.TestSHA256, err = checksum(c.Test)
	return now, err
}

// sameData says where the data are others than they were.
func (r Resolved) sameData(was Resolved) error {
	if r.TrainSHA256 != was.TrainSHA256 {
		return fmt.Errorf("the training data are not those the run began with (SHA-256 %.12s…, then %.12s…)", r.TrainSHA256, was.TrainSHA256)
	}
	if r.TestSHA256 != was.TestSHA256 {
		return fmt.Errorf("the test data are not those the run began with (SHA-256 %.12s…, then %.12s…), so that its losses could not be compared", r.TestSHA256, was.TestSHA256)
	}
	return nil
}

// keepWith puts beside a run what its examples cannot be read without: the run whose
// codes they are, when it begins, and the words.
func (f *File) keepWith(folder string, spec data.Spec, begins bool) error {
	if f.Data.Codes != "" && begins {
		l, err := f.lens()
		if err != nil {
			return err
		}
		if err := l.copyTo(folder); err != nil {
			return err
		}
	}
	if spec.Words != nil {
		if err := f.keepWords(folder, VocabularyFile, spec.Words); err != nil {
			return err
		}
	}
	if c := spec.Captions; c != nil {
		return f.keepWords(folder, CaptionsFile, c.Words)
	}
	return nil
}

func checksum(src data.Source) (string, error) {
	c, ok := src.(data.Checksummer)
	if !ok {
		return "", nil
	}
	return c.Checksum()
}

// free are the settings that may change when a run goes on; a section stands for
// all of its keys.
var free = []string{"train.duration", "train.workers", "train.prefetch", "train.early_stop", "train.min_delta",
	"data.path", "finetune.from", "log.", "eval.", "checkpoint."}

// changes compares the file with that of the run in the folder. What may change is
// told, what may not is a fault.
func (f *File) changes(old *File, folder string, log logrus.FieldLogger) error {
	was, now := old.literals(), f.literals()
	for _, key := range append(f.keys(), old.keys()...) {
		a, b := was[key], now[key]
		if a == b {
			continue
		}
		delete(was, key)
		delete(now, key)
		if a == "" {
			a = "not there"
		}
		if b == "" {
			b = "not there"
		}
		may := false
		for _, k := range free {
			may = may || key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k)
		}
		if may {
			log.Infof("%s is %s now, was %s", key, b, a)
			continue
		}
		f.src.fault(key, "is %s, but the run in %s has %s; a run goes on as it began: give another --out to begin anew", b, folder, a)
	}
	return f.src.faults.err()
}

// literals are all settings as they stand in a run file.
func (f *File) literals() map[string]string {
	m := map[string]string{"seed": fmt.Sprint(f.Seed)}
	for _, s := range f.sections() {
		for _, field := range s.fields {
			m[s.name+"."+field.name] = literal(field.value)
		}
	}
	return m
}

// Stands says where a folder stands that this run would be in: complete, where nothing
// is left to do. What may not change any more in a run that has begun is Faults.
func (f *File) Stands(folder string) (complete bool, err error) {
	old, _, err := ReadRun(folder, nil)
	if err != nil {
		return false, nil // nothing is there, or Begin says what is wrong with it
	}
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return false, nil
	}
	if list, err := store.List(); err != nil || len(list) == 0 {
		return false, nil
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	if err := f.changes(old, folder, silent); err != nil {
		return false, err
	}
	dir, err := runs.Open(folder)
	if err != nil {
		return false, nil
	}
	same := f.Train.Duration == old.Train.Duration && f.Train.EarlyStop == old.Train.EarlyStop && f.Train.MinDelta == old.Train.MinDelta
	return same && runs.Summarize(dir).State == runs.Complete, nil
}
