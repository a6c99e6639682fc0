package report

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runlog"
)

// history is what metrics.jsonl tells of a run.
type history struct{ *runlog.History }

// buckets is how many points a curve has at most: about one for every two pixels.
const buckets = 400

// readHistory never gives nil: of a log that cannot be read nothing is known.
func readHistory(path string) (history, error) {
	h, err := runlog.ReadFile(path, buckets)
	if err == nil && h.Lines == 0 && len(h.Events) == 0 && h.Damaged == 0 {
		_, err = os.Stat(path) // one that does not exist reads as empty
	}
	if h == nil {
		h = &runlog.History{}
	}
	return history{h}, err
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

// state goes by the last event that begins or ends something: a process that was
// killed could not write any.
func (h history) state() state {
	var detail string
	if m := h.Last; m != nil {
		detail = fmt.Sprintf("%s steps, %s epochs, %s samples in %s",
			number(float64(m.Step)), number(digits3(m.Epoch)), number(float64(m.Samples)), duration(m.Time))
	}
	for i := len(h.Events) - 1; i >= 0; i-- {
		switch e := h.Events[i]; e.Event {
		case runlog.Stop:
			if r := text(e, "reason"); r != "" && r != "complete" {
				return state{"failed", "stopped", join(detail, sentence(r))}
			}
			for _, early := range h.Events {
				if early.Event == runlog.EarlyStop {
					return state{"done", "complete", join(detail, "Ended early: "+text(early, "reason")+".")}
				}
			}
			return state{"done", "complete", detail}
		case runlog.Start, runlog.Resume:
			return state{"open", "no end recorded", join(detail, "The run is still going on, or was killed.")}
		}
	}
	if h.Last == nil {
		return state{"open", "not begun", ""}
	}
	return state{"open", "no end recorded", detail}
}

// sentence gives an error a capital and a full stop.
func sentence(s string) string { return label(strings.TrimSuffix(s, ".")) + "." }

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

// charts draws the curves of the log and the figures of the evaluations.
func (h history) charts(results []eval.Result) []chart {
	var out []chart
	figures, names := figureCurves(results)
	add := func(id, title, unit string, c, dots curve) {
		if ch, ok := newChart(id, title, unit, c, dots, id == "loss"); ok {
			if len(c.points) > 0 && len(dots.points) > 0 {
				ch.Legend = "Line: training loss. Dots: test loss."
				if ch.Scales[0].Band != "" {
					ch.Legend += " Shaded: the least and greatest within a few steps."
				}
			}
			out = append(out, ch)
		}
	}
	known := map[string]bool{}
	for _, m := range measures {
		known[m.field] = true
		dots := curve{}
		if m.field == "loss" {
			dots = curve{testLoss, figures[testLoss]}
		}
		add(m.field, m.title, m.unit, curve{m.title, h.points(m.field)}, dots)
	}
	for _, name := range names {
		if pts := figures[name]; name != testLoss && len(pts) > 1 {
			add("figure-"+name, name, "", curve{name, pts}, curve{})
		}
	}
	var rest []string
	for field := range h.Curves {
		if !known[field] {
			rest = append(rest, field)
		}
	}
	sort.Strings(rest)
	for _, field := range rest {
		add("extra-"+field, field, "", curve{field, h.points(field)}, curve{})
	}
	return out
}

// figureCurves are the figures of the evaluations over the steps, and their names
// in the order in which they come.
func figureCurves(results []eval.Result) (curves map[string][]point, names []string) {
	curves = map[string][]point{}
	for _, r := range results {
		for _, f := range r.Figures {
			if curves[f.Name] == nil {
				names = append(names, f.Name)
			}
			v := float64(f.Value)
			curves[f.Name] = append(curves[f.Name], point{r.Step, v, v, v})
		}
	}
	return curves, names
}

// timings are the figures of speed and memory.
func (h history) timings() []fact {
	var out []fact
	add := func(name, format string, a ...any) { out = append(out, fact{label(name), fmt.Sprintf(format, a...)}) }
	if h.Last != nil {
		add("training time", "%s", duration(h.Last.Time))
	}
	if m, ok := median(h.points("samples_per_s")); ok {
		add("throughput (median)", "%s samples/s", number(m))
	}
	if m, ok := median(h.points("data_wait_ms")); ok {
		add("waiting for data (median)", "%s ms a step", number(digits3(m)))
	}
	if pts := finite(h.points("rss_mb")); len(pts) > 0 {
		peak := pts[0].max
		for _, p := range pts {
			peak = max(peak, p.max)
		}
		add("memory (peak)", "%s MB", number(digits3(peak)))
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
	return number(float64(n)) + " times"
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
			return facts("", e.Fields)
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
		name := label(before + strings.ReplaceAll(k, "_", " "))
		switch v := fields[k].(type) {
		case map[string]any:
			out = append(out, facts(before+k+" ", v)...)
		case float64:
			out = append(out, fact{name, number(v)})
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
		out = append(out, fact{fmt.Sprintf("Step %s, %s", number(float64(e.Step)), strings.ReplaceAll(e.Event, "_", " ")), said})
	}
	if n := len(out) - maxEvents; n > 0 {
		out = append([]fact{{"before", fmt.Sprintf("%d more", n)}}, out[n:]...)
	}
	return out
}
