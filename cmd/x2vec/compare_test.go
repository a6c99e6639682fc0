package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What was found out about runs after training stands in their table, and losses of
// different objectives are not compared.
func TestCompareJudgements(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	text := `[data]
source = "shapes"
count = 200
test_limit = 40
size = 8
[encoder]
hidden = [8]
code = 4
[objective]
type = %q
[train]
batch = 20
duration = 3
`
	ok(t, "train", writeJob(t, fmt.Sprintf(text, "autoencoder")), "--out", a)
	ok(t, "train", writeJob(t, fmt.Sprintf(text, "classify")), "--out", b)
	ok(t, "probe", a, "--labels", "5", "--seeds", "2", "--alone")
	for name, content := range map[string]string{
		"curve-x/transfer.json": `{"step":3,"data":"shapes","score":"accuracy","seeds":3,"rows":[
			{"method":"finetune","labels":"5","mean":0.5,"half_of_95":0.0123},{"method":"scratch","labels":"5","mean":0.25},{"method":"pixels","labels":"5","mean":0.9}]}`,
		"zeroshot-flowers.json":  `{"step":3,"data":"flowers","tasks":[{"of":"class","accuracy":0.75},{"of":"colour","accuracy":0.5}]}`,
		"probe-other-layer.json": `{"step":3,"data":"shapes","layer":"encoder/fc0","score":"accuracy","labels":"all","seeds":1,"rows":[{"name":"encoder","method":"linear","mean":0.5},{"name":"pixels","method":"linear","mean":0.4}]}`,
		"probe-earlier.json":     `{"step":1,"data":"shapes","layer":"encoder/code","score":"accuracy","labels":"7","seeds":1,"rows":[{"name":"encoder","method":"linear","mean":0.5}]}`,
		"probe-broken.json":      `{"step":`,
	} {
		path := filepath.Join(b, "transfer", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	table := ok(t, "compare", a, b, "--setting", "objective.type")
	lines := strings.Split(table, "\n")
	for _, want := range []string{"kNN accuracy, 5 labels a class", "linear probe accuracy, 5 labels a class", "finetuned accuracy, 5 labels a class", "from scratch accuracy, 5 labels a class",
		"linear probe accuracy, all labels, encoder/fc0", "zero-shot accuracy, asked, flowers", "zero-shot accuracy of colour, asked, flowers"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no column %q in %q", want, lines[0])
		}
	}
	for _, bad := range []string{"7 labels", "pixels", "objective.noise", "objective.smoothing"} {
		if strings.Contains(lines[0], bad) {
			t.Errorf("%q stands in %q", bad, lines[0])
		}
	}
	if !strings.Contains(lines[2], "50.00 % ± 1.23") || !strings.Contains(lines[1], " ± ") {
		t.Errorf("no intervals in\n%s", table)
	}
	losses := ok(t, "compare", a, b, "--figure", "Test Loss")
	if strings.Contains(losses, "*") || strings.Contains(losses, "kNN") {
		t.Errorf("losses of two objectives:\n%s", losses)
	}
	// Of one objective they are.
	c := filepath.Join(dir, "c")
	ok(t, "train", writeJob(t, fmt.Sprintf(text, "autoencoder")), "--out", c, "--set", "seed=1")
	if losses := ok(t, "compare", a, c, "--figure", "test loss"); !strings.Contains(losses, "*") {
		t.Errorf("losses of one objective:\n%s", losses)
	}
	var line struct {
		Run     string
		Figures map[string]float64
	}
	first, _, _ := strings.Cut(ok(t, "compare", b, "--json", "--figure", "accuracy"), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.Figures["finetuned accuracy, 5 labels a class"] != 0.5 || line.Figures["test loss"] != 0 {
		t.Errorf("%v in %s", err, first)
	}
	refused(t, "--setting: the runs do not differ in train.batch; they differ in objective.type", "compare", a, b, "--setting", "train.batch")
	refused(t, "--figure: no run has a figure with beauty", "compare", a, b, "--figure", "beauty")
}
