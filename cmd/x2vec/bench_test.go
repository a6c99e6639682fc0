package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"x2vec/trainers/job"
)

// The line of bench --json is an interface: scripts compare its figures.
func TestBenchLine(t *testing.T) {
	t.Setenv("X2VEC_DATA", t.TempDir())
	t.Setenv("X2VEC_CACHE", t.TempDir())
	var out, errs bytes.Buffer
	if status := run([]string{"bench", "ae-linear", "--steps", "8", "--batch", "64", "--threads", "2", "--json"}, &out, &errs); status != exitOK {
		t.Fatalf("status %d: %s", status, &errs)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Fatalf("%d lines, want one: %s", n, &out)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"workload": "ae-linear", "steps": 8.0, "threads": 2.0, "batch": 64.0, "data": "synthetic"} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	for _, key := range []string{"samples_per_s", "final_loss", "peak_rss_mb", "seconds"} {
		if v, ok := line[key].(float64); !ok || v <= 0 {
			t.Errorf("%s is %v, want a number above 0", key, line[key])
		}
	}
	if line["blas"] == "" {
		t.Error("blas is empty")
	}
}

// Every workload is a recipe, and what bench asks of it besides is understood.
func TestBenchWorkloads(t *testing.T) {
	for _, w := range workloads {
		text, err := recipes.text(w.name)
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
			continue
		}
		f, err := job.Parse(w.name+".toml", text, benchSets(w.name, w.steps))
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		if w.name == "vqvae" && (f.Train.Batch != 128 || f.Optimizer.LR != 1e-3) {
			t.Errorf("vqvae is timed with batch %d and rate %g", f.Train.Batch, f.Optimizer.LR)
		}
	}
}

// Every workload can begin, with few steps as with its own number.
func TestBenchAssembles(t *testing.T) {
	t.Setenv("X2VEC_DATA", t.TempDir())
	t.Setenv("X2VEC_CACHE", t.TempDir())
	for _, w := range workloads {
		for _, steps := range []int{warmUp + 1, w.steps} {
			if _, err := benchConfig(t.Context(), w.name, benchSets(w.name, steps), ""); err != nil {
				t.Errorf("%s, %d steps: %v", w.name, steps, err)
			}
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"bench", "ae-mpl"}, `no workload "ae-mpl"`},
		{[]string{"bench", "ae-mlp", "--steps", "3"}, "want more than 3"},
		{[]string{"bench", "ae-mlp", "--data", "no/such/folder"}, "no such file or directory"},
		{[]string{"bench"}, "accepts 1 arg"},
	} {
		var out, errs bytes.Buffer
		if status := run(c.args, &out, &errs); status != exitBadRequest {
			t.Errorf("%v: status %d, want %d", c.args, status, exitBadRequest)
		}
		if !strings.Contains(errs.String(), c.want) {
			t.Errorf("%v: says %q, want %q in it", c.args, &errs, c.want)
		}
	}
}
