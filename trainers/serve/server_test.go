package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

func TestPages(t *testing.T) {
	root := t.TempDir()
	dir := some(t, root, "sweep/a b#1", "0.001", 100, true)
	withMap(t, dir)
	some(t, root, "z", "0.002", 50, false)
	s, _ := begin(t, Options{Dir: root})
	at := "/runs/" + url.PathEscape("sweep/a b#1")
	for target, wants := range map[string][]string{
		"/":                                    {`href="/runs/sweep%2Fa%20b%231"`, "2 runs: 1 complete, 1 ended untimely", "best 85.00 %"[5:], `data-sort="0.85`},
		at:                                     {"<h1>sweep/a b#1</h1>", `src="/runs/sweep%2Fa%20b%231/files/samples/step-00000100-reconstructions.png"`, "91.00 ± 1.20 %", `data-src="/runs/sweep%2Fa%20b%231/map?at=`},
		at + "/map":                            {`"classes":["zero","one","two"]`, `"uri":"/runs/sweep%2Fa%20b%231/files/inspect/map-thumbs.png"`},
		"/compare?run=z&run=sweep%2Fa+b%231":   {"2 runs side by side", "optimizer.lr"},
		"/assets/page.css":                     {".list"},
		"/assets/page.js":                      {"EventSource"},
		"/assets/icon.svg":                     {"<svg"},
		"/healthz":                             {"ok"},
		at + "/files/metrics.jsonl":            {`"event":"start"`},
		at + "/files/evals/step-00000100.json": {"test loss"},
	} {
		w := get(t, s, target)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s has no %q", target, want)
			}
		}
		h := w.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", target, h)
		}
	}
	// The page loads nothing from elsewhere, and nothing of it is a script or a style.
	page := get(t, s, at).Body.String()
	for _, bad := range []string{"http:", "https:", "//", " style=", "onclick", "<style"} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if w := get(t, s, "/compare?run=z"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/runs/z" {
		t.Errorf("of one run alone: %d %v", w.Code, w.Header())
	}
	for target, want := range map[string]int{
		"/runs/none": 404, "/runs/..": 404, "/compare": 400, "/compare?run=none": 404, "/assets/server.go": 404, "/runs/z/map": 404,
		"/nothing": 404, "/runs/z/words?near=a": 404, "/compare?" + strings.Repeat("run=z&", 41): 400,
	} {
		if w := get(t, s, target); w.Code != want && w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if w := ask(t, s, "DELETE", "/runs/z"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", w.Code)
	}
}

// Nothing outside of a run's folder is given, whatever is asked for and whatever lies
// in it.
func TestFiles(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	put(t, outside, "secret.txt", "secret")
	put(t, outside, "run.toml", "secret = 1")
	put(t, root, "notes.txt", "of no run")
	dir := some(t, root, "a", "0.1", 100, true)
	put(t, dir, ".hidden", "x")
	put(t, dir, "report.html", "<script>alert(1)</script>")
	put(t, dir, "codes/.x/y.txt", "x")
	links := map[string]string{
		"secret.txt": filepath.Join(outside, "secret.txt"), "dir": outside, "relative.txt": "../../" + filepath.Base(outside) + "/secret.txt", "up": "..",
		"evals/secret.json": filepath.Join(outside, "secret.txt"), "samples/step-00000100-x.png": filepath.Join(outside, "secret.txt"),
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "linked")); err != nil {
		t.Fatal(err)
	}
	pipe(t, filepath.Join(dir, "pipe.txt"))
	s, _ := begin(t, Options{Dir: root})
	for _, name := range []string{
		"secret.txt", "dir/secret.txt", "relative.txt", "up/notes.txt", "%2e%2e/notes.txt", "..%2fnotes.txt", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd",
		"", ".", "samples", ".hidden", "codes/.x/y.txt", "evals/secret.json", "none", "a%00b", "pipe.txt", "samples/step-00000100-x.png", `..\notes.txt`,
	} {
		w := get(t, s, "/runs/a/files/"+name)
		if w.Code < 300 || w.Code >= 500 || strings.Contains(w.Body.String(), "secret\n") || strings.TrimSpace(w.Body.String()) == "secret" {
			t.Errorf("%q: %d %q", name, w.Code, w.Body)
		}
	}
	for _, name := range []string{"linked", "..", "%2e%2e", "..%2f" + filepath.Base(outside), url.PathEscape(outside)} {
		if w := get(t, s, "/runs/"+name); w.Code < 300 {
			t.Errorf("run %q: %d", name, w.Code)
		}
	}
	page := get(t, s, "/runs/a").Body.String()
	if strings.Contains(page, "secret\n") || strings.Contains(page, outside) {
		t.Error("the page tells what lies outside")
	}
	for name, want := range map[string][2]string{
		"report.html": {"application/octet-stream", "attachment; filename=report.html"}, "run.toml": {"text/plain; charset=utf-8", ""},
		"samples/step-00000100-reconstructions.png": {"image/png", ""},
	} {
		w := get(t, s, "/runs/a/files/"+name)
		if got := [2]string{w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition")}; got != want || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %v, %q", name, got, w.Header())
		}
	}
	if w := get(t, s, "/runs/a/files/metrics.jsonl", "Range", "bytes=0-7"); w.Code != http.StatusPartialContent || w.Body.String() != `{"event"` {
		t.Errorf("a part: %d %q", w.Code, w.Body)
	}
}

