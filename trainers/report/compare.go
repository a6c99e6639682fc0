package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/trainers/runs"
)

// Compare is a table of what came out of runs: a row for each, or for each group
// whose settings are equal but for the seed, with means and their intervals.
type Compare struct {
	Differ []string // settings in which the rows differ
	*table
}

// NewCompare puts runs side by side. Of those that are joined by seed the figures
// are means with the half width of the 95 % interval.
func NewCompare(list []runs.Summary, join bool) Compare {
	all := make([]runs.Settings, len(list))
	for i, s := range list {
		all[i] = s.Settings
	}
	groups := make([][]int, len(list))
	for i := range list {
		groups[i] = []int{i}
	}
	if join {
		groups = runs.Repeats(all)
	}
	c := Compare{}
	for _, key := range runs.Differ(all) {
		if !(join && key == runs.SeedKey) {
			c.Differ = append(c.Differ, key)
		}
	}
	t := &figureTable{table: table{First: "run"}}
	// The losses of different objectives have nothing to do with each other.
	tasks := slices.Contains(c.Differ, "objective.type")
	for _, s := range list {
		for _, f := range s.Figures {
			if tasks && strings.HasPrefix(f.Name, "test ") {
				f.Better = ""
			}
			t.column(f.Name, f.Better)
		}
	}
	for _, g := range groups {
		name := list[g[0]].Name
		if n := len(g); n > 1 {
			name += fmt.Sprintf(" and %d more seeds", n-1)
		}
		t.add(name, fmt.Sprintf("s%d", g[0]%colours), means(list, g))
	}
	c.table = t.done()
	c.table.prefix(c.settings(list, groups))
	return c
}

// means are the figures of the runs of a group; a single one stands as it is.
func means(list []runs.Summary, group []int) map[string]figure {
	values, own := map[string][]float64{}, map[string]float64{}
	for _, i := range group {
		for _, f := range list[i].Figures {
			values[f.Name] = append(values[f.Name], f.Value())
			own[f.Name] = f.Half
		}
	}
	out := map[string]figure{}
	for name, v := range values {
		mean, half := runs.Mean(v)
		if len(v) == 1 && own[name] > 0 {
			half = own[name]
		}
		f := figure{mean, FigureValue(name, mean)}
		if !math.IsNaN(half) {
			f.text += " ± " + strings.TrimSuffix(FigureValue(name, half), " %")
		}
		out[name] = f
	}
	return out
}

// Only leaves of the settings in which the rows differ those of these names. A name that
// is none is an error.
func (c *Compare) Only(settings []string) error {
	var keep []int // columns that go are not in it
	for i, name := range c.Columns {
		if i >= len(c.Differ) || slices.Contains(settings, name) {
			keep = append(keep, i)
		}
	}
	for _, name := range settings {
		if !slices.Contains(c.Differ, name) {
			return fmt.Errorf("the runs do not differ in %s; they differ in %s", name, strings.Join(c.Differ, ", "))
		}
	}
	columns := make([]string, len(keep))
	for at, i := range keep {
		columns[at] = c.Columns[i]
	}
	for r := range c.Rows {
		cells := make([]cell, len(keep))
		for at, i := range keep {
			cells[at] = c.Rows[r].Cells[i]
		}
		c.Rows[r].Cells = cells
	}
	c.Columns = columns
	c.Differ = slices.DeleteFunc(slices.Clone(c.Differ), func(name string) bool { return !slices.Contains(settings, name) })
	return nil
}

// settings are columns with those that differ.
func (c Compare) settings(list []runs.Summary, groups [][]int) (names []string, cells [][]string) {
	names = append(slices.Clone(c.Differ), "state")
	for _, g := range groups {
		s := list[g[0]]
		var row []string
		for _, key := range c.Differ {
			v, ok := s.Settings.Values[key]
			if !ok {
				v = "–"
			}
			row = append(row, v)
		}
		cells = append(cells, append(row, states(list, g)))
	}
	return names, cells
}

