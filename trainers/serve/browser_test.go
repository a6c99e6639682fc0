package serve

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"x2vec/data/vectors"
	"x2vec/trainers/eval"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

// patience is how long a page may take to become what it should: a slow machine that
// does much else needs long.
const patience = 2 * time.Minute

// browser starts Chromium, once for all tests.
var browser = sync.OnceValues(func() (context.Context, error) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		return nil, nil
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.WSURLReadTimeout(patience))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeBrowser = cancel
	return ctx, chromedp.Run(ctx)
})

var closeBrowser = func() {}

func TestMain(m *testing.M) {
	status := m.Run()
	closeBrowser()
	os.Exit(status)
}

// A tab is a page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string // what the page complained of
}

// page opens a tab. What the page complains of fails the test.
func page(t *testing.T, width, height int) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	all, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	if all == nil {
		t.Skip("no chromium here")
	}
	ctx, cancel := chromedp.NewContext(all)
	ctx, stop := context.WithTimeout(ctx, patience)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		stop()
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, text := range p.bad {
			t.Errorf("the page complains: %s", text)
		}
	})
	complain := func(format string, a ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.bad = append(p.bad, fmt.Sprintf(format, a...))
	}
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *cdpruntime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if x := e.ExceptionDetails.Exception; x != nil {
				text += " " + x.Description
			}
			complain("%s", text)
		case *cdpruntime.EventConsoleAPICalled:
			if e.Type == cdpruntime.APITypeError || e.Type == cdpruntime.APITypeWarning {
				complain("console: %v", e.Args)
			}
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
				complain("%s %s", e.Entry.Text, e.Entry.URL)
			}
		}
	})
	p.do(cdplog.Enable(), cdppage.BringToFront(), emulation.SetFocusEmulationEnabled(true), emulation.SetDeviceMetricsOverride(int64(width), int64(height), 1, width < 600))
	return p
}

func (p *tab) do(actions ...chromedp.Action) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// until waits for an expression of the page to be true.
func (p *tab) until(expression string) {
	p.t.Helper()
	var err error
	for p.ctx.Err() == nil {
		var held bool
		// An error may come of a page that is being left for another.
		if err = chromedp.Run(p.ctx, chromedp.Evaluate("!!("+expression+")", &held)); err == nil && held {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("waited in vain for %s: %v", expression, err)
}

// valueOn gives what an expression of the page comes to.
func valueOn[T any](p *tab, expression string) (v T) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, &v))
	return v
}

// fill writes into a field of a form.
func (p *tab) fill(field, text string) {
	p.t.Helper()
	p.do(chromedp.Evaluate(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("input", { bubbles: true })); })()`, field, text), nil))
}

func (p *tab) theme(name string) {
	p.t.Helper()
	p.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}))
}

// narrow fails where the page can be moved sideways.
func (p *tab) narrow(width int) {
	p.t.Helper()
	if got := valueOn[int](p, "document.documentElement.scrollWidth"); got > width {
		wide := valueOn[string](p, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d && !e.closest(".scroll, .frames")).slice(0, 5).map((e) => e.outerHTML.slice(0, 100)).join("\n")`, width))
		p.t.Errorf("the page is %d pixels wide on a screen of %d:\n%s", got, width, wide)
	}
}

// axe is axe-core 4.14.1 (Deque Systems, MPL-2.0), which finds what keeps people from
// using a page.
//
//go:embed testdata/axe/axe.min.js
var axe string

