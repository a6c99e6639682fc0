package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"x2vec/checkpoints"
)

// expect runs a command here and wants that exit status and these words in what it
// says.
func expect(t *testing.T, status int, words []string, args ...string) (stdout string) {
	t.Helper()
	got, out, err := inProcess(args...)
	if got != status {
		t.Errorf("%v: exit status %d, want %d\n%s%s", args, got, status, out, err)
	}
	for _, w := range words {
		if !strings.Contains(out+err, w) {
			t.Errorf("%v: %q is missing in\n%s%s", args, w, out, err)
		}
	}
	return out
}

// TestRunFolder walks through what may happen to a run that is there already.
func TestRunFolder(t *testing.T) {
	text := fmt.Sprintf(small, 60)
	job := writeJob(t, text)
	run := filepath.Join(t.TempDir(), "run")
	train := func(more ...string) []string { return append([]string{"train", job, "--out", run}, more...) }

	expect(t, 1, []string{"holds no checkpoint to go on from"}, train("--resume", "must")...)
	expect(t, 0, []string{"done: "}, train()...)
	for _, name := range []string{"run.toml", "metrics.jsonl", "run.log", "report.html", "inspect/map.json", "evals/step-00000060.json",
		"samples/step-00000060-reconstructions.png", "checkpoints/step-00000060/weights.safetensors", "checkpoints/step-00000045/manifest.json"} {
		if _, err := os.Stat(filepath.Join(run, filepath.FromSlash(name))); err != nil {
			t.Errorf("%v", err)
		}
	}
	before := final(t, run)
	expect(t, 0, []string{"is complete (step 60)", "raise train.duration", "--resume never"}, train()...)
	expect(t, 1, []string{"holds a run at step 60; give another --out"}, train("--resume", "never")...)
	expect(t, 2, []string{"--resume is \"yes\", want auto, never or must"}, train("--resume", "yes")...)
	expect(t, 2, []string{
		`--set encoder.code=9: is 9, but the run in ` + run + ` has 8; a run goes on as it began: give another --out to begin anew`,
		`--set optimizer.lr=0.1: is 0.1, but the run in`,
		`--set seed=6: is 6, but the run in`,
	}, train("--set", "encoder.code=9", "--set", "optimizer.lr=0.1", "--set", "seed=6", "--set", "log.every=5")...)
	same(t, "refused", final(t, run), before)

	// More to do: a longer run goes on, and says what changed.
	expect(t, 0, []string{"train.duration is 90 now, was 60", "going on from step 60 of 90"}, train("--set", "train.duration=90")...)
	if got := string(final(t, run)["step"]); got != "90" {
		t.Errorf("the newest checkpoint is of step %s, want 90", got)
	}
	expect(t, 0, []string{"checkpoints are whole, the newest is of step 90"}, "verify", run)
	expect(t, 0, []string{"report.html"}, "report", run)
	expect(t, 2, []string{"is not the folder of a run"}, "resume", t.TempDir())
}

// A damaged newest checkpoint is named and the one before it is used; the run ends
// in the same bytes.
func TestDamagedCheckpoint(t *testing.T) {
	job := writeJob(t, fmt.Sprintf(small, 60))
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 0, nil, "train", job, "--out", run)
	before := final(t, run)
	file := filepath.Join(run, "checkpoints", "step-00000060", "weights.safetensors")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, 1, []string{file}, "verify", run)
	expect(t, 0, []string{"checkpoint passed over: " + file, "going on from step 54 of 60"}, "train", job, "--out", run)
	same(t, "after damage", final(t, run), before)
}

func TestTwoProcesses(t *testing.T) {
	job := writeJob(t, fmt.Sprintf(small, 60))
	run := t.TempDir()
	lock, err := checkpoints.Acquire(run)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	expect(t, 1, []string{fmt.Sprintf("%s: in use by process %d since ", run, os.Getpid())}, "train", job, "--out", run)
}

// A loss that is not a number ends the run, keeps the checkpoints that are good and
// says how to go on.
func TestDivergedRun(t *testing.T) {
	job := writeJob(t, `[data]
source = "synthetic"
count = 200
test_limit = 20
size = 4
channels = 1
[encoder]
hidden = []
code = 2
[optimizer]
type = "sgd"
lr = 40000
[train]
batch = 10
duration = 500
[checkpoint]
every = 2
`)
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 1, []string{"at learning rate 40000; the batch's examples are [", "the checkpoint to go back to is that of step ", "a lower optimizer.lr"},
		"train", job, "--out", run)
	expect(t, 0, []string{"checkpoints are whole"}, "verify", run)
	b, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil || !bytes.Contains(b, []byte(`"event":"stop"`)) || !bytes.Contains(b, []byte(`"index":[`)) {
		t.Errorf("metrics.jsonl has no stop event with the batch: %v\n%s", err, b)
	}
}

func TestRequests(t *testing.T) {
	t.Setenv("X2VEC_DATA", "")
	t.Setenv("X2VEC_CACHE", t.TempDir())
	job := writeJob(t, fmt.Sprintf(small, 60))
	expect(t, 2, []string{`no recipe "quikstart"; did you mean "quickstart"?`}, "train", "quikstart")
	expect(t, 2, []string{"no such file"}, "train", filepath.Join(t.TempDir(), "x.toml"))
	expect(t, 2, []string{"--steps is 0, want at least 1"}, "train", job, "--steps", "0")
	expect(t, 2, []string{"small.toml:23: train.batch: is 24, but synthetic has only 20 examples for training"},
		"train", job, "--out", t.TempDir(), "--set", "data.count=20")
	expect(t, 1, []string{"mnist is not here; looked in", "x2vec data get mnist"}, "train", "ae-mlp", "--out", t.TempDir(), "--set", "data.path=")
	expect(t, 0, []string{"trained values", "encoder/fc0/weight", "a step of 48 examples"}, "train", job, "--dry-run")

	printed := expect(t, 0, []string{"duration = 7\n", "code = 8\n"}, "train", job, "--print-config", "--steps", "7")
	again := writeJob(t, printed)
	if expect(t, 0, nil, "train", again, "--print-config") != printed {
		t.Error("the printed run file prints itself differently")
	}
}

