package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWords trains word vectors on a text in which a and b stand in the same places,
// and puts them to use.
func TestWords(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := file("text.txt", strings.Repeat("the cat sat here . the dog sat here . red car drove off . red bus drove off . ", 100))
	job := file("job.toml", `seed = 1
[data]
source = "text"
path = "`+filepath.ToSlash(text)+`"
length = 40
[encoder]
type = "embedding"
dim = 10
[objective]
type = "skipgram"
window = 2
subsample = 0.0
[optimizer]
type = "sgd"
lr = 0.005
[train]
batch = 2
duration = "40 epochs"
`)
	run := filepath.Join(dir, "run")
	expect(t, 0, nil, "train", job, "--out", run)
	if v, err := os.ReadFile(filepath.Join(run, "vocabulary.tsv")); err != nil || !strings.HasPrefix(string(v), "drove\t200\nhere\t200\n") {
		t.Errorf("vocabulary %q, %v", v, err)
	}
	if got := expect(t, 0, nil, "neighbors", run, "cat", "-n", "1"); !strings.Contains(got, "dog") {
		t.Errorf("nearest to cat: %q, want dog", got)
	}
	expect(t, 0, []string{"car:\n", "bus", "cat:\n"}, "neighbors", run, "car", "cat")
	expect(t, 0, []string{"1.0000"}, "similarity", run, "cat", "CAT")
	expect(t, 0, []string{"bus"}, "analogy", run, "dog", "cat", "car")
	if a, b := expect(t, 0, nil, "analogy", run, "dog", "cat", "car"), expect(t, 0, nil, "analogy", run, "dog", "-", "cat", "+", "car"); a != b {
		t.Errorf("as a sum the analogy is %q, want %q", b, a)
	}
	expect(t, 2, []string{"want three words"}, "analogy", run, "cat", "-", "car", "-")
	expect(t, 2, []string{"want three words"}, "analogy", run, "cat", "dog", "car", "bus")
	questions := file("questions.txt", ": pairs\ncat dog car bus\ncat dog car zebra\n")
	pairs := file("pairs.tsv", "cat\tdog\t9\ncat\tdrove\t1\ncat\tzebra\t1\n")
	expect(t, 0, []string{"pairs", "semantic", "unknown", "pairs.tsv", "1.0000"},
		"eval", "words", run, "--analogies", questions, "--pairs", pairs)
	for _, format := range []string{"text", "binary", "glove"} {
		out := filepath.Join(dir, "vectors."+format)
		expect(t, 0, []string{"10 words, vectors of 10"}, "export", "words", run, out, "--format", format)
		if a, b := expect(t, 0, nil, "neighbors", run, "cat"), expect(t, 0, nil, "neighbors", out, "cat"); a != b {
			t.Errorf("%s: neighbours %q, want %q", format, b, a)
		}
	}

	expect(t, 2, []string{`"doog" is not in the vocabulary; near it are dog`}, "neighbors", run, "doog")
	expect(t, 2, []string{`"zebra" is not in the vocabulary`}, "similarity", run, "cat", "zebra")
	expect(t, 2, []string{"-n: is 0"}, "analogy", run, "cat", "dog", "car", "-n", "0")
	expect(t, 0, []string{"capital-world", "gram9-plural-verbs", "WordSim-353 similar", "of"}, "eval", "words", run)
	expect(t, 2, []string{"pairs.tsv: line 1: has 3 words, want the four of an analogy"}, "eval", "words", run, "--analogies", pairs)
	expect(t, 2, []string{`--format: is "json"`}, "export", "words", run, filepath.Join(dir, "x"), "--format", "json")
	expect(t, 1, []string{"holds no word vectors"}, "neighbors", dir, "cat")
	expect(t, 2, []string{"job.toml: line "}, "neighbors", job, "cat")
	expect(t, 2, []string{"no such file"}, "neighbors", filepath.Join(dir, "nowhere"), "cat")
}

