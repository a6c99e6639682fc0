package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"x2vec/trainers/eval"
)

// maxResults bounds how many evaluations of a run are looked at: the latest ones.
const maxResults = 500

// Results are the evaluations of a run in the order of their steps, and what could
// not be read of them.
func Results(files fs.FS) (results []eval.Result, faults []error) {
	entries, err := fs.ReadDir(files, EvalsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []error{err}
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(EvalsDir, e.Name()))
		}
	}
	if n := len(names) - maxResults; n > 0 { // names begin with the step
		faults = append(faults, fmt.Errorf("%s: the first %d of %d are left out", EvalsDir, n, len(names)))
		names = names[n:]
	}
	for _, name := range names {
		r, err := eval.ReadFrom(files, name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		results = append(results, r)
	}
	slices.SortStableFunc(results, func(a, b eval.Result) int { return a.Step - b.Step })
	return results, faults
}

// A Figure is what the evaluations of a run say about one number.
type Figure struct {
	Name   string
	Better string  // "lower", "higher", or empty
	Note   string  // how it was taken, of the latest
	Last   float64 // of the latest evaluation that has it
	Step   int     // of that
	Best   float64 // of all; Last where neither way is better
	Half   float64 // half the width of its own 95 % interval; 0 where it has none
}

// Value is the figure as a list of runs gives it.
func (f Figure) Value() float64 { return f.Last }

// Figures sums up evaluations, in the order in which the figures come.
func Figures(results []eval.Result) []Figure {
	var list []Figure
	at := map[string]int{}
	for _, r := range results {
		for _, f := range r.Figures {
			v := float64(f.Value)
			i, seen := at[f.Name]
			if !seen {
				i = len(list)
				at[f.Name] = i
				list = append(list, Figure{Name: f.Name, Best: v})
			}
			g := &list[i]
			g.Better, g.Note, g.Last, g.Step = f.Better, f.Note, v, r.Step
			if f.Better == "" || math.IsNaN(g.Best) || IsBetter(f.Better, v, g.Best) {
				g.Best = v
			}
		}
	}
	return list
}

// IsBetter reports whether a is better than b, better being "lower" or "higher".
func IsBetter(better string, a, b float64) bool {
	return better == "lower" && a < b || better == "higher" && a > b
}

// Mean gives the mean of values and the half width of its 95 % interval by Student's
// t, which is NaN for a single value.
func Mean(values []float64) (mean, half float64) {
	mean, half = eval.Interval(values)
	if len(values) < 2 {
		half = math.NaN()
	}
	return mean, half
}
