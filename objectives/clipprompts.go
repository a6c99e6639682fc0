package objectives

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/data"
)

// maxPrompts bounds the texts that are asked of a class.
const maxPrompts = 10_000

// A question is one of zero-shot classification: which of these texts goes with a picture?
type question struct {
	of      string     // "class", or the name of a factor
	names   []string   // of the answers
	prompts [][]string // texts for each of them
	column  int        // of the factor; -1: the class
}

// right is the answer to example i of a batch, -1 where it is not known.
func (q question) right(b *data.Batch, i int) int {
	if q.column < 0 {
		return b.Labels[i]
	}
	v := float64(b.Factors[i*len(b.Spec.Factors)+q.column])
	if math.IsNaN(v) {
		return -1
	}
	return int(v)
}

// A prompt is a text with places for names: parts[0] {places[0]} parts[1] …
type prompt struct{ parts, places []string }

func parsePrompts(list []string) ([]prompt, error) {
	var prompts []prompt
	var errs []error
	for i, text := range list {
		var p prompt
		rest, fault := text, false
		for {
			before, after, found := strings.Cut(rest, "{")
			if strings.Contains(before, "}") {
				fault = true
			}
			p.parts = append(p.parts, before)
			if !found {
				break
			}
			var place string
			if place, rest, found = strings.Cut(after, "}"); !found || place == "" {
				fault = true
				break
			}
			p.places = append(p.places, place)
		}
		switch {
		case fault:
			errs = append(errs, fmt.Errorf("prompts[%d]: is %q, and its braces do not match; want a text such as \"a photo of a {class}\"", i, text))
		case len(p.places) == 0:
			errs = append(errs, fmt.Errorf("prompts[%d]: is %q, want a place for what is asked, as in \"a photo of a {class}\"", i, text))
		}
		prompts = append(prompts, p)
	}
	return prompts, errors.Join(errs...)
}

// questions are what the prompts ask of examples.
func (o *CLIP) questions(spec data.Spec) ([]question, error) {
	prompts, err := parsePrompts(o.Prompts)
	if err != nil {
		return nil, err
	}
	if len(o.Prompts) == 0 && len(spec.Classes) > 1 {
		prompts = []prompt{{[]string{"a ", ""}, []string{"class"}}}
	}
	known := []question{}
	if len(spec.Classes) > 0 {
		known = append(known, question{of: "class", names: spec.Classes, column: -1})
	}
	for i, f := range spec.Factors {
		if len(f.Names) > 0 {
			known = append(known, question{of: f.Name, names: f.Names, column: i})
		}
	}
	var have []string
	for _, k := range known {
		have = append(have, "{"+k.of+"}")
	}
	namesOf := func(place string) []string {
		if i := slices.IndexFunc(known, func(q question) bool { return q.of == place }); i >= 0 {
			return known[i].names
		}
		return nil
	}
	var asked []question
	for i, p := range prompts {
		for _, place := range p.places {
			if namesOf(place) != nil {
				continue
			}
			if len(have) == 0 {
				return nil, fmt.Errorf("prompts[%d]: asks for {%s}, but of %s nothing is known by name: it has no classes", i, place, spec.Name)
			}
			return nil, fmt.Errorf("prompts[%d]: asks for {%s}; of %s there are %s", i, place, spec.Name, strings.Join(have, ", "))
		}
	}
	for _, q := range known {
		for i, p := range prompts {
			if !slices.Contains(p.places, q.of) {
				continue
			}
			if q.prompts == nil {
				q.prompts = make([][]string, len(q.names))
			}
			for a, name := range q.names {
				texts, ok := p.fill(q.of, name, namesOf)
				if !ok {
					return nil, fmt.Errorf("prompts[%d]: stands for more than %d texts; want fewer places in it", i, maxPrompts)
				}
				q.prompts[a] = append(q.prompts[a], texts...)
			}
		}
		if q.prompts != nil {
			asked = append(asked, q)
		}
	}
	return asked, nil
}

// fill gives all texts of a prompt in which of is name, and every other place each of its
// names.
func (p prompt) fill(of, name string, namesOf func(place string) []string) (texts []string, ok bool) {
	texts = []string{p.parts[0]}
	for i, place := range p.places {
		names := []string{name}
		if place != of {
			names = namesOf(place)
		}
		if len(texts)*len(names) > maxPrompts {
			return nil, false
		}
		var longer []string
		for _, t := range texts {
			for _, n := range names {
				longer = append(longer, t+n+p.parts[i+1])
			}
		}
		texts = longer
	}
	return texts, true
}
