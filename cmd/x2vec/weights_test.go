package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Weights from elsewhere become a run that is probed, finetuned and written again.
func TestImportExport(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("..", "..", "trainers", "job", "testdata", "foreign", "vit-timm.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	flowers := classFolder(t, 20, 12)
	do := func(want string, args ...string) {
		t.Helper()
		status, out, text := inProcess(args...)
		if status != 0 || !strings.Contains(out+text, want) {
			t.Fatalf("%v: exit status %d: %s%s\nwant %s", args, status, out, text, want)
		}
	}
	do("blocks.1.attn.qkv.weight                             [96 32]", "import", file, "--out", "vit", "--mean", "0.5", "--std", "0.25")
	do("complete", "runs", "ls", ".")
	do("run.toml is good; 1 of 1 checkpoints are whole", "verify", "vit")
	if status, _, text := inProcess("resume", "vit"); status != exitFailure || !strings.Contains(text, "`x2vec finetune vit` goes on from them") {
		t.Errorf("resume: exit status %d: %s", status, text)
	}
	do("head.weight", "export", "weights", "vit", "-o", "back.safetensors")
	a, _ := os.ReadFile(file)
	if b, err := os.ReadFile("back.safetensors"); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the way back gives %d bytes of %d, %v", len(b), len(a), err)
	}
	do("conv_proj.weight", "export", "weights", "vit", "-o", "vision.safetensors", "--names", "torchvision")
	do("encoder.ln.bias", "import", "vision.safetensors", "--out", "vision")
	shapes := writeJob(t, "[data]\nsource = \"shapes\"\ncount = 200\ntest_limit = 40\nsize = 16\n[encoder]\ntype = \"conv\"\nchannels = [4]\ncode = 4\n[train]\nbatch = 20\nduration = 2\n")
	do("done", "train", shapes, "--out", "conv")
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"no other library has this kind of encoder", []string{"export", "weights", "conv", "-o", "x.safetensors"}},
		{`--names is "keras", want one of timm, torchvision`, []string{"export", "weights", "vit", "-o", "x.safetensors", "--names", "keras"}},
		{"-o is missing", []string{"export", "weights", "vit"}},
		{"vit is there already", []string{"import", file, "--out", "vit"}},
		{"std: is 0, want a number above 0", []string{"import", file, "--out", "other", "--std", "0"}},
		{"those of a run", []string{"import", filepath.Join("vit", "checkpoints", "step-00000000", "weights.safetensors"), "--out", "other"}},
	} {
		if status, out, text := inProcess(tc.args...); status != exitBadRequest || !strings.Contains(text, strings.TrimPrefix(tc.want, "those of a run")) {
			t.Errorf("%v: exit status %d: %s%s\nwant %s", tc.args, status, out, text, tc.want)
		}
	}
	do("this encoder (32)", "probe", "vit", "--data", flowers, "--labels", "10", "--seeds", "1", "--alone")
	few := []string{"--data", "shapes", "--labels", "4", "--set", "data.count=100", "--set", "data.test_limit=40", "--set", "train.duration=3", "--set", "schedule.warmup=0"}
	do("100.0 % of the encoder's values are loaded", append([]string{"finetune", "vit", "--out", "a"}, few...)...)
	do("100.0 % of the encoder's values are loaded", append([]string{"finetune", file, "--out", "b"}, few...)...)
	do("from scratch", append([]string{"finetune", file, "--set", "data.size=24", "--out", "c", "--baseline"}, few...)...)
	if log, err := os.ReadFile(filepath.Join("c", "run.log")); err != nil || !strings.Contains(string(log), "positions of 4x4 patches interpolated to 6x6") {
		t.Errorf("another size: %v\n%s", err, log)
	}
	if status, _, text := inProcess("finetune", "vit", "--labels", "0"); status != exitBadRequest || !strings.Contains(text, `--labels: is "0", want all`) {
		t.Errorf("no labels: exit status %d: %s", status, text)
	}
	// A folder of one's own takes one command and no run file.
	do("test accuracy", "finetune", "vit", "--data", flowers, "--labels", "50%", "--set", "train.duration=3", "--set", "schedule.warmup=0", "--out", "d")
}

// classFolder is a folder of pictures, n of each of two classes.
func classFolder(t *testing.T, n, side int) string {
	t.Helper()
	dir := t.TempDir()
	for class, name := range []string{"daisy", "rose"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			img := image.NewRGBA(image.Rect(0, 0, side, side))
			for at := range img.Pix {
				img.Pix[at] = byte(at*(i+1)*(7+4*class)) | 128*byte(class)
			}
			var b bytes.Buffer
			if err := png.Encode(&b, img); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name, fmt.Sprintf("%d.png", i)), b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
