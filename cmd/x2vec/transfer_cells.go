package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/sirupsen/logrus"

	"x2vec/checkpoints"
	"x2vec/trainers"
	"x2vec/trainers/job"
)

// cells are the finished numbers of a transfer, each in a file of its own.
type cells struct {
	folder string
	key    string
	runs   bool // keep those of the trained ones, too, each in a folder beside its number
	lock   *checkpoints.Lock
	there  map[string]bool // by name
}

// keptCell is one of these files.
type keptCell struct {
	Key string `json:"key"`           // of all that the number depends on besides
	Run bool   `json:"run,omitempty"` // its run is kept
	trainers.Cell
}

// openCells opens a folder of them, and makes it where it is not there.
func openCells(folder, key string, runs bool) (*cells, error) {
	dir := filepath.Join(folder, "cells")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	lock, err := checkpoints.Acquire(folder)
	if err != nil {
		return nil, err
	}
	return &cells{folder: dir, key: key, runs: runs, lock: lock, there: map[string]bool{}}, nil
}

// counts are the numbers of labels of the cells that are there, but for those that are
// asked for.
func (b *cells) counts(asked []trainers.LabelCount) ([]trainers.LabelCount, error) {
	files, err := os.ReadDir(b.folder)
	if err != nil {
		return nil, err
	}
	var found []trainers.LabelCount
	for _, file := range files { // in the order of their names
		var k keptCell
		if text, err := os.ReadFile(filepath.Join(b.folder, file.Name())); err != nil || json.Unmarshal(text, &k) != nil || k.Key != b.key {
			continue
		}
		if count, err := trainers.ParseLabelCount(k.Labels); err == nil && !slices.Contains(asked, count) && !slices.Contains(found, count) {
			found = append(found, count)
		}
	}
	return found, nil
}

func (b *cells) close() error { return b.lock.Release() }

// cellName names the file or the folder of a cell.
func cellName(c trainers.Cell) string {
	return plainName(fmt.Sprintf("%s-%s-seed-%d", c.Method, c.Labels, c.Seed))
}

// get gives a cell that was finished. One of other settings, in a folder that was given
// by hand, does not count.
func (b *cells) get(c trainers.Cell) (trainers.Cell, bool) {
	var k keptCell
	text, err := os.ReadFile(filepath.Join(b.folder, cellName(c)+".json"))
	if err != nil || json.Unmarshal(text, &k) != nil || k.Key != b.key || k.Examples != c.Examples {
		return c, false
	}
	b.there[cellName(c)] = true
	if !k.Run { // killed while the run was removed
		_ = os.RemoveAll(filepath.Join(b.folder, cellName(c)))
	}
	return k.Cell, true
}

// put keeps a number, and only then removes the run that it is of: half a run without
// its number would be in the way of all that follows.
func (b *cells) put(c trainers.Cell) error {
	text, err := json.Marshal(keptCell{b.key, b.runs, c})
	if err != nil {
		return err
	}
	b.there[cellName(c)] = true
	run := filepath.Join(b.folder, cellName(c))
	if err := checkpoints.WriteFile(run+".json", append(text, '\n')); err != nil || b.runs {
		return err
	}
	return os.RemoveAll(run)
}

// trainings are the runs of finetune and scratch.
type trainings struct {
	console *console
	folder  string // each has a folder in it
	file    string // the run file: its name, its text, and what is laid over it
	text    []byte
	sets    []string
	batch   int
	told    bool   // what was loaded
	figure  string // of the evaluation that is the score
}

// run trains a cell, or goes on with it, and gives its score on the test set.
func (t *trainings) run(ctx context.Context, c trainers.Cell) (float64, error) {
	sets := append([]string{}, t.sets...)
	sets = append(sets, fmt.Sprintf("seed=%d", c.Seed), fmt.Sprintf("data.label_seed=%d", c.Seed), fmt.Sprintf("data.per_class=%d", c.Count.PerClass),
		fmt.Sprintf("data.share=%g", c.Count.Share), fmt.Sprintf("train.batch=%d", min(t.batch, c.Examples)), "eval.every=0")
	if c.Method == trainers.ByScratch {
		sets = append(sets, fromScratch...)
	}
	f, err := job.Parse(t.file, t.text, sets)
	if err != nil {
		return 0, err
	}
	return t.train(ctx, f, filepath.Join(t.folder, cellName(c)))
}

func (t *trainings) train(ctx context.Context, f *job.File, folder string) (score float64, err error) {
	quiet := logrus.New() // the numbers are told, not each run's steps
	quiet.Out = io.Discard
	run, done, err := f.Begin(ctx, folder, job.Auto, "x2vec "+version+revision(), quiet)
	defer func() { err = errors.Join(err, done()) }()
	switch {
	case errors.Is(err, job.ErrComplete): // stopped just before its number was kept
		return t.score(folder)
	case err != nil:
		return 0, err
	}
	if l := run.Finetune; l != nil && l.Loaded != nil && !t.told {
		t.console.log.Info(l.Loaded)
		t.told = true
	}
	run.TestOnly, run.Progress = true, t.console.progress
	if err := run.Do(ctx); err != nil {
		return 0, err
	}
	return t.score(folder)
}

// score is that of the last evaluation of a run.
func (t *trainings) score(folder string) (float64, error) {
	figures, err := lastFigures(folder)
	if err != nil {
		return 0, err
	}
	for _, f := range figures {
		if f.Name == t.figure || "test "+f.Name == t.figure {
			return float64(f.Value), nil
		}
	}
	return 0, badRequest(fmt.Errorf("the task gives no %s; want objective.type = \"classify\" and examples for testing whose answers differ", t.figure))
}
