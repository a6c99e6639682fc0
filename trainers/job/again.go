package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"x2vec/checkpoints"
	"x2vec/objectives"
	"x2vec/trainers"
)

// Again trains once more from an earlier checkpoint of a run to its newest, or from
// the beginning where there is only one, and compares the bytes of both. It gives
// the steps between which it trained. The run's folder is only read.
func Again(ctx context.Context, folder string, log logrus.FieldLogger) (from, to int, err error) {
	f, _, err := ReadRun(folder, nil)
	if err != nil {
		return 0, 0, err
	}
	if f.Train.Mode == hogwild {
		return 0, 0, fmt.Errorf("%s: was trained with train.mode hogwild, in which no run gives the same bytes twice", folder)
	}
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return 0, 0, err
	}
	list, err := store.List()
	if err != nil {
		return 0, 0, err
	}
	if len(list) == 0 {
		return 0, 0, fmt.Errorf("%s: %w", folder, checkpoints.ErrNone)
	}
	newest := list[len(list)-1]
	to = newest.Step
	var earlier *checkpoints.Snapshot
	if len(list) > 1 {
		from = list[len(list)-2].Step
		if earlier, err = store.Load(from); err != nil {
			return 0, 0, err
		}
	}
	last, err := store.Load(to)
	if err != nil {
		return 0, 0, err
	}
	z := trainers.ScalingOf(last)
	scaling := &z
	if earlier == nil && (f.Finetune.From != "" || f.Data.Codes != "") {
		scaling = nil // it begins with the weights of the other run
	}
	if err := f.useWords(folder); err != nil {
		return 0, 0, err
	}
	config, err := f.Assemble(ctx, scaling, func(text string) { log.Warn(text) })
	if err != nil {
		return 0, 0, err
	}
	t, err := trainers.New(config)
	if err != nil {
		return 0, 0, err
	}
	_, fits := f.Objective.(objectives.Fitter)
	if _, resumes := f.Objective.(objectives.Resumer); fits && !resumes {
		from, earlier = 0, nil
	}
	if earlier != nil {
		if err := t.Restore(earlier); err != nil {
			return 0, 0, err
		}
		t.Ended = ""
	}
	if err := t.Run(ctx, until(to)); err != nil && !errors.Is(err, errThere) {
		return from, to, err
	}
	return from, to, sameBytes(t, newest)
}

var errThere = errors.New("the step is reached")

// until is a hook that ends training at a step.
type until int

// After implements trainers.Hook.
func (u until) After(_ context.Context, t *trainers.Trainer) error {
	_, resumes := t.Objective.(objectives.Resumer)
	if t.Step >= int(u) && (t.Steps > 0 || resumes) {
		return errThere
	}
	return nil
}

// sameBytes compares what a trainer would save with what is saved.
func sameBytes(t *trainers.Trainer, saved checkpoints.Info) error {
	if t.Step != saved.Step {
		return fmt.Errorf("training ended at step %d, the checkpoint is of step %d", t.Step, saved.Step)
	}
	dir, err := os.MkdirTemp("", "x2vec-verify-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := checkpoints.Open(dir)
	if err != nil {
		return err
	}
	snap, err := t.Snapshot()
	if err != nil {
		return err
	}
	if err := store.Save(snap); err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range []string{checkpoints.WeightsFile, checkpoints.OptimizerFile, checkpoints.ExtraFile} {
		a, errA := os.ReadFile(filepath.Join(saved.Folder, name))
		b, errB := os.ReadFile(filepath.Join(list[0].Folder, name))
		switch {
		case errors.Is(errA, os.ErrNotExist) && errors.Is(errB, os.ErrNotExist):
		case errA != nil || errB != nil:
			faults = append(faults, errors.Join(errA, errB))
		case !bytes.Equal(a, b):
			faults = append(faults, fmt.Errorf("%s: the bytes are others when trained again; was it another version of the program, or another processor?", filepath.Join(saved.Folder, name)))
		}
	}
	return errors.Join(faults...)
}
