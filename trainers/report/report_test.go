package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

var when = time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)

// put writes a file of a run.
func put(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func picture(t testing.TB, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// metricsLine is one measurement as the trainer writes it.
func metricsLine(step int, loss float64) string {
	return fmt.Sprintf(`{"step":%d,"samples":%d,"epoch":%g,"time":%g,"loss":%g,"lr":0.001,"grad_norm":0.1,"samples_per_s":1000,"data_wait_ms":0.01,"rss_mb":90,"metrics":{"perplexity":%d}}`+"\n",
		step, step*10, float64(step)/100, float64(step)/10, loss, step)
}

// whole is a run with everything.
func whole(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "digits")
	put(t, dir, "run.toml", "seed = 1\n[data]\nsource = \"mnist\"\n[encoder]\ntype = \"mlp\"\n[objective]\ntype = \"autoencoder\"\n")
	var log strings.Builder
	log.WriteString(`{"event":"start","step":0,"time":0,"cpu":"a processor","threads":2,"data":{"sha256":"abc"}}` + "\n")
	for step := 1; step <= 1000; step++ {
		log.WriteString(metricsLine(step, 1/float64(step)))
	}
	log.WriteString(`{"event":"warning","step":1000,"time":100,"message":"the disk is nearly full"}` + "\n")
	log.WriteString(`{"event":"stop","step":1000,"time":100,"reason":"complete"}` + "\n")
	put(t, dir, "metrics.jsonl", log.String())
	for i, step := range []int{500, 1000} {
		name := fmt.Sprintf("samples/step-%08d-reconstructions.png", step)
		put(t, dir, name, picture(t, 60, 40))
		r := eval.Result{Step: step, When: when,
			Figures: []eval.Figure{
				{Name: "test loss", Value: eval.Number(0.25 - 0.125*float64(i)), Better: "lower", Note: "mean over 10 examples"},
				{Name: "kNN accuracy", Value: eval.Number(0.9 - 0.1*float64(i)), Better: "higher"},
			},
			Pictures: []eval.Picture{{File: name, Caption: "Top: originals."}}}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, fmt.Sprintf("evals/step-%08d.json", step), string(b))
	}
	return dir
}

func render(t testing.TB, dir string) string {
	t.Helper()
	return renderAll(t, dir)
}

// renderAll gives the page of runs side by side.
func renderAll(t testing.TB, dirs ...string) string {
	t.Helper()
	var sources []Source
	for _, dir := range dirs {
		f, err := runs.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{Folder: f})
	}
	b, err := Render(sources, when, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wants(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(page, p) {
			t.Errorf("the page has no %q", p)
		}
	}
}

