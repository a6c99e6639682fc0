package trainers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
)

// The codes of a source do not depend on the batches they are taken in, and decode to
// pictures that are near the originals.
func TestDiscreteCodes(t *testing.T) {
	ctx := context.Background()
	o := &objectives.VQVAE{Codes: 40, Beta: 0.25, Codebook: "ema", Decay: 0.9, Epsilon: 1e-5, Spread: 0.1, KMeans: 3, Revive: 0.3}
	tr := tiny(t, func(c *trainers.Config) {
		c.Objective, c.Steps = o, 400
		c.Task.Encoder = &nets.Residual{Hidden: 16, Halvings: 1, Blocks: 1, BlockHidden: 4, Dim: 8, Activation: "relu"}
	})
	if err := tr.Run(ctx); err != nil {
		t.Fatal(err)
	}
	snap, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	whole := func(t objectives.Task, s *graph.Scope) { o.Build(t, s) }
	ps, err := trainers.FrozenModel(tr.Task, snap, whole)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]int32
	task := tr.Task
	for _, task.Batch = range []int{1, 8, 100} {
		var codes []int32
		err := trainers.EachCodes(ctx, task, o, ps, tr.Test, func(b *data.Batch, c []int32) error {
			if len(c) != b.N()*3*3 {
				t.Fatalf("%d codes of %d examples", len(c), b.N())
			}
			codes = append(codes, c...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, codes)
	}
	if !slices.Equal(all[0], all[1]) || !slices.Equal(all[0], all[2]) {
		t.Error("the codes depend on the size of the batch")
	}
	task.Batch = 4
	pixels, err := trainers.DecodeCodes(ctx, task, o, ps, all[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(pixels) != 21*36 {
		t.Fatalf("%d bytes", len(pixels))
	}
	var squares, variance float64
	x := data.Example{Pixels: make([]byte, 36)}
	for i := range 21 {
		if err := tr.Test.Read(i, &x); err != nil {
			t.Fatal(err)
		}
		for j, v := range x.Pixels {
			d, c := float64(v)-float64(pixels[i*36+j]), float64(v)-125
			squares, variance = squares+d*d, variance+c*c
		}
	}
	if squares > variance/2 {
		t.Errorf("the error is %.2f of the variance", squares/variance)
	}
	for want, codes := range map[string][]int32{
		"8 codes are no grids of 3x3": make([]int32, 8),
		"0 codes are no grids of 3x3": nil,
		"code 3 is 40, want 0 to 39":  {0, 0, 0, 40, 0, 0, 0, 0, 0},
		"code 0 is -1, want 0 to 39":  {-1, 0, 0, 40, 0, 0, 0, 0, 0},
	} {
		if _, err := trainers.DecodeCodes(ctx, task, o, ps, codes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	stopped, cancel := context.WithCancelCause(ctx)
	enough := errors.New("enough")
	cancel(enough)
	if _, err := trainers.DecodeCodes(stopped, task, o, ps, all[0]); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := trainers.EachCodes(stopped, task, o, ps, tr.Test, nil); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	delete(snap.Extra, "ema")
	snap.Weights = slices.DeleteFunc(snap.Weights, func(a checkpoints.Array) bool { return a.Name == "codebook/weight" })
	if _, err := trainers.FrozenModel(tr.Task, snap, whole); err == nil || !strings.Contains(err.Error(), "codebook/weight: is not in the checkpoint of step 400") {
		t.Errorf("got %v", err)
	}
}
