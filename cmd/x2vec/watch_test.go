package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/runlog"
)

// tensorboardReads prints what TensorBoard itself reads of a folder: by tag, the steps
// and values of a scalar, the steps of pictures and histograms.
const tensorboardReads = `import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "histograms": 0})
a.Reload()
t = a.Tags()
print(json.dumps({
    "scalars": {k: [[e.step, e.value] for e in a.Scalars(k)] for k in t["scalars"]},
    "images": {k: [[e.step, len(e.encoded_image_string)] for e in a.Images(k)] for k in t["images"]},
    "histograms": {k: [[e.step, e.histogram_value.num] for e in a.Histograms(k)] for k in t["histograms"]},
}))`

// TestTensorBoard trains, is killed, goes on without TensorBoard and then with it, and
// has TensorBoard read what that comes to: every step once, as in the run's own log.
func TestTensorBoard(t *testing.T) {
	python := os.Getenv("X2VEC_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-c", "import tensorboard").Run() != nil {
		t.Skipf("%s has no tensorboard (pip install tensorboard; X2VEC_PYTHON names another python)", python)
	}
	job, run := writeJob(t, strings.ReplaceAll(small, "%d", "200")), filepath.Join(t.TempDir(), "run")
	if err := killAt(run, "step-00000090", "train", job, "--out", run, "--tensorboard"); err != nil {
		t.Fatal(err)
	}
	if err := killAt(run, "step-00000135", "train", job, "--out", run); err != nil {
		t.Fatal(err)
	}
	if status, _, said := inProcess("resume", run, "--tensorboard"); status != exitOK {
		t.Fatalf("status %d\n%s", status, said)
	}
	out, err := exec.Command(python, "-c", tensorboardReads, filepath.Join(run, "tensorboard")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Scalars, Images, Histograms map[string][][2]float64
	}
	if err := json.Unmarshal(out[strings.IndexByte(string(out), '{'):], &read); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(run, trainers.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps, losses []float64
	for r := runlog.NewReader(f); ; {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if m := line.Metrics; m != nil {
			steps, losses = append(steps, float64(m.Step)), append(losses, m.Loss)
		}
	}
	got := read.Scalars["train/loss"]
	if len(got) != len(steps) {
		t.Fatalf("TensorBoard has %d losses, the log %d:\n%v\n%v", len(got), len(steps), got, steps)
	}
	for i, g := range got {
		if g[0] != steps[i] || math.Abs(g[1]-losses[i]) > 1e-6 {
			t.Errorf("TensorBoard has loss %g at step %g, the log %g at %g", g[1], g[0], losses[i], steps[i])
		}
	}
	for kind, tags := range map[string]map[string][][2]float64{"scalars": read.Scalars, "images": read.Images, "histograms": read.Histograms} {
		for tag, list := range tags {
			for i := 1; i < len(list); i++ {
				if list[i][0] <= list[i-1][0] {
					t.Errorf("%s %s: step %g stands behind %g", kind, tag, list[i][0], list[i-1][0])
				}
			}
		}
	}
	if n := len(read.Images["samples/reconstructions"]); n != 4 {
		t.Errorf("%d pictures of reconstructions, want those of steps 60, 120, 180 and 200", n)
	}
	if h := read.Histograms["weights/encoder/fc0/weight"]; len(h) == 0 || h[0][1] != 48*64 {
		t.Errorf("histograms of encoder/fc0/weight: %v, want ones of %d values", h, 48*64)
	}
}

// killAt starts a process and kills it when the run has a checkpoint.
func killAt(run, checkpoint string, args ...string) error {
	c := command(args...)
	if err := c.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(run, "checkpoints", checkpoint)); err == nil {
			break
		}
	}
	_ = c.Process.Kill() // it may be through
	_ = c.Wait()
	return nil
}

