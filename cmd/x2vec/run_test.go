package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"x2vec/checkpoints"
)

// TestMain lets the test binary be the command itself, for tests that have to stop
// a process.
func TestMain(m *testing.M) {
	if os.Getenv("X2VEC_TEST_AS_COMMAND") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// command is a process of x2vec with those arguments.
func command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "X2VEC_TEST_AS_COMMAND=1")
	return c
}

// inProcess runs the command here and gives what it said.
func inProcess(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

// small is a job in which everything that a run keeps plays a part: momentum, an
// average of the weights, accumulation, dropout, noise, evaluations.
const small = `seed = 5
[data]
source = "synthetic"
count = 600
test_limit = 60
size = 8
channels = 1
[encoder]
hidden = [48]
code = 8
dropout = 0.1
[objective]
noise = 0.1
[optimizer]
type = "adamw"
clip_norm = 0.5
accumulate = 2
ema = 0.9
[schedule]
type = "cosine"
warmup = 10
[train]
batch = 24
duration = %d
[log]
every = 10
[eval]
every = 60
[checkpoint]
every = 9
milestones = 45
`

// writeJob puts a run file into a folder of the test.
func writeJob(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newest is a run's newest checkpoint.
func newest(t *testing.T, folder string) checkpoints.Info {
	t.Helper()
	store, err := checkpoints.Open(filepath.Join(folder, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := store.List()
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %d checkpoints, %v", folder, len(list), err)
	}
	return list[len(list)-1]
}

// final gives the arrays of a run's newest checkpoint as bytes, and its step.
func final(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	newest := newest(t, folder)
	files := map[string][]byte{"step": fmt.Append(nil, newest.Step)}
	for _, name := range []string{checkpoints.WeightsFile, checkpoints.OptimizerFile, checkpoints.ExtraFile} {
		var err error
		files[name], err = os.ReadFile(filepath.Join(newest.Folder, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a method without an optimizer has none
			t.Fatal(err)
		}
	}
	return files
}

func same(t *testing.T, what string, got, want map[string][]byte) {
	t.Helper()
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s: %s differs from that of the run that was never stopped", what, name)
		}
	}
}

// TestKilled ends a training process by SIGKILL at random moments, resumes it each
// time, and compares what it comes to with a run that was never stopped.
func TestKilled(t *testing.T) {
	steps, kills := 1500, 20
	if testing.Short() {
		steps, kills = 400, 5
	}
	job := writeJob(t, fmt.Sprintf(small, steps))
	straight := filepath.Join(t.TempDir(), "straight")
	if status, _, text := inProcess("train", job, "--out", straight); status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	folder := filepath.Join(t.TempDir(), "killed")
	killed := 0
	for range 10 * kills {
		// Other numbers of threads and of workers must change nothing either.
		c := command("train", job, "--out", folder, "--threads", fmt.Sprint(1+r.IntN(3)),
			"--set", fmt.Sprintf("train.workers=%d", 1+r.IntN(4)))
		wait := time.Duration(30+r.IntN(170)) * time.Millisecond
		if killed >= kills {
			wait = time.Minute
		}
		ended, err := endedWithin(t, c, wait)
		if err != nil {
			t.Fatalf("after %d kills: %v", killed, err)
		}
		if ended {
			if killed < kills {
				t.Logf("complete after %d kills", killed)
			}
			same(t, fmt.Sprintf("killed %d times", killed), final(t, folder), final(t, straight))
			if status, _, text := inProcess("verify", folder); status != 0 {
				t.Errorf("verify: exit status %d: %s", status, text)
			}
			return
		}
		killed++
	}
	t.Fatalf("not complete after %d kills", killed)
}

// losses counts those that a run has written down; 0 where there is no file.
func losses(path string) int {
	text, _ := os.ReadFile(path)
	return bytes.Count(text, []byte(`"loss"`))
}

// TestSignals stops a run as a person or a container does: the state is saved, the
// exit status says which signal it was, and the run goes on as if never stopped.
func TestSignals(t *testing.T) {
	job := writeJob(t, fmt.Sprintf(small, 2000))
	folder := filepath.Join(t.TempDir(), "run")
	for _, tc := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		c := command("train", job, "--out", folder)
		stderr, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		metrics := filepath.Join(folder, "metrics.jsonl")
		before := losses(metrics)
		// The line that says what is trained comes when signals are already minded.
		lines := bufio.NewReader(stderr)
		said := ""
		for !strings.Contains(said, "matrix products") {
			line, err := lines.ReadString('\n')
			if said += line; err != nil {
				t.Fatalf("%v: %s", err, said)
			}
		}
		// A step is over when it is written down: a busy machine may be slow to begin.
		for end := time.Now().Add(time.Minute); losses(metrics) == before && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if err := c.Process.Signal(tc.signal); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(lines)
		_ = c.Wait()
		if got := c.ProcessState.ExitCode(); got != tc.status || !strings.Contains(string(text), "the state is saved") {
			t.Fatalf("%v: exit status %d, want %d, and a word on the state:\n%s", tc.signal, got, tc.status, text)
		}
	}
	if status, _, text := inProcess("resume", folder); status != 0 {
		t.Fatalf("resume: exit status %d: %s", status, text)
	}
	straight := filepath.Join(t.TempDir(), "straight")
	if status, _, text := inProcess("train", job, "--out", straight); status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	same(t, "stopped twice", final(t, folder), final(t, straight))
	if status, out, text := inProcess("verify", "--resume", folder); status != 0 || !strings.Contains(out, "the same bytes") {
		t.Errorf("verify --resume: exit status %d: %s%s", status, out, text)
	}
}
