package job

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
)

// A Sweep is a plan of runs that differ in some settings: every variant with every
// point of the grid and every draw, each with every seed.
type Sweep struct {
	Name   string // of the file, without folder and ending
	Runs   []SweepRun
	Groups int // of runs that differ in nothing but the seed
	// Keys are the settings that are swept over, as columns of a table.
	Keys   []string
	Probes []SweepProbe
}

// A SweepRun is one run of a sweep.
type SweepRun struct {
	Name   string // of its folder
	Group  int
	Label  string            // of the group: Name without the seed
	Values map[string]string // by key of Sweep.Keys, as a person reads them
	Seed   uint64
	File   *File
}

// A SweepProbe is a table [[probe]]: how the encoder of each complete run is judged.
type SweepProbe struct {
	Labels      []string `toml:"labels"`          // training labels: so many of each class, a share such as 5%, or all
	Seeds       int      `toml:"seeds"`           // times to go through the protocol
	Layer       string   `toml:"layer"`           // activation to probe
	Whole       bool     `toml:"whole"`           // keep a layer of several axes as it is
	KNN         int      `toml:"knn_k"`           // neighbours that vote
	Temperature float64  `toml:"knn_temperature"` // by which votes are weighted
	Target      string   `toml:"target"`          // class, labels or values
	Factors     []string `toml:"factors"`         // what is asked where it is not the label
	Classes     []string `toml:"classes"`         // to keep; empty: all
	Data        string   `toml:"data"`            // folder, or name of a data set; empty: the run's own
	SGD         bool     `toml:"sgd"`             // fit the linear model by SGD without a penalty
	Baselines   bool     `toml:"baselines"`       // raw pixels, PCA and the untrained net beside it
}

// Options are those of each of its numbers of labels.
func (p SweepProbe) Options() []trainers.ProbeOptions {
	var list []trainers.ProbeOptions
	for _, text := range p.Labels {
		o := trainers.ProbeOptions{Tap: p.Layer, Whole: p.Whole, Seeds: p.Seeds, SGD: p.SGD, Baselines: p.Baselines,
			KNN: eval.KNN{K: p.KNN, Temperature: p.Temperature}}
		o.Labels, _ = trainers.ParseLabelCount(text) // was checked
		list = append(list, o)
	}
	return list
}

// maxRuns bounds the runs of a sweep.
const maxRuns = 10_000

// seedList are the seeds of a sweep: a list, or how many, from 0.
type seedList []uint64

func (l *seedList) fromTOML(v any) error {
	switch v := v.(type) {
	case int64:
		if v < 1 || v > maxRuns {
			return fmt.Errorf("is %d, want 1 to %d, or a list of seeds", v, maxRuns)
		}
		*l = nil
		for i := range uint64(v) {
			*l = append(*l, i)
		}
		return nil
	case []any:
		var list []uint64
		if err := assign(reflect.ValueOf(&list).Elem(), v); err != nil {
			return err
		}
		for i, s := range list {
			if slices.Contains(list[:i], s) {
				return fmt.Errorf("has the seed %d twice", s)
			}
		}
		if len(list) == 0 {
			return fmt.Errorf("is empty, want seeds such as [0, 1, 2]")
		}
		*l = list
		return nil
	}
	return fmt.Errorf("is %s, want how many, such as 3, or a list such as [0, 1, 2]", show(v))
}

func (l *seedList) toTOML() string { return literal(reflect.ValueOf((*[]uint64)(l)).Elem()) }

// sweepFile is what a sweep's file says, beside the settings that it tries.
type sweepFile struct {
	Base  string   `toml:"base"`  // run file, beside this one, or recipe
	Seeds seedList `toml:"seeds"` // of the runs; empty: that of the base
}

// randomTable is the table [random].
type randomTable struct {
	Count int    `toml:"count"` // of draws
	Seed  uint64 `toml:"seed"`  // of these
}

// An Opener finds a run file or a recipe that a sweep begins with.
type Opener func(what string) (file string, text []byte, err error)

