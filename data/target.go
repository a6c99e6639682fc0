package data

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// A TargetKind is the form of an answer.
type TargetKind string

const (
	Class  TargetKind = "class"  // one of several: the label, or a factor of so many values
	Labels TargetKind = "labels" // yes or no, of each of several: factors of two values
	Values TargetKind = "values" // numbers: factors that are real
)

// Check says what is accepted where k is no kind.
func (k TargetKind) Check() error {
	if k != Class && k != Labels && k != Values {
		return fmt.Errorf("target: is %q, want class, labels or values", string(k))
	}
	return nil
}

// A Target is what a task asks of an example, out of what a source knows of it.
type Target struct {
	Kind TargetKind
	// Names are those of the classes, of the labels or of the values. A class that
	// has no name is its number.
	Names []string

	spec    Spec
	columns []int // of the factors; empty: the label
}

// Target finds what is asked for. factors are names of factors: one of them for a
// class, or none for the label; any number for labels and values, or none for all
// of their kind. The error says what the source has.
func (s Spec) Target(kind TargetKind, factors []string) (Target, error) {
	t := Target{Kind: kind, spec: s}
	if err := kind.Check(); err != nil {
		return t, err
	}
	if kind == Class {
		return s.class(t, factors)
	}
	want, form := 2, "factors of two values"
	if kind == Values {
		want, form = 0, "real factors"
	}
	if len(factors) == 0 {
		for i, f := range s.Factors {
			if f.Values == want {
				t.columns = append(t.columns, i)
			}
		}
		if len(t.columns) == 0 {
			return t, fmt.Errorf("target: %s asks for %s, and %s has none%s", kind, form, s.Name, s.listFactors())
		}
	}
	var errs []error
	for _, name := range factors {
		i, err := s.factor(name)
		if err == nil && s.Factors[i].Values != want {
			err = fmt.Errorf("factors: %s is none of the %s that %s asks for", name, form, kind)
		}
		errs = append(errs, err)
		t.columns = append(t.columns, i)
	}
	if err := errors.Join(errs...); err != nil {
		return t, err
	}
	for _, i := range t.columns {
		t.Names = append(t.Names, s.Factors[i].Name)
	}
	return t, nil
}

func (s Spec) class(t Target, factors []string) (Target, error) {
	switch len(factors) {
	case 0:
		if t.Names = s.Classes; len(t.Names) < 2 {
			return t, fmt.Errorf("target: class asks for labels of two classes at least, and %s has %d%s", s.Name, len(t.Names), s.listFactors())
		}
		return t, nil
	case 1:
		i, err := s.factor(factors[0])
		if err != nil {
			return t, err
		}
		f := s.Factors[i]
		if f.Values < 2 {
			return t, fmt.Errorf("factors: %s is a real number, no class; want target = \"values\"", f.Name)
		}
		t.columns = []int{i}
		if t.Names = f.Names; len(t.Names) != f.Values {
			t.Names = nil
			for v := range f.Values {
				t.Names = append(t.Names, fmt.Sprint(v))
			}
		}
		return t, nil
	}
	return t, fmt.Errorf("factors: a class is one factor, not %d", len(factors))
}

func (s Spec) factor(name string) (int, error) {
	for i, f := range s.Factors {
		if f.Name == name {
			return i, nil
		}
	}
	return -1, fmt.Errorf("factors: %s has no factor %q%s", s.Name, name, s.listFactors())
}

func (s Spec) listFactors() string {
	if len(s.Factors) == 0 {
		return ""
	}
	var names []string
	for _, f := range s.Factors {
		names = append(names, f.Name)
	}
	return "; its factors are " + strings.Join(names, ", ")
}

// ByFactor reports whether what is asked for is a factor, and not the label.
func (t Target) ByFactor() bool { return len(t.columns) > 0 }

// Width is the number of values of an answer: of classes, of labels, of numbers.
func (t Target) Width() int { return len(t.Names) }

// Class is the class of example i of a batch, -1 where it has none.
func (t Target) Class(b *Batch, i int) int {
	if len(t.columns) == 0 {
		return b.Labels[i]
	}
	v := float64(b.Factors[i*len(t.spec.Factors)+t.columns[0]])
	if math.IsNaN(v) {
		return -1
	}
	return int(v)
}

// Values writes the labels, 0 or 1, or the numbers of example i of a batch, Width of
// them; NaN where one is not known. Numbers of which the source knows mean and
// deviation are given in these units.
func (t Target) Values(dst []float32, b *Batch, i int) {
	for j, c := range t.columns {
		dst[j] = b.Factors[i*len(t.spec.Factors)+c]
		if f := t.spec.Factors[c]; f.Std > 0 {
			dst[j] = float32((float64(dst[j]) - f.Mean) / f.Std)
		}
	}
}

// Own gives value j, as Values has it, in the source's own units.
func (t Target) Own(j int, v float32) float64 {
	if f := t.spec.Factors[t.columns[j]]; f.Std > 0 {
		return float64(v)*f.Std + f.Mean
	}
	return float64(v)
}

// Unit is what a difference of 1 in value j stands for in the source's own units.
func (t Target) Unit(j int) float64 {
	if f := t.spec.Factors[t.columns[j]]; f.Std > 0 {
		return f.Std
	}
	return 1
}
