package job

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// laid is a value that a sweep lays over a run file. Without a key it is a value of
// the file's top, and where value is nil too the section's own table goes away.
type laid struct {
	section, key string
	value        any
	at           place
}

// typeKeys are the settings that say what a section is about.
var typeKeys = []string{"type", "source"}

// settings makes values to lay over a run file of a table of sections. A section that
// says its type (data: its source) takes the place of that of the run file, as the
// settings of another type mean something else; one that does not is laid over it.
func (s *source) settings(name string, table map[string]any) []laid {
	var list []laid
	for _, section := range sortedKeys(table) {
		list = append(list, s.sectionSettings(name, section, table[section])...)
	}
	return list
}

func (s *source) sectionSettings(name, section string, value any) []laid {
	full := name + "." + section
	if section == "seed" {
		s.fault(full, "the seeds of a sweep are given as seeds = [0, 1, 2], at its top")
		return nil
	}
	t, ok := value.(map[string]any)
	if !ok {
		return []laid{{section, "", value, s.placeOf(full)}}
	}
	var list []laid
	if slices.ContainsFunc(typeKeys, func(k string) bool { return t[k] != nil }) {
		list = append(list, laid{section, "", nil, s.placeOf(full)})
	}
	for _, key := range sortedKeys(t) {
		list = append(list, laid{section, key, t[key], s.placeOf(full + "." + key)})
	}
	return list
}

// placeOf is where a key stands in the sweep's file, or what it is in.
func (s *source) placeOf(key string) place {
	for at := key; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if line := s.lines[at]; line > 0 {
			return place{file: s.file, line: line}
		}
	}
	return place{file: s.file, line: 1}
}

// An axis is a setting with the values that are tried.
type axis struct {
	key    string // as in optimizer.lr; a section's name where whole tables are tried
	values []axisValue
}

type axisValue struct {
	text string // as a person reads it
	lay  []laid
}

// grid reads the axes of [grid].
func (s *source) grid() []axis {
	var axes []axis
	table := s.table("grid")
	for _, section := range sortedKeys(table) {
		t, nested := table[section].(map[string]any)
		if !nested {
			axes = s.axis(axes, section, "", table[section])
			continue
		}
		for _, key := range sortedKeys(t) {
			axes = s.axis(axes, section, key, t[key])
		}
	}
	return axes
}

func (s *source) axis(axes []axis, section, key string, v any) []axis {
	a := axis{key: strings.TrimSuffix(section+"."+key, ".")}
	full := "grid." + a.key
	var values []any
	switch v := v.(type) {
	case []any:
		values = v
	case []map[string]any:
		for _, t := range v {
			values = append(values, t)
		}
	}
	if len(values) == 0 {
		s.fault(full, "is %s, want a list of the values to try", show(v))
		return axes
	}
	for i, v := range values {
		if j := slices.IndexFunc(values[:i], func(o any) bool { return reflect.DeepEqual(o, v) }); j >= 0 {
			s.fault(full, "has the same value as item %d and as item %d", j+1, i+1)
		}
		value := axisValue{text: shortly(v)}
		if key != "" {
			value.lay = []laid{{section, key, v, s.placeOf(full)}}
		} else {
			value.lay = s.sectionSettings("grid", section, v)
		}
		a.values = append(a.values, value)
	}
	a.distinguish(values)
	return append(axes, a)
}

// distinguish gives tables of one type that look alike all that they say.
func (a *axis) distinguish(values []any) {
	count := map[string]int{}
	for _, v := range a.values {
		count[v.text]++
	}
	for i, v := range values {
		if t, ok := v.(map[string]any); ok && count[a.values[i].text] > 1 {
			a.values[i].text = inFull(t)
		}
	}
}

// shortly is a value as a person reads it: of a table its type, where it has one.
func shortly(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = shortly(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		for _, k := range typeKeys {
			if name, ok := v[k].(string); ok {
				return name
			}
		}
		return inFull(v)
	}
	return fmt.Sprint(v)
}

func inFull(t map[string]any) string {
	var parts []string
	for _, k := range sortedKeys(t) {
		text := k + "=" + shortly(t[k])
		if slices.Contains(typeKeys, k) {
			parts = slices.Insert(parts, 0, shortly(t[k]))
			continue
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}
