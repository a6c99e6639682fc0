package trainers

import (
	"encoding/json"
	"fmt"
	"time"

	"x2vec/checkpoints"
	"x2vec/graph/ops/vec"
	"x2vec/objectives"
)

// section is what the trainer keeps in a checkpoint under its own name.
type section struct {
	Evaluated int               `json:"evaluated"` // step of the last evaluation, -1 before it
	Ended     string            `json:"ended,omitempty"`
	Fitted    bool              `json:"fitted,omitempty"`
	Seconds   float64           `json:"seconds"`
	Loss      checkpoints.Float `json:"loss"` // of the last step
}

const (
	sectionName    = "trainer"
	progressName   = "progress" // of a Resumer
	averageSection = "ema"
	scalingSection = "scaling"
	// TestLoss is the metric by which the best checkpoint is kept.
	TestLoss = "test_loss"
)

// Snapshot is all that Restore needs to go on as if nothing had happened. Its
// arrays are the trainer's own memory: they are written before the next step.
func (t *Trainer) Snapshot() (*checkpoints.Snapshot, error) {
	s := &checkpoints.Snapshot{Weights: t.arrays(), Extra: map[string][]checkpoints.Array{}}
	for _, a := range s.Weights {
		if !vec.Finite(a.F32) {
			return nil, fmt.Errorf("%s holds a value that is not a finite number; such a state is not kept", a.Name)
		}
	}
	if t.optimizer != nil {
		s.Optimizer = t.optimizer.State()
	}
	if t.average != nil {
		s.Extra[averageSection] = t.average.State()
	}
	s.Extra[scalingSection] = scalingArrays(t.Task.Pixels)
	s.State = checkpoints.State{
		Step: t.Step, Epoch: int(float64(t.Step) / t.StepsPerEpoch()), Samples: t.Samples(),
		LoaderStep: t.Step * t.batches(), Seed: t.Task.Seed, Best: t.Best, Stopping: t.stopping,
	}
	if t.evaluated == t.Step && t.Test != nil {
		s.State.Metrics = map[string]checkpoints.Float{TestLoss: checkpoints.Float(t.testLoss)}
	}
	if r, ok := t.Objective.(objectives.Resumer); ok {
		progress, err := r.Progress()
		if err != nil {
			return nil, err
		}
		if err := s.State.Put(progressName, json.RawMessage(progress)); err != nil {
			return nil, err
		}
	}
	err := s.State.Put(sectionName, section{t.evaluated, t.Ended, t.fitted, t.Elapsed().Seconds(), checkpoints.Float(t.Last.Loss)})
	return s, err
}

// Restore sets the trainer to what Snapshot gave. An error says what does not fit;
// the trainer is then of no more use.
func (t *Trainer) Restore(s *checkpoints.Snapshot) error {
	want := t.arrays()
	if err := checkpoints.Match(want, s.Weights).Err(); err != nil {
		return fmt.Errorf("the checkpoint of step %d is of another model:\n%w", s.State.Step, err)
	}
	have := map[string]checkpoints.Array{}
	for _, a := range s.Weights {
		have[a.Name] = a
	}
	for _, w := range want {
		if copy(w.F32, have[w.Name].F32) != len(w.F32) {
			return fmt.Errorf("%s: is of type %s in the checkpoint, want F32", w.Name, have[w.Name].DType())
		}
	}
	if t.optimizer != nil {
		if err := t.optimizer.Load(s.Optimizer); err != nil {
			return err
		}
	}
	if t.average != nil {
		if err := t.average.Load(s.Extra[averageSection]); err != nil {
			return err
		}
	}
	var mine section
	if ok, err := s.State.Get(sectionName, &mine); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("the checkpoint of step %d has no state of a trainer; was it made by another program?", s.State.Step)
	}
	if r, ok := t.Objective.(objectives.Resumer); ok {
		if err := r.Continue(s.State.Sections[progressName]); err != nil {
			return fmt.Errorf("the checkpoint of step %d: %w", s.State.Step, err)
		}
	}
	if at := s.State.Step * t.batches(); s.State.LoaderStep != at {
		return fmt.Errorf("the checkpoint of step %d stands at batch %d of the data, this run would be at %d", s.State.Step, s.State.LoaderStep, at)
	}
	t.Step, t.Best, t.stopping = s.State.Step, s.State.Best, s.State.Stopping
	t.evaluated, t.Ended, t.fitted = mine.Evaluated, mine.Ended, mine.Fitted
	if t.stopping == nil || t.EarlyStop == 0 || t.stopping.Waited < t.EarlyStop {
		t.Ended = "" // it has been given more patience since
	}
	t.earlier = time.Duration(mine.Seconds * float64(time.Second))
	t.Last.Loss, t.testLoss = float64(mine.Loss), float64(s.State.Metrics[TestLoss])
	return nil
}

// arrays are the parameters and buffers of the model, by path.
func (t *Trainer) arrays() []checkpoints.Array {
	var list []checkpoints.Array
	for _, p := range t.Params.All() {
		list = append(list, checkpoints.Array{Name: p.Path, Shape: p.Shape, F32: p.Data})
	}
	return list
}

// scalingArrays keep how bytes become numbers, so that a checkpoint can be used
// without the training data.
func scalingArrays(z objectives.Scaling) []checkpoints.Array {
	var list []checkpoints.Array
	lightness := []float32(nil)
	if z.Lightness {
		lightness = []float32{1}
	}
	past := []float32(nil)
	if z.Past > 0 {
		past = []float32{float32(z.Past)}
	}
	palette := make([]float32, len(z.Palette))
	for i, v := range z.Palette {
		palette[i] = float32(v)
	}
	for _, a := range []checkpoints.Array{{Name: "mean", F32: z.Mean}, {Name: "std", F32: z.Std}, {Name: "lightness", F32: lightness}, {Name: "past", F32: past}, {Name: "palette", F32: palette}} {
		if len(a.F32) > 0 {
			a.Shape = []int{len(a.F32)}
			list = append(list, a)
		}
	}
	return list
}

// ScalingOf reads back how bytes become numbers in the model of a checkpoint.
func ScalingOf(s *checkpoints.Snapshot) objectives.Scaling {
	var z objectives.Scaling
	for _, a := range s.Extra[scalingSection] {
		switch a.Name {
		case "mean":
			z.Mean = a.F32
		case "std":
			z.Std = a.F32
		case "lightness":
			z.Lightness = true
		case "past":
			if len(a.F32) == 1 {
				z.Past = int(a.F32[0])
			}
		case "palette":
			for _, v := range a.F32 {
				z.Palette = append(z.Palette, byte(v))
			}
		}
	}
	return z
}
