package main

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// codeJob is a small VQ-VAE: 4x4 places, each one of 12 codes.
const codeJob = `[data]
source = "shapes"
size = 8
count = 96
test_limit = 32
[encoder]
type = "residual"
hidden = 8
halvings = 1
blocks = 1
block_hidden = 4
dim = 4
[objective]
type = "vqvae"
codes = 12
kmeans = 2
revive = 0.5
[train]
batch = 16
duration = 20
`

// priorJob is a prior over its codes; %s is its run, %d the number of steps.
const priorJob = `[data]
source = "shapes"
size = 8
count = 96
test_limit = 32
codes = %q
[encoder]
type = "igpt"
dim = 8
depth = 2
heads = 2
dropout = 0.1
[objective]
type = "next-pixel"
[train]
batch = 16
duration = %d
[checkpoint]
every = 4
`

// readPNG gives the bytes of a picture file, and its size.
func readPNG(t *testing.T, path string) (raw []byte, w, h int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return raw, img.Bounds().Dx(), img.Bounds().Dy()
}

// A VQ-VAE and a prior over its codes draw new pictures. The prior's run needs nothing
// but its own folder, and goes on to the same bytes where it was stopped.
func TestSamplePrior(t *testing.T) {
	dir := t.TempDir()
	vq, straight, stopped := filepath.Join(dir, "vq"), filepath.Join(dir, "straight"), filepath.Join(dir, "stopped")
	expect(t, 0, nil, "train", writeJob(t, codeJob), "--out", vq)
	expect(t, 0, []string{"shapes: 96 examples of [4 4]"}, "train", "prior", "--from", vq, "--set", "train.batch=16", "--set", "schedule.warmup=0", "--set", "encoder.dim=6", "--dry-run")
	expect(t, 1, []string{"whose codes have no order yet", "x2vec train prior --from"}, "sample", vq)
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(priorJob, vq, 12)), "--out", straight)
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(priorJob, vq, 6)), "--out", stopped)
	if err := os.Rename(vq, vq+"-gone"); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(priorJob, vq, 12)), "--out", stopped)
	same(t, "stopped at step 6", final(t, stopped), final(t, straight))
	expect(t, 0, []string{"the same bytes"}, "verify", "--resume", straight)
	expect(t, 0, []string{"this encoder (8)", "no values"}, "probe", straight, "--seeds", "1")
	expect(t, 2, []string{"data.codes", "no such file or directory", "x2vec train vqvae"}, "train", writeJob(t, fmt.Sprintf(priorJob, vq, 12)), "--out", filepath.Join(dir, "new"))

	out := func(name string) string { return filepath.Join(dir, name) }
	said := expect(t, 0, nil, "sample", straight, "-n", "9", "-o", out("a.png"))
	if !strings.Contains(said, "9 new pictures by step 12") || !strings.Contains(said, "bits per dimension (step 12)") {
		t.Errorf("says %q", said)
	}
	expect(t, 0, nil, "sample", straight, "-n", "9", "-o", out("b.png"))
	expect(t, 0, nil, "sample", straight, "-n", "9", "-o", out("c.png"), "--seed", "1")
	expect(t, 0, nil, "sample", straight, "-n", "9", "-o", out("d.png"), "--top-k", "1", "--temperature", "0.5")
	a, w, h := readPNG(t, out("a.png"))
	if w != 2+3*(8*8+2) || h != w {
		t.Errorf("nine pictures of 8x8 are drawn as %dx%d", w, h)
	}
	for name, equal := range map[string]bool{"b.png": true, "c.png": false, "d.png": false} {
		if raw, _, _ := readPNG(t, out(name)); bytes.Equal(a, raw) != equal {
			t.Errorf("%s is the same picture: %v, want %v", name, !equal, equal)
		}
	}
	expect(t, 0, []string{"4 completed pictures"}, "sample", straight, "--complete", "-n", "4", "-o", out("e.png"))
	if _, w, h := readPNG(t, out("e.png")); w != 2+4*(8*8+2) || h != 2+3*(8*8+2) {
		t.Errorf("four completed pictures are drawn as %dx%d", w, h)
	}

	// Features of the prior are those of the codes of new pictures.
	expect(t, 0, []string{"32 rows of 8 values"}, "embed", straight, "--split", "test", "-o", out("z.npy"))
	expect(t, 2, []string{"data.codes", "only next-pixel, kmeans and pca take the codes"}, "train", writeJob(t, strings.NewReplacer(
		`type = "igpt"`, `type = "mlp"`, `heads = 2`, "", `depth = 2`, "", `dim = 8`, "", `type = "next-pixel"`, `type = "autoencoder"`).Replace(fmt.Sprintf(priorJob, vq+"-gone", 12))), "--out", out("mlp"))
}

func TestSampleRefuses(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(small, 12)), "--out", plain)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "is a run of autoencoder, which makes no new examples; want one of next-pixel", []string{plain}},
		{2, "--number: is 0, want at least 1", []string{plain, "-n", "0"}},
		{2, "--number: is 5000, want at most 4096", []string{plain, "-n", "5000"}},
		{2, "--temperature: is 0, want more than 0", []string{plain, "--temperature", "0"}},
		{2, "--top-k: is -1", []string{plain, "--top-k", "-1"}},
		{2, `-o: is "a.gif", want the name of a .png`, []string{plain, "-o", "a.gif"}},
		{2, "give --complete too", []string{plain, "--split", "train"}},
		{2, "--seed: is -1", []string{plain, "--seed", "-1"}},
	} {
		expect(t, c.status, []string{c.want}, append([]string{"sample"}, c.args...)...)
	}
}
