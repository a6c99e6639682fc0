package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
	if l := into.Label; l < 0 || l >= len(c.number) || c.number[l] < 0 {
		return fmt.Errorf("is of class %d, which is none of those that were chosen, and was of one of them before", l)
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

// A Part says how many examples of each class are used; all where it is zero.
type Part struct {
	PerClass int     // of a class with fewer all of them; 0 = all
	Share    float64 // of each class, one example at least; 0 = all
	Seed     uint64  // of the draw
	Strata   string  // what the classes are: see Strata
}

// Of draws the part from a source: every class on its own, and a smaller part is in a
// larger one. It is src itself where all are used.
func (p Part) Of(src Source) (Source, error) {
	if p.PerClass == 0 && p.Share == 0 {
		return src, nil
	}
	labels, err := Strata(src, p.Strata)
	if err != nil {
		return nil, err
	}
	index := p.Draw(labels)
	if len(index) == 0 {
		return nil, fmt.Errorf("per_class: %s has no labels", src.Spec().Name)
	}
	return Subset(src, index)
}

// AllAlike has a Part draw from all examples as if they were of one class.
const AllAlike = "none"

// Strata gives the class of each example from which a Part draws on its own, -1 where it
// has none: by the label, where by is empty, by the factor of that name, or none.
func Strata(src Source, by string) ([]int, error) {
	if by == "" {
		return LabelsOf(src)
	}
	strata := make([]int, src.Len())
	if by == AllAlike {
		return strata, nil
	}
	target, err := src.Spec().Target(Class, []string{by})
	if err != nil {
		return nil, fmt.Errorf("strata: want none, the name of a factor that has classes, or nothing for the label: %w", err)
	}
	for b, err := range Sequential(src, 256) {
		if err != nil {
			return nil, err
		}
		for i, at := range b.Index {
			strata[at] = target.Class(b, i)
		}
	}
	return strata, nil
}

// StrataOf is by what a part of the labels of a task is drawn.
func (t Target) StrataOf() string {
	switch {
	case t.Kind != Class:
		return AllAlike
	case t.ByFactor():
		return t.spec.Factors[t.columns[0]].Name
	}
	return ""
}

// Draw gives the positions of the part among labels.
func (p Part) Draw(labels []int) []int {
	switch {
	case p.PerClass > 0:
		return Drawn(labels, p.Seed, func(int) int { return p.PerClass })
	case p.Share > 0:
		return Drawn(labels, p.Seed, ShareOf(p.Share))
	}
	return Drawn(labels, p.Seed, func(members int) int { return members })
}

// Unseen gives the examples of src whose bytes are not those of an example of test:
// what a model that is tested on test may be trained on. It is src itself where all
// are. Of words only whole texts are looked at, by their words, and none that has no
// word that is known; runs of words and grids of codes are all kept: the same ones are
// in other texts and pictures.
func Unseen(src, test Source) (Source, error) {
	if spec := src.Spec(); spec.Tokens() && !spec.Texts || test == nil {
		return src, nil
	}
	in := map[uint64]bool{}
	err := eachSum(test, func(_ int, sum uint64) { in[sum] = sum != 0 })
	if err != nil {
		return nil, err
	}
	index := make([]int, 0, src.Len())
	err = eachSum(src, func(i int, sum uint64) {
		if !in[sum] {
			index = append(index, i)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(index) == src.Len():
		return src, nil
	case len(index) == 0:
		return nil, ErrAllSeen
	}
	return Subset(src, index)
}

// ErrAllSeen says that a training set and a test set are the same.
var ErrAllSeen = errors.New("every training example is in the test set too, so there is nothing to train on; give other examples for the test")

// eachSum visits all examples; a text is empty that has no word that is known.
func eachSum(src Source, visit func(i int, sum uint64)) error {
	for b, err := range Sequential(src, 256) {
		if err != nil {
			return err
		}
		for i, at := range b.Index {
			visit(at, b.Sum(i))
		}
	}
	return nil
}

// Sum tells the i-th example of a batch from those of other bytes, or other words: the
// first 8 bytes of their SHA-256; 0 where it is a text without a word that is known.
func (b *Batch) Sum(i int) uint64 {
	size := b.Spec.Size()
	var bytes []byte
	if !b.Spec.Tokens() {
		bytes = b.Pixels[i*size : (i+1)*size]
	} else if words := b.Tokens[i*size : (i+1)*size]; words[0] < 0 {
		return 0
	} else {
		for _, w := range words {
			bytes = binary.LittleEndian.AppendUint32(bytes, uint32(w))
		}
	}
	sum := sha256.Sum256(bytes)
	return binary.LittleEndian.Uint64(sum[:])
}
