package job

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"x2vec/data/draw"
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

// random reads [random] and makes its draws. Each depends on the seed, the setting and
// its own number alone: with a higher count the earlier ones stay.
func (p *planner) random() {
	t := p.table("random")
	if t == nil {
		return
	}
	r := randomTable{Count: 1}
	p.decode("random", t, fieldsOf(&r), "draw")
	if r.Count < 1 || r.Count > maxRuns {
		p.fault("random.count", "is %d, want 1 to %d", r.Count, maxRuns)
		return
	}
	sections, ok := t["draw"].(map[string]any)
	if !ok || len(sections) == 0 {
		p.fault("random.draw", "is missing; want settings with their ranges, as in draw.optimizer.lr = { log = [1e-4, 1e-2] }")
		return
	}
	p.draws, p.drawn = make([][]laid, r.Count), make([]map[string]string, r.Count)
	for i := range p.drawn {
		p.drawn[i] = map[string]string{}
	}
	for _, section := range sortedKeys(sections) {
		keys, ok := sections[section].(map[string]any)
		if !ok {
			p.fault("random.draw."+section, "is %s, want settings with their ranges", show(sections[section]))
			continue
		}
		for _, key := range sortedKeys(keys) {
			name := section + "." + key
			d, err := newDistribution(keys[key])
			if err != nil {
				p.fault("random.draw."+name, "%v", err)
				continue
			}
			for i := range r.Count {
				v := d(draw.New(draw.Key(r.Seed, "sweep "+name, 0, i)))
				p.draws[i] = append(p.draws[i], laid{section, key, v, p.placeOf("random.draw." + name)})
				p.drawn[i][name] = shortly(v)
			}
		}
	}
}

// A distribution draws a value of a setting.
type distribution func(*draw.Rand) any

const distributionForms = "{ uniform = [0, 1] }, { log = [1e-4, 1e-2] }, { whole = [1, 8] } (both ends are meant) or { among = [16, 32] }"

func newDistribution(v any) (distribution, error) {
	bad := fmt.Errorf("is %s, want %s", show(v), distributionForms)
	t, ok := v.(map[string]any)
	if !ok || len(t) != 1 {
		return nil, bad
	}
	kind := sortedKeys(t)[0]
	list, ok := t[kind].([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("%s is %s, want a list", kind, show(t[kind]))
	}
	if kind == "among" {
		return func(r *draw.Rand) any { return list[r.IntN(len(list))] }, nil
	}
	if !slices.Contains([]string{"uniform", "log", "whole"}, kind) {
		return nil, fmt.Errorf("%s is no way to draw; want %s", kind, distributionForms)
	}
	var ends [2]float64
	if err := assign(reflect.ValueOf(&ends).Elem(), t[kind]); err != nil {
		return nil, fmt.Errorf("%s %w", kind, err)
	}
	low, high := ends[0], ends[1]
	switch {
	case !(low < high) || math.IsInf(high-low, 0):
		return nil, fmt.Errorf("%s is from %g to %g, want the lower end first", kind, low, high)
	case kind == "log" && low <= 0:
		return nil, fmt.Errorf("log is from %g, want above 0", low)
	case kind == "whole" && (low != math.Trunc(low) || high != math.Trunc(high) || high-low >= 1<<31):
		return nil, errors.New("whole is from and to whole numbers")
	}
	switch kind {
	case "log":
		return func(r *draw.Rand) any { return digits(low * math.Exp(r.Float64()*math.Log(high/low))) }, nil
	case "whole":
		return func(r *draw.Rand) any { return int64(low) + int64(r.IntN(int(high-low)+1)) }, nil
	}
	return func(r *draw.Rand) any { return digits(low + r.Float64()*(high-low)) }, nil
}

// digits rounds to so many as a person would type.
func digits(v float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	return r
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
		sweep.Runs = append(sweep.Runs, SweepRun{fmt.Sprintf("%s-seed%d", g.name[0], f.Seed), i, g.name[0], g.values, f.Seed, f})
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
