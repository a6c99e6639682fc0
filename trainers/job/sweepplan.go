package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// planner lays out the runs of a sweep.
type planner struct {
	*source
	open  Opener
	sets  []string
	more  func(*File, []string) ([]string, error)
	bases map[string]base
	axes  []axis   // of the grid
	draws [][]laid // of [random]
	drawn []map[string]string
}

// base is a run file that runs begin with.
type base struct {
	file string
	text []byte
}

// variant is one of [[variant]], or the only one where there are none.
type variant struct {
	name string
	base base
	lay  []laid
}

func (p *planner) variants(otherwise string) []variant {
	tables := p.tables("variant")
	if len(tables) == 0 {
		if otherwise == "" {
			p.fault("base", `is missing; want the run file or recipe that all runs begin with, as in base = "ae-mlp"`)
			return nil
		}
		return []variant{{base: p.baseOf("base", otherwise)}}
	}
	var list []variant
	for i, t := range tables {
		at := fmt.Sprintf("variant[%d]", i)
		own := struct {
			Name string `toml:"name"`
			Base string `toml:"base"`
		}{Base: otherwise}
		settings, said := map[string]any{}, map[string]any{}
		for k, v := range t {
			if slices.Contains(sectionNames(), k) {
				settings[k] = v
			} else {
				said[k] = v
			}
		}
		p.decode(at, said, fieldsOf(&own), sectionNames()...)
		v := variant{name: own.Name, lay: p.settings(at, settings)}
		switch {
		case own.Name == "" && said["name"] == nil || own.Name != "" && clean(own.Name) == "":
			p.fault(at+".name", "is missing; want a name for the folders of its runs")
		case slices.ContainsFunc(list, func(o variant) bool { return clean(o.name) == clean(own.Name) }):
			p.fault(at+".name", "is %q, which is the name of another variant", own.Name)
		}
		switch {
		case own.Base != "" && said["base"] == nil:
			v.base = p.baseOf("base", own.Base)
		case own.Base != "":
			v.base = p.baseOf(at+".base", own.Base)
		case said["base"] == nil:
			p.fault(at, `has no base, and the sweep has none for all; want a run file or recipe, as in base = "ae-mlp"`)
		}
		list = append(list, v)
	}
	return list
}

// sectionNames lists the tables of a run file.
func sectionNames() []string {
	var names []string
	for _, s := range defaults("").sections() {
		names = append(names, s.name)
	}
	return names
}

// baseOf finds a run file, once.
func (p *planner) baseOf(key, what string) base {
	b, known := p.bases[what]
	if !known {
		var err error
		if b.file, b.text, err = p.open(what); err != nil {
			p.fault(key, "%v", plainPath(err))
		}
		p.bases[what] = b
	}
	return b
}

// count is the number of runs.
func (p *planner) count(variants, seeds int) int {
	n := variants * seeds * max(1, len(p.draws))
	for _, a := range p.axes {
		if n *= len(a.values); n > maxRuns {
			break
		}
	}
	return n
}

