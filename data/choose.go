package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Labeller is a Source that knows the label of an example without reading all of it.
type Labeller interface {
	Label(index int) int
}

// LabelsOf gives the labels of all examples, -1 where there is none.
func LabelsOf(src Source) ([]int, error) {
	labels := make([]int, 0, src.Len())
	if label := labeller(src); label != nil {
		for i := range src.Len() {
			labels = append(labels, label(i))
		}
		return labels, nil
	}
	for b, err := range Sequential(src, 256) {
		if err != nil {
			return nil, err
		}
		labels = append(labels, b.Labels...)
	}
	return labels, nil
}

// labeller gives labels without reading examples; nil where that cannot be done.
func labeller(src Source) func(index int) int {
	switch s := src.(type) {
	case Labeller:
		return s.Label
	case *subset:
		if label := labeller(s.src); label != nil {
			return func(i int) int { return label(s.index[i]) }
		}
	case *chosen:
		if label := labeller(s.src); label != nil {
			return func(i int) int { return s.number[label(s.index[i])] }
		}
	}
	return nil
}

// Only gives the examples of those classes alone, in the order of the source; the
// classes are numbered as they are listed.
func Only(src Source, classes []string) (Source, error) {
	spec := src.Spec()
	number := make([]int, len(spec.Classes)) // new by old
	for i := range number {
		number[i] = -1
	}
	for i, name := range classes {
		old := slices.Index(spec.Classes, name)
		if old < 0 {
			return nil, fmt.Errorf("classes: %s has no class %q; it has %s", spec.Name, name, strings.Join(spec.Classes, ", "))
		}
		if number[old] >= 0 {
			return nil, fmt.Errorf("classes: %s is named twice", name)
		}
		number[old] = i
	}
	labels, err := LabelsOf(src)
	if err != nil {
		return nil, err
	}
	c := &chosen{number: number}
	c.spec = spec
	c.spec.Classes = slices.Clone(classes)
	c.src = src
	for i, l := range labels {
		if l >= 0 && l < len(number) && number[l] >= 0 {
			c.index = append(c.index, i)
		}
	}
	if len(c.index) == 0 {
		return nil, fmt.Errorf("classes: the %s split of %s has no example of %s", spec.Split, spec.Name, strings.Join(classes, ", "))
	}
	return c, nil
}

// chosen is the part of a source that is of some classes.
type chosen struct {
	subset
	spec   Spec
	number []int
}

func (c *chosen) Spec() Spec { return c.spec }

func (c *chosen) Read(index int, into *Example) error {
	if err := c.subset.Read(index, into); err != nil {
		return err
	}
	into.Label = c.number[into.Label]
	return nil
}

// Checksum is that of the part with the names of the classes.
func (c *chosen) Checksum() (string, error) {
	sum, err := c.subset.Checksum()
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(fmt.Appendln(nil, sum, c.spec.Classes))
	return hex.EncodeToString(h[:]), nil
}

// PerClass gives so many examples of each class, drawn by the seed; of a class with
// fewer all of them.
func PerClass(src Source, n int, seed uint64) (Source, error) {
	labels, err := LabelsOf(src)
	if err != nil {
		return nil, err
	}
	part := Drawn(labels, seed, func(int) int { return n })
	if len(part) == 0 {
		return nil, fmt.Errorf("per_class: %s has no labels", src.Spec().Name)
	}
	return Subset(src, part)
}
