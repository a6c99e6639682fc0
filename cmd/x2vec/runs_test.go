package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/checkpoints"
)

// ok runs a command that must succeed and gives what it said.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	status, out, text := inProcess(args...)
	if status != 0 {
		t.Fatalf("x2vec %s: exit status %d: %s", strings.Join(args, " "), status, text)
	}
	return out
}

// refused runs a command that must be refused as a wrong request.
func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	if status, _, text := inProcess(args...); status != 2 || !strings.Contains(text, want) {
		t.Errorf("x2vec %s: exit status %d, %q; want 2 and %q", strings.Join(args, " "), status, text, want)
	}
}

func TestRuns(t *testing.T) {
	job, dir := writeJob(t, fmt.Sprintf(small, 20)), t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "deep", "b")
	ok(t, "train", job, "--out", a)
	ok(t, "train", job, "--out", b, "--set", "seed=6", "--set", "optimizer.lr=0.1")

	if out := ok(t, "runs", "tag", a, "paper", "good"); out != "paper good\n" {
		t.Errorf("tags %q", out)
	}
	if out := ok(t, "runs", "tag", a, "--remove", "good"); out != "paper\n" {
		t.Errorf("tags %q", out)
	}
	refused(t, "want 1 to 64 letters", "runs", "tag", a, "two words")
	refused(t, `no tag "x"`, "runs", "tag", a, "--remove", "x")

	list := ok(t, "runs", "ls", dir)
	if !strings.Contains(list, "deep/b") || strings.Count(list, "complete") != 2 || !strings.Contains(list, "paper") {
		t.Errorf("list:\n%s", list)
	}
	if list := ok(t, "runs", "ls", dir, "--tag", "paper", "--json"); strings.Count(list, "\n") != 1 || !strings.Contains(list, `"optimizer.lr":"0.001"`) {
		t.Errorf("list:\n%s", list)
	}
	refused(t, "there are test loss", "runs", "ls", dir, "--sort", "beauty")
	if diff := ok(t, "runs", "diff", a, b); !strings.Contains(diff, "optimizer.lr") || !strings.Contains(diff, "seed") || strings.Contains(diff, "train.batch") {
		t.Errorf("diff:\n%s", diff)
	}
	if best := ok(t, "runs", "best", dir); !strings.HasPrefix(best, dir) || !strings.Contains(best, "test loss") {
		t.Errorf("best: %s", best)
	}
	if show := ok(t, "runs", "show", b); !strings.Contains(show, "autoencoder · encoder mlp") {
		t.Errorf("show:\n%s", show)
	}
	if text := ok(t, "compare", a, b); !strings.Contains(text, "0.1 ") || strings.Count(text, "\n") != 3 {
		t.Errorf("compare:\n%s", text)
	}
	refused(t, "is not the folder of a run", "compare", a, dir)
	page := filepath.Join(dir, "page.html")
	if ok(t, "report", a, b, "--out", page); !strings.Contains(read(t, page), "2 runs side by side") {
		t.Error("the page is not about two runs")
	}
	refused(t, "is not at work", "runs", "stop", a)

	empty := t.TempDir()
	for _, args := range [][]string{{"runs", "show"}, {"report"}, {"inspect", "rdm"}, {"resume"}, {"probe"}, {"verify"}} {
		refused(t, "nowhere: there is no such folder", append(args, "nowhere")...)
		refused(t, job+" is a file", append(args, job)...)
		refused(t, "is not the folder of a run: it has no run.toml", append(args, empty)...)
		refused(t, "is not the folder of a run; in it are "+a, append(args, dir)...)
	}
	refused(t, "nowhere: there is no such folder", "runs", "ls", "nowhere")
	refused(t, "no runs in "+empty, "runs", "best", empty)

	removal(t, dir, a, b)
}

// removal tries what must not be removed, and then what may.
func removal(t *testing.T, dir, a, b string) {
	t.Helper()
	refused(t, "is not the folder of a run", "runs", "rm", dir, "--yes")
	link := filepath.Join(dir, "link")
	if os.Symlink(a, link) == nil {
		refused(t, "is a link", "runs", "rm", link, "--yes")
	}
	inner := filepath.Join(a, "inner")
	if err := os.CopyFS(inner, os.DirFS(b)); err != nil {
		t.Fatal(err)
	}
	refused(t, "holds another run", "runs", "rm", a, "--yes")
	ok(t, "runs", "rm", inner, "--yes")
	lock, err := checkpoints.Acquire(a)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := inProcess("runs", "rm", a, "--yes"); status != 1 || !strings.Contains(text, "in use by") {
		t.Errorf("a run at work: exit status %d: %s", status, text)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	c := command("runs", "rm", a)
	c.Stdin = strings.NewReader("n\n") // a pipe, where nobody is asked
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "--yes") {
		t.Errorf("without --yes: %v, %s", err, out)
	}
	ok(t, "runs", "rm", a, "--yes")
	if _, err := os.Stat(a); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run is there still: %v", err)
	}
	if _, err := os.Stat(b); err != nil {
		t.Errorf("another run is gone: %v", err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// begin starts a training process and waits until it minds requests.
func begin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := command(args...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for said := ""; !strings.Contains(said, "matrix products"); {
		line, err := lines.ReadString('\n')
		if said += line; err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	go func() { _, _ = lines.WriteTo(os.Stderr) }()
	return c
}

// A run that is asked to stop, by a file in its folder, saves its state and can be
// gone on with.
func TestStopRequest(t *testing.T) {
	job, folder := writeJob(t, fmt.Sprintf(small, 1_000_000)), filepath.Join(t.TempDir(), "run")
	c := begin(t, "train", job, "--out", folder)
	if list := ok(t, "runs", "show", folder); !strings.Contains(list, "running") {
		t.Errorf("show:\n%s", list)
	}
	ok(t, "runs", "stop", folder)
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 143 {
		t.Errorf("ended with %v, want exit status 143", err)
	}
	if show := ok(t, "runs", "show", folder); !strings.Contains(show, "stopped: stopped by a request to stop") {
		t.Errorf("show:\n%s", show)
	}
	final(t, folder) // there is a checkpoint
}
