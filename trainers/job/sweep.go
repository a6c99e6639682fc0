package job

import (
	"fmt"
	"reflect"
	"slices"
)

// A Sweep is a plan of runs that differ in some settings: every variant with every
// point of the grid and every draw, each with every seed.
type Sweep struct {
	Name   string // of the file, without folder and ending
	Runs   []SweepRun
	Groups int // of runs that differ in nothing but the seed
	// Keys are the settings that are swept over, as columns of a table.
	Keys      []string
	Probes    []SweepProbe
	Transfers []SweepTransfer
}

// A SweepRun is one run of a sweep.
type SweepRun struct {
	Name   string // of its folder
	Group  int
	Label  string            // of the group: Name without the seed
	Values map[string]string // by key of Sweep.Keys, as a person reads them
	Seed   uint64
	File   *File
	First  bool // with this encoder and data, whose baselines are the same for all
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
	s.decode("", s.values, fieldsOf(&top), "settings", "grid", "random", "variant", "probe", "transfer")
	p := &planner{source: s, open: open, sets: sets, more: more, bases: map[string]base{}}
	sweep := &Sweep{Name: Name(file), Probes: s.probes()}
	sweep.Transfers = s.transfers(sweep.Probes)
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
	s.tasks(sweep)
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