// ParseSweep reads the file of a sweep and every run file that comes of it. The error
// is Faults: all of them, those of the runs each once. sets are laid over every run;
// more gives further ones for a run as it is, where it is not nil.
func ParseSweep(file string, text []byte, open Opener, sets []string, more func(*File, []string) ([]string, error)) (*Sweep, error) {
	s := readTOML(file, text)
	s.what, s.hint = "a sweep", sweepHint
	if len(s.faults) > 0 {
		return nil, s.faults.err()
	}
	var top sweepFile
	s.decode("", s.values, fieldsOf(&top), "settings", "grid", "random", "variant", "probe")
	p := &planner{source: s, open: open, sets: sets, more: more, bases: map[string]base{}}
	sweep := &Sweep{Name: Name(file), Probes: s.probes()}
	common := s.settings("settings", s.table("settings"))
	variants := p.variants(top.Base)
	p.axes = s.grid()
	p.random()
	if len(s.faults) > 0 {
		return nil, s.faults.err()
	}
	if n := p.count(len(variants), max(1, len(top.Seeds))); n > maxRuns {
		return nil, Faults{{File: file, Text: fmt.Sprintf("comes to %d runs, want at most %d", n, maxRuns)}}
	}
	p.plan(sweep, common, variants, top.Seeds)
	return sweep, s.faults.err()
}

// sweepHint says where settings of runs belong that stand elsewhere in a sweep.
func sweepHint(section, key string) string {
	if section != "" {
		return ""
	}
	where := otherSection("", key)
	if slices.Contains(sectionNames(), key) {
		where = key
	}
	if where == "" || where == "seed" {
		return ""
	}
	return "settings." + where + ", for all runs, or grid." + where
}

// tables gives the items of a list of tables, [[name]].
func (s *source) tables(name string) []map[string]any {
	var list []map[string]any
	switch t := s.values[name].(type) {
	case nil:
	case []map[string]any:
		return t
	case []any:
		for _, v := range t {
			if m, ok := v.(map[string]any); ok {
				list = append(list, m)
			}
		}
		if len(list) == len(t) {
			return list
		}
		s.fault(name, "is %s, want tables: [[%s]]", show(t), name)
	default:
		s.fault(name, "is %s, want tables: [[%s]]", show(t), name)
	}
	return nil
}

// probes reads the tables [[probe]].
func (s *source) probes() []SweepProbe {
	var list []SweepProbe
	for i, t := range s.tables("probe") {
		name := fmt.Sprintf("probe[%d]", i)
		p := SweepProbe{Labels: []string{"all"}, Seeds: 3, Layer: trainers.CodeTap, KNN: 20, Temperature: 0.07, Target: string(data.Class)}
		s.decode(name, t, fieldsOf(&p))
		if len(p.Labels) == 0 {
			s.fault(name+".labels", `is empty, want numbers of labels such as ["10", "all"]`)
		}
		for _, text := range p.Labels {
			if _, err := trainers.ParseLabelCount(text); err != nil {
				s.fault(name+".labels", "%v", err)
			}
		}
		for _, o := range p.Options()[:min(1, len(p.Labels))] {
			for _, e := range flatten(o.Check()) {
				key, text, _ := strings.Cut(e.Error(), ": ")
				s.fault(name+"."+strings.ReplaceAll(key, "-", "_"), "%s", text)
			}
		}
		if kinds := []data.TargetKind{data.Class, data.Labels, data.Values}; !slices.Contains(kinds, data.TargetKind(p.Target)) {
			s.fault(name+".target", "is %q, want one of class, labels, values", p.Target)
		}
		for j, q := range list {
			for _, o := range p.Options() {
				if slices.Contains(q.Labels, o.Labels.String()) && q.Layer == p.Layer && q.Data == p.Data && q.SGD == p.SGD && q.Target == p.Target && slices.Equal(q.Factors, p.Factors) {
					s.fault(name, "asks the same with %s labels as probe %d", o.Labels, j+1)
				}
			}
		}
		list = append(list, p)
	}
	return list
}

// Asked is what is asked with so many labels, as a text that changes with every setting.
func (p SweepProbe) Asked(labels trainers.LabelCount) string {
	p.Labels = []string{labels.String()}
	return fmt.Sprintf("%+v", p)
}

// Title names what a method of the probe found with so many labels.
func (p SweepProbe) Title(method, score string, labels trainers.LabelCount) string {
	text := map[string]string{"knn": "kNN", "linear": "linear probe"}[method] + " " + score + ", " + labels.String() + " labels"
	if labels.PerClass > 0 {
		text += " a class"
	}
	if p.SGD && method == "linear" {
		text += ", by SGD"
	}
	for _, more := range []string{strings.Join(p.Factors, " "), p.Data} {
		if more != "" {
			text += ", " + more
		}
	}
	if p.Layer != trainers.CodeTap {
		text += ", " + p.Layer
	}
	return text
}
