package trainers_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// showing is an autoencoder that keeps what it is to draw.
type showing struct {
	objectives.Autoencoder
	index  []int
	pixels []byte
	loss   float32
}

func (o *showing) Pictures(_ context.Context, _ objectives.Task, p *graph.Program, b *data.Batch, _ *graph.Feed) ([]objectives.Picture, error) {
	o.index, o.pixels, o.loss = slices.Clone(b.Index), slices.Clone(b.Pixels), p.Loss()
	return nil, nil
}

// What is drawn are examples from all over the test set, with the draws that they have
// in the test loss, which is not changed by it.
func TestPicturesAreSpread(t *testing.T) {
	ctx := context.Background()
	o := &showing{Autoencoder: objectives.Autoencoder{Loss: "l2", Noise: 0.5}}
	tr := tiny(t, func(c *trainers.Config) { c.Objective = o })
	e, err := tr.Evaluate(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 10, 5, 15, 2, 13, 7, 18}; !slices.Equal(o.index, want) { // 8 of 21
		t.Errorf("drawn are %v, want %v", o.index, want)
	}
	size := tr.Task.Spec.Size()
	for i, index := range o.index {
		x := data.Example{Pixels: make([]byte, size)}
		if err := tr.Test.Read(index, &x); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(o.pixels[i*size:(i+1)*size], x.Pixels) {
			t.Errorf("drawn as example %d is another one", index)
		}
	}
	loss, err := tr.Loss(ctx, tr.Test, nil)
	if err != nil || loss != e.TestLoss {
		t.Errorf("the test loss is %v, and %v in an evaluation (%v)", loss, e.TestLoss, err)
	}
	// All 21 in one batch, in another order, have the same loss: their noise is the same.
	whole := tiny(t, func(c *trainers.Config) { c.Objective, c.Task.Batch = o, 21 })
	if e, err = whole.Evaluate(ctx, false); err != nil {
		t.Fatal(err)
	}
	if slices.IsSorted(o.index) || math.Abs(float64(o.loss)-e.TestLoss) > 1e-6*e.TestLoss {
		t.Errorf("examples %v have a loss of %v, and %v in their order", o.index, o.loss, e.TestLoss)
	}
}

// An example is shown with the same noise whatever it is shown with.
func TestShow(t *testing.T) {
	ctx := context.Background()
	tr := tiny(t, nil)
	var together float64
	for i, index := range [][]int{{2, 7, 20}, {20}} {
		a, err := trainers.Show(ctx, tr.Task, tr.Objective, tr.Params, tr.Test, index)
		if err != nil {
			t.Fatal(err)
		}
		last := a.Errors[len(index)-1]
		if i == 0 {
			together = last
		} else if math.Abs(last-together) > 1e-6*last {
			t.Errorf("the error of example 20 is %g, and %g beside others", last, together)
		}
	}
	if _, err := trainers.Show(ctx, tr.Task, tr.Objective, tr.Params, tr.Test, []int{21}); err == nil {
		t.Error("an example that there is not is shown")
	}
	if _, err := trainers.Show(ctx, tr.Task, tr.Objective, tr.Params, tr.Test, nil); err == nil {
		t.Error("no examples are shown")
	}
}
