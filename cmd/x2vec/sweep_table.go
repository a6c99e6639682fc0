package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"x2vec/checkpoints"
	"x2vec/trainers/report"
	"x2vec/trainers/runs"
)

// sweepTable is what came out of a sweep.
type sweepTable struct {
	Sweep     string     `json:"sweep"`
	Runs      int        `json:"runs"`
	Complete  int        `json:"complete"`
	Keys      []string   `json:"keys"`    // settings that are swept over
	Figures   []string   `json:"figures"` // in the order in which they come
	Rows      []sweepRow `json:"rows"`
	Baselines []sweepRow `json:"baselines,omitempty"` // of probes and transfers
}

// sweepRow is a group of runs that differ in nothing but the seed; its figures are
// those of its complete runs.
type sweepRow struct {
	Name    string                 `json:"name"`
	Values  map[string]string      `json:"values,omitempty"` // by key of Keys
	Seeds   []uint64               `json:"seeds,omitempty"`
	States  map[runs.State]int     `json:"states,omitempty"`
	Figures map[string]sweepFigure `json:"figures"`
}

// sweepFigure is a figure over seeds.
type sweepFigure struct {
	Mean   float64   `json:"mean"`
	Half   *float64  `json:"half_of_95"` // half the width of the 95 % interval over seeds; null for one
	Values []float64 `json:"values"`
	Better string    `json:"better,omitempty"`
}

func (f sweepFigure) text(name string) string {
	text := report.FigureValue(name, f.Mean)
	if f.Half != nil {
		text = strings.TrimSuffix(text, " %") + " ± " + report.FigureValue(name, *f.Half)
	}
	return text
}

// add counts a value in.
func (r *sweepRow) add(t *sweepTable, name, better string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if !slices.Contains(t.Figures, name) {
		t.Figures = append(t.Figures, name)
	}
	f := r.Figures[name]
	f.Values, f.Better, f.Half = append(f.Values, v), better, nil
	var half float64
	if f.Mean, half = runs.Mean(f.Values); !math.IsNaN(half) {
		f.Half = &half
	}
	r.Figures[name] = f
}

// results reads what came out so far.
func (s *sweep) results() *sweepTable {
	t := &sweepTable{Sweep: s.Name, Runs: len(s.Runs), Keys: s.Keys, Rows: make([]sweepRow, s.Groups)}
	for i, run := range s.Runs {
		r := &t.Rows[run.Group]
		if r.Name == "" {
			*r = sweepRow{run.Label, run.Values, nil, map[runs.State]int{}, map[string]sweepFigure{}}
		}
		state := runs.New
		folder, err := runs.Open(s.folder(i))
		if err == nil {
			summary := runs.Summarize(folder)
			if state = summary.State; state == runs.Complete {
				t.Complete++
				r.Seeds = append(r.Seeds, run.Seed)
				for _, f := range summary.Figures {
					r.add(t, f.Name, f.Better, f.Value())
				}
				s.judged(t, r, i)
			}
		}
		r.States[state]++
	}
	return t
}

// addBaseline counts a baseline in: one row for all encoders and data of which it is the
// same, and one for each where it is not.
func (t *sweepTable) addBaseline(title, figure string, scores []float64, of string) {
	for _, name := range []string{title, title + ", " + of} {
		i := slices.IndexFunc(t.Baselines, func(r sweepRow) bool { return r.Name == name })
		if i < 0 {
			i = len(t.Baselines)
			t.Baselines = append(t.Baselines, sweepRow{Name: name, Figures: map[string]sweepFigure{}})
		}
		row := &t.Baselines[i]
		switch had, ok := row.Figures[figure]; {
		case !ok:
			for _, v := range scores {
				row.add(t, figure, "higher", v)
			}
			return
		case slices.Equal(had.Values, scores):
			return // it stands there already
		}
	}
}

// print writes the table for people; the best of a column has an asterisk.
func (t *sweepTable) print(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	keys := t.Keys
	if len(keys) == 0 {
		keys = []string{"run"}
	}
	fmt.Fprintln(tab, strings.Join(slices.Concat(keys, []string{"seeds"}, t.Figures), "\t"))
	best := map[string]float64{}
	for _, name := range t.Figures {
		for _, r := range t.Rows {
			f, ok := r.Figures[name]
			if b, seen := best[name]; ok && f.Better != "" && (!seen || runs.IsBetter(f.Better, f.Mean, b)) {
				best[name] = f.Mean
			}
		}
	}
	line := func(r sweepRow, first []string) {
		cells := first
		for _, name := range t.Figures {
			f, ok := r.Figures[name]
			text := "–"
			if ok {
				text = f.text(name)
				if b, is := best[name]; is && b == f.Mean && len(t.Rows) > 1 && r.States != nil {
					text += " *"
				}
			}
			cells = append(cells, text)
		}
		fmt.Fprintln(tab, strings.Join(cells, "\t"))
	}
	for _, r := range t.Rows {
		var first []string
		for _, k := range t.Keys {
			first = append(first, r.Values[k])
		}
		if len(t.Keys) == 0 {
			first = []string{r.Name}
		}
		line(r, append(first, r.seeds()))
	}
	for _, r := range t.Baselines {
		first := make([]string, len(keys)+1)
		first[0] = r.Name
		line(r, first)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if t.Complete < t.Runs {
		fmt.Fprintf(w, "%d of %d runs are complete\n", t.Complete, t.Runs)
	}
	_, err := fmt.Fprintln(w, "± is half the width of the 95 % interval over seeds (Student's t)")
	return err
}

// seeds says how many runs the figures are of, and what is with the others.
func (r sweepRow) seeds() string {
	text := fmt.Sprint(len(r.Seeds))
	var others []string
	for state, n := range r.States {
		if state != runs.Complete {
			others = append(others, fmt.Sprintf("%d %s", n, state))
		}
	}
	if slices.Sort(others); len(others) > 0 {
		text += " (" + strings.Join(others, ", ") + ")"
	}
	return text
}

func (t *sweepTable) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// write keeps the table in the sweep's folder, for people and for programs.
func (t *sweepTable) write(dir string) error {
	var text, js strings.Builder
	if err := errors.Join(t.print(&text), t.printJSON(&js)); err != nil {
		return err
	}
	return errors.Join(checkpoints.WriteFile(filepath.Join(dir, sweepTableFile), []byte(text.String())),
		checkpoints.WriteFile(filepath.Join(dir, sweepJSONFile), []byte(js.String())))
}

// printPlan lists the runs and where they stand.
func (s *sweep) printPlan(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, strings.Join(slices.Concat([]string{"run", "state"}, s.Keys), "\t"))
	for i, r := range s.Runs {
		state := runs.New
		if f, err := runs.Open(s.folder(i)); err == nil {
			state = runs.Summarize(f).State
		}
		line := []string{r.Name, string(state)}
		for _, k := range s.Keys {
			line = append(line, r.Values[k])
		}
		fmt.Fprintln(tab, strings.Join(line, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d runs in %s\n", len(s.Runs), s.dir)
	return err
}
