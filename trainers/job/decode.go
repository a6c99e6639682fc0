package job

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"x2vec/data/naming"
)

const (
	// maxFile bounds a run file in bytes.
	maxFile = 64 << 10
	// maxDepth bounds how deep its tables and lists stand in each other: the time to
	// read them grows with its square.
	maxDepth = 32
	// maxFaults bounds how many faults are told.
	maxFaults = 100
)

// source is a run file as it was written: its values, and where they stand.
type source struct {
	file   string
	values map[string]any
	lines  map[string]int
	over   map[string]place // by key: what gives its value, where it is not the file
	what   string           // of what kind the file is: "a run file"
	hint   func(section, key string) string
	faults Faults
	all    []string // keys, once they were asked for
}

// place says where a value stands that is laid over a file: in a --set, or on a line
// of another file.
type place struct {
	set, file string
	line      int
}

// read parses a run file and lays the --set values over it.
func read(file string, text []byte, sets []string) *source {
	s := readTOML(file, text)
	s.setAll(sets)
	return s
}

// setAll lays --set values over a file that could be read.
func (s *source) setAll(sets []string) {
	if len(s.faults) > 0 {
		return
	}
	for _, set := range sets {
		if err := s.override(set); err != nil {
			s.faults = append(s.faults, Fault{Set: set, Text: err.Error()})
		}
	}
}

// readTOML parses a file.
func readTOML(file string, text []byte) *source {
	s := &source{file: file, what: "a run file", hint: otherSection, values: map[string]any{}, lines: map[string]int{}, over: map[string]place{}}
	switch {
	case len(text) > maxFile:
		s.faults = Faults{{File: file, Text: fmt.Sprintf("is %d bytes long, a run file has at most %d", len(text), maxFile)}}
		return s
	case depth(string(text)) > maxDepth:
		s.faults = Faults{{File: file, Text: fmt.Sprintf("has tables or lists more than %d deep in each other", maxDepth)}}
		return s
	default:
		if err := toml.Unmarshal(text, &s.values); err != nil {
			s.faults = Faults{syntax(file, text, err)}
			s.values = map[string]any{}
			return s
		}
	}
	s.lines = keyLines(string(text))
	return s
}

// syntax is the fault of a text that is no TOML.
func syntax(file string, text []byte, err error) Fault {
	f := Fault{File: file, Text: err.Error()}
	var p toml.ParseError
	if errors.As(err, &p) {
		// By the place of the fault: the library counts a line end as of the next line.
		f.Line = 1 + bytes.Count(text[:min(max(p.Position.Start, 0), len(text))], []byte("\n"))
		f.Text = strings.TrimSuffix(p.Message, ".")
		if f.Text != "" {
			f.Text = strings.ToLower(f.Text[:1]) + f.Text[1:]
		}
		if f.Text == "" {
			f.Text = "is not TOML"
		}
	}
	return f
}

// override lays one key=value over the file. The value is TOML; a text needs no
// quotes.
func (s *source) override(set string) error {
	key, text, ok := strings.Cut(set, "=")
	key, text = strings.TrimSpace(key), strings.TrimSpace(text)
	if !ok || key == "" {
		return errors.New("want KEY=VALUE, as in train.batch=128")
	}
	parts := strings.Split(key, ".")
	if len(parts) > maxDepth {
		return fmt.Errorf("is no key: it has %d parts", len(parts))
	}
	if slices.Contains(parts, "") {
		return fmt.Errorf("%q is not a key; want one such as train.batch", key)
	}
	into := s.values
	for _, part := range parts[:len(parts)-1] {
		switch next := into[part].(type) {
		case nil:
			table := map[string]any{}
			into[part], into = table, table
		case map[string]any:
			into = next
		default:
			return fmt.Errorf("%s is a value, not a table", part)
		}
	}
	last := parts[len(parts)-1]
	if _, is := into[last].(map[string]any); is {
		return fmt.Errorf("%s is a table; set one of its keys", key)
	}
	into[last] = setValue(text)
	s.over[key] = place{set: set}
	return nil
}

func setValue(text string) any {
	var v map[string]any
	if len(text) <= maxFile && depth(text) <= maxDepth && toml.Unmarshal([]byte("v = "+text), &v) == nil && len(v) == 1 {
		return v["v"]
	}
	return text
}

// fault notes what is wrong with a key.
func (s *source) fault(key, format string, args ...any) {
	if len(s.faults) >= maxFaults {
		return
	}
	f := Fault{File: s.file, Key: key, Text: fmt.Sprintf(format, args...)}
	for at := key; f.Set == "" && f.Line == 0 && at != ""; {
		if p, ok := s.over[at]; ok {
			f.Set = p.set
			f.File, f.Line = cmp.Or(p.file, f.File), p.line
		} else {
			f.Line = s.lines[at]
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	s.faults = append(s.faults, f)
}

// table gives the table of a name, empty where the file has none.
func (s *source) table(name string) map[string]any {
	switch t := s.values[name].(type) {
	case nil:
	case map[string]any:
		return t
	default:
		s.fault(name, "is %s, want a table: [%s]", show(t), name)
	}
	return nil
}

// decode fills settings from a table: every key must be one of fields. The name
// of the file's own top is "". known are keys of the table that are read elsewhere.
func (s *source) decode(name string, table map[string]any, fields []field, known ...string) {
	for _, key := range sortedKeys(table) {
		full := strings.TrimPrefix(name+"."+key, ".")
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		switch {
		case slices.Contains(known, key):
		case i < 0:
			s.unknown(name, key, append(names(fields), known...))
		default:
			if err := assign(fields[i].value, table[key]); err != nil {
				s.fault(full, "%v", err)
			}
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// unknown is the fault of a key that is not accepted.
func (s *source) unknown(section, key string, accepted []string) {
	if len(s.faults) >= maxFaults {
		return
	}
	full := strings.TrimPrefix(section+"."+key, ".")
	accepted = slices.Clone(accepted)
	slices.Sort(accepted)
	hint := ""
	if near := naming.Meant(key, accepted); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", strings.TrimPrefix(section+"."+near, "."))
	} else if elsewhere := s.hint(section, key); elsewhere != "" {
		hint = fmt.Sprintf("; did you mean %s?", elsewhere)
	}
	if section == "" {
		s.fault(full, "no such key or section%s; %s takes %s", hint, s.what, strings.Join(accepted, ", "))
		return
	}
	s.fault(full, "no such key%s; %s takes %s", hint, section, strings.Join(accepted, ", "))
}