// plan makes the runs: the first seed of all before the second of any, so that a sweep
// that is cut short has something to say of everything.
func (p *planner) plan(sweep *Sweep, common []laid, variants []variant, seeds []uint64) {
	if len(variants) > 1 {
		sweep.Keys = append(sweep.Keys, "variant")
	}
	for _, a := range p.axes {
		sweep.Keys = append(sweep.Keys, a.key)
	}
	if len(p.drawn) > 0 {
		sweep.Keys = append(sweep.Keys, sortedKeys(anyValues(p.drawn[0]))...)
	}
	type group struct {
		variant variant
		name    []string
		values  map[string]string
		lay     []laid
	}
	var groups []group
	for _, v := range variants {
		one := group{variant: v, values: map[string]string{}, lay: slices.Concat(common, v.lay)}
		if v.name != "" {
			one.name, one.values["variant"] = []string{clean(v.name)}, v.name
		}
		points := []group{one}
		for _, a := range p.axes {
			var more []group
			for _, g := range points {
				for _, value := range a.values {
					n := group{g.variant, append(slices.Clone(g.name), p.part(a.key, value.text)), map[string]string{a.key: value.text}, slices.Concat(g.lay, value.lay)}
					for k, v := range g.values {
						n.values[k] = v
					}
					more = append(more, n)
				}
			}
			points = more
		}
		for _, g := range points {
			if len(p.draws) == 0 {
				groups = append(groups, g)
			}
			for i, lay := range p.draws {
				n := group{g.variant, append(slices.Clone(g.name), fmt.Sprintf("draw%03d", i)), map[string]string{}, slices.Concat(g.lay, lay)}
				for k, v := range g.values {
					n.values[k] = v
				}
				for k, v := range p.drawn[i] {
					n.values[k] = v
				}
				groups = append(groups, n)
			}
		}
	}
	sweep.Groups = len(groups)
	labels := map[string]int{}
	for i := range groups {
		label := strings.Join(groups[i].name, "-")
		if label == "" {
			label = Name(groups[i].variant.base.file)
		}
		if labels[label]++; labels[label] > 1 {
			label += fmt.Sprintf("-%d", labels[label])
		}
		groups[i].name = []string{label}
	}
	kinds := map[string]bool{}
	run := func(i int, seed *uint64) {
		g := groups[i]
		lay := g.lay
		if seed != nil {
			lay = append(slices.Clip(lay), laid{"seed", "", int64(*seed), p.placeOf("seeds")})
		}
		f := p.file(g.name[0], g.variant.base, lay)
		if f == nil {
			return
		}
		kind := f.Section("data") + f.Section("encoder")
		sweep.Runs = append(sweep.Runs, SweepRun{fmt.Sprintf("%s-seed%d", g.name[0], f.Seed), i, g.name[0], g.values, f.Seed, f, !kinds[kind]})
		kinds[kind] = true
	}
	if len(seeds) == 0 {
		for i := range groups {
			run(i, nil)
		}
	}
	for _, s := range seeds {
		for i := range groups {
			run(i, &s)
		}
	}
}

func anyValues(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// part is what the value of an axis adds to the name of a run: the value, and unless it
// is a type the setting, with its section where another axis has the same setting.
func (p *planner) part(key, value string) string {
	section, name, ok := strings.Cut(key, ".")
	if !ok || slices.Contains(typeKeys, name) {
		return clean(value)
	}
	for _, a := range p.axes {
		if other, n, _ := strings.Cut(a.key, "."); n == name && other != section {
			name = key
		}
	}
	return clean(name + "=" + value)
}

// clean makes a text the name of a folder, or a part of it.
func clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._=+", r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	const longest = 60
	return strings.Trim(b.String()[:min(longest, b.Len())], "-.")
}

// file reads the base with values laid over it. What is wrong is noted, each fault
// once for all runs that have it.
func (p *planner) file(run string, b base, lay []laid) *File {
	parsed := func(sets []string) (*File, error) {
		s := readTOML(b.file, b.text)
		if len(s.faults) == 0 {
			for _, l := range lay {
				s.lay(l)
			}
		}
		s.setAll(sets)
		return parse(s)
	}
	f, err := parsed(p.sets)
	if err == nil && p.more != nil {
		var sets []string
		if sets, err = p.more(f, p.sets); err == nil {
			f, err = parsed(sets)
		}
	}
	var found Faults
	switch {
	case err == nil:
		return f
	case !errors.As(err, &found):
		found = Faults{{File: p.source.file, Text: err.Error()}}
	}
	for _, fault := range found {
		same := func(o Fault) bool {
			text, _, _ := strings.Cut(o.Text, inRun)
			return o.File == fault.File && o.Line == fault.Line && o.Set == fault.Set && o.Key == fault.Key && text == fault.Text
		}
		if len(p.faults) < maxFaults && !slices.ContainsFunc(p.faults, same) {
			if fault.File != p.source.file && fault.Set == "" {
				fault.Text += inRun + run + ")"
			}
			p.faults = append(p.faults, fault)
		}
	}
	return nil
}

// inRun is before the name of the run of which a fault is told.
const inRun = " (in run "

// lay lays a value over a run file.
func (s *source) lay(l laid) {
	switch {
	case l.key == "" && l.value == nil:
		delete(s.values, l.section)
		for k := range s.lines {
			if k == l.section || strings.HasPrefix(k, l.section+".") {
				delete(s.lines, k)
			}
		}
		for k := range s.over {
			if strings.HasPrefix(k, l.section+".") {
				delete(s.over, k)
			}
		}
		s.over[l.section] = l.at
	case l.key == "":
		s.values[l.section], s.over[l.section] = l.value, l.at
	default:
		t, ok := s.values[l.section].(map[string]any)
		if !ok {
			t = map[string]any{}
			s.values[l.section] = t
			if s.lines[l.section] == 0 {
				s.over[l.section] = l.at
			}
		}
		t[l.key] = l.value
		s.over[l.section+"."+l.key] = l.at
	}
}
