package objectives_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"x2vec/data/readers"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

// simclr has the defaults, changed.
func simclr(t *testing.T, change func(o *objectives.SimCLR)) *objectives.SimCLR {
	t.Helper()
	made, err := objectives.New("simclr")
	if err != nil {
		t.Fatal(err)
	}
	o := made.(*objectives.SimCLR)
	if change != nil {
		change(o)
	}
	return o
}

func TestSimCLR(t *testing.T) {
	// The shapes are small and dark; without more contrast all projections of a fresh
	// net lie so close that finite differences step over the bends between them.
	contrast := objectives.Scaling{Mean: slices.Repeat([]float32{0.2}, 64), Std: slices.Repeat([]float32{0.1}, 64)}
	for name, o := range map[string]*objectives.SimCLR{
		"linear head":  simclr(t, func(o *objectives.SimCLR) { o.Projection, o.ProjectionHidden = 6, 0 }),
		"hidden layer": simclr(t, func(o *objectives.SimCLR) { o.Projection, o.ProjectionHidden, o.Blur = 6, 64, 0.5 }),
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: o,
				Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 8, Activation: "tanh"}, Batch: 10, Seed: 5, Pixels: contrast},
				Source:    tiny(t),
				Steps:     100, Rate: 0.5, Fall: 0.9,
				Refused: map[string]objectives.Objective{
					"temperature: is 0, want above 0":                                 simclr(t, func(o *objectives.SimCLR) { o.Temperature = 0 }),
					"temperature: is NaN":                                             simclr(t, func(o *objectives.SimCLR) { o.Temperature = float32(math.NaN()) }),
					"projection: is 0, want 1 to":                                     simclr(t, func(o *objectives.SimCLR) { o.Projection = 0 }),
					"projection_hidden: is -1, want 0 to 65536\ncrop: is [0 1], want": simclr(t, func(o *objectives.SimCLR) { o.ProjectionHidden, o.Crop = -1, [2]float64{0, 1} }),
				},
			})
		})
	}
}

func TestSimCLRRefusesTasks(t *testing.T) {
	spec := tiny(t).Spec()
	row := spec
	row.Shape = []int{64}
	enc := &nets.MLP{Code: 2, Activation: "relu"}
	for want, task := range map[string]objectives.Task{
		"objective.type: simclr needs pictures": {Encoder: enc, Spec: row, Batch: 8},
		"train.batch: is 1, but simclr":         {Encoder: enc, Spec: spec, Batch: 1},
	} {
		if err := simclr(t, nil).Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The two views of a picture differ, those of another epoch too, and they are in the
// units of the data.
func TestSimCLRViews(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 16, Channels: 3, Count: 8})
	if err != nil {
		t.Fatal(err)
	}
	task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Batch: 8, Seed: 3}
	o := simclr(t, nil)
	f, _ := prepared(t, o, task, src, 1)
	next, _ := prepared(t, o, task, src, 2)
	views := f.F["views"]
	size := 3 * 16 * 16
	for i := range 8 {
		if slices.Equal(views[i*size:(i+1)*size], views[(i+8)*size:(i+9)*size]) {
			t.Errorf("the views of example %d are the same", i)
		}
	}
	if slices.Equal(views, next.F["views"]) {
		t.Error("two epochs have the same views")
	}
	task.Pixels.Mean, task.Pixels.Std = make([]float32, size), make([]float32, size)
	for i := range size {
		task.Pixels.Mean[i], task.Pixels.Std[i] = 0.25, 0.5
	}
	scaled, _ := prepared(t, o, task, src, 1)
	for i, v := range scaled.F["views"] {
		if want := (views[i] - 0.25) / 0.5; v != want {
			t.Fatalf("value %d is %v, want %v", i, v, want)
		}
	}
}

func TestSimCLRAlarm(t *testing.T) {
	o := simclr(t, nil)
	if s := o.Alarm(map[string]float64{"spread": 0.01}); !strings.Contains(s, "collapsing") || strings.HasSuffix(s, ".") {
		t.Errorf("a spread of 0.01: %q", s)
	}
	if s := o.Alarm(map[string]float64{"spread": 0.9}); s != "" {
		t.Errorf("a spread of 0.9: %q", s)
	}
}
