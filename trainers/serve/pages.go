package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"x2vec/trainers/report"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// listPage is what the template of the list shows.
type listPage struct {
	report.Head
	report.Foot
	Dir     string
	Gen     int64
	Columns []column
	Rows    []row
	States  []string
	Tags    []string
	Count   string
	Fault   string
}

// list gives the page of all runs.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	entries, gen, _, err := s.folder.runs()
	p := listPage{Dir: filepath.Base(s.folder.dir), Gen: gen, Columns: columnsOf(entries), Count: countOf(entries)}
	if err != nil {
		p.Fault = "The folder cannot be read: " + err.Error()
	}
	for _, e := range entries {
		p.Rows = append(p.Rows, rowOf(e, p.Columns))
		if state := string(e.sum.State); !slices.Contains(p.States, state) {
			p.States = append(p.States, state)
		}
		for _, t := range e.sum.Tags {
			if !slices.Contains(p.Tags, t) {
				p.Tags = append(p.Tags, t)
			}
		}
	}
	slices.Sort(p.States)
	slices.Sort(p.Tags)
	p.Head, p.Foot = report.Dress("Runs in "+p.Dir, time.Now(), &report.Live{Events: "/events"})
	return send(w, "list", p)
}

// send gives a page that a template makes.
func send(w http.ResponseWriter, name string, page any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, page); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(b.Bytes())
	return gone(err)
}

// gone drops the error of a browser that did not wait.
func gone(error) error { return nil }

// address is where something of a run is.
func address(id string, below ...string) string {
	to := "/runs/" + url.PathEscape(id)
	for _, part := range below {
		for name := range strings.SplitSeq(part, "/") {
			to += "/" + url.PathEscape(name)
		}
	}
	return to
}

// run gives the page of one run.
func (s *Server) run(w http.ResponseWriter, r *http.Request) error {
	e, files, err := s.folder.run(r.PathValue("run"))
	if err != nil {
		return err
	}
	live := s.live(e, files)
	return s.folder.history(e, files, func(h *runlog.History) error {
		html, err := report.Render([]report.Source{{Folder: runs.Folder{Name: e.id, Files: files}, Log: h}}, time.Now(), live)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err = w.Write(html)
		return gone(err)
	})
}

// maxFiles is how many files of a run its page lists.
const maxFiles = 1000

// live is what a run's page has more than its report.
func (s *Server) live(e *entry, files fs.FS) *report.Live {
	l := &report.Live{
		Home: "/", Events: address(e.id, "events") + "?at=" + hash(pageStamp(files)), Tags: e.sum.Tags, Done: -1,
		File: func(run, file string) string { return address(run, "files", file) },
	}
	if info, err := fs.Stat(files, runs.MapFile); err == nil {
		l.Map = address(e.id, "map") + "?at=" + info.ModTime().UTC().Format("20060102T150405.000")
	}
	if _, err := fs.Stat(files, runs.VocabularyFile); err == nil && s.o.Words != nil {
		l.Words = address(e.id, "words")
	}
	if d := e.sum.Done(); d >= 0 {
		l.Done = int(100 * d)
	}
	if e.sum.State == runs.Running {
		l.Stop = address(e.id, "stop")
		if _, err := fs.Stat(files, runs.StopFile); err == nil {
			l.Asked = true
		}
		if e.sum.Left > 0 {
			l.Left = report.Duration(e.sum.Left.Seconds())
		}
	}
	list, _ := runs.Artefacts(files, maxFiles)
	for _, a := range list {
		l.Files = append(l.Files, report.Link{Address: address(e.id, "files", a.Name), Name: a.Name, Note: report.Bytes(a.Size)})
	}
	return l
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// asked gives the runs that a request names.
func (s *Server) asked(r *http.Request) (list []*entry, files []fs.FS, err error) {
	ids := []string{r.PathValue("run")}
	if ids[0] == "" {
		ids = r.URL.Query()["run"]
	}
	if n := len(ids); n < 1 || n > report.Most {
		return nil, nil, refuse(http.StatusBadRequest, "choose 1 to %d runs to compare, not %d", report.Most, n)
	}
	for _, id := range ids {
		e, f, err := s.folder.run(id)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(list, func(o *entry) bool { return o.id == e.id }) {
			list, files = append(list, e), append(files, f)
		}
	}
	return list, files, nil
}

// compare gives the page of several runs side by side.
func (s *Server) compare(w http.ResponseWriter, r *http.Request) error {
	list, files, err := s.asked(r)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		http.Redirect(w, r, address(list[0].id), http.StatusSeeOther)
		return nil
	}
	q := url.Values{}
	stamps := ""
	live := &report.Live{Home: "/", Done: -1, File: func(run, file string) string { return address(run, "files", file) }}
	var sources []report.Source
	for i, e := range list {
		q.Add("run", e.id)
		stamps += pageStamp(files[i])
		live.Links = append(live.Links, report.Link{Address: address(e.id), Name: e.id})
		sources = append(sources, report.Source{Folder: runs.Folder{Name: e.id, Files: files[i]}})
	}
	q.Set("at", hash(stamps))
	live.Events = "/compare/events?" + q.Encode()
	// The logs belong to the one who reads them: each is taken in turn and kept until
	// the page is made, always in the same order, so that nobody waits for himself.
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(list[a].id, list[b].id) })
	var html []byte
	var take func(k int) error
	take = func(k int) (err error) {
		if k == len(order) {
			html, err = report.Render(sources, time.Now(), live)
			return err
		}
		i := order[k]
		return s.folder.history(list[i], files[i], func(h *runlog.History) error {
			sources[i].Log = h
			return take(k + 1)
		})
	}
	if err := take(0); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write(html)
	return gone(err)
}

// mapOf gives the map of a run's codes.
func (s *Server) mapOf(w http.ResponseWriter, r *http.Request) error {
	e, files, err := s.folder.run(r.PathValue("run"))
	if err != nil {
		return err
	}
	m, err := runs.ReadMap(files)
	if err != nil {
		return err
	}
	text, err := report.MapJSON(m, func(file string) string { return address(e.id, "files", file) })
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(text)
	return gone(err)
}

// stop asks a run to stop after its step.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) error {
	e, _, err := s.folder.run(r.PathValue("run"))
	if err != nil {
		return err
	}
	if e.sum.State != runs.Running {
		return refuse(http.StatusConflict, "%s is not at work: it is %s", e.id, e.sum.State)
	}
	if err := s.folder.askToStop(e); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return refuse(http.StatusForbidden, "the server may not write to the folder of %s; stop it where it runs", e.id)
		}
		return err
	}
	s.o.Log("%s is asked to stop", e.id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// asset gives the style, the script and the icon.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := ownAssets[r.PathValue("name")]
	if !ok {
		return fs.ErrNotExist
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(a.text))
	return nil
}

type ownAsset struct{ kind, text, tag string }

// ownAssets are what the pages load; the report has the first part of each within it.
var ownAssets = func() map[string]ownAsset {
	read := func(name string) string {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is part of the program
		}
		return string(b)
	}
	list := map[string]ownAsset{
		"page.css": {kind: "text/css; charset=utf-8", text: report.CSS + read("serve.css")},
		"page.js":  {kind: "text/javascript; charset=utf-8", text: report.JS + read("list.js") + read("live.js")},
		"icon.svg": {kind: "image/svg+xml", text: read("icon.svg")},
	}
	for name, a := range list {
		a.tag = `"` + hash(a.text) + `"`
		list[name] = a
	}
	return list
}()
