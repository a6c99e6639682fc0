package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// A probeTable is what one probe or transfer found: a row for each kind of code, a
// column for each method that reads it.
type probeTable struct {
	Title, Note string
	Plot        template.HTML // drawn in the colours of the page; empty where there is none
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
	r.curves, faults = runs.Curves(r.Files)
	for _, err := range faults {
		r.fault(err)
	}
	for i := range r.curves {
		r.Curves = append(r.Curves, curveOf(&r.curves[i]))
	}
}

// curveOf is what an encoder is worth by the number of labels: a plot and a table with
// a row for each method.
func curveOf(c *runs.Curve) probeTable {
	p := probeTable{Title: scored(c.Score, c.Data, "") + ", by labels", Protocol: c.Protocol, Plot: template.HTML(curvePlot(c))}
	p.Note = fmt.Sprintf("at step %s, %s test examples", Number(float64(c.Step)), Number(float64(c.Test)))
	if c.Seeds > 1 {
		p.Note += fmt.Sprintf(", mean and 95 %% interval over %d seeds", c.Seeds)
	}
	ft := &figureTable{table: table{First: "method"}}
	for _, method := range c.Methods() {
		figures := map[string]figure{}
		for _, labels := range c.Counts() {
			name := strings.TrimPrefix(withLabels(labels), ", ")
			if name == "" {
				name = "all labels"
			}
			ft.column(name, "higher")
			if row, there := c.Row(method, labels); there {
				figures[name] = figure{row.Mean, ScoreText(c.Score, row.Mean, row.Half)}
			}
		}
		ft.add(c.Title(method), "", figures)
	}
	p.table = ft.done()
	return p
}

// LinesOf are the lines of a plot of a curve.
func LinesOf(c *runs.Curve) (lines []LabelLine) {
	for _, m := range c.Methods() {
		line := LabelLine{Name: c.Title(m)}
		for _, row := range c.Rows {
			if row.Method == m && row.Examples > 0 && ok(row.Mean) && ok(row.Half) {
				line.Points = append(line.Points, LabelPoint{Labels: row.Examples, Mean: row.Mean, Half: row.Half})
			}
		}
		slices.SortStableFunc(line.Points, func(a, b LabelPoint) int { return cmp.Compare(a.Labels, b.Labels) })
		lines = append(lines, line)
	}
	return lines
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
		rows[name][method] = figure{float64(row.Mean), ScoreText(t.Score, float64(row.Mean), float64(row.Half))}
	}
	for _, name := range names {
		ft.add(name, "", rows[name])
	}
	p.table = ft.done()
	return p
}

// asked says what was asked of the codes.
func asked(t *runs.Transfer) string { return scored(t.Score, t.Data, t.Labels) }

func scored(score, set, labels string) string {
	title := cmp.Or(Label(score), "Score")
	if set != "" {
		title += " on " + set
	}
	return title + withLabels(labels)
}

// withLabels says with how many labels, where that is not with all.
func withLabels(labels string) string {
	switch {
	case labels == "" || labels == "all":
		return ""
	case strings.HasSuffix(labels, "%"):
		return ", " + labels + " of the labels"
	}
	return ", " + labels + " labels a class"
}

// ScoreText is a mean and half its interval, 0 for none: in percent, but for R².
func ScoreText(score string, mean, half float64) string {
	text, unit := func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) }, " %"
	if !eval.IsShare(score) {
		text, unit = func(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }, ""
	}
	if half > 0 {
		return text(mean) + " ± " + text(half) + unit
	}
	return text(mean) + unit
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
				figures[name] = figure{float64(row.Mean), ScoreText(found.Score, float64(row.Mean), float64(row.Half))}
			}
		}
		for i := range r.curves {
			c := &r.curves[i]
			for _, row := range c.Rows {
				name := scored(c.Score, c.Data, row.Labels) + ", " + c.Title(row.Method)
				t.column(name, "higher")
				figures[name] = figure{row.Mean, ScoreText(c.Score, row.Mean, row.Half)}
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