// TestTexts trains on several texts at once, and on that of the standard input, which
// has to come again when the run goes on.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parts := []string{strings.Repeat("the cat sat here ", 40), strings.Repeat("the dog sat there ", 40), strings.Repeat("red bus drove off ", 40)}
	one, two := file("one.txt", parts[0]), file("two.text", parts[1])
	file("folder/three.txt", parts[2])
	folder := filepath.Join(dir, "folder")
	few := []string{"--set", "train.duration=3", "--set", "data.length=16"}
	several := filepath.Join(dir, "several")
	expect(t, 0, nil, append([]string{"train", "skipgram", "--out", several, "--data", one, "--data", two, "--data", folder}, few...)...)
	run, err := os.ReadFile(filepath.Join(several, "run.toml"))
	if list := fmt.Sprintf("path = [%q, %q, %q]", one, two, folder); err != nil || !strings.Contains(string(run), list) {
		t.Errorf("the run file has no %s: %s, %v", list, run, err)
	}
	expect(t, 0, nil, "resume", several, "--set", "train.duration=5")
	expect(t, 0, []string{"words       480\n", "vocabulary  10 words"}, "data", "check", one, two, folder)
	expect(t, 0, []string{"words       160\n"}, "data", "check", folder)
	expect(t, 2, []string{"only a text is read from several files or from the standard input; the source is builtin"}, "train", "--data", one, "--data", two)
	expect(t, 2, []string{"no such file"}, "train", "skipgram", "--data", one, "--data", filepath.Join(dir, "nowhere"))
	expect(t, 2, []string{"item 1 is 3, want a path in quotes"}, "train", "skipgram", "--set", `data.source=text`, "--set", "data.path=[3]")
	expect(t, 2, []string{"has 2 of them, but only a text may be in several files; mnist has one"}, "train", "ae-mlp", "--set", `data.path=["a", "b"]`)

	piped := filepath.Join(dir, "piped")
	said := func(want string, text string, args ...string) {
		t.Helper()
		c := command(args...)
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); !strings.Contains(string(out), want) {
			t.Errorf("%v: %s, %v; want %q", args, out, err, want)
		}
	}
	all := strings.Join(parts, "")
	said("done", all, append([]string{"train", "skipgram", "--out", piped, "--data", "-"}, few...)...)
	said("done", all, "resume", piped, "--set", "train.duration=5")
	said("the training data are not those the run began with", parts[1], "resume", piped, "--set", "train.duration=6")
	said("words       480\n"[:15], all, "data", "check", "-")
	expect(t, 2, []string{"the text is to come from the standard input, which cannot be read here"}, "embed", piped, "-o", filepath.Join(dir, "x.npy"))
	same(t, "piped", final(t, piped), final(t, several))
}

