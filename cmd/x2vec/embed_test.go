package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmbed writes codes in every form, of other data, layers and checkpoints.
func TestEmbed(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(small, 90)), "--out", run)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	embed := func(name string, more ...string) string {
		expect(t, 0, []string{name}, append([]string{"embed", run, "-o", filepath.Join(dir, name)}, more...)...)
		return read(name)
	}
	train := embed("train.npy")
	if len(train) != 128+600*8*4 {
		t.Errorf("train.npy: %d bytes", len(train))
	}
	test, all := embed("test.npy", "--split", "test"), embed("all.npy", "--split", "all", "--batch", "7")
	if all[128:] != train[128:]+test[128:] {
		t.Error("all is not train and then test")
	}
	if embed("earlier.npy", "--step", "45")[128:] == train[128:] {
		t.Error("the codes of step 45 are those of step 90")
	}
	if hidden := embed("hidden.npy", "--layer", "encoder/fc0"); len(hidden) != 128+600*48*4 {
		t.Errorf("hidden.npy: %d bytes", len(hidden))
	}
	lines := strings.Split(embed("z.csv"), "\n")
	first := math.Float32frombits(binary.LittleEndian.Uint32([]byte(train[128:])))
	if lines[0] != "index,label,z0,z1,z2,z3,z4,z5,z6,z7" || len(lines) != 602 || !strings.HasPrefix(lines[1], "0,") || !strings.Contains(lines[1], fmt.Sprint(first)) {
		t.Errorf("%d lines: %s, %s, want %v", len(lines), lines[0], lines[1], first)
	}
	embed("z.parquet")
	embed("z.npz")

	// Pictures of a folder come in the run's size, with their files.
	photos := filepath.Join(dir, "photos")
	if err := os.Mkdir(photos, 0o777); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, nil, "data", "preview", "shapes", "-o", filepath.Join(photos, "a.png"), "-n", "4")
	expect(t, 0, nil, "data", "preview", "shapes", "-o", filepath.Join(photos, "b.png"), "-n", "9")
	if got := embed("photos.csv", "--data", photos, "--split", "all"); !strings.HasPrefix(got, "index,file,z0") || !strings.Contains(got, "photos/a.png,") {
		t.Errorf("%s", got)
	}
	if embed("named.npy", "--data", "synthetic")[:128] == train[:128] {
		t.Error("all of synthetic has as many examples as the run's part")
	}

	for want, args := range map[string][]string{
		"-o is missing": {run},
		"z.txt: its ending says no form; want .npy, .npz, .csv, .parquet": {run, "-o", "z.txt"},
		"no such file or directory":                                       {run, "-o", filepath.Join(dir, "nowhere", "z.npy")},
		`--split is "tset", want train, test`:                             {run, "-o", "z.npy", "--split", "tset"},
		"--batch is 0, want at least 1":                                   {run, "-o", "z.npy", "--batch", "0"},
		"is not the folder of a run":                                      {dir, "-o", "z.npy"},
		"--step is -2, want that of":                                      {run, "-o", "z.npy", "--step", "-2"},
	} {
		expect(t, 2, []string{want}, append([]string{"embed"}, args...)...)
	}
	out := filepath.Join(dir, "none.npy")
	for want, args := range map[string][]string{
		"no checkpoint of step 7; there are 45, ":                                     {"--step", "7"},
		`has no activation "encoder/fc7"; there are encoder/fc0, en`:                  {"--layer", "encoder/fc7"},
		"takes examples of [1 8 8], and those of builtin-text":                        {"--data", "builtin-text"},
		"nosuch: no such file or directory; want a folder, or one of builtin, shapes": {"--data", "nosuch"},
	} {
		expect(t, 1, []string{want}, append([]string{"embed", run, "-o", out}, args...)...)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a failure leaves a file")
	}
}

// The codes of a VQ-VAE are whole numbers in a grid; other runs have none.
func TestEmbedCodes(t *testing.T) {
	dir := t.TempDir()
	run, other := filepath.Join(dir, "run"), filepath.Join(dir, "other")
	expect(t, 0, nil, "train", "vqvae-builtin", "--out", run, "--set", "data.limit=64", "--set", "data.test_limit=40",
		"--set", "train.duration=4", "--set", "encoder.hidden=8", "--set", "objective.codes=6", "--set", "train.batch=8")
	out := filepath.Join(dir, "codes.npy")
	expect(t, 0, []string{"40 rows of 7 x 7 codes by step 4 of"}, "embed", run, "--codes", "--split", "test", "-o", out)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if head := string(b[:128]); !strings.Contains(head, "'<i4'") || !strings.Contains(head, "(40, 7, 7") || len(b) != 128+4*40*49 {
		t.Fatalf("%d bytes that begin %q", len(b), head)
	}
	for i := 128; i < len(b); i += 4 {
		if c := int32(binary.LittleEndian.Uint32(b[i:])); c < 0 || c >= 6 {
			t.Fatalf("a code of 6 is %d", c)
		}
	}
	expect(t, 2, []string{"--codes and --layer: give one of them"}, "embed", run, "--codes", "--layer", "encoder/map", "-o", out)
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(small, 12)), "--out", other)
	expect(t, 1, []string{"is a run of autoencoder, which learns no discrete codes; want one of vqvae"}, "embed", other, "--codes", "-o", out)
}
