package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/trainers/runs"
)

// sibling is a run with another rate, another seed and another end.
func sibling(t testing.TB, name string, lr, seed string, accuracy float64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(whole(t))); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "run.toml", "seed = "+seed+"\n[optimizer]\nlr = "+lr+"\n[data]\nsource = \"mnist\"\n")
	put(t, dir, "evals/step-00001000.json", fmt.Sprintf(`{"step":1000,"figures":[{"name":"kNN accuracy","value":%g,"better":"higher"}]}`, accuracy))
	return dir
}

func TestSideBySide(t *testing.T) {
	page := renderAll(t, sibling(t, "a", "0.1", "1", 0.5), sibling(t, "b", "0.2", "1", 0.75))
	wants(t, page, "<h1>2 runs side by side</h1>", `<th scope="col">optimizer.lr</th>`, `<td class="best">75.00 %`, "<td>0.1</td>", "<td>0.2</td>",
		"Settings that are the same", "<dt>data.source</dt><dd>mnist</dd>", `<span class="swatch s1"></span>b`, `max="1"`,
		"Loss of a over the steps", "Loss of b over the steps")
	if strings.Contains(page, `<th scope="col">seed</th>`) {
		t.Error("a setting that is the same stands among those that differ")
	}
	// Where pictures are large, there are fewer of them.
	var many []string
	for i := range Most {
		many = append(many, sibling(t, fmt.Sprint("run", i), "0.1", "1", 0.5))
	}
	if page := renderAll(t, many...); len(page) > 5<<20 {
		t.Errorf("a page of %d runs has %d bytes", Most, len(page))
	}
	if _, err := Render(nil, when, nil); err == nil {
		t.Error("a page is about no run")
	}
}

func TestJoinedBySeed(t *testing.T) {
	var list []runs.Summary
	for _, r := range []struct {
		lr, seed string
		accuracy float64
	}{{"0.1", "1", 0.5}, {"0.2", "1", 0.9}, {"0.1", "2", 0.7}, {"0.1", "3", 0.6}} {
		f, err := runs.Open(sibling(t, "lr"+r.lr+"seed"+r.seed, r.lr, r.seed, r.accuracy))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, runs.Summarize(f))
	}
	c := NewCompare(list, true)
	if !slices.Equal(c.Differ, []string{"optimizer.lr"}) {
		t.Errorf("differ: %v", c.Differ)
	}
	text := c.Text()
	// Student's t of two degrees of freedom is 4.3027 at 97.5 %, the deviation 0.1:
	// 4.3027 * 0.1 / √3 = 0.2484.
	at := slices.Index(text[0], "kNN accuracy")
	if len(text) != 3 || text[1][0] != "lr0.1seed1 and 2 more seeds" || text[1][at] != "60.00 % ± 24.84" || text[2][at] != "90.00 % *" {
		t.Errorf("%q", text)
	}
	if all := NewCompare(list, false).Text(); len(all) != 5 || !slices.Contains(all[0], "seed") {
		t.Errorf("%q", all)
	}
}
