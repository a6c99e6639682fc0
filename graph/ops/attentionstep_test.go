package ops_test

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	"x2vec/data/draw"
	"x2vec/graph/ops"
)

// Token by token gives what causal attention gives of the whole sequence, also when
// it goes back and on another way.
func TestAttentionStep(t *testing.T) {
	const b, length, heads, h = 3, 21, 2, 10
	r := draw.New(4)
	x := make([]float32, b*length*3*h)
	step := &ops.AttentionStep{Heads: heads, Length: length}
	if _, err := step.Shape([]tensor.Shape{{b, 1, 3 * h}, {b, 1}}); err != nil {
		t.Fatal(err)
	}
	row, place, out := make([]float32, b*3*h), make([]int, b), make([]float32, b*h)
	from := 0
	for range 2 {
		for i := range b {
			for j := from * 3 * h; j < length*3*h; j++ {
				x[i*length*3*h+j] = float32(r.Norm())
			}
		}
		whole := &ops.Attention{Heads: heads, Causal: true}
		if _, err := whole.Shape([]tensor.Shape{{b, length, 3 * h}}); err != nil {
			t.Fatal(err)
		}
		want := make([]float32, b*length*h)
		whole.Forward([]ops.Arg{{F: x}}, want)
		for at := from; at < length; at++ {
			for i := range b {
				copy(row[i*3*h:(i+1)*3*h], x[(i*length+at)*3*h:])
				place[i] = at
			}
			step.Forward([]ops.Arg{{F: row}, {I: place}}, out)
			for i := range b {
				for j, v := range out[i*h : (i+1)*h] {
					if w := want[(i*length+at)*h+j]; math.Abs(float64(v-w)) > 1e-5 {
						t.Fatalf("sequence %d, token %d: value %d is %g, want %g", i, at, j, v, w)
					}
				}
			}
		}
		from = 8
	}
	if err := step.Check([]ops.Arg{{}, {I: []int{0, length, 0}}}); err == nil {
		t.Error("a place beyond the last is accepted")
	}
}