// TestMaskedWords trains a masked language model on a text in which a word tells the
// next, and puts it to use.
func TestMaskedWords(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("the cat sat here . red car drove off . ", 160)+"rare"), 0o666); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "job.toml")
	if err := os.WriteFile(settings, []byte(`seed = 1
[data]
source = "text"
path = "`+filepath.ToSlash(text)+`"
length = 15
unknown = true
min_count = 2
test_share = 0.2
[encoder]
type = "transformer"
dim = 32
depth = 1
heads = 2
[objective]
type = "mlm"
short = 0.3
[optimizer]
type = "adamw"
lr = 0.01
[train]
batch = 16
duration = "60 epochs"
`), 0o666); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	expect(t, 0, nil, "train", settings, "--out", run)
	got := expect(t, 0, []string{"%  car"}, "fill", run, "red [MASK] drove off", "-n", "1")
	if strings.Count(got, "\n") != 1 {
		t.Errorf("one word of one gap is %q", got)
	}
	expect(t, 0, []string{"gap 1:\n", "%  cat", "gap 2:\n", "%  here"}, "fill", run, "The [MASK] sat [MASK] .")
	if _, out, errs := inProcess("fill", run, "red zebra [MASK]"); !strings.Contains(errs, "not in the vocabulary of "+run+": zebra") || !strings.Contains(out, "%") {
		t.Errorf("an unknown word: %q, %q", out, errs)
	}
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	if err != nil || !strings.Contains(string(page), "Hidden words of test examples") || !strings.Contains(string(page), "erplexity") {
		t.Errorf("the report has no filled gaps or no perplexity: %v", err)
	}
	expect(t, 0, []string{"rows of 32 values"}, "embed", run, "-o", filepath.Join(dir, "codes.npy"))
	expect(t, 0, []string{"rows of 32 values"}, "embed", run, "--data", text, "-o", filepath.Join(dir, "other.npy"))
	expect(t, 0, nil, "neighbors", run, "cat")

	// Labelled texts: rows in their order, checked, and learned from there.
	table := filepath.Join(dir, "who.tsv")
	if err := os.WriteFile(table, []byte("label\ttext\n"+strings.Repeat("animal\tthe cat sat here\nthing\tred car drove off\nanimal\ta cat here\n", 30)), 0o666); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, []string{"90 rows of 32 values"}, "embed", run, "--data", table, "-o", filepath.Join(dir, "rows.csv"))
	rows, err := os.ReadFile(filepath.Join(dir, "rows.csv"))
	if err != nil || !strings.Contains(string(rows), "\n0,"+table+":2,0,") || !strings.Contains(string(rows), "\n1,"+table+":3,1,") {
		t.Errorf("rows of labelled texts begin with %.200s, %v", rows, err)
	}
	expect(t, 0, []string{"60  animal", "30  thing", "duplicates     87"}, "data", "check", table, "--min-count", "1")
	tuned := filepath.Join(dir, "tuned")
	if _, _, errs := inProcess("finetune", run, "--data", table, "--out", tuned); !strings.Contains(errs, "every training example is in the test set too") {
		t.Errorf("three texts many times: %s", errs)
	}
	expect(t, 0, nil, "finetune", run, "--data", table, "--out", tuned, "--set", "data.unseen=false", "--set", "train.duration=4 epochs", "--set", "schedule.warmup=0", "--set", "train.batch=16")
	if status, out, _ := inProcess("finetune", run, "--data", table, "--set", "data.unseen=false", "--print-config"); status != 0 || !strings.Contains(out, "length = 15") || !strings.Contains(out, "unknown = true") {
		t.Errorf("what is finetuned has other words: %d, %s", status, out)
	}
	page, err = os.ReadFile(filepath.Join(tuned, "report.html"))
	if err != nil || !strings.Contains(string(page), "ccuracy") {
		t.Errorf("the report says nothing of the accuracy: %v", err)
	}
	// It goes on with its own words when the run it came from is gone.
	if err := os.Rename(run, run+"-gone"); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, nil, "resume", tuned, "--set", "train.duration=5 epochs")
	expect(t, 0, []string{"90 rows of 32 values"}, "embed", tuned, "--data", table, "-o", filepath.Join(dir, "tuned.npy"))
	expect(t, 0, []string{"rows of 32 values"}, "embed", tuned, "--split", "test", "-o", filepath.Join(dir, "test.npy"))
	run += "-gone"

	// The same with tokens that are learnt from the text.
	tokens := filepath.Join(dir, "tokenizer.json")
	expect(t, 0, []string{"275 tokens"}, "data", "tokenizer", text, "-o", tokens, "--size", "275")
	expect(t, 0, []string{"vocabulary  275 words"}, "data", "check", "text", "--path", text, "--tokenizer", tokens)
	other := filepath.Join(dir, "tokens")
	expect(t, 0, nil, "train", settings, "--out", other, "--set", "data.tokenizer="+tokens, "--set", "objective.whole_words=true", "--set", "train.duration=2 epochs")
	if err := os.Remove(tokens); err != nil { // the run has its own
		t.Fatal(err)
	}
	expect(t, 0, []string{"%"}, "fill", other, "the cat [MASK] here")
	expect(t, 0, []string{"rows of 32 values"}, "embed", other, "--data", text, "-o", filepath.Join(dir, "tokens.npy"))
	expect(t, 2, []string{"--size: is 256, want more than 256"}, "data", "tokenizer", text, "--size", "256")
	expect(t, 2, []string{"no such file"}, "data", "tokenizer", filepath.Join(dir, "nowhere"))

	expect(t, 2, []string{"there is no gap in the text; write [MASK]"}, "fill", run, "red car")
	expect(t, 2, []string{"the text has 41 words; the model takes 15 at most"}, "fill", run, strings.Repeat("cat ", 40)+"[MASK]")
	expect(t, 2, []string{"-n: is 0"}, "fill", run, "[MASK]", "-n", "0")
}

// Words go with what takes words, and pictures with what takes pictures.
func TestWordsAndPictures(t *testing.T) {
	for want, sections := range map[string]string{
		`encoder.type: is "mlp", which encodes numbers, but the examples of builtin-text (King James Version) are words; want "embedding" or "transformer"`: "[data]\nsource = \"builtin-text\"\n",
		"objective.type: an autoencoder needs an encoder that can be turned round":                                                                          "[data]\nsource = \"builtin-text\"\n[encoder]\ntype = \"embedding\"\n[train]\nbatch = 2\n",
		`train.mode: is hogwild, but the optimizer must keep nothing between steps`:                                                                         "[train]\nmode = \"hogwild\"\n",
		`train.mode: is "wild", want one of deterministic, hogwild`:                                                                                         "[train]\nmode = \"wild\"\n",
		"skipgram learns from text, and an example of builtin has shape [1 28 28]":                                                                          "[objective]\ntype = \"skipgram\"\n",
	} {
		status, _, stderr := inProcess("train", writeJob(t, sections), "--out", t.TempDir()+"/run")
		if status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("status %d: %q, want %q", status, stderr, want)
		}
	}
}
