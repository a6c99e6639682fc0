package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// wordsJob learns word vectors of the built-in text: 1,159 steps an epoch.
const wordsJob = `seed = 4
[data]
source = "builtin-text"
[encoder]
type = "embedding"
dim = 12
%s
[optimizer]
type = "sgd"
lr = 0.025
[schedule]
type = "linear"
[train]
batch = 2
duration = 1700
[log]
every = 10
[checkpoint]
every = 130
`

// TestWordsInterrupted stops the training of word vectors twice in the middle of an
// epoch, by a signal and by SIGKILL, and compares the arrays that it comes to, and the
// vectors as they are exported, with those of a run that was never stopped. Threads
// and workers differ between the parts.
func TestWordsInterrupted(t *testing.T) {
	for name, sections := range map[string]string{
		"skip-gram":      "[objective]\ntype = \"skipgram\"\n",
		"cbow, subwords": "min_n = 3\nmax_n = 4\nbuckets = 1000\n[objective]\ntype = \"skipgram\"\ncbow = true\nwindow = 3\n",
	} {
		if testing.Short() && name != "skip-gram" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			job := writeJob(t, fmt.Sprintf(wordsJob, sections))
			dir := t.TempDir()
			straight, stopped := filepath.Join(dir, "straight"), filepath.Join(dir, "stopped")
			expect(t, 0, nil, "train", job, "--out", straight)
			for i, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				c := command("train", job, "--out", stopped, "--threads", fmt.Sprint(1+i), "--set", fmt.Sprintf("train.workers=%d", 3-i))
				c.Stderr = io.Discard
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				metrics := filepath.Join(stopped, "metrics.jsonl")
				for end := time.Now().Add(2 * time.Minute); losses(metrics) < 40*(i+1) && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				if err := c.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				_ = c.Wait()
				if step := newest(t, stopped).Step; step == 0 || step%1159 == 0 || step >= 1700 {
					t.Fatalf("%v at step %d, which is not in the middle of an epoch", signal, step)
				}
			}
			expect(t, 0, nil, "resume", stopped)
			same(t, "stopped twice", final(t, stopped), final(t, straight))
			var files [][]byte
			for _, run := range []string{straight, stopped} {
				expect(t, 0, nil, "export", "words", run, run+".bin", "--format", "binary")
				file, err := os.ReadFile(run + ".bin")
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, file)
			}
			if !bytes.Equal(files[0], files[1]) {
				t.Error("the exported vectors differ")
			}
		})
	}
}
