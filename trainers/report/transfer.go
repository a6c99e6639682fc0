package report

import (
	"fmt"
	"strconv"
	"strings"

	"x2vec/trainers/runs"
)

// A probeTable is what one probe or transfer found: a row for each kind of code, a
// column for each method that reads it.
type probeTable struct {
	Title, Note string
	*table
	Protocol []string
	Skipped  []string
}

// methodNames are better ones than those in the files.
var methodNames = map[string]string{"linear": "linear model", "knn": "nearest neighbours"}

func (r *run) readTransfers() {
	list, faults := runs.Transfers(r.Files)
	for _, err := range faults {
		r.fault(err)
	}
	r.transfers = list
	for i := range list {
		r.Probes = append(r.Probes, tableOf(&list[i]))
	}
}

func tableOf(t *runs.Transfer) probeTable {
	p := probeTable{Title: asked(t), Protocol: t.Protocol, Skipped: t.Skipped}
	var note []string
	say := func(there bool, format string, a ...any) {
		if there {
			note = append(note, fmt.Sprintf(format, a...))
		}
	}
	say(t.Layer != "", "of %s at step %s", t.Layer, Number(float64(t.Step)))
	say(t.Train > 0, "%s training labels", Number(float64(t.Train)))
	say(t.Test > 0, "%s test examples", Number(float64(t.Test)))
	say(t.Seeds > 1, "mean and 95 %% interval over %d seeds", t.Seeds)
	p.Note = strings.Join(note, ", ")
	ft := &figureTable{table: table{First: "code"}}
	var names []string
	rows := map[string]map[string]figure{}
	for _, row := range t.Rows {
		name, method := t.Title(row), row.Method
		if m := methodNames[method]; m != "" {
			method = m
		}
		if rows[name] == nil {
			rows[name] = map[string]figure{}
			names = append(names, name)
		}
		ft.column(method, "higher")
		rows[name][method] = figure{float64(row.Mean), scoreText(t.Score, float64(row.Mean), float64(row.Half))}
	}
	for _, name := range names {
		ft.add(name, "", rows[name])
	}
	p.table = ft.done()
	return p
}

// asked says what was asked of the codes.
func asked(t *runs.Transfer) string {
	title := Label(t.Score)
	if title == "" {
		title = "Score"
	}
	if t.Data != "" {
		title += " on " + t.Data
	}
	switch {
	case t.Labels == "" || t.Labels == "all":
	case strings.HasSuffix(t.Labels, "%"):
		title += ", " + t.Labels + " of the labels"
	default:
		title += ", " + t.Labels + " labels a class"
	}
	return title
}

// scoreText is a mean and its interval: in percent, but for R².
func scoreText(score string, mean, half float64) string {
	percent := score != "R²" && mean >= 0 && mean <= 1
	write := func(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }
	if percent {
		write = func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) }
	}
	text := write(mean)
	if half > 0 {
		text += " ± " + write(half)
	}
	if percent {
		text += " %"
	}
	return text
}

// probesOf puts what was found of the encoders of several runs side by side; nil
// where nothing was.
func probesOf(all []*run) *table {
	t := &figureTable{table: table{First: "run"}}
	for _, r := range all {
		figures := map[string]figure{}
		for i := range r.transfers {
			found := &r.transfers[i]
			for _, row := range found.Rows {
				if row.Name != "encoder" {
					continue
				}
				name := asked(found) + ", " + row.Method
				if found.Layer != "" && found.Layer != codeTap {
					name += ", " + found.Layer
				}
				t.column(name, "higher")
				figures[name] = figure{float64(row.Mean), scoreText(found.Score, float64(row.Mean), float64(row.Half))}
			}
		}
		t.add(r.Name, r.Class, figures)
	}
	if len(t.Columns) == 0 {
		return nil
	}
	return t.done()
}

// codeTap is the layer that is meant where none is named.
const codeTap = "encoder/code"
