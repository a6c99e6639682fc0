// Package report makes the page of a run: one HTML file with all that a person
// wants to see of it, which loads nothing from anywhere and needs no server.
//
// It reads the files of the run's folder and nothing else. What is missing or
// damaged is said on the page; the rest is shown.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"x2vec/checkpoints"
	"x2vec/trainers/eval"
)

//go:embed assets/page.html
var pageHTML string

//go:embed assets/page.css
var pageCSS string

//go:embed assets/page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// policy allows the page's own style and script, by their hashes, and pictures
// that are part of it; nothing else is run or loaded.
var policy = "default-src 'none'; img-src data:; style-src " + hash(pageCSS) + "; script-src " + hash(pageJS) +
	"; base-uri 'none'; form-action 'none'"

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page is what the template shows.
type page struct {
	CSP         string
	CSS         template.CSS
	JS          template.JS
	Title       string
	What        string // on one line, what was trained on what
	State       state
	Faults      []string
	Headline    []card
	HeadlineAt  string
	Samples     []sample
	Charts      []chart
	Table       *table
	Timings     []fact
	Environment []fact
	Events      []fact
	Settings    string
	Made        string
}

// A state says how the run stands.
type state struct{ Kind, Word, Detail string }

// A fact is a name and what stands beside it.
type fact struct{ Name, Value string }

// A card is one figure of the last evaluation.
type card struct{ Name, Value, Note string }

// A table has a row for every evaluation and a column for every figure.
type table struct {
	Columns []string
	Rows    []row
}

type row struct {
	Step  string
	Cells []cell
}

type cell struct {
	Text string
	Best bool
}

// Write makes the page of the run in dir, as dir/report.html. An error means that
// the page could not be written, never that a file of the run is damaged.
func Write(dir string) error {
	html, err := Render(dir, time.Now())
	if err != nil {
		return err
	}
	return checkpoints.WriteFile(filepath.Join(dir, "report.html"), html)
}

// Render gives the page of the run in dir. now is the time that stands at its end.
func Render(dir string, now time.Time) ([]byte, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: is not the folder of a run", dir)
	}
	p := gather(dir)
	p.CSP, p.CSS, p.JS = policy, template.CSS(pageCSS), template.JS(pageJS)
	p.Made = now.Format("2 January 2006, 15:04")
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("report of %s: %w", dir, err)
	}
	return b.Bytes(), nil
}

// gather reads all there is.
func gather(dir string) *page {
	p := &page{Title: title(dir)}
	settings := p.readSettings(dir)
	h, err := readHistory(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		p.fault(dir, err)
	}
	if h.Damaged > 0 {
		p.Faults = append(p.Faults, fmt.Sprintf("metrics.jsonl: damaged lines left out: %d", h.Damaged))
	}
	results := p.readResults(dir)
	samples, faults := readSamples(dir, results)
	p.Samples, p.Faults = samples, append(p.Faults, faults...)

	p.What = what(settings)
	p.State = h.state()
	p.headline(results)
	p.Table = evaluations(results)
	p.Charts = h.charts(results)
	p.Timings = h.timings()
	p.Environment = h.environment()
	p.Events = h.happened()
	return p
}

func (p *page) fault(dir string, err error) { p.Faults = append(p.Faults, plain(dir, err)) }

// title is the name of the run's folder.
func title(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

const maxSettings = 1 << 20

// readSettings keeps the run file as it stands, and gives its tables.
func (p *page) readSettings(dir string) map[string]any {
	b, err := readBounded(filepath.Join(dir, "run.toml"), maxSettings)
	if err != nil {
		p.fault(dir, err)
		return nil
	}
	p.Settings = string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
	var tables map[string]any
	if err := toml.Unmarshal(b, &tables); err != nil {
		p.fault(dir, fmt.Errorf("run.toml: %w", err))
	}
	return tables
}

// what says on one line what was trained on what.
func what(settings map[string]any) string {
	get := func(table, key string) string {
		t, _ := settings[table].(map[string]any)
		s, _ := t[key].(string)
		return s
	}
	var parts []string
	for _, s := range []struct{ before, table, key string }{
		{"", "objective", "type"}, {"encoder ", "encoder", "type"}, {"data ", "data", "source"}, {"optimizer ", "optimizer", "type"},
	} {
		if v := get(s.table, s.key); v != "" {
			parts = append(parts, s.before+v)
		}
	}
	return strings.Join(parts, " · ")
}

// maxResults bounds how many evaluations a page looks at: the latest ones.
const maxResults = 500

// readResults reads evals/*.json in the order of their steps.
func (p *page) readResults(dir string) []eval.Result {
	entries, err := os.ReadDir(filepath.Join(dir, "evals"))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.fault(dir, err)
		}
		return nil
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, "evals", e.Name()))
		}
	}
	if n := len(files) - maxResults; n > 0 { // names begin with the step
		p.Faults = append(p.Faults, fmt.Sprintf("evals: the first %d of %d are left out", n, len(files)))
		files = files[n:]
	}
	var results []eval.Result
	for _, f := range files {
		r, err := eval.Read(f)
		if err != nil {
			p.fault(dir, err)
			continue
		}
		results = append(results, r)
	}
	slices.SortStableFunc(results, func(a, b eval.Result) int { return a.Step - b.Step })
	return results
}

func (p *page) headline(results []eval.Result) {
	if len(results) == 0 {
		return
	}
	last := results[len(results)-1]
	for _, f := range last.Figures {
		p.Headline = append(p.Headline, card{label(f.Name), figureValue(f.Name, float64(f.Value)), f.Note})
	}
	p.HeadlineAt = "at step " + number(float64(last.Step))
}

// evaluations is nil where there are fewer than two.
func evaluations(results []eval.Result) *table {
	if len(results) < 2 {
		return nil
	}
	t := &table{}
	column := map[string]int{}
	better := map[string]string{}
	for _, r := range results {
		for _, f := range r.Figures {
			if _, seen := column[f.Name]; !seen {
				column[f.Name] = len(t.Columns)
				t.Columns = append(t.Columns, f.Name)
			}
			better[f.Name] = f.Better
		}
	}
	best, times := map[string]float64{}, map[string]int{}
	for _, r := range results {
		for _, f := range r.Figures {
			v := float64(f.Value)
			b, seen := best[f.Name]
			times[f.Name]++
			switch {
			case !ok(v):
			case !seen, better[f.Name] == "lower" && v < b, better[f.Name] == "higher" && v > b:
				best[f.Name] = v
			}
		}
	}
	for _, r := range results {
		cells := make([]cell, len(t.Columns))
		for i := range cells {
			cells[i].Text = "–"
		}
		for _, f := range r.Figures {
			v := float64(f.Value)
			b, seen := best[f.Name]
			cells[column[f.Name]] = cell{figureValue(f.Name, v), seen && v == b && better[f.Name] != "" && times[f.Name] > 1}
		}
		t.Rows = append(t.Rows, row{number(float64(r.Step)), cells})
	}
	return t
}
