package checkpoints

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// A Diff is what keeps the arrays of a checkpoint from being those of a model.
type Diff struct {
	Missing []Array   // the model wants them, the checkpoint has none of the name
	Extra   []Array   // the checkpoint has them, the model none of the name
	Shapes  []Reshape // in both, of different shapes
}

// A Reshape is an array that has one shape in the model and another in the
// checkpoint.
type Reshape struct {
	Name       string
	Want, Have []int
}

// Match compares names and shapes of what a model wants with what a checkpoint
// has; values are not looked at and may be nil.
func Match(want, have []Array) Diff {
	var d Diff
	there := make(map[string]Array, len(have))
	for _, a := range have {
		there[a.Name] = a
	}
	wanted := make(map[string]bool, len(want))
	for _, a := range want {
		wanted[a.Name] = true
		h, ok := there[a.Name]
		switch {
		case !ok:
			d.Missing = append(d.Missing, a)
		case !slices.Equal(a.Shape, h.Shape):
			d.Shapes = append(d.Shapes, Reshape{a.Name, a.Shape, h.Shape})
		}
	}
	for _, a := range have {
		if !wanted[a.Name] {
			d.Extra = append(d.Extra, a)
		}
	}
	return d
}

// maxFaults is how many arrays of a kind an error lists before it counts the rest.
const maxFaults = 6

// Err is nil where everything fits, and else an error with a sentence for each
// array. Who takes only a part of a checkpoint, or adds to it, looks at the
// fields instead.
func (d Diff) Err() error {
	var errs []error
	list := func(n int, sentence func(i int) string, rest string) {
		for i := range min(n, maxFaults) {
			errs = append(errs, errors.New(sentence(i)))
		}
		if n > maxFaults {
			errs = append(errs, fmt.Errorf("and %d more %s", n-maxFaults, rest))
		}
	}
	list(len(d.Shapes), func(i int) string {
		r := d.Shapes[i]
		return fmt.Sprintf("%s: is %s in the checkpoint, the model wants %s", printable(r.Name), shapeText(r.Have), shapeText(r.Want))
	}, "of another shape")
	list(len(d.Missing), func(i int) string {
		a := d.Missing[i]
		text := fmt.Sprintf("%s %s: is not in the checkpoint", printable(a.Name), shapeText(a.Shape))
		if near, ok := nearest(a, d.Extra); ok {
			text += fmt.Sprintf("; is %s %s meant?", printable(near.Name), shapeText(near.Shape))
		}
		return text
	}, "that are not in the checkpoint")
	list(len(d.Extra), func(i int) string {
		return fmt.Sprintf("%s %s: is in the checkpoint, but not in the model", printable(d.Extra[i].Name), shapeText(d.Extra[i].Shape))
	}, "that are not in the model")
	return errors.Join(errs...)
}

// Bounds of the search for a name that was meant: the time is their product.
const (
	maxGuesses = 4096
	maxGuessed = 400 // bytes of both names
)

// nearest is the array whose name is most like a's, one of the same shape where
// two are equally near, and whether it is near at all: at most half of the
// letters differ. Among very many, or very long names, it does not look at all.
func nearest(a Array, among []Array) (Array, bool) {
	best, bestCost := -1, 0
	for i, b := range among[:min(len(among), maxGuesses)] {
		if len(a.Name)+len(b.Name) > maxGuessed {
			continue
		}
		cost := 2 * levenshtein.ComputeDistance(a.Name, b.Name)
		if cost > max(len(a.Name), len(b.Name)) {
			continue
		}
		if !slices.Equal(a.Shape, b.Shape) {
			cost++
		}
		if best < 0 || cost < bestCost {
			best, bestCost = i, cost
		}
	}
	if best < 0 {
		return Array{}, false
	}
	return among[best], true
}

// shapeText is a shape as PyTorch prints it: [128, 784].
func shapeText(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ", ")
}
