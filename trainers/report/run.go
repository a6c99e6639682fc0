package report

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// A Source is a run that a page is about.
type Source struct {
	runs.Folder
	// Log is what the log tells, of somebody who follows it; nil has it read.
	Log *runlog.History
}

// run is all that a page tells of one run.
type run struct {
	Source
	Class       string // s0 to s7: its colour where there are several
	What        string // on one line, what was trained on what
	State       state
	Faults      []string
	Alarms      []string // of the last evaluation
	Figures     []runs.Figure
	Headline    []card
	HeadlineAt  string
	Samples     []sample
	Examples    []lookTable // of the last evaluation
	Findings    []look      // of an experiment: what the run was made for
	Looks       []look
	LookTables  []lookTable
	Map         *codeMap
	Probes      []probeTable
	Curves      []probeTable // by the number of labels
	Table       *table
	Timings     []fact
	Environment []fact
	Events      []fact
	Settings    runs.Settings

	h         history
	results   []eval.Result
	transfers []runs.Transfer
	curves    []runs.Curve
}

// SettingsParts are the tables of the run file, which a page breaks into columns.
func (r *run) SettingsParts() []string {
	return slices.DeleteFunc(strings.SplitAfter(r.Settings.Text, "\n\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// A state says how the run stands.
type state struct{ Kind, Word, Detail string }

// A fact is a name and what stands beside it.
type fact struct{ Name, Value string }

// A card is one figure of the last evaluation.
type card struct{ Name, Value, Note string }

// A table has a row for every evaluation and a column for every figure.
type table struct {
	First   string // what the rows are
	Columns []string
	Classes []string // the colours of the runs that columns are about; nil where they are about none
	Rows    []row
}

type row struct {
	Name  string
	Class string // the colour of the run that it is about
	Cells []cell
}

type cell struct {
	Text string
	Best bool
}

// colours is how many runs a page can tell apart by colour.
const colours = 8

// gather reads all there is of a run; of one among several not what only a page of its
// own shows. Pictures take room bytes of the page, unless a server gives it and it only
// has their address.
func gather(src Source, number int, live *Live, room int, among bool) *run {
	r := &run{Source: src, Class: fmt.Sprintf("s%d", number%colours)}
	var err error
	if r.Settings, err = runs.ReadSettings(src.Files); err != nil {
		r.fault(err)
	}
	r.h = history{src.Log}
	if src.Log == nil {
		if r.h, err = readHistory(src.Files); err != nil {
			r.fault(err)
		}
	}
	if r.h.Damaged > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%s: damaged lines left out: %d", runs.MetricsFile, r.h.Damaged))
	}
	var faults []error
	r.results, faults = runs.Results(src.Files)
	for _, err := range faults {
		r.fault(err)
	}
	var address func(run, file string) string
	mapAddress := ""
	if live != nil {
		address, mapAddress = live.File, live.Map
	}
	if !among {
		room -= r.readMap(mapAddress, room/3)
	}
	drawn := room // half for the other pictures where there are any
	if _, err := fs.Stat(src.Files, runs.InspectDir); err == nil && live == nil {
		drawn /= 2
	}
	r.readLooks(address, room-r.readSamples(address, drawn), among)
	r.readTransfers()

	info, err := fs.Stat(src.Files, runs.MetricsFile)
	s, reason := runs.New, ""
	if err == nil {
		s, reason = runs.StateOf(src.Files, r.h.Events, r.h.Last != nil, info.ModTime())
	}
	r.What = r.Settings.What()
	r.State = stateOf(s, reason, r.h.Last)
	r.Figures = runs.Figures(r.results)
	r.headline()
	r.Table = evaluations(r.results)
	r.Timings = r.h.timings()
	r.Environment = r.h.environment()
	r.Events = r.h.happened()
	return r
}

// fault notes what could not be read, for the page.
func (r *run) fault(err error) {
	r.Faults = append(r.Faults, strings.NewReplacer("openat ", "", "statat ", "", "open ", "").Replace(err.Error()))
}

func (r *run) headline() {
	if len(r.results) == 0 {
		return
	}
	last := r.results[len(r.results)-1]
	for _, f := range last.Figures {
		r.Headline = append(r.Headline, card{Label(f.Name), FigureValue(f.Name, float64(f.Value)), f.Note})
	}
	r.HeadlineAt = "at step " + Number(float64(last.Step))
	r.Alarms = last.Alarms
	for _, t := range last.Tables {
		if t.Name != "" && len(t.Rows) > 0 {
			t.Name = strings.ToUpper(t.Name[:1]) + strings.ReplaceAll(t.Name[1:], "-", " ")
			r.Examples = append(r.Examples, lookTable{r.HeadlineAt, t})
		}
	}
}

// evaluations is nil where there are fewer than two.
func evaluations(results []eval.Result) *table {
	if len(results) < 2 {
		return nil
	}
	t := &figureTable{table: table{First: "step"}}
	for _, r := range results {
		figures := map[string]figure{}
		for _, f := range r.Figures {
			t.column(f.Name, f.Better)
			figures[f.Name] = figure{float64(f.Value), FigureValue(f.Name, float64(f.Value))}
		}
		t.add(Number(float64(r.Step)), "", figures)
	}
	return t.done()
}

// A figureTable becomes a table in which the best figure of each column is marked.
type figureTable struct {
	table
	better []string
	rows   []map[string]figure
}

// A figure is a value and how it is written.
type figure struct {
	v    float64
	text string
}

// column is made where there is none of that name yet.
func (t *figureTable) column(name, better string) {
	for i, c := range t.Columns {
		if c == name {
			t.better[i] = better
			return
		}
	}
	t.Columns = append(t.Columns, name)
	t.better = append(t.better, better)
}

func (t *figureTable) add(name, class string, figures map[string]figure) {
	t.Rows = append(t.Rows, row{Name: name, Class: class})
	t.rows = append(t.rows, figures)
}

func (t *figureTable) done() *table {
	for i, name := range t.Columns {
		best, n, same := math.NaN(), 0, true
		for _, figures := range t.rows {
			if f, there := figures[name]; there && ok(f.v) {
				n++
				same = same && (n == 1 || f.v == best)
				if math.IsNaN(best) || runs.IsBetter(t.better[i], f.v, best) {
					best = f.v
				}
			}
		}
		for j, figures := range t.rows {
			c := cell{Text: "–"}
			if f, there := figures[name]; there {
				c = cell{f.text, n > 1 && !same && t.better[i] != "" && f.v == best}
			}
			t.Rows[j].Cells = append(t.Rows[j].Cells, c)
		}
	}
	return &t.table
}
