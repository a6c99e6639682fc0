// Package runlog writes and reads metrics.jsonl, what a run wrote down while it
// was at work: one JSON object a line, of which each is either a measurement
//
//	{"step":100,"samples":25600,"epoch":0.43,"time":1.27,"loss":0.0312,"lr":0.001,"grad_norm":0.11,"samples_per_s":20157,"data_wait_ms":0.02,"rss_mb":182,"metrics":{"accuracy":0.91}}
//
// or an event
//
//	{"event":"checkpoint","step":100,"time":1.3,"seconds":0.02}
//
// Numbers that JSON has no word for are the strings "NaN", "Infinity" and
// "-Infinity". Steps never fall from line to line: a run that goes on from a
// checkpoint first cuts off what came after it. Names that a reader does not know
// it passes over, so that old programs read new files.
package runlog

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"x2vec/checkpoints"
)

// Metrics is what is measured in training at one step.
type Metrics struct {
	Step        int     // optimizer steps taken
	Epoch       float64 // passes over the data, with their fraction
	Samples     int64   // examples seen
	Time        float64 // seconds of the run so far
	Loss        float64 // mean since the line before
	LR          float64 // learning rate
	GradNorm    float64 // norm of the gradient, all parameters together; NaN = not measured
	SamplesPerS float64 // since the line before
	DataWaitMS  float64 // a step has waited for its data, on average
	RSSMB       float64 // resident memory of the process, in 10⁶ bytes
	// Extra are further numbers by name, those of the method; nil where it has none.
	Extra map[string]float64
}

// The kinds of events.
const (
	Start      = "start"      // of a new run
	Resume     = "resume"     // from a checkpoint
	Eval       = "eval"       // an evaluation is done
	Checkpoint = "checkpoint" // the state is kept
	Warning    = "warning"    // something is wrong, and training goes on
	EarlyStop  = "early_stop" // nothing gets better any more
	Stop       = "stop"       // the end, by itself or from outside
)

var kinds = []string{Start, Resume, Eval, Checkpoint, Warning, EarlyStop, Stop}

// An Event is something that happened at a step.
type Event struct {
	Event string  // its kind
	Step  int     // optimizer steps taken
	Time  float64 // seconds of the run so far
	// Fields say more. Any value that JSON can hold may be written, and NaN and the
	// infinities; numbers are read back as float64, those three as strings.
	Fields map[string]any
}

// numbers are the fields of a line of metrics besides step, samples and metrics,
// in the order in which they are written.
var numbers = []struct {
	name string
	of   func(m *Metrics) *float64
}{
	{"epoch", func(m *Metrics) *float64 { return &m.Epoch }},
	{"time", func(m *Metrics) *float64 { return &m.Time }},
	{"loss", func(m *Metrics) *float64 { return &m.Loss }},
	{"lr", func(m *Metrics) *float64 { return &m.LR }},
	{"grad_norm", func(m *Metrics) *float64 { return &m.GradNorm }},
	{"samples_per_s", func(m *Metrics) *float64 { return &m.SamplesPerS }},
	{"data_wait_ms", func(m *Metrics) *float64 { return &m.DataWaitMS }},
	{"rss_mb", func(m *Metrics) *float64 { return &m.RSSMB }},
}

// number is the field of that name, or nil.
func (m *Metrics) number(name string) *float64 {
	for i := range numbers {
		if numbers[i].name == name {
			return numbers[i].of(m)
		}
	}
	return nil
}

// appendMetrics adds a line to b. Without Extra it allocates nothing.
func appendMetrics(b []byte, m *Metrics) []byte {
	b = append(b, `{"step":`...)
	b = strconv.AppendInt(b, int64(m.Step), 10)
	b = append(b, `,"samples":`...)
	b = strconv.AppendInt(b, m.Samples, 10)
	for _, n := range numbers {
		b = append(b, `,"`...)
		b = append(b, n.name...)
		b = append(b, `":`...)
		b = appendNumber(b, *n.of(m))
	}
	if len(m.Extra) > 0 {
		b = append(b, `,"metrics":{`...)
		for i, name := range slices.Sorted(maps.Keys(m.Extra)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, name)
			b = append(b, ':')
			b = appendNumber(b, m.Extra[name])
		}
		b = append(b, '}')
	}
	return append(b, "}\n"...)
}

// appendEvent adds a line to b, fields in the order of their names. On an error b
// is as it was.
func appendEvent(b []byte, e *Event) ([]byte, error) {
	if !slices.Contains(kinds, e.Event) {
		return b, fmt.Errorf("runlog: no event %q; there are %s", e.Event, strings.Join(kinds, ", "))
	}
	line := append(b, `{"event":`...)
	line = appendText(line, e.Event)
	line = append(line, `,"step":`...)
	line = strconv.AppendInt(line, int64(e.Step), 10)
	line = append(line, `,"time":`...)
	line = appendNumber(line, e.Time)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if name == "event" || name == "step" || name == "time" {
			return b, fmt.Errorf("runlog: event %s: a field cannot be named %s", e.Event, name)
		}
		value, err := json.Marshal(safe(e.Fields[name]))
		if err != nil {
			return b, fmt.Errorf("runlog: event %s: %s: %w", e.Event, name, err)
		}
		line = append(line, ',')
		line = appendText(line, name)
		line = append(line, ':')
		line = append(line, value...)
	}
	line = append(line, "}\n"...)
	if n := len(line) - len(b); n > maxLine {
		return b, fmt.Errorf("runlog: event %s: %d bytes, a line has at most %d", e.Event, n, maxLine)
	}
	return line, nil
}

// appendNumber adds the shortest text that reads back as the same number.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be written
	}
	return append(b, text...)
}

// safe gives a value in which NaN and the infinities can be written as JSON.
func safe(v any) any {
	switch v := v.(type) {
	case float64:
		return checkpoints.Float(v)
	case float32:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return checkpoints.Float(f)
		}
	case []float64:
		return safeList(v)
	case []any:
		return safeList(v)
	case map[string]float64:
		return safeMap(v)
	case map[string]any:
		return safeMap(v)
	}
	return v
}

func safeList[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = safe(v)
	}
	return out
}

func safeMap[T any](m map[string]T) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = safe(v)
	}
	return out
}