// Who may ask: pages of the server itself, people and programs; of strangers' pages
// none, and where there is a token only who knows it.
func TestAdmission(t *testing.T) {
	root := t.TempDir()
	dir := some(t, root, "a", "0.1", 100, false)
	atWork(t, dir)
	s, _ := begin(t, Options{Dir: root, Hosts: []string{"trainer.example.org"}})
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:8322": 200, "localhost:1": 200, "[::1]:8322": 200, "10.0.0.5": 200, "trainer.example.org": 200, "Trainer.Example.org:99": 200, own + ":8322": 200,
		"evil.example.com": 421, "127.0.0.1.evil.example.com:8322": 421, "localhost.evil.example.com": 421, "": 421,
	} {
		if w := get(t, s, "/", "Host", host); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	const navigate, document = "navigate", "document"
	for _, c := range []struct {
		method string
		header []string
		want   int
	}{
		{"GET", nil, 200},
		{"GET", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", navigate}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", navigate, "Sec-Fetch-Dest", document}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", navigate, "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"GET", []string{"Origin", "http://evil.example.com"}, 403},
		{"GET", []string{"Origin", "null"}, 403},
		{"GET", []string{"Origin", "http://127.0.0.1:9999"}, 403},
		{"GET", []string{"Origin", "http://127.0.0.1:8322"}, 200},
		{"POST", []string{"Origin", "http://evil.example.com"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", navigate, "Sec-Fetch-Dest", document}, 403},
		{"POST", []string{"Origin", "http://127.0.0.1:8322", "Sec-Fetch-Site", "same-origin"}, 204},
	} {
		target := "/runs/a"
		if c.method == "POST" {
			target += "/stop"
		}
		if w := ask(t, s, c.method, target, c.header...); w.Code != c.want {
			t.Errorf("%s %v: %d, want %d: %s", c.method, c.header, w.Code, c.want, w.Body)
		}
		if asked := runs.Asked(dir); asked != (c.want == 204) {
			t.Errorf("%s %v: asked to stop: %v", c.method, c.header, asked)
		}
	}

	const token = "a token of some length"
	s, _ = begin(t, Options{Dir: root, Token: token})
	for _, header := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Cookie", s.cookie() + "=wrong"}, {"Cookie", "x2vec-00000000=" + url.QueryEscape(token)}} {
		for _, target := range []string{"/", "/runs/a", "/events", "/assets/page.js", "/runs/a/files/run.toml", "/?token=", "/?token=wrong"} {
			if w := get(t, s, target, header...); w.Code != http.StatusUnauthorized {
				t.Errorf("%s with %v: %d", target, header, w.Code)
			}
		}
	}
	if w := get(t, s, "/healthz"); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	if w := get(t, s, "/", "Authorization", "Bearer "+token); w.Code != 200 {
		t.Errorf("a program with the token: %d", w.Code)
	}
	w := get(t, s, "/runs/a?x=1&token="+url.QueryEscape(token))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/runs/a?x=1" {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	c, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
	if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %+v, %v", c, err)
	}
	if w := get(t, s, "/runs/a", "Cookie", c.Name+"="+c.Value); w.Code != 200 {
		t.Errorf("with the cookie: %d", w.Code)
	}
	if w := get(t, s, "//evil.example.com/?token="+url.QueryEscape(token)); strings.HasPrefix(w.Header().Get("Location"), "//") {
		t.Errorf("leads to %s", w.Header().Get("Location"))
	}
}