// Every recipe is a good run file, and ls says what it is.
func TestRecipes(t *testing.T) {
	list := expect(t, 0, nil, "recipes", "ls")
	for _, name := range recipes.names() {
		text := expect(t, 0, nil, "recipes", "show", name)
		about, rest, _ := strings.Cut(text, "\n")
		if !strings.HasPrefix(about, "# ") || !strings.Contains(list, strings.TrimPrefix(about, "# ")) || rest == "" {
			t.Errorf("%s: recipes ls does not say %q", name, about)
		}
		expect(t, 0, []string{"[encoder]"}, "train", name, "--print-config")
	}
	for _, name := range sweeps.names() {
		about, _, _ := strings.Cut(expect(t, 0, nil, "recipes", "show", name), "\n")
		if !strings.HasPrefix(about, "# ") || !strings.Contains(list, strings.TrimPrefix(about, "# ")) {
			t.Errorf("%s: recipes ls does not say %q", name, about)
		}
	}
	expect(t, 2, []string{`no recipe "nosuch"`}, "recipes", "show", "nosuch")
}

// TestFitter trains a method that has no steps, in the same folder, log and report.
func TestFitter(t *testing.T) {
	job := writeJob(t, `[data]
source = "shapes"
count = 300
test_limit = 50
size = 8
[encoder]
hidden = []
code = 5
[objective]
type = "pca"
[train]
batch = 50
`)
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 0, []string{"test loss", "done: "}, "train", job, "--out", run)
	expect(t, 0, []string{"is complete (step 1)"}, "train", job, "--out", run)
	expect(t, 0, []string{"the same bytes"}, "verify", "--resume", run)
}

// TestKMeansRun stops a fit in its middle and goes on with it, to the same bytes.
func TestKMeansRun(t *testing.T) {
	job := writeJob(t, `[data]
source = "shapes"
count = 3000
test_limit = 50
size = 8
[encoder]
type = "clusters"
k = 12
[objective]
type = "kmeans"
restarts = 2
iterations = 12
tolerance = 0
memory = 0
[log]
every = 1
[checkpoint]
every = 1
[train]
batch = 50
`)
	straight := filepath.Join(t.TempDir(), "straight")
	expect(t, 0, []string{"test loss", "train inertia", "train NMI", "done: "}, "train", job, "--out", straight)
	for _, name := range []string{"clusters", "centers", "reconstructions"} {
		if list, err := filepath.Glob(filepath.Join(straight, "samples", "step-*-"+name+".png")); err != nil || len(list) != 1 {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
	expect(t, 0, []string{"the same bytes"}, "verify", "--resume", straight)
	run := filepath.Join(t.TempDir(), "run")
	kills := 0
	for ; kills < 3; kills++ {
		c := command("train", job, "--out", run)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+40*kills) * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	expect(t, 0, nil, "train", job, "--out", run)
	same(t, "killed three times", final(t, run), final(t, straight))
}

// A run does not go on where its examples have changed: those for training, for its
// bytes, nor those for testing, for its best loss is of them.
func TestChangedData(t *testing.T) {
	dir := t.TempDir()
	for split, n := range map[string]int{"train": 6, "test": 3} {
		if err := os.Rename(classFolder(t, n, 8), filepath.Join(dir, split)); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 0, nil, "train", "ae-folder", "--data", dir, "--out", run, "--set", "data.size=16", "--set", "train.batch=4", "--set", "train.duration=2", "--set", "schedule.warmup=0", "--set", "encoder.hidden=[4]")
	for _, split := range []string{"test", "train"} {
		file, away := filepath.Join(dir, split, "rose", "2.png"), filepath.Join(t.TempDir(), "2.png")
		if err := os.Rename(file, away); err != nil {
			t.Fatal(err)
		}
		if split == "train" {
			split = "training"
		}
		expect(t, 1, []string{"the " + split + " data are not those the run began with"}, "resume", run, "--set", "train.duration=3")
		if err := os.Rename(away, file); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, 0, []string{"going on from step 2 of 3"}, "resume", run, "--set", "train.duration=3")
}

// Pictures that are all the same are told as such, and have no directions to be found.
func TestConstantPictures(t *testing.T) {
	dir := t.TempDir()
	one, err := os.ReadFile(filepath.Join(classFolder(t, 1, 8), "rose", "0.png"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.png", i)), one, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := func() string { return filepath.Join(t.TempDir(), "run") }
	small := []string{"--data", dir, "--set", "data.source=folder", "--set", "data.size=8", "--set", "train.batch=4"}
	expect(t, 0, []string{"training examples that were looked at are all the same"}, append([]string{"train", "ae-folder", "--out", out()}, append(small, "--set", "train.duration=2", "--set", "encoder.hidden=[4]")...)...)
	expect(t, 1, []string{"examples of ", " are the same; there are no directions in which they differ"}, append([]string{"train", "pca", "--out", out()}, append(small, "--set", "encoder.code=2")...)...)
}
