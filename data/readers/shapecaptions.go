package readers

import (
	"strings"

	"x2vec/data/draw"
)

// said is the chance of a training caption to say each of size, colour and place: people
// do not say everything. The captions of test examples do, so that of two different ones
// one at most is true of a picture.
const said = 0.75

// caption is what a person might say of a shape: "a small red circle in the upper left".
// It is a function of (seed, split, index).
func (s *shapes) caption(index int, d drawn) string {
	r := draw.New(draw.Key(s.seed, "shapes/captions/"+s.spec.Split, 0, index))
	says := func() bool { return r.Float64() < said || s.spec.Split == "test" }
	words := []string{"a"}
	if says() {
		words = append(words, sizeWord(d.radius))
	}
	if says() && s.spec.Shape[0] == 3 {
		words = append(words, colours[d.colour].name)
	}
	words = append(words, forms[d.kind].name)
	if says() {
		words = append(words, placeWords(d.x, d.y))
	}
	caption := strings.Join(words, " ")
	if rest, ok := strings.CutPrefix(caption, "a orange"); ok {
		caption = "an orange" + rest
	}
	return caption
}

// captions are those of all examples.
func (s *shapes) captions(yield func(caption string, err error) bool) {
	for i := range s.n {
		if !yield(s.caption(i, s.draw(i)), nil) {
			return
		}
	}
}

// sizeWord names thirds of the sizes that there are.
func sizeWord(radius float64) string {
	switch third := (maxRadius - minRadius) / 3; {
	case radius < minRadius+third:
		return "small"
	case radius < maxRadius-third:
		return "medium"
	}
	return "large"
}

// placeWords names one of nine places; large shapes are never far from the middle, and so
// that is small.
func placeWords(x, y float64) string {
	const low, high = 0.42, 0.58
	row, column := "", ""
	switch {
	case y < low:
		row = "upper"
	case y > high:
		row = "lower"
	}
	switch {
	case x < low:
		column = "left"
	case x > high:
		column = "right"
	}
	switch {
	case row != "" && column != "":
		return "in the " + row + " " + column
	case row == "upper":
		return "at the top"
	case row == "lower":
		return "at the bottom"
	case column != "":
		return "on the " + column
	}
	return "in the middle"
}