func TestWholeRun(t *testing.T) {
	page := render(t, whole(t))
	wants(t, page,
		"<h1>digits</h1>", "autoencoder · encoder mlp · data mnist",
		`<p class="state done" id="part-state">complete</p>`, "1,000 steps, 10 epochs, 10,000 samples in 1 min 40 s",
		"Results <small>at step 1,000</small>", "<p class=\"value\">0.125</p>", "80.00 %", "mean over 10 examples",
		`alt="Reconstructions at step 500. Top: originals."`, `width="180" height="120"`,
		`<dt>CPU</dt><dd>a processor</dd>`, `<dt>Data sha256</dt><dd>abc</dd>`,
		"the disk is nearly full", "source = &#34;mnist&#34;", "2 January 2026, 15:04",
		`<td class="best">90.00 %<span class="mark"> best</span></td>`, `<td class="best">0.125<span`,
		`aria-label="Loss over the steps: from `, "Learning rate", "Perplexity", `class="dots"`,
	)
	if n := strings.Count(page, `class="frame away"`); n != 1 {
		t.Errorf("%d frames are hidden at first, want the first of two", n)
	}
	if strings.Contains(page, "Not everything could be read") {
		t.Error("a whole run has faults")
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

// Nothing is loaded, and nothing but the page's own script may run.
func TestSelfContained(t *testing.T) {
	page := render(t, whole(t))
	for _, m := range regexp.MustCompile(`(?i)(?:src|href|action|data|poster)\s*=\s*"([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "data:") && !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page refers to %.80q", m[1])
		}
	}
	plain := strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "") // the name of what a drawing is
	for _, bad := range []string{"http:", "https:", "url(", "@import", " style=", " onclick="} {
		if strings.Contains(plain, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	// The policy names what stands in the page, to the byte.
	for tag, text := range map[string]string{"style": CSS, "script": JS} {
		if !strings.Contains(page, "<"+tag+">"+text+"</"+tag+">") {
			t.Errorf("the %s on the page is not the one that was hashed", tag)
		}
	}
	wants(t, page, "default-src &#39;none&#39;")
}

// Every tag is closed in its order.
func TestWellFormed(t *testing.T) {
	void := map[string]bool{"meta": true, "link": true, "img": true, "input": true}
	page := render(t, whole(t))
	page = strings.NewReplacer("<!doctype html>", "", CSS, "", JS, "").Replace(page)
	page = regexp.MustCompile(` (hidden|disabled)([ >])`).ReplaceAllString(page, ` $1=""$2`)
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.Entity = true, xml.HTMLEntity
	d.AutoClose = []string{}
	for v := range void {
		d.AutoClose = append(d.AutoClose, v)
	}
	d.Strict = false
	ids := map[string]bool{}
	var open []string
	for {
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "id" && ids[a.Value] {
					t.Errorf("two elements have the id %q", a.Value)
				} else if a.Name.Local == "id" {
					ids[a.Value] = true
				}
			}
			if !void[e.Name.Local] {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if void[e.Name.Local] {
				continue
			}
			if n := len(open) - 1; n < 0 || open[n] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			} else {
				open = open[:n]
			}
		}
	}
	if len(open) > 0 || !ids["results"] {
		t.Errorf("open at the end: %v; ids %v", open, ids)
	}
}

const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'`

func TestEverythingIsEscaped(t *testing.T) {
	dir := whole(t)
	put(t, dir, "run.toml", "[data]\nsource = '''"+evil+"'''\n")
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "metrics.jsonl", `{"event":"start","step":0,"time":0,"cpu":`+string(quoted)+"}\n"+
		strings.Replace(metricsLine(3, 0.5), `"perplexity"`, string(quoted), 1)+
		`{"event":"warning","step":3,"time":0,"message":`+string(quoted)+"}\n"+
		`{"event":"stop","step":3,"time":0,"reason":`+string(quoted)+"}\n")
	put(t, dir, "evals/step-00001000.json", fmt.Sprintf(`{"step":1000,"figures":[{"name":%s,"value":1,"note":%s,"better":%s}],"pictures":[{"file":"samples/step-00001000-reconstructions.png","caption":%s}]}`, quoted, quoted, quoted, quoted))
	page := render(t, dir)
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
		t.Error("text of a run became part of the page")
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
	if strings.Count(page, "alert(1)") < 8 {
		t.Error("the texts are not on the page")
	}
}

// Whatever is missing or damaged is said, and the rest is shown.
func TestDamagedRuns(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(dir string)
		wants  []string
	}{
		"empty folder": {func(dir string) { os.RemoveAll(dir); os.Mkdir(dir, 0o755) },
			[]string{"not begun", "run.toml: no such file", "metrics.jsonl: no such file", "Not everything could be read"}},
		"no metrics": {func(dir string) { os.Remove(filepath.Join(dir, "metrics.jsonl")) },
			[]string{"not begun", "metrics.jsonl: no such file", "80.00 %"}},
		"cut metrics": {func(dir string) {
			put(t, dir, "metrics.jsonl", metricsLine(1, 2)+"garbage\n"+metricsLine(2, 1)+`{"step":3,"lo`)
		},
			[]string{"damaged lines left out: 1", "ended untimely", "2 steps"}},
		"binary metrics": {func(dir string) { put(t, dir, "metrics.jsonl", picture(t, 9, 9)+"\n\x00\xff\n") },
			[]string{"damaged lines left out"}},
		"losses that are no numbers": {func(dir string) {
			put(t, dir, "metrics.jsonl", metricsLine(1, 2)+strings.Replace(metricsLine(2, 1), `"loss":1`, `"loss":"NaN"`, 1)+
				`{"event":"stop","step":2,"time":1,"reason":"step 2: the loss is NaN"}`+"\n")
		}, []string{`<p class="state failed" id="part-state">failed</p>`, "Step 2: the loss is NaN.", "Loss"}},
		"only losses that are no numbers": {func(dir string) {
			put(t, dir, "metrics.jsonl", strings.Replace(metricsLine(2, 1), `"loss":1`, `"loss":"NaN"`, 1))
		}, []string{"ended untimely", "Throughput"}},
		"one line": {func(dir string) { put(t, dir, "metrics.jsonl", metricsLine(7, 0)) },
			[]string{"Loss: 0 at step 7", "ended untimely"}},
		"early stop": {func(dir string) {
			put(t, dir, "metrics.jsonl", metricsLine(1, 2)+`{"event":"early_stop","step":1,"time":1,"reason":"no better test loss for 5 evaluations"}`+"\n"+`{"event":"stop","step":1,"time":1,"reason":"complete"}`+"\n")
		}, []string{`<p class="state done" id="part-state">complete</p>`, "Ended early: no better test loss for 5 evaluations."}},
		"run file is no toml": {func(dir string) { put(t, dir, "run.toml", "[[[\xff") }, []string{"run.toml: toml", "[[[\uFFFD"}},
		"run file is a folder": {func(dir string) {
			os.Remove(filepath.Join(dir, "run.toml"))
			os.Mkdir(filepath.Join(dir, "run.toml"), 0o755)
		}, []string{"run.toml: is not a file"}},
		"evaluation is no json": {func(dir string) { put(t, dir, "evals/step-00000500.json", "{") },
			[]string{"evals/step-00000500.json: unexpected end", "80.00 %"}},
		"picture is none": {func(dir string) { put(t, dir, "samples/step-00001000-reconstructions.png", "PNG") },
			[]string{"samples/step-00001000-reconstructions.png: is no whole PNG", "step 500"}},
		"picture is huge": {func(dir string) {
			put(t, dir, "samples/step-00001000-reconstructions.png", strings.Repeat("x", maxRead+1))
		}, []string{"samples/step-00001000-reconstructions.png: has 67108865 bytes, more than the 67108864 that are read"}},
		"strange names": {func(dir string) {
			for _, n := range []string{"step-1-a.png", "step-00000001-..png", "step-99999999999999999999-a.png", "x.png", "step-00000001-a.jpg"} {
				put(t, dir, "samples/"+n, picture(t, 2, 2))
			}
		}, []string{"80.00 %"}},
		"huge values": {func(dir string) {
			put(t, dir, "metrics.jsonl", metricsLine(1, 1e308)+metricsLine(2, -1e308)+metricsLine(3, 1e-320)+metricsLine(4, 4))
		}, []string{"Loss"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := whole(t)
			c.damage(dir)
			page := render(t, dir)
			wants(t, page, c.wants...)
			if strings.Contains(page, dir) {
				t.Error("the page tells where the run lies on this machine")
			}
			for _, bad := range []string{"NaN 0", "M NaN", "+Inf", "ZgotmplZ", " NaN\""} {
				if strings.Contains(page, bad) {
					t.Errorf("the page has %q", bad)
				}
			}
		})
	}
}

func TestWrite(t *testing.T) {
	dir := whole(t)
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.HasSuffix(b, []byte("</html>\n")) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if err := Write(filepath.Join(dir, "none")); err == nil {
		t.Error("a run that is not there has a report")
	}
	if err := Write(filepath.Join(dir, "run.toml")); err == nil || !strings.Contains(err.Error(), "is a file; want a folder") {
		t.Errorf("a file has a report: %v", err)
	}
}

// A page stays small whatever the length of the run.
func TestLongRun(t *testing.T) {
	dir := whole(t)
	var log strings.Builder
	for step := range 20000 {
		log.WriteString(metricsLine(step+1, 1+math.Sin(float64(step))))
	}
	put(t, dir, "metrics.jsonl", log.String())
	for step := range 50 {
		put(t, dir, fmt.Sprintf("samples/step-%08d-reconstructions.png", step), picture(t, 20, 20))
	}
	page := render(t, dir)
	if len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if n := strings.Count(page, `<figure class="frame`); n != maxFrames {
		t.Errorf("%d frames, want %d", n, maxFrames)
	}
	wants(t, page, "20,000 steps", `data-step="step 0"`, `data-step="step 1,000"`)
}
