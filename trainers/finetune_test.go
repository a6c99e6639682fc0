package trainers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/optim"
)

// adapted is a small classifier that goes on from other weights.
func adapted(t testing.TB, change func(c *trainers.Config)) (*trainers.Trainer, error) {
	t.Helper()
	train, test := forms(t, 96, 0)
	o, err := optim.Default("adam")
	if err != nil {
		t.Fatal(err)
	}
	o.LR = 0.01
	c := trainers.Config{
		Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 6, Activation: "relu"}, Spec: train.Spec(), Batch: 16, Seed: 3},
		Objective: &objectives.Classify{Target: data.Class},
		Train:     train, Test: test,
		Finetune:  &trainers.Finetune{LayerDecay: 1, HeadRate: 1},
		Optimizer: o, Schedule: optim.Schedule{Type: "constant"}, Steps: 30, LogEvery: 10, Workers: 2,
	}
	change(&c)
	return trainers.New(c)
}

// other are the weights of an encoder of that many hidden values, and a decoder's.
func other(t testing.TB, hidden int) []checkpoints.Array {
	t.Helper()
	train, _ := forms(t, 8, 0)
	ps, err := trainers.Untrained(objectives.Task{Encoder: &nets.MLP{Hidden: []int{hidden}, Code: 6, Activation: "relu"}, Spec: train.Spec(), Batch: 1}, 77)
	if err != nil {
		t.Fatal(err)
	}
	list := []checkpoints.Array{{Name: "decoder/fc0/weight", Shape: []int{2}, F32: []float32{1, 2}}}
	for _, p := range ps.All() {
		list = append(list, checkpoints.Array{Name: p.Path, Shape: p.Shape, F32: p.Data})
	}
	return list
}

func TestFinetuneLoads(t *testing.T) {
	from := other(t, 12)
	tr, err := adapted(t, func(c *trainers.Config) { c.Finetune.Weights, c.Finetune.MinLoaded = from, 0.9 })
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range from[1:] {
		if !slices.Equal(tr.Params.Get(a.Name).Data, a.F32) {
			t.Errorf("%s is not that of the other model", a.Name)
		}
	}
	l := tr.Finetune.Loaded
	if l.Share != 1 || len(l.Taken) != 4 || len(l.New) != 2 || len(l.Left) != 1 || !strings.Contains(l.String(), "left over  decoder/fc0/weight") {
		t.Errorf("loaded %+v\n%v", l, l)
	}

	var little *trainers.NotLoaded
	_, err = adapted(t, func(c *trainers.Config) { c.Finetune.Weights, c.Finetune.MinLoaded = other(t, 13), 0.9 })
	if !errors.As(err, &little) || !strings.Contains(err.Error(), "only 0.7 % of the encoder's values are loaded, want 90.0 %") || !strings.Contains(err.Error(), "is [13 64] there") {
		t.Errorf("an encoder of another width: %v", err)
	}
	if _, err = adapted(t, func(c *trainers.Config) { c.Finetune.Weights = other(t, 13) }); err != nil {
		t.Errorf("where a part is allowed: %v", err)
	}
}

func TestFinetuneRefuses(t *testing.T) {
	for want, change := range map[string]func(c *trainers.Config){
		`finetune.freeze: "encoder/block*" is the path of no parameter; there are encoder/fc0, encoder/fc1, head/weight, head/bias`: func(c *trainers.Config) {
			c.Finetune.Freeze = []string{"encoder/block*"}
		},
		"no parameter to train": func(c *trainers.Config) { c.Finetune.Freeze = []string{"encoder", "head"} },
	} {
		if _, err := adapted(t, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is frozen stays to the bit and is trained from the step on that is set; deeper
// layers move less where their rate decays; going on in the middle, before, at and after
// that step, ends in the same bytes.
func TestFinetuneFreezes(t *testing.T) {
	from := other(t, 12)
	change := func(c *trainers.Config) {
		c.Finetune = &trainers.Finetune{Weights: from, Freeze: []string{"encoder/fc*"}, Unfreeze: 12, LayerDecay: 0.5, HeadRate: 3, ProbeHead: true}
	}
	tr, err := adapted(t, change)
	if err != nil {
		t.Fatal(err)
	}
	snaps := map[int]*checkpoints.Snapshot{}
	err = tr.Run(context.Background(), call(func(tr *trainers.Trainer) error {
		moved := !slices.Equal(tr.Params.Get("encoder/fc0/weight").Data, from[1].F32)
		if moved != (tr.Step > 12) {
			t.Errorf("after step %d the frozen encoder moved: %v", tr.Step, moved)
		}
		if s := tr.Step; s == 5 || s == 12 || s == 20 {
			s, err := tr.Snapshot()
			snaps[tr.Step] = cloned(s)
			return err
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for step, snap := range snaps {
		again, err := adapted(t, func(c *trainers.Config) { change(c); c.Finetune.Weights = nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(snap); err != nil {
			t.Fatal(err)
		}
		if err := again.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(weights(again), weights(tr)) {
			t.Errorf("going on from step %d ends in other weights", step)
		}
	}
}

// cloned is a snapshot with arrays of its own.
func cloned(s *checkpoints.Snapshot) *checkpoints.Snapshot {
	c := *s
	c.Weights, c.Optimizer = nil, nil
	for _, a := range s.Weights {
		a.F32 = slices.Clone(a.F32)
		c.Weights = append(c.Weights, a)
	}
	for _, a := range s.Optimizer {
		a.F32, a.I64 = slices.Clone(a.F32), slices.Clone(a.I64)
		c.Optimizer = append(c.Optimizer, a)
	}
	return &c
}

// A head that begins as a probe answers better than chance before the first step, and
// the encoder is not touched by it.
func TestFinetuneProbeHead(t *testing.T) {
	tr, err := adapted(t, func(c *trainers.Config) {
		c.Finetune.ProbeHead, c.Optimizer.LR, c.Steps = true, 1e-12, 1
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	tr.Test = tr.Train
	e, err := tr.Evaluate(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(e.Figures, func(f eval.Figure) bool { return f.Name == "test accuracy" })
	if at < 0 || e.Figures[at].Value < 0.4 {
		t.Errorf("accuracy of a probed head on its training examples: %+v", e.Figures)
	}
}

// The statistics of a batch norm that is frozen stay as they are, until it is not.
func TestFinetuneFreezesStatistics(t *testing.T) {
	tr, err := adapted(t, func(c *trainers.Config) {
		c.Task.Encoder = &nets.Conv{Channels: []int{4, 6}, Kernel: 3, Stride: 2, Pad: 1, Activation: "relu", Norm: "batch"}
		c.Finetune.Freeze, c.Finetune.Unfreeze, c.Steps = []string{"encoder"}, 5, 8
	})
	if err != nil {
		t.Fatal(err)
	}
	var stats []*graph.Param
	for _, p := range tr.Params.All() {
		if strings.HasSuffix(p.Path, "/running_mean") {
			stats = append(stats, p)
		}
	}
	if len(stats) != 2 {
		t.Fatalf("%d running means, want 2", len(stats))
	}
	err = tr.Run(context.Background(), call(func(tr *trainers.Trainer) error {
		for _, p := range stats {
			if moved := slices.ContainsFunc(p.Data, func(v float32) bool { return v != 0 }); moved != (tr.Step > 5) {
				t.Errorf("after step %d %s has moved: %v", tr.Step, p.Path, moved)
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}
