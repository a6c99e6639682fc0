package trainers_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/eval"
)

// forms are pictures of shapes, of which the first test examples are training
// examples too.
func forms(t testing.TB, n, doubles int) (train, test data.Source) {
	t.Helper()
	var sets [2]data.Source
	for i, split := range []string{"train", "test"} {
		src, err := readers.Open(readers.Options{Name: "shapes", Split: split, Size: 8, Channels: 1, Count: n})
		if err != nil {
			t.Fatal(err)
		}
		sets[i] = src
	}
	return sets[0], &mixed{sets[1], sets[0], doubles}
}

// mixed is a source whose first examples are those of another.
type mixed struct {
	data.Source
	other data.Source
	n     int
}

func (m *mixed) Read(i int, into *data.Example) error {
	if i < m.n {
		return m.other.Read(i, into)
	}
	return m.Source.Read(i, into)
}

func probeOptions(t testing.TB, src data.Source) trainers.ProbeOptions {
	t.Helper()
	target, err := src.Spec().Target(data.Class, nil)
	if err != nil {
		t.Fatal(err)
	}
	return trainers.ProbeOptions{Tap: trainers.CodeTap, Target: target, Seeds: 2, KNN: eval.KNN{K: 5}, Baselines: true,
		Say: func(string, ...any) {}}
}

func TestProbe(t *testing.T) {
	train, test := forms(t, 240, 7)
	task := objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 6, Activation: "relu"}, Spec: train.Spec(), Batch: 32, Seed: 3}
	ps, err := trainers.Untrained(task, task.Seed)
	if err != nil {
		t.Fatal(err)
	}
	o := probeOptions(t, train)
	r, err := trainers.Probe(context.Background(), task, ps, train, test, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pretrained {
		t.Error("weights of the start are told as pretrained")
	}
	if r.Doubles != 7 || r.Train != 233 {
		t.Errorf("%d doubles are left out and %d examples trained on, want 7 and 233", r.Doubles, r.Train)
	}
	if r.Before != r.After || len(r.Before) != 64 {
		t.Errorf("SHA-256 %s before, %s after", r.Before, r.After)
	}
	for _, want := range [][2]string{{"encoder", "knn"}, {"encoder", "linear"}, {"pixels", "linear"}, {"pca", "linear"}, {"untrained", "linear"}} {
		row := rowOf(r, want[0], want[1])
		if row == nil || len(row.Scores) == 0 || row.Mean <= 0.1 {
			t.Errorf("%v: %+v", want, row)
		}
	}
	if len(rowOf(r, "pca", "linear").L2) != 2 || rowOf(r, "pca", "linear").Size != 6 {
		t.Errorf("pca: %+v", rowOf(r, "pca", "linear"))
	}

	// A weight that was trained makes it another encoder.
	ps.All()[0].Data[0] += 0.5
	r, err = trainers.Probe(context.Background(), task, ps, train, test, o)
	if err != nil || !r.Pretrained {
		t.Errorf("pretrained: %v, %v", r.Pretrained, err)
	}
}

// The numbers are the same from codes that were kept, also where a probe was stopped
// in the middle.
func TestProbeKeepsCodes(t *testing.T) {
	train, test := forms(t, 200, 0)
	task := objectives.Task{Encoder: &nets.Conv{Channels: []int{4}, Kernel: 3, Stride: 2, Pad: 1, Code: 5, Activation: "relu", Norm: "none"},
		Spec: train.Spec(), Batch: 32, Seed: 3}
	ps, err := trainers.Untrained(task, 9)
	if err != nil {
		t.Fatal(err)
	}
	for _, tap := range []string{trainers.CodeTap, "encoder/conv0"} {
		o := probeOptions(t, train)
		o.Tap, o.Labels = tap, trainers.LabelCount{PerClass: 9}
		want, err := trainers.Probe(context.Background(), task, ps, train, train, o)
		if !errors.Is(err, data.ErrAllSeen) {
			t.Fatalf("a test set that is the training set: %+v, %v", want, err)
		}
		if want, err = trainers.Probe(context.Background(), task, ps, train, test, o); err != nil {
			t.Fatal(err)
		}
		if tap != trainers.CodeTap && rowOf(want, "encoder", "linear").Size != 4 {
			t.Errorf("%s has %d values, want 4, averaged over its places", tap, rowOf(want, "encoder", "linear").Size)
		}
		o.Cache = t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		o.Say = func(text string, _ ...any) { cancel() } // after the first fit
		if _, err := trainers.Probe(ctx, task, ps, train, test, o); err == nil {
			t.Fatal("a probe goes on after its context ended")
		}
		o.Say = func(string, ...any) {}
		for range 2 {
			got, err := trainers.Probe(context.Background(), task, ps, train, test, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range got.Rows {
				if !slices.Equal(row.Scores, want.Rows[i].Scores) {
					t.Errorf("%s %s: %v, want %v", row.Name, row.Method, row.Scores, want.Rows[i].Scores)
				}
			}
		}
		if files, err := os.ReadDir(o.Cache); err != nil || len(files) != 3 { // of the training set, by the encoder and two untrained ones
			t.Errorf("%d files are kept, %v", len(files), err)
		}
	}
}

func TestProbeTargets(t *testing.T) {
	train, test := forms(t, 300, 0)
	task := objectives.Task{Encoder: &nets.MLP{Code: 20, Activation: "relu"}, Spec: train.Spec(), Batch: 50, Seed: 3}
	ps, err := trainers.Untrained(task, 9)
	if err != nil {
		t.Fatal(err)
	}
	o := probeOptions(t, train)
	if o.Target, err = train.Spec().Target(data.Values, []string{"x", "y"}); err != nil {
		t.Fatal(err)
	}
	o.Cache = t.TempDir()
	r, err := trainers.Probe(context.Background(), task, ps, train, test, o)
	if err != nil {
		t.Fatal(err)
	}
	if s := rowOf(r, "pixels", "linear"); r.Score != "R²" || s.Mean < 0.6 || rowOf(r, "encoder", "knn") == nil || rowOf(r, "encoder", "knn").Mean < 0.3 {
		t.Errorf("%s of places by pixels: %+v", r.Score, s)
	}
	again, err := trainers.Probe(context.Background(), task, ps, train, test, o)
	if err != nil || rowOf(again, "encoder", "linear").Mean != rowOf(r, "encoder", "linear").Mean {
		t.Errorf("from kept codes %+v, %v", again, err)
	}
}

func TestLabelCount(t *testing.T) {
	labels := make([]int, 400)
	for i := range labels {
		labels[i] = i % 4
	}
	for text, want := range map[string]int{"all": 400, "10": 40, "5%": 20, "1000": 400, "0.01%": 4} {
		l, err := trainers.ParseLabelCount(text)
		if err != nil || l.String() != text || len(l.Part(1).Draw(labels)) != want {
			t.Errorf("%s is %v with %d labels, want %d; %v", text, l, len(l.Part(1).Draw(labels)), want, err)
		}
	}
	for _, text := range []string{"", "0", "-3", "ten", "0%", "101%", "1.5", "NaN%"} {
		if _, err := trainers.ParseLabelCount(text); err == nil || !strings.Contains(err.Error(), "want all") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// rowOf finds what a kind of code reached; nil where it was not probed.
func rowOf(r *trainers.ProbeReport, name, method string) *trainers.ProbeRow {
	for i, row := range r.Rows {
		if row.Name == name && row.Method == method {
			return &r.Rows[i]
		}
	}
	return nil
}
