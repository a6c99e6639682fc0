// Package report makes the page of a run, or of several side by side: one HTML file
// with all that a person wants to see of them, which loads nothing from anywhere
// and needs no server. A server gives the same pages with the parts that move.
//
// It reads the files of the runs' folders and nothing else. What is missing or
// damaged is said on the page; the rest is shown.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"
	"time"

	"x2vec/checkpoints"
	"x2vec/trainers/runs"
)

//go:embed assets/page.html
var pageHTML string

// CSS is the style of the pages.
//
//go:embed assets/page.css
var CSS string

//go:embed assets/chart.js
var chartJS string

//go:embed assets/map.js
var mapJS string

//go:embed assets/page.js
var pageJS string

// JS is the script of the pages.
var JS = chartJS + mapJS + pageJS

// Templates are the parts of which the pages are made, each by its name.
var Templates = template.Must(template.New("page").Parse(pageHTML))

// policy allows the page's own style and script, by their hashes, and pictures
// that are part of it; nothing else is run or loaded.
var policy = "default-src 'none'; img-src data:; style-src " + hash(CSS) + "; script-src " + hash(JS) +
	"; base-uri 'none'; form-action 'none'"

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// A Head is what all pages begin with.
type Head struct {
	Title string
	CSP   string // empty where a server sends it
	CSS   template.CSS
	Live  *Live
}

// Foot is what all pages end with.
type Foot struct {
	JS   template.JS
	Made string
	Live *Live
}

// Live is what a page has more when a server gives it.
type Live struct {
	Home   string                        // address of the list of runs
	File   func(run, file string) string // address of a file of a run
	Map    string                        // address of the map of a run's codes, as MapJSON gives it
	Words  string                        // address to ask for words at; empty where the run has none
	Events string                        // address of the server-sent events that say that the page is to be asked for anew
	Links  []Link                        // where one can go from here
	Stop   string                        // address to ask the run to stop at; empty where it does not run
	Asked  bool                          // whether it was asked to stop
	Done   int                           // percent; -1 where that is not known
	Left   string                        // how long it will take
	Tags   []string
	Files  []Link
}

// A Link is an address with what it is called.
type Link struct{ Address, Name, Note string }

// page is what the template shows.
type page struct {
	Head
	Foot
	Run     *run // of a page about one
	Runs    []*run
	Charts  []chart
	Clocks  string // JSON: a clock for each run
	Several *several
	Live    *Live
}

// several is what stands only on a page about more than one run.
type several struct {
	Compare     *table // the settings that differ, and results
	Differ      *table // the settings, where there are too many to stand there
	Samples     []sideBySide
	Looks       []sideBySide
	Probes      *table
	Timings     *table
	Environment *table
	Same        []fact // settings that are the same in all
}

// Write makes the page of the run in dir, as dir/report.html. An error means that
// the page could not be written, never that a file of the run is damaged.
func Write(dir string) error {
	f, err := runs.Open(dir)
	if err != nil {
		return err
	}
	html, err := Render([]Source{{Folder: f}}, time.Now(), nil)
	if err != nil {
		return err
	}
	return checkpoints.WriteFile(filepath.Join(dir, "report.html"), html)
}

// Most is how many runs a page can be about.
const Most = 40

// Render gives the page of runs: of one, or of several side by side. now is the
// time that stands at its end; live is nil for a page that is complete in itself.
func Render(sources []Source, now time.Time, live *Live) ([]byte, error) {
	if n := len(sources); n < 1 || n > Most {
		return nil, fmt.Errorf("a page can be about 1 to %d runs, not %d", Most, n)
	}
	p := page{Live: live}
	for i, s := range sources {
		p.Runs = append(p.Runs, gather(s, i, live, maxAll/len(sources), len(sources) > 1))
	}
	title := p.Runs[0].Name
	if len(p.Runs) == 1 {
		p.Run = p.Runs[0]
	} else {
		title = fmt.Sprintf("%d runs side by side", len(p.Runs))
		p.Several = compareRuns(p.Runs)
	}
	p.Head, p.Foot = Dress(title, now, live)
	p.Charts = chartsOf(p.Runs)
	clocks := map[string]clock{}
	for _, r := range p.Runs {
		clocks[r.Name] = r.h.clock()
	}
	text, err := json.Marshal(clocks)
	if err != nil {
		return nil, fmt.Errorf("report of %s: %w", title, err)
	}
	p.Clocks = string(text)
	var b bytes.Buffer
	if err := Templates.ExecuteTemplate(&b, "page", p); err != nil {
		return nil, fmt.Errorf("report of %s: %w", title, err)
	}
	return b.Bytes(), nil
}

// Dress gives what a page begins and ends with.
func Dress(title string, now time.Time, live *Live) (Head, Foot) {
	if live != nil {
		return Head{Title: title, Live: live}, Foot{Live: live}
	}
	return Head{Title: title, CSP: policy, CSS: template.CSS(CSS)}, Foot{JS: template.JS(JS), Made: now.Format("2 January 2006, 15:04")}
}

func compareRuns(all []*run) *several {
	list := make([]runs.Summary, len(all))
	for i, r := range all {
		list[i] = runs.Summary{Name: r.Name, State: runs.State(r.State.Word), Settings: r.Settings, Figures: r.Figures}
	}
	s := &several{
		Samples: besides(all, func(r *run) []sample { return r.Samples }), Looks: besides(all, (*run).looksAsSamples), Probes: probesOf(all),
		Timings:     factsOf(all, func(r *run) []fact { return r.Timings }, false),
		Environment: factsOf(all, func(r *run) []fact { return r.Environment }, true),
	}
	compared := NewCompare(list, false)
	s.Compare = compared.table
	if len(compared.Differ) > fewSettings {
		s.Compare, s.Differ = compared.apart()
		for i, r := range all {
			s.Differ.Classes[i] = r.Class
		}
	}
	differ := map[string]bool{}
	for _, k := range compared.Differ {
		differ[k] = true
	}
	for _, k := range all[0].Settings.Keys {
		if !differ[k] {
			s.Same = append(s.Same, fact{k, all[0].Settings.Values[k]})
		}
	}
	return s
}