func (p *tab) accessible() {
	p.t.Helper()
	p.do(chromedp.Evaluate(axe, nil))
	var found []string
	p.do(chromedp.Evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.map((v) => v.id + ": " + v.help + "\n  " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " " + (n.any[0]?.message || "")).join("\n  ")))`,
		&found, func(e *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams { return e.WithAwaitPromise(true) }))
	for _, f := range found {
		p.t.Error(f)
	}
}

// shot keeps a picture of the page in the folder that X2VEC_SCREENSHOTS names.
func (p *tab) shot() {
	p.t.Helper()
	dir := os.Getenv("X2VEC_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	p.do(chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, path.Base(p.t.Name())+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// three are runs to be shown: one that ended, one at work, one of a sweep.
func three(t *testing.T) (root, working string) {
	root = t.TempDir()
	withMap(t, some(t, root, "first", "0.001", 1000, true))
	put(t, filepath.Join(root, "first"), runs.TagsFile, "paper\n")
	working = some(t, root, "working", "0.003", 200, false)
	atWork(t, working)
	some(t, root, "sweep/lr=0.01", "0.01", 600, true)
	return root, working
}

// Every page loads without a complaint, is usable by all, and fits a phone.
func TestPagesInBrowser(t *testing.T) {
	root, _ := three(t)
	_, h := begin(t, Options{Dir: root})
	file := filepath.Join(t.TempDir(), "report.html")
	f, err := runs.Open(filepath.Join(root, "first"))
	if err != nil {
		t.Fatal(err)
	}
	html, err := report.Render([]report.Source{{Folder: f}}, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, html, 0o644); err != nil {
		t.Fatal(err)
	}
	pages := []struct {
		name, at, ready string
		own             bool // looked at by itself: the report is a run's page
	}{
		{"list", h.URL + "/", `document.querySelector("th[aria-sort]")`, true},
		{"run", h.URL + "/runs/first", `document.querySelector("#section-map canvas")`, true},
		{"compare", h.URL + "/compare?run=first&run=sweep%2Flr%3D0.01&run=working", `!document.querySelector("#section-curves .controls").hidden`, true},
		{"report", "file://" + file, `document.querySelector("#section-map canvas")`, false},
	}
	for _, c := range pages {
		for _, look := range []struct {
			width int
			theme string
		}{{1280, "light"}, {375, "dark"}} {
			t.Run(fmt.Sprintf("%s-%s-%d", c.name, look.theme, look.width), func(t *testing.T) {
				p := page(t, look.width, 800)
				p.theme(look.theme)
				p.do(chromedp.Navigate(c.at))
				p.until(c.ready)
				p.until(`[...document.images].every((i) => i.complete)`)
				if broken := valueOn[int](p, `[...document.images].filter((i) => !i.naturalWidth).length`); broken > 0 {
					t.Errorf("%d pictures do not load", broken)
				}
				p.narrow(look.width)
				if c.own {
					p.accessible()
				}
				p.shot()
			})
		}
	}
}

// The list can be sorted and filtered, and runs chosen there are compared.
func TestListInBrowser(t *testing.T) {
	root, working := three(t)
	_, h := begin(t, Options{Dir: root})
	p := page(t, 1280, 800)
	p.do(chromedp.Navigate(h.URL))
	shown := `[...document.querySelectorAll("tbody tr")].filter((r) => !r.hidden).map((r) => r.dataset.id).join(" ")`
	p.until(shown + ` === "first sweep/lr=0.01 working"`)
	p.fill("#filter", "#paper")
	p.until(shown + ` === "first"`)
	p.fill("#filter", "sweep auto")
	p.until(shown + ` === "sweep/lr=0.01"`)
	p.do(chromedp.Reload())
	p.until(shown + ` === "sweep/lr=0.01"`) // it stands in the address
	p.fill("#filter", " ")
	p.until(shown + ` === "first sweep/lr=0.01 working"`)
	p.do(chromedp.Click(`//th/button[text()="Progress"]`))
	p.until(shown + ` === "first sweep/lr=0.01 working" && document.querySelectorAll("[aria-sort=descending]").length === 1`)
	p.do(chromedp.Click(`//th/button[text()="Progress"]`))
	p.until(shown + ` === "working first sweep/lr=0.01"`)

	// It moves on: a row changes and keeps its mark, a new run comes, one goes.
	p.do(chromedp.Click(`input[value="working"]`))
	add(t, working, runs.MetricsFile, metricsLine(500, 0.1))
	p.until(`document.querySelector('[data-id="working"]').textContent.includes("50 %")`)
	some(t, root, "newcomer", "0.1", 100, true)
	p.until(`document.querySelector('[data-id="newcomer"]')`)
	if err := os.RemoveAll(filepath.Join(root, "sweep")); err != nil {
		t.Fatal(err)
	}
	p.until(`!document.querySelector('[data-id="sweep/lr=0.01"]')`)
	p.until(`document.getElementById("count").textContent.startsWith("3 runs: 1 running, 2 complete")`)
	p.until(`document.querySelector('input[value="working"]').checked && document.getElementById("compare").disabled`)
	p.do(chromedp.Click(`input[value="first"]`), chromedp.Click("#compare"))
	p.until(`document.title.startsWith("2 runs side by side")`)
	p.until(`[...document.querySelectorAll("th")].some((th) => th.textContent === "optimizer.lr")`)
}

