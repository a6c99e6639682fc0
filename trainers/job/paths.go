package job

import (
	"fmt"
	"strings"
)

// Paths are where the examples are: one file or folder, or several of a text, which is
// written as a list.
type Paths []string

// Literal is how they stand in a run file.
func (p Paths) Literal() string {
	if len(p) == 1 {
		return quote(p[0])
	}
	items := make([]string, len(p))
	for i, path := range p {
		items[i] = quote(path)
	}
	if len(items) == 0 {
		return `""`
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func (p Paths) toTOML() string { return p.Literal() }

// fromTOML implements custom.
func (p *Paths) fromTOML(v any) error {
	switch v := v.(type) {
	case string:
		*p = nil
		if v != "" {
			*p = Paths{v}
		}
		return nil
	case []any:
		list := make(Paths, len(v))
		for i, item := range v {
			path, ok := item.(string)
			if !ok || path == "" {
				return fmt.Errorf("item %d is %s, want a path in quotes", i+1, show(item))
			}
			list[i] = path
		}
		*p = list
		return nil
	}
	return fmt.Errorf(`is %s, want a path in quotes, or of a text a list such as ["a.txt", "b.txt.gz"]`, show(v))
}

// first is the path of data that have one, and empty where none is said.
func (p Paths) first() string {
	if len(p) == 0 {
		return ""
	}
	return p[0]
}
