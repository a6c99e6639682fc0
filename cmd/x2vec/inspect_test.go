package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lookJob trains for a moment on made pictures; %s is what follows [data].
const lookJob = `[data]
source = "shapes"
size = 16
count = 160
test_limit = 120
%s
[train]
batch = 32
duration = "8 steps"
[checkpoint]
every = 4
keep = 3
`

const (
	convAE = `[encoder]
type = "conv"
channels = [4, 6]
code = 5
[objective]
type = "autoencoder"`
	smallMAE = `[encoder]
type = "vit"
patch = 4
dim = 8
depth = 2
heads = 2
[objective]
type = "mae"
decoder_dim = 8
decoder_depth = 1
decoder_heads = 2`
	smallVQ = `[encoder]
type = "residual"
hidden = 4
block_hidden = 4
blocks = 1
halvings = 2
dim = 4
[objective]
type = "vqvae"
codes = 8`
	smallKMeans = `[encoder]
type = "clusters"
k = 6
[objective]
type = "kmeans"`
)

// lookRun trains one of these.
func lookRun(t *testing.T, dir, name, job string) string {
	run := filepath.Join(dir, name)
	if name == "kmeans" { // which is solved
		job = strings.Replace(fmt.Sprintf(lookJob, job), "duration = \"8 steps\"", "duration = \"1 epoch\"", 1)
	} else {
		job = fmt.Sprintf(lookJob, job)
	}
	expect(t, 0, nil, "train", writeJob(t, job), "--out", run)
	return run
}

// looked checks that a command left its picture and its numbers.
func looked(t *testing.T, run, name string) {
	t.Helper()
	f, err := os.Open(filepath.Join(run, "inspect", name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Errorf("%s.png: %v", name, err)
	}
	var v struct {
		Command  string
		Step     int
		Pictures []struct{ File, Caption string }
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(run, "inspect", name+".json"))), &v); err != nil {
		t.Fatalf("%s.json: %v", name, err)
	}
	if v.Command == "" || v.Step == 0 || len(v.Pictures) == 0 || v.Pictures[0].File != "inspect/"+name+".png" || v.Pictures[0].Caption == "" {
		t.Errorf("%s.json: %+v", name, v)
	}
}

