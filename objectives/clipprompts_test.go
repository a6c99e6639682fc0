package objectives

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
)

func TestQuestions(t *testing.T) {
	spec := data.Spec{Name: "toys", Classes: []string{"car", "ball"}, Factors: []data.Factor{
		{Name: "colour", Values: 3, Names: []string{"red", "green", "blue"}}, {Name: "x"},
	}}
	o := &CLIP{Prompts: []string{"a {class}", "the {colour} {class}!", "{colour}"}}
	asked, err := o.questions(spec)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range asked {
		got = append(got, fmt.Sprint(q.of, q.column, q.names, q.prompts))
	}
	want := []string{
		"class -1 [car ball] [[a car the red car! the green car! the blue car!] [a ball the red ball! the green ball! the blue ball!]]",
		"colour0 [red green blue] [[the red car! the red ball! red] [the green car! the green ball! green] [the blue car! the blue ball! blue]]",
	}
	clean := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	if len(got) != 2 || clean(got[0]) != clean(want[0]) || clean(got[1]) != clean(want[1]) {
		t.Errorf("got %q, want %q", got, want)
	}
	b := &data.Batch{Spec: spec, Labels: []int{1, -1}, Factors: []float32{2, 0.5, float32(math.NaN()), 0}}
	if a := []int{asked[0].right(b, 0), asked[0].right(b, 1), asked[1].right(b, 0), asked[1].right(b, 1)}; !slices.Equal(a, []int{1, -1, 2, -1}) {
		t.Errorf("answers %v", a)
	}
	if asked, err := (&CLIP{}).questions(spec); err != nil || len(asked) != 1 || asked[0].prompts[1][0] != "a ball" {
		t.Errorf("by default %v, %v", asked, err)
	}
	if asked, err := (&CLIP{}).questions(data.Spec{Name: "flat"}); err != nil || len(asked) != 0 {
		t.Errorf("of a source without classes %v, %v", asked, err)
	}
}

// By hand: keys on the axes of the plane.
func TestRecall(t *testing.T) {
	keys := []float32{1, 0, 0, 1, -1, 0, 0, -1}
	queries := []float32{1, 0.1, 0.1, 1, 0.6, 0.8}
	at1, at5 := 0, 1
	for _, c := range []struct {
		own  [][]int
		want [2]float64
	}{
		{[][]int{{0}, {1}, {1}}, [2]float64{1, 1}},
		{[][]int{{1}, {1}, {0}}, [2]float64{1. / 3, 1}},
		{[][]int{{0, 1}, {0, 1}, {0, 3}}, [2]float64{2. / 3, 1}},
		{[][]int{{2}, {2}, {2}}, [2]float64{0, 1}}, // only four keys: all are among the first five
	} {
		f := recall("x", "", queries, keys, 2, c.own)
		if math.Abs(f[at1].Value-c.want[at1]) > 1e-9 || math.Abs(f[at5].Value-c.want[at5]) > 1e-9 {
			t.Errorf("own %v: %v, want %v", c.own, f, c.want)
		}
	}
	// Many queries go in parts.
	const n = 600
	many, axes, own := make([]float32, 2*n), []float32{1, 0, 0, 1}, make([][]int, n)
	for i := range n {
		many[2*i+i%2], own[i] = 1, []int{i % 2}
	}
	if f := recall("x", "", many, axes, 2, own); f[0].Value != 1 {
		t.Errorf("recall of %d queries is %v", n, f[0])
	}
}

// Pictures with the same pixels share their captions, and equal captions their pictures.
func TestRetrievalOfEqualOnes(t *testing.T) {
	c := &clipTest{p: 2,
		images: []float32{1, 0, 1, 0, 0, 1}, // the first two are one picture
		texts:  []float32{0, 1, 1, 0},
		tokens: [][]int32{{0}, {1}},
		says:   []int{0, 1, 0},
		alike:  []int{0, 0, 2},
	}
	for _, f := range c.retrieval() {
		if f.Value != 1 || !strings.Contains(f.Note, "2 test pictures") || !strings.Contains(f.Note, "2 different captions") {
			t.Errorf("%+v", f)
		}
	}
	// The picture's own captions are both, so that either is right.
	if f := c.retrieval()[0]; f.Name != "image to text recall@1" {
		t.Errorf("%+v", f)
	}
}
