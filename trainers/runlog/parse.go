package runlog

import (
	"encoding/json"
	"math"
	"strconv"
	"unsafe"
)

// maxNames is how many names of metrics a parser remembers, to make each once.
const maxNames = 1024

// A parser reads lines: the usual form of metrics without allocation, anything
// else by encoding/json. Both give the same.
type parser struct {
	names map[string]string
	b     []byte // what is left of the line
}

func newParser() parser { return parser{names: map[string]string{}} }

// maxCount is up to where a float64 tells whole numbers apart.
const maxCount = 1 << 53

// count gives a float64 as a number of steps or samples.
func count(v float64) (int64, bool) {
	if v >= 0 && v <= maxCount && v == math.Trunc(v) {
		return int64(v), true
	}
	return 0, false
}

// set sets a field of metrics by its name in the file. A name that is not known is
// passed over; ok is false for a value that the field cannot have.
func (m *Metrics) set(name string, v float64) (ok bool) {
	switch name {
	case "step":
		n, ok := count(v)
		m.Step = int(n)
		return ok
	case "samples":
		m.Samples, ok = count(v)
		return ok
	case "metrics":
		return false
	}
	if p := m.number(name); p != nil {
		*p = v
	}
	return true
}

// reset empties metrics and keeps the memory of Extra.
func (m *Metrics) reset() {
	extra := m.Extra
	clear(extra)
	*m = Metrics{Extra: extra}
}

// metrics reads a line of metrics that is in the form in which it is written:
// without spaces, escapes and values of other types. It is false for any other
// line, which may still be a good one.
func (p *parser) metrics(line []byte, m *Metrics) bool {
	m.reset()
	p.b = line
	step := false
	ok := p.object(func(name string) bool {
		if name == "event" {
			return false
		}
		if name == "metrics" {
			clear(m.Extra)
			return p.object(func(name string) bool {
				v, ok := p.number()
				m.extra(p.name(name), v)
				return ok
			})
		}
		step = step || name == "step"
		v, ok := p.number()
		return ok && m.set(name, v)
	})
	return ok && step && len(p.b) == 0
}

func (m *Metrics) extra(name string, v float64) {
	if m.Extra == nil {
		m.Extra = map[string]float64{}
	}
	m.Extra[name] = v
}

// name gives a copy of a name, mostly one made before.
func (p *parser) name(s string) string {
	if known, ok := p.names[s]; ok {
		return known
	}
	s = string([]byte(s))
	if len(p.names) < maxNames {
		p.names[s] = s
	}
	return s
}

// object reads {"name":value,…}; field reads the value. The name lasts as long as
// the line.
func (p *parser) object(field func(name string) bool) bool {
	if !p.take('{') {
		return false
	}
	if p.take('}') {
		return true
	}
	for {
		name, ok := p.text()
		if !ok || !p.take(':') || !field(name) {
			return false
		}
		if p.take('}') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

func (p *parser) take(c byte) bool {
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}

// text reads a string of plain ASCII, which shares the memory of the line.
func (p *parser) text() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	for i, c := range p.b {
		switch {
		case c == '"':
			s := view(p.b[:i])
			p.b = p.b[i+1:]
			return s, true
		case c < ' ' || c == '\\' || c > '~':
			return "", false
		}
	}
	return "", false
}

// number reads a number as JSON has it, or one of the three that it has not.
func (p *parser) number() (float64, bool) {
	if len(p.b) > 0 && p.b[0] == '"' {
		s, _ := p.text()
		return special(s)
	}
	b := p.b
	b = b[digitsFrom(b, '-'):]
	whole := digits(b)
	if whole == 0 || whole > 1 && b[0] == '0' {
		return 0, false
	}
	b = b[whole:]
	if len(b) > 0 && b[0] == '.' {
		n := digits(b[1:])
		if n == 0 {
			return 0, false
		}
		b = b[1+n:]
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		b = b[max(digitsFrom(b, '-'), digitsFrom(b, '+')):]
		n := digits(b)
		if n == 0 {
			return 0, false
		}
		b = b[n:]
	}
	v, err := strconv.ParseFloat(view(p.b[:len(p.b)-len(b)]), 64)
	p.b = b
	return v, err == nil
}

// digitsFrom is 1 if b begins with that sign, else 0.
func digitsFrom(b []byte, sign byte) int {
	if len(b) > 0 && b[0] == sign {
		return 1
	}
	return 0
}

// digits is how many digits b begins with.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// special is a number that JSON has no word for.
func special(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// view is b as a string, for as long as b is not changed.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// any reads a line of any form: metrics, into m, or an event.
func (p *parser) any(text []byte, m *Metrics) (Line, bool) {
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil || fields["step"] == nil {
		return Line{}, false
	}
	if kind, ok := fields["event"].(string); ok {
		e := &Event{Event: kind}
		step, isStep := fields["step"].(float64)
		n, isCount := count(step)
		t, isTime := value(fields["time"])
		if _, given := fields["time"]; !isStep || !isCount || given && !isTime {
			return Line{}, false
		}
		e.Step, e.Time = int(n), t
		delete(fields, "event")
		delete(fields, "step")
		delete(fields, "time")
		if len(fields) > 0 {
			e.Fields = fields
		}
		return Line{Event: e}, true
	}
	m.reset()
	for name, field := range fields {
		if object, ok := field.(map[string]any); ok && name == "metrics" {
			for name, field := range object {
				v, ok := value(field)
				if !ok {
					return Line{}, false
				}
				m.extra(name, v)
			}
			continue
		}
		v, isNumber := value(field)
		if !isNumber && m.knows(name) || isNumber && !m.set(name, v) {
			return Line{}, false
		}
	}
	return Line{Metrics: m}, true
}

// knows says whether a line of metrics has a field of that name.
func (m *Metrics) knows(name string) bool {
	return name == "step" || name == "samples" || name == "metrics" || m.number(name) != nil
}

// value is a number, or one of those that JSON has no word for.
func value(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		return special(v)
	}
	return 0, false
}
