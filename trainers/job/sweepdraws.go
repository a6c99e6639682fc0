package job

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"x2vec/data/draw"
)

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