// TestWatchedAlike wants the same bytes of a run that is watched and of one that is not.
func TestWatchedAlike(t *testing.T) {
	job, dir := writeJob(t, strings.ReplaceAll(small, "%d", "90")), t.TempDir()
	for name, flags := range map[string][]string{"plain": nil, "watched": {"--tensorboard", "--metrics-addr", "0"}} {
		args := append([]string{"train", job, "--out", filepath.Join(dir, name)}, flags...)
		if status, _, said := inProcess(args...); status != exitOK {
			t.Fatalf("%v: status %d\n%s", args, status, said)
		}
	}
	same(t, "watched", final(t, filepath.Join(dir, "watched")), final(t, filepath.Join(dir, "plain")))
	// What cannot be written for TensorBoard ends nothing.
	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(blocked, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blocked, "tensorboard"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, said := inProcess("train", job, "--out", blocked, "--tensorboard")
	if status != exitOK || !strings.Contains(said, "watching ends, and training goes on") {
		t.Errorf("status %d\n%s", status, said)
	}
	same(t, "blocked", final(t, blocked), final(t, filepath.Join(dir, "plain")))
}

// TestExporter reads the metrics as Prometheus does.
func TestExporter(t *testing.T) {
	e, err := newExporter("0")
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if host, _, _ := net.SplitHostPort(e.at.String()); host != "127.0.0.1" {
		t.Errorf("listens at %v, want 127.0.0.1", e.at)
	}
	get := func(path string) (int, string) {
		t.Helper()
		r, err := http.Get("http://" + e.at.String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	if status, text := get("/healthz"); status != http.StatusOK || text != "waiting, step 0\n" {
		t.Errorf("before a run: %d %q", status, text)
	}
	e.run, e.data, e.saved, e.savedAt = "a \"b\"\\\n\xff", "mnist", 50, time.Now().Add(-2*time.Second)
	e.Progress(trainers.Progress{Step: 60, Steps: 100, Rate: 1234.5, Left: 3 * time.Second})
	_ = e.Metrics(nil, runlog.Metrics{Step: 60, Epoch: 1.5, Samples: 6000, Loss: math.NaN(), LR: 1e-3, GradNorm: math.Inf(1),
		Extra: map[string]float64{"accuracy": 0.5}})
	_ = e.Evaluated(nil, &trainers.Evaluation{Figures: []eval.Figure{{Name: "kNN accuracy", Value: 0.9}}})
	status, text := get("/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if status != http.StatusOK || err != nil {
		t.Fatalf("%d, %v:\n%s", status, err, text)
	}
	for name, want := range map[string]float64{"x2vec_step": 60, "x2vec_steps": 100, "x2vec_samples_per_second": 1234.5, "x2vec_epoch": 1.5,
		"x2vec_loss": math.NaN(), "x2vec_gradient_norm": math.Inf(1), "x2vec_checkpoint_step": 50, "x2vec_metric": 0.5, "x2vec_figure": 0.9} {
		f := families[name]
		if f == nil || f.Help == nil || len(f.Metric) != 1 {
			t.Errorf("%s is not there once; there are %v", name, slices.Sorted(maps.Keys(families)))
			continue
		}
		if got := f.Metric[0].Gauge.GetValue(); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if got := families["x2vec_samples_total"].Metric[0].Counter.GetValue(); got != 6000 {
		t.Errorf("samples %g, want 6000", got)
	}
	if age := families["x2vec_checkpoint_age_seconds"].Metric[0].Gauge.GetValue(); age < 2 || age > 60 {
		t.Errorf("the checkpoint is %g seconds old, want 2 and a little", age)
	}
	if got := families["x2vec_run_info"].Metric[0].Label[0].GetValue(); got != "a \"b\"\\\n\uFFFD" {
		t.Errorf("label %q", got)
	}
	if status, _ := get("/other"); status != http.StatusNotFound {
		t.Errorf("/other: %d", status)
	}
	_ = e.End(nil, errors.New("no more disk"))
	if status, text := get("/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "no more disk") {
		t.Errorf("after a failure: %d %q", status, text)
	}

	_, err = newExporter(e.at.String())
	if err == nil || !strings.Contains(err.Error(), "is in use") || exitStatus(err) != exitBadRequest {
		t.Errorf("a port in use: %v", err)
	}
	for _, bad := range []string{"x", "70000", "127.0.0.1", "-1", ":"} {
		if _, err := newExporter(bad); err == nil || exitStatus(err) != exitBadRequest {
			t.Errorf("--metrics-addr %q: %v", bad, err)
		}
	}
}

// TestMetricsOfARun asks a process that trains.
func TestMetricsOfARun(t *testing.T) {
	job, run := writeJob(t, strings.ReplaceAll(small, "%d", "100000")), filepath.Join(t.TempDir(), "run")
	c := command("train", job, "--out", run, "--metrics-addr", "127.0.0.1:0")
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	var url string
	lines := bufio.NewScanner(said)
	for url == "" && lines.Scan() {
		if m := regexp.MustCompile(`metrics at (http://\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	go io.Copy(io.Discard, said)
	value := func(text, name string) (v float64) {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				fmt.Sscan(rest, &v)
			}
		}
		return v
	}
	var first float64
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		step, saved := value(string(b), "x2vec_step"), value(string(b), "x2vec_checkpoint_step")
		if first == 0 {
			first = step
		}
		if step > first && first > 0 && saved > 0 && value(string(b), "x2vec_loss") > 0 {
			return
		}
	}
	t.Error("step, loss and checkpoint do not move")
}