// Every command looks into a run that it fits, and says of others what it wants.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	ae, mae, vq, km := lookRun(t, dir, "ae", convAE), lookRun(t, dir, "mae", smallMAE), lookRun(t, dir, "vq", smallVQ), lookRun(t, dir, "kmeans", smallKMeans)
	for _, c := range []struct {
		name string
		said string
		args []string
	}{
		{"neighbors", "of the same class by encoder/code", []string{"neighbors", ae}},
		{"neighbors-conv0", "% by pixels", []string{"neighbors", ae, "--layer", "encoder/conv0", "--queries", "3,119", "--metric", "l2", "-k", "4", "-n", "50"}},
		{"units", "5 of 5 units", []string{"units", ae}},
		{"units-conv1", "2 of 6 units", []string{"units", ae, "--layer", "encoder/conv1", "--units", "1,4", "--top", "3"}},
		{"units-blocks-0", "8 of 8 units", []string{"units", mae, "--layer", "encoder/blocks/0"}},
		{"rdm", "within classes", []string{"rdm", ae, "-n", "30", "--against-layer", "encoder/conv1"}},
		{"rdm-conv0", "Spearman", []string{"rdm", ae, "-n", "30", "--layer", "encoder/conv0", "--measure", "euclid", "--against", mae, "--against-layer", "encoder/code"}},
		{"cka", "", []string{"cka", ae, "-n", "60"}},
		{"cka", "", []string{"cka", ae, mae, "-n", "60"}},
		{"cka", "", []string{"cka", ae, mae, vq, km, "-n", "60"}},
		{"layers", "at 3 steps", []string{"layers", ae, "-n", "40"}},
		{"map", "120 examples by tsne", []string{"map", ae}},
		{"map-conv0", "by pca", []string{"map", ae, "--layer", "encoder/conv0", "--method", "pca", "-n", "50"}},
		{"reconstruct", "mean squared error", []string{"reconstruct", ae, "-n", "4"}},
		{"reconstruct", "", []string{"reconstruct", mae, "--stimuli", "5,6,7"}},
		{"reconstruct", "mean squared error", []string{"reconstruct", km}},
		{"interpolate", "", []string{"interpolate", ae, "--pairs", "1,2,3,4", "--steps", "3"}},
		{"interpolate", "", []string{"interpolate", vq, "-n", "2", "--sphere"}},
		{"traverse", "", []string{"traverse", ae, "--example", "7", "--steps", "3", "-n", "40"}},
		{"codebook", "of 8 codes", []string{"codebook", vq}},
		{"codebook", "of 6 codes are used", []string{"codebook", km, "--split", "train"}},
		{"attention", "", []string{"attention", mae, "-n", "3", "--block", "0"}},
	} {
		t.Run(strings.Join(c.args[:1], " ")+" "+c.name, func(t *testing.T) {
			out := expect(t, 0, nil, append([]string{"inspect"}, c.args...)...)
			if !strings.Contains(out, c.said) {
				t.Errorf("says %q, want %q", out, c.said)
			}
			looked(t, c.args[1], c.name)
		})
	}
	// A matrix that was written can be compared with; it is the same.
	npy := filepath.Join(ae, "inspect", "rdm.npy")
	if out := expect(t, 0, nil, "inspect", "rdm", ae, "-n", "30", "--against", npy, "-o", filepath.Join(dir, "elsewhere")); !strings.Contains(out, "Spearman 1.000 (1.000 to 1.000)") {
		t.Errorf("says %q", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere", "rdm.npy")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		want   string
		status int
		args   []string
	}{
		{`has no activation "encoder/conv9"; there are encoder/conv0 [8 8 4], encoder/conv1`, 2, []string{"neighbors", ae, "--layer", "encoder/conv9"}},
		{`"7" is no number from 0 to 4`, 2, []string{"units", ae, "--units", "7"}},
		{"no codebook; want one of vqvae or kmeans", 1, []string{"codebook", ae}},
		{`want a run with encoder.type = "vit"`, 1, []string{"attention", ae}},
		{"want one of autoencoder, pca or vqvae", 1, []string{"interpolate", mae}},
		{"want one of autoencoder, pca or vqvae", 1, []string{"traverse", km}},
		{"not single values", 1, []string{"traverse", vq}},
		{"which has no words; x2vec inspect map", 1, []string{"embed-words", ae}},
		{"--measure is \"hamming\"", 2, []string{"rdm", ae, "--measure", "hamming"}},
		{"one RDM is of 40 stimuli and the other of 30", 1, []string{"rdm", ae, "-n", "40", "--against", npy}},
		{"no number from 0 to 119", 2, []string{"rdm", ae, "--stimuli", "1,2,500"}},
		{"--method is \"umap\"", 2, []string{"map", ae, "--method", "umap"}},
		{"-k is 60", 2, []string{"neighbors", ae, "-n", "60", "-k", "60"}},
		{"no command \"neighbours\"", 2, []string{"neighbours", ae}},
		{"no such folder", 2, []string{"map", filepath.Join(dir, "nowhere")}},
	} {
		expect(t, c.status, []string{c.want}, append([]string{"inspect"}, c.args...)...)
	}
}

// The experiment trains, says what each layer knows, and leaves an ordinary run.
func TestExperiment(t *testing.T) {
	run := filepath.Join(t.TempDir(), "shapes")
	args := []string{"experiment", "shapes", "--out", run, "--steps", "6", "--set", "data.count=300", "--set", "data.test_limit=120", "--set", "data.size=16",
		"--set", "encoder.channels=[4, 6]", "--set", "encoder.code=5", "--set", "train.batch=32"}
	out := expect(t, 0, nil, args...)
	for _, want := range []string{"probe by layer", "nearest by layer", "colour", "shape", "place", "pixels", "conv1", "code"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	looked(t, run, "experiment")
	if _, err := os.Stat(filepath.Join(run, "inspect", "experiment-neighbors.png")); err != nil {
		t.Error(err)
	}
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	if before, _, found := strings.Cut(string(page), "Curves</h2>"); err != nil || !found || !strings.Contains(before, "What each layer knows") || !strings.Contains(before, "The nearest, layer by layer") {
		t.Errorf("the report does not begin with what was found: %v", err)
	}
	if again := expect(t, 0, []string{"is complete"}, args...); !strings.Contains(again, "probe by layer") {
		t.Errorf("once more it says %s", again)
	}
}
