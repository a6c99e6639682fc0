package objectives_test

import (
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func TestRotation(t *testing.T) {
	objectivetest.Run(t, objectivetest.Case{
		Objective: &objectives.Rotation{},
		Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{24}, Code: 8, Activation: "tanh"}, Batch: 8, Seed: 5},
		Source:    tiny(t),
		Steps:     100, Rate: 0.5, Fall: 0.8,
	})
}

// dots is one picture of 2 x 2 in two channels.
type dots struct{}

func (dots) Spec() data.Spec { return data.Spec{Name: "dots", Split: "train", Shape: []int{2, 2, 2}} }
func (dots) Len() int        { return 1 }
func (dots) Read(_ int, into *data.Example) error {
	copy(into.Pixels, []byte{0, 51, 102, 153, 255, 204, 153, 102})
	return nil
}

// A quarter counterclockwise brings the right column to the top.
func TestRotationTurns(t *testing.T) {
	task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Batch: 1}
	f, _ := prepared(t, &objectives.Rotation{}, task, dots{}, 0)
	want := []float32{
		0, .2, .4, .6, 1, .8, .6, .4,
		.2, .6, 0, .4, .8, .4, 1, .6,
		.6, .4, .2, 0, .4, .6, .8, 1,
		.4, 0, .6, .2, .6, 1, .4, .8,
	}
	for i, v := range f.F["turned"] {
		if d := v - want[i]; d > 1e-6 || d < -1e-6 {
			t.Fatalf("the turns are %v, want %v", f.F["turned"], want)
		}
	}
	if got := f.I["turn"]; !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("they are called %v", got)
	}
}

func TestRotationRefusesTasks(t *testing.T) {
	for want, shape := range map[string][]int{
		"rotation needs pictures":                      {64},
		"rotation needs square pictures, and those of": {1, 4, 6},
	} {
		err := (&objectives.Rotation{}).Check(objectives.Task{Spec: data.Spec{Name: "x", Shape: shape}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
