package runs

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Settings are those of a run file by their keys, as in train.batch, each as it
// would be written.
type Settings struct {
	Keys     []string          // in the order of the file
	Values   map[string]string // by key
	Resolved map[string]string // what the run was made with, by the key in [resolved]
	Text     string            // the file as it stands
}

const maxRunFile = 1 << 20

// ReadSettings reads a run's own run file. Of one that is no TOML the text alone is
// given with the error.
func ReadSettings(files fs.FS) (Settings, error) {
	s := Settings{Values: map[string]string{}, Resolved: map[string]string{}}
	text, err := ReadFile(files, RunFile, maxRunFile)
	if err != nil {
		return s, err
	}
	s.Text = string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
	var tables map[string]any
	meta, err := toml.Decode(s.Text, &tables)
	if err != nil {
		return s, fmt.Errorf("%s: %w", RunFile, err)
	}
	for _, key := range meta.Keys() {
		var v any = tables
		for _, part := range key {
			if t, ok := v.(map[string]any); ok {
				v = t[part]
			}
		}
		if _, table := v.(map[string]any); table {
			continue
		}
		name := strings.Join(key, ".")
		if rest, ok := strings.CutPrefix(name, "resolved."); ok {
			s.Resolved[rest] = show(v)
			continue
		}
		if _, twice := s.Values[name]; !twice { // a list of tables says its key once for each
			s.Keys = append(s.Keys, name)
		}
		s.Values[name] = show(v)
	}
	return s, nil
}

// show writes a value as a person reads it: a text without its quotes.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = show(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// What says on one line what is trained on what.
func (s Settings) What() string {
	var parts []string
	for _, p := range []struct{ before, key string }{
		{"", "objective.type"}, {"encoder ", "encoder.type"}, {"data ", "data.source"},
	} {
		if v := s.Values[p.key]; v != "" {
			parts = append(parts, p.before+v)
		}
	}
	return strings.Join(parts, " · ")
}

// Differ lists the keys in which run files differ, in their order. A key that one
// has and another has not differs.
func Differ(all []Settings) []string {
	var keys, differ []string
	for _, s := range all {
		at := 0
		for _, k := range s.Keys {
			if i := slices.Index(keys, k); i >= 0 {
				at = i + 1
				continue
			}
			keys = slices.Insert(keys, at, k) // behind the one it follows in its own file
			at++
		}
	}
	for _, k := range keys {
		first, has := all[0].Values[k]
		for _, s := range all[1:] {
			if v, ok := s.Values[k]; v != first || ok != has {
				differ = append(differ, k)
				break
			}
		}
	}
	return differ
}

// SeedKey is the setting in which the repetitions of a run differ.
const SeedKey = "seed"

// Repeats groups runs whose settings are equal but for the seed: the positions of
// the members of each group, groups and members in the order in which they come. A
// run whose settings could not be read stays alone.
func Repeats(all []Settings) [][]int {
	var groups [][]int
	known := map[string]int{}
	for i, s := range all {
		if len(s.Keys) == 0 {
			groups = append(groups, []int{i})
			continue
		}
		var b strings.Builder
		for _, k := range s.Keys {
			if k != SeedKey {
				fmt.Fprintf(&b, "%s=%q\n", k, s.Values[k])
			}
		}
		g, ok := known[b.String()]
		if !ok {
			g = len(groups)
			known[b.String()] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}
