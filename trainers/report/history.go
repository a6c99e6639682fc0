package report

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"x2vec/trainers/eval"
)

// history is what metrics.jsonl tells of a run.
type history struct {
	curves  map[string][]point // by field: loss, lr, …
	events  []event
	damaged int // lines that could not be read

	steps   int
	epochs  float64
	samples float64
	seconds float64
}

// An event is a line that is not a measurement.
type event struct {
	kind   string // start, resume, eval, checkpoint, warning, early_stop, stop …
	step   int
	fields map[string]any
}

func (e event) text(key string) string {
	s, _ := e.fields[key].(string)
	return s
}

// state goes by the last event that begins or ends something: a process that was
// killed could not write any.
func (h *history) state() state {
	detail := fmt.Sprintf("%s steps, %s epochs, %s samples", number(float64(h.steps)), number(digits3(h.epochs)), number(h.samples))
	if h.seconds > 0 {
		detail += " in " + duration(h.seconds)
	}
	for i := len(h.events) - 1; i >= 0; i-- {
		switch e := h.events[i]; e.kind {
		case "stop":
			if r := e.text("reason"); r != "" && r != "complete" {
				return state{"failed", "stopped", detail + ". " + sentence(r)}
			}
			for _, early := range h.events {
				if early.kind == "early_stop" {
					return state{"done", "complete", detail + ". Ended early: " + early.text("reason") + "."}
				}
			}
			return state{"done", "complete", detail}
		case "start", "resume":
			return state{"open", "no end recorded", detail + ". The run is still going on, or was killed."}
		}
	}
	if h.steps == 0 {
		return state{"open", "not begun", ""}
	}
	return state{"open", "no end recorded", detail}
}

func sentence(s string) string {
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
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
func (h *history) charts(results []eval.Result) []chart {
	var out []chart
	figures, names := figureCurves(results)
	add := func(id, title, unit string, c, dots curve) {
		if ch, ok := newChart(id, title, unit, c, dots, id == "loss"); ok {
			if len(c.points) > 0 && len(dots.points) > 0 {
				ch.Legend = "Line: training loss. Shaded: its least and greatest within a few steps. Dots: test loss."
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
		add(m.field, m.title, m.unit, curve{m.title, h.curves[m.field]}, dots)
	}
	for _, name := range names {
		if pts := figures[name]; name != testLoss && len(pts) > 1 {
			add("figure-"+name, name, "", curve{name, pts}, curve{})
		}
	}
	var rest []string
	for field := range h.curves {
		if !known[field] {
			rest = append(rest, field)
		}
	}
	sort.Strings(rest)
	for _, field := range rest {
		add("extra-"+field, field, "", curve{field, h.curves[field]}, curve{})
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
func (h *history) timings() []fact {
	var out []fact
	add := func(name, format string, a ...any) { out = append(out, fact{label(name), fmt.Sprintf(format, a...)}) }
	if h.seconds > 0 {
		add("training time", "%s", duration(h.seconds))
	}
	if m, ok := median(h.curves["samples_per_s"]); ok {
		add("throughput (median)", "%s samples/s", number(m))
	}
	if m, ok := median(h.curves["data_wait_ms"]); ok {
		add("waiting for data (median)", "%s ms a step", number(digits3(m)))
	}
	if pts := finite(h.curves["rss_mb"]); len(pts) > 0 {
		peak := pts[0].max
		for _, p := range pts {
			peak = max(peak, p.max)
		}
		add("memory (peak)", "%s MB", number(digits3(peak)))
	}
	n := 0
	for _, e := range h.events {
		if e.kind == "resume" {
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

// everyLine are the fields that every line has.
var everyLine = []string{"event", "step", "time"}

// environment is what the last process that worked on the run said of itself.
func (h *history) environment() []fact {
	for i := len(h.events) - 1; i >= 0; i-- {
		if e := h.events[i]; e.kind == "start" || e.kind == "resume" {
			said := maps.Clone(e.fields)
			maps.DeleteFunc(said, func(k string, _ any) bool { return slices.Contains(everyLine, k) })
			return facts("", said)
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
func (h *history) happened() []fact {
	var out []fact
	for _, e := range h.events {
		var said string
		for _, key := range []string{"message", "text", "reason"} {
			if said == "" {
				said = e.text(key)
			}
		}
		switch e.kind {
		case "warning", "early_stop":
		case "resume":
			said = "the run was taken up again"
		case "stop":
			if said == "complete" {
				continue
			}
		default:
			continue
		}
		out = append(out, fact{fmt.Sprintf("Step %s, %s", number(float64(e.step)), strings.ReplaceAll(e.kind, "_", " ")), said})
	}
	if n := len(out) - maxEvents; n > 0 {
		out = append([]fact{{"before", fmt.Sprintf("%d more", n)}}, out[n:]...)
	}
	return out
}
