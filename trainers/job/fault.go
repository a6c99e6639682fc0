package job

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Fault is one thing that is wrong with a run file.
type Fault struct {
	File string // as it was given; empty for what no file says
	Line int    // from 1; 0 where no line of the file says it
	Set  string // the --set that says it, where one does
	Key  string // encoder.hidden; empty where it is about the whole
	Text string // what is wrong and what is accepted
}

func (f Fault) Error() string {
	var b strings.Builder
	switch {
	case f.Set != "":
		fmt.Fprintf(&b, "--set %s: ", f.Set)
	case f.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	case f.File != "":
		fmt.Fprintf(&b, "%s: ", f.File)
	}
	if f.Key != "" && f.Set == "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults are all that is wrong with a run file, in the order of its lines. It is
// the error of a request that has to be changed: exit status 2.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// err is the faults in order, or nil where there are none.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		if c := cmp.Compare(a.Set, b.Set); c != 0 {
			return c // those of the file first
		}
		if c := cmp.Compare(a.File, b.File); c != 0 {
			return c
		}
		return cmp.Compare(a.Line, b.Line)
	})
	if len(f) >= maxFaults {
		f = append(f, Fault{Text: fmt.Sprintf("there are more; these are the first %d found", maxFaults)})
	}
	return f
}

// flatten lists the errors that were joined into one, each on its own.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, flatten(e)...)
		}
		return list
	}
	return []error{err}
}

// IsFault reports whether the error is about what was asked for.
func IsFault(err error) bool {
	var f Faults
	return errors.As(err, &f)
}
