package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"x2vec/trainers"
)

// endedWithin starts a command, and kills it where it has not ended within a while.
func endedWithin(t *testing.T, c *exec.Cmd, wait time.Duration) (ended bool, err error) {
	t.Helper()
	var text bytes.Buffer
	c.Stderr = &text
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	through := make(chan error, 1)
	go func() { through <- c.Wait() }()
	select {
	case err := <-through:
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, &text)
		}
		return true, err
	case <-time.After(wait):
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-through
		return false, nil
	}
}

// untilDone runs a command in a process of its own that is killed so many times, after up
// to longest each, and begun again.
func untilDone(t *testing.T, kills int, longest time.Duration, args ...string) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := 0; n <= kills; n++ {
		wait := 30*time.Millisecond + time.Duration(random.Int64N(int64(longest)))
		if n == kills {
			wait = 2 * time.Minute
		}
		ended, err := endedWithin(t, command(args...), wait)
		if err != nil {
			t.Fatalf("after %d kills: %v", n, err)
		}
		if ended {
			return
		}
	}
	t.Fatal("it comes to no end")
}

// The stages after pretraining end in the same numbers when they are killed in the middle
// and begun again: codes, probe, finetuning, and what makes codes good.
func TestStagesKilled(t *testing.T) {
	run := pretrainedShapes(t)
	kills := 6
	if testing.Short() {
		kills = 2
	}
	kept := func(folder string) map[string]string {
		files := map[string]string{}
		for _, pattern := range []string{"transfer/*.json", "checkpoints/*/weights.safetensors"} {
			list, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range list {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				name, err := filepath.Rel(folder, path)
				if err != nil {
					t.Fatal(err)
				}
				files[name] = strings.ReplaceAll(string(b), folder, "RUN")
			}
		}
		return files
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
	for _, stage := range []struct {
		name    string
		longest time.Duration
		args    func(folder string) []string
		found   func(folder string) string // what holds the result
	}{
		{"probe", 300 * time.Millisecond, func(f string) []string { return []string{"probe", f, "--seeds", "2"} }, func(f string) string { return f }},
		{"eval", 900 * time.Millisecond, func(f string) []string { return []string{"eval", f} }, func(f string) string { return f }},
		{"finetune", 500 * time.Millisecond, func(f string) []string {
			return []string{"finetune", f, "--out", f + "-ft", "--set", "train.duration=150", "--set", "schedule.warmup=5", "--set", "checkpoint.every=20", "--set", "eval.every=50"}
		}, func(f string) string { return f + "-ft" }},
	} {
		t.Run(stage.name, func(t *testing.T) {
			if status, _, text := inProcess(stage.args(run)...); status != 0 {
				t.Fatalf("exit status %d: %s", status, text)
			}
			untilDone(t, kills, stage.longest, stage.args(other)...)
			want, got := kept(stage.found(run)), kept(stage.found(other))
			if len(want) == 0 { // of got there may be more: a kill may come before an old checkpoint goes
				t.Fatal("nothing is kept")
			}
			for name, text := range want {
				if got[name] != text {
					t.Errorf("%s differs", name)
				}
			}
			if stage.name == "finetune" {
				a, b := figuresOf(t, stage.found(run)), figuresOf(t, stage.found(other))
				if a == "" || a != b {
					t.Errorf("figures are %s, want %s", b, a)
				}
			}
		})
	}
}

// figuresOf are those of the evaluation after training.
func figuresOf(t *testing.T, folder string) string {
	t.Helper()
	figures, err := lastFigures(folder)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Join(folder, trainers.EvalsDir), err)
	}
	b, err := json.Marshal(figures)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
