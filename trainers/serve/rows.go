package serve

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

// A column is a figure that the list shows of each run.
type column struct {
	Name, Label, Better string
	runs                int // that have it
}

// maxColumns is how many figures the list shows: those that most runs have.
const maxColumns = 5

// columnsOf chooses figures for the list, in the order in which the runs have them.
func columnsOf(entries []*entry) []column {
	var all []column
	at := map[string]int{}
	for _, e := range entries {
		for _, f := range e.sum.Figures {
			if f.Better == "" {
				continue
			}
			i, seen := at[f.Name]
			if !seen {
				i = len(all)
				at[f.Name] = i
				all = append(all, column{Name: f.Name, Label: report.Label(f.Name), Better: f.Better})
			}
			all[i].runs++
		}
	}
	slices.SortStableFunc(all, func(a, b column) int { return cmp.Compare(b.runs, a.runs) })
	all = all[:min(len(all), maxColumns)]
	slices.SortStableFunc(all, func(a, b column) int { return cmp.Compare(at[a.Name], at[b.Name]) })
	return all
}

// A row is a run in the list.
type row struct {
	ID, Address, What string
	Tags              []string
	Text              string // in which it is searched
	Task              string // only runs of the same have figures that can be compared
	Kind, State, Why  string
	Done              int // percent; -1 where that is not known
	Progress          string
	Left              string
	Loss              value
	Figures           []value
	Changed, When     string // for people, and for sorting
}

// A value is a number as it is shown and as it is sorted by; both are empty where
// there is none.
type value struct{ Label, Text, Sort, Note string }

func rowOf(e *entry, columns []column) row {
	sum := e.sum
	r := row{
		ID: e.id, Address: address(e.id), What: sum.Settings.What(), Tags: sum.Tags, Kind: report.KindOf(sum.State),
		State: string(sum.State), Why: sum.Reason, Done: -1, Loss: valueOf("Loss", sum.Loss, report.Number(sum.Loss)),
	}
	r.Task = sum.Settings.Values["objective.type"] + " " + sum.Settings.Values["data.source"]
	r.Text = strings.ToLower(strings.Join([]string{r.ID, r.What, r.State}, " "))
	if d := sum.Done(); d >= 0 {
		r.Done = int(100 * d)
	}
	switch {
	case sum.State == runs.Running && sum.Steps > 0:
		r.Progress = fmt.Sprintf("step %s of %s", report.Number(float64(sum.Step)), report.Number(float64(sum.Steps)))
	case sum.Step > 0:
		r.Progress = "step " + report.Number(float64(sum.Step))
	}
	if sum.Left > 0 {
		r.Left = report.Duration(sum.Left.Seconds()) + " left"
	}
	for _, c := range columns {
		v := value{Label: c.Label}
		if f, ok := sum.Figure(c.Name); ok {
			v = valueOf(c.Label, f.Value(), report.FigureValue(c.Name, f.Value()))
			if f.Best != f.Last {
				v.Note = "best " + report.FigureValue(c.Name, f.Best)
			}
		}
		r.Figures = append(r.Figures, v)
	}
	if !sum.Changed.IsZero() {
		r.Changed, r.When = sum.Changed.Format("2 Jan 15:04"), fmt.Sprint(sum.Changed.Unix())
	}
	return r
}

func valueOf(label string, v float64, text string) value {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return value{Label: label}
	}
	return value{Label: label, Text: text, Sort: fmt.Sprint(v)}
}

// countOf says how many runs there are, and how they stand.
func countOf(entries []*entry) string {
	if len(entries) == 0 {
		return ""
	}
	count := map[runs.State]int{}
	for _, e := range entries {
		count[e.sum.State]++
	}
	var parts []string
	for _, s := range []runs.State{runs.Running, runs.Complete, runs.Stopped, runs.Failed, runs.Lost, runs.New} {
		if n := count[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", report.Number(float64(n)), s))
		}
	}
	unit := "runs"
	if len(entries) == 1 {
		unit = "run"
	}
	return fmt.Sprintf("%s %s: %s", report.Number(float64(len(entries))), unit, strings.Join(parts, ", "))
}
