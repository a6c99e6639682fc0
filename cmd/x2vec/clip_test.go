package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallClip is a job that learns from shapes and their captions.
const smallClip = `[data]
source = "shapes"
captions = "made"
count = 640
test_limit = 60
size = 8
length = 10
[encoder]
hidden = [24]
code = 12
[objective]
type = "clip"
projection = 8
text_dim = 16
text_depth = 1
text_heads = 2
prompts = ["a {shape}", "a {colour} {shape}"]
[train]
batch = 64
duration = 12
[eval]
every = 6
[checkpoint]
every = 6
keep = 3
`

// A run of pictures and captions goes on to the same bytes, and its encoder of pictures is
// used like any other.
func TestClipRun(t *testing.T) {
	job := writeJob(t, smallClip)
	dir := filepath.Join(t.TempDir(), "run")
	expect(t, 0, []string{"image to text recall@5", "zero-shot accuracy of colour", "done: "}, "train", job, "--out", dir)
	for _, name := range []string{"captions.tsv", "samples/step-00000006-captions.png", "samples/step-00000012-found.png"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
	expect(t, 0, []string{"the same bytes"}, "verify", "--resume", dir)

	// A run that ends earlier, and then goes on.
	short := filepath.Join(t.TempDir(), "short")
	expect(t, 0, nil, "train", job, "--out", short, "--set", "train.duration=5")
	expect(t, 0, nil, "resume", short, "--set", "train.duration=12")
	same(t, "resumed at step 5", final(t, short), final(t, dir))

	expect(t, 0, []string{"this encoder (12)"}, "probe", dir, "--seeds", "1")
	expect(t, 0, nil, "embed", dir, "--out", filepath.Join(t.TempDir(), "codes.npy"))
	expect(t, 0, []string{"accuracy"}, "finetune", dir, "--out", filepath.Join(t.TempDir(), "tuned"), "--labels", "20", "--set", "train.duration=4",
		"--set", "schedule.warmup=1", "--set", "train.batch=16", "--set", "finetune.head=random")
	if text := expect(t, 0, nil, "report", dir); text == "" {
		t.Error("no report")
	}

	text := expect(t, 0, []string{"shape of 10,000 test pictures"}, "zeroshot", dir, "--prompt", "the {shape}", "--data", "shapes")
	if strings.Contains(text, "colour") || !strings.Contains(text, `asked as "the circle"`) {
		t.Errorf("zeroshot of shapes alone: %s", text)
	}
	var report zeroShotReport
	if err := json.Unmarshal([]byte(expect(t, 0, nil, "zeroshot", dir, "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Tasks) != 2 || report.Step != 12 || report.Tasks[1].Of != "colour" || report.Tasks[1].Test != 60 || len(report.Tasks[1].Answers) != 8 {
		t.Errorf("%+v", report)
	}
	expect(t, 2, []string{"--prompts[0]: asks for {mood}; of shapes there are {class}, {shape}, {colour}"}, "zeroshot", dir, "--prompt", "a {mood}")
	other := filepath.Join(t.TempDir(), "other")
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(small, 2)), "--out", other, "--set", "schedule.warmup=0")
	expect(t, 1, []string{"its objective is autoencoder; want clip"}, "zeroshot", other)
}

// Pictures of one's own, with captions in a table.
func TestClipFolder(t *testing.T) {
	dir := t.TempDir()
	lines := []string{"file,caption,label"}
	for i := range 24 {
		name := fmt.Sprintf("%02d.png", i)
		img := image.NewRGBA(image.Rect(0, 0, 20, 20))
		draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{uint8(10 * i), 100, uint8(255 - 10*i), 255}), image.Point{}, draw.Src)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s,\"shapes, number %d\",%s", name, i, []string{"odd", "even"}[i%2]))
	}
	table := filepath.Join(dir, "captions.csv")
	if err := os.WriteFile(table, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"train", "clip-folder", "--data", dir, "--set", "data.captions=captions.csv", "--set", "data.size=16", "--set", "encoder.channels=[4, 4]", "--set", "encoder.code=4",
		"--set", "objective.text_dim=8", "--set", "objective.text_depth=1", "--set", "train.batch=8", "--set", "train.duration=4", "--set", "schedule.warmup=1", "--set", "eval.every=0", "--set", "checkpoint.every=2"}
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 0, []string{"zero-shot accuracy", "done: "}, append(args, "--out", run)...)
	expect(t, 0, []string{"linear"}, "probe", run, "--seeds", "1", "--alone")
	expect(t, 0, []string{"the same bytes"}, "verify", "--resume", run)

	// Whatever is wrong is said in a sentence.
	refused := func(want string, more ...string) {
		t.Helper()
		status, _, errs := inProcess(append(append(args, "--out", filepath.Join(t.TempDir(), "refused")), more...)...)
		if status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %q, want %q", more, status, errs, want)
		}
	}
	bare := writeJob(t, strings.NewReplacer("captions = \"made\"\n", "", "length = 10\n", "").Replace(smallClip))
	expect(t, 2, []string{"data.captions: is not set, and clip learns from pictures with captions"}, "train", bare, "--out", filepath.Join(t.TempDir(), "bare"))
	refused("00.png: has no caption: there is no 00.txt beside it", "--set", "data.captions=txt")
	refused("there is no nothing.csv in ", "--set", "data.captions=nothing.csv")
	refused(`is "captions.doc", want "txt"`, "--set", "data.captions=captions.doc")
	refused("text_heads=3: is 3, want a number that divides text_dim, 8", "--set", "objective.text_heads=3")
	refused("item [0] asks for {mood}; of ", "--set", `objective.prompts=["a {mood}"]`)
	refused("clip tells the pairs of a batch", "--set", "train.batch=1")
}