// A run's page moves while the run does, keeps what a person has set, and stops it.
func TestRunInBrowser(t *testing.T) {
	root, working := three(t)
	_, h := begin(t, Options{Dir: root})
	p := page(t, 1280, 800)
	p.do(chromedp.Navigate(h.URL + "/runs/working"))
	line := `document.querySelector('[data-id="loss"] .lines path.line').getAttribute("d")`
	p.until(line)
	before := valueOn[string](p, line)
	p.do(chromedp.Evaluate(`(() => { const s = document.querySelector("#smooth"); s.value = 0.5; s.dispatchEvent(new Event("input")); })()`, nil))
	p.until(`document.querySelector('[data-id="loss"] .lines .faint')`)
	p.do(chromedp.Evaluate(`document.querySelector("#slide-reconstructions").value = 0, document.querySelector("#slide-reconstructions").dispatchEvent(new Event("input"))`, nil))
	add(t, working, runs.MetricsFile, metricsLine(400, 5)+metricsLine(500, 0.2))
	p.until(`document.getElementById("part-progress").textContent.includes("50 %")`)
	p.until(`document.getElementById("part-detail").textContent.startsWith("500 steps")`)
	p.until(line + ` !== ` + fmt.Sprintf("%q", before))
	p.until(`document.querySelector('[data-id="loss"] .lines .faint') && document.querySelector("#smooth").value === "0.5"`)
	// A new picture comes; the slider stays where it was put.
	put(t, working, "samples/step-00000500-reconstructions.png", picture(t, 120, 40))
	p.until(`document.querySelectorAll("#part-samples .frame").length === 3`)
	p.until(`document.querySelector("#slide-reconstructions").value === "0"`)
	p.until(`document.querySelector("#part-samples .frame:not(.away)").dataset.step === "step 100"`)
	// By keyboard: the value at the curve's end is read.
	p.do(chromedp.Focus(`[data-id="loss"] .plot`), chromedp.KeyEvent(kb.End))
	p.until(`document.querySelector('[data-id="loss"] .readout').textContent.startsWith("step 500:")`)

	if runs.Asked(working) {
		t.Fatal("nobody has asked it to stop")
	}
	p.do(chromedp.Click(".stop"))
	p.until(`document.querySelector(".stop").textContent.startsWith("Really")`)
	p.do(chromedp.Click(".stop"))
	p.until(`document.getElementById("part-stop").textContent.includes("was asked to stop")`)
	if !runs.Asked(working) {
		t.Error("the run is not asked to stop")
	}
	add(t, working, runs.MetricsFile, `{"event":"stop","step":500,"time":51,"reason":"complete"}`+"\n")
	if err := os.WriteFile(filepath.Join(working, "run.lock"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.until(`document.getElementById("part-state").textContent === "complete"`)
}

// A point of the map that is clicked shows its neighbours.
func TestMapInBrowser(t *testing.T) {
	root, _ := three(t)
	_, h := begin(t, Options{Dir: root})
	p := page(t, 1280, 900)
	p.do(chromedp.Navigate(h.URL + "/runs/first"))
	p.until(`document.getElementById("section-map").map?.loaded`)
	p.do(chromedp.ScrollIntoView("#section-map canvas"))
	spot := func(i int) (x, y float64) {
		at := valueOn[[]float64](p, fmt.Sprintf(`(() => { const m = document.getElementById("section-map").map, b = m.canvas.getBoundingClientRect(), [x, y] = m.px(%d); return [b.left + x, b.top + y]; })()`, i))
		return at[0], at[1]
	}
	x, y := spot(40)
	p.do(chromedp.MouseEvent(input.MouseMoved, x, y))
	p.until(`document.querySelector(".reading").textContent === "one example 1,040"`)
	p.do(chromedp.MouseClickXY(x, y))
	p.until(`[...document.querySelectorAll(".near button")].map((b) => b.dataset.point).join() === "43,46,37"`)
	p.do(chromedp.Click(`.near button[data-point="46"]`))
	p.until(`document.querySelector(".reading").textContent === "one example 1,046"`)

	// Zooming and moving keep the place under the mouse.
	x, y = spot(40)
	wide := valueOn[float64](p, `document.getElementById("section-map").map.scale`)
	p.do(chromedp.Evaluate(fmt.Sprintf(`document.querySelector("#section-map canvas").dispatchEvent(new WheelEvent("wheel", { deltaY: -120, ctrlKey: true, clientX: %g, clientY: %g, cancelable: true }))`, x, y), nil))
	p.until(fmt.Sprintf(`document.getElementById("section-map").map.scale > %g`, wide))
	if nx, ny := spot(40); math.Hypot(nx-x, ny-y) > 1 {
		t.Errorf("the point under the mouse goes from %.0f, %.0f to %.0f, %.0f", x, y, nx, ny)
	}
	// A class that is taken out is not found any more; the keyboard reaches points.
	p.do(chromedp.Click(`//button[contains(@class, "class")][contains(., "two")]`))
	p.do(chromedp.Focus("#section-map canvas"), chromedp.KeyEvent("0"), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.ArrowRight))
	p.until(`/^(zero|one) example/.test(document.querySelector(".reading").textContent)`)
	p.do(chromedp.Click(`//button[text()="Pictures"]`))
	p.until(`document.getElementById("section-map").map.pictures`)
}

// Words are answered with their neighbours, relations with what is missing.
func TestWordsInBrowser(t *testing.T) {
	root, _ := three(t)
	put(t, filepath.Join(root, "first"), runs.VocabularyFile, "")
	put(t, filepath.Join(root, "first"), runs.CheckpointsDir+"/notes.txt", "")
	_, h := begin(t, Options{Dir: root, Words: fourWords})
	p := page(t, 1280, 800)
	p.do(chromedp.Navigate(h.URL + "/runs/first"))
	p.until(`!document.querySelector("#section-words form").hidden`)
	p.fill(`input[name="near"]`, "king")
	p.do(chromedp.Click(`//form[1]//button[text()="Show"]`))
	answer := `[...document.querySelectorAll(".answer li button")].map((b) => b.textContent).join(" ")`
	p.until(answer + `.startsWith("queen")`)
	p.fill(`input[name="a"]`, "man")
	p.fill(`input[name="b"]`, "woman")
	p.fill(`input[name="c"]`, "king")
	p.do(chromedp.Focus(`input[name="c"]`), chromedp.KeyEvent(kb.Enter))
	p.until(answer + ` === "queen"`)
	p.fill(`input[name="near"]`, "womn")
	p.do(chromedp.Focus(`input[name="near"]`), chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector(".answer").textContent.includes("not in the vocabulary")`)
	p.do(chromedp.Click(`//div[@class="answer"]//button[text()="woman"]`))
	p.until(answer + `.includes("queen")`)
}

// fourWords have a royal and a female direction.
func fourWords(string) (*eval.WordSpace, error) {
	v, err := vectors.New([]string{"man", "woman", "king", "queen"}, 3, []float32{1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1})
	if err != nil {
		return nil, err
	}
	return eval.NewWordSpace(v, nil), nil
}

// What lies in a folder stands on the pages as text and runs nowhere.
func TestHostileFolderInBrowser(t *testing.T) {
	root := t.TempDir()
	evil := `<img src=x onerror=alert(1)>"'<script>alert(1)</script>`
	name := strings.ReplaceAll(evil, "/", "_")
	dir := some(t, root, name, "0.1", 100, true)
	put(t, dir, runs.RunFile, fmt.Sprintf("[objective]\ntype = %q\n[data]\nsource = %q\n", evil, evil))
	put(t, dir, runs.TagsFile, "<script>\njavascript:alert(1)\n")
	put(t, dir, "evals/step-00000200.json", fmt.Sprintf(`{"step":200,"figures":[{"name":%q,"value":1,"better":"lower","note":%q}],"alarms":[%q],"tables":[{"name":%q,"caption":%q,"columns":[%q],"rows":[[%q]]}]}`, evil, evil, evil, evil, evil, evil, evil))
	put(t, dir, runs.MapFile, fmt.Sprintf(`{"step":1,"tap":%q,"method":%q,"classes":[%q],"points":[{"x":0,"y":0,"index":1,"label":0,"text":%q},{"x":1,"y":1,"index":2,"label":-1}],"neighbors":[[1],[0]]}`, evil, evil, evil, evil))
	put(t, dir, "inspect/units.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" onload="alert(1)"><script>alert(1)</script></svg>`)
	put(t, dir, "transfer/a.json", fmt.Sprintf(`{"data":%q,"score":%q,"rows":[{"name":%q,"method":%q,"mean":"NaN"}],"protocol":[%q]}`, evil, evil, evil, evil, evil))
	add(t, dir, runs.MetricsFile, strings.Repeat("x", 3<<20)+"\n{\"event\":\"warning\",\"step\":100,\"message\":"+fmt.Sprintf("%q", evil)+"}\n")
	other := some(t, root, "other", "0.1", 100, true)
	put(t, other, "report.html", "<script>alert(1)</script>")
	_, h := begin(t, Options{Dir: root})
	for _, at := range []string{"/", "/runs/" + url.PathEscape(name), "/compare?run=other&run=" + url.QueryEscape(name)} {
		t.Run("", func(t *testing.T) {
			p := page(t, 375, 800)
			p.do(chromedp.Navigate(h.URL + at))
			p.until(`document.readyState === "complete" && document.getElementById("theme").hidden === false`)
			if strings.HasPrefix(at, "/runs/") {
				p.until(`document.getElementById("section-map").map?.canvas`)
				p.do(chromedp.Evaluate(`document.getElementById("section-map").map.pick(0)`, nil))
				p.until(`document.querySelector(".reading").textContent.includes("<script>")`)
			}
			if n := valueOn[int](p, `document.querySelectorAll("script").length`); n != 1 {
				t.Errorf("%s has %d scripts", at, n)
			}
			if n := valueOn[int](p, `document.querySelectorAll("img:not([src^='/runs/'])").length`); n != 0 {
				t.Errorf("%s has %d pictures of others", at, n)
			}
			p.narrow(375)
		})
	}
}