// Only what works is stopped.
func TestStop(t *testing.T) {
	root := t.TempDir()
	done := some(t, root, "done", "0.1", 100, true)
	s, _ := begin(t, Options{Dir: root})
	if w := ask(t, s, "POST", "/runs/done/stop"); w.Code != http.StatusConflict || runs.Asked(done) || !strings.Contains(w.Body.String(), "it is complete") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, s, "POST", "/runs/none/stop"); w.Code != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, s, "/runs/done/stop"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

// follow reads events until the test has enough.
func follow(t *testing.T, target string) (next func() map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Body.Close() })
	if w.StatusCode != 200 || w.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %s", target, w.Status)
	}
	lines := bufio.NewReader(w.Body)
	return func() map[string]any {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				var v map[string]any
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
	}
}

// The server may begin before there is anything, and sees all that happens.
func TestEvents(t *testing.T) {
	defer func(d time.Duration) { lookEvery = d }(lookEvery)
	lookEvery = 20 * time.Millisecond
	root := filepath.Join(t.TempDir(), "runs")
	s, h := begin(t, Options{Dir: root})
	if w := get(t, s, "/"); w.Code != 200 || !strings.Contains(w.Body.String(), "There are no runs here yet") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, gen, _, err := s.folder.runs()
	if err != nil {
		t.Fatal(err)
	}
	next := follow(t, fmt.Sprintf("%s/events?since=%d", h.URL, gen))
	dir := some(t, root, "a", "0.1", 100, false)
	atWork(t, dir)
	e := next()
	if rows := fmt.Sprint(e["rows"]); !strings.Contains(rows, `data-id="a"`) || fmt.Sprint(e["order"]) != "[a]" {
		t.Fatalf("a run that began: %v", e)
	}
	page := follow(t, h.URL+"/runs/a/events?at="+hash(pageStamp(os.DirFS(dir))))
	add(t, dir, runs.MetricsFile, metricsLine(400, 0.1))
	for !strings.Contains(fmt.Sprint(e["rows"]), "40 %") {
		e = next()
	}
	if page()["at"] == "" {
		t.Error("the page is not told")
	}
	// A page that is behind is told at once.
	if e := follow(t, h.URL+"/runs/a/events?at=old")(); e["at"] == "" {
		t.Errorf("behind: %v", e)
	}
	if n := len(s.watchers); n != 3 { // the list and two pages, which end with their run
		t.Errorf("%d follow, want 3", n)
	}
	// Another folder takes the place of the one that was there.
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	some(t, root, "b", "0.1", 100, true)
	for fmt.Sprint(e["order"]) != "[b]" {
		e = next()
	}
}

// A log that goes on from an earlier step is read anew.
func TestResumedLog(t *testing.T) {
	root := t.TempDir()
	dir := some(t, root, "a", "0.1", 500, false)
	s, _ := begin(t, Options{Dir: root})
	if w := get(t, s, "/runs/a"); !strings.Contains(w.Body.String(), "500 steps") {
		t.Fatal("not at step 500")
	}
	some(t, root, "a", "0.1", 300, false)
	if w := get(t, s, "/runs/a"); !strings.Contains(w.Body.String(), "300 steps") {
		t.Error("not at step 300")
	}
	if err := os.Remove(filepath.Join(dir, runs.MetricsFile)); err != nil {
		t.Fatal(err)
	}
	if w := get(t, s, "/runs/a"); w.Code != 200 || strings.Contains(w.Body.String(), "300 steps") {
		t.Errorf("without its log: %d", w.Code)
	}
}

