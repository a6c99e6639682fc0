package report

import (
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// history is what metrics.jsonl tells of a run.
type history struct{ *runlog.History }

// Buckets is how many points a curve has at most: about one for every two pixels.
const Buckets = 400

// readHistory never gives nil: of a log that cannot be read nothing is known.
func readHistory(files fs.FS) (history, error) {
	f, _, err := runs.OpenFile(files, runs.MetricsFile)
	if err != nil {
		return history{&runlog.History{}}, err
	}
	defer f.Close()
	h, err := runlog.Read(f, Buckets)
	if err != nil {
		return history{&runlog.History{}}, err
	}
	return history{h}, nil
}

// points are those of a curve, by its field.
func (h history) points(field string) []point {
	c := h.Curves[field]
	if c == nil {
		return nil
	}
	var out []point
	for _, b := range c.Buckets() {
		out = append(out, point{(b.First + b.Last) / 2, b.Mean, b.Min, b.Max})
	}
	if n := len(out); n > 0 { // where the run stands, not half a bucket before
		out[n-1].step = c.Buckets()[n-1].Last
	}
	return out
}

// text is a field of an event in words.
func text(e runlog.Event, key string) string {
	s, _ := e.Fields[key].(string)
	return s
}

// kinds of states are how they look.
var kinds = map[runs.State]string{
	runs.New: "open", runs.Running: "live", runs.Complete: "done", runs.Stopped: "open", runs.Failed: "failed", runs.Lost: "open",
}

// KindOf is the class of a state in the style of the pages.
func KindOf(s runs.State) string { return kinds[s] }

// stateOf says how a run stands.
func stateOf(s runs.State, reason string, last *runlog.Metrics) state {
	var detail string
	if m := last; m != nil {
		detail = fmt.Sprintf("%s steps, %s epochs, %s samples in %s",
			Number(float64(m.Step)), Number(digits3(m.Epoch)), Number(float64(m.Samples)), Duration(m.Time))
	}
	switch {
	case s == runs.Complete && reason != "":
		detail = join(detail, "Ended early: "+reason+".")
	case s == runs.Lost:
		detail = join(detail, "It has no last word: it was killed, or works where this machine cannot see it.")
	case reason != "":
		detail = join(detail, sentence(reason))
	}
	return state{kinds[s], string(s), detail}
}

// sentence gives an error a capital and a full stop.
func sentence(s string) string { return Label(strings.TrimSuffix(s, ".")) + "." }

// join puts sentences one behind the other; the first may be missing.
func join(first, second string) string {
	if first == "" {
		return second
	}
	return first + ". " + second
}

// A measure is a field of the log that has a chart of its own.
type measure struct{ field, title, unit string }

// measures are charted in this order; then the method's own, by name.
var measures = []measure{
	{"loss", "loss", ""},
	{"lr", "learning rate", ""},
	{"grad_norm", "gradient norm", ""},
	{"samples_per_s", "throughput", "samples/s"},
	{"data_wait_ms", "waiting for data", "ms"},
	{"rss_mb", "memory", "MB"},
}

// testLoss is the figure that is drawn into the chart of the loss.
const testLoss = "test loss"

// chartsOf draws the curves of the logs and the figures of the evaluations of runs.
func chartsOf(all []*run) []chart {
	var out []chart
	add := func(id, title, unit string, of func(r *run) series) {
		list := make([]series, len(all))
		for i, r := range all {
			list[i] = of(r)
			list[i].name, list[i].class = r.Name, r.Class
		}
		ch, ok := newChart(id, title, unit, list, id == "loss")
		if !ok {
			return
		}
		if l := ch.Lines[0]; id == "loss" && l.Dots != "" && l.Path != "" {
			ch.Legend = "Line: training loss. Dots: test loss."
			if l.Band != "" {
				ch.Legend += " Shaded: the least and greatest within a few steps."
			}
		}
		out = append(out, ch)
	}
	known := map[string]bool{"time": true}
	for _, m := range measures {
		known[m.field] = true
		add(m.field, m.title, m.unit, func(r *run) series {
			s := series{curve: curve{r.h.points(m.field)}}
			if m.field == "loss" {
				s.dots = figurePoints(r.results, testLoss)
			}
			if m.field == "lr" && !slices.ContainsFunc(s.points, func(p point) bool { return p.max > 0 }) {
				s.points = nil // solved, not trained
			}
			return s
		})
	}
	var names, rest []string
	for _, r := range all {
		for _, f := range r.Figures {
			if len(figurePoints(r.results, f.Name)) > 1 && f.Name != testLoss && !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
		for field := range r.h.Curves {
			if !known[field] && !slices.Contains(rest, field) {
				rest = append(rest, field)
			}
		}
	}
	slices.Sort(rest)
	for _, name := range names {
		add("figure-"+name, name, "", func(r *run) series { return series{curve: curve{figurePoints(r.results, name)}} })
	}
	for _, field := range rest {
		add("extra-"+field, field, "", func(r *run) series { return series{curve: curve{r.h.points(field)}} })
	}
	return out
}

// figurePoints is a figure of the evaluations over the steps.
func figurePoints(results []eval.Result, name string) (points []point) {
	for _, r := range results {
		for _, f := range r.Figures {
			if v := float64(f.Value); f.Name == name {
				points = append(points, point{r.Step, v, v, v})
			}
		}
	}
	return points
}

// A clock tells the page's script when a run was at a step, and how many steps
// make an epoch.
type clock struct {
	Time [][2]float64 `json:"time"` // step, seconds of training
	// Epoch is how many passes over the data a step is.
	Epoch float64 `json:"epoch"`
}

// clock takes some 50 points of the course.
func (h history) clock() clock {
	c := clock{Time: [][2]float64{}}
	pts := finite(h.points("time"))
	for i, p := range pts {
		if every := max(1, len(pts)/50); i%every == 0 || i == len(pts)-1 {
			c.Time = append(c.Time, [2]float64{float64(p.step), digits(p.mean)})
		}
	}
	if m := h.Last; m != nil && m.Step > 0 && ok(m.Epoch) {
		c.Epoch = m.Epoch / float64(m.Step)
	}
	return c
}

// timings are the figures of speed and memory.
func (h history) timings() []fact {
	var out []fact
	add := func(name, format string, a ...any) { out = append(out, fact{Label(name), fmt.Sprintf(format, a...)}) }
	if h.Last != nil {
		add("training time", "%s", Duration(h.Last.Time))
	}
	if m, ok := median(h.points("samples_per_s")); ok {
		add("throughput (median)", "%s samples/s", Number(m))
	}
	if m, ok := median(h.points("data_wait_ms")); ok {
		add("waiting for data (median)", "%s ms a step", Number(digits3(m)))
	}
	if pts := finite(h.points("rss_mb")); len(pts) > 0 {
		peak := pts[0].max
		for _, p := range pts {
			peak = max(peak, p.max)
		}
		add("memory (peak)", "%s MB", Number(digits3(peak)))
	}
	n := 0
	for _, e := range h.Events {
		if e.Event == runlog.Resume {
			n++
		}
	}
	if n > 0 {
		add("resumed", "%s", times(n))
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return Number(float64(n)) + " times"
}

func median(points []point) (float64, bool) {
	points = finite(points)
	if len(points) == 0 {
		return 0, false
	}
	var v []float64
	for _, p := range points {
		v = append(v, p.mean)
	}
	sort.Float64s(v)
	return v[len(v)/2], true
}

// environment is what the last process that worked on the run said of itself.
func (h history) environment() []fact {
	for i := len(h.Events) - 1; i >= 0; i-- {
		if e := h.Events[i]; e.Event == runlog.Start || e.Event == runlog.Resume {
			return slices.DeleteFunc(facts("", e.Fields), func(f fact) bool { return f.Name == "Steps" }) // the page begins with them
		}
	}
	return nil
}

// facts lists fields by name, those of nested ones behind the name of the outer.
func facts(before string, fields map[string]any) []fact {
	var names []string
	for k := range fields {
		names = append(names, k)
	}
	sort.Strings(names)
	var out []fact
	for _, k := range names {
		name := Label(before + strings.ReplaceAll(k, "_", " "))
		switch v := fields[k].(type) {
		case map[string]any:
			out = append(out, facts(before+k+" ", v)...)
		case float64:
			out = append(out, fact{name, Number(v)})
		case nil:
		case string:
			if v != "" {
				out = append(out, fact{name, v})
			}
		default:
			out = append(out, fact{name, fmt.Sprint(v)})
		}
	}
	return out
}

// maxEvents bounds how many lines the page tells of.
const maxEvents = 40

// happened tells what is worth knowing afterwards: warnings, resumptions, ends.
func (h history) happened() []fact {
	var out []fact
	for _, e := range h.Events {
		var said string
		for _, key := range []string{"message", "text", "reason"} {
			if said == "" {
				said = text(e, key)
			}
		}
		switch e.Event {
		case runlog.Warning, runlog.EarlyStop:
		case runlog.Resume:
			said = "the run was taken up again"
		case runlog.Stop:
			if said == "complete" {
				continue
			}
		default:
			continue
		}
		out = append(out, fact{fmt.Sprintf("Step %s, %s", Number(float64(e.Step)), strings.ReplaceAll(e.Event, "_", " ")), said})
	}
	if n := len(out) - maxEvents; n > 0 {
		out = append([]fact{{"before", fmt.Sprintf("%d more", n)}}, out[n:]...)
	}
	return out
}
