package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/checkpoints"
)

const underJob = `[data]
source = "shapes"
size = 8
count = 80
test_limit = 24
[encoder]
type = "conv"
channels = [4]
code = %d
[objective]
type = %q
%s
[train]
batch = 16
duration = 6
`

// k-means and PCA of the codes of another run need nothing but their own folder, leave
// its weights as they are, and have codes themselves. The run below may see pictures in
// its own way.
func TestOnCodes(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, job := range map[string]string{
		"ae":    fmt.Sprintf(underJob, 6, "autoencoder", ""),
		"color": fmt.Sprintf(underJob, 0, "color", "decoder = []"),
		"frame": fmt.Sprintf(frameJob, "source = \"bouncing-shapes\"\ncount = 40\ntest_limit = 24\nobjects = 1\nchannels = 1", 3),
	} {
		expect(t, 0, nil, "train", writeJob(t, job), "--out", at(name))
		expect(t, 0, []string{"test NMI"}, "train", "kmeans", "--from", at(name), "--set", "encoder.k=3", "--out", at(name+"-k"))
		expect(t, 0, []string{"test loss"}, "train", "pca", "--from", at(name), "--set", "encoder.code=2", "--out", at(name+"-p"))
		if err := os.Rename(at(name), at(name+"-gone")); err != nil {
			t.Fatal(err)
		}
		expect(t, 0, []string{"the same bytes"}, "verify", "--resume", at(name+"-k"))
		expect(t, 0, []string{"the same bytes"}, "verify", "--resume", at(name+"-p"))
		expect(t, 0, []string{"24 rows of 3 values"}, "embed", at(name+"-k"), "--split", "test", "-o", at("z.npy"))
		expect(t, 0, []string{"24 rows of 2 values"}, "embed", at(name+"-p"), "--split", "test", "-o", at("z.npy"))
		below, above := weightsOf(t, at(name+"-gone")), weightsOf(t, at(name+"-k"))
		n := 0
		for path, want := range below {
			if inside, ok := strings.CutPrefix(path, "encoder/"); ok {
				n++
				if !bytes.Equal(above["encoder/base/"+inside], want) {
					t.Errorf("%s: %s has changed", name, path)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: no weights in %d arrays", name, len(below))
		}
	}
	expect(t, 2, []string{"only next-pixel, kmeans and pca take the codes of another run"}, "train", "ae-mlp", "--from", at("ae-gone"), "--out", at("x"))
	expect(t, 1, []string{"is itself a run over the codes of another one"}, "train", "kmeans", "--from", at("ae-k"), "--out", at("x"))
	expect(t, 2, []string{"--from: ", "no such file"}, "train", "kmeans", "--from", at("nothing"), "--out", at("x"))
}

// weightsOf are the arrays of a run's newest checkpoint, in bytes.
func weightsOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	store, err := checkpoints.Open(filepath.Join(folder, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	snap, _, err := store.Latest()
	if err != nil {
		t.Fatal(err)
	}
	arrays := map[string][]byte{}
	for _, a := range snap.Weights {
		arrays[a.Name] = fmt.Appendln(nil, a.F32)
	}
	return arrays
}