func TestWords(t *testing.T) {
	root := t.TempDir()
	dir := some(t, root, "w", "0.1", 100, true)
	read := 0
	s, _ := begin(t, Options{Dir: root, Words: func(dir string) (*eval.WordSpace, error) { read++; return fourWords(dir) }})
	if strings.Contains(get(t, s, "/runs/w").Body.String(), `id="section-words"`) {
		t.Error("a run without words has a field to ask for them")
	}
	if w := get(t, s, "/runs/w/words?near=king"); w.Code != 404 {
		t.Errorf("without a checkpoint: %d", w.Code)
	}
	put(t, dir, runs.VocabularyFile, "king\t1\n")
	put(t, dir, "checkpoints/step-00000100/weights.safetensors", "x")
	if !strings.Contains(get(t, s, "/runs/w").Body.String(), `id="section-words"`) {
		t.Error("a run of words has no field to ask for them")
	}
	for query, want := range map[string]string{
		"near=king": `{"words":[{"word":"queen","cosine":0.8`, "near=KING": `{"words":[{"word":"queen"`, "a=man&b=woman&c=king": `{"words":[{"word":"queen"`,
		"near=kingg": `"error":"kingg is not in the vocabulary","near":["king"`,
	} {
		if w := get(t, s, "/runs/w/words?"+query); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s, want %s", query, w.Body, want)
		}
	}
	if read != 1 {
		t.Errorf("the vectors were read %d times", read)
	}
	for _, query := range []string{"", "near=", "a=x&b=y", "near=" + strings.Repeat("x", 101)} {
		if w := get(t, s, "/runs/w/words?"+query); w.Code != 400 {
			t.Errorf("%q: %d", query, w.Code)
		}
	}
	// A vocabulary that is a link could be any file of the machine.
	if err := os.Remove(filepath.Join(dir, runs.VocabularyFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, runs.VocabularyFile)); err != nil {
		t.Skip(err)
	}
	if w := get(t, s, "/runs/w/words?near=king"); w.Code != 403 {
		t.Errorf("a link: %d %s", w.Code, w.Body)
	}
}

// The folder itself may be that of a run.
func TestFolderOfARun(t *testing.T) {
	dir := some(t, t.TempDir(), "alone", "0.1", 100, true)
	s, _ := begin(t, Options{Dir: dir})
	if w := get(t, s, "/"); !strings.Contains(w.Body.String(), `href="/runs/alone"`) {
		t.Error("it is not listed")
	}
	if w := get(t, s, "/runs/alone/files/run.toml"); w.Code != 200 {
		t.Errorf("its file: %d", w.Code)
	}
}

// A server leaves when it is told to, also while browsers follow.
func TestLeaving(t *testing.T) {
	root := t.TempDir()
	some(t, root, "a", "0.1", 100, true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- New(Options{Dir: root}).Serve(ctx, l) }()
	next := follow(t, "http://"+l.Addr().String()+"/events")
	next()
	cancel()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it stays")
	}
}

// Nobody takes all the lines for himself.
func TestTooManyFollow(t *testing.T) {
	root := t.TempDir()
	s, h := begin(t, Options{Dir: root})
	for range maxWatchers {
		s.watchers <- struct{}{}
	}
	w, err := http.Get(h.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if text, _ := io.ReadAll(w.Body); w.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s", w.Status, text)
	}
}

// Whatever is asked for, the server answers, and not with what lies outside.
func FuzzRequests(f *testing.F) {
	root := f.TempDir()
	dir := some(f, root, "in/a", "0.1", 100, true)
	withMap(f, dir)
	put(f, root, "outside.txt", "outside of all runs")
	s := New(Options{Dir: root})
	for _, seed := range []string{"/", "/runs/in%2Fa", "/runs/in%2Fa/files/../../outside.txt", "/runs/%2e%2e/files/outside.txt", "/compare?run=in/a&run=in%2Fa", "/runs/in%2Fa/words?near=%00", "/runs/in%2Fa/files/samples%2f..%2f..%2f..%2foutside.txt", "/assets/..%2fserver.go"} {
		f.Add("GET", seed, "127.0.0.1")
	}
	f.Fuzz(func(t *testing.T, method, target, host string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.Contains(u.Path, "events") {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, "http://h"+target, nil)
		if err != nil {
			return
		}
		r.Host = host
		w := &memory{header: http.Header{}}
		s.ServeHTTP(w, r)
		if strings.Contains(w.text.String(), "outside of all runs") {
			t.Error("it gives what is outside")
		}
		if w.status >= 500 {
			t.Errorf("%s %q: %d %s", method, target, w.status, w.text.String())
		}
	})
}

// memory keeps an answer.
type memory struct {
	header http.Header
	text   strings.Builder
	status int
}

func (w *memory) Header() http.Header { return w.header }
func (w *memory) WriteHeader(s int)   { w.status = s }
func (w *memory) Write(b []byte) (int, error) {
	return w.text.Write(b)
}
