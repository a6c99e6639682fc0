package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// frameJob is a small run of the next frame; %s says which clips, %d for how long.
const frameJob = `[data]
%s
size = 8
frames = 5
[encoder]
type = "residual"
hidden = 4
halvings = 1
blocks = 1
block_hidden = 4
dim = 3
[objective]
type = "next-frame"
past = 2
loss = "bce"
[train]
batch = 8
duration = %d
[checkpoint]
every = 5
`

// A run of the next frame shows how far it sees, goes on to the same bytes where it was
// stopped, and has codes that other commands take.
func TestNextFrameRun(t *testing.T) {
	t.Setenv("X2VEC_DATA", t.TempDir())
	t.Setenv("X2VEC_CACHE", t.TempDir())
	for name, source := range map[string]string{
		"shapes": "source = \"bouncing-shapes\"\nchannels = 1\ncount = 40\ntest_limit = 24\nobjects = 1",
		"digits": "source = \"bouncing-digits\"\ncount = 40\ntest_limit = 24",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			straight, stopped := filepath.Join(dir, "straight"), filepath.Join(dir, "stopped")
			train := func(steps int, out string, words ...string) {
				expect(t, 0, words, "train", writeJob(t, fmt.Sprintf(frameJob, source, steps)), "--out", out)
			}
			train(12, straight, "error over copying", "squared error of copying")
			train(7, stopped)
			train(12, stopped)
			same(t, "stopped at step 7", final(t, stopped), final(t, straight))
			expect(t, 0, []string{"the same bytes"}, "verify", "--resume", straight)
			for _, picture := range []string{"next-frame", "roll-out", "neighbours"} {
				if _, w, _ := readPNG(t, filepath.Join(straight, "samples", "step-00000012-"+picture+".png")); w < 100 {
					t.Errorf("%s is %d pixels wide", picture, w)
				}
			}
			expect(t, 0, []string{"24 rows of 12 values"}, "embed", straight, "--split", "test", "-o", filepath.Join(dir, "z.npy"))
		})
	}
	empty := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(empty, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, 1, []string{"no picture in it"}, "train", "next-frame-folder", "--data", empty, "--out", filepath.Join(empty, "run"))
	expect(t, 2, []string{"objective.past=9: is 9, want 1 to 4"}, "train", writeJob(t, fmt.Sprintf(frameJob, "source = \"bouncing-shapes\"", 3)), "--set", "objective.past=9", "--out", filepath.Join(empty, "run"))
	expect(t, 2, []string{"next-frame needs clips", "bouncing-digits, bouncing-shapes or frames"}, "train", "next-frame", "--set", "data.source=builtin", "--out", filepath.Join(empty, "run"))
}
