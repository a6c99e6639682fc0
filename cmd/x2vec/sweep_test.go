package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"x2vec/trainers/eval"
)

const smallSweep = `base = "small.toml"
seeds = [1, 2, 3]
[settings]
data = { source = "builtin", size = 8, limit = 120, test_limit = 60 }
train.batch = 20
[grid]
objective.noise = [0.0, 0.3]
[[variant]]
name = "plain"
[[variant]]
name = "wild"
optimizer = { type = "sgd", lr = 1e30 }
[[probe]]
labels = ["2", "all"]
seeds = 2
baselines = true
`

// writeSweep puts a sweep and its base into a folder of the test.
func writeSweep(t *testing.T, text string) string {
	t.Helper()
	base := writeJob(t, strings.ReplaceAll(small, "%d", "20"))
	path := filepath.Join(filepath.Dir(base), "sweep.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readTable(t *testing.T, dir string) (table sweepTable) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, sweepJSONFile))
	if err == nil {
		err = json.Unmarshal(text, &table)
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSweep runs a sweep in which one variant fails, and compares its table with what
// the runs say themselves.
func TestSweep(t *testing.T) {
	small := smallSweep
	if testing.Short() { // one draw of the labels of a probe is enough to see that it is there
		small = strings.Replace(small, "seeds = 2\nbaselines", "seeds = 1\nbaselines", 1)
	}
	path, dir := writeSweep(t, small), t.TempDir()
	status, out, said := inProcess("sweep", path, "--out", dir, "--threads", "1")
	if status != exitFailure || !strings.Contains(said, "6 of 12 runs failed: wild-noise=0-seed1, ") || !strings.Contains(said, "step 1: the loss is") {
		t.Fatalf("status %d, want %d and the six wild runs named:\n%s", status, exitFailure, said)
	}
	for _, want := range []string{"objective.noise  seeds", "\nplain ", "0 (3 failed)", "raw pixels (64)", "6 of 12 runs are complete"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
	table := readTable(t, dir)
	if table.Runs != 12 || table.Complete != 6 || len(table.Rows) != 4 {
		t.Fatalf("%d runs, %d complete, %d rows; want 12, 6, 4", table.Runs, table.Complete, len(table.Rows))
	}
	var losses []float64
	for _, seed := range []string{"1", "2", "3"} {
		r, err := eval.Read(filepath.Join(dir, "plain-noise=0.3-seed"+seed, "evals", "step-00000020.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Figures {
			if f.Name == "test loss" {
				losses = append(losses, float64(f.Value))
			}
		}
	}
	mean := (losses[0] + losses[1] + losses[2]) / 3
	var square float64
	for _, l := range losses {
		square += (l - mean) * (l - mean)
	}
	half := 4.302652729911275 * math.Sqrt(square/2/3) // Student's t of 2 degrees of freedom at 0.975
	got := table.Rows[1].Figures["test loss"]
	if len(got.Values) != 3 || math.Abs(got.Mean-mean) > 1e-12 || got.Half == nil || math.Abs(*got.Half-half) > 1e-9 {
		t.Errorf("test loss %+v, want %g ± %g of %v", got, mean, half, losses)
	}
	if f := table.Rows[0].Figures["linear probe accuracy, 2 labels a class"]; len(f.Values) != 3 {
		t.Errorf("probe: %+v, want three values", f)
	}
	if len(table.Baselines) != 3 || len(table.Baselines[0].Figures) != 2 {
		t.Errorf("baselines: %+v", table.Baselines)
	}

	// What is complete is kept, and not probed again.
	probe := filepath.Join(dir, "plain-noise=0-seed1", "transfer", "probe-builtin--a-part-of-fashion-mnist--encoder-code-all.json")
	before, err := os.Stat(probe)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.Replace(small, "[[variant]]\nname = \"wild\"\noptimizer = { type = \"sgd\", lr = 1e30 }\n", "", 1)
	if err := os.WriteFile(path, []byte(cut), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, said = inProcess("sweep", path, "--out", dir, "--figure", "all labels", "--json")
	if after, err := os.Stat(probe); status != exitOK || err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("status %d, %v, the probe was taken again: %v\n%s", status, err, !after.ModTime().Equal(before.ModTime()), said)
	}
	if err := json.Unmarshal([]byte(out), &table); err != nil || len(table.Figures) != 2 || table.Complete != 6 {
		t.Errorf("%v, figures %v, %d complete\n%s", err, table.Figures, table.Complete, out)
	}

	// Another setting under the same name is refused before anything is trained.
	other := strings.Replace(cut, "train.batch = 20", "train.batch = 30", 1)
	if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, said = inProcess("sweep", path, "--out", dir)
	if status != exitBadRequest || !strings.Contains(said, "sweep.toml:5: train.batch: is 30, but the run in ") {
		t.Errorf("status %d, want %d and the line of the setting:\n%s", status, exitBadRequest, said)
	}
}

// TestSweepStopped ends a sweep by SIGKILL and by SIGINT; the same command goes on, and
// every run ends in the bytes of one that was never stopped.
func TestSweepStopped(t *testing.T) {
	seeds := 2
	if testing.Short() {
		seeds = 1
	}
	text := fmt.Sprintf("base = \"small.toml\"\nseeds = %d\n[settings]\ntrain.duration = 120\n[grid]\nobjective.noise = [0.0, 0.3]\n", seeds)
	path, dir, whole := writeSweep(t, text), t.TempDir(), t.TempDir()
	if status, _, said := inProcess("sweep", path, "--out", whole); status != exitOK {
		t.Fatalf("status %d\n%s", status, said)
	}
	second := filepath.Join(dir, "noise=0.3-seed0", "checkpoints")
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT}
	if testing.Short() {
		signals = signals[:1]
	}
	for _, sig := range signals {
		c := command("sweep", path, "--out", dir, "--threads", "1")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			if steps, _ := os.ReadDir(second); len(steps) > 0 {
				break
			}
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Log(err) // it was through already
		}
		err := c.Wait()
		if code := c.ProcessState.ExitCode(); sig == syscall.SIGINT && code != 130 && code != 0 {
			t.Errorf("%v: %v, want exit status 130", sig, err)
		}
		second = filepath.Join(dir, "noise=0-seed1", "checkpoints")
	}
	if status, out, said := inProcess("sweep", path, "--out", dir); status != exitOK || !strings.Contains(out, "noise") {
		t.Fatalf("status %d\n%s%s", status, out, said)
	}
	for _, name := range []string{"noise=0-seed0", "noise=0.3-seed0", "noise=0-seed1", "noise=0.3-seed1"}[:2*seeds] {
		same(t, name, final(t, filepath.Join(dir, name)), final(t, filepath.Join(whole, name)))
	}
}

// TestSweepTransfer ends a sweep by SIGKILL and by SIGINT while it finetunes; the same
// command goes on, and its numbers are those of one that was never stopped and of x2vec
// transfer. What is there is not taken again.
func TestSweepTransfer(t *testing.T) {
	path, dir, whole := writeSweep(t, `base = "small.toml"
[settings]
data = { source = "shapes", count = 300, test_limit = 100, size = 8, channels = 1 }
[grid]
objective.noise = [0.0, 0.3]
[[transfer]]
labels = ["4"]
seeds = 2
methods = ["finetune", "scratch", "pixels"]
set = ["train.duration=40", "schedule.warmup=2"]
`), t.TempDir(), t.TempDir()
	if status, _, said := inProcess("sweep", path, "--out", whole); status != exitOK {
		t.Fatalf("status %d\n%s", status, said)
	}
	first, second := "noise=0-seed5", "noise=0.3-seed5"
	found := func(dir, run, pattern string) []string {
		files, _ := filepath.Glob(filepath.Join(dir, run, "transfer", "curve-shapes-*", pattern))
		return files
	}
	for i, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		c := command("sweep", path, "--out", dir, "--threads", "1")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		run := []string{first, second}[i]
		for end := time.Now().Add(time.Minute); time.Now().Before(end) && len(found(dir, run, "cells/finetune-*.json")) == 0; time.Sleep(time.Millisecond) {
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Log(err) // it was through already
		}
		err := c.Wait()
		if code := c.ProcessState.ExitCode(); sig == syscall.SIGINT && code != 130 && code != 0 {
			t.Errorf("%v: %v, want exit status 130", sig, err)
		}
	}
	status, out, said := inProcess("sweep", path, "--out", dir)
	if status != exitOK || !strings.Contains(out, "finetuned accuracy, 4 labels a class") || !strings.Contains(out, "\nfrom scratch ") {
		t.Fatalf("status %d\n%s%s", status, out, said)
	}
	for _, name := range []string{sweepTableFile, sweepJSONFile} {
		if got, want := read(t, filepath.Join(dir, name)), read(t, filepath.Join(whole, name)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	cells := map[string]time.Time{}
	for run, want := range map[string]int{first: 6, second: 2} {
		files := found(dir, run, "cells/*.json")
		if len(files) != want {
			t.Errorf("%s has %d numbers, want %d: %v", run, len(files), want, files)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			cells[file] = info.ModTime()
			rel, _ := filepath.Rel(dir, file)
			if got, want := read(t, file), read(t, filepath.Join(whole, rel)); got != want {
				t.Errorf("%s: got %s, want %s", rel, got, want)
			}
		}
	}

	// The command by hand finds what the sweep found, as does the sweep given again.
	out = expect(t, exitOK, nil, "transfer", filepath.Join(dir, second), "--labels", "4", "--seeds", "2", "--methods", "finetune",
		"--set", "train.duration=40", "--set", "schedule.warmup=2", "--json")
	var curve transferResult
	if err := json.Unmarshal([]byte(out), &curve); err != nil {
		t.Fatal(err)
	}
	table := readTable(t, dir)
	column := "finetuned accuracy, 4 labels a class"
	if got := table.Rows[1].Figures[column]; len(got.Values) != 1 || got.Mean != curve.Rows[0].Mean {
		t.Errorf("the table has %+v, transfer %+v", got, curve.Rows)
	}
	if len(table.Baselines) != 2 || len(table.Baselines[0].Figures[column].Values) != 2 || len(table.Baselines[1].Figures["linear probe accuracy, 4 labels a class"].Values) != 2 {
		t.Errorf("baselines: %+v", table.Baselines)
	}
	if status, _, said := inProcess("sweep", path, "--out", dir); status != exitOK || strings.Contains(said, "labels") {
		t.Errorf("given again, status %d: %s", status, said)
	}
	for file, when := range cells {
		if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s was taken again: %v", file, err)
		}
	}
	expect(t, exitBadRequest, []string{"sweep.toml:10: transfer[0].set: train.duraton=40: no such key; did you mean train.duration?"},
		"sweep", writeSweep(t, strings.Replace(read(t, path), "duration=40", "duraton=40", 1)), "--out", dir)
}

// The sweeps that are built in are understood as they stand.
func TestBuiltInSweeps(t *testing.T) {
	for name, runs := range map[string][]string{
		"pretext": {"untrained", "simclr", "color", "block", "vqvae", "vit-mae"},
		"masks":   {"random", "block", "grid"},
	} {
		out := expect(t, 0, nil, "sweep", name, "--plan", "--out", t.TempDir())
		for _, run := range runs {
			if !strings.Contains(out, run) {
				t.Errorf("no run of %s is planned:\n%s", run, out)
			}
		}
	}
	expect(t, exitBadRequest, []string{`no sweep "pretxt"; did you mean "pretext"?`, "a sweep file's name ends in .toml"}, "sweep", "pretxt")
}
