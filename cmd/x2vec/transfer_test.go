package main

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"x2vec/trainers"
)

// pretrainedShapes is the folder of a small run on shapes.
func pretrainedShapes(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "shapes")
	job := writeJob(t, `[data]
source = "shapes"
count = 600
test_limit = 200
size = 8
channels = 1
[encoder]
hidden = [24]
code = 8
[train]
batch = 50
duration = 60
`)
	if status, _, text := inProcess("train", job, "--out", folder); status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	return folder
}

var transferFiles = []string{transferJSON, transferTable, transferPlot}

func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range transferFiles {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	return files
}

// A transfer that is killed at random moments, in all of its stages, and goes on each
// time, ends in the same bytes as one that was never stopped.
func TestTransferKilled(t *testing.T) {
	run := pretrainedShapes(t)
	args := func(out string) []string {
		return []string{"transfer", run, "--out", out, "--labels", "4,50%,all", "--seeds", "2", "--set", "train.duration=120", "--set", "schedule.warmup=10",
			"--set", "checkpoint.every=40", "--methods", "finetune,linear,knn,scratch,untrained,pixels"}
	}
	straight := filepath.Join(t.TempDir(), "straight")
	status, out, text := inProcess(args(straight)...)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	want := filesOf(t, straight)
	var r trainers.TransferReport
	if err := json.Unmarshal(want[transferJSON], &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 6*3 || !r.Pretrained || r.Before != r.After || r.Test != 200 {
		t.Errorf("%d rows, %+v", len(r.Rows), r)
	}
	for _, row := range r.Rows {
		n, seeds := map[string]int{"4": 20, "50%": 300, "all": 600}[row.Labels], 2
		if row.Method == trainers.ByKNN && row.Labels == "all" {
			seeds = 1
		}
		if d := row.Examples - n; d < -2 || d > 2 || len(row.Scores) != seeds || row.Mean < 0.1 {
			t.Errorf("%+v, want about %d examples and %d seeds", row, n, seeds)
		}
	}
	if !strings.Contains(out, "finetuned") || !strings.Contains(out, "from scratch") {
		t.Errorf("the table: %s", out)
	}
	if left, _ := filepath.Glob(filepath.Join(straight, "cells", "*", "run.toml")); len(left) > 0 {
		t.Errorf("runs are left: %v", left)
	}

	// Killed while a run is removed whose number is kept.
	half := filepath.Join(straight, "cells", "finetune-4-seed-0")
	if err := os.MkdirAll(filepath.Join(half, "checkpoints", "step-00000120"), 0o777); err != nil {
		t.Fatal(err)
	}
	if status, _, text := inProcess(args(straight)...); status != 0 {
		t.Errorf("with half a run left: exit status %d: %s", status, text)
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("half a run stays: %v", err)
	}

	// What is not asked for again is told with the rest.
	few := []string{"transfer", run, "--out", straight, "--labels", "50%", "--seeds", "2", "--set", "train.duration=120", "--set", "schedule.warmup=10",
		"--set", "checkpoint.every=40", "--methods", "knn"}
	if status, out, text := inProcess(few...); status != 0 || !strings.Contains(out, "finetuned") || strings.Contains(text, "step 120") {
		t.Errorf("asked for a part: exit status %d: %s%s", status, out, text)
	}
	var again trainers.TransferReport
	if err := json.Unmarshal(filesOf(t, straight)[transferJSON], &again); err != nil || len(again.Rows) != len(r.Rows) {
		t.Errorf("asked for a part, %d rows, %v; want %d", len(again.Rows), err, len(r.Rows))
	}

	if err := os.RemoveAll(filepath.Join(run, trainers.FeaturesDir)); err != nil {
		t.Fatal(err)
	}
	kills := 12
	if testing.Short() {
		kills = 4
	}
	killed := filepath.Join(t.TempDir(), "killed")
	untilDone(t, kills, 410*time.Millisecond, args(killed)...)
	same(t, "killed", filesOf(t, killed), want)
}

func TestTransferRefuses(t *testing.T) {
	run := pretrainedShapes(t)
	for _, tc := range []struct{ flags, want string }{
		{"--labels 10,ten", `--labels: is "ten", want all, a number of labels of each class`},
		{"--methods linear,forest", `--methods: "forest" is none of finetune, linear, knn, scratch, untrained, pixels`},
		{"--seeds 0", "--seeds: is 0, want 1 to 1000"},
		{"--target values --factor shape", "factors: shape is none of the real factors that values asks for"},
		{"--set train.early_stop=3 --set eval.every=5", "train.early_stop=3: chooses by the test set"},
		{"--set train.durration=3", "train.durration=3: no such key; did you mean train.duration?"},
	} {
		status, _, text := inProcess(append([]string{"transfer", run}, strings.Fields(tc.flags)...)...)
		if status != exitBadRequest || !strings.Contains(text, tc.want) {
			t.Errorf("%s: exit status %d: %s\nwant %s", tc.flags, status, text, tc.want)
		}
	}
}

// Numbers, and classes that are no label, are asked for by every method.
func TestTransferOfOtherAnswers(t *testing.T) {
	run := pretrainedShapes(t)
	for _, tc := range []struct{ flags, score string }{
		{"--target values --factor x --factor y --labels 100", "R²"},
		{"--factor shape --labels 5", "accuracy"},
	} {
		args := append([]string{"transfer", run, "--methods", "finetune,linear,knn,scratch,untrained,pixels", "--seeds", "1", "--json",
			"--set", "train.duration=5", "--set", "schedule.warmup=1"}, strings.Fields(tc.flags)...)
		status, out, text := inProcess(args...)
		var got struct {
			Score string
			Rows  []struct {
				Method string
				Mean   float64
			}
		}
		if status != 0 || json.Unmarshal([]byte(out), &got) != nil || got.Score != tc.score || len(got.Rows) != 6 {
			t.Errorf("%s: exit status %d: %s%s", tc.flags, status, out, text)
		}
	}
}

// idxFolder writes IDX files of 4x4 pictures, test examples being the training examples
// from position shared on.
func idxFolder(t *testing.T, n, shared int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	pixels, labels := make([]byte, 2*n*16), make([]byte, 2*n)
	for i := range labels {
		labels[i] = byte(i % 2)
		for j := range 16 {
			pixels[i*16+j] = byte(r.IntN(100)) + labels[i]*100
		}
	}
	header := func(sizes ...int) []byte {
		b := []byte{0, 0, 8, byte(len(sizes))}
		for _, s := range sizes {
			b = binary.BigEndian.AppendUint32(b, uint32(s))
		}
		return b
	}
	for name, from := range map[string]int{"train": 0, "t10k": shared} {
		if err := os.WriteFile(filepath.Join(dir, name+"-images-idx3-ubyte"), slices.Concat(header(n, 4, 4), pixels[from*16:(from+n)*16]), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-labels-idx1-ubyte"), slices.Concat(header(n), labels[from:from+n]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The same examples as training and test set are refused, and those that are in both are
// left out of the training set, by every command that trains on labels.
func TestNoTestDataInTraining(t *testing.T) {
	pretrain := func(data string) string {
		run := filepath.Join(t.TempDir(), "run")
		job := writeJob(t, "[data]\nsource = \"idx\"\npath = '"+data+"'\n[encoder]\nhidden = []\ncode = 4\n[train]\nbatch = 20\nduration = 20\n")
		if status, _, text := inProcess("train", job, "--out", run); status != 0 {
			t.Fatalf("exit status %d: %s", status, text)
		}
		return run
	}
	commands := [][]string{{"probe"}, {"finetune", "--out", "", "--set", "train.duration=20", "--set", "schedule.warmup=0"},
		{"transfer", "--labels", "all", "--set", "train.duration=20", "--set", "schedule.warmup=0", "--seeds", "1"}}
	t.Chdir(t.TempDir())
	same := pretrain(idxFolder(t, 60, 0))
	for _, c := range commands {
		status, out, text := inProcess(append([]string{c[0], same}, c[1:]...)...)
		if status == 0 || !strings.Contains(text, "every training example is in the test set too") {
			t.Errorf("%s on one set twice: exit status %d: %s%s", c[0], status, out, text)
		}
	}
	some := pretrain(idxFolder(t, 60, 45))
	for _, c := range commands {
		status, out, text := inProcess(append([]string{c[0], some}, c[1:]...)...)
		if status != 0 || !strings.Contains(out+text, "15 training examples") || !strings.Contains(out+text, "left out, as the same bytes are in the test set") {
			t.Errorf("%s where 15 examples are in both: exit status %d: %s%s", c[0], status, out, text)
		}
	}
}