// states says how the runs of a group stand, where they differ with numbers.
func states(list []runs.Summary, group []int) string {
	count := map[string]int{}
	for _, i := range group {
		count[string(list[i].State)]++
	}
	var parts []string
	for s, n := range count {
		if len(count) == 1 {
			return s
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, s))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// prefix puts columns before those of the figures.
func (t *table) prefix(names []string, cells [][]string) {
	t.Columns = append(names, t.Columns...)
	for i := range t.Rows {
		var first []cell
		for _, text := range cells[i] {
			first = append(first, cell{Text: text})
		}
		t.Rows[i].Cells = append(first, t.Rows[i].Cells...)
	}
}

// Text gives the table as rows of texts, a heading first; the best of a column has
// an asterisk.
func (t *table) Text() [][]string {
	out := [][]string{append([]string{t.First}, t.Columns...)}
	for _, r := range t.Rows {
		line := []string{r.Name}
		for _, c := range r.Cells {
			if c.Best {
				c.Text += " *"
			}
			line = append(line, c.Text)
		}
		out = append(out, line)
	}
	return out
}

// sideBySide is what a page of several runs shows of their pictures: the same kind
// of each.
type sideBySide struct {
	ID, Title string
	Runs      []sampleOf
	Most      int // position of the last frame of the run that has most
}

type sampleOf struct {
	Run, Class string
	sample
}

// besides puts what runs have of a kind side by side.
func besides(all []*run, of func(r *run) []sample) []sideBySide {
	var out []sideBySide
	at := map[string]int{}
	for _, r := range all {
		for _, s := range of(r) {
			i, seen := at[s.ID]
			if !seen {
				i = len(out)
				at[s.ID] = i
				out = append(out, sideBySide{ID: s.ID, Title: s.Title})
			}
			out[i].Runs = append(out[i].Runs, sampleOf{r.Name, r.Class, s})
			out[i].Most = max(out[i].Most, s.Last())
		}
	}
	return out
}

// looksAsSamples are the pictures of what was looked into, each as one that was drawn
// once.
func (r *run) looksAsSamples() []sample {
	var list []sample
	for _, l := range slices.Concat(r.Findings, r.Looks) {
		f := frame{Step: l.Note, Alt: l.Alt, URI: l.URI, Width: l.Width, Height: l.Height, Shown: true, Reduced: l.Reduced}
		list = append(list, sample{ID: "look-" + strings.NewReplacer(" ", "-", ",", "").Replace(l.Title), Title: l.Title, Frames: []frame{f}})
	}
	return list
}

// fewSettings is how many settings that differ stand beside the results.
const fewSettings = 6

// apart gives the results alone, and the settings with a row for each and a column for
// each run.
func (c Compare) apart() (results, settings *table) {
	n := len(c.Differ)
	results = &table{First: c.First, Columns: c.Columns[n:]}
	settings = &table{First: "setting", Classes: make([]string, len(c.Rows))}
	for i, key := range c.Differ {
		line := row{Name: key}
		for _, r := range c.Rows {
			line.Cells = append(line.Cells, r.Cells[i])
		}
		settings.Rows = append(settings.Rows, line)
	}
	for _, r := range c.Rows {
		settings.Columns = append(settings.Columns, r.Name)
		results.Rows = append(results.Rows, row{Name: r.Name, Class: r.Class, Cells: r.Cells[n:]})
	}
	return results, settings
}

// factsOf makes a table of what is said of each run, where they differ.
func factsOf(all []*run, of func(r *run) []fact, onlyDifferent bool) *table {
	t := &table{First: "run"}
	values := make([]map[string]string, len(all))
	for i, r := range all {
		values[i] = map[string]string{}
		for _, f := range of(r) {
			values[i][f.Name] = f.Value
			if !slices.Contains(t.Columns, f.Name) {
				t.Columns = append(t.Columns, f.Name)
			}
		}
	}
	t.Columns = slices.DeleteFunc(t.Columns, func(name string) bool {
		return onlyDifferent && !slices.ContainsFunc(values[1:], func(v map[string]string) bool { return v[name] != values[0][name] })
	})
	if len(t.Columns) == 0 {
		return nil
	}
	for i, r := range all {
		row := row{Name: r.Name, Class: r.Class}
		for _, c := range t.Columns {
			text := values[i][c]
			if text == "" {
				text = "–"
			}
			row.Cells = append(row.Cells, cell{Text: text})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
